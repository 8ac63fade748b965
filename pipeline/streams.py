"""Compressed files as byte streams: metered, bounded in memory, every failure told as the user's error."""

import bz2
import contextlib
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any, cast

from pipeline.decoding import CHUNK, Readable
from pipeline.document import ReadOptions
from pipeline.errors import PipelineError

FORMATS = (".txt", ".md", ".jsonl", ".csv", ".tsv", ".parquet")
CODECS = (".gz", ".bz2", ".xz", ".zst")

FREE_BYTES = 1 << 20  # the ratio is looked at after so many bytes
XZ_MEMORY = 256 << 20  # bytes for an xz dictionary; `xz -9` needs 65 MiB. zstd has its own bound, 128 MiB
IN_MEMORY = 256 << 20  # bytes of a compressed parquet file, which must be held whole

# What the libraries raise on damaged input. An OSError with an errno is the disk's fault, not the file's.
_BROKEN = (
    *(OSError, EOFError, ValueError, LookupError, RuntimeError, OverflowError, struct.error),
    *(zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError),
)


def split_name(name: str) -> tuple[str, str]:
    """A file's format and codec by its name: `a.jsonl.gz` gives `.jsonl` and `.gz`; "" for what phon does not read."""
    lower = name.lower()
    if lower.endswith(".tgz"):
        return ".tar", ".gz"
    codec = next((codec for codec in CODECS if lower.endswith(codec)), "")
    kind = PurePosixPath(lower.removesuffix(codec)).suffix
    if kind in FORMATS or kind == ".tar" or (kind == ".zip" and not codec):
        return kind, codec
    return "", codec


@dataclass(slots=True)
class Meter:
    """Counts the bytes that come out of a compressed file and stops a bomb."""

    label: str
    options: ReadOptions
    taken: Callable[[], int]  # compressed bytes read so far
    given: int = 0

    def add(self, size: int) -> None:
        """Count `size` more bytes.

        Raises:
            PipelineError: they are too many.
        """
        self.given += size
        if self.given > self.options.max_bytes:
            raise PipelineError(
                f"{self.label} unpacks to more than {self.options.max_bytes:,} bytes",
                hint="if that is right, allow more with --max-bytes",
            )
        if self.given > FREE_BYTES and self.given > self.options.max_ratio * max(1, self.taken()):
            raise PipelineError(
                f"{self.label} unpacks to more than {self.options.max_ratio:g} times its size; it may be a bomb",
                hint="if you trust it, allow more with --max-ratio",
            )


class Stream:
    """Bytes of a file or member: metered, and every failure told as the user's error.

    Args:
        inner: Where the bytes come from.
        label: What to call it in messages.
        meters: Told how many bytes came.
    """

    def __init__(self, inner: Readable, label: str, *meters: Meter) -> None:
        self.inner = inner
        self.label = label
        self.meters = meters

    def read(self, size: int = CHUNK) -> bytes:
        """At most `size` bytes; none at the end."""
        with explained(self.label):
            data = self.inner.read(size)
        for meter in self.meters:
            meter.add(len(data))
        return data


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of text or records, open."""

    name: str  # under the corpus
    label: str  # in messages: the path as given
    type: str
    format: str  # one of FORMATS
    stream: Stream
    file: IO[bytes] | None = None  # the same where it can be sought in

    def seekable(self) -> IO[bytes]:
        """The content as a file that can be sought in; a compressed one is held in memory.

        Raises:
            PipelineError: too large for that.
        """
        if self.file is not None:
            return self.file
        held = io.BytesIO()
        while data := self.stream.read():
            if held.tell() + len(data) > IN_MEMORY:
                raise PipelineError(
                    f"{self.label} unpacks to more than {IN_MEMORY >> 20} MiB, too much to hold in memory",
                    hint="decompress it first: parquet is compressed inside already",
                )
            held.write(data)
        held.seek(0)
        return held


@contextlib.contextmanager
def explained(label: str) -> Iterator[None]:
    """Turn what goes wrong while reading `label` into the user's error."""
    try:
        yield
    except _BROKEN as error:
        if isinstance(error, OSError) and error.errno:
            raise PipelineError(f"cannot read {label}: {error.strerror}", hint=_unreadable_hint(error)) from error
        raise PipelineError(
            f"{label} is broken or cut short: {error}", hint="copy or download it again, or take it out of the corpus"
        ) from error


def _unreadable_hint(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "make it readable (chmod +r), or take it out of the corpus"
    if isinstance(error, FileNotFoundError):
        return "it was there when the corpus was listed: run the command again"
    return "check the disk, or take it out of the corpus"


class _Unpacker:
    """Reads .bz2 and .xz, streams end to end too; unlike the library's readers, it refuses what follows the last."""

    def __init__(self, raw: IO[bytes], new: Callable[[], Any]) -> None:
        self.raw = raw
        self.new = new
        self.inner = new()

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        while True:
            data = b""
            if self.inner.eof:
                data = self.inner.unused_data.lstrip(b"\0")  # zeros may pad an .xz
                while not data:
                    data = self.raw.read(CHUNK)
                    if not data:
                        return b""
                    data = data.lstrip(b"\0")
                self.inner = self.new()
            elif self.inner.needs_input:
                data = self.raw.read(CHUNK)
                if not data:
                    raise EOFError("its end is missing")
            found = cast(bytes, self.inner.decompress(data, size))
            if found:
                return found


def unpacked(raw: IO[bytes], codec: str) -> Readable:
    """The content of a compressed file. Reads of it raise one of many exceptions when it is damaged."""
    if not raw.read(1):
        raise EOFError("it is empty")
    raw.seek(0)
    if codec == ".gz":
        return gzip.GzipFile(fileobj=raw)
    if codec == ".bz2":
        return _Unpacker(raw, bz2.BZ2Decompressor)
    if codec == ".xz":
        return _Unpacker(raw, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY))
    import pyarrow  # slow

    return cast(Readable, pyarrow.CompressedInputStream(pyarrow.PythonFile(raw, mode="r"), "zstd"))


def printable(name: str) -> str:
    """A file name as text that any file can hold: bytes that are no text are written as escapes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
