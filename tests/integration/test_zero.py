"""DeepSpeed's ZeRO on two and three CPU processes: it learns what one process learns, stopped or not."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.jobs import faulty, other, together
from tests.toy import TOY, log, losses, trained

SETTINGS = [*TOY, "model.dropout=0", "optim.name=adamw", "log.sample_every=12", "log.n_samples=1"]
EXACT = [*SETTINGS, "train.precision=fp32", "train.micro_batch=2"]  # two micro-steps on each of two processes

needs_deepspeed = pytest.mark.skipif(find_spec("deepspeed") is None, reason="deepspeed is not installed")


def compare(workspace: Path, alone: Path, rel: float = 1e-4) -> None:
    for (step, loss), (same_step, expected) in zip(losses(workspace), losses(alone), strict=True):
        assert step == same_step
        assert loss == pytest.approx(expected, rel=rel)
    assert len([record for record in log(workspace) if "samples" in record]) == 8


@needs_deepspeed
@pytest.mark.parametrize(
    ("first", "then"), [("zero2", "zero2"), ("zero3", "zero3"), ("zero3", ""), ("", "zero2"), ("fsdp2", "zero3")]
)
def test_a_run_killed_with_zero_goes_on_with_it_or_without(workspace: Path, first: str, then: str) -> None:
    code, said, _ = faulty(workspace, "kill@1:12" if first else "kill@0:12", *EXACT, file=first, n=2 if first else 1)
    assert code != 0, said
    said = together(workspace, *EXACT, file=then) if then else trained(workspace, *EXACT)
    assert "resumed at step 10 of 24" in said
    alone = other(workspace, "alone")
    trained(alone, *EXACT)
    compare(workspace, alone)
    from safetensors.torch import load_file

    ours, theirs = (load_file(p / "runs" / "tiny" / "model" / "model.safetensors") for p in (workspace, alone))
    for name, tensor in theirs.items():
        assert ours[name].sub(tensor).abs().max() < 2e-3, name
    kept = {path.suffix for path in (workspace / "runs" / "tiny" / "checkpoints").rglob("*") if path.is_file()}
    assert kept == {".safetensors", ".json", ""}  # the last is LATEST: nothing of DeepSpeed's, which would be pickles


@needs_deepspeed
@pytest.mark.parametrize("file", ["zero2", "zero3"])
def test_weights_that_three_processes_cannot_share_evenly_are_padded(workspace: Path, file: str) -> None:
    settings = [*EXACT, "train.global_batch=576", "train.micro_batch=3", "log.save_every=8"]
    code, said, _ = faulty(workspace, "kill@2:10", *settings, file=file, n=3)
    assert code != 0, said
    assert "resumed at step 8 of 24" in together(workspace, *settings, file=file, n=3)
    alone = other(workspace, "alone")
    trained(alone, *settings)
    compare(workspace, alone)


@needs_deepspeed
def test_activations_twice_and_bf16_go_with_zero(workspace: Path) -> None:
    settings = [*SETTINGS, "train.precision=bf16", "train.checkpointing=always"]
    together(workspace, *settings, file="zero3")
    alone = other(workspace, "alone")
    trained(alone, *settings)
    compare(workspace, alone, rel=2e-3)


@needs_deepspeed
@pytest.mark.parametrize("file", ["zero2", "zero3"])
def test_a_loss_not_finite_on_one_rank_is_left_out_on_all(workspace: Path, file: str) -> None:
    code, said, _ = faulty(workspace, "nan-loss@1:5", *EXACT, file=file)
    assert code == 0, said
    assert said.count("the loss at step 6 is nan, the gradient's norm inf (from rank 1): left out") == 1
    seen = losses(workspace)
    assert [step for step, _ in seen] == list(range(1, 25))
    assert seen[-1][1] < seen[0][1] - 0.5


@pytest.mark.skipif(find_spec("deepspeed") is not None, reason="deepspeed is installed")
def test_without_deepspeed_its_launch_says_what_to_install(workspace: Path) -> None:
    asked = {"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_DEEPSPEED_ZERO_STAGE": "2"}
    told = together(workspace, *EXACT, env=asked, code=1)
    assert told.count("error: the launch file asks for DeepSpeed, which is not installed") == 1
    assert 'hint: pip install "phon[deepspeed]", or launch with configs/accelerate/fsdp2.yaml' in told
