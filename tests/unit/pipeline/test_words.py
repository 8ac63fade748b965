import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from phonetic.arpabet import Arpabet
from phonetic.errors import PhoneticError
from pipeline.errors import PipelineError
from pipeline.notation import Choice
from pipeline.pronounce import Told, command
from pipeline.words import rhymes_command, rhymes_of, syllables_command


def test_words_are_cut_into_syllables() -> None:
    run = CliRunner().invoke(syllables_command, ["phonetic", "strengths", "1984"])
    assert run.output == ("phonetic   3  fA0-nE1-tI0k\nstrengths  1  strE1GkTs\n1984       5  nY1n-ti1n e1-ti0 fc1r\n")
    run = CliRunner().invoke(syllables_command, ["drawing", "--form", "spaced", "--json"])
    assert json.loads(run.output) == [{"word": "drawing", "syllables": 2, "phones": "D R AO1 - IH0 NG"}]


def test_rhymes_share_all_from_the_stressed_vowel_on() -> None:
    assert "relation" in rhymes_of("nation")[3]
    assert "nation" not in rhymes_of("nation")[2]
    assert {"seed", "said"} <= {word for words in rhymes_of("read").values() for word in words}  # said two ways
    assert "site" not in rhymes_of("sight")[1]  # it sounds the same
    assert "onion" not in {word for words in rhymes_of("nation").values() for word in words}
    run = CliRunner().invoke(rhymes_command, ["month"])
    assert run.output == "nothing in the lexicon rhymes with month\n"
    with pytest.raises(PipelineError, match="'a b' is no word that could rhyme"):
        rhymes_of("a b")


def test_each_word_is_explained() -> None:
    told = Told(Arpabet(lexicon={"blorg": "B L AO1 R G"}), as_json=True)
    rows = [json.loads(line) for line in told.lines(["The apple of 5 blorgs, unrewilded soooo gammarus read it."])]
    assert [(row["written"], row["found"]) for row in rows] == [
        ("The", "lexicon"),
        ("apple", "lexicon"),
        ("of", "lexicon"),
        ("5", "reading"),
        ("blorgs,", "user"),
        ("unrewilded", "guess"),
        ("soooo", "drawn out"),
        ("gammarus", "guess"),
        ("read", "homograph"),
        ("it.", "lexicon"),
    ]
    assert rows[0]["phones"] == "Di0"
    assert rows[3]["detail"] == "five"
    assert rows[8]["others"] == ["ri1d"] or rows[8]["others"] == ["rE1d"]


def test_explained_phones_are_those_of_the_conversion() -> None:
    text = "Dr. Smith's 20 well-known friends lead, the 8 of us (too)!"
    told = Told(Arpabet(), as_json=True)
    said = " ".join(json.loads(line)["phones"] for line in told.lines([text]))
    assert [said] == Arpabet().convert([text])


def test_the_explanation_is_a_table(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("lead L EH1 D\n", encoding="utf-8")
    options = ["--explain", "--to", "ipa", "--lexicon", str(tmp_path / "own.txt")]
    run = CliRunner().invoke(command, options, input="lead & a tear\n")
    assert run.output.splitlines() == [
        "word  found by         phones  or",
        "lead  user             ˈlɛd",
        "&     reading: and     ənd",
        "a     lexicon          ə",
        f"tear  {run.output.splitlines()[4][6:]}",
        "",
    ]


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="text has no phones to explain"):
        CliRunner().invoke(command, ["--explain", "--to", "text"], catch_exceptions=False)
    with pytest.raises(PipelineError, match="--json is for --explain"):
        CliRunner().invoke(command, ["--json"], catch_exceptions=False)
    with pytest.raises(PipelineError, match="--syllables means nothing for plain text"):
        Choice("text", {"syllables": True}).build()
    (tmp_path / "own.txt").write_text("word\n", encoding="utf-8")
    with pytest.raises(PhoneticError, match=r"own.txt, line 1: 'word' has no phones"):
        Choice("arpabet", {"lexicon": str(tmp_path / "own.txt")}).build()
