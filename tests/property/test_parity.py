"""Laws of the engine that says what g2p-en says, for every text, on data made up."""

import re
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonetic.arpabet import Arpabet
from phonetic.parity import Parity
from phonetic.phones import compact
from tests import nltk_data

PIECES = st.sampled_from(
    re.split(
        " ",
        "the The to we object Object, object. refuse a house yes yes. shh xqz don't x-ray 5 1999 $3.5 . .. ... - -- ' "
        '" , ?! — 😀 日本 é ß end.the i.e. \n \t \u00a0 \x00 \x01 \x02',
    )
)
PROSE = st.lists(PIECES, max_size=12).map(" ".join) | st.lists(PIECES, max_size=6).map("".join)
ANY = PROSE | st.text(max_size=30)


@pytest.fixture(scope="module", autouse=True)
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = nltk_data.write(tmp_path_factory.mktemp("nltk") / "nltk_data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NLTK_DATA", str(folder))
        yield


@pytest.fixture(scope="module")
def old(data: None) -> Parity:
    """One that has read all that came before."""
    return Parity()


@given(st.lists(ANY, max_size=5))
def test_what_was_read_before_and_beside_changes_nothing(old: Parity, texts: list[str]) -> None:
    tally: dict[str, Counter[str]] = {}
    together = Parity().read(texts, tally)
    assert together == old.read(texts) == [old.read([text])[0] for text in texts]
    assert tally["oov"] == sum((counted(old, text) for text in texts), Counter())


def counted(engine: Parity, text: str) -> Counter[str]:
    tally: dict[str, Counter[str]] = {}
    engine.read([text], tally)
    return tally["oov"]


@given(ANY)
def test_whatever_is_converted_is_valid_and_on_one_line(old: Parity, text: str) -> None:
    for notation in (Arpabet(engine="g2p-en"), Arpabet("spaced", stress=False, engine="g2p-en")):
        notation._reader = old  # one that has its data
        (sample,) = notation.convert([text])
        assert notation.problems(sample) == []


@given(ANY)
def test_the_words_written_are_the_words_of_the_list(old: Parity, text: str) -> None:
    listed = []
    for line in text.split("\n"):
        tokens = " ".join(old.phones(line)).split("   ")
        listed += [compact(token) for token in tokens if token[:1].isalpha()]
    words = [word.rstrip(",.?!") for word in old.read([text])[0].split(" ")]
    assert [word for word in words if word not in ("", "-")] == listed
