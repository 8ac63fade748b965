"""Conversion speed of both engines in MB/s of ordinary text, beside g2p-en, whose phones `--engine g2p-en` gives.

The lines of text/ and typed/ in shared/data are shuffled. There are some 7 MB of them, so that a stream of 20 MB has
each several times: late in so long a stream of fresh text nearly all words have been read before too, but not all. What
text costs whose lines are new is timed beside it.

Needs what benchmarks/prepare.py needs.

Example: python benchmarks/parity.py --quick
"""

import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from multiprocessing.pool import Pool
from statistics import median
from typing import Any

from benchmarks.machine import describe
from benchmarks.prepare import DATA, ROOT, SPAWN, prose, read_rounds, size_bytes, size_mb, theirs
from pipeline.blocks import BLOCK_BYTES
from pipeline.lots import gather
from train.notation import load_notation

COLD_MB, STREAM_MB = 1, 20
N_LINES = 1000  # for g2p-en in a round, when it is loaded
ENGINES = ("phon", "g2p-en")
# Whole programs, which convert the lines of standard input and print their own CPU seconds.
OURS = """
import sys, time
from train.notation import load_notation
load_notation({spec}).convert(sys.stdin.read().split("\\n"))
print(time.process_time())
"""
THEIRS = """
import sys, time
import nltk
nltk.download = lambda *names, **options: False  # which g2p-en calls even where its data lies unzipped
from g2p_en import G2p
g2p = G2p()
for line in sys.stdin.read().split("\\n"):
    g2p(line)
print(time.process_time())
"""


def spec(engine: str) -> dict[str, Any]:
    return {"name": "arpabet", "options": {} if engine == "phon" else {"engine": engine}}


def cold(program: str, lines: Sequence[str]) -> float:
    """CPU seconds of a program for some lines, from the start of Python on."""
    text = "\n".join(lines)
    command = [sys.executable, "-c", program]
    one_thread = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # as `phon` has it
    done = subprocess.run(
        command, input=text, cwd=ROOT, env=one_thread, capture_output=True, check=True, encoding="utf-8"
    )
    return float(done.stdout)


def as_read(lines: Sequence[str]) -> list[str]:
    """The same lines, one after the other in memory, as they are when a file was read."""
    return "\n".join(lines).split("\n")


def warm(engine: str, before: Sequence[str], lines: Sequence[str]) -> tuple[float, float]:
    """CPU seconds for some lines after others were read, and the most memory the process had, in MiB."""
    notation = load_notation(spec(engine))
    for blocks in [[*gather(as_read(some), size_bytes, BLOCK_BYTES)] for some in (before, lines)]:
        begin = time.process_time()
        for block in blocks:
            notation.convert(block, {})
    return time.process_time() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def warm_in_fresh_process(engine: str, before: Sequence[str], lines: Sequence[str]) -> tuple[float, float]:
    """The same, by a process that has done nothing before."""
    with SPAWN.Pool(1) as pool:
        return pool.apply(warm, (engine, before, lines))


def floor(lines: Sequence[str]) -> float:
    """CPU seconds to split lines, look each chunk up and join what is found: the least that a dictionary can do."""
    lines = as_read(lines)
    known = {chunk: chunk + "" for line in lines for chunk in line.split()}
    begin = time.process_time()
    for line in lines:
        " ".join(map(known.__getitem__, line.split()))
    return time.process_time() - begin


def contest(lines: Sequence[str], turn: int, peer: Pool) -> Iterator[tuple[str, float, float, float]]:
    """One round: what was timed, its MB/s, how many times g2p-en's speed that is, and the memory it took."""
    draw = random.Random(turn)
    some, stream = draw.sample(lines, N_LINES), draw.sample(lines, len(lines))
    first, fresh = (next(gather(stream, size_bytes, round(1e6 * mb))) for mb in (COLD_MB, size_mb(lines) / 4))
    times = round(STREAM_MB / size_mb(lines) + 0.5)
    slow = cold(THEIRS, first)
    base = size_mb(some) / peer.apply(theirs, (some,))[0]
    yield f"g2p-en, the first {COLD_MB} MB, with start and loading", size_mb(first) / slow, 1, 0
    for engine in ENGINES:
        quick = cold(OURS.format(spec=spec(engine)), first)
        yield f"phon, --engine {engine}, the same", size_mb(first) / quick, slow / quick, 0
    yield f"g2p-en, loaded, {N_LINES} lines", base, 1, 0
    for engine in ENGINES:
        for name, before, timed in (
            (f"{size_mb(fresh):.1f} MB of new lines after the rest", stream[len(fresh) :], fresh),
            (f"a stream of {times * size_mb(lines):.0f} MB after a warm-up", lines, stream * times),
        ):
            seconds, memory_mib = warm_in_fresh_process(engine, before, timed)
            speed = size_mb(timed) / seconds
            yield f"phon, --engine {engine}, {name}", speed, speed / base, memory_mib
    least = size_mb(lines) / peer.apply(floor, (stream,))
    yield "splitting, looking up and joining alone", least, least / base, 0


def main() -> None:
    n_rounds = read_rounds(__doc__)
    if not DATA.is_dir():
        sys.exit("this benchmark needs shared/data beside the repository")
    lines = prose()
    seen: dict[str, list[tuple[float, ...]]] = {}
    with SPAWN.Pool(1) as peer:
        peer.apply(theirs, ([],))
        for turn in range(n_rounds):
            for name, *figures in contest(lines, turn, peer):
                seen.setdefault(name, []).append(tuple(figures))

    print(f"{describe()}, g2p-en {version('g2p-en')}, nltk {version('nltk')}\n")
    print(
        f"{size_mb(lines):.1f} MB in {len(lines):,} lines, shuffled; the stream has each several times. CPU time of "
        f"one core, medians of\n{n_rounds} interleaved rounds; a ratio is to the nearest row of g2p-en above, in the "
        "same round.\n"
    )
    print("| converter | MB/s | against g2p-en | memory |\n|---|---|---|---|")
    for name, rounds in seen.items():
        speed, ratio, memory_mib = (median(column) for column in zip(*rounds, strict=True))
        print(f"| {name} | {speed:.3g} | {ratio:.3g}x | {f'{memory_mib:.0f} MiB' if memory_mib else ''} |")


if __name__ == "__main__":
    main()
