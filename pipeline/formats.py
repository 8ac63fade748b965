"""Open files → records (.jsonl, .csv, .tsv, .parquet) or text (.txt, .md)."""

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from pipeline.decoding import LONGEST_RECORD, decode, is_damaged, lines, record_lines
from pipeline.document import ReadOptions
from pipeline.errors import PipelineError
from pipeline.markdown import prose
from pipeline.streams import Entry, explained

BATCH_ROWS = 256


class Record(NamedTuple):
    """One row: its text (None or empty: it has none), its type if it says, its place for messages, a pair's source."""

    text: str | None
    type: str | None
    place: str
    given: str | None = None


def text_chunks(entry: Entry, options: ReadOptions, dropped: Counter[str]) -> Iterator[str]:
    """The text of a text file, bit by bit; Markdown without its marks."""
    chunks = decode(entry.stream, entry.label, options)
    return (line + "\n" for line in prose(lines(chunks, dropped))) if entry.format == ".md" else chunks


def records(entry: Entry, options: ReadOptions) -> Iterator[Record]:
    """The rows of a file of records.

    Raises:
        PipelineError: it is damaged, or has no such field.
    """
    if entry.format == ".jsonl":
        return _jsonl(entry, options)
    if entry.format in (".csv", ".tsv"):
        return _csv(entry, options)
    return _parquet(entry, options)


def record_of(row: dict[str, Any], place: str, options: ReadOptions) -> Record:
    """The text and type of one row.

    Raises:
        PipelineError: the text's field is missing, or is no text.
    """
    for field in text_fields(options):
        if field not in row:
            raise no_field(place, "field", field, row, options)
        if row[field] is not None and not isinstance(row[field], str):
            raise PipelineError(
                f"{place}: the field {field!r} is {_kind(row[field])}, not text",
                hint=f"name the field that holds the text with {naming(options)}",
            )
    type = row.get(options.type_field) if options.type_field else None
    if isinstance(type, dict | list):
        raise PipelineError(
            f"{place}: the field {options.type_field!r} is {_kind(type)}, not a name",
            hint="name the field that holds the type with --type-field",
        )
    given = row[options.source_field] if options.source_field else None
    return Record(row[options.text_field], None if type is None else str(type), place, given)


def text_fields(options: ReadOptions) -> list[str]:
    """The fields that hold text: a pair has two."""
    return list(dict.fromkeys(filter(None, (options.source_field, options.text_field))))


def naming(options: ReadOptions) -> str:
    """The options that name the fields of text."""
    return "--source-field and --target-field" if options.source_field else "--text-field"


def no_field(place: str, what: str, field: str, found: Iterable[str], options: ReadOptions) -> PipelineError:
    """The error for a record without the field asked for, naming those that are there."""
    names = ", ".join(repr(name) for name in list(found)[:20]) or "none"
    return PipelineError(
        f"{place}: no {what} {field!r}; there are {names}",
        hint=f"name the one that holds the text with {naming(options)}",
    )


def _kind(value: object) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", dict: "an object", list: "a list"}
    return names.get(type(value), f"a {type(value).__name__}")


def _jsonl(entry: Entry, options: ReadOptions) -> Iterator[Record]:
    for number, line in enumerate(record_lines(decode(entry.stream, entry.label, options), entry.label), start=1):
        if not line or line.isspace():
            continue
        place = f"{entry.label}, line {number}"
        if options.encoding_errors == "skip" and is_damaged(line):
            yield Record(line, None, place)  # to be dropped, and counted, as such
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            what = f"{error.msg} at character {error.pos}" if isinstance(error, json.JSONDecodeError) else str(error)
            raise PipelineError(
                f"{place}: not JSON: {what}", hint="mend the line; .jsonl holds one JSON object on each"
            ) from error
        if not isinstance(row, dict):
            raise PipelineError(
                f"{place}: {_kind(row)} where a JSON object was expected",
                hint=f"write each line as {json.dumps(dict.fromkeys(text_fields(options), '...'))}",
            )
        yield record_of(row, place, options)


def _csv(entry: Entry, options: ReadOptions) -> Iterator[Record]:
    # the limit belongs to the process; it is only ever raised, so readers side by side do no harm
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_RECORD))
    source = record_lines(decode(entry.stream, entry.label, options), entry.label)
    lined = (line + "\n" for line in source)
    is_tabbed = entry.format == ".tsv"  # there a quote is a character like any other
    rows = csv.reader(lined, delimiter="\t", quoting=csv.QUOTE_NONE) if is_tabbed else csv.reader(lined, strict=True)
    header: list[str] = []
    number = 0
    try:
        for row in rows:
            number, place = rows.line_num, f"{entry.label}, line {rows.line_num}"
            if not row:
                continue
            if not header:
                header = row
                for field in filter(None, (*text_fields(options), options.type_field)):
                    if field not in header:
                        raise no_field(place, "column", field, header, options)
                continue
            if len(row) != len(header):
                raise PipelineError(
                    f"{place}: {len(row)} fields where the header has {len(header)}",
                    hint="a tab stands between fields, and nowhere else"
                    if is_tabbed
                    else 'put fields that hold commas or line ends in quotes: "..."',
                )
            yield record_of(dict(zip(header, row, strict=True)), place, options)
    except csv.Error as error:
        raise PipelineError(
            f"{entry.label}, after line {number}: not CSV: {error}",
            hint='look for a quote that is not closed, or not doubled ("")',
        ) from error
    if not header:
        raise PipelineError(f"{entry.label} has no header", hint="name its columns in the first row")


def _parquet(entry: Entry, options: ReadOptions) -> Iterator[Record]:
    import pyarrow as pa  # slow
    import pyarrow.parquet as pq

    source = entry.seekable()
    with explained(entry.label):
        file = pq.ParquetFile(source, pre_buffer=False, page_checksum_verification=True)
    schema = file.schema_arrow
    for field in filter(None, (*text_fields(options), options.type_field)):
        if field not in schema.names:
            raise no_field(entry.label, "column", field, schema.names, options)
    textual = (pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.null())
    for field in text_fields(options):
        kind = schema.field(field).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        if kind not in textual:
            raise PipelineError(
                f"{entry.label}: the column {field!r} is {kind}, not text",
                hint=f"name the column that holds the text with {naming(options)}",
            )
    columns = list(dict.fromkeys(filter(None, (*text_fields(options), options.type_field))))
    batches = file.iter_batches(batch_size=BATCH_ROWS, columns=columns, use_threads=False)
    number = 0
    while True:
        with explained(entry.label):
            batch = next(batches, None)
            if batch is None:
                return
            # as bytes, since a column that says it is text need not be
            texts = {field: batch.column(field).cast(pa.large_binary()).to_pylist() for field in text_fields(options)}
            types = batch.column(options.type_field).to_pylist() if options.type_field else [None] * len(batch)
        for at, type in enumerate(types):
            place = f"{entry.label}, row {number}"
            number += 1
            row: dict[str, Any] = {options.type_field: type} if options.type_field else {}
            row |= {field: _decoded(of_field[at], place, options) for field, of_field in texts.items()}
            yield record_of(row, place, options)


def _decoded(data: bytes | None, place: str, options: ReadOptions) -> str | None:
    if data is None:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        if options.encoding_errors == "strict":
            raise PipelineError(
                f"{place}, byte {error.start} of its text: 0x{data[error.start]:02x} is not UTF-8",
                hint="mend the record, or pass --encoding-errors replace (or skip)",
            ) from error
        if options.encoding_errors == "replace":
            return data.decode(errors="replace")
        return data.decode(errors="surrogateescape")  # half surrogate pairs: it will be dropped
