"""The same text gives the same files, wherever and however it is prepared."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SURROUNDINGS = {
    "plain": {"PYTHONHASHSEED": "0"},
    "other hashes": {"PYTHONHASHSEED": "1"},
    "any hashes, Turkish": {"PYTHONHASHSEED": "random", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
    "C": {"LC_ALL": "C", "LANG": "C", "TZ": "Pacific/Kiritimati"},
    "two workers": {"LC_ALL": "ja_JP.UTF-8", "TZ": "America/St_Johns"},
}


def tree(folder: Path) -> dict[str, str]:
    """Hashes of all files but locks."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def made(place: Path, number: int, name: str) -> dict[str, str]:
    """What is made of the sample corpus, its files created in some order, from some folder, under some umask."""
    samples, corpus = ROOT / "samples" / "corpus", place / "corpus"
    names = sorted(path.relative_to(samples) for path in samples.rglob("*.txt"))
    for path in names if number % 2 else reversed(names):
        (corpus / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(samples / path, corpus / path)
    here = place / "elsewhere"
    here.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **SURROUNDINGS[name]}
    workers = ["--workers", "2"] if name == "two workers" else ["--workers", "1"]
    for stage in (["prepare", os.path.relpath(corpus, here), *workers], ["tokenizer"]):
        command = [sys.executable, "-m", "pipeline.cli", *stage, "--workspace", str(place)]
        done = subprocess.run(
            command, cwd=here, env=environment, umask=0o077 if number % 2 else 0o002, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    return tree(place / "data")


def test_surroundings_decide_nothing(tmp_path: Path) -> None:
    found = {}
    for number, name in enumerate(SURROUNDINGS):
        (tmp_path / str(number)).mkdir()
        found[name] = made(tmp_path / str(number), number, name)
    assert len(found["plain"]) > 8
    for name, hashes in found.items():
        different = {path for path in found["plain"] if hashes.get(path) != found["plain"][path]}
        assert hashes == found["plain"], (name, different)


@pytest.mark.parametrize("name", ["TZ", "LC_ALL"])
def test_the_surroundings_differ(name: str) -> None:
    assert len({settings.get(name) for settings in SURROUNDINGS.values()}) > 2
