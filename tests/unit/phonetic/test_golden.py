"""The page of conversions in tests/golden."""

from pathlib import Path

import pytest

from phonetic.arpabet import Arpabet

PAGE = Path(__file__).parents[2] / "golden" / "conversions.txt"
FORMS = (("compact", True), ("spaced", True), ("compact", False), ("spaced", False))


def page() -> list[tuple[str, str, list[str]]]:
    """Class, text and expected lines of each entry."""
    entries: list[tuple[str, str, list[str]]] = []
    name = ""
    for line in PAGE.read_text(encoding="utf-8").split("\n= ", 1)[1].split("\n"):
        if line.startswith("    "):
            entries[-1][2].append(line[4:])
        elif (line.startswith("= ") and line[2].isupper()) or not name:
            name = line.removeprefix("= ")
        elif line:
            entries.append((name, line, []))
    return entries


@pytest.mark.parametrize("name", list(dict.fromkeys(name for name, _, _ in page())))
def test_each_text_on_the_page_is_said_as_it_stands_there(name: str) -> None:
    notations = [Arpabet(form=form, stress=stress) for form, stress in FORMS]
    for entry, text, expected in page():
        if entry == name:
            assert [notation.convert([text])[0] for notation in notations[: len(expected)]] == expected, text


def test_the_page_is_long_enough_to_mean_something() -> None:
    assert sum(len(expected) for _, _, expected in page()) >= 150
