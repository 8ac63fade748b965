"""What a table of figures was measured on, in one line.

Example: python benchmarks/machine.py
"""

import platform
from datetime import date
from importlib.metadata import version

from train.environment import memory_bytes, processor, usable_cores


def describe() -> str:
    """Processor, cores, memory, system, Python, torch and the day."""
    return (
        f"{processor()}, {usable_cores()} cores, {memory_bytes() / 2**30:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}, torch {version('torch')}, {date.today()}"
    )


if __name__ == "__main__":
    print(describe())
