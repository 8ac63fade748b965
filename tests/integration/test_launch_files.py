"""The launch files in configs/accelerate: what Accelerate makes of each is what training reads."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_docs import all_commands
from tests.jobs import launch_on_two_machines, other
from tests.launches import launch
from tests.toy import ROOT, TOY, command, losses, trained
from train import sharding

FILES = sorted((ROOT / "configs" / "accelerate").glob("*.yaml"))
SETTINGS = [*TOY, "train.precision=fp32", "model.dropout=0", "optim.name=adamw", "log.save_every=4"]
COMMAND = re.compile(r"^#   accelerate launch (.+)$", re.MULTILINE)


def typed(path: Path) -> list[str]:
    """The words after `accelerate launch` of the command that a launch file shows."""
    (line,) = COMMAND.findall(path.read_text(encoding="utf-8"))
    words = shlex.split(line)
    assert words[:2] == ["--config_file", str(path.relative_to(ROOT))]
    return words


def launched(name: str, monkeypatch: pytest.MonkeyPatch, *more: str) -> tuple[Any, dict[str, str]]:
    monkeypatch.chdir(ROOT)
    return launch([*more, *typed(ROOT / "configs" / "accelerate" / f"{name}.yaml")], monkeypatch)


def test_there_is_a_file_for_each_way() -> None:
    assert {path.stem for path in FILES} == {"ddp", "ddp-nodes", "fsdp2", "fsdp2-nodes", "zero2", "zero3"}


@pytest.mark.parametrize("name", [path.stem for path in FILES])
def test_the_precision_stays_with_our_config(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, environment = launched(name, monkeypatch)
    assert environment["ACCELERATE_MIXED_PRECISION"] == "no"


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("ddp", ""),
        ("ddp-nodes", ""),
        ("fsdp2", "fsdp2"),
        ("fsdp2-nodes", "fsdp2"),
        ("zero2", "zero2"),
        ("zero3", "zero3"),
    ],
)
def test_a_launch_file_asks_for_its_way_of_sharing_out(name: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments, environment = launched(name, monkeypatch)
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("WORLD_SIZE", arguments.nproc_per_node)
    assert sharding.asked() == way


@pytest.mark.parametrize("name", ["ddp", "fsdp2", "zero2", "zero3"])
def test_one_machine_starts_a_process_for_each_gpu(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments, _ = launched(name, monkeypatch)
    assert (arguments.nnodes, arguments.nproc_per_node) == ("1:1", "4")


@pytest.mark.parametrize("name", ["ddp-nodes", "fsdp2-nodes"])
def test_several_machines_share_the_processes_and_meet_at_the_first(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments, _ = launched(name, monkeypatch)
    assert (arguments.nnodes, arguments.nproc_per_node, arguments.node_rank) == ("2", "8", 0)
    assert arguments.rdzv_endpoint.startswith("10.0.0.1:")


def test_two_machines_train_one_model_and_go_on_after_one_died(workspace: Path) -> None:
    broken = [str(ROOT / "tests" / "faults.py"), "kill@1:6", "--", *command(workspace, *SETTINGS)[2:]]
    for launcher in launch_on_two_machines(*broken, file="fsdp2-nodes"):
        said, _ = launcher.communicate(timeout=90)
        assert launcher.returncode, said
    first, second = launch_on_two_machines(*command(workspace, *SETTINGS)[1:], file="fsdp2-nodes")
    said, silence = first.communicate(timeout=90)[0], second.communicate(timeout=90)[0]
    assert (first.returncode, second.returncode) == (0, 0), said + silence
    assert "resumed at step 4 of 24" in said
    assert "step" not in silence  # the main process alone speaks
    alone = other(workspace, "alone")
    trained(alone, *SETTINGS)
    for (step, loss), (same_step, expected) in zip(losses(workspace), losses(alone), strict=True):
        assert step == same_step
        assert loss == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", ["zero2", "zero3"])
def test_deepspeed_on_several_machines_needs_no_ssh(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    machines = ["--num_machines", "2", "--machine_rank", "1", "--main_process_ip", "10.0.0.1"]
    arguments, _ = launched(name, monkeypatch, *machines)
    assert (arguments.nnodes, arguments.nproc_per_node, arguments.node_rank) == ("2", "2", 1)
    assert arguments.rdzv_endpoint.startswith("10.0.0.1:")


@pytest.mark.parametrize(
    "command", [command for _, command in all_commands() if "--config_file" in command], ids=lambda words: words[3]
)
def test_a_launch_of_the_docs_is_as_accelerate_has_it(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    arguments, _ = launch(command[2:], monkeypatch)
    assert arguments.training_script == "train/run.py"
