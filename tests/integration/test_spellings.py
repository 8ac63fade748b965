"""What `phon prepare` counts for `phon spell`: the same bytes however it was done, small, and of use."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from phonetic.arpabet import Arpabet
from phonetic.counts import Counts
from pipeline import blocks, prepare, spellings
from pipeline.engines import map_ordered
from pipeline.spell import spellers
from pipeline.spellings import is_counted, read_counts
from tests.crash import tree
from train.errors import TrainError
from train.notation import load_notation
from train.workspace import Workspace

SENTENCES = [
    "The knight rode all night to their castle.",
    "There were two roads, too narrow to pass.",
    "Wren would write the right words by the wood.",
    'Corin said, "I knew you had new shoes."',
    "We sail for four hours to see the sea.",
]


def write(folder: Path, files: int) -> Path:
    folder.mkdir()
    for number in range(files):
        text = "\n".join(SENTENCES[(number + at) % 5] for at in range(4)) + f"\nPage {number}.\n"
        (folder / f"{number:03}.txt").write_text(text, encoding="utf-8")
    return folder


def run(corpus: Path, workspace: Path, **options: object) -> Path:
    notation = load_notation({"name": "arpabet", "options": {"form": "spaced"}})
    prepare.prepare([str(corpus)], Workspace(workspace), notation=notation, **{"workers": 1, **options})  # type: ignore[arg-type]
    return workspace / "data" / "text"


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1500)
    monkeypatch.setattr(blocks, "PART_BYTES", 3000)


def test_workers_and_kills_change_no_byte(tmp_path: Path, small_parts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = write(tmp_path / "corpus", 60)
    one = run(corpus, tmp_path / "one")
    assert len(list(one.glob("*.words"))) >= 4
    two = run(corpus, tmp_path / "two", workers=2)

    killed = 0

    class Killed(BaseException):
        pass

    def stumble(*arguments: Any, **named: Any) -> Iterator[Any]:
        for at, pair in enumerate(map_ordered(*arguments, **named)):
            if at == 2 + 3 * killed:
                raise Killed
            yield pair

    with monkeypatch.context() as patch:
        patch.setattr(prepare, "map_ordered", stumble)
        for killed in range(3):  # noqa: B007  (`stumble` reads it)
            with pytest.raises(Killed):
                run(corpus, tmp_path / "killed")
    late = run(corpus, tmp_path / "killed")
    assert tree(one) == tree(two) == tree(late)
    counts = Counts.load((one / spellings.NAME).read_bytes())
    assert counts.pairs["all night"] > 12  # of 48, in the blocks that are counted


@pytest.mark.parametrize("name", ["part-00001.words", spellings.NAME])
def test_damage_is_mended(tmp_path: Path, small_parts: None, name: str) -> None:
    corpus = write(tmp_path / "corpus", 30)
    folder = run(corpus, tmp_path / "w")
    whole = tree(folder)
    (folder / name).write_bytes(b"damage")
    if name == spellings.NAME:
        with pytest.raises(TrainError, match="checksum"):
            read_counts(folder)
    run(corpus, tmp_path / "w")
    assert tree(folder) == whole


def test_counted_parts_grow_rarer() -> None:
    assert [part for part in range(70) if is_counted(part, 0)] == [0, 1, 2, 4, 8, 16, 32, 64]
    assert [block for block in range(20) if is_counted(0, block)] == [*range(8), 8, 12, 16]
    assert [block for block in range(10) if is_counted(1, block)] == [0, 4, 8]
    assert not any(is_counted(3, block) for block in range(10))


def test_plain_text_has_no_counts(tmp_path: Path) -> None:
    prepare.prepare(
        [str(write(tmp_path / "corpus", 2))], Workspace(tmp_path), notation=load_notation({"name": "text"}), workers=1
    )
    assert not list((tmp_path / "data" / "text").glob("*.words"))
    assert read_counts(tmp_path / "data" / "text") is None


def test_a_corpus_of_ones_own_is_spelled_back(tmp_path: Path) -> None:
    run(write(tmp_path / "corpus", 5), tmp_path)
    speller = spellers(Workspace(tmp_path))(True)
    lines = Arpabet().convert(SENTENCES)
    words = [word for sentence in SENTENCES for word in sentence.split()]
    spelled = [word for line in speller.spell(lines) for word in line.split()]
    assert sum(one == other for one, other in zip(words, spelled, strict=True)) >= 0.975 * len(words)
