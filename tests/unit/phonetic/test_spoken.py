"""The list of numbers, signs and short forms in tests/golden, and how many of them are read as Americans do."""

import re
from pathlib import Path

import pytest

from phonetic.arpabet import Arpabet
from phonetic.g2p import LETTERS

GOLDEN = Path(__file__).parents[2] / "golden"
PAGE = GOLDEN / "spoken.txt"
NOTATION = Arpabet(stress=False)


def page(path: Path = PAGE) -> list[tuple[str, str, list[str]]]:
    """Class, text and the readings that are right, of each entry."""
    entries: list[tuple[str, str, list[str]]] = []
    name = text = ""
    for line in path.read_text(encoding="utf-8").split("\n= ", 1)[1].splitlines():
        if line.startswith("    "):
            entries.append((name, text, line.strip().split(" | ")))
        elif not name or re.match("= [A-Z][a-z]", line):
            name = line.removeprefix("= ")
        else:
            text = line
    return entries


def sounds(sample: str) -> str:
    """A sample's phones, without its punctuation and where its words part; either form of "the" is the same."""
    words = re.sub(r"""[^A-Za-z@ ]""", "", sample).split()
    return "".join("DA" if word == "Di" else word for word in words)


def aloud(reading: str) -> str:
    """How a reading sounds; a capital by itself is a letter's name."""
    words = re.split(r"\b([A-Z])\b(?!')", reading)
    said = [LETTERS[part.lower()] if at % 2 else NOTATION.convert([part])[0] for at, part in enumerate(words)]
    return sounds(" ".join(said))


def is_right(text: str, readings: list[str]) -> bool:
    return sounds(NOTATION.convert([text])[0]) in [aloud(reading) for reading in readings]


@pytest.mark.parametrize("name", list(dict.fromkeys(name for name, _, _ in page())))
def test_what_stands_on_the_list_is_read_as_americans_read_it(name: str) -> None:
    wrong = [text for entry, text, readings in page() if entry == name and not is_right(text, readings)]
    assert wrong == []


def test_a_list_by_another_hand_is_read_too() -> None:
    entries = page(GOLDEN / "spoken_elsewhere.txt")
    assert len(entries) == 100
    wrong = [text for _, text, readings in entries if not is_right(text, readings)]
    assert wrong == ["They rent a 500 sq. ft. studio."]  # said: square feet


def test_the_list_tells_right_from_wrong() -> None:
    assert len(page()) > 500
    assert not is_right("$5", ["five"])
    assert not is_right("in 1984", ["in one thousand nine hundred eighty four"])
