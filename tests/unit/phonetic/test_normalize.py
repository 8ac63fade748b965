import pytest

from phonetic.company import Company, edged
from phonetic.fold import chunks_of
from phonetic.normalize import expand


def read(text: str) -> str:
    """What the first chunk and those it takes with it are read as."""
    pieces, used = expand(Company(edged(chunks_of(text)), 0))
    return f"{' '.join(pieces)} +{used}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1234", "twelve thirty four +1"),
        ("$3.50", "three dollars and fifty cents +1"),
        ("$1.5 million,", "one point five million dollars, +2"),
        ("3:30 p.m. and", "three thirty ~PM +2"),
        ("3 p.m. The", "three ~PM. +2"),
        ("1945-04-16", "April sixteenth nineteen forty five +1"),
        ("16 April 1945", "the sixteenth of +1"),
        ("1914–18", "nineteen fourteen to eighteen +1"),
        ("3 1/2 km", "three and a half kilometers +3"),
        ("20 °C.", "twenty degrees Celsius. +2"),
        ("5 sq mi", "five square miles +3"),
        ("(555) 123-4567", "five five five one two three four five six seven +2"),
        ("Dr. Smith", "doctor +1"),
        ("etc. And", "et cetera. +1"),
        ("U.S. Army", "~US +1"),
        ("World", "World +1"),
    ],
)
def test_a_chunk_is_read_with_what_follows_it(text: str, words: str) -> None:
    assert read(text) == words


@pytest.mark.parametrize(
    ("text", "at", "words"),
    [
        ("April 16,", 1, "sixteenth,"),
        ("Henry VIII", 1, "the eighth"),
        ("War II.", 1, "two."),
        ("5 – 6", 1, "to"),
        ("word – word", 1, "-"),
        ("a = b", 1, "equals"),
        ("Main St. is", 1, "street"),
        ("St. Louis", 0, "saint"),
    ],
)
def test_a_chunk_is_read_by_what_stands_before_it(text: str, at: int, words: str) -> None:
    assert " ".join(expand(Company(edged(chunks_of(text)), at))[0]) == words
