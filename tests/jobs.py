"""Trainings of several processes, as torchrun and accelerate launch start them."""

import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.toy import ENVIRONMENT, ROOT, command, linked


def launch(*what: str, n: int = 2, file: str = "", env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """Start `what` on each of `n` processes: by torchrun, or by Accelerate and a launch file of ours."""
    if file:
        return run(*accelerate(file, n, free_port()), *what, env=env)
    return run("-m", "torch.distributed.run", "--nproc_per_node", str(n), "--master_port", free_port(), *what, env=env)


def launch_on_two_machines(*what: str, file: str) -> list[subprocess.Popen[str]]:
    """Start `what` by two launchers that meet over the network, with one process each, as if on two machines."""
    port = free_port()
    here = ["--main_process_ip", "127.0.0.1", "--machine_rank"]
    return [run(*accelerate(file, 2, port), *here, rank, *what) for rank in ("0", "1")]


def accelerate(file: str, n: int, port: str) -> list[str]:
    path = ROOT / "configs" / "accelerate" / f"{file}.yaml"
    launcher = ["-m", "accelerate.commands.launch", "--config_file", str(path)]
    return [*launcher, "--num_processes", str(n), "--main_process_port", port]


def free_port() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


def run(*words: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**ENVIRONMENT, **(env or {})},
    )


def together(
    workspace: Path, *arguments: str, n: int = 2, code: int = 0, file: str = "", env: dict[str, str] | None = None
) -> str:
    """Train to the end on `n` processes; what was said."""
    process = launch(*command(workspace, *arguments)[1:], n=n, file=file, env=env)
    said, _ = process.communicate(timeout=240)
    assert process.returncode == code, said
    return said


def faulty(workspace: Path, fault: str, *arguments: str, n: int = 2, file: str = "") -> tuple[int, str, float]:
    """Train on `n` processes with a fault in one: exit code, what was said, seconds from the start."""
    began = time.monotonic()
    script = [str(ROOT / "tests" / "faults.py"), fault, "--", *command(workspace, *arguments)[2:]]
    process = launch(*script, n=n, file=file)
    said, _ = process.communicate(timeout=150)
    return process.returncode, said, time.monotonic() - began


def other(workspace: Path, name: str) -> Path:
    """A workspace of that name in this one, on the same shards."""
    place = workspace / name
    place.mkdir()
    return linked(workspace, place)
