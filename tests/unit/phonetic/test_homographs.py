from difflib import SequenceMatcher
from pathlib import Path

import pytest

from phonetic.arpabet import Arpabet
from phonetic.homographs import Homographs, word_class
from phonetic.reader import Reader

PAGE = Path(__file__).parents[2] / "golden" / "homographs.txt"
ELSEWHERE = PAGE.with_name("homographs_elsewhere.tsv")


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("I *object to that", "A0bJE1kt"),
        ("the *object of it", "a1bJE0kt"),
        ("They *refuse the offer", "rA0fyu1z"),
        ("I *live here", "lI1v"),
        ("a *live show", "lY1v"),
        ("the *wind blew", "wI1nd"),
        ("*Wind the clock", "wY1nd"),
        ("we will *lead them", "li1d"),
        ("I will *read it", "ri1d"),
        ("She has *read it", "rE1d"),
        ("I *used to run", "yu1st"),
        ("It is *used to cut", "yu1zd"),
        ("some *polish is left", "pa1lI0S"),
        ("*Close the door", "klo1z"),
        ("He stood *close to me", "klo1s"),
        ("the *rebels won", "rE1bA0lz"),
        ("to *rewrite it", "ri0rY1t"),
    ],
)
def test_the_words_beside_it_decide(sentence: str, said: str) -> None:
    chunks = sentence.split(" ")
    (at,) = [i for i, chunk in enumerate(chunks) if chunk.startswith("*")]
    word = chunks[at] = chunks[at][1:]
    assert Homographs().choose(word, chunks, at) == said


def test_entries_that_g2p_en_has_wrong_are_mended() -> None:
    known = Homographs()
    assert "accents" not in known  # the same twice
    assert known.choose("segment", ["We", "will", "segment", "it"], 2) == "sE2gmE1nt"  # verb and noun swapped there


def test_classes_of_words() -> None:
    assert [word_class(word) for word in ("the", "would", "quickly", "dogs", "1914", ",", "nation")] == list("DMAZQ,N")


def test_the_listed_sentences_are_read_right() -> None:
    lines = PAGE.read_text(encoding="utf-8").split("\n\n", 1)[1].splitlines()
    wrong = []
    for marked, said in zip(lines[::2], lines[1::2], strict=True):
        (at,) = [i for i, word in enumerate(marked.split(" ")) if word.startswith("*")]
        (line,) = Reader().read([marked.replace("*", "")])
        if line.split(" ")[at].strip(".?") != said.strip():
            wrong.append(marked)
    assert wrong == []
    assert len(lines) == 2 * 100


def test_sentences_by_another_hand_are_mostly_read_right() -> None:
    """Eighty words, two sentences each, one for each reading; 132 were right at first sight, ties counted as wrong."""
    notation = Arpabet(form="spaced")
    lines = ELSEWHERE.read_text(encoding="utf-8").splitlines()
    right = []
    for sentence, word, this, that in (line.split("\t") for line in lines):
        chunks, words = sentence.split(), notation.convert([sentence])[0].split(" | ")
        assert len(chunks) == len(words)
        (at,) = [i for i, chunk in enumerate(chunks) if chunk.strip(".,;:?!\"'").lower() == word]
        near, far = (1 - SequenceMatcher(None, plain(words[at]), plain(one)).ratio() for one in (this, that))
        right.append(near < far)
    assert len(right) == 160 and sum(right) >= 132


def plain(phones: str) -> list[str]:
    """The phones of a word; weak vowels that dictionaries write either way are one."""
    return [phone.replace("IH0", "AH0") for phone in phones.split() if phone[0].isalpha()]
