"""Conversion speed in MB/s of ordinary text: phon against g2p-en, on real prose, interleaved in one run.

Each is called as its users call it: g2p-en a line at a time, phon's engine by blocks as `phon prepare` does. Needs
g2p-en's data, NLTK's `cmudict` and `averaged_perceptron_tagger_eng`, and downloads nothing.

Example: python benchmarks/prepare.py --quick
"""

import argparse
import functools
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from itertools import pairwise
from multiprocessing.pool import Pool
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.machine import describe
from pipeline.blocks import BLOCK_BYTES, Lot, convert
from pipeline.lots import gather
from train.environment import usable_cores
from train.notation import load_notation

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"  # lies beside the repository on some machines
SPAWN = multiprocessing.get_context("spawn")  # processes that share nothing with this one
N_LINES = 300  # for g2p-en in a round
UNKNOWN = "A wumblegong."  # its second word is in no dictionary: whoever says it has loaded everything


def size_bytes(text: str) -> int:
    return len(text.encode())


def size_mb(lines: Sequence[str]) -> float:
    return sum(map(size_bytes, lines)) / 1e6


@functools.cache
def g2p_en() -> Any:
    """The g2p-en of this process, with everything loaded; a LookupError if its data is not there."""
    import nltk  # slow to import

    nltk.download = lambda *names, **options: False  # which g2p-en calls even where its data lies unzipped
    from g2p_en import G2p

    g2p = G2p()
    g2p(UNKNOWN)
    return g2p


def theirs(lines: Sequence[str]) -> tuple[float, float]:
    """Seconds of g2p-en for these lines, loading left out: of CPU time, and on the clock."""
    g2p = g2p_en()
    cpu, wall = time.process_time(), time.perf_counter()
    for line in lines:
        g2p(line)
    return time.process_time() - cpu, time.perf_counter() - wall


def ours(*passes: Sequence[str]) -> list[float]:
    """CPU seconds of phon's engine for each pass over some lines; the first counts from the start of the process."""
    notation = load_notation({"name": "arpabet"})
    ends = [0.0]
    for lines in passes:
        for block in gather(lines, size_bytes, BLOCK_BYTES):
            convert(notation, Lot(block))
        ends.append(time.process_time())
    return [end - begin for begin, end in pairwise(ends)]


def in_fresh_process(*passes: Sequence[str]) -> list[float]:
    """`ours`, by a process that has done nothing before."""
    with SPAWN.Pool(1) as pool:
        return pool.apply(ours, passes)


def command(corpus: Path, workers: int) -> float:
    """Seconds of a whole `phon prepare` on the clock, from the start of Python to the last file written."""
    with tempfile.TemporaryDirectory(prefix="phon-bench-") as place:
        start = time.perf_counter()
        arguments = ["prepare", str(corpus), "--workspace", place, "--workers", str(workers)]
        subprocess.run([sys.executable, "-m", "pipeline.cli", *arguments], stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - start


def contest(corpus: Path, lines: Sequence[str], turn: int, peer: Pool) -> Iterator[tuple[str, str, float, float]]:
    """One round: what was timed, by which clock, its MB/s, and g2p-en's MB/s in this round by the same clock."""
    some = random.Random(turn).sample(lines, N_LINES)
    quarters = gather(lines, size_bytes, int(size_mb(lines) * 1e6 / 4))
    piece, rest = next(quarters), [line for quarter in quarters for line in quarter]
    some_mb, piece_mb = size_mb(some), size_mb(piece)
    cpu, wall = (some_mb / seconds for seconds in peer.apply(theirs, (some,)))
    _, first = in_fresh_process([UNKNOWN], some)
    (cold,) = in_fresh_process(piece)
    _, new, again = in_fresh_process(rest, piece, piece)
    yield f"g2p-en, {N_LINES} lines", "CPU time", cpu, cpu
    yield "phon, the same lines, nothing read before", "CPU time", some_mb / first, cpu
    yield f"phon, cold: {piece_mb:.1f} MB, start of Python and loading included", "CPU time", piece_mb / cold, cpu
    yield f"phon, warm: the same {piece_mb:.1f} MB, the rest read before", "CPU time", piece_mb / new, cpu
    yield f"phon, warm: the same {piece_mb:.1f} MB again", "CPU time", piece_mb / again, cpu
    yield f"g2p-en, {N_LINES} lines", "clock", wall, wall
    for workers in dict.fromkeys((1, usable_cores())):
        yield f"`phon prepare`, {workers} worker(s)", "clock", size_mb(lines) / command(corpus, workers), wall


def prose() -> list[str]:
    """The lines of text/ and typed/ in shared/data, of samples/corpus where that is not there."""
    files = [*DATA.glob("text/*.txt"), *DATA.glob("typed/*/*.txt")] or [*ROOT.glob("samples/corpus/**/*.txt")]
    return [line for file in sorted(files) for line in file.read_text(encoding="utf-8").split("\n") if line.strip()]


def read_rounds(description: str) -> int:
    """How many rounds the command line asks for; processes started from here on find g2p-en's data."""
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="two rounds instead of seven")
    place = os.environ.get("NLTK_DATA") or str(DATA / "nltk_data")
    parser.add_argument("--nltk-data", metavar="DIR", default=place, help="where g2p-en's data lies (%(default)s)")
    options = parser.parse_args()
    os.environ.update(OPENBLAS_NUM_THREADS="1", NLTK_DATA=options.nltk_data)
    return 2 if options.quick else 7


def main() -> None:
    n_rounds = read_rounds(__doc__)
    corpus = DATA / "typed" if (DATA / "typed").is_dir() else ROOT / "samples" / "corpus"
    texts = [path.read_text(encoding="utf-8") for path in sorted(corpus.rglob("*.txt"))]
    lines = [line for text in texts for line in text.splitlines() if line.strip()]
    random.Random(0).shuffle(lines)
    seen: dict[tuple[str, str], list[tuple[float, float]]] = {}  # what was timed -> MB/s and ratio of each round
    with SPAWN.Pool(1) as peer:
        try:
            peer.apply(theirs, ([],))
        except LookupError:
            sys.exit("g2p-en found no data: pass --nltk-data DIR with cmudict and averaged_perceptron_tagger_eng in it")
        for turn in range(n_rounds):
            for what, clock, rate, base in contest(corpus, lines, turn, peer):
                seen.setdefault((what, clock), []).append((rate, rate / base))

    print(f"{describe()}, g2p-en {version('g2p-en')}, nltk {version('nltk')}\n")
    print(
        f"{corpus.parent.name}/{corpus.name}: {size_mb(lines):.1f} MB in {len(lines):,} lines, shuffled but for the "
        f"command. Medians of {n_rounds} interleaved rounds;\na ratio is to g2p-en in the same round and by the same "
        f"clock, on {N_LINES} lines that each round draws anew.\n"
    )
    print("| converter | by | MB/s | against g2p-en |\n|---|---|---|---|")
    for (what, clock), figures in seen.items():
        rate, ratio = (median(column) for column in zip(*figures, strict=True))
        print(f"| {what} | {clock} | {rate:.3g} | {ratio:.3g}x |")


if __name__ == "__main__":
    main()
