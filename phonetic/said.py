"""What is said for chunks, remembered, in whatever company or in the one they are in; and lines made of it.

Words that neighbours decide are remembered by as many of them as mattered, and looked up by one on either side first,
then by the fewest.
"""

import re
from collections.abc import Sequence
from itertools import chain
from sys import intern
from typing import Self

from phonetic.format import add_closing
from phonetic.g2p import LETTERS

_DASHES = re.compile("-(?: -)+")


class Expansion(str):
    """The words said for a chunk among others.

    Attributes:
        plain: The chunk in plain words.
        used: Chunks that it is said for.
        marks: That close the word before it.
        lost: Why something is dropped.
        is_operator: Whether the chunk is a sign that stands between two names or numbers.
    """

    __slots__ = ("is_operator", "lost", "marks", "plain", "used")
    plain: tuple[str, ...]
    used: int
    marks: Sequence[str]
    lost: Sequence[str]
    is_operator: bool

    @property
    def is_words(self) -> bool:
        """Whether it is words, a dash perhaps, and nothing else."""
        return bool(self) and self.used == 1 and not (self.marks or self.lost or self.is_operator)


class Special(Expansion):
    """Words that are more than to be put in: the line is looked through because of them."""

    __slots__ = ()


def expansion(
    words: str,
    plain: tuple[str, ...] = (),
    used: int = 1,
    marks: Sequence[str] = (),
    lost: Sequence[str] = (),
    is_operator: bool = False,
) -> Expansion:
    """An `Expansion`, and a `Special` one if it is that."""
    is_special = not words or "-" in words or used > 1 or marks or lost or is_operator
    made = Special(words) if is_special else Expansion(words)
    made.plain, made.used, made.marks, made.lost, made.is_operator = plain, used, marks, lost, is_operator
    return made


MANY = 1 << 14  # new chunks that are laid together
COPIES = 4  # of them: all but the last fill the gaps
NEW = expansion("")  # for a chunk that is in neither memory


def closed(word: str, marks: str) -> str:
    """A word with more marks after it; after a dash, or nothing, there is none that they could close."""
    return add_closing(word, marks) if marks and word and word[-1] != "-" else word


def line_of(said: list[str], places: Sequence[int], dropped: list[str]) -> str:
    """The line of what is said for chunks, with all that expansions ask for; these are in some of the places."""
    silent: list[int] = []
    for i in places:
        found = said[i]
        if not isinstance(found, Special):
            continue  # these are words, or were read with a chunk before them
        if found.lost:
            dropped += found.lost
        if not found:
            silent.append(i)
        if found.used > 1:
            for taken in range(i + 1, i + found.used):
                said[taken] = ""
                silent.append(taken)
        if i and (found.marks or found.is_operator):
            last = i - 1  # where the word before it is
            while last and not said[last]:
                last -= 1
            word = said[last]
            for marks in found.marks:
                said[last] = word = closed(word, marks)
            if found.is_operator and (word == "A0" or word.endswith(" A0")):
                said[last] = word[:-2] + LETTERS["a"]  # a = b
    for i in reversed(silent):
        del said[i]
    line = " ".join(said)
    if "-" not in line:
        return line
    return (_DASHES.sub("-", line) if "- -" in line else line).strip("- ")


class Said(dict[str, str]):
    """Words of chunks by themselves; where neighbours decide, those of a chunk in its company.

    Attributes:
        missed: Chunks that were looked up and not found, for which there is None in the place of words.
        settled: Words of chunks by their company.
    """

    __slots__ = ("_expansions", "_packed", "_reaches", "missed", "settled")  # which are found sooner
    missed: list[str]

    def __new__(cls) -> Self:
        """A memory with a class of its own: a class is asked what to do with what is missed, and in C is soonest."""
        missed: list[str] = []
        own = type(cls.__name__, (cls,), {"__slots__": (), "__missing__": missed.append})
        made: Self = super().__new__(own)
        made.missed = missed
        return made

    def __init__(self) -> None:
        super().__init__()
        self.settled: dict[str, str] = {}
        self._expansions: dict[str, Expansion] = {}  # what some of these words stand for
        self._reaches: dict[str, tuple[int, ...]] = {}  # how many chunks on either side have ever mattered to one
        self._packed = 0  # so many chunks, the first ones, lie together

    def pack(self) -> None:
        """Lay chunks and their words side by side in memory, if many have come since that was done last.

        Each came to lie where a gap was when it was met, and a stream is read a twelfth faster where they lie together.
        """
        if len(self) < self._packed:
            self._packed = 0  # all were forgotten
        if len(self) < self._packed + MANY:
            return
        new = [self.popitem() for _ in range(len(self) - self._packed)]
        lines = "\n".join(chain.from_iterable(reversed(new)))
        copies = [lines.split("\n") for _ in range(COPIES)]
        self.update(zip(copies[-1][::2], copies[-1][1::2], strict=True))
        self._packed = len(self)

    def line(self, chunks: Sequence[str]) -> tuple[list[str], list[int], list[int]]:
        """What is said for each of a line's chunks; where that is `Special`, and where of these it is `NEW`."""
        found = [*map(self.__getitem__, chunks)]
        return found, *self.fill_in(chunks, found)

    def fill_in(self, chunks: Sequence[str], found: list[str]) -> tuple[list[int], list[int]]:
        """Put what is said among neighbours in the place of what was missed; the rest is as for `line`."""
        left, new = [], []
        reaches, settled = self._reaches.get, self.settled.get
        last = len(chunks) - 1
        i = -1
        for chunk in self.missed:
            i = chunks.index(chunk, i + 1)
            # As `_company` has it, but sooner; most that is decided is decided by these.
            said = settled(f"{chunks[i - 1] if i else ''} {chunk} {chunks[i + 1] if i < last else ''}")
            if said is None:
                for reach in reaches(chunk, ()):
                    if reach != 1 and (said := settled(_company(chunks, i, reach))) is not None:
                        break
                else:
                    said = NEW
                    new.append(i)
            found[i] = said
            if said.__class__ is Special:
                left.append(i)
        self.missed.clear()
        return left, new

    def find(self, chunks: Sequence[str], i: int) -> tuple[Expansion, int] | None:
        """What is remembered of a chunk in its company, and how many on either side may have decided it."""
        for reach in self._reaches.get(chunks[i], ()):
            company = _company(chunks, i, reach)
            found = self._expansions.get(company) or self.settled.get(company)
            if isinstance(found, Expansion):
                return found, reach
        return None

    def settle(self, chunks: Sequence[str], i: int, said: str, reach: int) -> None:
        """Remember what is said for a chunk in this company, of which so many on either side may have decided it."""
        reaches = self._reaches.get(chunks[i], ())
        if reach not in reaches:
            self._reaches[chunks[i]] = tuple(sorted((*reaches, reach)))
        company = _company(chunks, i, reach)
        if said.__class__ is Expansion:
            self._expansions[company] = said
        # One string for all that are alike: it is looked up so often that it stays near the processor.
        self.settled[company] = said if said.__class__ is Special else intern(str(said))

    def forget_company(self) -> None:
        """Forget all that was settled."""
        self.settled.clear()
        self._expansions.clear()
        self._reaches.clear()


def _company(chunks: Sequence[str], i: int, reach: int) -> str:
    """A chunk and as many on either side, a space for each that is not there, so that the chunk is in the middle."""
    if not reach:
        return chunks[i]
    before, missing = i - reach, i + reach + 1 - len(chunks)
    if before >= 0 >= missing:
        return " ".join(chunks[before : i + reach + 1])
    return " " * -before + " ".join(chunks[max(0, before) : i + reach + 1]) + " " * missing
