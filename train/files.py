"""Files that are whole or absent: written aside, synced, renamed; locked; hashed."""

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from train.errors import TrainError

if TYPE_CHECKING:
    from torch import Tensor

ASIDE = ".aside-"  # the prefix of everything that is not finished yet
WEIGHTS = "model.safetensors"  # of a model folder and of a checkpoint
LOCK = ".lock"


@contextlib.contextmanager
def write_atomic(path: Path) -> Iterator[IO[bytes]]:
    """A binary file that takes the name `path` only once all of it is on disk.

    Killed at any moment, the old file (or none) is still there under that name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(ASIDE + path.name)
    try:
        with _named(path):
            with aside.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, path)  # noqa: PTH105 (the crash tests count calls of os)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Put the file's name to errors of writing, which come without one (a full disk, for example)."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all."""
    with write_atomic(path) as file:
        file.write(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, whole or not at all."""
    write_bytes(path, text.encode())


def write_tensors(path: Path, tensors: "Mapping[str, Tensor]") -> None:
    """Write a safetensors file, whole or not at all, with no copy of it in memory."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    aside = path.with_name(ASIDE + path.name)
    try:
        save_file(dict(tensors), aside, {"format": "pt"})
        with aside.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(aside, path)  # noqa: PTH105
    except SafetensorError as error:
        # The library hides the system's error in a sentence.
        code = re.search(r"os error (\d+)", str(error))
        number = int(code[1]) if code else errno.EIO
        raise OSError(number, os.strerror(number), str(path)) from error
    finally:
        aside.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` as JSON with sorted keys, so that equal values are equal bytes."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """The value in a JSON file.

    Raises:
        TrainError: the file is damaged.
    """
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise TrainError(
            f"{path} is not whole: {error}", hint="delete its folder and run the step that wrote it again"
        ) from error


def sha256_file(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's content, read as a stream."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Bring a folder's list of names to disk, where the system can."""
    if os.name == "nt":
        return  # Windows cannot open a folder to sync it
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_folder(aside: Path, final: Path) -> None:
    """Give the finished folder `aside` the name `final`; what stood there before goes away.

    The files in it must have been written by `write_atomic`, so they are synced already.
    """
    sync_folder(aside)
    old = final.with_name(f"{ASIDE}old-{final.name}")
    if final.exists():
        remove(old)
        os.replace(final, old)  # noqa: PTH105
    os.replace(aside, final)  # noqa: PTH105
    sync_folder(final.parent)
    remove(old)


def remove(path: Path) -> None:
    """Delete a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_asides(folder: Path) -> None:
    """Delete what a killed writer left unfinished in `folder`. Call it with the lock held."""
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if path.name.startswith(ASIDE):
                remove(path)


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Sole right to write into `folder` while the context lasts; the kernel frees it if we are killed.

    Raises:
        TrainError: another process holds it.
    """
    import fcntl  # not on Windows, where this program trains under WSL

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a+b", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().decode(errors="replace").strip() or "unknown"
            raise TrainError(
                f"another process (pid {holder}) is writing to {folder}",
                hint="wait for it, stop it, or work in another folder with --workspace",
            ) from error
        with _named(folder / LOCK):
            file.truncate(0)
            file.write(str(os.getpid()).encode())
        yield
