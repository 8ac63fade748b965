from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.choose import choose_config, choose_seq_len, share_out, work_out
from train.config import build, known, load, names
from train.data import Rows, Schedule, pack_rows
from train.errors import TrainError
from train.families import shape_of
from train.manifest import describe_files
from train.shards import Shards, ShardWriter
from train.targets import IGNORE

BOS, EOS, PAD = 0, 1, 2


@pytest.fixture
def shards(tmp_path: Path) -> Shards:
    """Two hundred documents: <bos>, counted ids that are found nowhere else, <eos>."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(3, 120, 200)
    ids = iter(range(3, 60_000))
    documents = [[BOS, *(next(ids) for _ in range(n - 2)), EOS] for n in lengths]
    writer = ShardWriter(tmp_path, vocab_size=60_000, tokens_per_shard=4_000)
    writer.add(np.concatenate(documents), lengths, lengths * 3, ["" for _ in lengths])
    files = writer.close()
    assert len(files) > 2
    return Shards.open(tmp_path, describe_files(tmp_path, files))


@pytest.mark.parametrize("packing", ["best-fit", "stream"])
def test_an_epoch_asks_for_every_token_once(shards: Shards, packing: str) -> None:
    rows = Rows(shards, pack_rows(shards, packing, 64), PAD)
    tokens, targets, *_ = rows.read(range(rows.packing.n_rows))
    counted = targets[targets != IGNORE]
    whole = shards.read(0, shards.n_tokens)
    assert sorted(counted[counted > EOS]) == sorted(whole[whole > EOS])
    assert (counted == EOS).sum() == shards.n_documents
    assert ((tokens == PAD) == (targets == IGNORE)).all()
    follows = (targets[:, :-1] == tokens[:, 1:]) | (tokens[:, :-1] == PAD) | (tokens[:, 1:] == PAD)
    if packing == "best-fit":
        follows |= tokens[:, 1:] == BOS  # a document ends in <eos> as a target; the next starts as an input
    assert follows.all()


def test_a_document_has_the_same_positions_wherever_it_stands(shards: Shards) -> None:
    rows = Rows(shards, pack_rows(shards, "best-fit", 128), PAD)
    tokens, _, positions = rows.read(range(rows.packing.n_rows))
    assert (positions[tokens == BOS] == 0).all()
    assert (positions[:, 0] == 0).all()
    steps = np.diff(positions, axis=1)
    begins = (tokens[:, 1:] == BOS) | ((tokens[:, 1:] == PAD) & (tokens[:, :-1] != PAD))
    assert ((steps == 1) | begins).all()
    assert (positions[:, 1:][begins] == 0).all()


def test_rows_of_one_document_each_need_no_positions(shards: Shards) -> None:
    assert len(Rows(shards, pack_rows(shards, "stream", 64), PAD).read([0])) == 2


def test_two_epochs_hold_the_same_rows_in_other_orders(shards: Shards) -> None:
    packing = pack_rows(shards, "best-fit", 64)
    schedule = Schedule(packing, rows_per_step=7, seed=1)
    taken = np.concatenate([schedule.rows(step) for step in range(-(-2 * packing.n_rows // 7))])
    first, second = taken[: packing.n_rows], taken[packing.n_rows : 2 * packing.n_rows]
    assert sorted(first) == sorted(second) == list(range(packing.n_rows))
    assert first.tolist() != second.tolist()


def test_a_step_has_its_rows_whatever_was_asked_before(shards: Shards) -> None:
    packing = pack_rows(shards, "best-fit", 64)
    forwards = Schedule(packing, rows_per_step=5, seed=3)
    inorder = [forwards.rows(step).tolist() for step in range(100)]
    for step in (99, 0, 50, 7):
        assert Schedule(packing, rows_per_step=5, seed=3).rows(step).tolist() == inorder[step]
    assert forwards.predictions(4) == packing.filled()[inorder[4]].sum()


def test_any_number_of_processes_takes_the_same_steps(shards: Shards) -> None:
    config = build({"data": {"seq_len": 64}, "train": {"global_batch": 64 * 8, "micro_batch": 8, "epochs": 2}})
    alone, pair = work_out(config, shards, 60_000, world=1), work_out(config, shards, 60_000, world=2)
    assert (alone.rows_per_step, alone.max_steps, alone.config) == (pair.rows_per_step, pair.max_steps, pair.config)
    assert (alone.micro_batch, pair.micro_batch) == (8, 4)
    with pytest.raises(TrainError, match="8 rows cannot be shared out among 3 processes") as error:
        work_out(config, shards, 60_000, world=3)
    assert error.value.hint == "try train.global_batch=576"


def test_a_row_is_as_long_as_the_documents_ask(shards: Shards) -> None:
    assert choose_seq_len(shards.lengths, 256) == 192
    assert choose_seq_len(np.array([5, 6]), 256) == 64
    assert choose_seq_len(np.array([9_000]), 256) == 1024
    # One document of 500 predictions in a row of 512, or two in 1,024: the shorter row.
    assert choose_seq_len(np.full(100, 501), 256) == 512
    # A few of 640 want rows of 640, a fifth of which would be empty: two documents in 1,024 are cheaper.
    assert choose_seq_len(np.array([501] * 95 + [641] * 5), 256) == 1024


def test_the_config_is_chosen_by_the_corpus() -> None:
    shapes = {name: shape_of(load(name), 4096, 1024) for name in names()}
    assert choose_config(60_000, shapes, on_gpu=False)[0] == "tiny"
    assert choose_config(870_000, shapes, on_gpu=False)[0] == "small"
    assert choose_config(10**9, shapes, on_gpu=False)[0] == "small"
    name, why = choose_config(10**9, shapes, on_gpu=True)
    assert name == "gpt2-125m"
    assert "1,000,000,000 tokens" in why


def test_a_config_is_resolved_and_what_it_says_itself_stays(shards: Shards) -> None:
    chosen = work_out(build({"train": {"epochs": 3}}), shards, 60_000, world=1)
    optim = chosen.config.optim
    assert optim.lr == 3e-3
    assert chosen.config.train.max_steps == chosen.max_steps
    assert chosen.max_steps >= 10 * known(optim.warmup_steps)
    assert [note.split(" = ")[0] for note in chosen.notes] == [
        "train.global_batch", "optim.lr", "optim.warmup_steps", "optim.weight_decay", "model.dropout",
    ]  # fmt: skip
    own = {"optim": {"lr": 1e-4, "weight_decay": 0.5, "warmup_steps": 1}, "model": {"dropout": 0.3}}
    told = work_out(build({**own, "train": {"epochs": 3, "global_batch": 512}}), shards, 60_000, world=1)
    assert (told.config.optim.lr, told.config.optim.weight_decay, told.config.model.dropout) == (1e-4, 0.5, 0.3)
    assert told.notes == ()


@given(
    batch=st.integers(1, 1 << 20),
    seq_len=st.integers(2, 2048),
    micro_batch=st.integers(1, 512),
    world=st.sampled_from([1, 2, 3, 4, 8]),
)
def test_a_step_is_shared_out_evenly_and_near_the_batch_asked_for(
    batch: int, seq_len: int, micro_batch: int, world: int
) -> None:
    try:
        rows, per_step = share_out(batch, seq_len, micro_batch, world)
    except TrainError as error:
        assert "cannot be shared out" in str(error)
        return
    assert 1 <= rows <= micro_batch
    assert per_step % (rows * world) == 0
    assert share_out(batch, seq_len, micro_batch, 1)[1] == per_step  # the same rows a step, whatever the processes
    assert abs(per_step - batch / seq_len) <= max(1, micro_batch, batch / seq_len)


def test_a_micro_batch_that_is_left_open_follows_from_length_and_device(shards: Shards) -> None:
    def micro_batch(seq_len: int, on_gpu: bool) -> int:
        config = build({"data": {"seq_len": seq_len}, "train": {"global_batch": 1 << 20, "max_steps": 1}})
        return work_out(config, shards, 60_000, world=1, on_gpu=on_gpu).micro_batch

    assert [micro_batch(n, False) for n in (64, 256, 896, 8192)] == [64, 16, 4, 1]
    assert [micro_batch(n, True) for n in (64, 1024)] == [512, 32]
