"""Which files are a corpus, in which order, of which type, under which ids; and what is said of what is none."""

import io
import os
import random
import tracemalloc
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.corpus import Document, ReadOptions, Source, describe_inputs, find_sources, read_documents
from pipeline.errors import PipelineError
from train.files import sha256_file

Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def read(
    *corpora: Path | str, dropped: Counter[str] | None = None, options: ReadOptions | None = None
) -> list[Document]:
    options = options or ReadOptions()
    sources = find_sources([str(corpus) for corpus in corpora], type_levels=options.type_levels)
    return list(read_documents(sources, options, Counter() if dropped is None else dropped))


def error_of(act: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(PipelineError) as caught:
        act()
    assert caught.value.hint
    return str(caught.value), caught.value.hint


def test_the_type_is_the_first_folder_and_the_id_the_path(write: Write, tmp_path: Path) -> None:
    write("c/poems/deep/er/b.txt", "a rose")
    write("c/plays/a.md", "enter a ghost")
    write("c/top.txt", "no folder")
    assert read(tmp_path / "c") == [
        Document("plays/a.md", "plays/a.md", "plays", "enter a ghost"),
        Document("poems/deep/er/b.txt", "poems/deep/er/b.txt", "poems", "a rose"),
        Document("top.txt", "top.txt", "", "no folder"),
    ]
    assert read(tmp_path / "c/plays/a.md")[0].type == ""


@pytest.mark.parametrize(
    ("levels", "types"),
    [(0, ["", "", "", ""]), (1, ["plays", "poems", "poems", ""]), (2, ["plays", "poems/odes", "poems/odes", ""])],
)
def test_more_folders_make_sub_types(write: Write, tmp_path: Path, levels: int, types: list[str]) -> None:
    write("c/poems/odes/deep/b.txt", "a rose")
    write("c/plays/a.md", "enter a ghost")
    write("c/top.txt", "no folder")
    with zipfile.ZipFile(tmp_path / "c/poems/more.zip", "w") as archive:
        archive.writestr("odes/c.txt", "a thorn")
    found = read(tmp_path / "c", options=ReadOptions(type_levels=levels))
    assert [(document.source, document.type) for document in found] == [
        *zip(["plays/a.md", "poems/more.zip!odes/c.txt", "poems/odes/deep/b.txt", "top.txt"], types, strict=True)
    ]


def test_order_is_the_bytes_of_the_path_whatever_the_order_of_making(write: Write, tmp_path: Path) -> None:
    names = ["a.txt", "a/b.txt", "B.txt", "é.txt", "a-b.txt", "Z/a.txt", "10.txt", "9.txt", "ß/a.txt"]
    for seed in (1, 2, 3):
        shuffled = random.Random(seed).sample(names, len(names))
        for name in shuffled:
            write(f"{seed}/{name}", name)
        assert [document.text for document in read(tmp_path / str(seed))] == sorted(names, key=os.fsencode)


def test_the_order_of_arguments_does_not_matter(write: Write) -> None:
    one, two = write("b.txt", "b"), write("a.txt", "a")
    assert read(one, two) == read(two, one)


def test_a_file_given_twice_is_read_once(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("c/x/a.txt", "once")
    (tmp_path / "c/link.txt").symlink_to(path)
    monkeypatch.chdir(tmp_path)
    assert len(read("c", "c/", str(tmp_path / "c"), "c/x/../x/a.txt")) == 1


def test_several_folders_keep_their_names_apart(write: Write, tmp_path: Path) -> None:
    write("one/a.txt", "1")
    write("two/a.txt", "2")
    write("three/one/a.txt", "3")
    found = read(tmp_path / "one", tmp_path / "two", tmp_path / "three/one")
    assert [(document.id, document.type) for document in found] == [
        ("one/a.txt", ""),
        ("one/a.txt~2", ""),
        ("two/a.txt", ""),
    ]


def test_hidden_files_pipes_loops_and_other_types_are_passed_over(write: Write, tmp_path: Path) -> None:
    write("c/a.txt", "read me")
    write("c/.hidden.txt", "no")
    write("c/.git/b.txt", "no")
    write("c/picture.png", b"\x89PNG")
    write("outside/o.txt", "linked folders are not entered")
    os.mkfifo(tmp_path / "c/pipe.txt")
    (tmp_path / "c/loop").symlink_to(tmp_path / "c")
    (tmp_path / "c/self.txt").symlink_to(tmp_path / "c/self.txt")
    (tmp_path / "c/nowhere.txt").symlink_to(tmp_path / "absent")
    (tmp_path / "c/outside").symlink_to(tmp_path / "outside")
    (tmp_path / "c/file.txt").symlink_to(tmp_path / "outside/o.txt")
    assert [document.source for document in read(tmp_path / "c")] == ["a.txt", "file.txt"]


def test_a_name_that_is_no_text_is_escaped(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("hot")
    assert read(tmp_path)[0].id == "caf\\xe9.txt"


def test_no_corpus_no_file_empty_folder(write: Write, tmp_path: Path) -> None:
    assert error_of(lambda: find_sources([]))[0] == "no corpus given"
    assert error_of(lambda: find_sources(["absent.txt"]))[0] == "no such file or folder: 'absent.txt'"
    assert error_of(lambda: find_sources(["x" * 5000]))[0].endswith("x: File name too long")
    assert error_of(lambda: find_sources([""]))[0] == "no such file or folder: ''"
    write("c/b.pdf", b"%PDF")
    message, hint = error_of(lambda: find_sources([str(tmp_path / "c")]))
    assert message == f"no readable file in {tmp_path / 'c'}"
    assert hint.startswith("phon reads .txt .md .jsonl .csv .tsv .parquet (each also .gz .bz2 .xz .zst), .zip, .tar")


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("a.pdf", ".pdf files"),
        ("a.doc.gz", ".doc.gz files"),
        ("a.gz", ".gz files"),
        ("README", "files without an extension"),
        ("a.zip.gz", ".zip.gz files"),
    ],
)
def test_a_type_that_is_not_read_is_named(write: Write, name: str, what: str) -> None:
    path = write(name, b"x")
    assert error_of(lambda: find_sources([str(path)]))[0] == f"phon does not read {what}: {path}"


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.txt")
    message, hint = error_of(lambda: find_sources([str(tmp_path / "p.txt")]))
    assert message.endswith("p.txt is no regular file")
    assert "pass -" in hint


def test_a_file_that_vanished_or_became_a_folder(write: Write) -> None:
    path = write("a.txt", "x")
    sources = find_sources([str(path)])
    path.unlink()
    message, hint = error_of(lambda: list(read_documents(sources, ReadOptions(), Counter())))
    assert message == f"cannot read {path}: No such file or directory"
    assert "run the command again" in hint
    assert error_of(lambda: describe_inputs(sources))[0] == message
    path.mkdir()
    assert "Is a directory" in error_of(lambda: list(read_documents(sources, ReadOptions(), Counter())))[0]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(write: Write) -> None:
    path = write("c/a.txt", "x")
    path.chmod(0)
    message, hint = error_of(lambda: read(path))
    assert message == f"cannot read {path}: Permission denied"
    assert "chmod +r" in hint
    path.parent.chmod(0)
    try:
        assert "Permission denied" in error_of(lambda: find_sources([str(path.parent)]))[0]
    finally:
        path.parent.chmod(0o700)


def test_a_folder_that_cannot_be_listed(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write("c/a.txt", "x").parent

    def refuse(path: object) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    assert error_of(lambda: find_sources([str(folder)]))[0] == f"cannot read {folder}: Permission denied"


def test_a_disk_error_while_reading(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    class Dying(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    path = write("a.txt", "x")
    sources = find_sources([str(path)])
    monkeypatch.setattr(Path, "open", lambda self, mode: Dying())
    message, hint = error_of(lambda: list(read_documents(sources, ReadOptions(), Counter())))
    assert message == f"cannot read {path}: Input/output error"
    assert hint.startswith("check the disk")


def test_standard_input_is_one_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("\ufeffHello,\r\nworld".encode())))
    assert find_sources(["-", "-"]) == [Source("-", "stdin", "-", "")]
    assert read("-") == [Document("-", "-", "", "Hello,\nworld")]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a\n\xff")))
    assert error_of(lambda: read("-"))[0] == "standard input, byte 2: 0xff is not UTF-8"


def test_inputs_are_described_by_content(write: Write, tmp_path: Path) -> None:
    path = write("c/a.txt", "abc")
    assert describe_inputs(find_sources([str(tmp_path / "c"), "-"])) == [
        {"name": "-", "size_bytes": None, "sha256": None},
        {"name": "c/a.txt", "size_bytes": 3, "sha256": sha256_file(path)},
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (ReadOptions(unit="chapter"), "unknown --unit 'chapter'"),
        (ReadOptions(encoding_errors="ignore"), "unknown --encoding-errors 'ignore'"),
        (ReadOptions(passage_words=0), "--passage-words 0 is less than 1"),
        (ReadOptions(encoding="klingon"), "unknown encoding 'klingon'"),
        (ReadOptions(encoding="hex"), "unknown encoding 'hex'"),
    ],
)
def test_an_option_that_means_nothing_is_refused_at_once(options: ReadOptions, message: str) -> None:
    assert error_of(lambda: read_documents([], options, Counter()))[0] == message


def words(count: int, letter: str = "w") -> str:
    return " ".join([letter] * count)


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("auto", {"a.txt#0": "one two\nthree", "a.txt#1": "four"}),
        ("passage", {"a.txt#0": "one two\nthree", "a.txt#1": "four"}),
        ("file", {"a.txt": "one two\nthree\n \t\nfour"}),
        ("line", {"a.txt#0": "one two", "a.txt#1": "three", "a.txt#2": "four"}),
        ("paragraph", {"a.txt#0": "one two\nthree", "a.txt#1": "four"}),
    ],
)
def test_units_of_a_text(write: Write, unit: str, expected: dict[str, str]) -> None:
    path = write("a.txt", "\none two\nthree\n \t\nfour\n")
    found = read(path, options=ReadOptions(unit=unit, passage_words=3))
    assert {document.id: document.text for document in found} == expected


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("auto", {"a.jsonl#0": "one two\n\nthree four", "a.jsonl#2": "five"}),
        ("file", {"a.jsonl#0": "one two\n\nthree four", "a.jsonl#2": "five"}),
        ("passage", {"a.jsonl#0.0": "one two", "a.jsonl#0.1": "three four", "a.jsonl#2": "five"}),
        ("paragraph", {"a.jsonl#0.0": "one two", "a.jsonl#0.1": "three four", "a.jsonl#2.0": "five"}),
        ("line", {"a.jsonl#0.0": "one two", "a.jsonl#0.1": "three four", "a.jsonl#2.0": "five"}),
    ],
)
def test_units_of_records(write: Write, unit: str, expected: dict[str, str]) -> None:
    path = write("a.jsonl", '{"text": "one two\\r\\n\\r\\nthree four"}\n{"text": null}\n\n{"text": "five"}')
    dropped: Counter[str] = Counter()
    found = read(path, dropped=dropped, options=ReadOptions(unit=unit, passage_words=3))
    assert {document.id: document.text for document in found} == expected
    assert dropped == {"empty": 1}


def test_a_short_file_is_one_document_and_a_long_one_is_passages(write: Write) -> None:
    short = write("short.txt", f"{words(200)}\n\n{words(200)}")
    long = write("long.txt", f"{words(200)}\n\n{words(200)}\n\n{words(1)}")
    assert [(document.id, len(document.text.split())) for document in read(short)] == [("short.txt", 400)]
    assert [(document.id, len(document.text.split())) for document in read(long)] == [
        ("long.txt#0", 400),
        ("long.txt#1", 1),
    ]


def test_empty_files_are_counted(write: Write, tmp_path: Path) -> None:
    write("c/a.txt", "")
    write("c/b.txt", " \n\n\t")
    write("c/c.jsonl", "")
    write("c/d.txt", "d")
    dropped: Counter[str] = Counter()
    assert [document.id for document in read(tmp_path / "c", dropped=dropped)] == ["d.txt"]
    assert dropped == {"empty": 2}


def test_memory_stays_flat_while_reading(write: Write) -> None:
    paragraph = " ".join(["word"] * 99) + ".\n\n"
    path = write("big.txt", paragraph * 12_000)  # 6 MB
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_documents(find_sources([str(path)]), ReadOptions(), Counter()))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 3_000
    assert peak < 4 << 20


def test_one_endless_line_is_cut_at_white_space_and_counted(write: Write) -> None:
    path = write("line.txt", "word " * 4_000_000)  # 20 MB
    dropped: Counter[str] = Counter()
    tracemalloc.start()
    try:
        found = read_documents(find_sources([str(path)]), ReadOptions(unit="line"), dropped)
        total = sum(document.text.count("word") for document in found)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == 4_000_000
    assert dropped["long line cut"] == 15
    assert peak < 8 << 20
