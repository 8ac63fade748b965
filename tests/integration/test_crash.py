"""Whatever stops `phon prepare`, running it again gives the same bytes as if nothing had happened."""

import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.crash import tree
from train.files import lock

SMALL_PARTS = ["--set", "pipeline.blocks:BLOCK_BYTES=500", "--set", "pipeline.blocks:PART_BYTES=1500"]
PROGRAM = """
import pipeline.blocks as blocks, sys
blocks.BLOCK_BYTES, blocks.PART_BYTES = 20_000, 60_000
from pipeline.cli import main
sys.exit(main())
"""


def write_corpus(folder: Path, sizes: list[int]) -> Path:
    for number, words in enumerate(sizes):
        path = folder / f"t{number % 2}" / f"{number:03}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(" ".join(f"{number} and {word}" for word in range(words)), encoding="utf-8")
    return folder


def crash(corpus: Path, scratch: Path, *options: str | Path) -> dict[str, Any]:
    """What tests/crash.py finds for a prepare of `corpus`."""
    scratch.mkdir()
    command = [sys.executable, Path(__file__).parents[1] / "crash.py", "--scratch", scratch, *SMALL_PARTS, *options]
    command += ["--", "prepare", corpus, "--to", "text", "--workers", "1"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def phon(corpus: Path, workspace: Path, *options: str) -> list[str]:
    """The command line of a prepare with parts of 60 kB."""
    command = [sys.executable, "-c", PROGRAM, "prepare", str(corpus), "--to", "text", "--workspace", str(workspace)]
    return [*command, *options]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three small parts."""
    return write_corpus(tmp_path_factory.mktemp("small") / "corpus", [20] * 8)


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough for workers, and for a while."""
    return write_corpus(tmp_path_factory.mktemp("larger") / "corpus", [4000] * 30)


@pytest.fixture(scope="module")
def reference(larger: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, float]:
    """The tree of an undisturbed prepare of `larger`, and its seconds."""
    workspace = tmp_path_factory.mktemp("reference")
    started = time.monotonic()
    subprocess.run(phon(larger, workspace, "--workers=2"), check=True, capture_output=True)
    return tree(workspace), time.monotonic() - started


def test_a_crash_at_any_file_operation_changes_nothing(corpus: Path, tmp_path: Path) -> None:
    found = crash(corpus, tmp_path / "scratch")
    assert found["points"] > 60
    assert found["different"] == []
    operations = " ".join(found["operations"])
    for kind in ("open .aside-part-00001.parquet", "write", "fsync", "os.rename .aside-manifest.json"):
        assert kind in operations


def test_a_power_cut_at_any_file_operation_changes_nothing(corpus: Path, tmp_path: Path) -> None:
    assert crash(corpus, tmp_path / "scratch", "--power")["different"] == []


def test_a_crash_while_an_older_result_is_replaced_changes_nothing(corpus: Path, tmp_path: Path) -> None:
    older = write_corpus(tmp_path / "older", [20] * 5 + [30] * 7)  # more parts, of which the first stays
    workspace = tmp_path / "workspace"
    crash(older, tmp_path / "first", "--keep", workspace)
    found = crash(corpus, tmp_path / "scratch", "--template", workspace)
    assert found["different"] == []
    assert "os.remove manifest.json" in found["operations"]
    assert "os.remove part-00003.parquet" in found["operations"]


def test_without_the_rename_the_crashes_are_caught(corpus: Path, tmp_path: Path) -> None:
    found = crash(corpus, tmp_path / "scratch", "--mutant")
    assert len(found["different"]) > found["points"] / 4


@pytest.mark.parametrize("trial", range(5))
def test_sigkill_at_any_time_changes_nothing(
    larger: Path, reference: tuple[str, float], tmp_path: Path, trial: int
) -> None:
    whole, seconds = reference
    chance = random.Random(trial)
    for _ in range(2):
        process = subprocess.Popen(
            phon(larger, tmp_path, "--workers=2"),
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(chance.uniform(0, seconds))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run(phon(larger, tmp_path, "--workers=2"), check=True, capture_output=True)
    assert tree(tmp_path) == whole


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)


@pytest.mark.parametrize("how", ["SIGTERM", "Ctrl-C"])
def test_a_stop_is_orderly_and_can_be_gone_on_from(
    larger: Path, reference: tuple[str, float], tmp_path: Path, how: str
) -> None:
    text = tmp_path / "data" / "text"
    for _ in range(10):  # on a busy machine all may be done before the signal is sent
        process = subprocess.Popen(
            phon(larger, tmp_path, "--workers=2"),
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for((text / "part-00000.json").exists)
        if how == "SIGTERM":
            process.terminate()
        else:
            os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to the workers too
        out, err = process.communicate()
        if process.returncode:
            break
        shutil.rmtree(text)
    assert (process.returncode, out) == (5, "")
    assert err.split("\n")[-2:] == ["interrupted; run the same command again to go on", ""]
    assert "Traceback" not in err
    assert not (text / "manifest.json").exists() and not list(text.glob(".aside-*"))
    kept = (text / "part-00000.parquet").stat().st_mtime_ns
    subprocess.run(phon(larger, tmp_path, "--workers=2"), check=True, capture_output=True)
    assert tree(tmp_path) == reference[0]
    assert (text / "part-00000.parquet").stat().st_mtime_ns == kept  # a finished part is not made again


def test_workers_do_not_outlive_a_killed_parent(larger: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        phon(larger, tmp_path, "--workers=2"),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for((tmp_path / "data" / "text" / "part-00000.json").exists)
    process.kill()
    process.wait()

    def group_is_gone() -> bool:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return True
        return False

    wait_for(group_is_gone)


def test_a_second_writer_is_refused_by_name(corpus: Path, tmp_path: Path) -> None:
    with lock(tmp_path / "data" / "text"):
        done = subprocess.run(phon(corpus, tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    message, hint = done.stderr.splitlines()
    assert message == f"error: another process (pid {os.getpid()}) is writing to {tmp_path / 'data' / 'text'}"
    assert hint.startswith("hint: wait for it")
    assert subprocess.run(phon(corpus, tmp_path), capture_output=True, check=False).returncode == 0


def has_namespaces() -> bool:
    """Whether a user here can mount a file system of a size of their own."""
    try:
        probe = ["unshare", "-Urm", "sh", "-c", "mount -t tmpfs -o size=64k none /tmp"]
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.parametrize("share", [0.0, 0.2, 0.6, 1.0])
def test_a_full_disk_is_told_and_survived(tmp_path: Path, share: float) -> None:
    if not has_namespaces():
        pytest.skip("no user namespaces here: cannot mount a small disk")
    corpus = write_corpus(tmp_path / "corpus", [4000] * 6)
    outside, disk, saved = (tmp_path / name for name in ("outside", "disk", "saved"))
    disk.mkdir()
    saved.mkdir()
    subprocess.run(phon(corpus, outside), check=True, capture_output=True)
    pages = sum(-(-path.stat().st_size // 4096) for path in (outside / "data" / "text").iterdir())
    go = shlex.join(phon(corpus, disk))
    script = f"""
        mount -t tmpfs -o size=64m none {disk} && mkdir -p {disk}/data/text || exit 99
        free=$(df --output=avail -k {disk} | tail -1)
        head -c $(( (free - {4 * int(share * (pages - 1))}) * 1024 )) /dev/zero > {disk}/ballast
        {go}; code=$?
        rm {disk}/ballast
        {go} > /dev/null || exit 98
        cp -r {disk}/data {saved}
        exit $code
    """
    done = subprocess.run(["unshare", "-Urm", "sh", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    message, hint = done.stderr.splitlines()
    assert message.startswith(f"error: {disk}/data/text/") and "the disk is full (" in message
    assert hint.startswith("hint: free some space")
    if share == 1.0:  # but for one page
        assert "manifest.json: the disk" in message
    assert tree(saved) == tree(outside)


def test_a_limit_on_file_size_is_told(corpus: Path, tmp_path: Path) -> None:
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))" + PROGRAM
    command = phon(corpus, tmp_path)
    command[2] = limited
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    message, hint = done.stderr.splitlines()
    assert message == f"error: {tmp_path}/data/text/part-00000.parquet: File too large"
    assert hint.startswith("hint: raise the file size limit")
