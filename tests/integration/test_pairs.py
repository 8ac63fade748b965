"""Pairs from a file of records to a model that writes targets: it learns, resumes, shares work."""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import main
from tests.forked import done, train
from tests.integration.test_docs import blocks
from tests.jobs import other, together
from tests.toy import killed, linked, losses, phon, trained, validations, weights

MODEL = ["model.n_layer=1", "model.n_encoder_layer=1", "model.n_embd=32", "model.n_head=2"]
PAIRS = ["--config", "spell-to-phones", *MODEL, "train.epochs=none", "train.max_steps=16", "train.global_batch=448"]
PAIRS += ["train.micro_batch=8", "log.name=tiny", "log.log_every=1", "log.eval_every=8", "log.save_every=5"]
LEARNS = ["train.max_steps=240", "train.global_batch=640", "train.micro_batch=64", "optim.lr=0.006"]
LEARNS += ["log.save_every=0", "log.eval_every=0"]


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(arguments)
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with shards of words of four letters, of which the target is each letter's capital."""
    place, draw = tmp_path_factory.mktemp("pairs"), random.Random(0)
    words = ["".join(draw.choices("abc", k=draw.randint(1, 4))) for _ in range(1200)]
    lines = [json.dumps({"source": word, "target": word.upper()}) for word in words]
    (place / "words.jsonl").write_text("\n".join(lines) + "\n")
    phon("prepare", "--pairs", str(place / "words.jsonl"), "--target-notation", "text", "--workspace", str(place))
    phon("tokenizer", "--vocab-size", "259", "--workspace", str(place))
    return place


@pytest.fixture
def workspace(pairs: Path, tmp_path: Path) -> Path:
    """The same shards with no runs yet."""
    return linked(pairs, tmp_path)


@pytest.fixture(scope="session")
def learnt(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a model that was trained to the end."""
    place = linked(pairs, tmp_path_factory.mktemp("learnt"))
    told = trained(place, *PAIRS, *LEARNS)
    assert "compile: no, sources and targets come in many lengths" in told
    assert "pairs of up to 8 tokens a side" in told and "% padding" in told
    return place


def test_a_task_that_is_easy_is_learnt(learnt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, printed, _ = said(capsys, "evaluate", "--workspace", str(learnt), "--json")
    assert code == 0
    figures: dict[str, Any] = json.loads(printed)
    assert figures["exact_match"] > 0.9 and figures["symbol_error_rate"] < 0.05
    assert figures["chrf"] > 80 and figures["valid"] > 0.9
    assert figures["bits_per_byte"] < 0.5


def test_each_line_of_source_gets_its_target(learnt: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    lines = tmp_path / "lines.txt"
    lines.write_text("abc\nbb\n")
    code, printed, error = said(capsys, "generate", "--source", str(lines), "--workspace", str(learnt))
    assert (code, printed) == (0, "ABC\nBB\n"), error
    assert error.startswith("2 valid of 2, ")
    arguments = ("--source", str(lines), "--n", "3", "--temperature", "1", "--json", "--workspace", str(learnt))
    code, printed, _ = said(capsys, "generate", *arguments)
    assert [json.loads(line)["source"] for line in printed.splitlines()] == ["abc"] * 3 + ["bb"] * 3


def test_other_pairs_are_measured_too(learnt: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "more.tsv").write_text("word\tcapitals\nab\tAB\nab\tXY\nc\tQ\n")
    files = ("--pairs", str(tmp_path / "more.tsv"), "--source-field", "word", "--target-field", "capitals")
    code, printed, error = said(capsys, "evaluate", *files, "--workspace", str(learnt), "--json")
    assert code == 0, error
    figures = json.loads(printed)
    assert (figures["pairs"], figures["sources"], figures["exact_match"]) == (3, 2, 0.5)
    assert figures["symbol_error_rate"] == pytest.approx(1 / 3)


def test_a_run_that_is_killed_goes_on_to_the_same_bytes(workspace: Path) -> None:
    killed(workspace, *PAIRS, after=9)
    assert "resumed at step" in trained(workspace, *PAIRS)
    alone = other(workspace, "alone")
    trained(alone, *PAIRS)
    assert losses(workspace) == losses(alone)
    assert weights(workspace) == weights(alone)


def test_t5_trains_stops_goes_on_to_the_same_bytes_and_answers(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = "d_model=16 d_kv=8 d_ff=32 num_layers=1 num_decoder_layers=1 num_heads=2"
    toy = ["--config", "t5-small", *(f"model.{size}" for size in sizes.split()), "train.epochs=none"]
    toy += ["train.max_steps=6", "train.global_batch=448", "train.micro_batch=8", "optim.warmup_steps=0"]
    toy += ["log.log_every=1", "log.eval_every=3", "log.sample_every=6", "log.save_every=2"]
    made, told = ["--workspace", str(workspace), *toy], workspace / "said"
    assert done(train, [*made, "log.name=alone"], told) == 0, told.read_text()
    assert done(train, [*made, "log.name=stopped"], told, None, 4) == 5, told.read_text()
    assert done(train, [*made, "log.name=stopped"], told) == 0, told.read_text()
    assert "resumed at step" in told.read_text()
    assert weights(workspace, "stopped") == weights(workspace, "alone")
    seen = losses(workspace, "alone")
    assert losses(workspace, "stopped") == seen and seen[-1][1] < seen[0][1]
    code, printed, _ = said(capsys, "evaluate", "--run", "alone", "--n", "5", "--workspace", str(workspace), "--json")
    assert code == 0 and json.loads(printed)["sources"] > 0


def test_one_and_two_processes_end_in_the_same_bytes(workspace: Path) -> None:
    together(workspace, *PAIRS, "model.dropout=0.1", file="ddp")
    alone = other(workspace, "alone")
    trained(alone, *PAIRS, "model.dropout=0.1")
    assert losses(workspace) == losses(alone)
    for (_, loss), (_, expected) in zip(validations(workspace), validations(alone), strict=True):
        assert loss == pytest.approx(expected, rel=1e-6)
    assert weights(workspace) == weights(alone)


def test_sides_may_have_vocabularies_of_their_own(pairs: Path, tmp_path: Path) -> None:
    shutil.copytree(pairs / "data" / "text", tmp_path / "data" / "text")
    phon("tokenizer", "--vocab-size", "300", "--separate", "--workspace", str(tmp_path))
    from datasets import load_from_disk

    contract = json.loads((tmp_path / "data" / "tokenizer" / "phon.json").read_text())
    offset = contract["pairs"]["offset"]
    rows = load_from_disk(str(tmp_path / "data" / "shards" / "train"))["input_ids"]
    assert all(ids[-1] == contract["eos"] and min(ids[:-1]) >= offset for ids in rows[::2])
    assert all(ids[0] == contract["bos"] and max(ids) < offset for ids in rows[1::2])
    trained(tmp_path, *PAIRS, "train.max_steps=2")
    assert (tmp_path / "runs" / "tiny" / "model" / "source-tokenizer.json").is_file()
    command = [sys.executable, "-m", "pipeline.cli", "generate", "--source", "-", "--workspace", str(tmp_path)]
    done = subprocess.run(command, input="ab\n", capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["--config", "tiny"], "the corpus is pairs, and a model of family gpt2 as configured has no encoder"),
        ([*PAIRS, "data.seq_len=2"], "no pair fits data.seq_len = 2"),
    ],
)
def test_a_model_that_cannot_read_pairs_is_refused(workspace: Path, settings: list[str], message: str) -> None:
    assert message in trained(workspace, *settings, code=1)


def test_an_encoder_without_sources_is_refused(prepared: Path, tmp_path: Path) -> None:
    linked(prepared, tmp_path)
    assert "the corpus has no sources for it to read" in trained(tmp_path, *PAIRS, code=1)


@pytest.mark.parametrize(
    ("name", "content", "options", "message"),
    [
        ("a.jsonl", '{"source": "a"}', [], "a.jsonl, line 1: no field 'target'; there are 'source'"),
        ("a.jsonl", '{"source": "a", "target": "b"}\n{', [], "a.jsonl, line 2: not JSON"),
        ("a.jsonl", '{"source": 1, "target": "b"}', [], "a.jsonl, line 1: the field 'source' is a number, not text"),
        ("a.tsv", "source\ttarget\na\n", [], "a.tsv, line 2: 1 fields where the header has 2"),
        ("a.csv", "source,target\na,k@1t\nc,Q!\n", ["--written", "target"], "a.csv, line 3: the target is not arpabet"),
        ("a.txt", "a b", [], "a.txt holds texts, not pairs"),
        ("a.csv", "source,target\na,b\n", ["--to", "text"], "--to means nothing for pairs"),
        ("a.csv", "source,target\na,b\n", ["--unit", "line"], "--unit means nothing for pairs"),
        ("a.csv", "source,target\na,b\n", ["--source-notation", "klingon"], "no notation is called 'klingon'"),
        (
            "a.csv",
            "source,target\na,b\n",
            ["--target-notation", "arpabet:form=cursive"],
            "arpabet has no form 'cursive'",
        ),
    ],
)
def test_a_pair_that_cannot_be_read_gets_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: str, options: list[str], message: str
) -> None:
    (tmp_path / name).write_text(content)
    arguments = ("prepare", "--pairs", str(tmp_path / name), *options, "--workspace", str(tmp_path))
    code, _, error = said(capsys, *arguments)
    assert code in (1, 2) and message in error, error


def test_no_source_is_in_training_and_in_validation(pairs: Path) -> None:
    import pyarrow.parquet as pq

    from pipeline.split import Split

    counts = json.loads((pairs / "data" / "text" / "manifest.json").read_text())["counts"]
    table = pq.read_table(pairs / "data" / "text" / "part-00000.parquet")
    is_held_out = Split(**counts["validation"]).is_validation(table)
    given = table.column("given").to_pylist()
    sides = [{text for text, held in zip(given, is_held_out, strict=True) if held == side} for side in (True, False)]
    assert sides[0] and sides[1] and not sides[0] & sides[1]


def test_the_marked_commands_of_the_guide_run(tmp_path: Path, root: Path) -> None:
    (tmp_path / "train").symlink_to(root / "train")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    lines = [line for marked, text in blocks(root / "docs" / "pairs.md") if marked for line in text]
    assert len(lines) == 7
    for line in lines:
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PATH": path},
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"
    assert done.stdout.count("\n") == 2


def test_documents_with_spans_taken_out_are_learnt_and_resumed(
    prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(prepared / "data" / "text", tmp_path / "data" / "text")
    settings = [*PAIRS, "data.objective=spans", "data.seq_len=64"]
    phon("tokenizer", "--vocab-size", "384", "--workspace", str(tmp_path))
    assert "the tokenizer reserves none" in trained(tmp_path, *settings, code=1)
    phon("tokenizer", "--vocab-size", "484", "--sentinels", "100", "--workspace", str(tmp_path))
    killed(tmp_path, *settings, after=9)
    assert "15 % taken out in spans" in trained(tmp_path, *settings)
    alone = other(tmp_path, "alone")
    trained(alone, *settings)
    assert losses(tmp_path) == losses(alone)
    assert losses(alone)[-1][1] < losses(alone)[0][1]
    code, _, error = said(capsys, "evaluate", "--workspace", str(tmp_path))
    assert code == 1 and error.startswith("error: this model was trained to fill in spans of documents")


def test_the_lexicon_becomes_pairs_and_no_word_is_trained_on_and_held_out(tmp_path: Path, root: Path) -> None:
    script = [sys.executable, str(root / "scripts" / "lexicon_pairs.py"), str(tmp_path), "--most", "50"]
    subprocess.run(script, check=True, capture_output=True)
    words = []
    for name in ("pairs", "held-out"):
        lines = [json.loads(line) for line in (tmp_path / f"{name}.jsonl").read_text().splitlines()]
        words.append({line["word"] for line in lines})
        assert len(words[-1]) == 50
    assert not words[0] & words[1]
    fields = ("--source-field", "phones", "--target-field", "word", "--target-notation", "text")
    written = ("--source-notation", "arpabet", "--written", "source", "--workspace", str(tmp_path))
    phon("prepare", "--pairs", str(tmp_path / "pairs.jsonl"), *fields, *written)
