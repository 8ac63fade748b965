"""What is said for chunks, remembered: in whatever company, or in the one they are in."""

from collections.abc import Iterator, Sequence
from operator import length_hint
from typing import Self

WINDOW = 5  # chunks on either side that may decide how one is read


class Expansion(str):
    """The words said for a chunk among others, where there is more to it than to put them in.

    Attributes:
        marks: That close the word before it.
        used: Chunks that it is said for.
        lost: Why something is dropped.
        plain: The chunk in plain words.
        is_operator: Whether the chunk is a sign that stands between two names or numbers.
    """

    def __new__(
        cls,
        words: str,
        marks: Sequence[str] = (),
        used: int = 1,
        lost: Sequence[str] = (),
        plain: tuple[str, ...] = (),
        *,
        is_operator: bool = False,
    ) -> Self:
        """Words and what else there is to them."""
        self = super().__new__(cls, words)
        self.marks, self.used, self.lost, self.plain, self.is_operator = marks, used, lost, plain, is_operator
        return self

    marks: Sequence[str]
    used: int
    lost: Sequence[str]
    plain: tuple[str, ...]
    is_operator: bool


def put_in(said: str) -> str:
    """What is said for a chunk as plain words, if they need only be put in."""
    if isinstance(said, Expansion) and (said.marks or said.lost or said.used > 1 or said.is_operator):
        return said
    if said and "-" not in said:
        return str(said)
    return said if isinstance(said, Expansion) else Expansion(said)


NEW = Expansion("\x02")  # for a chunk that is in neither memory


class Said(dict[str, str]):
    """Words of chunks by themselves; where neighbours decide, those of a chunk in its company.

    Attributes:
        settled: Words of chunks by their company, as they stand in a text.
        folded: The same, of texts that are folded as a whole.
        left: Of the chunks that were looked up last, those whose words are an `Expansion`.
        new: Those of them that are `NEW`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.settled: dict[str, str] = {}
        self.folded: dict[str, str] = {}
        self.left: list[int] = []
        self.new: list[int] = []
        self._chunks: Sequence[str] = ()
        self._rest: Iterator[str] = iter(())
        self._known = self.settled

    def line(self, chunks: Sequence[str], *, folded: bool = False) -> list[str]:
        """What is said for each of a line's chunks."""
        if self.left:
            self.left.clear()
            self.new.clear()
        self._known = self.folded if folded else self.settled
        self._chunks = chunks
        self._rest = rest = iter(chunks)
        return list(map(self.__getitem__, rest))

    def __missing__(self, chunk: str) -> str:
        chunks = self._chunks
        i = len(chunks) - 1 - length_hint(self._rest)
        said = self._known.get(_company(chunks, i), NEW)
        if said.__class__ is Expansion:
            self.left.append(i)
            if said is NEW:
                self.new.append(i)
        return said

    def settle(self, chunks: Sequence[str], i: int, said: str, *, folded: bool = False) -> None:
        """Remember what is said for a chunk in this company."""
        (self.folded if folded else self.settled)[_company(chunks, i)] = put_in(said)


def _company(chunks: Sequence[str], i: int) -> str:
    """A chunk with all that may decide how it is read; no two places have the same if there is a difference."""
    if i < WINDOW:
        return " " * (WINDOW - i) + " ".join(chunks[: i + WINDOW + 1])
    return " ".join(chunks[i - WINDOW : i + WINDOW + 1])
