"""Surprisal of tokens and of the symbols in them."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from pipeline.surprisal import Meter, Piece
from tests.models import random_model
from train.contract import Contract
from train.generate import Sample
from train.gpt2 import GPT2, Shape

BOS, EOS, PAD, A, AB, B, HALF, REST = range(8)
TOKENS = {A: b"A0", AB: b"A0b", B: b"b", HALF: "é".encode()[:1], REST: "é".encode()[1:]}
CONTRACT = Contract(
    notation={"name": "arpabet"}, vocab_size=8, bos=BOS, eos=EOS, pad=PAD, openings={"": [BOS]}, documents={"": 1},
    tokenizer_sha256="",
)  # fmt: skip
SHAPE = Shape(vocab_size=8, seq_len=16, n_layer=2, n_head=2, n_embd=16, n_inner=32)


class Fixed(GPT2):
    """A model that expects the same after anything."""

    def __init__(self, **shares: float) -> None:
        super().__init__(SHAPE)
        names = ("bos", "eos", "pad", "a", "ab", "b", "half", "rest")
        self.shares = torch.tensor([shares.get(name, 1e-30) for name in names])

    def after_each(self, tokens: torch.Tensor, source: torch.Tensor | None = None) -> torch.Tensor:
        return self.shares.log().expand(*tokens.shape, -1)


def sample(*ids: int, ended: bool = True) -> Sample:
    return Sample(list(ids), ended, "", 0, 0)


def rounded(pieces: list[Piece]) -> list[tuple[int, int, float]]:
    return [(start, end, round(bits, 5)) for start, end, bits in pieces]


def test_the_symbols_of_a_token_share_its_bits_by_what_else_might_have_begun_so() -> None:
    meter = Meter(Fixed(eos=0.25, a=0.25, ab=0.25, b=0.25), CONTRACT, TOKENS, ["A0", "b"])
    told = meter.measure(sample(AB, B))
    assert rounded(told.tokens) == [(0, 3, 2.0), (3, 4, 2.0), (4, 4, 2.0)]
    # Half of all tokens begin with A0, and half of these go on with b.
    assert rounded(told.symbols) == [(0, 2, 1.0), (2, 3, 1.0), (3, 4, 2.0)]
    assert told.mean == pytest.approx(2.0)


def test_the_bits_of_a_text_are_its_loss() -> None:
    model = random_model(SHAPE)
    ids = [AB, B, A, B, AB, EOS]
    tokens = torch.tensor([[BOS, *ids]])
    with torch.no_grad():
        nats = float(model(tokens[:, :-1], tokens[:, 1:]))
    told = Meter(model, CONTRACT, TOKENS, ["A0", "b"]).measure(sample(*ids[:-1]))
    assert sum(piece.bits for piece in told.tokens) == pytest.approx(nats / math.log(2), rel=1e-5)
    assert sum(piece.bits for piece in told.symbols) == pytest.approx(sum(one.bits for one in told.tokens[:-1]))


def test_pieces_stand_in_the_text_that_is_shown() -> None:
    tokens = {A: b" a", AB: b"b ", B: b" ", HALF: TOKENS[HALF], REST: TOKENS[REST]}
    meter = Meter(random_model(SHAPE), CONTRACT, tokens, ())
    told = meter.measure(sample(A, HALF, REST, AB, B, ended=False))  # " aéb  " is shown as "aéb"
    assert [piece[:2] for piece in told.tokens] == [(0, 1), (1, 1), (1, 2), (2, 3), (3, 3)]
    assert [piece[:2] for piece in told.symbols] == [(0, 1), (1, 2), (2, 3)]
    # What half a character takes is that of the whole.
    assert told.symbols[1].bits == pytest.approx(told.tokens[1].bits + told.tokens[2].bits)
    assert meter.measure(sample(ended=False)).mean == 0.0


def test_read_at_once_a_text_says_the_same_as_token_by_token() -> None:
    model = random_model(SHAPE)
    tokens = torch.tensor([[0, 4, 5, 3, 5, 6]])
    with torch.inference_mode():
        at_once = model.after_each(tokens)
        cache: Any = model.start(1, 6)
        one_by_one = torch.stack([model.read(tokens[:, at : at + 1], cache) for at in range(6)], 1)
    assert F.mse_loss(at_once, one_by_one) < 1e-9
