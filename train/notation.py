"""What the rest of the program needs of a notation, and how one is found by name."""

from collections import Counter
from collections.abc import Mapping, MutableMapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NamedTuple, Protocol, runtime_checkable

from train.errors import TrainError

GROUP = "phon.notations"
Tally = MutableMapping[str, Counter[str]]


class Problem(NamedTuple):
    """One place where a sample breaks the notation's rules; offsets in characters."""

    start: int
    end: int
    reason: str


@runtime_checkable
class Notation(Protocol):
    """A way of writing. Small, deterministic and total: odd input never fails."""

    name: str
    version: str
    options: Mapping[str, Any]
    symbols: Sequence[str]  # the smallest meaningful units; no token may split one

    def convert(self, texts: Sequence[str], tally: Tally | None = None) -> list[str]:
        """Each text in this notation. `tally["oov"]` and `tally["dropped"]` count what was guessed or left out."""
        ...

    def problems(self, sample: str) -> Sequence[tuple[int, int, str]]:
        """Where and why `sample` is not valid; empty when it is."""
        ...

    def grammar(self) -> str | None:
        """A Lark grammar of the valid samples, if there is one."""
        ...

    def spell(self, sample: str) -> str | None:
        """The sample in ordinary language, if the notation can do that."""
        ...


def registered() -> dict[str, EntryPoint]:
    """Every installed notation by name. Nothing is imported."""
    return {entry.name: entry for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name)}


def load_notation(spec: Mapping[str, Any]) -> Notation:
    """The notation that `spec` describes: `{"name": ..., "options": {...}, "version": ...}`.

    Options that the notation does not take are refused; a `version` other than the installed one is refused too,
    since samples would then be judged by rules the text was not written under.

    Raises:
        TrainError: no such notation, an option it does not take, or another version.
    """
    name = spec["name"]
    found = registered()
    if name not in found:
        raise TrainError(f"no notation is called {name!r}", hint=f"there are: {', '.join(found)}")
    factory = found[name].load()
    options = dict(spec.get("options") or {})
    if options:
        import inspect  # a tenth of what loading the engine takes, which most do without options

        known = inspect.signature(factory).parameters
        if unknown := [option for option in options if option not in known]:
            takes = ", ".join(known) or "none"
            raise TrainError(f"the notation {name} has no option {unknown[0]!r}", hint=f"its options are: {takes}")
    notation: Notation = factory(**options)
    wanted = spec.get("version")
    if wanted is not None and wanted != notation.version:
        raise TrainError(
            f"this data was written by {name} version {wanted}; version {notation.version} is installed",
            hint="run the four commands again with the installed version",
        )
    return notation


def describe(notation: Notation) -> dict[str, Any]:
    """The spec that `load_notation` reads back."""
    return {"name": notation.name, "version": notation.version, "options": dict(notation.options)}
