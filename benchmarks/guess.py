"""Time to guess a word of no dictionary: phon's model against g2p-en's, both in numpy, on one core, interleaved.

The words are a sample of the lexicon's, whose lengths are those of ordinary words. Needs `pip install "phon[g2p-en]"`.

Example: OMP_NUM_THREADS=1 python benchmarks/guess.py
"""

from statistics import median
from time import process_time

from benchmarks.machine import describe
from phonetic import gru, oov
from phonetic.lexicon import lexicon

N_WORDS, N_ROUNDS = 4000, 7
TOGETHER = (N_WORDS, 100, 1)  # words given at once


def main() -> None:
    """Print a table of microseconds a word."""
    plain = [word for word in lexicon() if word.isalpha() and word.isascii() and len(word) > 3]
    words = plain[:: len(plain) // N_WORDS][:N_WORDS]
    guessers: dict[str, oov.Guesser | gru.Guesser] = {"phon": oov.guesser(), "g2p-en, 512 at a time": gru.guesser()}
    print(f"{describe()}\n\n{len(words):,} words; medians of {N_ROUNDS} interleaved rounds, CPU time\n")
    print("| model | words at once | us a word | phon against it |\n|---|---|---|---|")
    for together in TOGETHER:
        some = words[:: 1 if together > 1 else 20]
        took: dict[str, list[float]] = {name: [] for name in guessers}
        for _ in range(N_ROUNDS):
            for name, guesser in guessers.items():
                started = process_time()
                for at in range(0, len(some), together):
                    guesser.predict(some[at : at + together])
                took[name].append((process_time() - started) / len(some) * 1e6)
        for name, times in took.items():
            ratio = median(other / ours for other, ours in zip(times, took["phon"], strict=True))
            print(f"| {name} | {together:,} | {median(times):.0f} | {ratio:.2f}x |")


if __name__ == "__main__":
    main()
