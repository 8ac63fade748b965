"""Whatever ends a training, the same command ends it in the same bytes, and its log has each step once."""

import errno
import os
import random
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.forked import Plan, done, fork, train, train_by_a_mad_clock
from tests.jobs import other
from tests.toy import TOY, linked, log, losses, phon, steps_logged, validations, weights
from train.files import ASIDE

SETTINGS = [*TOY, "model.n_layer=1", "model.dropout=0.1", "optim.ema=0.9", "train.max_steps=14", "log.eval_every=4"]
OF_THE_PROCESS = ("tokens_per_s", "mfu", "crc32", "memory", "memory_predicted")  # by clock and libraries
FEW = [*TOY, "model.n_layer=1", "train.max_steps=4", "log.eval_every=2", "log.save_every=2"]


def told(workspace: Path) -> list[Any]:
    """Weights, and all of the log that does not depend on the process."""
    records = [{key: value for key, value in one.items() if key not in OF_THE_PROCESS} for one in log(workspace)]
    return [weights(workspace), records]


def finished(workspace: Path, *settings: str) -> list[Any]:
    """Train to the end; what came of it."""
    said = workspace / "said"
    assert done(train, ["--workspace", str(workspace), *settings], said) == 0, said.read_text()
    run = workspace / "runs" / "tiny"
    assert not list(run.rglob(f"{ASIDE}*"))
    assert [step for step, _ in losses(workspace)] == list(range(1, losses(workspace)[-1][0] + 1))
    assert len(validations(workspace)) == len(dict(validations(workspace)))
    return told(workspace)


def stopped(workspace: Path, step: int, *settings: str, at: int | None = None) -> None:
    """Train until a stop that is asked for in step `at`, by default the last one taken."""
    said = workspace / "said"
    at = step if at is None else at
    assert done(train, ["--workspace", str(workspace), *settings], said, None, at) == 5, said.read_text()
    assert f"interrupted; step {step} of" in said.read_text()


@pytest.fixture(scope="module")
def essays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus that a few steps go through."""
    place = tmp_path_factory.mktemp("essays")
    phon("prepare", "samples/corpus/essays", "--to", "text", "--workspace", str(place))
    phon("tokenizer", "--vocab-size", "384", "--workspace", str(place))
    return place


@pytest.mark.parametrize("packing", ["best-fit", "stream"])
def test_stops_anywhere_in_an_epoch_and_again_in_the_same_change_nothing(
    essays: Path, tmp_path: Path, packing: str
) -> None:
    linked(essays, tmp_path)
    settings = [*SETTINGS, f"data.packing={packing}", "train.global_batch=1024", "train.micro_batch=4"]
    reference = other(tmp_path, "alone")
    expected = finished(reference, *settings)
    epochs = [record["epoch"] for record in log(reference) if "epoch" in record]
    ends = [step for step, epoch in enumerate(epochs, 1) if int(epoch) > (int(epochs[step - 2]) if step > 1 else 0)]
    end = ends[0]  # the step in which the second epoch begins
    assert 4 < end < 13
    place = other(tmp_path, "stopped")
    for step in (1, end - 2, end - 1, end, end + 1, 13):
        stopped(place, step, *settings)
    assert finished(place, *settings) == expected


CHAINS = [(60, 6, 0), *(pytest.param(200, 10, seed, marks=pytest.mark.long) for seed in range(6))]


@pytest.mark.parametrize(("steps", "kills", "seed"), CHAINS)
def test_a_chain_of_kills_changes_nothing(workspace: Path, steps: int, kills: int, seed: int) -> None:
    settings = [*SETTINGS, f"train.max_steps={steps}", f"train.seed={seed}", "log.eval_every=7"]
    expected = finished(other(workspace, "alone"), *settings)
    draw = random.Random(seed)
    moments = sorted(draw.sample(range(1, steps - 1), kills))
    for moment in moments:
        process = fork(train, ["--workspace", str(workspace), *settings], workspace / "said")
        until = time.monotonic() + 60
        while steps_logged(workspace) < moment:
            assert process.is_alive() and time.monotonic() < until, (workspace / "said").read_text()
            time.sleep(0.001)
        time.sleep(draw.uniform(0, 0.05))
        process.kill()
        process.join()
    assert finished(workspace, *settings) == expected, moments


ENDS = [(None, False), (None, True), (errno.EIO, False), (errno.ENOSPC, False)]  # killed, power cut, failing
OPERATIONS = [
    *((29, *end) for end in ENDS[1:3]),
    *(pytest.param(1, *end, marks=pytest.mark.long) for end in ENDS),
]


@pytest.mark.parametrize(("every", "error", "power"), OPERATIONS)
def test_a_training_that_ends_or_fails_at_any_file_operation_goes_on(
    workspace: Path, every: int, error: int | None, power: bool
) -> None:
    undisturbed, operations = other(workspace, "alone"), workspace / "operations"
    plan = Plan.none(undisturbed / "runs", operations)
    assert done(train, ["--workspace", str(undisturbed), *FEW], workspace / "said", plan) == 0
    total = len(operations.read_text().splitlines())
    assert total > 100
    expected = told(undisturbed)
    for at in range(1 + random.randrange(every), 1 + total, every):
        place = other(workspace, f"{at}")
        said = place / "said"
        code = done(train, ["--workspace", str(place), *FEW], said, Plan(place / "runs", at, error, power))
        text = said.read_text()
        assert "Traceback" not in text, f"operation {at}\n{text}"
        if error is None:
            assert code == 137
        else:
            assert code in (0, 1)
            assert text.count("error: ") == code, f"operation {at}\n{text}"
        assert finished(place, *FEW) == expected, at


def test_a_shard_cut_short_while_it_is_read_is_told(workspace: Path) -> None:
    import shutil

    data = (workspace / "data").resolve()
    (workspace / "data").unlink()
    shutil.copytree(data, workspace / "data")
    shard = workspace / "data" / "shards" / "train" / "data-00000.arrow"
    said = workspace / "said"
    settings = [*SETTINGS, "train.max_steps=100000", "log.eval_every=0"]
    process = fork(train, ["--workspace", str(workspace), *settings], said)
    while steps_logged(workspace) < 2:
        assert process.is_alive(), said.read_text()
        time.sleep(0.002)
    os.truncate(shard, 4096)
    process.join(60)
    assert process.exitcode == 1
    (message,) = [line for line in said.read_text().splitlines() if line.startswith("error: ")]
    assert message == f"error: {shard} was cut short while it was read: 4,096 bytes of it are left"
    assert 'hint: run "phon pack" again' in said.read_text()


def test_of_eight_that_start_at_once_one_trains(workspace: Path) -> None:
    settings = [*SETTINGS, "train.max_steps=100000", "log.eval_every=0"]
    said = [workspace / f"said-{i}" for i in range(8)]
    started = [fork(train, ["--workspace", str(workspace), *settings], one) for one in said]
    end = time.monotonic() + 120
    while sum(process.is_alive() for process in started) > 1 or steps_logged(workspace) < 1:
        assert time.monotonic() < end
        time.sleep(0.02)
    (winner,) = [process for process in started if process.is_alive()]
    for process, one in zip(started, said, strict=True):
        if process is not winner:
            assert process.exitcode == 1
            assert f"error: another process (pid {winner.pid}) is writing to" in one.read_text()
    assert winner.pid
    os.kill(winner.pid, signal.SIGTERM)
    winner.join(60)
    assert winner.exitcode == 5


def test_the_times_of_files_decide_nothing(workspace: Path) -> None:
    expected = finished(other(workspace, "alone"), *SETTINGS)
    draw = random.Random(0)
    for step in (3, 7, 11):
        stopped(workspace, step, *SETTINGS)
        for path in (workspace / "runs").rglob("*"):
            moment = draw.choice([0, 10**9, 4 * 10**9]) + draw.randrange(10**6)
            os.utime(path, (moment, moment))
    assert finished(workspace, *SETTINGS) == expected


def test_the_time_of_day_decides_nothing(workspace: Path) -> None:
    expected = finished(other(workspace, "alone"), *SETTINGS)
    stopped(workspace, 5, *SETTINGS)
    said = workspace / "by-a-mad-clock"
    assert done(train_by_a_mad_clock, ["--workspace", str(workspace), *SETTINGS], said) == 0, said.read_text()
    assert finished(workspace, *SETTINGS) == expected
    left = [int(seconds) for seconds in re.findall(r"(-?\d+) s left", said.read_text())]
    assert left and 0 <= min(left) <= max(left) < 600


def test_a_measurement_that_a_kill_took_back_is_logged_once(workspace: Path) -> None:
    # Asked to stop in the step that is measured: the measurement is put off, made on resuming, and killed.
    settings = [*SETTINGS, "log.save_every=0"]
    expected = finished(other(workspace, "alone"), *settings)
    stopped(workspace, 4, *settings)
    assert [step for step, _ in validations(workspace)] == []
    process = fork(train, ["--workspace", str(workspace), *settings], workspace / "said")
    while not validations(workspace):
        assert process.is_alive()
        time.sleep(0.002)
    process.kill()
    process.join()
    assert finished(workspace, *settings) == expected


def test_a_measurement_that_two_stops_put_off_is_made(workspace: Path) -> None:
    expected = finished(other(workspace, "alone"), *SETTINGS)
    stopped(workspace, 4, *SETTINGS)
    stopped(workspace, 4, *SETTINGS, at=0)
    assert validations(workspace) == []
    assert finished(workspace, *SETTINGS) == expected


def test_lines_of_the_log_that_are_gone_are_told_when_the_run_goes_on(workspace: Path) -> None:
    stopped(workspace, 6, *SETTINGS)
    path = workspace / "runs" / "tiny" / "log.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], lines[2].replace(b'"loss": ', b'"loss": 1'), *lines[3:-1]]))
    said = workspace / "said"
    assert done(train, ["--workspace", str(workspace), *SETTINGS], said) == 0
    assert f"{path}: 2 lines were damaged or are gone" in said.read_text()
    assert [step for step, _ in losses(workspace)][:5] == [1, 2, 4, 5, 7]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("trials", [pytest.param(20, marks=pytest.mark.long)])
def test_asked_to_stop_at_any_moment_it_leaves_what_can_be_gone_on_from(
    workspace: Path, number: signal.Signals, trials: int
) -> None:
    expected = finished(other(workspace, "alone"), *SETTINGS)
    draw = random.Random(number)
    for trial in range(trials):
        place = other(workspace, f"{trial}")
        for _ in range(2):
            process = fork(train, ["--workspace", str(place), *SETTINGS], place / "said")
            time.sleep(draw.uniform(0, 2))
            assert process.pid
            if process.is_alive():
                os.kill(process.pid, number)
            process.join(60)
            assert process.exitcode in (0, 5, -number), (place / "said").read_text()
        assert finished(place, *SETTINGS) == expected, trial
