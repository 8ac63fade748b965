import gzip
import json
import re
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phonetic import gru
from phonetic.errors import PhoneticError
from phonetic.phones import phone_names

G2P_EN = Path(__file__).parents[4] / "shared" / "data" / "g2p_en" / "wikitext2-valid.jsonl.gz"
WORDS = ["gammarus", "xyzzy", "a", "qoph", "diastereoselectivity", "zanla", "brrrm", "homarus", "aaaaaaaaaaaaaaaaaaaa"]
WORDS += ["gammar", "gammaruses", "homari", "aa", "gammar"]  # beginnings that several share, and one word twice


def one_by_one(word: str, cap: int) -> list[str]:
    """g2p-en's decoding as plainly as it can be written: one word, one letter at a time."""
    w: dict[str, Any] = dict(np.load(gru.installed_file("checkpoint20.npz")))

    def cell(x: Any, h: Any, side: str) -> Any:
        i = w[f"{side}_w_ih"] @ x + w[f"{side}_b_ih"]
        g = w[f"{side}_w_hh"] @ h + w[f"{side}_b_hh"]
        r, z = np.split(1 / (1 + np.exp(-(i + g)[: 2 * len(h)])), 2)
        n = np.tanh(i[2 * len(h) :] + r * g[2 * len(h) :])
        return (1 - z) * n + z * h

    h = np.zeros(256, np.float32)
    for letter in [*(ord(letter) - ord("a") + 3 for letter in word), 2]:
        h = cell(w["enc_emb"][letter], h, "enc")
    said: list[str] = []
    previous = 2
    while len(said) < cap:
        h = cell(w["dec_emb"][previous], h, "dec")
        previous = int((w["fc_w"] @ h + w["fc_b"]).argmax())
        if previous == 3:
            break
        said.append(gru.PHONES[previous - 4])
    return said


def test_many_at_a_time_are_the_same_as_one_by_one() -> None:
    said = gru.guesser().predict(WORDS)
    for word, phones in zip(WORDS, said, strict=True):
        plain = one_by_one(word, gru.cap(word))
        assert phone_names(phones) == ["UW1" if phone == "UW" else phone for phone in plain]


def test_the_order_and_company_of_words_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    said = gru.guesser().predict(WORDS)
    assert gru.guesser().predict(WORDS[::-1])[::-1] == said
    monkeypatch.setattr(gru, "TOGETHER", 5)
    monkeypatch.setattr(gru, "BATCH", 2)
    assert gru.guesser().predict(WORDS) == said
    assert gru.guesser().predict([]) == []


def test_long_words_are_not_cut_at_twenty_phones() -> None:
    (said,) = gru.guesser().predict(["nedridrinekakabonetimilu"])
    assert len(phone_names(said)) > 20


@pytest.mark.skipif(not G2P_EN.exists(), reason="needs ../shared/data")
def test_g2p_en_itself_says_the_same() -> None:
    found: dict[str, list[str]] = {}
    with gzip.open(G2P_EN, "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            words, phones = record["text"].strip("= ").split(" "), " ".join(record["phones"]).split("   ")
            if len(words) == len(phones) and all(re.fullmatch("[A-Za-z]+", word) for word in words):
                found |= {word.lower(): said.split() for word, said in zip(words, phones, strict=True)}
    unknown = [word for word in ("homarus", "gammarus", "galericulata") if word in found]
    assert "gammarus" in unknown
    assert [phone_names(said) for said in gru.guesser().predict(unknown)] == [found[word] for word in unknown]


def test_a_missing_g2p_en_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(gru, "distribution", missing)
    with pytest.raises(PhoneticError, match="g2p-en is not installed"):
        gru.installed_file("checkpoint20.npz")
    monkeypatch.undo()
    with pytest.raises(PhoneticError, match=r"nothing\.npz is missing"):
        gru.installed_file("nothing.npz")
