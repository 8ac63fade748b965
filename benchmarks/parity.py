"""Conversion speed of `--engine g2p-en` in MB/s of ordinary text, beside g2p-en itself, which gives the same phones.

The lines of shared/data's text/ and typed/ are shuffled. There are some 7 MB of them, so that the stream of 20 MB has
each three times: its words have all been read before, as nearly all have that come late in a stream of fresh text, but
its homographs' lines too, which helps nothing here. What fresh text costs is timed beside it.

Needs what benchmarks/prepare.py needs.

Example: python benchmarks/parity.py --quick
"""

import argparse
import os
import random
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from multiprocessing.pool import Pool
from statistics import median
from typing import Any

from benchmarks.machine import describe
from benchmarks.prepare import DATA, N_LINES, SPAWN, g2p_en, size_bytes, size_mb, theirs
from pipeline.blocks import BLOCK_BYTES, convert, gather
from train.notation import load_notation

COLD_MB, STREAM_MB = 1, 20


def ours(warm_up: Sequence[str], lines: Sequence[str], *, since_start: bool) -> tuple[float, int]:
    """CPU seconds for the lines, of the whole process or after the warm-up; and the most memory it had, in bytes."""
    notation = load_notation({"name": "arpabet", "options": {"engine": "g2p-en"}})
    for some in (warm_up, lines):
        begin = 0.0 if since_start else time.process_time()
        for block in gather(some, size_bytes, BLOCK_BYTES):
            convert(notation, block)
    return time.process_time() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def their_start() -> float:
    """CPU seconds until g2p-en has said its first words."""
    g2p_en()
    return time.process_time()


def in_fresh_process(function: Any, *arguments: Any, **options: Any) -> Any:
    """What a function gives in a process that has done nothing before."""
    with SPAWN.Pool(1) as pool:
        return pool.apply(function, arguments, options)


def contest(lines: Sequence[str], turn: int, peer: Pool) -> Iterator[tuple[str, float, float, float]]:
    """One round: what was timed, its MB/s, how many times g2p-en's speed that is, and the memory it took."""
    draw = random.Random(turn)
    some = draw.sample(lines, N_LINES)
    stream = draw.sample(lines, len(lines))
    first = next(gather(stream, size_bytes, COLD_MB * 10**6))
    quarter = next(gather(stream, size_bytes, int(size_mb(lines) * 1e6 / 4)))
    times = round(STREAM_MB / size_mb(lines) + 0.5)
    start = in_fresh_process(their_start)
    base = size_mb(some) / peer.apply(theirs, (some,))[0]
    yield f"g2p-en, loaded, {N_LINES} lines", base, 1, 0
    cold, memory = in_fresh_process(ours, [], first, since_start=True)
    speed = size_mb(first) / cold
    yield f"phon, the first {COLD_MB} MB, with start and loading", speed, speed / base, memory
    both = size_mb(first) / (start + size_mb(first) / base)
    yield "the same, against g2p-en with its own", speed, speed / both, memory
    for name, warm_up, timed in (
        (f"phon, {size_mb(quarter):.1f} MB not read before, after the rest", stream[len(quarter) :], quarter),
        (f"phon, a stream of {times * size_mb(lines):.0f} MB, after a warm-up", lines, stream * times),
    ):
        took, memory = in_fresh_process(ours, warm_up, timed, since_start=False)
        speed = size_mb(timed) / took
        yield name, speed, speed / base, memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="two rounds instead of seven")
    place = os.environ.get("NLTK_DATA") or str(DATA / "nltk_data")
    parser.add_argument("--nltk-data", metavar="DIR", default=place, help="where g2p-en's data lies (%(default)s)")
    options = parser.parse_args()
    if not DATA.is_dir():
        sys.exit("this benchmark needs shared/data beside the repository")
    os.environ.update(OPENBLAS_NUM_THREADS="1", NLTK_DATA=options.nltk_data)  # for the processes started from here on
    files = sorted([*DATA.glob("text/*.txt"), *DATA.glob("typed/*/*.txt")])
    lines = [line for file in files for line in file.read_text(encoding="utf-8").split("\n") if line.strip()]
    random.Random(0).shuffle(lines)
    n_rounds = 2 if options.quick else 7
    seen: dict[str, list[tuple[float, ...]]] = {}
    with SPAWN.Pool(1) as peer:
        peer.apply(theirs, ([],))
        for turn in range(n_rounds):
            for name, *figures in contest(lines, turn, peer):
                seen.setdefault(name, []).append(tuple(figures))

    print(f"{describe()}, g2p-en {version('g2p-en')}, nltk {version('nltk')}\n")
    print(
        f"{size_mb(lines):.1f} MB in {len(lines):,} lines, shuffled; the stream has each several times. CPU time of "
        f"one core, medians of\n{n_rounds} interleaved rounds; a ratio is to g2p-en in the same round.\n"
    )
    print("| converter | MB/s | against g2p-en | memory |\n|---|---|---|---|")
    for name, rounds in seen.items():
        speed, ratio, memory = (median(column) for column in zip(*rounds, strict=True))
        print(f"| {name} | {speed:.3g} | {ratio:.3g}x | {f'{memory / 2**20:.0f} MiB' if memory else ''} |")


if __name__ == "__main__":
    main()
