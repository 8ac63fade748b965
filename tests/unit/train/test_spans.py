from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.contract import Contract
from train.data import Rows, Schedule
from train.errors import TrainError
from train.manifest import describe_files
from train.shards import Shards, ShardWriter
from train.spans import amounts, corrupt, restore, span_rows, split_up
from train.targets import IGNORE

BOS, EOS, PAD, TYPE = 0, 1, 2, 3
SENTINELS = list(range(4, 24))


def contract(sentinels: list[int]) -> Contract:
    spec = {"name": "text", "version": "1", "options": {}}
    openings = {"": [BOS], "verse": [BOS, TYPE]}
    return Contract(spec, 10_000, BOS, EOS, PAD, openings, {"": 1}, "", sentinels=sentinels)


@pytest.fixture
def shards(tmp_path: Path) -> Shards:
    """Forty documents of counted ids, every other of a type; some longer than a row, one with no text at all."""
    rng, ids = np.random.default_rng(0), iter(range(24, 10_000))
    types = ["", "verse"] * 20
    sizes = [0, 1, *rng.integers(2, 90, 38)]
    documents = [
        [BOS, *([TYPE] if name else []), *(next(ids) for _ in range(n)), EOS]
        for name, n in zip(types, sizes, strict=True)
    ]
    writer = ShardWriter(tmp_path, vocab_size=10_000, tokens_per_shard=500)
    lengths = np.array([len(one) for one in documents])
    writer.add(np.concatenate(documents), lengths, lengths * 4, types)
    return Shards.open(tmp_path, describe_files(tmp_path, writer.close()))


def test_a_text_taken_apart_by_hand() -> None:
    # Raffel et al. 2020, figure 2, up to "last": Thank you <for inviting> me to your party <last>.
    source, target = corrupt(np.arange(100, 109), np.array([2, 2, 4, 1]), [7, 8, 9])
    assert source.tolist() == [100, 101, 7, 104, 105, 106, 107, 8]
    assert target.tolist() == [7, 102, 103, 8, 108, 9]


@given(
    n=st.integers(2, 300),
    rate=st.floats(0.01, 0.99),
    mean=st.floats(1, 20),
    n_sentinels=st.integers(2, 20),
    seed=st.integers(0, 2**32),
)
def test_source_and_target_give_the_text_back(n: int, rate: float, mean: float, n_sentinels: int, seed: int) -> None:
    noise, spans = amounts(n, rate, mean, n_sentinels)
    rng = np.random.Philox(seed)
    lengths = np.stack([split_up(n - noise, spans, rng), split_up(noise, spans, rng)], 1).ravel()
    assert lengths.min() >= 1 and lengths.sum() == n
    text = np.arange(1000, 1000 + n)
    source, target = corrupt(text, lengths, SENTINELS)
    assert len(source) == n - noise + spans and len(target) == noise + spans + 1
    assert restore(source, target, SENTINELS) == text.tolist()


def test_rows_hold_every_text_once_and_fit(shards: Shards) -> None:
    layout = span_rows(shards, 32, contract(SENTINELS), 0.15, 3.0, seed=5)
    tokens, targets, _, sources = Rows(shards, layout, PAD).read(range(layout.n_rows))
    assert max(tokens.shape[1], sources.shape[1]) <= 32
    texts = []
    for row in range(layout.n_rows):
        target = targets[row][targets[row] != IGNORE]
        assert tokens[row, 0] == BOS and target[-1] == EOS and len(target) == layout.filled()[row]
        source = sources[row][sources[row] != PAD]
        assert source[-1] == EOS and len(source) == layout.lengths[row, 0]
        texts += restore(source[:-1], target[target != TYPE][:-1], SENTINELS)
    whole = shards.read(0, shards.n_tokens)
    wanted = sorted(whole[whole >= 24].tolist())
    # A piece of a single token has nothing to take out: the second document is one.
    assert len(wanted) - len(texts) <= 4 and set(texts) <= set(wanted) and len(set(texts)) == len(texts)


def test_spans_follow_from_seed_epoch_and_row_alone(shards: Shards) -> None:
    layout = span_rows(shards, 64, contract(SENTINELS), 0.3, 2.0, seed=5)
    rows = Rows(shards, layout, PAD)
    n = layout.n_rows

    def source(layout_rows: Rows, row: int) -> list[int]:
        found: list[int] = layout_rows.read([row])[3][0].tolist()
        return found

    assert source(rows, 7) == source(Rows(shards, span_rows(shards, 64, contract(SENTINELS), 0.3, 2.0, 5), PAD), 7)
    assert any(source(rows, row) != source(rows, row + n) for row in range(n))
    other = Rows(shards, span_rows(shards, 64, contract(SENTINELS), 0.3, 2.0, 6), PAD)
    assert any(source(rows, row) != source(other, row) for row in range(n))


def test_an_epoch_takes_every_piece_once_and_knows_its_epoch(shards: Shards) -> None:
    layout = span_rows(shards, 32, contract(SENTINELS), 0.15, 3.0, seed=5)
    schedule = Schedule(layout, rows_per_step=layout.n_rows, seed=1)
    for epoch in range(3):
        assert sorted(schedule.rows(epoch)) == list(range(epoch * layout.n_rows, (epoch + 1) * layout.n_rows))
        assert schedule.predictions(epoch) == layout.n_predictions


def test_without_sentinels_the_error_says_how_to_get_some(shards: Shards) -> None:
    with pytest.raises(TrainError, match="needs sentinels, and the tokenizer reserves none") as error:
        span_rows(shards, 64, contract([]), 0.15, 3.0, seed=0)
    assert "phon tokenizer --sentinels 100" in error.value.hint
