"""What a table of figures was measured on, in one line.

Example: python benchmarks/machine.py
"""

import os
import platform
from datetime import date
from importlib.metadata import version
from pathlib import Path

from pipeline.engines import usable_cores


def processor() -> str:
    """The processor's model, or its kind where the system does not tell the model."""
    facts = Path("/proc/cpuinfo")
    if facts.is_file():
        for line in facts.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def describe() -> str:
    """Processor, cores, memory, system, Python, torch and the day."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{processor()}, {usable_cores()} cores, {memory:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}, torch {version('torch')}, {date.today()}"
    )


if __name__ == "__main__":
    print(describe())
