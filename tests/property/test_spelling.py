"""Laws of spelling back: whatever comes in, the same comes out, and it is read as it was said."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from phonetic.arpabet import Arpabet
from phonetic.forms import read_phones
from phonetic.ipa import Ipa
from phonetic.lexicon import lexicon
from phonetic.phones import CONSONANT_LETTERS, VOWEL_LETTERS, without_stress
from phonetic.spell import Speller
from phonetic.written import Written

ENGLISH = Arpabet()
SPELLER = Speller()
FORMS: list[Written] = [
    ENGLISH,
    Arpabet(form="spaced"),
    Arpabet(syllables=True),
    Arpabet(form="spaced", syllables=True),
    Ipa(),
    Ipa(syllables=True),
]
WORDS = st.sampled_from(sorted(word for word in lexicon() if word.isalpha()))
TEXT = st.lists(WORDS | st.sampled_from(["The", "I.", '"No,"', "(yes)", "3:30", "U.S.", "–", "o'clock"])).map(" ".join)
PHONES = st.lists(
    st.lists(
        st.sampled_from([*(v + d for v in VOWEL_LETTERS for d in "012"), *CONSONANT_LETTERS]), min_size=1, max_size=5
    )
    .map("".join)
    .map(lambda word: word + "A1"),
    min_size=1,
    max_size=2,
).map(" ".join)


def test_spell_and_pronounce_agree_on_the_lexicon() -> None:
    words = sorted(word for word in lexicon() if "." not in word)
    said = ENGLISH.convert(words)
    spelled = SPELLER.spell(said)
    wrong = [
        (word, spelling)
        for word, one, spelling, again in zip(words, said, spelled, ENGLISH.convert(spelled), strict=True)
        if one != again
    ]
    # Only neighbours can tell bow from beau, or house from how's, and alone the commoner reading is right.
    assert len(wrong) < 0.001 * len(words), wrong


@given(TEXT)
@settings(max_examples=50)
def test_words_are_never_glued_or_parted_and_marks_stay(text: str) -> None:
    (line,) = ENGLISH.convert([text])
    (spelled,) = SPELLER.spell([line])
    assert len(spelled.split(" ")) == len(line.split(" "))
    marks = [re.sub(r'[^.,;:?!"()]', "", word) for word in line.split(" ")]
    if "U.S." not in text:  # its stops are letters of the word
        assert [re.sub(r'[^.,;:?!"()]', "", word) for word in spelled.split(" ")] == marks


@given(TEXT)
@settings(max_examples=50)
def test_all_forms_are_the_same_phones(text: str) -> None:
    (line,) = ENGLISH.convert([text])
    for notation in FORMS:
        phones, problems = read_phones(notation.convert([text])[0], notation.form)
        assert problems == []
        # IPA shows that it bears stress only where something is stressed.
        assert phones.line == (line if phones.stress else without_stress(line))


@given(st.text(max_size=40) | PHONES)
@settings(max_examples=20)
def test_anything_is_spelled_and_always_in_the_same_way(line: str) -> None:
    (spelled,) = SPELLER.spell([line])
    assert [spelled] == SPELLER.spell([line])
    assert len(spelled.split(" ")) == len(line.split(" "))


@given(st.lists(TEXT, max_size=4))
@settings(max_examples=30)
def test_lines_are_spelled_one_by_one_as_together(texts: list[str]) -> None:
    lines = ENGLISH.convert(texts)
    assert SPELLER.spell(lines) == [SPELLER.spell([line])[0] for line in lines]
