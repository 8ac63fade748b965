"""Several real processes that train one model: what they promise together, and what one of them may do to all."""

import functools
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.jobs import faulty, launch, together
from tests.toy import (
    ENVIRONMENT,
    ROOT,
    TOY,
    command,
    killed,
    linked,
    log,
    losses,
    start,
    steps_logged,
    trained,
    validations,
    wait_for,
    weights,
)

EXACT = [*TOY, "train.precision=fp32", "model.dropout=0", "optim.name=adamw"]
BY_TWOS = [*EXACT, "train.micro_batch=2"]
Alone = Callable[..., Path]


@pytest.fixture(scope="module")
def alone(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Alone:
    """A workspace whose run, of these settings, is by one process that nobody disturbs; trained once."""

    @functools.cache
    def train(*settings: str) -> Path:
        place = linked(prepared, tmp_path_factory.mktemp("alone"))
        trained(place, *settings)
        return place

    return train


def test_one_and_two_processes_end_in_the_same_bytes(workspace: Path, alone: Alone) -> None:
    # Four micro-steps of two rows, with dropout, an average, and Muon: one process adds up what two would.
    settings = [*TOY, "train.micro_batch=2", "model.dropout=0.1", "optim.ema=0.9", "optim.name=muon"]
    together(workspace, *settings, file="ddp")
    undisturbed = alone(*settings)
    assert losses(workspace) == losses(undisturbed)
    for (_, loss), (_, expected) in zip(validations(workspace), validations(undisturbed), strict=True):
        assert loss == pytest.approx(expected, rel=1e-6)  # a sum over rows, which two share
    assert weights(workspace) == weights(undisturbed)


def test_a_run_moves_from_one_process_to_two_and_back(workspace: Path, alone: Alone) -> None:
    settings = BY_TWOS
    killed(workspace, *settings, after=6)
    pair = launch(*command(workspace, *settings)[1:])
    wait_for(lambda: steps_logged(workspace) >= 14, pair)
    pair.send_signal(signal.SIGTERM)
    pair.communicate(timeout=60)
    assert pair.returncode
    said = trained(workspace, *settings)
    assert "resumed at step" in said
    undisturbed = alone(*settings)
    assert losses(workspace) == losses(undisturbed)
    assert weights(workspace) == weights(undisturbed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(8))
def test_a_run_that_is_stopped_and_moved_at_any_moment_ends_in_the_same_bytes(
    workspace: Path, alone: Alone, seed: int
) -> None:
    settings, draw = BY_TWOS, random.Random(seed)
    for _ in range(3):
        process: subprocess.Popen[Any] = (
            start(workspace, *settings) if draw.random() < 0.5 else launch(*command(workspace, *settings)[1:])
        )
        time.sleep(draw.uniform(0, 15))
        process.send_signal(draw.choice([signal.SIGTERM, signal.SIGINT]))
        process.communicate(timeout=60)
    together(workspace, *settings)
    undisturbed = alone(*settings)
    assert losses(workspace) == losses(undisturbed)
    assert weights(workspace) == weights(undisturbed)


def test_shards_of_a_model_learn_what_the_whole_learns(workspace: Path, alone: Alone) -> None:
    settings = [*EXACT, "log.sample_every=12", "log.n_samples=1"]
    process = launch(*command(workspace, *settings)[1:], file="fsdp2")
    wait_for(lambda: steps_logged(workspace) >= 12, process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    said = together(workspace, *settings, file="fsdp2")
    assert "resumed at step" in said
    assert "weights shared out among 2 processes" in said
    undisturbed = alone(*EXACT)
    for (step, loss), (same_step, expected) in zip(losses(workspace), losses(undisturbed), strict=True):
        assert step == same_step
        assert loss == pytest.approx(expected, rel=1e-4)
    assert len([record for record in log(workspace) if "samples" in record]) == 8
    from safetensors.torch import load_file

    ours, theirs = (load_file(p / "runs" / "tiny" / "model" / "model.safetensors") for p in (workspace, undisturbed))
    for name, tensor in theirs.items():
        assert ours[name].sub(tensor).abs().max() < 2e-3, name


@pytest.mark.parametrize("setting", ["optim.name=muon", "optim.ema=0.5"])
def test_what_needs_whole_matrices_is_refused_with_shards(workspace: Path, setting: str) -> None:
    told = together(workspace, *EXACT, setting, env={"ACCELERATE_USE_FSDP": "true"}, code=1)
    assert told.count(f"error: {setting.removesuffix('=0.5')} cannot be combined") == 1


@pytest.mark.parametrize("fault", ["memory@1:5", "one-row@0:3"])
def test_memory_short_on_one_rank_changes_no_loss(workspace: Path, alone: Alone, fault: str) -> None:
    micro = "train.micro_batch=4" if fault.startswith("memory") else "train.micro_batch=1"
    code, said, _ = faulty(workspace, fault, *EXACT, micro)
    assert code == 0, said
    expected = "2 rows a micro-step from now on, in place of 4" if "memory" in fault else "gradient checkpointing is on"
    assert said.count(expected) == 1
    undisturbed = alone(*EXACT)
    for (step, loss), (same_step, other_loss) in zip(losses(workspace), losses(undisturbed), strict=True):
        assert step == same_step
        assert loss == pytest.approx(other_loss, rel=1e-6 * 24)  # of 24 updates, each on the last one's rounding
    norms = [
        [record["grad_norm"] for record in log(place) if "grad_norm" in record] for place in (workspace, undisturbed)
    ]
    assert norms[0][:7] == pytest.approx(norms[1][:7], rel=1e-4)  # no gradient counted twice


def test_a_process_that_is_really_short_of_memory_goes_on_with_fewer_rows(workspace: Path, alone: Alone) -> None:
    large = ["model.n_layer=1", "model.n_embd=256", "data.seq_len=128", "train.global_batch=8192", "train.max_steps=3"]
    settings = [*EXACT, *large, "train.micro_batch=64", "log.eval_every=0", "log.save_every=0", "optim.warmup_steps=0"]
    script = [sys.executable, str(ROOT / "tests" / "faults.py"), "limit@0:1", "--", *command(workspace, *settings)[2:]]
    done = subprocess.run(script, capture_output=True, text=True, env=ENVIRONMENT, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "rows a micro-step from now on, in place of 64" in done.stderr
    undisturbed = alone(*settings)
    for (_, loss), (_, expected) in zip(losses(workspace), losses(undisturbed), strict=True):
        assert loss == pytest.approx(expected, rel=1e-5)


def test_a_step_not_finite_on_one_rank_is_left_out_on_all(workspace: Path) -> None:
    code, said, _ = faulty(workspace, "nan@1:5", *EXACT)
    assert code == 0, said
    assert said.count("the loss at step 6 is nan, the gradient's norm nan (from rank 1): left out") == 1
    seen = losses(workspace)
    assert [step for step, _ in seen] == list(range(1, 25))
    assert seen[-1][1] < seen[0][1] - 0.5


def test_processes_that_are_done_leave_without_tearing_python_down(workspace: Path) -> None:
    # Threads of the process group may want Python back while it ends: an abort (signal 6) of a training that is done.
    code, said, _ = faulty(workspace, "teardown@0:0", *EXACT, "train.max_steps=3")
    assert code == 0, said
    assert said.count("next: phon generate") == 1
    assert "torn down" not in said


def test_what_fails_on_the_main_process_alone_ends_all(workspace: Path) -> None:
    code, said, seconds = faulty(workspace, "no-folder@0:0", *EXACT)
    assert (code, seconds < 60) == (1, True), said
    assert said.count("error: a-folder-of-runs: Permission denied") == 1


def test_one_rank_that_is_never_finite_ends_the_job_by_name(workspace: Path) -> None:
    code, said, _ = faulty(workspace, "nan-forever@1:5", *EXACT, "log.save_every=1")
    assert code == 1
    assert said.count("error: the loss at step 8 is nan, the gradient's norm nan (from rank 1), and the 2 steps") == 1
    from safetensors.numpy import load_file

    newest = sorted((workspace / "runs" / "tiny" / "checkpoints").glob("step-*"))[-1]
    assert all(abs(tensor).max() < float("inf") for tensor in load_file(newest / "model.safetensors").values())


@pytest.mark.parametrize(
    ("kind", "sign"),
    [
        ("kill", "Signal 9 (SIGKILL)"),
        pytest.param("leave", "error: another process of this job is gone", marks=pytest.mark.long),
        ("raise", "error on rank 1: shard-of-this-rank: Input/output error"),
        ("stop", "error: rank 1 (pid "),
    ],
)
def test_one_rank_that_dies_ends_the_job_within_a_minute_by_name(
    workspace: Path, alone: Alone, kind: str, sign: str
) -> None:
    code, said, seconds = faulty(workspace, f"{kind}@1:5", *EXACT, "log.save_every=1")
    assert code != 0
    assert sign in said
    assert seconds < 60 + 15  # from the start of the job
    assert "resumed at step" in trained(workspace, *EXACT, "log.save_every=1")
    undisturbed = alone(*EXACT)
    assert weights(workspace) == weights(undisturbed)


@pytest.mark.parametrize(
    "moment", ["before the first step", "while training", pytest.param("at the end", marks=pytest.mark.long)]
)
def test_a_job_asked_to_stop_can_go_on(workspace: Path, alone: Alone, moment: str) -> None:
    settings = [*EXACT, "train.micro_batch=4"]
    process = launch(*command(workspace, *settings)[1:])
    if moment == "while training":
        wait_for(lambda: steps_logged(workspace) >= 9, process)
    elif moment == "at the end":
        wait_for(lambda: steps_logged(workspace) >= 23, process)
    else:
        wait_for(lambda: (workspace / "runs" / "tiny" / "run.json").is_file(), process)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    told = re.search(r"^error(?: on rank \d)?: interrupted", said, re.MULTILINE)  # whichever rank heard of it first
    assert told or (workspace / "runs" / "tiny" / "model").is_dir(), said
    together(workspace, *settings)
    undisturbed = alone(*settings)
    assert losses(workspace) == losses(undisturbed)
    assert weights(workspace) == weights(undisturbed)


def test_processes_end_when_their_launcher_is_killed(workspace: Path) -> None:
    process = launch(*command(workspace, *EXACT, "train.max_steps=100000", "log.eval_every=0")[1:])
    wait_for(lambda: steps_logged(workspace) >= 2, process)
    (pid,) = [int(line) for line in (workspace / "runs" / "tiny" / ".lock").read_text().split()]
    process.kill()
    assert process.stdout
    process.stdout.close()
    process.wait()
    until = time.monotonic() + 60
    while is_alive(pid):
        if time.monotonic() > until:
            os.kill(pid, signal.SIGKILL)
            pytest.fail("the processes went on without their launcher")
        time.sleep(0.2)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody asked after does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
