from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from train.data import Rows, Schedule
from train.decoder import Decoder, Shape
from train.manifest import describe_files
from train.measure import tensors
from train.options import Options
from train.pairs import Pairs, choose_length, pair_rows
from train.shards import Shards, ShardWriter
from train.targets import IGNORE

BOS, EOS, PAD = 0, 1, 2


def packed(lengths: list[tuple[int, int]]) -> Pairs:
    """Pairs of so many tokens, wherever they are."""
    sides = np.array(lengths, np.int64)
    return Pairs(64, sides, np.zeros_like(sides), 0, 0)


@pytest.fixture
def shards(tmp_path: Path) -> Shards:
    """Thirty pairs: a source of counted ids and <eos>; <bos>, its target, <eos>."""
    rng, ids = np.random.default_rng(0), iter(range(3, 10_000))
    documents = []
    for _ in range(30):
        documents.append([*(next(ids) for _ in range(rng.integers(1, 20))), EOS])
        documents.append([BOS, *(next(ids) for _ in range(rng.integers(1, 20))), EOS])
    writer = ShardWriter(tmp_path, vocab_size=10_000, tokens_per_shard=100)
    lengths = np.array([len(ids) for ids in documents])
    writer.add(np.concatenate(documents), lengths, np.tile([0, 5], 30), [""] * 60)
    files = writer.close()
    return Shards.open(tmp_path, describe_files(tmp_path, files))


def test_a_row_is_a_source_and_its_target(shards: Shards) -> None:
    rows = Rows(shards, pair_rows(shards, 64), PAD)
    tokens, targets, positions, sources = rows.read([3, 7])
    assert positions is None
    for at, pair in enumerate((3, 7)):
        source, target = (
            shards.read(int(shards.starts[i]), int(shards.starts[i] + shards.lengths[i])).tolist()
            for i in (2 * pair, 2 * pair + 1)
        )
        assert sources[at][sources[at] != PAD].tolist() == source
        assert tokens[at][tokens[at] != PAD].tolist() == target[:-1]
        assert targets[at][targets[at] != IGNORE].tolist() == target[1:]
    assert rows.n_bytes == 150


def test_pairs_that_do_not_fit_are_left_out_with_their_bytes(shards: Shards) -> None:
    pairs = pair_rows(shards, 12)
    assert pairs.left_out == 30 - pairs.n_rows > 0
    assert pairs.n_bytes(shards) == 5 * pairs.n_rows
    assert pairs.lengths.max() <= 12


@given(
    lengths=st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=1, max_size=60),
    rows=st.integers(1, 70),
    seed=st.integers(0, 9),
)
def test_an_epoch_takes_every_pair_once(lengths: list[tuple[int, int]], rows: int, seed: int) -> None:
    pairs = packed(lengths)
    schedule = Schedule(pairs, rows_per_step=rows, seed=seed)
    n = pairs.n_rows
    steps = [schedule.rows(step) for step in range(rows * n // rows)]  # `rows` whole epochs
    assert sorted(np.concatenate(steps)) == sorted(list(range(n)) * rows)
    for step, found in enumerate(steps[:3]):
        assert (np.diff(pairs.sizes[found]) <= 0).all()
        assert schedule.predictions(step) == pairs.lengths[found, 1].sum()
    assert 0 <= schedule.padding(rows) < 1


def test_order_by_length_leaves_less_padding() -> None:
    lengths = [(int(n), int(n)) for n in np.random.default_rng(0).integers(1, 60, 512)]
    schedule = Schedule(packed(lengths), rows_per_step=256, seed=0)
    assert schedule.padding(32) < 0.6 * schedule.padding(256)


@pytest.mark.parametrize("position", ["learned", "rotary", "alibi"])
def test_padding_changes_nothing(shards: Shards, position: str) -> None:
    options = Options(n_layer=2, n_encoder_layer=2, n_embd=16, n_head=2, position=position)  # type: ignore[arg-type]
    model = Decoder(Shape(10_000, 64, options, pad=PAD)).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0.0, 0.3, generator=generator)
    rows = Rows(shards, pair_rows(shards, 64), PAD)
    with torch.no_grad():
        together = model(*tensors(rows.read(range(30)), torch.device("cpu")))
        alone = [float(model(*tensors(rows.read([row]), torch.device("cpu")))) for row in range(30)]
    assert float(together) == pytest.approx(sum(alone), rel=1e-5)


def test_all_pairs_are_held_unless_a_few_are_far_longer() -> None:
    usual = np.tile([9, 10], 1000)
    assert choose_length(usual) == 12
    assert choose_length(np.concatenate([usual, [17, 5]])) == 20
    assert choose_length(np.concatenate([usual, [700, 5]])) == 12
