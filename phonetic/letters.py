"""From phones to letters: the spellings that a pronunciation might have, the likeliest first.

A spelling is made of units, a phone or two with the letters for them, each by the three before it. They are in
phonetic/data/letters.zz, which scripts/build_letters.py learns from the lexicon.

Source: Bisani and Ney 2008, "Joint-sequence models for grapheme-to-phoneme conversion", turned round.
"""

import functools
import heapq
import zlib
from array import array
from collections.abc import Sequence
from typing import NamedTuple

from phonetic.lexicon import DATA
from phonetic.phones import split_phones

BEGIN, END = 0, 1  # units of no letters
SCALE = 12.0  # steps of a cost, minus the natural logarithm of a probability, in a byte
UNHEARD = 16.0  # the cost of a unit that is in no table
CACHE = 1 << 14  # places whose next units are kept, some 600 bytes each
BEAM = 24  # spellings of a beginning that are followed
Units = tuple[int, ...]
Order = tuple[dict[Units, dict[int, float]], dict[Units, float]]  # see Letters


class Spelling(NamedTuple):
    """One spelling of a pronunciation."""

    cost: float
    letters: str
    units: Units


class Letters:
    """The model.

    Args:
        units: Phones and letters of each unit; the first two are BEGIN and END.
        orders: For each length of history, the costs of units after each history, and of going back to a shorter one.
    """

    def __init__(
        self,
        units: Sequence[tuple[str, str]],
        orders: Sequence[Order],
    ) -> None:
        self.units = units
        self.choices: dict[str, list[int]] = {}
        for number, (phones, letters) in enumerate(units):
            if letters:
                self.choices.setdefault(phones, []).append(number)
        self._widths = [len(phones_of(phones)) for phones, _ in units]
        self._orders = orders
        self._nexts: dict[tuple[Units, str], list[tuple[float, int, str]]] = {}

    @property
    def reach(self) -> int:
        """How many units before it a unit goes by."""
        return len(self._orders) - 1

    def cost(self, history: Units, unit: int) -> float:
        """Minus the logarithm of the probability of a unit after others."""
        cost = 0.0
        while True:
            table, back = self._orders[len(history)]
            found = table.get(history)
            if found is not None:
                if unit in found:
                    return cost + found[unit]
                cost += back[history]
            if not history:
                return cost + UNHEARD
            history = history[1:]

    def spellings(self, pronunciation: str, most: int, beam: int = BEAM) -> list[Spelling]:
        """The likeliest spellings of compact phones, the best first; none where a phone has no letters."""
        phones = phones_of(pronunciation)
        nexts = self._nexts
        places: list[dict[str, tuple[float, Units]]] = [{} for _ in range(len(phones) + 1)]
        places[0][""] = (0.0, (BEGIN,) * self.reach)
        for at in range(len(phones)):
            paths = heapq.nsmallest(beam, [(cost, letters, units) for letters, (cost, units) in places[at].items()])
            for width in (1, 2):
                piece = "".join(phones[at : at + width])
                if at + width > len(phones) or piece not in self.choices:
                    continue
                place = places[at + width]
                for cost, letters, units in paths:
                    history = units[-self.reach :]
                    key = history, piece
                    found = nexts.get(key)
                    if found is None:
                        found = nexts[key] = self._after(history, piece)
                    for more, unit, written in found:
                        total = cost + more
                        spelled = letters + written
                        other = place.get(spelled)
                        if other is None or total < other[0]:
                            place[spelled] = total, (*units, unit)
        if len(nexts) > CACHE:
            nexts.clear()
        ends = [
            Spelling(cost + self.cost(units[-self.reach :], END), letters, units[self.reach :])
            for letters, (cost, units) in places[-1].items()
        ]
        return heapq.nsmallest(most, ends)

    def _after(self, history: Units, piece: str) -> list[tuple[float, int, str]]:
        return [(self.cost(history, unit), unit, self.units[unit][1]) for unit in self.choices[piece]]

    def others(self, spelling: Spelling, first: int, last: int) -> list[Spelling]:
        """The spellings that differ in the letters of one unit, at or beside the phones from `first` to `last`."""
        reach = self.reach
        row = (*(BEGIN,) * reach, *spelling.units, END)
        written = [self.units[unit][1] for unit in spelling.units]
        found = []
        end = 0
        for at, unit in enumerate(spelling.units):
            begin, end = end, end + self._widths[unit]
            if end < first or begin > last + 1:
                continue
            far = min(at + reach + 1, len(spelling.units) + 1)
            old = sum(self.cost(row[i : i + reach], row[i + reach]) for i in range(at, far))
            for other in self.choices[self.units[unit][0]]:
                if other != unit:
                    new = (*row[: at + reach], other, *row[at + reach + 1 :])
                    cost = (
                        spelling.cost - old + sum(self.cost(new[i : i + reach], new[i + reach]) for i in range(at, far))
                    )
                    letters = "".join([*written[:at], self.units[other][1], *written[at + 1 :]])
                    found.append(Spelling(cost, letters, new[reach:-1]))
        return found

    def dump(self) -> bytes:
        """The model as bytes, its costs rounded; `load` reads them."""
        parts = ["\n".join(f"{phones} {letters}" for phones, letters in self.units).encode()]
        for table, back in self._orders:
            rows = sorted((*history, unit) for history, found in table.items() for unit in found)
            parts += [array("H", column).tobytes() for column in zip(*rows, strict=True)]
            parts.append(bytes(_byte(table[row[:-1]][row[-1]]) for row in rows))
            parts.append(bytes(_byte(back[history]) for history in sorted(back)))
        lengths = array("I", [len(part) for part in parts]).tobytes()
        return zlib.compress(bytes([len(parts)]) + lengths + b"".join(parts), 9)

    @classmethod
    def load(cls, data: bytes) -> "Letters":
        """The model that `dump` wrote."""
        blob = zlib.decompress(data)
        lengths = array("I", blob[1 : 1 + 4 * blob[0]])
        parts = []
        at = 1 + 4 * blob[0]
        for length in lengths:
            parts.append(blob[at : at + length])
            at += length
        units = [tuple(line.split(" ")) for line in parts[0].decode().split("\n")]
        orders: list[Order] = []
        at = 1
        while at < len(parts):
            width = len(orders) + 1
            columns = [array("H", part) for part in parts[at : at + width]]
            table: dict[Units, dict[int, float]] = {}
            for *history, unit, cost in zip(*columns, parts[at + width], strict=True):
                table.setdefault(tuple(history), {})[unit] = cost / SCALE
            back = dict(zip(table, (cost / SCALE for cost in parts[at + width + 1]), strict=True))
            orders.append((table, back))
            at += width + 2
        return cls(units, orders)  # type: ignore[arg-type]  # each line has two words


def phones_of(pronunciation: str) -> list[str]:
    """The phones of a compact pronunciation, as the model knows them: with or without stress, whichever."""
    return split_phones(pronunciation.replace("2", "1"))


def _byte(cost: float) -> int:
    return min(255, max(0, round(cost * SCALE)))


@functools.cache
def letters() -> Letters:
    """The model of this process, read once."""
    return Letters.load((DATA / "letters.zz").read_bytes())
