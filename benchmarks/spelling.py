"""Phones back to English: words recovered of held-out prose, words a second, new words read back the same.

Prose: some texts are counted, then another one is read and spelled again; words are compared as they were read, numbers
in words. New words: drawn from n-grams of phones over the lexicon, one primary stress each, none in the lexicon; and
words of the lexicon that are taken from it and from the model of letters (the engine's guesser may have learnt them).

Example: python benchmarks/spelling.py --quick
"""

import argparse
import os
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from benchmarks.machine import describe
from phonetic import coin as coining
from phonetic.counts import PAIRS, WORDS, Counts
from phonetic.letters import Letters, letters, phones_of
from phonetic.lexicon import lexicon
from phonetic.phones import without_stress
from phonetic.reader import Reader
from phonetic.scribe import DASH, Scribe
from phonetic.spell import Speller
from scripts.build_letters import align, entries, learn
from scripts.lexicon_pairs import is_held_out

DATA = (
    Path(__file__).resolve().parents[1].parent / "shared" / "data" / "text"
)  # beside the repository, on some machines
AT_ONCE = 256  # lines, as `phon spell` takes them
MARKS = '"(),.;:?!'


def count(scribe: Scribe, paths: Iterable[Path]) -> Counts:
    tally = {WORDS: Counter[str](), PAIRS: Counter[str]()}
    for path in paths:
        texts = path.read_text(encoding="utf-8").splitlines()
        scribe.count(texts, scribe.read(texts), tally)
    return Counts(tally[WORDS], tally[PAIRS])


def prose(scribe: Scribe, counts: Counts | None, test: Path) -> tuple[int, float, float, float, float]:
    """Words, share recovered, share with their case too, words a second at first, and again."""
    texts = test.read_text(encoding="utf-8").splitlines()
    pairs = [(text, line) for text, line in zip(texts, scribe.read(texts), strict=True) if line]
    lines = [line for _, line in pairs]
    speller = Speller(counts)
    seconds = []
    for _ in range(2):
        started = time.process_time()
        spelled = [row for at in range(0, len(lines), AT_ONCE) for row in speller.spell(lines[at : at + AT_ONCE])]
        seconds.append(time.process_time() - started)
    words = right = exact = 0
    for (text, line), row in zip(pairs, spelled, strict=True):
        for (wanted, _), found in zip(scribe.spelled(text, line), row.split(" "), strict=True):
            if wanted not in ("", DASH):
                words += 1
                right += found.strip(MARKS).lower() == wanted.lower()
                exact += found.strip(MARKS) == wanted
    return words, right / words, exact / words, words / seconds[0], words / seconds[1]


def invented(order: int, n: int) -> list[str]:
    """Pronunciations in no lexicon, each phone by the `order` - 1 before it."""
    following: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    known = set()
    for word, entry in lexicon().items():
        for said in entry.split(" ") if word.isalpha() and len(word) > 1 else ():
            known.add(said)
            row = ("^",) * (order - 1) + tuple(_phones(said)) + ("$",)
            for at in range(order - 1, len(row)):
                following[row[at - order + 1 : at]][row[at]] += 1
    chance = random.Random(order)
    found: list[str] = []
    while len(found) < n:
        row = ("^",) * (order - 1)
        while row[-1] != "$":
            after = following[row[len(row) - order + 1 :]]
            row += (chance.choices(list(after), list(after.values()))[0],)
        said = "".join(row[order - 1 : -1])
        if said not in known and said not in found and said.count("1") == 1 and 3 <= len(row) - order <= 14:
            found.append(said)
    return found


def _phones(said: str) -> list[str]:
    """The phones with their stress as it is."""
    whole = iter(said)
    return [next(whole) + "".join(next(whole) for _ in phone[1:]) for phone in phones_of(said)]


def coined(
    said: Sequence[str], find: Callable[[str], list[str]], model: Letters | None = None
) -> tuple[float, float, float, dict[str, str]]:
    """Shares read back the same and but for stress, ms of CPU time a word, and the spellings."""
    reader = Reader()
    reader.read(["wumblegong"])  # loads what guesses
    started = time.process_time()
    found = {phones: one for phones, (one, _) in coining.coin(said, reader.read, find, model).items()}
    elapsed_s = time.process_time() - started
    back = Reader().read([found[phones] for phones in said])
    same = sum(one == two for one, two in zip(said, back, strict=True))
    close = sum(without_stress(one) == without_stress(two) for one, two in zip(said, back, strict=True))
    return same / len(said), close / len(said), 1e3 * elapsed_s / len(said), found


def main() -> None:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `phon` does, before numpy is loaded
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="200 new words of each kind instead of 1,000")
    parser.add_argument(
        "--train", nargs="*", type=Path, default=[DATA / "shakespeare.txt", DATA / "wikitext2-valid.txt"]
    )
    parser.add_argument("--test", type=Path, default=DATA / "wikitext2-test.txt")
    options = parser.parse_args()
    n = 200 if options.quick else 1000
    print(f"{describe()}; CPU time\n")
    if options.test.is_file():
        print(f"| counts | words of {options.test.name} | right | and case | words/s, new text | again |")
        print("|---|---|---|---|---|---|")
        scribe = Scribe()
        names = " + ".join(path.name for path in options.train)
        for name, counts in ((names, count(scribe, options.train)), ("built in alone", None)):
            words, right, exact, first, again = prose(scribe, counts, options.test)
            print(f"| {name} | {words:,} | {right:.2%} | {exact:.2%} | {first:,.0f} | {again:,.0f} |")
    print("\n| new words | n | read back the same | but for stress | ms a word | such as |\n|---|---|---|---|---|---|")

    letters()
    known = Speller()

    def show(name: str, row: tuple[float, float, float, dict[str, str]]) -> None:
        same, close, ms, found = row
        examples = ", ".join(list(found.values())[:5])
        print(f"| {name} | {len(found)} | {same:.1%} | {close:.1%} | {ms:.1f} | {examples} |")

    for order in (4, 5):
        show(f"{order}-grams of phones", coined(invented(order, n), known.words))
    whole = [word for word in lexicon() if word.isalpha() and len(word) > 2 and is_held_out(word)]
    taken = random.Random(0).sample(whole, n)
    said = dict.fromkeys(lexicon()[word].partition(" ")[0] for word in taken)
    model = learn(align(entries(held_out=True)))
    for word in taken:  # from here on neither has them
        del lexicon()[word]
    others = {phones for entry in lexicon().values() for phones in entry.split(" ")}
    held_out = [phones for phones in said if phones not in others]
    known = Speller()
    show("held out of the lexicon", coined(held_out, known.words, model))


if __name__ == "__main__":
    main()
