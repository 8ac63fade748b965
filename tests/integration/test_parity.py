"""`phon prepare --engine g2p-en` as a command: the same on any number of cores, and never mixed with other data."""

import hashlib
import json
import random
from pathlib import Path

import pytest

from pipeline import blocks
from pipeline.cli import main
from tests import nltk_data


def prepare(corpus: Path, workspace: Path, *options: str) -> int:
    return main(["prepare", str(corpus), "--workspace", str(workspace), *options])


def parts(workspace: Path) -> list[str]:
    folder = workspace / "data" / "text"
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("part-*.parquet"))]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = nltk_data.write(tmp_path / "nltk_data")
    monkeypatch.setenv("NLTK_DATA", str(folder))
    return folder


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks so small that a small corpus is worth two workers."""
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1 << 11)


def test_the_number_of_workers_changes_no_byte(data: Path, tmp_path: Path, small_blocks: None) -> None:
    draw = random.Random(0)
    words = ["the", "The", "object", "objects,", "a", "house", "yes.", "to", "we", "-", "wumblegong", "1999", "x-ray"]
    lines = (" ".join(draw.choices(words, k=40)) for _ in range(300))
    (tmp_path / "corpus.txt").write_text("\n".join(lines), encoding="utf-8")
    for workers in ("1", "2"):
        options = ("--engine", "g2p-en", "--workers", workers, "--unit", "line")
        assert prepare(tmp_path / "corpus.txt", tmp_path / workers, *options) == 0
    assert parts(tmp_path / "1") == parts(tmp_path / "2") != []


def test_data_of_one_engine_are_not_taken_for_those_of_the_other(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "corpus.txt").write_text("We object to the house.\n", encoding="utf-8")
    made = []
    for options in ((), ("--engine", "g2p-en"), ("--engine", "g2p-en")):
        assert prepare(tmp_path / "corpus.txt", tmp_path, "--json", *options) == 0
        made.append(json.loads(capsys.readouterr().out))
    assert [done["up_to_date"] for done in made] == [False, False, True]
    assert made[0]["notation"]["options"] == {"form": "compact", "stress": True}
    assert made[1]["notation"]["options"] == {"form": "compact", "engine": "g2p-en", "stress": True}


def test_missing_data_is_told_in_two_lines(
    tmp_path: Path, small_blocks: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable in ("NLTK_DATA", "HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    (tmp_path / "corpus.txt").write_text("We object.\n" * 2_000, encoding="utf-8")
    for workers in ("1", "2"):
        assert (
            prepare(tmp_path / "corpus.txt", tmp_path, "--engine", "g2p-en", "--unit", "line", "--workers", workers)
            == 1
        )
        error, hint = capsys.readouterr().err.strip().splitlines()[-2:]
        assert error.startswith("error: g2p-en needs nltk's averaged_perceptron_tagger_eng")
        assert hint.startswith(
            "hint: python -m nltk.downloader cmudict averaged_perceptron_tagger_eng; or set NLTK_DATA"
        )
