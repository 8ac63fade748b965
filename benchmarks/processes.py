"""How much faster two processes convert text than one, on the clock, when all of its words were read before.

Example: python -m benchmarks.processes
"""

import gc
import os
import time
from collections.abc import Sequence
from statistics import median

from benchmarks.machine import describe
from benchmarks.prepare import prose, read_rounds, size_mb
from train.notation import load_notation

PASSES, LINES = 3, 1000  # over the text; at a time


def main() -> None:
    """Warm one converter, then have one copy of it convert all the text, and two half of it each, by turns."""
    n_rounds = read_rounds(__doc__)
    lines = prose()
    blocks = [lines[at : at + LINES] for at in range(0, len(lines), LINES)]
    notation = load_notation({"name": "arpabet"})

    def convert(some: Sequence[Sequence[str]]) -> None:
        for block in some:
            notation.convert(block)

    def timed(*parts: Sequence[Sequence[str]]) -> float:
        start, pids = time.perf_counter(), []
        for part in parts:
            pid = os.fork()
            if not pid:
                for _ in range(PASSES):
                    convert(part)
                os._exit(0)
            pids.append(pid)
        for pid in pids:
            os.waitpid(pid, 0)
        return time.perf_counter() - start

    convert(blocks)
    gc.freeze()
    seen = [(timed(blocks), timed(blocks[::2], blocks[1::2])) for _ in range(n_rounds)]
    mb = PASSES * size_mb(lines)
    one, two = (mb / median(row[which] for row in seen) for which in (0, 1))
    print(f"{describe()}\n\n{mb:.1f} MB, {n_rounds} rounds by turns, on the clock")
    print(f"one process {one:.1f} MB/s, two {two:.1f} MB/s: {median(a / b for a, b in seen):.2f}x")


if __name__ == "__main__":
    main()
