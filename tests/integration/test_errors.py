"""Errors that only a whole chain of real processes can meet: one line and a hint each, and nothing left half-written.

Those of single commands stand beside them: test_cli.py, test_crash.py, test_generate.py, test_training.py.
"""

import gzip
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.crash import tree
from tests.integration.test_crash import has_namespaces
from tests.toy import ENVIRONMENT, ROOT, TOY
from train.files import lock

PHON = [sys.executable, "-m", "pipeline.cli"]
TRAIN = [sys.executable, str(ROOT / "train" / "run.py"), *TOY]
PREPARE = [*PHON, "prepare", "texts", "--to", "text"]
TOKENIZER = [*PHON, "tokenizer", "--vocab-size", "384"]
LONGER = [*TRAIN, "train.max_steps=12", "log.eval_every=0"]
GOOD = "It was a dark and stormy night; the rain fell in torrents.\n"


def run(place: Path, command: list[str], given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """One command in `place`."""
    return subprocess.run(command, cwd=place, env=ENVIRONMENT, input=given, capture_output=True, timeout=240)


def check(done: subprocess.CompletedProcess[bytes], code: int, message: str, hint: str) -> None:
    """Hold an error to its form: its exit code, one line of message, one of hint, no traceback, no product."""
    said = done.stderr.decode()
    assert done.returncode == code, said
    assert "Traceback" not in said and done.stdout == b""
    lines = said.splitlines()
    assert [line.partition(": ")[0] for line in lines if line.startswith(("error: ", "hint: "))] == ["error", "hint"]
    assert lines[-2].startswith("error: ") and message in lines[-2], said
    assert lines[-1].startswith("hint: ") and hint in lines[-1], said


def whole(place: Path) -> dict[str, str]:
    """What looks finished: each folder with a manifest, each model, each pointer to a newest one; and its content."""
    names = ("manifest.json", "model", "LATEST")
    found = [path for name in names for path in place.rglob(name)]
    return {
        str(path.relative_to(place)): tree(path) if path.is_dir() else path.read_text(errors="replace")
        for path in found
    }


def flip(path: Path, at: int) -> None:
    """Change one bit."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def cut(path: Path, share: float = 0.5) -> None:
    """Keep the beginning alone."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


# Corpora with something wrong in them. Each lies in `texts`, behind a file that is good.


def blank(texts: Path) -> None:
    (texts / "a.txt").write_text(" \n\n\t\n")
    (texts / "b.txt").write_bytes(b"")


def unsayable(texts: Path) -> None:
    (texts / "a.txt").write_text("🙂 🎉\n日本語\n")


def flipped_gzip(texts: Path) -> None:
    (texts / "b.txt.gz").write_bytes(gzip.compress(GOOD.encode() * 100))
    flip(texts / "b.txt.gz", -5)  # the checksum at its end


def write_tar(path: Path, kind: str) -> None:
    with tarfile.open(path, f"w:{kind}") as archive:  # type: ignore[call-overload]
        archive.add(ROOT / "samples" / "corpus" / "verse", "verse")


def cut_tar(texts: Path) -> None:
    write_tar(texts / "b.tar.xz", "xz")
    cut(texts / "b.tar.xz")


def flipped_tar(texts: Path) -> None:
    write_tar(texts / "b.tar.gz", "gz")
    flip(texts / "b.tar.gz", -5)  # the checksum, after the archive's own end mark


def flipped_zip(texts: Path) -> None:
    with zipfile.ZipFile(texts / "b.zip", "w") as archive:
        archive.writestr("in.txt", GOOD * 10)
    flip(texts / "b.zip", 60)  # in the member, which is stored as it is


def bad_bytes_in_a_zip(texts: Path) -> None:
    with zipfile.ZipFile(texts / "b.zip", "w") as archive:
        archive.writestr("in.txt", GOOD.encode() + b"it\x92s")


def bad_bytes_in_records(texts: Path) -> None:
    (texts / "b.jsonl.gz").write_bytes(gzip.compress(b'{"text": "good"}\n{"text": "caf\xe9"}\n'))


@pytest.mark.parametrize(
    ("corpus", "options", "message", "hint"),
    [
        (blank, [], "no document with anything to say in texts (dropped: empty 2)", "at least one file with text"),
        (unsayable, ["--to", "arpabet"], "no document with anything to say in texts", "at least one file with text"),
        (flipped_gzip, [], "texts/b.txt.gz is broken or cut short", "take it out of the corpus"),
        (cut_tar, [], "texts/b.tar.xz is broken or cut short", "take it out of the corpus"),
        (flipped_tar, [], "texts/b.tar.gz is broken or cut short", "take it out of the corpus"),
        (flipped_zip, [], "texts/b.zip!in.txt is broken or cut short", "take it out of the corpus"),
        (bad_bytes_in_a_zip, [], "texts/b.zip!in.txt, byte 61: 0x92 is not UTF-8", "--encoding cp1252"),
        (bad_bytes_in_records, [], "texts/b.jsonl.gz, byte 30: 0xe9 is not UTF-8", "--encoding cp1252"),
    ],
)
def test_a_corpus_that_cannot_be_used_leaves_nothing(
    tmp_path: Path, corpus: Callable[[Path], None], options: list[str], message: str, hint: str
) -> None:
    (tmp_path / "texts").mkdir()
    if corpus not in (blank, unsayable):
        (tmp_path / "texts" / "a.txt").write_text(GOOD)
    corpus(tmp_path / "texts")
    check(run(tmp_path, [*PREPARE, *options]), 1, message, hint)
    assert whole(tmp_path) == {}


def test_standard_input_without_a_word_is_an_empty_corpus(tmp_path: Path) -> None:
    check(run(tmp_path, [*PHON, "prepare", "-"]), 1, "no document with anything to say in -", "at least one file")
    assert whole(tmp_path) == {}


@pytest.mark.parametrize(
    ("command", "message", "hint"),
    [
        (["pronounce", "--to", "klingon"], "no notation is called 'klingon'", "there are: arpabet, ipa, text"),
        (["check", "--to", "klingon"], "no notation is called 'klingon'", "there are: arpabet, ipa, text"),
        (["pronounce", "--form", "cursive"], "arpabet has no form 'cursive'", "its forms are: compact, spaced"),
    ],
)
def test_an_unknown_notation_is_told_with_those_there_are(
    tmp_path: Path, command: list[str], message: str, hint: str
) -> None:
    check(run(tmp_path, [*PHON, *command], b"hello\n"), 2, message, hint)


# Stages out of order, damaged, or in use. Each trial starts from a copy of a whole chain.


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared, tokenized and trained, in plain text; a training that was cut off has left two checkpoints."""
    place = tmp_path_factory.mktemp("chain")
    essays = str(ROOT / "samples" / "corpus" / "essays")
    for command in ([*PHON, "prepare", essays, "--to", "text"], TOKENIZER, LONGER):
        assert run(place, command).returncode == 0
    return place


@pytest.fixture
def workspace(chain: Path, tmp_path: Path) -> Path:
    """A copy, to disturb."""
    return Path(shutil.copytree(chain, tmp_path / "workspace"))


def cut_off(place: Path) -> list[Path]:
    """Make the run one that was killed in training; its checkpoints, oldest first."""
    (place / "runs" / "tiny" / "manifest.json").unlink()
    shutil.rmtree(place / "runs" / "tiny" / "model")
    return sorted((place / "runs" / "tiny" / "checkpoints").glob("step-*"))


def without_tokenizer(place: Path) -> None:
    shutil.rmtree(place / "data" / "tokenizer")


def without_shards(place: Path) -> None:
    shutil.rmtree(place / "data" / "shards")
    shutil.rmtree(place / "data" / "tokenizer")


def cut_part(place: Path) -> None:
    cut(place / "data" / "text" / "part-00000.parquet")


def cut_validation(place: Path) -> None:
    cut(place / "data" / "shards" / "validation" / "data-00000.arrow")


def without_a_shard(place: Path) -> None:
    (place / "data" / "shards" / "train" / "data-00000.arrow").unlink()


def other_tokenizer(place: Path) -> None:
    shards = place / "data" / "shards"
    shutil.copytree(shards, place / "kept")
    assert run(place, [*PHON, "tokenizer", "--vocab-size", "300"]).returncode == 0
    shutil.rmtree(shards)
    (place / "kept").rename(shards)


def no_checkpoint_whole(place: Path) -> None:
    oldest, newest = cut_off(place)
    flip(oldest / "model.safetensors", -1)
    flip(newest / "state.json", 30)


def misspelt_file(place: Path) -> None:
    (place / "mine.toml").write_text("[train]\nmax_steps = 5\nglobl_batch = 512\n")


def uneven_file(place: Path) -> None:
    (place / "mine.toml").write_text("[train]\nmax_steps = 5\n[model]\nn_embd = 100\nn_head = 3\n")


class Trial(NamedTuple):
    """What is done to the workspace, the command, and what it says then."""

    disturb: Callable[[Path], object]
    command: list[str]
    code: int
    message: str
    hint: str


MINE = [*TRAIN[:2], "--config", "mine.toml"]
TRIALS = [
    Trial(without_tokenizer, [*PHON, "pack"], 1, "no tokenizer in data/tokenizer", 'run "phon tokenizer" first'),
    Trial(cut_part, [*PHON, "tokenizer"], 1, "data/text/part-00000.parquet has ", 'run "phon prepare CORPUS" again'),
    Trial(without_shards, TRAIN, 1, "no shards in data/shards", 'run "phon tokenizer" first'),
    Trial(cut_validation, TRAIN, 1, "data/shards/validation/data-00000.arrow has ", 'run "phon pack" again'),
    Trial(without_a_shard, TRAIN, 1, "data/shards/train/data-00000.arrow is missing", 'run "phon pack" again'),
    Trial(other_tokenizer, TRAIN, 1, "was packed with another tokenizer", 'run "phon pack"'),
    Trial(misspelt_file, MINE, 1, "mine.toml: unknown key train.globl_batch", "did you mean train.global_batch?"),
    Trial(lambda place: None, [*TRAIN, "modle.n_layer=3"], 2, "there is no section 'modle'", "did you mean model?"),
    Trial(uneven_file, MINE, 1, "model.n_embd = 100 is not a multiple of model.n_head = 3", "model.n_embd=99"),
    Trial(
        no_checkpoint_whole,
        LONGER,
        *(1, "no checkpoint in runs/tiny/checkpoints is whole", "pass --resume never"),
    ),
]


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: f"{trial.disturb.__name__} {trial.command[-1]}")
def test_a_stage_that_cannot_go_on_says_why_and_changes_nothing(workspace: Path, trial: Trial) -> None:
    trial.disturb(workspace)
    before = whole(workspace)
    check(run(workspace, trial.command), trial.code, trial.message, trial.hint)
    assert whole(workspace) == before


def test_each_checkpoint_that_was_refused_is_named(workspace: Path) -> None:
    no_checkpoint_whole(workspace)
    said = run(workspace, LONGER).stderr.decode()
    assert "refused step-00000012: state.json " in said
    assert "refused step-00000010: model.safetensors was changed or damaged" in said


@pytest.mark.parametrize("is_finished", [True, False])
def test_weights_with_a_flipped_bit_are_not_sampled(workspace: Path, is_finished: bool) -> None:
    folder = workspace / "runs" / "tiny" / "model" if is_finished else cut_off(workspace)[-1]
    flip(folder / "model.safetensors", -1)
    check(run(workspace, [*PHON, "generate", "--n", "1"]), 1, "model.safetensors was changed or damaged", "")


@pytest.mark.parametrize(
    ("stage", "command"), [("tokenizer", TOKENIZER), ("shards", TOKENIZER), ("shards", [*PHON, "pack"])]
)
def test_a_second_writer_is_told_who_is_first(workspace: Path, stage: str, command: list[str]) -> None:
    before = whole(workspace)
    with lock(workspace / "data" / stage):
        done = run(workspace, command)
    check(done, 1, f"another process (pid {os.getpid()}) is writing to data/{stage}", "wait for it, stop it")
    assert whole(workspace) == before


# Full disks: a file system of 64 MiB in which a ballast leaves `room_kb` free.


def on_a_full_disk(place: Path, disk: Path, command: list[str], room_kb: int) -> subprocess.CompletedProcess[bytes]:
    """The command with the data of `place` on a full disk, then again with room; its first end, the second's data."""
    if not has_namespaces():
        pytest.skip("no user namespaces here: cannot mount a small disk")
    saved = disk.parent / "saved"
    saved.mkdir()
    disk.mkdir()
    script = f"""
        mount -t tmpfs -o size=64m none {disk} && cp -r {place}/. {disk} && cd {disk} || exit 99
        free=$(df --output=avail -k . | tail -1)
        head -c $(( (free - {room_kb}) * 1024 )) /dev/zero > ballast
        "$@"; code=$?
        find . -name manifest.json > {saved}/finished
        rm ballast
        "$@" > /dev/null 2>&1 || exit 98
        cp -r data {saved} && {{ [ ! -d runs ] || cp -r runs {saved}; }} || exit 97
        exit $code
    """
    shell = ["unshare", "-Urm", "sh", "-c", script, "sh", *command]
    return subprocess.run(shell, env=ENVIRONMENT, capture_output=True, timeout=240)


def size_kb(path: Path) -> int:
    """What a file or folder takes on a disk of 4 KiB blocks."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(4 * -(-file.stat().st_size // 4096) for file in files)


@pytest.mark.parametrize("stage", ["", "tokenizer", "shards"])
def test_a_tokenizer_on_a_full_disk_stops_and_goes_on(workspace: Path, chain: Path, stage: str) -> None:
    for name in ("data/tokenizer", "data/shards", "runs"):
        shutil.rmtree(workspace / name)
    sizes = {name: size_kb(chain / "data" / name) for name in ("tokenizer", "shards")}
    room = {"": 0, "tokenizer": sizes["tokenizer"] // 2, "shards": sizes["tokenizer"] + sizes["shards"] // 2}[stage]
    done = on_a_full_disk(workspace, workspace.parent / "disk", TOKENIZER, room)
    check(done, 1, f"data/{stage or 'tokenizer'}/", "free some space")
    assert b": the disk is full (" in done.stderr
    saved = workspace.parent / "saved"
    finished = (saved / "finished").read_text().split()
    assert "./data/shards/manifest.json" not in finished
    assert ("./data/tokenizer/manifest.json" in finished) == (stage == "shards")
    assert tree(saved / "data") == tree(chain / "data")


@pytest.mark.parametrize("file", ["", pytest.param("model.safetensors", marks=pytest.mark.long), "optim.safetensors"])
def test_a_training_on_a_full_disk_stops_and_goes_on(workspace: Path, chain: Path, file: str) -> None:
    shutil.rmtree(workspace / "runs")
    checkpoint = next((chain / "runs" / "tiny" / "checkpoints").glob("step-*"))
    model, optim = (size_kb(checkpoint / name) for name in ("model.safetensors", "optim.safetensors"))
    before = size_kb(checkpoint) - model - optim + 5 * 4  # of the first checkpoint, and the files beside it
    room = {"": 0, "model.safetensors": before + model // 2, "optim.safetensors": before + model + optim // 2}[file]
    done = on_a_full_disk(workspace, workspace.parent / "disk", LONGER, room)
    check(done, 1, "the disk is full: ", "free some space")
    assert (f"step-00000005/{file}" if file else "runs/tiny/").encode() in done.stderr
    saved = workspace.parent / "saved"
    assert "./runs/tiny/manifest.json" not in (saved / "finished").read_text().split()
    assert tree(saved / "runs" / "tiny" / "model") == tree(chain / "runs" / "tiny" / "model")


@pytest.mark.parametrize(
    "command", [["pronounce"], ["generate", "--n", "1"], ["tokenizer"], ["notations"]], ids=lambda command: command[0]
)
def test_a_product_that_nobody_can_store_is_told(workspace: Path, command: list[str]) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    with full.open("wb") as out:
        done = subprocess.run(
            [*PHON, *command], cwd=workspace, env=ENVIRONMENT, input=b"hi\n", stdout=out, stderr=subprocess.PIPE
        )
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-2:] == [
        "error: the disk is full",
        "hint: free some space and run the same command again: what is finished is kept",
    ]


def test_samples_on_a_full_disk_leave_the_older_file(workspace: Path) -> None:
    # A limit on file size stands in for the disk: the samples are the only file that is written.
    out = workspace / "samples.jsonl"
    out.write_text("older\n")
    program = "import resource as r, sys; r.setrlimit(r.RLIMIT_FSIZE, (50, 50))\nfrom pipeline.cli import main"
    command = [sys.executable, "-c", f"{program}\nsys.exit(main())", "generate", "--json", "--out", str(out)]
    check(run(workspace, command), 1, f"{out}: File too large", "raise the file size limit")
    assert out.read_text() == "older\n"
    assert [path.name for path in workspace.glob(".aside-*")] == []
