"""Open files → records (.jsonl, .csv, .parquet) or text (.txt, .md)."""

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
    """One row: its text (None or empty: it has none), its type if it says, and its place for messages."""

    text: str | None
    type: str | None
    place: str


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
    if entry.format == ".csv":
        return _csv(entry, options)
    return _parquet(entry, options)


def record_of(row: dict[str, Any], place: str, options: ReadOptions) -> Record:
    """The text and type of one row.

    Raises:
        PipelineError: the text's field is missing, or is no text.
    """
    if options.text_field not in row:
        raise no_field(place, "field", options.text_field, row)
    text = row[options.text_field]
    if text is not None and not isinstance(text, str):
        raise PipelineError(
            f"{place}: the field {options.text_field!r} is {_kind(text)}, not text",
            hint="name the field that holds the text with --text-field",
        )
    type = row.get(options.type_field) if options.type_field else None
    if isinstance(type, dict | list):
        raise PipelineError(
            f"{place}: the field {options.type_field!r} is {_kind(type)}, not a name",
            hint="name the field that holds the type with --type-field",
        )
    return Record(text, None if type is None else str(type), place)


def no_field(place: str, what: str, field: str, found: Iterable[str]) -> PipelineError:
    """The error for a record without the field asked for, naming those that are there."""
    names = ", ".join(repr(name) for name in list(found)[:20]) or "none"
    return PipelineError(
        f"{place}: no {what} {field!r}; there are {names}",
        hint="name the one that holds the text with --text-field",
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
                hint='write each line as {"text": "..."}',
            )
        yield record_of(row, place, options)


def _csv(entry: Entry, options: ReadOptions) -> Iterator[Record]:
    # the limit belongs to the process; it is only ever raised, so readers side by side do no harm
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_RECORD))
    source = record_lines(decode(entry.stream, entry.label, options), entry.label)
    rows = csv.reader((line + "\n" for line in source), strict=True)
    header: list[str] = []
    number = 0
    try:
        for row in rows:
            number, place = rows.line_num, f"{entry.label}, line {rows.line_num}"
            if not row:
                continue
            if not header:
                header = row
                for field in (options.text_field, options.type_field):
                    if field is not None and field not in header:
                        raise no_field(place, "column", field, header)
                continue
            if len(row) != len(header):
                raise PipelineError(
                    f"{place}: {len(row)} fields where the header has {len(header)}",
                    hint='put fields that hold commas or line ends in quotes: "..."',
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
    for field in (options.text_field, options.type_field):
        if field is not None and field not in schema.names:
            raise no_field(entry.label, "column", field, schema.names)
    text_type = schema.field(options.text_field).type
    if pa.types.is_dictionary(text_type):
        text_type = text_type.value_type
    textual = (pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.null())
    if text_type not in textual:
        raise PipelineError(
            f"{entry.label}: the column {options.text_field!r} is {text_type}, not text",
            hint="name the column that holds the text with --text-field",
        )
    columns = list({options.text_field: 0, **({options.type_field: 0} if options.type_field else {})})
    batches = file.iter_batches(batch_size=BATCH_ROWS, columns=columns, use_threads=False)
    number = 0
    while True:
        with explained(entry.label):
            batch = next(batches, None)
            if batch is None:
                return
            # as bytes, since a column that says it is text need not be
            texts = batch.column(options.text_field).cast(pa.large_binary()).to_pylist()
            types = batch.column(options.type_field).to_pylist() if options.type_field else [None] * len(texts)
        for data, type in zip(texts, types, strict=True):
            place = f"{entry.label}, row {number}"
            number += 1
            row = {options.text_field: _decoded(data, place, options)}
            if options.type_field:
                row = {options.type_field: type, **row}
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
