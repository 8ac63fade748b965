"""Speed and memory of the search for the longest span that samples share with a training text.

The text is made up: words that follow each other as in samples/corpus. So are the samples, 300 of 130 words.

Example: OMP_NUM_THREADS=1 python benchmarks/copied.py 1000
"""

import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from time import process_time

import numpy as np

from benchmarks.machine import describe
from pipeline.copied import OF_CORPUS, longest_spans

CORPUS = Path(__file__).parents[1] / "samples" / "corpus"
LANES = 1000  # texts that are made side by side


class Maker:
    """Texts in which each word is followed by what follows it somewhere in the corpus."""

    def __init__(self) -> None:
        text = " ".join(path.read_text(encoding="utf-8") for path in sorted(CORPUS.rglob("*.*"))).split()
        names, self._words = np.unique(np.array(text), return_inverse=True)
        self._names = [name.encode() + b" " for name in names.tolist()]
        self._order = np.argsort(self._words, kind="stable")
        self._first = np.searchsorted(self._words[self._order], np.arange(len(names) + 1))

    def texts(self, n_words: int, lanes: int, seed: int) -> bytes:
        """So many texts end to end, of so many words each."""
        generator = np.random.default_rng(seed)
        now, said = generator.integers(0, len(self._names), lanes), np.empty((n_words, lanes), np.int64)
        for at in range(n_words):
            said[at] = now
            room = self._first[now + 1] - self._first[now]
            there = self._order[self._first[now] + (generator.random(lanes) * room).astype(int)]
            now = self._words[(there + 1) % len(self._words)]
        return b"".join(map(self._names.__getitem__, said.T.ravel().tolist()))


def main() -> None:
    """Print one line: MB, CPU seconds, MB/s, memory."""
    size, maker = int(sys.argv[1]) * 10**6 if len(sys.argv) > 1 else 10**8, Maker()
    samples = [maker.texts(130, 1, seed) for seed in range(300)]
    making, begun = 0.0, process_time()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def corpus() -> Iterator[bytes]:
        nonlocal making
        done = seed = 0
        while done < size:
            started = process_time()
            seed += 1
            piece = maker.texts(700, LANES, 1000 + seed)
            making += process_time() - started
            done += len(piece)
            yield piece + OF_CORPUS

    found = sorted(span.length for span in longest_spans(samples, corpus))
    took = process_time() - begun - making
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3
    print(f"{describe()}\n")
    print(
        f"{sum(map(len, samples)) / 1e6:.2f} MB of samples in {size / 1e6:,.0f} MB: {took:.1f} s of CPU time, "
        f"{size / 1e6 / took:.0f} MB/s, {more:.0f} MB of memory; longest spans {found[0]} to {found[-1]} bytes, "
        f"median {found[150]}"
    )


if __name__ == "__main__":
    main()
