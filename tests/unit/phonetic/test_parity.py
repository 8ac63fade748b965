"""`--engine g2p-en` says what g2p-en says, and writes it so that it can be checked."""

import gzip
import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from phonetic.arpabet import Arpabet
from phonetic.errors import PhoneticError
from phonetic.gru import guesser
from phonetic.parity import Parity
from phonetic.phones import compact, phone_names
from pipeline.errors import PipelineError
from pipeline.notation import Choice
from pipeline.pronounce import command
from tests import nltk_data
from train.errors import TrainError
from train.notation import describe, load_notation


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small folder of nltk's data, which is found."""
    folder = nltk_data.write(tmp_path / "nltk_data")
    monkeypatch.setenv("NLTK_DATA", str(folder))
    return folder


def words_of(phones: list[str]) -> list[str]:
    """The words, compact, of what g2p-en gives; no marks."""
    tokens = " ".join(phones).split("   ")
    return [compact(token) for token in tokens if token[:1].isalpha()]


@pytest.mark.parametrize("name", ["wikitext2-valid", "shakespeare"])
def test_every_token_is_as_g2p_en_has_it(shared_data: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NLTK_DATA", str(shared_data / "nltk_data"))
    with gzip.open(shared_data / "g2p_en" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    assert len(records) == {"wikitext2-valid": 2461, "shakespeare": 32777}[name]
    engine = Parity()
    written = engine.read([record["text"] for record in records])
    for record, line in zip(records, written, strict=True):
        assert engine.phones(record["text"]) == record["phones"]
        assert [word.rstrip(",.?!") for word in line.split(" ") if word not in ("", "-")] == words_of(record["phones"])
    assert [line for line in written[::20] if Arpabet(engine="g2p-en").problems(line)] == []


def test_a_homograph_is_said_by_its_part_of_speech(data: Path) -> None:
    noun, verb = "AA1 B JH EH0 K T", "AH0 B JH EH1 K T"  # which g2p-en has swapped, and so have we
    for text, said in [
        ("We object", noun),
        ("to object", noun),
        ("the object.", verb),
        ("a a a a a a a a a a the Object", verb),  # decided by what is far from the line's beginning
        ("object", verb),
        ("the to . . object", verb),  # the dots are one token, which has no tag of its own
    ]:
        assert Parity().phones(text)[-len(said.split()) - 2 * text.endswith(".") :][: len(said.split())] == said.split()
        assert compact(said) in Parity().read([text])[0].rstrip(".").split(" ")


def test_the_first_pronunciation_counts_and_the_rest_is_guessed(data: Path) -> None:
    tally: dict[str, Counter[str]] = {}
    (line,) = Parity().read(["A yes: a wumblegong, a wumblegong!"], tally)
    guess = guesser(20).predict(["wumblegong"])[0]
    assert line == f"A0 yE1s A0 {guess}, A0 {guess}!"
    assert tally["oov"] == {"wumblegong": 2}


def test_guesses_stop_at_twenty_phones_and_hyphens_are_nothing_known(data: Path) -> None:
    engine = Parity()
    assert len(engine.phones("nedridrinekakabonetimilu")) == 20
    assert engine.phones("house-house") == phone_names(guesser(20).predict(["house-house"])[0])
    assert engine.phones("xq-zv") == phone_names(guesser(20).predict(["xq'zv"])[0]) != engine.phones("xqzv")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Yes, the house... yes?!", "yE1s, DA0 hW1s... yE1s?!"),
        ("yes , yes . . yes", "yE1s, yE1s. yE1s"),
        ("yes - yes -- yes -", "yE1s - yE1s - yE1s"),
        ("yes , - yes - , yes", "yE1s, - yE1s, - yE1s"),
        ("... - yes", "yE1s"),
        ("the yes' 'house'", "DA0 yE1s hW1s"),
        ("don't x-ray", "do1nt E1ksre2"),
        ("  yes  “yes”  — ", "yE1s yE1s"),
        ("yes\n\nyes.\n- yes", "yE1s yE1s. yE1s"),
        ("5 yes/yes", f"fY1v {guesser(20).predict(['yesyes'])[0]}"),
        ("", ""),
        ("😀 日本 — \n", ""),
    ],
)
def test_what_is_kept_of_marks(data: Path, text: str, line: str) -> None:
    assert Arpabet(engine="g2p-en").convert([text]) == [line]


def test_the_list_is_g2p_en_s_own(data: Path) -> None:
    assert Parity().phones("Yes, 5 . . -") == ["Y", "EH1", "S", " ", ",", " ", "F", "AY1", "V", " ", ". .", " ", "-"]
    assert Parity().phones("日本") == []


def test_each_form_is_written_and_checked(data: Path) -> None:
    text = "Shh! Don't - shh, the houses."
    for notation in (
        Arpabet(engine="g2p-en"),
        Arpabet("spaced", engine="g2p-en"),
        Arpabet(stress=False, syllables=True, variant=["weak-vowel"], engine="g2p-en"),
    ):
        (sample,) = notation.convert([text])
        assert notation.problems(sample) == []
    assert sample.startswith("S! dont - S, DA h")


def test_words_without_a_vowel_are_valid_only_where_they_come_from(data: Path) -> None:
    # g2p-en says some that our own lexicon does not have, and they cannot be left out.
    assert Arpabet(engine="g2p-en").problems("brr kt") == []
    assert [reason for _, _, reason in Arpabet().problems("brr")] == ["a word without a vowel"]
    assert "CONSONANT ( CONSONANT)*" in Arpabet(engine="g2p-en").grammar()
    assert "CONSONANT ( CONSONANT)*" not in Arpabet().grammar()


def test_own_words_come_first(data: Path) -> None:
    notation = Arpabet(engine="g2p-en", lexicon={"yes": "Y AE1", "object": "B"} | {"object": "AA1 B"})
    assert notation.convert(["Yes, we object."]) == ["y@1, wi1 a1b."]


def test_the_engine_is_part_of_what_data_say_of_themselves() -> None:
    spec = describe(Arpabet(engine="g2p-en"))
    assert spec["options"] == {"form": "compact", "engine": "g2p-en", "stress": True}
    assert describe(load_notation(spec)) == spec
    assert "engine" not in describe(Arpabet())["options"]
    assert Choice("arpabet", {"engine": "g2p-en"}).build().options == spec["options"]


def test_a_notation_is_there_without_any_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NLTK_DATA", str(tmp_path))
    assert Arpabet(engine="g2p-en").problems("yE1s") == []


@pytest.mark.parametrize("package", sorted(nltk_data.PACKAGES))
def test_missing_data_is_named_with_how_to_get_it(data: Path, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(data / package)
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(data))
    with pytest.raises(PhoneticError, match=f"{package} is in no folder of nltk's data") as caught:
        Parity().read(["yes"])
    assert caught.value.hint.startswith("python -m nltk.downloader cmudict averaged_perceptron_tagger_eng")


def test_data_may_be_packed_and_in_any_folder_of_nltk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nltk_data.write(tmp_path / "home" / "nltk_data", packed=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.setenv("NLTK_DATA", str(tmp_path / "nothing"))
    assert Parity().read(["the object"]) == ["DA0 A0bJE1kt"]


def test_damaged_data_is_told_in_one_line(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tagger,) = data.glob("taggers/*/*.weights.json")
    tagger.write_text('{"bias": ', encoding="utf-8")
    with pytest.raises(PhoneticError, match="averaged_perceptron_tagger_eng is damaged"):
        Parity().read(["object"])
    nltk_data.write(data / "packed", packed=True)
    zipped = data / "packed" / "corpora" / "cmudict.zip"
    zipped.write_bytes(zipped.read_bytes()[:40])
    monkeypatch.setenv("NLTK_DATA", str(data / "packed"))
    with pytest.raises(PhoneticError, match=r"cmudict\.zip cannot be read"):
        Parity().read(["yes"])


def test_what_g2p_en_cannot_do_is_refused(data: Path) -> None:
    with pytest.raises(PhoneticError, match="arpabet has no engine 'espeak'"):
        Arpabet(engine="espeak")
    with pytest.raises(PhoneticError, match="unspeakable cannot be 'keep'"):
        Arpabet(engine="g2p-en", unspeakable="keep")
    with pytest.raises(TrainError, match="ipa has no option 'engine'"):
        Choice("ipa", {"engine": "g2p-en"}).build()
    with pytest.raises(PipelineError, match="--explain tells of phon's own engine"):
        CliRunner().invoke(command, ["--engine", "g2p-en", "--explain"], catch_exceptions=False)


def test_the_filter_takes_the_engine(data: Path) -> None:
    run = CliRunner().invoke(command, ["--engine", "g2p-en", "--form", "spaced"], input="The house.\nyes\n")
    assert run.output == "DH AH0 | HH AW1 S .\nY EH1 S\n"
