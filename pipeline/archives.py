"""The members of .zip and .tar files, one after the other, as streams: nothing is ever written to disk."""

import io
import stat
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Self

from pipeline.decoding import CHUNK
from pipeline.document import ReadOptions, folder_type
from pipeline.errors import PipelineError
from pipeline.streams import Entry, Meter, Stream, explained, printable, split_name, unpacked

TAR_HEADER_BYTES = 16 << 20  # most bytes of one header; tarfile reads it whole
ZIP_ENTRY_BYTES = 256  # most bytes of the directory per allowed member; zipfile reads it whole
ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others unpack without a bound on memory

NESTED = "archive in an archive"
SPECIAL = "link or device in an archive"
OTHER = "other type of file in an archive"


def open_file(path: Path, name: str, type: str, options: ReadOptions, dropped: Counter[str]) -> Iterator[Entry]:
    """The files of text or records in one file: itself, or an archive's members.

    Args:
        path: The file; its name tells how to read it.
        name: Its name under the corpus.
        type: Its type; with "" the members of an archive have their first folder's.
        options: The limits.
        dropped: Counts the members that are not read, by reason.

    Raises:
        PipelineError: it cannot be read, is damaged, or breaks a limit.
    """
    label = printable(str(path))
    kind, codec = split_name(path.name)
    with explained(label):
        raw = path.open("rb")
    with raw:
        if kind == ".zip":
            yield from _zip_entries(raw, _Members(name, label, type, options, dropped))
            return
        if codec:
            with explained(label):
                inner = unpacked(raw, codec)
            stream = Stream(inner, label, Meter(label, options, raw.tell))
        else:
            stream = Stream(raw, label)
        if kind == ".tar":
            yield from _tar_entries(stream, _Members(name, label, type, options, dropped))
        else:
            yield Entry(name, label, type, kind, stream, None if codec else raw)


class _Members:
    """Decides which members of one archive are read, and what they are called."""

    def __init__(self, name: str, label: str, type: str, options: ReadOptions, dropped: Counter[str]) -> None:
        self.name = name
        self.label = label
        self.type = type
        self.options = options
        self.dropped = dropped
        self.count = 0
        self.names: set[str] = set()

    def admit(self, path: str, is_regular: bool) -> tuple[str, str, str, str] | None:
        """Name, label, type and format of the entry for a member; None if it is not read.

        Args:
            path: As stored; never used as a path, so `..` and a leading `/` are harmless.
            is_regular: False for links, devices and the like.
        """
        self.count += 1
        if self.count > self.options.max_members:
            raise too_many(self.label, self.options)
        if "\0" in path:
            raise PipelineError(f"{self.label}: the name of member {self.count} holds a NUL", hint="make it anew")
        parts = [part for part in printable(path).split("/") if part not in ("", ".", "..")]
        if not parts or any(part.startswith(".") for part in parts):
            return None
        kind, codec = split_name(parts[-1])
        if not is_regular or codec or kind in ("", ".zip", ".tar"):
            self.dropped[SPECIAL if not is_regular else NESTED if codec or kind else OTHER] += 1
            return None
        member = "/".join(parts)
        same = 1
        while member in self.names:  # archives may hold a name twice; ids must not
            same += 1
            member = "/".join(parts) + f"~{same}"
        self.names.add(member)
        type = folder_type("/".join(filter(None, [self.type, *parts])), self.options.type_levels)
        return f"{self.name}!{member}", f"{self.label}!{member}", type, kind


def too_many(label: str, options: ReadOptions) -> PipelineError:
    """The error for an archive with more members than allowed."""
    return PipelineError(
        f"{label} has more than {options.max_members:,} members", hint="if that is right, allow more with --max-members"
    )


class _CappedFile:
    """A zip file whose directory cannot fill the memory: zipfile reads it in one go."""

    def __init__(self, raw: IO[bytes], error: PipelineError, largest_read: int) -> None:
        self.seek, self.tell, self.seekable = raw.seek, raw.tell, raw.seekable
        self.raw, self.error, self.largest_read = raw, error, largest_read

    def read(self, size: int = -1) -> bytes:
        """As any file's."""
        if size > self.largest_read:
            raise self.error
        return self.raw.read(size)


def _zip_entries(raw: IO[bytes], members: _Members) -> Iterator[Entry]:
    label, options = members.label, members.options
    size = raw.seek(0, io.SEEK_END)
    largest = max(1 << 20, options.max_members * ZIP_ENTRY_BYTES)
    with explained(label):
        archive = zipfile.ZipFile(_CappedFile(raw, too_many(label, options), largest))
    whole = Meter(label, options, lambda: size)  # members may overlap, so each may be sound and the sum a bomb
    for info in archive.infolist():
        mode = stat.S_IFMT(info.external_attr >> 16)
        path = info.orig_filename.replace("\\", "/")  # some programs of Windows write it so
        admitted = members.admit("" if path.endswith("/") else path, mode in (0, stat.S_IFREG))
        if admitted is None:
            continue
        member = admitted[1]
        if info.flag_bits & 1:
            raise PipelineError(f"{member} is encrypted", hint="unpack it with its password first")
        if info.compress_type not in ZIP_METHODS:
            raise PipelineError(
                f"{member} is packed by method {info.compress_type}, which phon does not read",
                hint="unpack it, or pack it again with plain zip (deflate)",
            )
        with explained(member):
            inner = archive.open(info)
        with inner:
            meter = Meter(member, options, partial(int, info.compress_size))
            yield Entry(*admitted, Stream(inner, member, meter, whole))


class _StrictInfo(tarfile.TarInfo):
    """tarfile takes a damaged header, or none at all, for the end of the archive; here only the end mark is one."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        """The next header."""
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"{error} at byte {archive.offset}") from error


class _HeaderCap:
    """The bytes of a tar file; a header may not fill the memory."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.left = TAR_HEADER_BYTES  # bytes that tarfile may read before it is asked for something new

    def read(self, size: int) -> bytes:
        """At most `size` bytes."""
        data = self.stream.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise PipelineError(
                f"{self.stream.label}: a header of more than {TAR_HEADER_BYTES >> 20} MiB", hint="make the archive anew"
            )
        return data


def _tar_entries(stream: Stream, members: _Members) -> Iterator[Entry]:
    capped = _HeaderCap(stream)
    with explained(members.label):
        archive = tarfile.open(fileobj=capped, mode="r|", tarinfo=_StrictInfo)  # type: ignore[call-overload]  # noqa: SIM115
    with archive:
        while True:
            position = archive.fileobj.tell()
            capped.left = max(0, archive.offset - position) + TAR_HEADER_BYTES
            with explained(members.label):
                info = archive.next()
            if info is None:
                with explained(members.label):
                    while stream.read(CHUNK):
                        pass  # a codec's checksum stands behind the end mark and its padding
                return
            archive.members.clear()  # tarfile keeps them all
            is_regular = info.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not info.issparse()
            admitted = members.admit("" if info.isdir() else info.name, is_regular)
            if admitted is None:
                continue
            inner = archive.extractfile(info)
            assert inner is not None  # it is a regular file
            with inner:
                capped.left = info.size + TAR_HEADER_BYTES
                yield Entry(*admitted, Stream(inner, admitted[1]))
