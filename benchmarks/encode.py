"""Encoding speed in MB/s of converted text: what `phon pack` uses against the `tokenizers` library, same tokenizer.

Each turn is a process of its own that loads what it needs, then times a pass over text that its encoder has not seen
(cold) and one over the same text again (warm), each until all ids are at hand. All must give the same ids.

Example: python benchmarks/encode.py --quick
"""

import argparse
import hashlib
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.machine import describe
from pipeline.parts import read_tables
from pipeline.prepare import prepare
from pipeline.tokenizer import train_tokenizer
from train.environment import usable_cores
from train.notation import load_notation
from train.workspace import Workspace

ROOT = Path(__file__).resolve().parents[1]
TYPED = ROOT.parent / "shared" / "data" / "typed"  # lies beside the repository on some machines
PASSES = ("cold", "warm")
OURS = "phon, 1 thread"

Seconds = tuple[float, float]  # of CPU time, on the clock


def theirs(texts: Any, folder: Path, method: str) -> Callable[[], Any]:
    """The ids of each text by a method of `tokenizers.Tokenizer`."""
    from tokenizers import Tokenizer  # slow to import

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.encode_special_tokens = True  # as in ours
    encode, strings = getattr(tokenizer, method), texts.to_pylist()
    return lambda: [encoding.ids for encoding in encode(strings, add_special_tokens=False)]


def ours(texts: Any, folder: Path) -> Callable[[], Any]:
    """The ids of all texts end to end, and how many each has, as `phon pack` gets them."""
    from pipeline.encode import Encoder

    return partial(Encoder(folder).encode_batch, texts)


def digest(made: Any) -> str:
    """SHA-256 of the ids and of how many each text has."""
    if not isinstance(made, tuple):
        lengths = [len(ids) for ids in made]
        made = np.fromiter(chain.from_iterable(made), np.int64, sum(lengths)), lengths
    return hashlib.sha256(b"".join(np.asarray(part, np.int64).tobytes() for part in made)).hexdigest()


def read_texts(workspace: Workspace) -> Any:
    """The converted documents, as one Arrow array."""
    (table,) = read_tables(workspace.text, ["text"])  # so small a corpus is one part
    return table.column("text").combine_chunks()


def turn(workspace: Workspace, method: str | None, threads: int) -> tuple[list[Seconds], set[str]]:
    """What each pass of one encoder took, and the digests of what it gave."""
    parallel = str(threads > 1).lower()
    os.environ.update(RAYON_NUM_THREADS=str(threads), TOKENIZERS_PARALLELISM=parallel)  # before tokenizers is loaded
    texts, folder = read_texts(workspace), workspace.tokenizer

    def fresh(some: Any) -> Callable[[], Any]:
        return theirs(some, folder, method) if method else ours(some, folder)

    fresh(texts[:1])()  # its first use makes Arrow import pandas, which is no encoding; then a new encoder
    encode = fresh(texts)
    took, digests = [], set()
    for _ in PASSES:
        cpu, wall = time.process_time(), time.perf_counter()
        made = encode()
        took.append((time.process_time() - cpu, time.perf_counter() - wall))
        digests.add(digest(made))
        del made  # taking it down is no part of the next pass
    return took, digests


def contenders() -> Iterator[tuple[str, str | None, int]]:
    """Name, method of the library or None for ours, threads."""
    for threads in dict.fromkeys((1, usable_cores())):
        for method in ("encode_batch", "encode_batch_fast"):
            yield f"tokenizers {method}, {threads} thread(s)", method, threads
    yield OURS, None, 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="two rounds instead of seven")
    n_rounds = 2 if parser.parse_args().quick else 7
    corpus = TYPED if TYPED.is_dir() else ROOT / "samples" / "corpus"
    context = multiprocessing.get_context("spawn")
    seen: dict[str, list[list[Seconds]]] = {}
    digests = set()
    with tempfile.TemporaryDirectory(prefix="phon-bench-") as place:
        workspace = Workspace(Path(place))
        prepare([str(corpus)], workspace, notation=load_notation({"name": "arpabet"}))
        made = train_tokenizer(workspace)
        size_mb = sum(len(text.encode()) for text in read_texts(workspace).to_pylist()) / 1e6
        for _ in range(n_rounds):
            for name, method, threads in contenders():
                with context.Pool(1) as pool:
                    took, given = pool.apply(turn, (workspace, method, threads))
                seen.setdefault(name, []).append(took)
                digests |= given
                assert len(digests) == 1, f"{name} gives other ids"

    print(f"{describe()}, tokenizers {version('tokenizers')}\n")
    print(
        f"{corpus.parent.name}/{corpus.name}: {size_mb:.1f} MB of converted text, vocabulary {made['vocab_size']:,}; "
        f"the same ids from all. Medians of {n_rounds}\ninterleaved rounds; a ratio is phon's speed to the row's in "
        "the same round and by the same clock.\n"
    )
    print("| encoder | pass | MB/s (CPU time) | MB/s (clock) | phon against it (CPU time) | phon against it (clock) |")
    print("|---|---|---|---|---|---|")
    for name, rounds in seen.items():
        for index, which in enumerate(PASSES):
            row, best = ([took[index] for took in each] for each in (rounds, seen[OURS]))
            speeds = [size_mb / median(seconds[clock] for seconds in row) for clock in (0, 1)]
            ratios = [median(it[clock] / us[clock] for it, us in zip(row, best, strict=True)) for clock in (0, 1)]
            figures = [*(f"{speed:.3g}" for speed in speeds), *(f"{ratio:.3g}x" for ratio in ratios)]
            print(f"| {name} | {which} | {' | '.join(figures)} |")


if __name__ == "__main__":
    main()
