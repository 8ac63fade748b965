"""What is said for chunks, remembered: in whatever company, or in the one they are in.

Words that neighbours decide are remembered by as many of them as have mattered for that chunk so far.
"""

from collections.abc import Iterator, Sequence
from operator import length_hint


class Expansion(str):
    """The words said for a chunk among others.

    Attributes:
        plain: The chunk in plain words.
        used: Chunks that it is said for.
        marks: That close the word before it.
        lost: Why something is dropped.
        is_operator: Whether the chunk is a sign that stands between two names or numbers.
        reach: How many chunks on either side may have decided it.
    """

    __slots__ = ("is_operator", "lost", "marks", "plain", "reach", "used")
    plain: tuple[str, ...]
    used: int
    marks: Sequence[str]
    lost: Sequence[str]
    is_operator: bool
    reach: int


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
    reach: int = 0,
) -> Expansion:
    """An `Expansion`, and a `Special` one if it is that."""
    is_special = not words or "-" in words or used > 1 or marks or lost or is_operator
    made = Special(words) if is_special else Expansion(words)
    made.plain, made.used, made.marks, made.lost = plain, used, marks, lost
    made.is_operator, made.reach = is_operator, reach
    return made


NEW = expansion("")  # for a chunk that is in neither memory


class Said(dict[str, str]):
    """Words of chunks by themselves; where neighbours decide, those of a chunk in its company.

    Attributes:
        settled: Words of chunks by their company.
        chunks: Those of a line; and, as they are looked up, the `rest` of them.
        left: Those of them whose words are `Special`.
        new: Those of them that are `NEW`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.settled: dict[str, str] = {}
        self.left: list[int] = []
        self.new: list[int] = []
        self._reach: dict[str, int] = {}  # how many chunks on either side have mattered to one
        self.chunks: Sequence[str] = ()
        self.rest: Iterator[str] = iter(())

    def line(self, chunks: Sequence[str]) -> list[str]:
        """What is said for each of a line's chunks."""
        self.forget_line()
        self.chunks, self.rest = chunks, iter(chunks)
        return list(map(self.__getitem__, self.rest))

    def forget_line(self) -> None:
        """Make room for the next one."""
        self.left.clear()
        self.new.clear()

    def __missing__(self, chunk: str) -> str:
        reach = self._reach.get(chunk)
        chunks, after = self.chunks, length_hint(self.rest)
        i = len(chunks) - after - 1
        if reach is None:
            said: str = NEW
        elif reach == 1 and i and after:  # as `_company` has it, but sooner
            said = self.settled.get(f"{chunks[i - 1]} {chunk} {chunks[i + 1]}", NEW)
        elif not reach:
            said = self.settled.get(chunk, NEW)
        else:
            said = self.settled.get(_company(chunks, i, reach), NEW)
        if said.__class__ is Special:
            self.left.append(i)
            if said is NEW:
                self.new.append(i)
        return said

    def find(self, chunks: Sequence[str], i: int) -> str | None:
        """What is remembered of a chunk in its company."""
        reach = self._reach.get(chunks[i])
        return None if reach is None else self.settled.get(_company(chunks, i, reach))

    def settle(self, i: int, said: str, reach: int) -> None:
        """Remember what is said for one of the chunks that were looked up last.

        Args:
            i: Which of them.
            said: What `line` is to find from now on.
            reach: How many chunks on either side may have decided it.
        """
        chunk = self.chunks[i]
        known = self._reach.get(chunk, -1)
        if known < reach:
            self._reach[chunk] = reach
        else:
            reach = known
        self.settled[_company(self.chunks, i, reach)] = said

    def clear(self) -> None:
        """Forget all."""
        super().clear()
        self.settled.clear()
        self._reach.clear()


def _company(chunks: Sequence[str], i: int, reach: int) -> str:
    """A chunk and as many on either side, a space for each that is not there, so that the chunk is in the middle."""
    if not reach:
        return chunks[i]
    before, missing = i - reach, i + reach + 1 - len(chunks)
    if before >= 0 >= missing:
        return " ".join(chunks[before : i + reach + 1])
    return " " * -before + " ".join(chunks[max(0, before) : i + reach + 1]) + " " * missing
