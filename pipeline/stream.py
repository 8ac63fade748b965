"""Lines of JSON that go to a file one by one: killed at any moment, the same command goes on after the last of them."""

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from pipeline.errors import PipelineError
from train.files import ASIDE, named, read_checked, remove, sync_folder, write_checked


class Stream:
    """A file being written.

    Attributes:
        n: Lines in it.
    """

    def __init__(self, file: IO[bytes], kept: Callable[[dict[str, Any]], None]) -> None:
        self._file = file
        self.n = self._keep(kept)

    def _keep(self, kept: Callable[[dict[str, Any]], None]) -> int:
        """Find how many whole lines there are, numbered from 0, and cut off what follows them."""
        self._file.seek(0)
        n = end = 0
        for line in self._file:
            record = _parsed(line)
            if record is None or record.get("index") != n:
                break
            kept(record)
            n, end = n + 1, end + len(line)
        self._file.seek(end)
        self._file.truncate()
        return n

    def __call__(self, line: str) -> None:
        """Append the JSON of an object, whose `index` is the number of those before it."""
        self._file.write(line.encode() + b"\n")
        self._file.flush()  # to the system: what is written outlives this process
        self.n += 1


@contextlib.contextmanager
def stream(
    path: Path, settings: Mapping[str, Any], kept: Callable[[dict[str, Any]], None] = lambda record: None
) -> Iterator[Stream]:
    """A file of JSON lines that takes the name `path` once all of it is on disk.

    Args:
        settings: What the lines depend on; only a command with the same goes on.
        kept: Is told what an earlier run has left, line by line.

    Raises:
        PipelineError: another process writes it, or another command has begun to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside, begun = path.with_name(ASIDE + path.name), path.with_name(f"{ASIDE}{path.name}.settings")
    with named(path), aside.open("a+b") as file:
        _lock(file, aside, path)
        try:
            wanted = json.loads(json.dumps(settings))
            if begun.exists() and _size(file):
                _require_same(read_checked(begun), wanted, path, (aside, begun))
            else:
                file.truncate(0)  # of nobody knows what
                write_checked(begun, wanted)
            yield Stream(file, kept)
            file.flush()
            os.fsync(file.fileno())
            os.replace(aside, path)  # noqa: PTH105 (as all renaming here: the crash tests count calls of os)
        except BaseException:
            if not _size(file):
                remove(aside)
                remove(begun)
            raise
        sync_folder(path.parent)
        remove(begun)


def _size(file: IO[bytes]) -> int:
    return os.fstat(file.fileno()).st_size


def _parsed(line: bytes) -> dict[str, Any] | None:
    """The object of a whole line."""
    try:
        record = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _require_same(there: Mapping[str, Any], wanted: Mapping[str, Any], path: Path, files: tuple[Path, Path]) -> None:
    other = sorted(key for key in there.keys() | wanted.keys() if there.get(key) != wanted.get(key))
    if other:
        said = ", ".join(f"{key} was {_short(there.get(key))} and is {_short(wanted.get(key))}" for key in other[:3])
        raise PipelineError(
            f"{path} is half written by another command: {said}",
            hint=f"run that command again and it goes on, write to another file, or delete {files[0]} and {files[1]}",
        )


def _short(value: object) -> str:
    said = json.dumps(value)
    return said if len(said) <= 24 else said[:23] + "…"


def _lock(file: IO[bytes], aside: Path, path: Path) -> None:
    """Take the sole right to write; the kernel frees it if we are killed.

    Raises:
        PipelineError: another process has it.
    """
    import fcntl  # not on Windows

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_ours = aside.exists() and os.path.samestat(os.fstat(file.fileno()), aside.stat())
    except BlockingIOError:
        is_ours = False
    if not is_ours:  # or the other has just finished, and what was opened bears the final name
        raise PipelineError(f"another process is writing {path}", hint="wait for it, or write to another file")
