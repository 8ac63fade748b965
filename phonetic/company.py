"""A chunk among its neighbours, which remembers how far it was looked around, and so what its reading depends on."""

from collections.abc import Sequence

HERE, BEFORE = -1, 0  # how far, where only the chunk itself was looked at, and where also the one before it
WHOLE = 6  # chunks from the one before it on, all that is ever looked at
_AFTER = ("",) * (WHOLE - 1)


def edged(chunks: Sequence[str]) -> list[str]:
    """Chunks with `""` for those that are looked for before and after them."""
    return ["", *chunks, *_AFTER]


class Company:
    """A chunk by 0, the one before it by -1, those after it by 1 and up; `""` where there is none.

    Args:
        edged: A text's chunks, as `edged` gives them.
        i: Which of them, as counted without edges.

    Attributes:
        steps: Each time it was looked further than before, how far: BEFORE, or the farthest chunk after it. What is
            seen by a step is `edged[i : i + step + 2]`.
    """

    def __init__(self, edged: Sequence[str], i: int) -> None:
        self._edged, self._here = edged, i + 1
        self._reach = HERE
        self.steps: list[int] = []

    def __getitem__(self, at: int) -> str:
        if at and (reach := at if at > BEFORE else BEFORE) > self._reach:
            self._reach = reach
            self.steps.append(reach)
        return self._edged[self._here + at]
