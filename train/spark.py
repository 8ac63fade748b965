"""A figure through a run as bars of text, in memory and width that do not grow with the run."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

LEVELS = " ▁▂▃▄▅▆▇█"
KEPT = 512  # values of a trace; an even number
SHOWN = 0.9  # of the values are inside the bars' range: the start of a training would flatten all the rest


class Trace:
    """The values of a figure in order; when they are too many, neighbours become their mean."""

    def __init__(self) -> None:
        self.means: list[float] = []
        self._each = 1  # values in a mean
        self._open: list[float] = []

    def add(self, value: float) -> None:
        """One more value; what is not a number is left out."""
        if not math.isfinite(value):
            return
        self._open.append(value)
        if len(self._open) < self._each:
            return
        self.means.append(math.fsum(self._open) / self._each)
        self._open.clear()
        if len(self.means) == KEPT:
            self.means = [(a + b) / 2 for a, b in zip(self.means[::2], self.means[1::2], strict=True)]
            self._each *= 2


class Bars(NamedTuple):
    """Lines of text from the top, and the values at the top's and the bottom's edge."""

    lines: list[str]
    high: float
    low: float


def bars(values: Sequence[float], width: int, height: int) -> Bars:
    """The values (one at least) as `width` bars, each the mean of its share of them, on `height` lines.

    A tenth of the bars may be higher than the top, and are cut there.
    """
    edges = [len(values) * i / width for i in range(width + 1)]
    shares = [values[int(a) : max(int(a) + 1, int(b))] for a, b in pairwise(edges)]
    means = [math.fsum(share) / len(share) for share in shares]
    low, high = min(means), sorted(means)[math.ceil(SHOWN * (width - 1))]
    top = height * (len(LEVELS) - 1)
    eighths = [1 + round((top - 1) * min(1.0, (mean - low) / ((high - low) or 1.0))) for mean in means]
    lines = [
        "".join(LEVELS[max(0, min(8, eighth - 8 * below))] for eighth in eighths) for below in reversed(range(height))
    ]
    return Bars(lines, high, low)
