"""`phon prepare`: the same bytes from the same input, nothing done twice, neither split ever empty, flat memory."""

import io
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline import blocks, prepare
from pipeline.cli import main
from pipeline.document import ReadOptions
from pipeline.errors import PipelineError
from pipeline.notation import PlainText
from pipeline.split import KEYS, choose_split
from tests.crash import tree
from train.manifest import Manifest
from train.notation import Notation, Tally
from train.workspace import Workspace

WORDS = [
    "the",
    "sea",
    "was",
    "calm",
    "and",
    "nobody",
    "on",
    "a",
    "quay",
    "had",
    "seen",
    "one",
    "lamp",
    "burn",
    "so",
    "long",
]


def text(words: int, seed: int) -> str:
    """Some words in no order, a few of them in no lexicon; the same for the same seed."""
    chance = random.Random(seed)
    made_up = ["".join(chance.choices("aeioubdgklmnprst", k=7)) for _ in range(4)]
    return " ".join(chance.choices(WORDS + made_up, k=words))


def write(folder: Path, files: dict[str, str]) -> Path:
    """A corpus of these files."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    return folder


def some_files(count: int, words: int = 60) -> dict[str, str]:
    return {f"{'tales' if number % 2 else 'poems'}/{number:03}.txt": text(words, number) for number in range(count)}


def run(corpus: Path, workspace: Path, **named: Any) -> dict[str, Any]:
    """Prepare as plain text, in this process."""
    return prepare.prepare([str(corpus)], Workspace(workspace), **{"notation": PlainText(), "workers": 1, **named})


def rows(workspace: Path) -> list[dict[str, Any]]:
    """Every document that was written."""
    found = sorted((workspace / "data" / "text").glob("part-*.parquet"))
    return [row for path in found for row in pq.read_table(path).to_pylist()]


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five documents of `some_files` make a block, two blocks a part."""
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 2500)
    monkeypatch.setattr(blocks, "PART_BYTES", 5000)


@pytest.fixture
def converted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts converted from now on."""
    seen: list[str] = []
    convert = blocks.convert

    def watch(notation: Notation, lot: blocks.Lot) -> blocks.Converted:
        seen.extend(lot.texts)
        return convert(notation, lot)

    monkeypatch.setattr(prepare, "convert", watch)
    return seen


class Shy(PlainText):
    """Says no x: a document of them vanishes, and words with one are guessed."""

    name = "shy"

    def convert(self, texts: Sequence[str], tally: Tally | None = None) -> list[str]:
        if tally is not None:
            for one in texts:
                tally["oov"].update(word for word in one.split() if "x" in word and word.strip("x"))
                tally["dropped"].update({"x": one.count("x")} if "x" in one else {})
        return [" ".join(one.replace("x", "").split()) for one in texts]


@pytest.fixture
def shy(monkeypatch: pytest.MonkeyPatch) -> Shy:
    monkeypatch.setattr(prepare, "load_notation", lambda spec: Shy())
    return Shy()


def test_each_document_is_there_with_its_measures(tmp_path: Path) -> None:
    corpus = write(tmp_path / "corpus", {"poems/a.txt": "One\ntwo — three.", "b.txt": "Four."})
    run(corpus, tmp_path)
    found = {row["id"]: row for row in rows(tmp_path)}
    assert list(found) == ["b.txt", "poems/a.txt"]
    poem = found["poems/a.txt"]
    assert poem.pop("split_key") < KEYS
    assert poem == {
        "id": "poems/a.txt",
        "source": "poems/a.txt",
        "type": "poems",
        "text": "One two — three.",
        "n_bytes": len("One\ntwo — three.".encode()),
        "original": "One\ntwo — three.",
    }
    assert found["b.txt"]["type"] == ""


def test_the_manifest_tells_what_was_done(tmp_path: Path, shy: Shy) -> None:
    corpus = write(
        tmp_path / "corpus", {"t/a.txt": "oxen run, foxes run", "t/b.txt": "xx x", "u/c.txt": "foxes", "d.txt": " "}
    )
    done = run(corpus, tmp_path, notation=shy)
    made = Manifest.read(tmp_path / "data" / "text")
    assert made is not None
    assert made.damage(tmp_path / "data" / "text") is None
    counts = made.counts
    assert counts == {key: done[key] for key in counts} | {"oov_top": [["foxes", 2], ["oxen", 1]]}
    assert (counts["documents"], counts["words"], counts["bytes_in"]) == (2, 5, len("oxen run, foxes run" + "foxes"))
    assert counts["bytes_out"] == len("oen run, foes run" + "foes")
    assert (counts["oov"], counts["oov_distinct"]) == (3, 2)
    assert counts["left_out"] == {"x": 6}
    assert counts["dropped"] == {"empty": 1, "nothing to say": 1}
    assert counts["documents_by_type"] == {"t": 1, "u": 1}
    assert counts["documents_by_split"] == {"train": 1, "validation": 1}
    assert made.options["notation"] == {"name": "shy", "version": "1", "options": {}}
    assert [facts["name"] for facts in made.inputs] == ["d.txt", "t/a.txt", "t/b.txt", "u/c.txt"]


def test_originals_can_be_left_out(tmp_path: Path) -> None:
    run(write(tmp_path / "corpus", some_files(3)), tmp_path, keep_original=False)
    assert {row["original"] for row in rows(tmp_path)} == {None}


def test_the_second_time_nothing_is_done(tmp_path: Path, converted: list[str]) -> None:
    corpus = write(tmp_path / "corpus", some_files(10))
    first = run(corpus, tmp_path)
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "data" / "text").iterdir() if path.name != ".lock"}
    converted.clear()
    second = run(corpus, tmp_path)
    assert (first["up_to_date"], second["up_to_date"], converted) == (False, True, [])
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert second["documents"] == first["documents"] == 10


def test_a_longer_corpus_costs_its_new_parts_only(tmp_path: Path, small_parts: None, converted: list[str]) -> None:
    corpus = write(tmp_path / "corpus", {f"{number:03}.txt": text(60, number) for number in range(40)})
    run(corpus, tmp_path / "a")
    n_parts = len(list((tmp_path / "a" / "data" / "text").glob("*.parquet")))
    converted.clear()
    write(corpus, {"zzz.txt": "one more"})
    run(corpus, tmp_path / "a")
    assert n_parts > 3
    assert 1 <= len(converted) <= 12 and converted[-1] == "one more"
    run(corpus, tmp_path / "b")
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def test_a_shorter_corpus_leaves_no_old_part(tmp_path: Path, small_parts: None) -> None:
    corpus = write(tmp_path / "corpus", some_files(40))
    run(corpus, tmp_path / "a")
    for path in (corpus / "tales").iterdir():
        path.unlink()
    run(corpus, tmp_path / "a")
    run(corpus, tmp_path / "b")
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


@pytest.mark.parametrize("name", ["part-00001.parquet", "part-00001.json", "manifest.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
def test_damage_is_seen_and_mended(
    tmp_path: Path, small_parts: None, converted: list[str], name: str, damage: str
) -> None:
    corpus = write(tmp_path / "corpus", some_files(40))
    run(corpus, tmp_path / "w")
    whole = tree(tmp_path / "w")
    path = tmp_path / "w" / "data" / "text" / name
    data = path.read_bytes()
    middle = len(data) // 2
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(data[:middle] + (bytes([data[middle] ^ 1]) + data[middle + 1 :] if damage == "flip" else b""))
    converted.clear()
    assert not run(corpus, tmp_path / "w")["up_to_date"]
    assert tree(tmp_path / "w") == whole
    assert len(converted) < 40  # the other parts were kept


@pytest.mark.parametrize(
    "change", [{"keep_original": False}, {"validation": 0.5}, {"options": ReadOptions(unit="line")}, {"notation": None}]
)
def test_another_choice_is_other_work(tmp_path: Path, shy: Shy, change: dict[str, Any]) -> None:
    corpus = write(tmp_path / "corpus", some_files(10))
    run(corpus, tmp_path / "a")
    change = {key: value or shy if key == "notation" else value for key, value in change.items()}
    assert not run(corpus, tmp_path / "a", **change)["up_to_date"]
    run(corpus, tmp_path / "b", **change)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def test_another_split_converts_nothing(tmp_path: Path, converted: list[str]) -> None:
    corpus = write(tmp_path / "corpus", some_files(30))
    run(corpus, tmp_path, validation=0.1)
    converted.clear()
    assert run(corpus, tmp_path, validation=0.5)["documents_by_split"]["validation"] > 8
    assert converted == []


def test_a_corpus_that_cannot_be_read_leaves_the_old_result(tmp_path: Path) -> None:
    corpus = write(tmp_path / "corpus", some_files(10))
    run(corpus, tmp_path / "w")
    whole = tree(tmp_path / "w")
    (corpus / "zzz.txt").write_bytes(b"ab\xff")
    with pytest.raises(PipelineError, match="byte 2"):
        run(corpus, tmp_path / "w")
    assert tree(tmp_path / "w") == whole


def test_standard_input_is_never_taken_for_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for content in ("first text", "second text"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
        prepare.prepare(["-"], Workspace(tmp_path), notation=PlainText())
        assert [row["text"] for row in rows(tmp_path)] == [content]


@pytest.mark.parametrize("share", [1e-9, 0.05, 0.5, 1 - 1e-9])
@pytest.mark.parametrize("documents", [2, 3, 10])
def test_neither_split_is_empty(tmp_path: Path, documents: int, share: float) -> None:
    corpus = write(tmp_path / "corpus", some_files(documents))
    sizes = run(corpus, tmp_path, validation=share)["documents_by_split"]
    assert min(sizes.values()) >= 1 and sum(sizes.values()) == documents


def test_equal_documents_are_split_by_id(tmp_path: Path) -> None:
    corpus = write(tmp_path / "corpus", {f"{number}.txt": "all the same" for number in range(4)})
    done = run(corpus, tmp_path)
    assert done["documents_by_split"] == {"train": 3, "validation": 1}
    assert done["validation"] == {"below": 0, "ids": ["0.txt"]}


def test_one_document_is_for_training(tmp_path: Path) -> None:
    done = run(write(tmp_path / "corpus", {"a.txt": "alone"}), tmp_path, validation=0.999)
    assert done["documents_by_split"] == {"train": 1, "validation": 0}


def test_the_share_is_about_what_was_asked_for(tmp_path: Path) -> None:
    corpus = write(
        tmp_path / "corpus", {"a.jsonl": "".join(json.dumps({"text": f"line {n}"}) + "\n" for n in range(4000))}
    )
    done = run(corpus, tmp_path, validation=0.05)
    assert 150 < done["documents_by_split"]["validation"] < 250
    keys = {row["id"]: row["split_key"] for row in rows(tmp_path)}
    below = choose_split(tmp_path / "data" / "text", 0.05).below
    assert sum(key < below for key in keys.values()) == done["documents_by_split"]["validation"]


def test_a_document_keeps_its_side_as_the_corpus_grows(tmp_path: Path) -> None:
    def held_out(workspace: Path) -> set[str]:
        below = done["validation"]["below"]
        return {row["id"] for row in rows(workspace) if row["split_key"] < below}

    corpus = write(tmp_path / "corpus", some_files(60))
    done = run(corpus, tmp_path / "a", validation=0.3)
    before = held_out(tmp_path / "a")
    write(corpus, {"poems/000a.txt": "new", "zzz.txt": "newer"})
    done = run(corpus, tmp_path / "a", validation=0.3)
    assert held_out(tmp_path / "a") - {"poems/000a.txt", "zzz.txt"} == before


def test_a_corpus_of_nothing_is_refused_with_the_reasons(tmp_path: Path, shy: Shy) -> None:
    corpus = write(tmp_path / "corpus", {"a.txt": "xxx", "b.txt": ""})
    with pytest.raises(PipelineError, match=r"no document .* in .*corpus \(dropped: empty 1, nothing to say 1\)"):
        run(corpus, tmp_path, notation=shy)


def test_a_part_of_which_nothing_is_left_is_none(tmp_path: Path, small_parts: None, shy: Shy) -> None:
    files = some_files(40) | {f"poems/{number:03}.txt": "x" * 400 for number in range(0, 40, 2)}
    corpus = write(tmp_path / "corpus", files)
    done = run(corpus, tmp_path, notation=shy)
    names = {path.name for path in (tmp_path / "data" / "text").iterdir()}
    assert "part-00000.json" in names and "part-00000.parquet" not in names
    assert done["documents"] == 20 and done["dropped"] == {"nothing to say": 20}
    assert run(corpus, tmp_path, notation=shy)["up_to_date"]


def test_forgetting_rare_unknown_words_bounds_the_count(
    tmp_path: Path, shy: Shy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.parts.OOV_KEPT", 10)
    words = Counter({f"x{chr(97 + number)}{chr(97 + number)}": 1 + number for number in range(20)})
    corpus = write(tmp_path / "corpus", {"a.txt": " ".join(words.elements())})
    done = run(corpus, tmp_path, notation=shy)
    assert done["oov"] == words.total()
    assert done["oov_top"][0] == ("xtt", 20)


# One command in a process of its own.


def phon(*arguments: str | Path, cwd: Path, code: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `phon`; `code` is run first."""
    program = f"{code}\nimport sys; from pipeline.cli import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A corpus that is worth two workers."""
    yield write(tmp_path_factory.mktemp("larger") / "corpus", some_files(50, words=8000))


def test_neither_workers_nor_surroundings_change_a_byte(larger: Path, tmp_path: Path, root: Path) -> None:
    mirrored = write(tmp_path / "corpus", dict(reversed(some_files(50, words=8000).items())))  # made in another order
    path = {"PYTHONPATH": str(root)}
    trials: dict[str, subprocess.CompletedProcess[str]] = {
        "one": phon("prepare", larger, "--workers=1", "--workspace", tmp_path / "one", cwd=root),
        "two": phon(
            *("prepare", larger, "--workers=2", "--workspace", tmp_path / "two"),
            cwd=root,
            PYTHONHASHSEED="1",
            LC_ALL="tr_TR.UTF-8",
            TZ="Asia/Tokyo",
        ),
        "here": phon(
            *("prepare", "corpus", "--workers=2", "--workspace", "here"),
            cwd=mirrored.parent,
            code="import os; os.umask(0o077)",
            PYTHONHASHSEED="7",
            LC_ALL="C",
            **path,
        ),
    }
    for name, done in trials.items():
        assert done.returncode == 0, f"{name}: {done.stderr}"
    assert len({tree(tmp_path / name) for name in trials}) == 1


def test_memory_stays_flat(tmp_path: Path, root: Path) -> None:
    measure = (
        "import pipeline.blocks; pipeline.blocks.PART_BYTES = 2**20\n"  # so that 3 MB are some parts already
        "import atexit, resource; atexit.register(lambda: print('kB', *(resource.getrusage(who).ru_maxrss "
        "for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))))"
    )
    peaks: dict[int, list[int]] = {}
    line = text(200, 0)
    for megabytes in (3, 30):
        with (tmp_path / f"{megabytes}.txt").open("w") as file:
            for number in range(megabytes * 10**6 // len(line)):
                file.write(f"{number} {line}\n\n")
        done = phon(
            *("prepare", tmp_path / f"{megabytes}.txt", "--to", "text", "--workers=2"),
            *("--workspace", tmp_path / str(megabytes)),
            cwd=root,
            code=measure,
        )
        assert done.returncode == 0, done.stderr
        peaks[megabytes] = [int(size) for size in done.stdout.rsplit("kB", 1)[1].split()]
    for small, large in zip(peaks[3], peaks[30], strict=True):
        assert large - small < 20_000, peaks


def test_the_table_shows_what_json_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus = write(tmp_path / "corpus", some_files(10))
    command = ["prepare", str(corpus), "--to", "text", "--workspace", str(tmp_path / "w")]
    assert main(command) == 0
    table = capsys.readouterr()
    assert table.err == ""  # no terminal, no progress
    assert main([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    splits = told["documents_by_split"]
    assert f"10: {splits['train']} train, {splits['validation']} validation" in table.out
    assert f"{told['words']:,}" in table.out and "poems 5, tales 5" in table.out
    assert told["next"] == f"phon tokenizer --workspace {tmp_path / 'w'}" and told["next"] in table.out
