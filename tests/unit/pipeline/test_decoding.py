"""Encodings: exact offsets for what does not fit, one kind of line end, and no bytes that pass unseen."""

import io
from collections import Counter

import pytest

from pipeline.decoding import CHUNK, LONGEST_RUN, decode, lines, mend, record_lines
from pipeline.document import ReadOptions
from pipeline.errors import PipelineError


def text_of(data: bytes, encoding: str = "utf-8", errors: str = "strict") -> str:
    return "".join(decode(io.BytesIO(data), "a.txt", ReadOptions(encoding=encoding, encoding_errors=errors)))


def error_of(data: bytes, encoding: str = "utf-8", errors: str = "strict") -> PipelineError:
    with pytest.raises(PipelineError) as caught:
        text_of(data, encoding, errors)
    return caught.value


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        ("café\nß".encode(), "utf-8"),
        ("café\nß".encode("utf-8-sig"), "utf-8"),
        ("café\nß".encode("cp1252"), "cp1252"),
        ("café\nß".encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + "café\nß".encode("utf-16-be"), "utf-16"),
        ("café\nß".encode("utf-16-le"), "utf-16-le"),
        (b"\xff\xfe" + "café\nß".encode("utf-16-le"), "utf-16-le"),  # a mark that this encoding keeps
        ("café\nß".encode("utf-32"), "utf-32"),
    ],
)
def test_encodings_and_their_byte_order_marks(data: bytes, encoding: str) -> None:
    assert text_of(data, encoding) == "café\nß"


def test_a_mark_in_the_middle_is_text() -> None:
    assert text_of("a\ufeffb".encode()) == "a\ufeffb"


@pytest.mark.parametrize("shift", range(4))
def test_line_ends_and_characters_survive_the_edges_of_chunks(shift: int) -> None:
    unit = "é\r\na\rb\n"
    data = "x" * shift + unit * (CHUNK // 4)
    assert text_of(data.encode()) == "x" * shift + "é\na\nb\n" * (CHUNK // 4)


def test_only_newline_ends_a_line() -> None:
    text = "a\u2028b\x85c\x0bd\x0ce\x1ef"
    assert list(lines(decode(io.BytesIO(text.encode()), "a.txt", ReadOptions()), Counter())) == [text]


def test_the_error_names_file_offset_and_byte() -> None:
    error = error_of(b"x" * 1204 + b"\x92s")
    assert str(error) == "a.txt, byte 1204: 0x92 is not UTF-8"
    assert error.hint == "convert it, or pass --encoding cp1252, or --encoding-errors replace (or skip)"


@pytest.mark.parametrize("at", [0, 1, CHUNK - 2, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_offsets_are_those_of_the_file(at: int, mark: bytes) -> None:
    data = mark + b"x" * at + b"\xe2\x82x" + b"y" * CHUNK
    assert str(error_of(data)).startswith(f"a.txt, byte {len(mark) + at}: 0xe2 is not UTF-8")


def test_a_character_cut_off_at_the_end() -> None:
    assert str(error_of(b"ab\xe2\x82")) == "a.txt, byte 2: 0xe2 is not UTF-8 (it ends within a character)"


@pytest.mark.parametrize("data", [b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xed\xa0\xbd\xed\xb8\x80"])
def test_overlong_forms_and_surrogates_are_not_utf8(data: bytes) -> None:
    assert "is not UTF-8" in str(error_of(data))


def test_utf16_is_recognised_and_its_absence_too() -> None:
    error = error_of("hello".encode("utf-16"))
    assert str(error) == "a.txt, byte 0: 0xff is not UTF-8"
    assert error.hint == "it looks like UTF-16: pass --encoding utf-16"
    assert str(error_of(b"hello, world", "utf-16")).startswith("a.txt is not utf-16: ")
    assert error_of(b"ab\x81", "cp1252").hint == "pass the right --encoding, or --encoding-errors replace (or skip)"


def test_a_nul_looks_binary() -> None:
    error = error_of(b"x" * (CHUNK + 5) + b"\0")
    assert str(error) == f"a.txt, byte {CHUNK + 5}: a NUL; it looks binary, not text"
    assert "--encoding-errors skip" in error.hint
    assert str(error_of("a\0".encode("utf-16"), "utf-16")) == "a.txt: a NUL; it looks binary, not text"


def test_replace_puts_the_replacement_character() -> None:
    assert text_of(b"a\xffb\0c", errors="replace") == "a\ufffdb\ufffdc"


def test_skip_drops_the_documents_that_hold_bad_bytes() -> None:
    text = text_of(b"good\n\xffbad\n\0binary", errors="skip")
    dropped: Counter[str] = Counter()
    assert [mend(line, "skip", dropped, "") for line in text.split("\n")] == ["good", None, None]
    assert dropped == {"encoding": 1, "binary": 1}


def test_half_surrogate_pairs_follow_the_policy() -> None:
    dropped: Counter[str] = Counter()
    assert mend("a\ud83d", "replace", dropped, "") == "a\ufffd"
    assert mend("a\ud83d", "skip", dropped, "") is None
    assert mend("😀 fine", "strict", dropped, "") == "😀 fine"
    with pytest.raises(PipelineError, match=r"^b.jsonl, line 3: the text holds half a surrogate pair \(\\ud83d\)$"):
        mend("a\ud83d", "strict", dropped, "b.jsonl, line 3")
    assert dropped == {"encoding": 1}


def test_lines_put_together_are_the_text() -> None:
    chunks = ["a", "b\n", "\nc", "", "d\n\n", "e"]
    assert list(lines(chunks, Counter())) == ["ab", "", "cd", "", "e"]
    assert list(lines([], Counter())) == []


def test_a_run_without_white_space_is_cut_anywhere() -> None:
    dropped: Counter[str] = Counter()
    found = list(lines(["x" * (LONGEST_RUN // 2)] * 5, dropped))
    assert sum(map(len, found)) == 5 * (LONGEST_RUN // 2)
    assert max(map(len, found)) <= 2 * LONGEST_RUN
    assert dropped["long line cut"] == 1


def test_a_record_that_is_too_long_is_an_error() -> None:
    chunk = "x" * (1 << 24)
    with pytest.raises(PipelineError, match=r"^a.jsonl, line 2: longer than 64 MiB$"):
        list(record_lines(["\n", *[chunk] * 5], "a.jsonl"))
