"""Records: .jsonl, .csv and .parquet, the fields that are asked for, and what is said when they are not there."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.corpus import ReadOptions, find_sources, read_documents
from pipeline.errors import PipelineError


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., tuple[list[tuple[str, str]], Counter[str]]]:
    """Reads a corpus folder with one file in it; gives (type, text) of its documents and what was dropped."""

    def read(name: str, content: bytes | str, **options: Any) -> tuple[list[tuple[str, str]], Counter[str]]:
        folder = tmp_path / "c" / "folder"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        dropped: Counter[str] = Counter()
        found = read_documents(find_sources([str(tmp_path / "c")]), ReadOptions(**options), dropped)
        return [(document.type, document.text) for document in found], dropped

    return read


Read = Callable[..., tuple[list[tuple[str, str]], Counter[str]]]


def message_of(read: Read, name: str, content: bytes | str, **options: Any) -> str:
    with pytest.raises(PipelineError) as caught:
        read(name, content, **options)
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    return str(caught.value).split("folder/", 1)[1]


def test_jsonl_records_are_documents_as_they_are(read: Read) -> None:
    found, dropped = read(
        "a.jsonl", '\ufeff{"text": " a\\nb "}\r\n\r\n{"text": "", "x": 1}\n{"text": null}\n{"text": "c"}'
    )
    assert found == [("folder", " a\nb "), ("folder", "c")]
    assert dropped == {"empty": 2}


def test_fields_are_chosen_by_name(read: Read) -> None:
    rows = '{"body": "a", "kind": "poem"}\n{"body": "b", "kind": null}\n{"body": "c"}\n{"body": "d", "kind": 7}'
    found, _ = read("a.jsonl", rows, text_field="body", type_field="kind")
    assert found == [("poem", "a"), ("", "b"), ("", "c"), ("7", "d")]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": "a"', "not JSON: Expecting ',' delimiter at character 12"),
        ("[" * 100_000, "not JSON: "),
        ('{"text": ' + "9" * 5000 + "}", "not JSON: "),
        ('["text"]', "a list where a JSON object was expected"),
        ('{"body": "a", "id": 1}', "no field 'text'; there are 'body', 'id'"),
        ("{}", "no field 'text'; there are none"),
        ('{"text": 5}', "the field 'text' is a number, not text"),
        ('{"text": ["a"]}', "the field 'text' is a list, not text"),
        ('{"text": "\\ud83d"}', "the text holds half a surrogate pair (\\ud83d)"),
        ('{"text": "a\\u0000"}', "the text holds a NUL"),
        ('{"text": "a", "type": {}}', "the field 'type' is an object, not a name"),
    ],
)
def test_jsonl_errors_name_file_and_line(read: Read, line: str, message: str) -> None:
    options = {"type_field": "type"} if '"type"' in line else {}
    assert message_of(read, "a.jsonl", '{"text": "a"}\n\n' + line, **options).startswith(f"a.jsonl, line 3: {message}")


def test_jsonl_in_a_wrong_encoding_names_the_byte(read: Read) -> None:
    assert message_of(read, "a.jsonl", b'{"text": "a"}\n{"text": "\xe9"}') == "a.jsonl, byte 24: 0xe9 is not UTF-8"


def test_jsonl_skips_or_mends_what_is_not_text(read: Read) -> None:
    rows = b'{"text": "a"}\n{"text": "\xe9"}\n{"text": "\\ud83d"}\n\0\0\n{"text": "\\ud83d\\ude00"}'
    found, dropped = read("a.jsonl", rows, encoding_errors="skip")
    assert found == [("folder", "a"), ("folder", "😀")]
    assert dropped == {"encoding": 2, "binary": 1}
    found, _ = read("a.jsonl", rows.replace(b"\0\0\n", b""), encoding_errors="replace")
    assert [text for _, text in found] == ["a", "\ufffd", "\ufffd", "😀"]


def test_csv_with_quotes_commas_and_line_ends(read: Read) -> None:
    found, dropped = read(
        "a.csv",
        '\ufeffkind,text\r\npoem,"roses, ""red""\r\nviolets"\r\n\r\nplay,plain\r\n,untyped\r\npoem,\r\n',
        type_field="kind",
    )
    assert found == [("poem", 'roses, "red"\nviolets'), ("play", "plain"), ("", "untyped")]
    assert dropped == {"empty": 1}


def test_a_csv_field_may_be_a_book(read: Read) -> None:
    book = "word " * 100_000
    assert read("a.csv", f"text\n{book}\n")[0] == [("folder", book)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id;text\n1;a", "a.csv, line 1: no column 'text'; there are 'id;text'"),
        ("id,body\n1,a", "a.csv, line 1: no column 'text'; there are 'id', 'body'"),
        ("text,id\nHello, world,1", "a.csv, line 2: 3 fields where the header has 2"),
        ("text,id\nHello", "a.csv, line 2: 1 fields where the header has 2"),
        ('text\n"a\nb', "a.csv, after line 1: not CSV: unexpected end of data"),
        ('text\n"a"b\n', "a.csv, after line 1: not CSV: ',' expected after '\"'"),
        ("", "a.csv has no header"),
        (b"text\n\xff", "a.csv, byte 5: 0xff is not UTF-8"),
    ],
)
def test_csv_errors_name_file_and_line(read: Read, content: str | bytes, message: str) -> None:
    assert message_of(read, "a.csv", content) == message


def parquet(table: dict[str, Any] | pa.Table, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table if isinstance(table, pa.Table) else pa.table(table), sink, **options)
    content: bytes = sink.getvalue().to_pybytes()
    return content


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.binary(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
def test_parquet_columns_of_text(read: Read, kind: pa.DataType) -> None:
    texts = pa.array(["a", None, "b\u00e9", ""], pa.string()).cast(kind)
    found, dropped = read("a.parquet", parquet({"text": texts, "n": [1, 2, 3, 4], "kind": ["x", "y", None, "z"]}))
    assert found == [("folder", "a"), ("folder", "bé")]
    assert dropped == {"empty": 2}
    assert read("a.parquet", parquet({"text": texts, "kind": ["x", "y", None, "z"]}), type_field="kind")[0] == [
        ("x", "a"),
        ("", "bé"),
    ]


def test_parquet_row_groups_are_read_in_order(read: Read) -> None:
    texts = [f"text {number}" for number in range(1000)]
    found, _ = read("a.parquet", parquet({"text": texts}, row_group_size=300))
    assert [text for _, text in found] == texts


def test_parquet_errors(read: Read) -> None:
    whole = parquet({"body": ["a"], "n": [1]})
    assert message_of(read, "a.parquet", whole) == "a.parquet: no column 'text'; there are 'body', 'n'"
    assert message_of(read, "a.parquet", whole, text_field="n") == "a.parquet: the column 'n' is int64, not text"
    for damaged in (b"", b"PAR1", whole[:-20], b"x" * 1000):
        assert message_of(read, "a.parquet", damaged).startswith("a.parquet is broken or cut short: ")
    flipped = bytearray(parquet({"text": [f"text {n}" for n in range(5000)]}, compression="zstd"))
    flipped[200:210] = b"0123456789"
    assert message_of(read, "a.parquet", bytes(flipped)).startswith("a.parquet is broken or cut short: ")


def test_parquet_text_that_is_not_utf8(read: Read) -> None:
    content = parquet({"text": pa.array([b"a", b"b\xff"])})
    assert message_of(read, "a.parquet", content) == "a.parquet, row 1, byte 1 of its text: 0xff is not UTF-8"
    assert [text for _, text in read("a.parquet", content, encoding_errors="replace")[0]] == ["a", "b\ufffd"]
    assert read("a.parquet", content, encoding_errors="skip")[1] == {"encoding": 1}


def test_markdown_is_read_as_prose(read: Read) -> None:
    found, _ = read("a.md", "# Title\n\nSome *words* and a [link](x).\n")
    assert found == [("folder", "Title\n\nSome words and a link.")]
    assert read("a.md", "# Title\n\nSome *words*.\n", unit="file")[0] == [("folder", "Title\n\n\nSome words.")]
