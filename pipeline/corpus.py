"""Finding a corpus's sources and reading them all, in order, as documents."""

import os
import stat
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Literal, NoReturn, get_args

from pipeline.archives import open_file
from pipeline.decoding import Readable, check_encoding, lines, mend, with_newlines
from pipeline.document import Document, EncodingErrors, ReadOptions, Unit, folder_type
from pipeline.errors import PipelineError
from pipeline.formats import Record, records, text_chunks
from pipeline.passages import pieces
from pipeline.remote import HF, NLTK, hf_fingerprint, hf_records, is_saved_dataset, nltk_fingerprint, nltk_texts
from pipeline.streams import FORMATS, Entry, Stream, printable, split_name
from train.files import sha256_file

__all__ = ["Document", "ReadOptions", "Source", "describe_inputs", "find_sources", "read_documents"]

STDIN = "-"
READS = f"phon reads {' '.join(FORMATS)} (each also .gz .bz2 .xz .zst), .zip, .tar, hf://NAME and nltk://NAME"


@dataclass(frozen=True, slots=True)
class Source:
    """One file, standard input, or one data set."""

    name: str  # under the corpus; its documents carry it
    kind: Literal["file", "stdin", "hf", "nltk"]
    location: str  # the path as given on the command line, or the address
    type: str  # "" where there is none


def find_sources(corpora: Sequence[str], outputs: Sequence[Path] = (), type_levels: int = 1) -> list[Source]:
    """All the files and data sets of a corpus, once each.

    Corpora come in byte order of their names, files in byte order of their paths: neither the locale nor the order in
    which files were made or named matters. Links to files are followed, links to folders are not; names that begin
    with a dot, and in a folder files of other types, are passed over. The name of a file is its path under the corpus;
    with several corpora the corpus's own name stands before it.

    Args:
        corpora: Files, folders, addresses, or "-".
        outputs: Folders that phon itself writes: passed over within a corpus, and no corpus themselves.
        type_levels: As in `ReadOptions`.

    Raises:
        PipelineError: nothing there, or nothing that phon reads.
    """
    if not corpora:
        raise PipelineError("no corpus given", hint="name files or folders, or - for standard input", exit_code=2)
    ordered = sorted(set(corpora), key=os.fsencode)
    ours = frozenset(map(os.path.realpath, outputs))
    found: list[Source] = []
    seen: set[str] = set()  # real paths
    for corpus in ordered:
        for source in _sources_of(corpus, ours):
            real = os.path.realpath(source.location) if source.kind == "file" else source.location
            if real in seen:
                continue
            seen.add(real)
            if source.kind == "file":
                source = replace(source, type=folder_type(source.name, type_levels))
            if len(ordered) > 1 and source.kind == "file" and Path(corpus).is_dir():
                source = replace(source, name=f"{printable(Path(corpus).absolute().name)}/{source.name}")
            found.append(source)
    return _with_unique_names(found)


def _with_unique_names(sources: Iterable[Source]) -> list[Source]:
    unique: dict[str, Source] = {}
    for source in sources:
        name, same = source.name, 1
        while name in unique:
            same += 1
            name = f"{source.name}~{same}"
        unique[name] = replace(source, name=name)
    return list(unique.values())


def _sources_of(corpus: str, ours: frozenset[str]) -> list[Source]:
    try:
        return list(_sources(corpus, ours))
    except OSError as error:
        raise PipelineError(
            f"cannot read {printable(str(error.filename or corpus))}: {error.strerror}",
            hint="make it readable (chmod +rx), or leave it out",
        ) from error


def _sources(corpus: str, ours: frozenset[str]) -> Iterator[Source]:
    if corpus == STDIN:
        yield Source(STDIN, "stdin", STDIN, "")
    elif corpus.startswith(HF):
        yield Source(printable(corpus), "hf", corpus, "")
    elif corpus.startswith(NLTK):
        yield Source(printable(corpus), "nltk", corpus, "")
    elif not corpus or not Path(corpus).exists():
        raise PipelineError(f"no such file or folder: {corpus!r}", hint="check the path; - is standard input")
    elif os.path.realpath(corpus) in ours:
        raise PipelineError(
            f"{printable(corpus)} is where phon itself writes",
            hint="keep your texts in another folder, or pass --workspace with another folder for what phon writes",
        )
    elif not Path(corpus).is_dir():
        yield _only_file(Path(corpus))
    elif is_saved_dataset(Path(corpus)):
        yield Source(printable(Path(corpus).absolute().name), "hf", f"{HF}{Path(corpus).absolute()}", "")
    else:
        yield from _files_under(Path(corpus), ours)


def _only_file(path: Path) -> Source:
    label = printable(str(path))
    if not path.is_file():
        raise PipelineError(f"{label} is no regular file", hint="to read a pipe, pass - and redirect it")
    kind, codec = split_name(path.name)
    if not kind:
        suffix = path.with_suffix("").suffix + codec if codec else path.suffix
        what = f"{suffix} files" if path.suffix else "files without an extension"
        raise PipelineError(f"phon does not read {what}: {label}", hint=READS)
    return Source(printable(path.name), "file", str(path), "")


def _files_under(folder: Path, ours: frozenset[str]) -> Iterator[Source]:
    paths: list[bytes] = []
    for parent, folders, names in os.walk(folder, onerror=_fail):
        folders[:] = [
            name for name in folders if not name.startswith(".") and os.path.realpath(Path(parent, name)) not in ours
        ]
        for name in names:
            path = Path(parent, name)
            if not name.startswith(".") and split_name(name)[0] and _is_regular(path):
                paths.append(os.fsencode(path.relative_to(folder).as_posix()))
    if not paths:
        raise PipelineError(f"no readable file in {printable(str(folder))}", hint=READS)
    for inner in map(os.fsdecode, sorted(paths)):
        yield Source(printable(inner), "file", str(folder / inner), "")


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:  # a link to nowhere, or to itself
        return False


def _fail(error: OSError) -> NoReturn:
    raise error  # os.walk would pass over a folder that it cannot list


def read_documents(sources: Sequence[Source], options: ReadOptions, dropped: Counter[str]) -> Iterator[Document]:
    """The documents of all sources, in order. Reads as it goes: memory stays flat, but for `unit="file"`.

    Args:
        sources: From `find_sources`.
        options: How files become documents.
        dropped: Counts what is left out, by reason.

    Raises:
        PipelineError: an option that means nothing (at once), or a file that cannot be read (when its turn comes).
    """
    _check(options)
    return (document for source in sources for document in _read(source, options, dropped))


def _check(options: ReadOptions) -> None:
    check_encoding(options.encoding)
    for what, value, known in (
        ("unit", options.unit, get_args(Unit)),
        ("encoding-errors", options.encoding_errors, get_args(EncodingErrors)),
    ):
        if value not in known:
            raise PipelineError(f"unknown --{what} {value!r}", hint=f"choose one of {', '.join(known)}", exit_code=2)
    if options.passage_words < 1:
        raise PipelineError(
            f"--passage-words {options.passage_words} is less than 1", hint="400 is the default", exit_code=2
        )


def _read(source: Source, options: ReadOptions, dropped: Counter[str]) -> Iterator[Document]:
    if source.kind == "hf":
        rows = hf_records(source.location, options)
        yield from _record_documents(source.name, source.type, rows, options, dropped)
    elif source.kind == "nltk" and options.source_field:
        raise _no_pairs(source.location)
    elif source.kind == "nltk":
        for file, text in nltk_texts(source.location):
            type = folder_type(file, options.type_levels)
            yield from _text_documents(f"{source.name}/{file}", type, [text], options, dropped)
    else:
        for entry in _entries(source, options, dropped):
            if entry.format in (".txt", ".md") and options.source_field:
                raise _no_pairs(entry.label)
            if entry.format in (".txt", ".md"):
                chunks = text_chunks(entry, options, dropped)
                yield from _text_documents(entry.name, entry.type, chunks, options, dropped)
            else:
                yield from _record_documents(entry.name, entry.type, records(entry, options), options, dropped)


def _entries(source: Source, options: ReadOptions, dropped: Counter[str]) -> Iterator[Entry]:
    if source.kind == "stdin":
        inner: Readable = sys.stdin.buffer
        yield Entry(source.name, "standard input", source.type, ".txt", Stream(inner, "standard input"))
    else:
        yield from open_file(Path(source.location), source.name, source.type, options, dropped)


def _text_documents(
    name: str, type: str, chunks: Iterable[str], options: ReadOptions, dropped: Counter[str]
) -> Iterator[Document]:
    if options.unit == "file":
        texts = iter(["".join(chunks).strip("\n")])
    else:
        texts = pieces(lines(chunks, dropped), options.unit, options.passage_words)
    first, second = next(texts, ""), next(texts, None)  # "" is dropped, and counted, as an empty document
    if second is None and options.unit not in ("line", "paragraph"):
        yield from _document(name, name, type, first, name, options, dropped)
        return
    for number, text in enumerate(chain([first], [] if second is None else [second], texts)):
        identity = f"{name}#{number}"
        yield from _document(identity, name, type, text, identity, options, dropped)


def _record_documents(
    name: str, folder: str, rows: Iterable[Record], options: ReadOptions, dropped: Counter[str]
) -> Iterator[Document]:
    for number, row in enumerate(rows):
        identity = f"{name}#{number}"
        text, given = with_newlines(row.text or ""), with_newlines(row.given or "")
        type = folder if options.type_field is None else (row.type or "").strip()
        if type and mend(type, options.encoding_errors, dropped, row.place) != type:
            continue  # counted, unless it was an error
        if options.source_field:
            yield from _pair(Document(identity, name, type, text, given, row.place), options, dropped)
            continue
        if options.unit in ("auto", "file"):
            yield from _document(identity, name, type, text, row.place, options, dropped)
            continue
        parts = list(pieces(text.split("\n"), options.unit, options.passage_words)) or [""]
        for part, piece in enumerate(parts):
            inner = identity if len(parts) == 1 and options.unit == "passage" else f"{identity}.{part}"
            yield from _document(inner, name, type, piece, row.place, options, dropped)


def _document(
    identity: str, name: str, type: str, text: str, place: str, options: ReadOptions, dropped: Counter[str]
) -> Iterator[Document]:
    kept = mend(text, options.encoding_errors, dropped, place)
    if kept is not None:
        yield Document(identity, name, type, kept)


def _no_pairs(label: str) -> PipelineError:
    return PipelineError(
        f"{label} holds texts, not pairs", hint="a pair is a record of two fields: .jsonl .csv .tsv .parquet"
    )


def _pair(pair: Document, options: ReadOptions, dropped: Counter[str]) -> Iterator[Document]:
    text = mend(pair.text, options.encoding_errors, dropped, pair.place)
    given = None if text is None else mend(pair.given or "", options.encoding_errors, dropped, pair.place)
    if text is not None and given is not None:
        yield replace(pair, text=text, given=given)


def describe_inputs(sources: Sequence[Source]) -> list[dict[str, object]]:
    """Name, size_bytes and sha256 of each source: what a manifest says it was made from.

    Standard input has neither size nor hash until it is read: both are None. A data set's `sha256` is its fingerprint,
    and its size None.
    """
    return [_description(source) for source in sources]


def _description(source: Source) -> dict[str, object]:
    size: int | None = None
    digest: str | None = None
    if source.kind == "file":
        path = Path(source.location)
        try:
            size, digest = path.stat().st_size, sha256_file(path)
        except OSError as error:
            raise PipelineError(
                f"cannot read {printable(str(path))}: {error.strerror}",
                hint="make it readable, or take it out of the corpus",
            ) from error
    elif source.kind == "hf":
        digest = hf_fingerprint(source.location)
    elif source.kind == "nltk":
        digest = nltk_fingerprint(source.location)
    return {"name": source.name, "size_bytes": size, "sha256": digest}
