"""Bytes → text: one encoding, exact offsets for what does not fit it, `\\n` for every line end, bounded memory."""

import codecs
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Protocol

from pipeline.document import ReadOptions
from pipeline.errors import PipelineError

CHUNK = 1 << 18  # bytes per read
LONGEST_RUN = 1 << 20  # characters of text without a line end that are kept together
LONGEST_RECORD = 1 << 26  # characters of one line of JSON or one field of CSV

_BAD = "\udfff"  # stands for undecodable bytes under "skip"; half a surrogate pair, so no decoder yields it
_UNPRINTABLE = re.compile("[\ud800-\udfff\0]")


class Readable(Protocol):
    """Anything with a bounded `read`."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...


def check_encoding(name: str) -> None:
    """Refuse an encoding that Python has no text decoder for."""
    try:
        codecs.getincrementaldecoder(name)
        b"a".decode(name, "replace")  # tells text encodings from "hex" and the like
    except (LookupError, UnicodeError, ValueError) as error:
        raise PipelineError(
            f"unknown encoding {name!r}", hint="pass --encoding utf-8, cp1252, latin-1, utf-16 or another of Python's"
        ) from error


def decode(stream: Readable, label: str, options: ReadOptions) -> Iterator[str]:
    """The text of a stream, chunk by chunk.

    Under "skip" undecodable bytes and NULs stay visible to `mend`, which drops the documents that hold them.

    Args:
        stream: Where the bytes come from.
        label: What to call it in messages.
        options: `encoding` and `encoding_errors`.

    Raises:
        PipelineError: bytes that are not text, under "strict".
    """
    encoding = "utf-8-sig" if codecs.lookup(options.encoding).name == "utf-8" else options.encoding
    errors = options.encoding_errors
    if errors == "skip":
        codecs.register_error("phon.mark", lambda error: (_BAD, error.end))  # type: ignore[attr-defined]
        errors = "phon.mark"
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    newlines = io.IncrementalNewlineDecoder(None, translate=True)
    taken = 0
    at_start = True
    while True:
        data = stream.read(CHUNK)
        taken += len(data)
        try:
            text = decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            # error.object is what the decoder had kept back plus this chunk, so its end lies at `taken`
            raise _not_text(error, taken - len(error.object) + error.start, label, options.encoding) from error
        except UnicodeError as error:
            raise PipelineError(
                f"{label} is not {options.encoding}: {error}", hint="pass the right --encoding, utf-16-le for example"
            ) from error
        if "\0" in text and options.encoding_errors != "skip":
            if options.encoding_errors == "strict":
                raise _binary(label, data, taken - len(data), options.encoding)
            text = text.replace("\0", "\ufffd")
        if at_start and text:
            text = text.removeprefix("\ufeff")
            at_start = False
        text = newlines.decode(text, final=not data)
        if text:
            yield text
        if not data:
            return


def _not_text(error: UnicodeDecodeError, at: int, label: str, encoding: str) -> PipelineError:
    byte = f"0x{error.object[error.start]:02x}"
    if at == 0 and error.object[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        hint = "it looks like UTF-16: pass --encoding utf-16"
    elif codecs.lookup(encoding).name == "utf-8":
        hint = "convert it, or pass --encoding cp1252, or --encoding-errors replace (or skip)"
    else:
        hint = "pass the right --encoding, or --encoding-errors replace (or skip)"
    cut = " (it ends within a character)" if "unexpected end" in error.reason or "truncated" in error.reason else ""
    return PipelineError(f"{label}, byte {at}: {byte} is not {encoding.upper()}{cut}", hint=hint)


def _binary(label: str, data: bytes, start: int, encoding: str) -> PipelineError:
    one_byte = len("\0".encode(encoding)) == 1  # elsewhere a zero byte is half of an ordinary character
    place = f", byte {start + data.find(0)}" if one_byte else ""
    return PipelineError(
        f"{label}{place}: a NUL; it looks binary, not text",
        hint="take it out of the corpus, pass its --encoding (utf-16?), or pass --encoding-errors skip",
    )


def with_newlines(text: str) -> str:
    """The text of a record or a whole file with `\\n` for every line end."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def is_damaged(text: str) -> bool:
    """Whether it holds NULs or what was no text in the encoding."""
    return _UNPRINTABLE.search(text) is not None


def mend(text: str, errors: str, dropped: Counter[str], place: str) -> str | None:
    """The text of one document, if it may be kept.

    Half surrogate pairs (JSON can escape them) and NULs (in records) follow `errors`, as undecodable bytes do.

    Args:
        text: As read.
        errors: One of EncodingErrors.
        dropped: Counts what is not kept: empty, encoding, binary.
        place: File and line, for the message.

    Returns:
        None if the document is dropped.
    """
    if not text or text.isspace():
        dropped["empty"] += 1
        return None
    if text.isascii() and "\0" not in text:
        return text
    found = _UNPRINTABLE.search(text)
    if found is None:
        return text
    if errors == "replace":
        return _UNPRINTABLE.sub("\ufffd", text)
    if errors == "skip":
        dropped["binary" if found[0] == "\0" else "encoding"] += 1
        return None
    what = "a NUL" if found[0] == "\0" else f"half a surrogate pair (\\u{ord(found[0]):04x})"
    raise PipelineError(
        f"{place}: the text holds {what}", hint="mend the record, or pass --encoding-errors replace (or skip)"
    )


def lines(chunks: Iterable[str], dropped: Counter[str]) -> Iterator[str]:
    """The lines of a text, without their ends. Only `\\n` ends a line.

    A run of more than LONGEST_RUN characters is cut at white space (anywhere, if it has none), so that a file that is
    one line cannot fill the memory; `dropped["long line cut"]` counts the cuts.
    """
    for line, is_whole in _runs(chunks, LONGEST_RUN):
        if not is_whole:
            dropped["long line cut"] += 1
        yield line


def record_lines(chunks: Iterable[str], label: str) -> Iterator[str]:
    """The lines of a file of records, which cannot be cut: one that is too long is an error."""
    for number, (line, is_whole) in enumerate(_runs(chunks, LONGEST_RECORD), start=1):
        if not is_whole:
            raise PipelineError(
                f"{label}, line {number}: longer than {LONGEST_RECORD >> 20} MiB",
                hint="split the record into several",
            )
        yield line


def _runs(chunks: Iterable[str], longest: int) -> Iterator[tuple[str, bool]]:
    """Lines, and whether each ends where the file ends it."""
    parts: list[str] = []  # of the line that is not finished
    size = 0
    for chunk in chunks:
        first, *rest = chunk.split("\n")
        parts.append(first)
        size += len(first)
        if rest:
            yield "".join(parts), True
            for line in rest[:-1]:
                yield line, True
            parts, size = [rest[-1]], len(rest[-1])
        elif size > longest:
            run = "".join(parts)
            head, *tail = run.rsplit(maxsplit=1) or [""]
            # trailing white space: rsplit has thrown it away, and the cut lies there
            if tail and run[-1].isspace():
                head, tail = run, []
            yield head, False
            parts, size = tail, sum(map(len, tail))
    if size:
        yield "".join(parts), True
