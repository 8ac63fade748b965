"""A chunk among its neighbours, which remembers how far it was looked around, and so what its reading depends on."""

from collections.abc import Sequence

_AFTER = ("",) * 5  # no reading looks farther


def edged(chunks: Sequence[str]) -> list[str]:
    """Chunks with `""` for those that are looked for before and after them."""
    return ["", *chunks, *_AFTER]


class Company:
    """A chunk by 0, the one before it by -1, those after it by 1 and up; `""` where there is none.

    Args:
        edged: A text's chunks, as `edged` gives them.
        i: Which of them, as counted without edges.

    Attributes:
        reach: How many chunks on either side may have been looked at.
    """

    def __init__(self, edged: Sequence[str], i: int) -> None:
        self._edged, self._here = edged, i + 1
        self.reach = 0

    def __getitem__(self, at: int) -> str:
        if at > self.reach:
            self.reach = at
        elif at < 0 and not self.reach:
            self.reach = 1
        return self._edged[self._here + at]
