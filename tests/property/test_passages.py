"""Laws of cutting: no word is lost, moved or split; no passage is too long; the same text is cut the same way."""

from collections import Counter
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.decoding import lines
from pipeline.passages import cut, paragraphs, passages, pieces

WORDS = st.sampled_from(["word", "end.", "“Why?”", "Mr.", "A", "x,", "no!", "é", "…", "(so)", "\u00a0", "\u2028", "--"])
GAPS = st.sampled_from([" ", "  ", "\n", "\n\n", "\n \n", "\t", " \n"])
TEXTS = st.lists(st.tuples(WORDS, GAPS), max_size=80).map(lambda pairs: "".join(word + gap for word, gap in pairs))
LIMITS = st.integers(1, 12)


@given(TEXTS | st.text(), LIMITS, st.sampled_from(["auto", "passage", "line", "paragraph"]))
def test_the_words_of_the_pieces_are_the_words_of_the_text(text: str, limit: int, unit: str) -> None:
    found = list(pieces(text.split("\n"), unit, limit))
    assert [word for piece in found for word in piece.split()] == text.split()
    assert found == list(pieces(text.split("\n"), unit, limit))
    if unit in ("auto", "passage"):
        assert all(len(piece.split()) <= limit for piece in found)
    assert all(piece.strip() for piece in found)


@given(TEXTS, LIMITS)
@example("a " * 13, 12)
def test_no_two_neighbours_would_fit_into_one(text: str, limit: int) -> None:
    sizes = [len(piece.split()) for piece in passages(paragraphs(text.split("\n")), limit)]
    assert all(one + other > limit for one, other in pairwise(sizes))


@given(st.integers(1, 300), LIMITS)
def test_words_without_joints_are_shared_out_evenly(count: int, limit: int) -> None:
    sizes = [len(part.split()) for part in cut(" ".join(["w"] * count), limit)]
    assert sum(sizes) == count
    assert len(sizes) == -(-count // limit)
    assert max(sizes) - min(sizes) <= 1


@given(st.text(alphabet="ab \n"), st.lists(st.integers(0, 40)))
def test_lines_do_not_depend_on_the_chunks(text: str, places: list[int]) -> None:
    cuts = sorted({0, len(text), *(place for place in places if place < len(text))})
    chunks = [text[start:end] for start, end in pairwise(cuts)]
    expected = text.split("\n")
    assert list(lines(chunks, Counter())) == (expected if expected[-1] else expected[:-1])
