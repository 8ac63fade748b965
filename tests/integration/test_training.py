"""Real trainings of a toy model by real processes, killed for real."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs import other
from tests.toy import (
    ENVIRONMENT,
    ROOT,
    TOY,
    command,
    killed,
    log,
    losses,
    start,
    steps_logged,
    trained,
    validations,
    wait_for,
    weights,
)


def test_a_run_learns_and_leaves_a_whole_folder(left_alone: Path) -> None:
    run = left_alone / "runs" / "tiny"
    seen = losses(left_alone)
    assert [step for step, _ in seen] == list(range(1, 25))
    assert seen[-1][1] < seen[0][1] - 0.5
    assert [step for step, _ in validations(left_alone)] == [8, 16, 24]
    last = next(record for record in reversed(log(left_alone)) if "val_loss" in record)
    assert 0 < last["val_bits_per_byte"] < 8
    assert (run / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == [
        "LATEST", "step-00000020", "step-00000024",
    ]  # fmt: skip
    assert (left_alone / "runs" / "LATEST").read_text() == "tiny"
    (place,) = json.loads((run / "environment.json").read_text())
    assert (place["from_step"], place["device"], place["processes"], place["threads"]) == (0, "cpu", 1, 1)
    memory = [record["memory"] for record in log(left_alone) if "loss" in record]
    assert memory == sorted(memory) and memory[0] > 2**26
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["counts"]["steps"] == 24
    assert "already" in trained(left_alone, *TOY)


def test_transformers_alone_loads_the_model_and_generates(left_alone: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = left_alone / "runs" / "tiny" / "model"
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    contract = json.loads((folder / "phon.json").read_text())
    for config in (model.config, model.generation_config):
        ids = (config.bos_token_id, config.eos_token_id, config.pad_token_id)
        assert ids == (contract["bos"], contract["eos"], contract["pad"])
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id) == (contract["bos"], contract["eos"])
    opening = torch.tensor([next(iter(contract["openings"].values()))])
    written = model.generate(opening, attention_mask=torch.ones_like(opening), max_length=24, do_sample=True)
    assert written.shape[1] > opening.shape[1]
    assert isinstance(tokenizer.decode(written[0], skip_special_tokens=True), str)


def test_a_run_killed_three_times_ends_in_the_same_bytes(workspace: Path, left_alone: Path) -> None:
    draw = random.Random(int.from_bytes(os.urandom(4)))
    moments = sorted(draw.sample(range(1, 23), 3))
    for moment in moments:
        process = start(workspace, *TOY)
        wait_for(lambda moment=moment: steps_logged(workspace) >= moment, process)  # type: ignore[misc]
        time.sleep(draw.random() * 0.05)
        process.kill()
        process.communicate()
    trained(workspace, *TOY)
    assert weights(workspace) == weights(left_alone), moments
    assert losses(workspace) == losses(left_alone), moments  # each step once, the same to the last bit
    assert validations(workspace) == validations(left_alone), moments


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, pytest.param(signal.SIGUSR1, marks=pytest.mark.long)]
)
def test_a_run_asked_to_stop_saves_says_so_and_goes_on(workspace: Path, left_alone: Path, number: int) -> None:
    process = start(workspace, *TOY)
    wait_for(lambda: steps_logged(workspace) >= 3, process)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 5, said
    assert b"error: interrupted; step" in said
    assert b"hint: run the same command again to go on" in said
    assert not (workspace / "runs" / "tiny" / "model").exists()
    assert "resumed at step" in trained(workspace, *TOY)
    assert weights(workspace) == weights(left_alone)


def test_a_second_signal_ends_it_at_once_and_one_passed_on_is_the_same(workspace: Path, left_alone: Path) -> None:
    script = [sys.executable, str(ROOT / "tests" / "faults.py"), "sleep@0:5", "--", *command(workspace, *TOY)[2:]]
    process = subprocess.Popen(script, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    assert process.stderr
    assert "asleep\n" in iter(process.stderr.readline, "")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)  # as a launcher does after Ctrl-C
    time.sleep(1.2)
    assert process.poll() is None
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    said = process.stderr.read()
    assert (process.wait(30), time.monotonic() - began < 20) == (5, True), said
    process.stderr.close()
    assert "error: interrupted" in said
    trained(workspace, *TOY)
    assert weights(workspace) == weights(left_alone)


def test_two_processes_learn_what_one_learns(workspace: Path, left_alone: Path) -> None:
    launched = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", "29617"]
    done = subprocess.run(
        [*launched, *command(workspace, *TOY)[1:]], capture_output=True, text=True, env=ENVIRONMENT, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert "micro-steps of 4 rows on each of 2 processes" in done.stderr
    assert done.stderr.count("plan: ") == 1
    for (step, loss), (other_step, expected) in zip(losses(workspace), losses(left_alone), strict=True):
        assert step == other_step
        assert loss == pytest.approx(expected, rel=1e-5)
    assert weights(workspace) == weights(left_alone)


def test_a_large_batch_and_its_parts_give_one_gradient(workspace: Path) -> None:
    # Rows hold unequal numbers of tokens, so a mean of means would differ.
    exact = [*TOY, "train.precision=fp32", "model.dropout=0", "train.max_steps=1", "log.eval_every=0"]
    trained(workspace, *exact, "train.micro_batch=8")
    trained(workspace, *exact, "train.micro_batch=1")
    whole, parts = log(workspace), log(workspace, "tiny-2")
    assert parts[0]["loss"] == pytest.approx(whole[0]["loss"], rel=1e-6)
    assert parts[0]["grad_norm"] == pytest.approx(whole[0]["grad_norm"], rel=1e-6)


def test_launches_people_type_work_from_another_folder(workspace: Path) -> None:
    quick = [*TOY, "train.max_steps=2", "log.eval_every=0"]
    env = {**ENVIRONMENT, "PHON_WORKSPACE": str(workspace)}
    launcher = [sys.executable, "-m", "accelerate.commands.launch", "--num_processes", "1"]
    for extra, name in ((["-m", "train.run"], "module"), ([str(ROOT / "train" / "run.py")], "script")):
        done = subprocess.run(
            [*launcher, *extra, *quick, f"log.name={name}"],
            capture_output=True, text=True, cwd=workspace, env=env, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert (workspace / "runs" / name / "model" / "config.json").is_file()


def test_a_launch_that_silently_runs_one_process_is_told(workspace: Path) -> None:
    launcher = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2"]
    done = subprocess.run(
        [*launcher, *command(workspace, *TOY)[1:]], capture_output=True, text=True, env=ENVIRONMENT, timeout=120
    )
    assert done.returncode != 0
    assert "hint: for two CPU processes type: torchrun --nproc_per_node 2 train/run.py" in done.stderr
    assert not (workspace / "runs").exists()


def test_a_loss_that_is_not_a_number_stops_before_the_weights(workspace: Path) -> None:
    said = trained(workspace, *TOY, "optim.lr=1e20", "optim.warmup_steps=0", "log.save_every=1", code=1)
    assert "error: the loss at step" in said
    assert "stopped before it reached the weights" in said
    assert not (workspace / "runs" / "tiny" / "model").exists()
    from safetensors.numpy import load_file

    (newest,) = sorted((workspace / "runs" / "tiny" / "checkpoints").glob("step-*"))[-1:]
    assert all(abs(tensor).max() < float("inf") for tensor in load_file(newest / "model.safetensors").values())


def test_a_damaged_checkpoint_is_passed_over_and_the_bytes_come_out_the_same(workspace: Path, left_alone: Path) -> None:
    killed(workspace, *TOY, after=12)
    newest = sorted((workspace / "runs" / "tiny" / "checkpoints").glob("step-*"))[-1]
    file = newest / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    said = trained(workspace, *TOY)
    assert f"refused {newest.name}: model.safetensors was changed or damaged" in said
    assert weights(workspace) == weights(left_alone)


def test_another_config_is_another_run_and_never_starts_anew(workspace: Path) -> None:
    quick = [*TOY, "train.max_steps=1", "log.eval_every=0"]
    trained(workspace, *quick)
    trained(workspace, *quick, "optim.lr=0.004")
    trained(workspace, *quick, "--resume", "never")
    assert sorted(path.name for path in (workspace / "runs").iterdir()) == ["LATEST", "tiny", "tiny-2", "tiny-3"]
    assert weights(workspace) == weights(workspace, "tiny-3")
    assert "already" in trained(workspace, "--resume", str(workspace / "runs" / "tiny-2"))
    assert "keeps its config" in trained(
        workspace, "--resume", str(workspace / "runs" / "tiny-2"), "optim.lr=1", code=2
    )


def test_with_no_config_one_that_fits_is_chosen_and_explained(workspace: Path) -> None:
    said = trained(workspace, "train.max_steps=1", "log.eval_every=0", "log.sample_every=0")
    assert said.startswith("config: tiny, the largest of tiny, small with at most 6 weights")
    assert "parameters with our vocabulary of 384; 7," in said
    assert "compile: no, a run of about" in said


def test_a_step_that_cannot_be_compiled_is_trained_as_it_is(workspace: Path, left_alone: Path) -> None:
    env = {"CXX": "/nonexistent/c++", "TORCHINDUCTOR_CACHE_DIR": str(workspace / "cache")}
    said = trained(workspace, *TOY, "train.compile=always", env=env)
    assert "compile: failed (" in said
    assert losses(workspace) == losses(left_alone)


def test_a_run_that_no_longer_improves_ends_and_keeps_its_best(workspace: Path) -> None:
    wild = ["optim.lr=0.3", "optim.schedule=constant", "log.eval_every=4", "train.patience=2", "train.max_steps=400"]
    said = trained(workspace, *TOY, *wild)
    assert "in the last 2 measurements (train.patience)" in said
    seen = validations(workspace)
    best = min(seen, key=lambda record: record[1])[0]
    assert seen[-1][0] == best + 2 * 4 < 400
    run = workspace / "runs" / "tiny"
    assert f"model/ is step {best}, the best in validation" in said
    kept = (run / "checkpoints" / f"step-{best:08d}" / "model.safetensors").read_bytes()
    assert (run / "model" / "model.safetensors").read_bytes() == kept
    assert json.loads((run / "manifest.json").read_text())["counts"]["weights_step"] == best


def test_averaged_weights_go_on_as_they_were(workspace: Path) -> None:
    averaged = [*TOY, "optim.ema=0.9"]
    killed(workspace, *averaged, after=12)
    trained(workspace, *averaged)
    alone = other(workspace, "alone")
    trained(alone, *averaged)
    assert weights(workspace) == weights(alone)
    assert validations(workspace) == validations(alone)
    assert losses(workspace) == losses(alone)


def test_the_log_has_samples_at_four_temperatures(workspace: Path) -> None:
    trained(workspace, *TOY, "train.max_steps=2", "log.sample_every=2", "log.n_samples=2")
    drawn = [record for record in log(workspace) if "samples" in record]
    assert [record["temperature"] for record in drawn] == [0.5, 0.7, 1.0, 1.3]
    for record in drawn:
        assert record["valid"] == sum(sample["valid"] for sample in record["samples"]) / 2


@pytest.fixture
def busy(workspace: Path) -> Iterator[Path]:
    """A workspace in whose run another process trains."""
    process = start(workspace, *TOY, "train.max_steps=100000", "log.eval_every=0")
    wait_for(lambda: steps_logged(workspace) >= 1, process)
    yield workspace
    process.kill()
    process.communicate()


def test_a_model_that_cannot_fit_is_refused_before_it_is_made(workspace: Path) -> None:
    said = trained(workspace, "--config", "gpt2-xl", "model.n_layer=20000", code=1)
    assert re.search(r"weights take at least 9,\d{3} GiB to train, and there are \d", said)
    assert not (workspace / "runs").exists()


def test_a_second_writer_is_refused(busy: Path) -> None:
    said = trained(busy, *TOY, "train.max_steps=100000", "log.eval_every=0", code=1)
    assert "error: another process (pid " in said


def test_mistakes_get_one_line_and_a_hint(workspace: Path, prepared: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert 'hint: run "phon tokenizer" first' in trained(empty, *TOY, code=1)
    assert "hint: did you mean optim.lr?" in trained(workspace, *TOY, "optim.lrr=1", code=2)
    assert "hint: try model.n_embd=540" in trained(workspace, *TOY, "model.n_embd=544", "model.n_head=12", code=1)
    import shutil

    (workspace / "data").unlink()
    shutil.copytree(prepared / "data", workspace / "data")
    shard = workspace / "data" / "shards" / "train" / "data-00000.arrow"
    content = shard.read_bytes()
    shard.write_bytes(content[: len(content) // 2])
    said = trained(workspace, *TOY, code=1)
    assert f"error: {shard} has" in said
    assert 'hint: run "phon pack" again' in said
    shard.write_bytes(content[:-2000] + bytes([content[-2000] ^ 1]) + content[-1999:])
    assert "its checksum does not match" in trained(workspace, *TOY, code=1)
    assert len(said.strip().splitlines()) == 2
