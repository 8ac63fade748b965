"""Learn phonetic/data/cues.tsv: `python scripts/build_homographs.py wikipedia-train.tsv [--measure]`.

The input is the train split of Google's WikipediaHomographData (Apache-2.0): word, reading, byte offsets, sentence.
For each word the features of homographs.py are counted by reading; those that speak most clearly for one reading are
kept as cues, the clearest first. `--measure` keeps a fifth of the sentences out, learns from the rest, prints the share
right on that fifth, and writes nothing.
"""

import csv
import math
import sys
import zlib
from collections import Counter, defaultdict
from pathlib import Path
from statistics import fmean

from phonetic import homographs
from phonetic.fold import chunks_of
from phonetic.lexicon import DATA

MOST = 40  # cues a word
LEAST_SEEN = {"~": 3}  # a word near by must be seen more often than a neighbour
LEAST_CLEAR = 1.0  # log odds
SMOOTHING = 0.3

Example = tuple[str, str, str, list[str], int]  # word, reading, as written, chunks, where it stands


def read_examples(path: Path) -> list[Example]:
    """The sentences in chunks, with the place of the homograph."""
    examples = []
    with path.open(encoding="utf-8", newline="") as file:
        for word, reading, start, end, sentence in list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]:
            raw = sentence.encode()
            left, written, right = (
                part.decode() for part in (raw[: int(start)], raw[int(start) : int(end)], raw[int(end) :])
            )
            before, after = chunks_of(left), chunks_of(right)
            glued_left = before.pop() if before and not left[-1:].isspace() else ""
            glued_right = after.pop(0) if after and not right[:1].isspace() else ""
            chunks = [*before, glued_left + written + glued_right, *after]
            examples.append((word, reading, written, chunks, len(before)))
    return examples


def features(example: Example) -> list[str]:
    """The features of an example."""
    _, _, written, chunks, at = example
    before, after = homographs.context(chunks, at)
    return homographs.features(written, before, after) + homographs.features_nearby(before, after)


def learn(examples: list[Example]) -> dict[str, list[tuple[str, str]]]:
    """Each word's cues and their readings, the clearest first."""
    counts: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    totals: dict[str, Counter[str]] = defaultdict(Counter)
    for example in examples:
        totals[example[0]][example[1]] += 1
        for feature in set(features(example)):
            counts[example[0]][feature][example[1]] += 1
    cues = {}
    for word in sorted(counts):
        clear = []
        for feature, readings in counts[word].items():
            reading, seen = max(readings.items(), key=lambda item: (item[1], item[0]))
            odds = math.log((seen + SMOOTHING) / (readings.total() - seen + SMOOTHING))
            if seen >= LEAST_SEEN.get(feature[0], 2) and odds >= LEAST_CLEAR:
                clear.append((-odds, feature, reading))
        kept = [(feature, reading) for _, feature, reading in sorted(clear)[:MOST]]
        usual = max(totals[word].items(), key=lambda item: (item[1], item[0]))[0]
        while kept and kept[-1][1] == usual:
            kept.pop()  # the usual reading needs no cue after the last one against it
        cues[word] = kept
    return cues


def measure(examples: list[Example]) -> None:
    """Print how many of a fifth of the sentences are read right with cues from the others, and by majority alone."""
    held = [example for example in examples if zlib.crc32(" ".join(example[3]).encode()) % 5 == 0]
    cues = learn([example for example in examples if zlib.crc32(" ".join(example[3]).encode()) % 5])
    known = homographs.Homographs()
    readings = homographs.read_readings(DATA / "homographs.tsv")
    right = usual = 0
    by_reading: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for word, reading, written, chunks, at in held:
        if word not in readings:
            right, usual = right + 1, usual + 1  # both readings sound the same
            continue
        said_as = {name: said for name, _, said in readings[word]}
        entry = known._entries[word]
        entry.cues = {cue: said_as[name] for cue, name in cues[word]}
        is_right = known.choose(written, chunks, at) == said_as[reading]
        by_reading[word, reading].append(is_right)
        right += is_right
        usual += entry.usual == said_as[reading]
    balanced: dict[str, list[float]] = defaultdict(list)
    for (word, _), answers in by_reading.items():
        balanced[word].append(sum(answers) / len(answers))
    print(f"{len(held)} sentences: {right / len(held):.1%} right, {usual / len(held):.1%} by the usual reading alone")
    print(f"{fmean(map(fmean, balanced.values())):.1%} if each reading of a word counts alike")


def main() -> None:
    """Learn from the file on the command line."""
    examples = read_examples(Path(sys.argv[1]))
    if "--measure" in sys.argv:
        measure(examples)
        return
    known = homographs.read_readings(DATA / "homographs.tsv")
    lines = [f"{word}\t{name}\t{cue}" for word, cues in learn(examples).items() if word in known for cue, name in cues]
    (DATA / "cues.tsv").write_text("word\treading\tcue\n" + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(lines)} cues for {len(known)} words in {DATA / 'cues.tsv'}")


if __name__ == "__main__":
    main()
