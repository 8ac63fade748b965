"""A checkpoint is whole or absent, whatever befalls the process that writes it and whichever moment it is."""

import errno
import random
import time
from pathlib import Path

import pytest

from tests.forked import Plan, Weights, done, fork, save
from train import checkpoint
from train.files import ASIDE, WEIGHTS, read_tensors

SMALL = 1000  # numbers in a checkpoint


def newest_step(folder: Path) -> int:
    """The step that a run would go on from, after a look at every number that it would take."""
    said: list[str] = []
    found = checkpoint.newest(folder, said.append)
    assert said == []  # what is there under its name is whole
    assert not list(folder.glob(f"{ASIDE}*"))
    assert [path.name for path in checkpoint.complete(folder) if checkpoint.damage(path)] == []
    if found is None:
        return 0
    step = checkpoint.read_state(found).step
    for name in (WEIGHTS, checkpoint.OPTIMIZER):
        assert bool((read_tensors(found / name)["w"] == step).all())
    return step


def announced_step(folder: Path) -> int:
    """The step of the checkpoint that LATEST names, which is whole."""
    latest = folder / "LATEST"
    if not latest.is_file():
        return 0
    assert checkpoint.damage(folder / latest.read_text()) is None
    return int(latest.read_text().removeprefix("step-"))


def prepared(folder: Path) -> Path:
    """Two checkpoints, and a third that is to be written will send the first away."""
    for step in (1, 2):
        Weights(SMALL).save(folder, step)
    return folder


@pytest.mark.parametrize("power", [False, True], ids=["killed", "power cut"])
def test_a_save_that_ends_at_any_file_operation_leaves_the_old_or_the_new(tmp_path: Path, power: bool) -> None:
    at, seen, operations = 0, set(), tmp_path / "operations"
    while True:
        at += 1
        folder = prepared(tmp_path / f"{at}")
        operations.unlink(missing_ok=True)
        code = done(save, folder, SMALL, [3], Plan(folder, at, power=power, trace=operations))
        announced, newest = announced_step(folder), newest_step(folder)
        assert 2 <= announced <= newest <= 3, at
        seen.add((announced, newest))
        if code == 0:
            break
        assert code == 137
        assert done(save, folder, SMALL, [3]) == 0
        assert newest_step(folder) == announced_step(folder) == 3
        assert [path.name for path in checkpoint.complete(folder)] == ["step-00000002", "step-00000003"], at
    assert seen == {(2, 2), (2, 3), (3, 3)}  # old, written but not announced, announced
    said = operations.read_text()
    for kind in ("save .aside-model", "save .aside-optim", "fsync", "os.rename .aside-LATEST", "os.remove"):
        assert kind in said
    assert at > 25


@pytest.mark.parametrize("error", [errno.EIO, pytest.param(errno.ENOSPC, marks=pytest.mark.long)])
def test_a_save_whose_nth_file_operation_fails_leaves_the_old_or_the_new(tmp_path: Path, error: int) -> None:
    folder, operations = prepared(tmp_path / "undisturbed"), tmp_path / "operations"
    assert done(save, folder, SMALL, [3], Plan.none(folder, operations)) == 0
    for at in range(1, 1 + len(operations.read_text().splitlines())):
        folder = prepared(tmp_path / f"{at}")
        assert done(save, folder, SMALL, [3], Plan(folder, at, error=error)) in (0, 1)
        assert announced_step(folder) >= 2
        assert newest_step(folder) in (2, 3), at
        assert done(save, folder, SMALL, [3]) == 0
        assert newest_step(folder) == announced_step(folder) == 3


@pytest.mark.parametrize("kills", [4, pytest.param(40, marks=pytest.mark.long)])
def test_a_large_save_killed_at_any_time_is_never_taken_for_whole(tmp_path: Path, kills: int) -> None:
    large = 13_200_000  # 53 MB of weights, and as much of the optimizer's
    draw = random.Random()
    folder = tmp_path / "checkpoints"
    started = time.monotonic()
    Weights(large).save(folder, 1)
    one_s = time.monotonic() - started
    torn = 0
    step = 1
    for _ in range(kills):
        process = fork(save, folder, large, range(step + 1, step + 100))
        until = time.monotonic() + 60
        while not list(folder.glob(f"{ASIDE}step-*")):
            assert time.monotonic() < until and process.is_alive()
            time.sleep(0.001)
        time.sleep(draw.uniform(0, 1.5 * one_s))
        process.kill()
        process.join()
        torn += bool(list(folder.glob(f"{ASIDE}*")))
        found = newest_step(folder)
        assert found >= step
        step = found
    assert torn  # the kills did hit saves
