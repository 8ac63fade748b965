"""How surprising a model finds each token and each symbol of a sample: its own probabilities, at temperature 1."""

import bisect
import codecs
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from train.contract import Contract
from train.generate import Sample
from train.model import Model

ROWS = 64  # positions whose whole distribution is held at a time
LEAST = 2.0**-200  # of a probability: less than that is not told apart
CHARACTER = rb"|[\x00-\x7f]|[\xc0-\xff][\x80-\xbf]*|[\x80-\xbf]+"


class Piece(NamedTuple):
    """A part of a sample's text, and its surprisal."""

    start: int
    end: int
    bits: float


@dataclass(frozen=True)
class Surprisal:
    """A sample's pieces in order.

    Args:
        tokens: With the end, an empty piece, last, if there is one.
        symbols: Those of the notation; what is none, a space for example, by character.
    """

    tokens: list[Piece]
    symbols: list[Piece]

    @property
    def mean(self) -> float:
        """Bits a token: the loss of this text, in bits."""
        return sum(token.bits for token in self.tokens) / max(1, len(self.tokens))


class Meter:
    """Measures samples of a model.

    A token's bits are shared out among its symbols by the chain rule: a symbol has those by which the probability of
    all tokens that begin as this one does, up to it, is less than without it. The last one has also what it takes for
    the token to end there. So they add up to the token's.

    Args:
        tokens: What each stands for, without special ones.
        symbols: Of the notation.
    """

    def __init__(self, model: Model, contract: Contract, tokens: Mapping[int, bytes], symbols: Sequence[str]) -> None:
        self._model, self._contract, self._bytes = model, contract, tokens
        ranked = sorted((text, token) for token, text in self._bytes.items())
        self._texts = [text for text, _ in ranked]
        self._order = torch.tensor([token for _, token in ranked], device=model.device)
        longest_first = sorted((symbol.encode() for symbol in symbols), key=lambda text: (-len(text), text))
        self._symbol = re.compile(b"|".join(map(re.escape, longest_first)) + CHARACTER if symbols else CHARACTER[1:])

    @torch.inference_mode()
    def measure(self, sample: Sample, source: Sequence[int] | None = None) -> Surprisal:
        """The surprisal of a sample; of one that goes on from a prompt, of the prompt too."""
        contract, device = self._contract, self._model.device
        opening = contract.opening(sample.type)
        ids = [*sample.ids, *([contract.eos] if sample.ended else [])]
        if not ids:
            return Surprisal([], [])
        read = torch.tensor([[*opening, *ids][:-1]], device=device)
        given = None if source is None else torch.tensor([source], device=device)
        logits = self._model.after_each(read, given)[0, len(opening) - 1 :]  # (n, V)
        bits = [part for start in range(0, len(ids), ROWS) for part in self._bits(logits, ids, start)]
        return self._placed(ids, bits)

    def _bits(self, logits: torch.Tensor, ids: Sequence[int], start: int) -> Iterator[list[float]]:
        """Of each of up to `ROWS` tokens from `start` on, the bits of its symbols."""
        few = ids[start : start + ROWS]
        shares = logits[start : start + ROWS].float().log_softmax(-1).double().exp()  # (rows, V)
        own = shares.gather(1, torch.tensor(few, device=shares.device)[:, None])[:, 0]
        sums = torch.nn.functional.pad(shares[:, self._order].cumsum(-1), (1, 0)).cpu().numpy()
        for row, (token, share) in enumerate(zip(few, own.tolist(), strict=True)):
            *begun, _ = self._cuts(token)
            ranges = [self._range(self._bytes[token][:cut]) for cut in begun]
            masses = [1.0, *(float(sums[row, stop] - sums[row, first]) for first, stop in ranges), share]
            logs = np.log2(np.maximum(masses, LEAST))
            # A sum of tiny numbers may come out below one of them.
            yield np.maximum(logs[:-1] - logs[1:], 0.0).tolist()

    def _cuts(self, token: int) -> list[int]:
        """Where each symbol of a token ends, in its bytes; of a special token one."""
        return [match.end() for match in self._symbol.finditer(self._bytes.get(token, b""))] or [0]

    def _range(self, prefix: bytes) -> tuple[int, int]:
        """Which of the tokens, in order of their bytes, begin with `prefix`."""
        return bisect.bisect_left(self._texts, prefix), bisect.bisect_left(self._texts, prefix + b"\xff")

    def _placed(self, ids: Sequence[int], bits: Sequence[Sequence[float]]) -> Surprisal:
        """Each token and symbol at its place in the text, which is stripped of spaces around it."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        text, tokens, symbols = "", [], []
        waiting = 0.0  # the bits of a character that is not whole yet
        for token, row in zip(ids, bits, strict=True):
            first, at = len(text), 0
            for cut, one in zip(self._cuts(token), row, strict=True):
                begin = len(text)
                text += decoder.decode(self._bytes.get(token, b"")[at:cut])
                waiting, at = waiting + one, cut
                if begin < len(text):
                    symbols.append(Piece(begin, len(text), waiting))
                    waiting = 0.0
            tokens.append(Piece(first, len(text), math.fsum(row)))
        text += decoder.decode(b"", final=True)
        before, length = len(text) - len(text.lstrip(" ")), len(text.strip(" "))

        def moved(pieces: list[Piece]) -> list[Piece]:
            ends = [[min(max(at - before, 0), length) for at in piece[:2]] for piece in pieces]
            return [Piece(first, last, piece.bits) for (first, last), piece in zip(ends, pieces, strict=True)]

        return Surprisal(moved(tokens), [piece for piece in moved(symbols) if piece.start < piece.end])
