"""What a training ran on: processor, memory, GPUs and versions. It decides nothing, so resuming does not ask for it."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from train.errors import TrainError
from train.files import read_json, write_json

NAME = "environment.json"
THREADS = "PHON_THREADS"  # in a process's environment: threads for its matrix products, whatever its launcher says
Environment = dict[str, Any]


def processor() -> str:
    """The processor's model, or its kind where the system does not tell the model."""
    facts = Path("/proc/cpuinfo")
    if facts.is_file():
        for line in facts.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def usable_cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes() -> int:
    """The machine's main memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def describe(device: str, processes: int) -> Environment:
    """What this process runs on; nothing that names the machine or its user.

    Args:
        device: cpu, cuda, ...
        processes: That train together.
    """
    import torch  # slow to import

    on_gpu = device == "cuda"
    return {
        "device": device,
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if on_gpu else [],
        "processor": processor(),
        "cores": usable_cores(),
        "memory": memory_bytes(),
        "processes": processes,
        "threads": torch.get_num_threads(),  # of each process
        "platform": platform.platform(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "transformers", "accelerate")},
        **({"cuda": torch.version.cuda} if on_gpu else {}),
    }


def record(run: Path, step: int, found: Environment) -> None:
    """Write down in which environment a run goes on from `step`; the same one again is no news."""
    then = read(run)
    now = [place for place in then if place["from_step"] < step]
    if not now or {**now[-1], "from_step": step} != {"from_step": step, **found}:
        now.append({"from_step": step, **found})
    if now != then:
        write_json(run / NAME, now)


def read(run: Path) -> list[Environment]:
    """The environments a run was in, in order, each with the step from which; none if nothing whole is recorded."""
    path = run / NAME
    try:
        found: list[Environment] = read_json(path) if path.is_file() else []
    except TrainError:
        return []  # no work depends on it
    return found
