from collections import Counter
from collections.abc import Sequence

import pytest

from phonetic import coin as coining
from phonetic.arpabet import Arpabet
from phonetic.coin import coin, difference, distance, spelled_out
from phonetic.counts import MOST_PAIRS, PAIRS, WORDS, Counts
from phonetic.forms import COMPACT, IPA, SPACED, form_of, is_phones, read_phones
from phonetic.homophones import BEGINS, CAPITAL, SMALL, Model
from phonetic.ipa import Ipa
from phonetic.letters import letters
from phonetic.scribe import Scribe
from phonetic.spell import Speller


def counted(*texts: str) -> Counts:
    """What some texts tell of spelling."""
    scribe = Scribe()
    tally = {WORDS: Counter[str](), PAIRS: Counter[str]()}
    scribe.count(texts, scribe.read(texts), tally)
    return Counts(tally[WORDS], tally[PAIRS])


def back(text: str, **options: object) -> str:
    return Speller(**options).spell(Arpabet().convert([text]))[0]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "There are two knights too many, and their horses won.",
        'She said, "I would read the red book."',
        "We knew it was a new one – I know.",
        "They ate at eight.",
    ],
)
def test_homophones_are_told_apart_by_their_neighbours(text: str) -> None:
    corpus = [text, "I said no.", "Too many cooks spoil it.", "Their horses are two.", "At eight they came."] * 3
    assert back(text, counts=counted(*corpus)) == text


def test_numbers_come_back_as_words() -> None:
    assert back("In 1942 they had 62 ships.") == "In nineteen forty two they had sixty two ships."


def test_names_are_written_as_the_corpus_writes_them() -> None:
    line = "we saw Tarrow and mr. Crake's FBI"
    text = "Then they left Tarrow. Nobody met Crake's FBI there."
    assert back(line) != back(line, counts=counted(*[text] * 3))
    assert back(line, counts=counted(*[text] * 3)).endswith("Tarrow and mister Crake's FBI")


def test_each_word_of_a_text_is_known_by_its_spelling() -> None:
    scribe = Scribe()
    text = 'In 1999 Dr. Smith-Jones read "It" at 3:30 – well.'
    (line,) = scribe.read([text])
    words = [word for word, _ in scribe.spelled(text, line)]
    assert words == "In nineteen ninety nine doctor Smith Jones read It at three thirty - well".split()  # noqa: SIM905


def test_new_words_are_marked_and_read_back_the_same() -> None:
    (line,) = Arpabet().convert(["the flimtastic wugs"])
    (marked,) = Speller().spell([line], "*")
    words = marked.split(" ")
    assert words[0] == "The" and all(word.startswith("*") and word.endswith("*") for word in words[1:])
    assert Arpabet().convert([marked.replace("*", "")]) == [line]


def test_the_users_words_come_back() -> None:
    assert back("x", lexicon={"zorble": "Z AO1 R B AH0 L"}) == "X"
    assert Speller(lexicon={"zorble": "Z AO1 R B AH0 L"}).spell(["A0 zc1rbA0l."], "*") == ["A zorble."]


def test_mergers_and_missing_stress_are_allowed_for() -> None:
    text = "caught in the pen by a writer"
    merged = Arpabet(variant=["cot-caught"]).convert([text])
    assert "caught" in Speller(counted(text), variant=["cot-caught"]).spell(merged)[0].lower()
    plain = Arpabet(stress=False).convert([text])
    assert Speller(counted(text), stress=False).spell(plain) == ["Caught in the pen by a writer"]


def test_a_notation_spells_its_own_samples() -> None:
    for notation in (Arpabet(), Arpabet(form="spaced", stress=False), Ipa(syllables=True)):
        assert notation.spell(notation.convert(["He walks by the river."])[0]) == "He walks by the river."


def test_words_that_are_none_are_left_as_they_are() -> None:
    assert Speller().spell(["", "!!", "{日本}", "fA1n  -"]) == ["", "!!", "日本", "Fun  –"]


def test_counts_are_the_same_after_reading_them_back() -> None:
    counts = counted("One two, two three.", "The\tend's near: O'Neil. 'Tis.")
    assert Counts.load(counts.dump()) == counts
    assert Counts.load(Counts.empty().dump()) == Counts.empty()
    with pytest.raises(ValueError):
        Counts.load(b"damage")


def test_counts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_PAIRS < 10**6
    monkeypatch.setattr("phonetic.counts.MOST_WORDS", 3)
    parts = [Counts(Counter({f"a{at}": 1 + at, f"b{at}": 1}), Counter()) for at in range(20)]
    assert Counts.merge(parts).words == {"a19": 20, "a18": 19, "a17": 18}


def test_a_words_case_depends_on_where_it_stands() -> None:
    words = Counter({"amay\tme1": 9, "AMay\tme1": 5, "^may\tme1": 3, "aI\tY1": 4})
    model = Model([(Counts(words, Counter()), 1.0)])
    assert [model.written("may", place) for place in (BEGINS, SMALL, CAPITAL)] == ["May", "may", "May"]
    assert model.written("i", SMALL) == "I"


def test_a_pair_outweighs_a_commoner_word() -> None:
    counts = Counts(Counter({"ato\ttu1": 90, "atwo\ttu1": 10}), Counter({"forty two": 5, "went to": 50}))
    model = Model([(counts, 1.0)])
    choices = [("to", 1.0), ("two", 1.0)]
    assert model.likeliest("forty", [choices], "") == ("two",)
    assert model.likeliest("went", [choices], "") == ("to",)


def test_the_likeliest_letters_come_first() -> None:
    (first, *_) = letters().spellings("kA0nE1kSA0n", 5)
    assert first.letters == "connection"
    assert letters().spellings("", 3)[0].letters == ""


def test_a_model_of_letters_survives_its_file() -> None:
    again = type(letters()).load(letters().dump())
    assert [one.letters for one in again.spellings("flI1mbA0", 9)] == [
        one.letters for one in letters().spellings("flI1mbA0", 9)
    ]


def test_what_the_engine_reads_right_is_taken() -> None:
    def say(words: Sequence[str]) -> list[str]:
        return ["blO1k" if word == second else "x" for word in words]

    second = letters().spellings("blO1k", 4)[1].letters
    assert coin(["blO1k"], say) == {"blO1k": (second, True)}
    spelling, is_right = coin(["blO1k"], lambda words: ["blO1k1"] * len(words))["blO1k"]
    assert spelling.startswith("bl") and not is_right


def test_coining_ends_soon_when_nothing_is_read_right(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def say(words: Sequence[str]) -> list[str]:
        asked.append(len(words))
        return ["A0"] * len(words)

    coin(["strE1GTs"], say)
    assert sum(asked) < 40 + coining.NEAREST * coining.TRIED * coining.PATIENCE


def test_initials_are_known_by_their_names() -> None:
    assert [one.letters for one in spelled_out("E2fbi2Y1")] == ["FBI"]
    assert "TVs" in [one.letters for one in spelled_out("ti2vi1z")]


def test_a_wrong_stress_is_less_than_a_wrong_phone() -> None:
    assert 0 < distance("k@1t", "k@0t") < distance("k@1t", "k@1p") == 1
    assert difference("k@1ts", "kA1ts") == (1, 1)


@pytest.mark.parametrize(
    ("line", "form", "sure"),
    [
        ("fA0nE1tI0k I1GglI0S", COMPACT, True),
        ("F AH0 N EH1 T IH0 K | IH1 NG", SPACED, True),
        ("fəˈnɛtɪk", IPA, True),
        ("he said so", COMPACT, False),
        ("Hello, world!", COMPACT, False),
        ("", COMPACT, False),
    ],
)
def test_forms_are_told_apart(line: str, form: str, sure: bool) -> None:
    assert form_of(line) == form
    assert is_phones(line) == sure


def test_what_is_no_phones_is_placed() -> None:
    _, problems = read_phones("fA0n xQ")
    assert (problems[0].start, problems[0].reason) == (5, "no symbol of this notation")
