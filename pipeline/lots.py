"""Items of a stream in lists of a certain weight, so that memory stays flat."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def gather(items: Iterable[T], weight: Callable[[T], int], enough: int) -> Iterator[list[T]]:
    """Items in lists that weigh at least `enough`, but for the last."""
    held: list[T] = []
    total = 0
    for item in items:
        held.append(item)
        total += weight(item)
        if total >= enough:
            yield held
            held, total = [], 0
    if held:
        yield held
