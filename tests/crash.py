"""Ends a phon command at each of its file operations in turn, runs it again, and compares what is on disk.

    python tests/crash.py --scratch DIR [--template DIR] [--mutant] [--power] [--set module:NAME=N] -- prepare CORPUS

Prints JSON: the number of crash points, those after which the second run did not give the reference tree, and the
operations in order. `--template` is the workspace every trial starts from. Operations are what changes the disk:
opening for writing, each write, fsync, rename, remove, mkdir, truncate. A write that crashes leaves half its bytes.
`--power` also takes back what was not synced, as a power cut would. `--mutant` is a version that must be caught.
"""

import argparse
import builtins
import contextlib
import hashlib
import importlib
import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

CRASHED = 137
EVENTS = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Crash:
    """Counts file operations below a folder and ends the process at the `at`-th."""

    def __init__(self, folder: Path, at: int, *, power: bool, trace: Path | None = None) -> None:
        self.folder, self.at, self.power, self.trace = str(folder), at, power, trace
        self.count = 0
        self.written: dict[int, tuple[int, int]] = {}  # inode -> a handle of ours, bytes that were synced
        self.real_open, self.real_fsync = io.open, os.fsync

    def install(self) -> None:
        """From now on, count. There is no way back: call it in a process of its own."""
        sys.addaudithook(self.hear)
        setattr(io, "open", self.open)  # noqa: B010
        setattr(builtins, "open", self.open)  # noqa: B010
        setattr(os, "fsync", self.fsync)  # noqa: B010

    def step(self, name: str, at_crash: Callable[[], object] = lambda: None) -> None:
        """One operation is about to happen."""
        self.count += 1
        if self.trace is not None:
            with self.real_open(self.trace, "a") as file:
                file.write(f"{name}\n")
        if self.count == self.at:
            at_crash()
            if self.power:
                for handle, synced in self.written.values():
                    os.ftruncate(handle, min(synced, os.fstat(handle).st_size))
            os._exit(CRASHED)

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """The interpreter's report of an operation."""
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & WRITING):
            return
        if (event == "open" or event in EVENTS) and any(str(name).startswith(self.folder) for name in arguments[:2]):
            self.step(f"{event} {Path(str(arguments[0])).name}")

    def fsync(self, handle: int) -> None:
        """Counted."""
        self.step("fsync")
        self.real_fsync(handle)
        inode = os.fstat(handle).st_ino
        if inode in self.written:
            self.written[inode] = self.written[inode][0], os.fstat(handle).st_size

    def open(self, file: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
        """A file whose writes are counted, if it is one of ours."""
        opened = self.real_open(file, mode, *rest, **named)
        if not set(mode) & set("wax+") or not str(file).startswith(self.folder):
            return opened
        inode = os.fstat(opened.fileno()).st_ino
        synced = self.written[inode][1] if inode in self.written and "w" not in mode else 0
        self.written[inode] = os.dup(opened.fileno()), synced
        return CountedFile(opened, self)


class CountedFile:
    """Stands before a file and counts its writes; each reaches the disk at once."""

    def __init__(self, file: IO[Any], crash: Crash) -> None:
        self.file, self.crash = file, crash

    def write(self, data: Any) -> int:
        """Write; a crash leaves half of it."""

        def tear() -> None:
            self.file.write(bytes(data)[: len(data) // 2] if not isinstance(data, str) else data[: len(data) // 2])
            self.file.flush()

        self.crash.step("write", tear)
        written = self.file.write(data)
        self.file.flush()
        return written

    def truncate(self, size: int | None = None) -> int:
        """Counted."""
        self.crash.step("truncate")
        return self.file.truncate(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def __enter__(self) -> "CountedFile":
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()


def mutate() -> None:
    """Break the two promises that crash safety rests on. Call it before the modules that use them are loaded."""
    from pipeline import parts
    from train import files

    @contextlib.contextmanager
    def write_in_place(path: Path) -> Iterator[IO[bytes]]:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            yield file

    def trust(path: Path, *, input: str, work: str) -> parts.Record | None:
        if not path.exists():
            return None
        return parts.Record.read(parts.record_path(path)) or parts.Record(input, work, "")

    files.write_atomic = parts.write_atomic = write_in_place  # type: ignore[attr-defined]
    parts.find_record = trust


def tree(folder: Path) -> str:
    """A hash of every name and byte in a folder, locks left out."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.name != ".lock":
            digest.update(f"{path.relative_to(folder)}\0{path.is_dir()}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest() if path.is_file() else b"")
    return digest.hexdigest()


def run(argv: list[str], folder: Path, crash: Crash | None = None) -> int:
    """Run a phon command in a forked process, which has all modules loaded; its exit code."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        os.environ["PHON_WORKSPACE"] = str(folder)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if crash is not None:
            crash.install()
        from pipeline.cli import main

        code = main(argv)
    finally:
        os._exit(code)


def enumerate_crashes(
    argv: list[str], scratch: Path, *, template: Path | None = None, power: bool = False
) -> dict[str, Any]:
    """Crash at operation 1, 2, 3, … until the command gets through."""

    def fresh(name: str) -> Path:
        folder = scratch / name
        if template is not None:
            shutil.copytree(template, folder)
        return folder

    reference = fresh("reference")
    if run(argv, reference) != 0:
        raise SystemExit("the command fails without a crash")
    wanted = tree(reference)
    trace = scratch / "trace"
    different = []
    at = 0
    while True:
        at += 1
        folder = fresh(str(at))
        trace.unlink(missing_ok=True)
        code = run(argv, folder, Crash(folder, at, power=power, trace=trace))
        if code != CRASHED:
            if code != 0 or tree(folder) != wanted:
                different.append(at)
            break
        if run(argv, folder) != 0 or tree(folder) != wanted:
            different.append(at)
        shutil.rmtree(folder)
    return {"points": at - 1, "different": different, "operations": trace.read_text().splitlines()}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--template", type=Path)
    parser.add_argument("--keep", type=Path, help="only run the command, undisturbed, with this workspace")
    parser.add_argument("--mutant", action="store_true")
    parser.add_argument("--power", action="store_true")
    parser.add_argument("--set", action="append", default=[], metavar="MODULE:NAME=INTEGER")
    parser.add_argument("argv", nargs="+")
    return parser.parse_args()


if __name__ == "__main__":
    options = arguments()
    if options.mutant:
        mutate()
    # Loaded once, before forking; no thread may run yet.
    for module in ("pipeline.cli", "pipeline.prepare", "pyarrow.parquet", "numpy"):
        importlib.import_module(module)
    importlib.import_module("pyarrow").array([0])  # loads pandas, where that is installed
    for setting in options.set:
        place, value = setting.split("=")
        module, name = place.split(":")
        setattr(importlib.import_module(module), name, int(value))
    if options.keep is not None:
        print(json.dumps({"code": run(options.argv, options.keep)}))
        raise SystemExit
    found = enumerate_crashes(options.argv, options.scratch, template=options.template, power=options.power)
    print(json.dumps(found))
