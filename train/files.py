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
FACTS_BYTES, LIST_BYTES = 2**22, 2**30  # the most of a JSON or TOML file that is read: of one thing's facts, of a list
HEADER_BYTES = 2**24  # of a safetensors file at most: a thousand layers take 1 MB
DEEPEST = 32  # brackets within brackets; ours have six
PUT_BACK = "put it back as it was, or delete it and run the command that wrote it again"


@contextlib.contextmanager
def write_atomic(path: Path) -> Iterator[IO[bytes]]:
    """A binary file that takes the name `path` only once all of it is on disk.

    Killed at any moment, the old file (or none) is still there under that name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(ASIDE + path.name)
    try:
        with named(path):
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
def named(path: Path) -> Iterator[None]:
    """Put the file's name to errors of writing, which come without one (a full disk), or with that of a file aside."""
    try:
        yield
    except OSError as error:
        if error.filename is None or ASIDE in str(error.filename):
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


def read_json(path: Path, most: int = FACTS_BYTES) -> Any:
    """The value in a JSON file of at most `most` bytes.

    Raises:
        TrainError: the file is damaged, or longer or deeper than ours are.
    """
    try:
        value = json.loads(read_bounded(path, most))
        check_depth(value)
    except (ValueError, RecursionError) as error:
        raise TrainError(f"{path} is not whole: {error}", hint=PUT_BACK) from error
    return value


def read_bounded(path: Path, most: int) -> bytes:
    """The bytes of a file, of which it may have at most `most`. Raises ValueError."""
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it has more than {most:,} bytes, which no file of ours has")
    return data


def check_depth(value: Any) -> None:
    """Refuse lists and mappings that lie deeper in each other than ours do. Raises ValueError."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(DEEPEST):
        inside = (child for part in level for child in (part.values() if isinstance(part, dict) else part))
        level = [child for child in inside if isinstance(child, dict | list)]
        if not level:
            return
    raise ValueError("it is nested too deeply")


def write_checked(path: Path, facts: Mapping[str, Any]) -> None:
    """Write `facts` to `path` as JSON, with their checksum."""
    write_json(path, {**facts, "checksum": digest(facts)})


def read_checked(path: Path, most: int = FACTS_BYTES) -> dict[str, Any]:
    """What `write_checked` wrote.

    Raises:
        TrainError: the file is damaged.
    """
    facts = read_json(path, most)
    if not isinstance(facts, dict) or facts.pop("checksum", None) != digest(facts):
        raise TrainError(f"{path} was changed or damaged: its checksum does not match", hint=PUT_BACK)
    return facts


def digest(value: Mapping[str, Any]) -> str:
    """SHA-256 of a JSON value, the same for equal values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def check_header(path: Path) -> None:
    """Refuse a safetensors file whose header is longer than any of ours: reading it would take long and much memory.

    Raises:
        TrainError: it is.
    """
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
    if size > HEADER_BYTES:
        raise TrainError(f"{path} is not whole: its header would have {size:,} bytes", hint=PUT_BACK)


def read_tensors(path: Path) -> "dict[str, Tensor]":
    """The tensors of a safetensors file.

    Raises:
        TrainError: it is cut short or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    check_header(path)
    try:
        found: dict[str, Tensor] = load_file(path)
    except (SafetensorError, ValueError) as error:
        raise TrainError(f"{path} is not whole: {error}", hint=PUT_BACK) from error
    return found


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


def discard_folder(path: Path) -> None:
    """Delete a folder that counts as whole by its name: at no moment is half of it there under that name."""
    aside = path.with_name(f"{ASIDE}gone-{path.name}")
    remove(aside)
    os.replace(path, aside)  # noqa: PTH105
    remove(aside)


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
def lock(folder: Path) -> Iterator[int]:
    """Sole right to write into `folder` while the context lasts; the kernel frees it if we are killed.

    Yields:
        A file descriptor: a child process that is given it holds the right too, until it ends.

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
        with named(folder / LOCK):
            file.truncate(0)
            file.write(str(os.getpid()).encode())
        yield file.fileno()
