import re
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import automaton as automata
from pipeline import expression as module
from pipeline.automaton import NEVER, Automaton, all_but, both, smallest
from pipeline.dictionary import dictionary
from pipeline.errors import PipelineError
from pipeline.expression import (
    anyone,
    automaton,
    embedded,
    literal,
    one_character,
    repeat,
    respelled,
    sequence,
    utf8_spans,
)
from pipeline.grammar import NotRegular, lark, regex

ATOMS = st.sampled_from(["a", "b", "é", "[ab]", "[^a]", ".", r"\d", "(?:ab|c)", "(a|bé|)", "x?"])
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        inner.map(lambda one: f"(?:{one})*"),
        inner.map(lambda one: f"(?:{one}){{1,3}}"),
    ),
    max_leaves=4,
)
TEXTS = st.text(st.sampled_from("abcéx7\n🎉"), max_size=5)


def of(pattern: str, flags: str = "") -> Automaton:
    return automaton(regex(pattern, flags))


@settings(deadline=None, max_examples=40)
@given(PATTERNS, PATTERNS, TEXTS)
def test_expressions_are_read_as_python_reads_them(one: str, other: str, text: str) -> None:
    mine, yours = of(one), of(other)
    assert mine.accepts(text) == bool(re.fullmatch(one, text))
    assert both(mine, yours).accepts(text) == bool(re.fullmatch(one, text) and re.fullmatch(other, text))
    assert all_but(mine).accepts(text) != mine.accepts(text)
    whole = automaton(sequence(embedded(mine), literal("-"), embedded(yours)))
    assert whole.accepts(f"{text}-{text}") == bool(re.fullmatch(f"(?:{one})-(?:{other})", f"{text}-{text}"))


@settings(deadline=None, max_examples=25)
@given(PATTERNS)
def test_the_shortest_ending_is_as_long_as_is_said(pattern: str) -> None:
    made = of(pattern)
    ring, length = {0}, 0
    while not any(made.ends[state] for state in ring):
        ring = {int(after) for state in ring for after in made.after[state] if after >= 0}
        length += 1
    assert made.left[0] == length


def test_equal_languages_are_equal_automata() -> None:
    one, other = of("(ab|ac)*(b|c|d)"), of("(a[bc])*[b-d]")
    assert one.after.tolist() == other.after.tolist() and one.ends.tolist() == other.ends.tolist()
    assert one.kinds.tolist() == other.kinds.tolist()


@settings(deadline=None, max_examples=40)
@given(st.integers(0, sys.maxunicode), st.integers(0, sys.maxunicode), st.characters(codec="utf-8"))
def test_every_character_of_a_range_is_in_it_and_no_other(first: int, last: int, character: str) -> None:
    made = automaton(one_character([(first, last)]))
    assert made.accepts(character) == (first <= ord(character) <= last)
    for span in utf8_spans(first, last):
        assert all(low <= high for low, high in span)


def test_words_share_their_beginnings_and_ends() -> None:
    words = {f"{a}{b}{c}" for a in ("un", "re", "") for b in ("tie", "cover") for c in ("s", "d", "")}
    made = automaton(anyone(words))
    assert all(made.accepts(word) for word in words) and not made.accepts("untied s") and not made.accepts("unties ")
    assert len(made.ends) < 15


def test_nothing_may_be_left() -> None:
    made = both(of("a+"), of("b+"))
    assert not made.ends.any() and made.left[0] == NEVER and not made.accepts("")


GRAMMAR = r"""
// numbers with signs
start: sign? NUMBER ("," NUMBER)~0..2 [tail]
sign: "+" | "-"   // either
?tail: "e" "A".."C" -> ending
     | /[xy]{2}/i
     | "\"\u00e9"i
NUMBER: /[0-9]+/
"""


@pytest.mark.parametrize("text", ["1", "+12,3", "-1,2,3eB", "7Xy", '7"É'])
def test_lark_grammars_are_read(text: str) -> None:
    made = automaton(lark(GRAMMAR))
    assert made.accepts(text) and not made.accepts(text + "?") and not made.accepts("1,2,3,4")


@pytest.mark.parametrize(
    ("grammar", "kind", "message"),
    [
        ('start: "(" start ")" | "x"', NotRegular, "rule 'start' contains itself"),
        ('start: a\na: b "x"\nb: a | "y"', NotRegular, "rule 'a' contains itself"),
        ("%import common.INT\nstart: INT", NotRegular, "directives"),
        ("start: other", PipelineError, "no rule 'other'"),
        ('begin: "x"', PipelineError, "no rule 'start'"),
        ('start: ("x" | "y"', PipelineError, r"'\(' is not closed"),
        ('start: "x"~many', PipelineError, "'many' is no number of times"),
        (r"start: /a(?=b)/", NotRegular, "assert in a regular expression"),
        (r"start: /a(/", PipelineError, "is no regular expression"),
        ('start: "x" @', NotRegular, "'@' is not read here"),
    ],
)
def test_what_cannot_be_read_is_told(grammar: str, kind: type[PipelineError], message: str) -> None:
    with pytest.raises(kind, match=message):
        automaton(lark(grammar))


def test_a_grammar_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_STATES", 1000)
    with pytest.raises(PipelineError, match="more than 1,000 states"):
        automaton(repeat(repeat(literal("x"), 200), 200))


@given(st.sets(st.binary(max_size=4).map(lambda text: bytes(97 + byte % 3 for byte in text)), min_size=1))
def test_a_dictionary_has_its_texts_and_as_few_states_as_can_be(texts: set[bytes]) -> None:
    made = dictionary(sorted(texts))
    tried = {text + more for text in texts for more in (b"", b"a", b"b")} | {text[:-1] for text in texts} | {b""}
    assert {text for text in tried if made.accepts(text.decode())} == tried & texts
    assert len(made.ends) == len(smallest(made).ends)


def test_a_text_stands_for_a_byte() -> None:
    made = automaton(respelled(of("a[b\x01]*i"), 1, "xi"))
    assert [made.accepts(text) for text in ("ai", "abxii", "axibi", "a\x01i", "axi", "abx")] == [True] * 3 + [False] * 3


def test_a_large_automaton_is_asked_by_halving(monkeypatch: pytest.MonkeyPatch) -> None:
    made, small = of("(ab|[c-f]{2})*x"), of("(ab|[c-f]{2})*x")
    monkeypatch.setattr(automata, "DENSE", 0)
    states, kinds = (array.reshape(-1) for array in np.indices(small.after.shape))
    assert (made.step(states, kinds) == small.after.reshape(-1)).all()
