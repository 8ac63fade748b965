"""The command `phon`: instant help, commands from the entry points, and one clear line for each error."""

import errno
import os
import pty
import resource
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import click
import pytest

from pipeline import cli
from pipeline.cli import SECTIONS, main
from pipeline.errors import PipelineError
from train.files import lock

Corpus = Callable[[Path], Path]
PHON = [sys.executable, "-m", "pipeline.cli"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a current folder and signals of its own."""
    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(signal, "signal", lambda number, handler: before)


@click.command()
@click.argument("kind")
def fail(kind: str) -> None:
    """Fail in the way that is asked for."""
    if kind == "memory":
        raise MemoryError
    if kind == "interrupt":
        raise KeyboardInterrupt
    if kind == "bug":
        raise ZeroDivisionError("ours")
    if kind == "two lines":
        raise PipelineError("one\ntwo", hint="three", exit_code=4)
    raise OSError(getattr(errno, kind), os.strerror(getattr(errno, kind)), str(Path.cwd() / "new" / "file"))


@pytest.fixture
def extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another package's command, `fail`."""
    ours = entry_points(group=cli.GROUP)
    theirs = EntryPoint("fail", f"{__name__}:fail", cli.GROUP)
    monkeypatch.setattr(EntryPoint, "load", lambda self: fail if self.name == "fail" else load(self))
    monkeypatch.setattr("pipeline.cli.entry_points", lambda group: (*ours, theirs))


load = EntryPoint.load


def broken_zip(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr("a.txt", "some text " * 100)
    data = (folder / "a.zip").read_bytes()
    (folder / "a.zip").write_bytes(data[: len(data) // 2])
    return folder


def unreadable(folder: Path) -> Path:
    path = folder / "a.txt"
    path.write_text("some text")
    path.chmod(0)
    if os.access(path, os.R_OK):  # we are root; reading this fails for everyone
        path.unlink()
        path.symlink_to("/proc/self/mem")
    return folder


def not_utf8(folder: Path) -> Path:
    (folder / "a.txt").write_bytes(b"it\x92s")
    return folder


def good(folder: Path) -> Path:
    for number in range(3):
        (folder / f"{number}.txt").write_text(f"Some text, number {number}.")
    return folder


def test_help_lists_the_commands_in_the_order_of_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    text = capsys.readouterr().out
    names = [name for section in SECTIONS.values() for name in section]
    assert names[:4] == ["prepare", "tokenizer", "pack", "generate"]
    places = [text.index(f"\n  {name} ") for name in names]
    assert places == sorted(places)


def test_the_help_table_names_exactly_our_commands() -> None:
    assert {name for section in SECTIONS.values() for name in section} == {
        entry.name for entry in entry_points(group=cli.GROUP) if entry.module.startswith("pipeline.")
    }


def test_help_is_instant() -> None:
    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    times = []
    for _ in range(5):
        before = spent()
        subprocess.run([*PHON, "--help"], check=True, capture_output=True)
        times.append(spent() - before)
    assert min(times) < 0.2  # of the processor: the machine may be busy with something else


def test_help_loads_no_slow_library() -> None:
    program = "import sys\nfrom pipeline.cli import main\nmain(['--help'])\nprint('loaded:', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = done.stdout.rsplit("loaded:", 1)[1].split()
    assert "click" in loaded
    assert not {"torch", "transformers", "nltk", "pyarrow", "numpy", "rich", "tokenizers"} & set(loaded)


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("phon 0.")


def test_another_package_can_add_a_command(extra: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "From other packages:\n  fail  From " in capsys.readouterr().out
    assert main(["fail", "two lines"]) == 4
    assert capsys.readouterr().err == "error: one two\nhint: three\n"


@pytest.mark.parametrize(
    ("corpus", "options", "code", "message", "hint"),
    [
        (None, [], 2, "no corpus", "phon prepare"),
        (lambda folder: folder / "nowhere", [], 1, "no such file or folder: ", "check the path"),
        (lambda folder: folder, [], 1, "no readable file in ", ".txt"),
        (unreadable, [], 1, "a.txt", "make it readable"),
        (broken_zip, [], 1, "a.zip", ""),
        (not_utf8, [], 1, "a.txt, byte 2: 0x92 is not UTF-8", "--encoding cp1252"),
        (good, ["--to", "klingon"], 2, "no notation is called 'klingon'", "arpabet, ipa, text"),
        (good, ["--to", "text", "--form", "spaced"], 2, "--form means nothing", "leave --form out"),
        (good, ["--validation", "1"], 2, "validation = 1 is not a share", "0.05"),
        (good, ["--unit", "page"], 2, "'page' is not one of 'auto'", 'run "phon prepare --help"'),
        (good, ["--workspace", "corpus/0.txt"], 1, "the workspace corpus/0.txt is a file", "pass a folder"),
    ],
)
def test_an_error_of_prepare_is_one_line_and_a_hint(
    corpus: Corpus | None,
    options: list[str],
    code: int,
    message: str,
    hint: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    command = ["prepare", *([str(corpus(folder))] if corpus else []), *(options or ["--to", "text"])]
    assert main(command) == code
    out, err = capsys.readouterr()
    first, second = err.splitlines()
    assert out == ""
    assert first.startswith("error: ") and message in first
    assert second.startswith("hint: ") and hint in second
    assert not (tmp_path / "data" / "text" / "manifest.json").exists()


@pytest.mark.parametrize("command", ["tokenizer", "pack"])
def test_the_tokenizer_before_prepare_says_what_to_run(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("error: no ") and "data/" in first
    assert second.startswith("hint: ") and 'run "phon prepare' in second


def test_a_second_writer_is_told_who_is_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    with lock(tmp_path / "data" / "text"):
        assert main(["prepare", str(good(corpus)), "--to", "text"]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert f"pid {os.getpid()}" in first and second.startswith("hint: wait for it")


@pytest.mark.parametrize(
    ("kind", "message", "hint"),
    [
        ("ENOSPC", r"the disk is full (", "free some space"),
        ("EACCES", "Permission denied", "change its permissions"),
        ("EIO", "Input/output error", "the disk or the network failed"),
        ("ENOTDIR", "Not a directory", "check the file"),
    ],
)
def test_an_error_of_the_system_names_the_file(
    extra: None, kind: str, message: str, hint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fail", kind]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"error: {tmp_path / 'new' / 'file'}: {message}")
    assert second.startswith(f"hint: {hint}")


def test_too_little_memory_is_told(extra: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fail", "memory"]) == 1
    assert capsys.readouterr().err.startswith("error: the memory does not suffice\nhint: ")


def test_an_interrupt_says_how_to_go_on(extra: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fail", "interrupt"]) == 5
    assert capsys.readouterr().err.strip() == "interrupted; run the same command again to go on"


def test_our_own_bugs_keep_their_traceback(extra: None) -> None:
    with pytest.raises(ZeroDivisionError):
        main(["fail", "bug"])


def test_an_unknown_command_suggests_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tokeniser"]) == 2
    assert (
        capsys.readouterr().err == "error: no command is called 'tokeniser'\nhint: did you mean \"phon tokenizer\"?\n"
    )
    assert main(["qqq"]) == 2
    assert 'run "phon --help"' in capsys.readouterr().err


def test_an_unknown_option_points_to_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notations", "--jsno"]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert "--jsno" in first and second == 'hint: run "phon notations --help" to see what it takes'


def test_a_reader_that_leaves_early_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([*PHON, "--help"], stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert done.stderr == ""


@pytest.mark.parametrize(("no_color", "has_color"), [("", True), ("1", False)])
def test_a_terminal_gets_colours_unless_it_says_no(no_color: str, has_color: bool) -> None:
    parent, child = pty.openpty()
    environment = {**os.environ, "NO_COLOR": no_color, "TERM": "xterm"}
    subprocess.run([*PHON, "prepair"], stderr=child, env=environment, check=False)
    os.close(child)
    text = os.read(parent, 10_000)
    os.close(parent)
    assert (b"\x1b[" in text) == has_color
    assert b"error:" in text


def test_a_terminal_sees_progress_and_keeps_none_of_it(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    parent, child = pty.openpty()
    command = [*PHON, "prepare", str(good(corpus)), "--to", "text"]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=child, env={**os.environ, "TERM": "xterm"}, check=True
    )
    os.close(child)
    shown = os.read(parent, 100_000).decode()
    os.close(parent)
    assert "\x1b[2K" in shown  # a line that is wiped again
    assert b"written" in done.stdout and b"\x1b" not in done.stdout
