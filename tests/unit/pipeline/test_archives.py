"""Compressed files and archives: the same documents as the plain files; bombs, links and damage end in one line."""

import bz2
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.corpus import Document, ReadOptions, find_sources, read_documents
from pipeline.errors import PipelineError
from pipeline.streams import split_name


def zstd(data: bytes) -> bytes:
    packed: bytes = pa.Codec("zstd").compress(data, asbytes=True)
    return packed


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd,
}
PACKED = [codec for codec in COMPRESS if codec]


def parquet(texts: list[str]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": texts}), sink)
    return sink.getvalue()


CONTENT = {
    ".txt": b"a rose\n",
    ".md": b"a *rose*\n",
    ".jsonl": b'{"text": "a rose"}\n',
    ".csv": b"text\na rose\n",
    ".parquet": parquet(["a rose"]),
}


def zipped(members: dict[str, bytes], **options: Any) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def tarred(members: dict[str, bytes], *others: tarfile.TarInfo, **options: Any) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", **options) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in others:
            archive.addfile(info)
    return file.getvalue()


class Reader:
    def __init__(self, folder: Path) -> None:
        self.folder = folder / "in" / "corpus"
        self.dropped: Counter[str] = Counter()

    def __call__(self, name: str, content: bytes, **options: Any) -> list[Document]:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return list(read_documents(find_sources([str(self.folder)]), ReadOptions(**options), self.dropped))

    def error(self, name: str, content: bytes, **options: Any) -> tuple[str, str]:
        with pytest.raises(PipelineError) as caught:
            self(name, content, **options)
        message, hint = str(caught.value), caught.value.hint
        assert hint
        assert "\n" not in message
        return message.replace(f"{self.folder}/", ""), hint


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


@pytest.mark.parametrize("codec", COMPRESS)
@pytest.mark.parametrize("kind", CONTENT)
def test_every_format_in_every_compression(read: Reader, kind: str, codec: str) -> None:
    name = f"poems/A{kind.upper()}{codec}"
    number = "" if kind in (".txt", ".md") else "#0"
    assert read(name, COMPRESS[codec](CONTENT[kind])) == [Document(name + number, name, "poems", "a rose")]


@pytest.mark.parametrize("codec", PACKED)
def test_streams_end_to_end_are_one_file(read: Reader, codec: str) -> None:
    pack = COMPRESS[codec]
    assert [document.text for document in read(f"a.txt{codec}", pack(b"one ") + pack(b"two"))] == ["one two"]


@pytest.mark.parametrize("codec", PACKED)
def test_a_file_cut_short_is_an_error(read: Reader, codec: str) -> None:
    whole = COMPRESS[codec](os.urandom(200_000).hex().encode())
    for length in (0, 1, 7, len(whole) // 2, len(whole) - 1):
        message, hint = read.error(f"a.txt{codec}", whole[:length])
        assert message.startswith(f"a.txt{codec} is broken or cut short: ")
        assert hint == "copy or download it again, or take it out of the corpus"


@pytest.mark.parametrize("codec", PACKED)
def test_what_follows_the_end_is_an_error(read: Reader, codec: str) -> None:
    assert "is broken or cut short" in read.error(f"a.txt{codec}", COMPRESS[codec](b"a rose") + b"garbage")[0]


@pytest.mark.parametrize("codec", [".gz", ".bz2", ".xz"])
def test_a_flipped_byte_is_an_error(read: Reader, codec: str) -> None:
    packed = bytearray(COMPRESS[codec](b"roses are red, " * 1000))
    packed[len(packed) // 2] ^= 0xFF
    assert "is broken or cut short" in read.error(f"a.txt{codec}", bytes(packed))[0]


@pytest.mark.parametrize("codec", PACKED)
def test_a_bomb_is_stopped_by_its_ratio(read: Reader, codec: str) -> None:
    content = COMPRESS[codec]((b" " * 999 + b"\n") * 30_000)
    message, hint = read.error(f"a.txt{codec}", content)
    assert message == f"a.txt{codec} unpacks to more than 200 times its size; it may be a bomb"
    assert hint == "if you trust it, allow more with --max-ratio"
    assert read(f"a.txt{codec}", content, max_ratio=1e6) == []
    assert read(f"a.txt{codec}", COMPRESS[codec]((b" " * 999 + b"\n") * 1_000)) == []  # small enough to do no harm


def test_a_bomb_is_stopped_by_its_size(read: Reader) -> None:
    message, hint = read.error("a.txt.gz", gzip.compress(os.urandom(60_000).hex().encode()), max_bytes=100_000)
    assert message == "a.txt.gz unpacks to more than 100,000 bytes"
    assert hint == "if that is right, allow more with --max-bytes"


def test_dictionaries_that_would_fill_the_memory_are_refused(read: Reader) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 20}]
    packed = bytearray(lzma.compress(b"a rose", filters=filters))
    at = packed.index(b"\x21\x01") + 2  # the size's code in the block header
    packed[at] = 40  # 4 GiB
    start, end = 12, 12 + (packed[12] + 1) * 4 - 4
    packed[end : end + 4] = struct.pack("<I", zlib.crc32(packed[start:end]))
    assert "Memory usage limit" in read.error("a.txt.xz", bytes(packed))[0]
    (read.folder / "a.txt.xz").unlink()
    window = b"\x28\xb5\x2f\xfd" + bytes([0, (31 - 10) << 3]) + b"\x01\x00\x00"  # 2 GiB
    assert "too much memory" in read.error("b.txt.zst", window)[0]


def test_compressed_parquet_is_bounded(read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.streams.IN_MEMORY", 100)
    message, hint = read.error("a.parquet.gz", gzip.compress(CONTENT[".parquet"]))
    assert message.startswith("a.parquet.gz unpacks to more than 0 MiB")
    assert "decompress it first" in hint


MEMBERS = {f"poems/deep/a{kind}": data for kind, data in CONTENT.items()} | {"top.txt": b"top"}
TARS = {".tar": "", ".tar.gz": ".gz", ".tgz": ".gz", ".tar.bz2": ".bz2", ".tar.xz": ".xz", ".tar.zst": ".zst"}


@pytest.mark.parametrize("kind", [".zip", *TARS])
def test_archives_give_the_documents_of_their_members(read: Reader, kind: str) -> None:
    packed = zipped(MEMBERS) if kind == ".zip" else COMPRESS[TARS[kind]](tarred(MEMBERS))
    found = read(f"c{kind}", packed)
    assert [(document.source, document.type, document.text) for document in found] == [
        *((f"c{kind}!poems/deep/a{format}", "poems", "a rose") for format in CONTENT),
        (f"c{kind}!top.txt", "", "top"),
    ]
    assert [document.id for document in found[:3]] == [
        f"c{kind}!poems/deep/a.txt",
        f"c{kind}!poems/deep/a.md",
        f"c{kind}!poems/deep/a.jsonl#0",
    ]


def test_the_folder_of_an_archive_is_the_type_of_its_members(read: Reader) -> None:
    found = read("verse/deep/c.zip", zipped(MEMBERS))
    assert {document.type for document in found} == {"verse"}
    assert found[0].source == "verse/deep/c.zip!poems/deep/a.txt"


def test_an_archive_alone_is_a_corpus_of_types(read: Reader) -> None:
    read("c.zip", zipped(MEMBERS))
    sources = find_sources([str(read.folder / "c.zip")])
    assert {document.type for document in read_documents(sources, ReadOptions(), Counter())} == {"poems", ""}


ODD_NAMES = {
    "../../evil.txt": b"1",
    "/etc/passwd.txt": b"2",
    "./a//b.txt": b"3",
    "x/../c.md": b"5",
}


@pytest.mark.parametrize("kind", [".zip", ".tar"])
def test_names_are_only_names(read: Reader, kind: str) -> None:
    found = read(f"c{kind}", zipped(ODD_NAMES) if kind == ".zip" else tarred(ODD_NAMES))
    assert {document.source.partition("!")[2]: document.type for document in found} == {
        "evil.txt": "",
        "etc/passwd.txt": "etc",
        "a/b.txt": "a",
        "x/c.md": "x",
    }
    assert list(read.folder.parents[1].rglob("*.txt")) == []


def test_folders_in_a_zip_may_be_written_as_windows_does(read: Reader) -> None:
    found = read("c.zip", zipped({"poems_a.txt": b"a"}).replace(b"poems_a", b"poems\\a"))
    assert [(document.source, document.type) for document in found] == [("c.zip!poems/a.txt", "poems")]


@pytest.mark.parametrize("kind", [".zip", ".tar"])
def test_what_is_not_read_is_counted(read: Reader, kind: str) -> None:
    members = {"a.txt": b"a", "b.zip": zipped({"c.txt": b""}), "c.txt.gz": gzip.compress(b"c"), "d.png": b"\x89"}
    members |= {".hidden.txt": b"h", "__MACOSX/._a.txt": b"m"}
    assert len(read(f"c{kind}", zipped(members) if kind == ".zip" else tarred(members))) == 1
    assert read.dropped == {"archive in an archive": 2, "other type of file in an archive": 1}


def test_links_and_devices_in_a_tar_are_skipped_and_counted(read: Reader) -> None:
    odd = []
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
        info = tarfile.TarInfo(f"odd{kind.decode()}.txt")
        info.type, info.linkname = kind, "/etc/passwd"
        odd.append(info)
    assert [document.text for document in read("c.tar", tarred({"a.txt": b"a"}, *odd))] == ["a"]
    assert read.dropped == {"link or device in an archive": 5}


def test_sparse_members_are_skipped(read: Reader) -> None:
    info = tarfile.TarInfo("sparse.txt")
    info.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[386:410] = b"00000000000\0" * 2  # one region of nothing
    header[483:495] = b"77777777777\0"  # in a file of 8 GiB
    header[148:156] = b"%06o\0 " % (sum(header) - sum(header[148:156]) + 8 * 32)
    content = tarred({"a.txt": b"a"})
    assert [document.text for document in read("c.tar", bytes(header) + content)] == ["a"]
    assert read.dropped == {"link or device in an archive": 1}


def test_links_in_a_zip_are_skipped_and_counted(read: Reader) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        info = zipfile.ZipInfo("link.txt")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
        archive.mkdir("folder.txt")
        archive.writestr("a.txt", "a")
    assert [document.text for document in read("c.zip", file.getvalue())] == ["a"]
    assert read.dropped == {"link or device in an archive": 1}


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice_gives_two_ids(read: Reader) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "1")
        archive.writestr("./a.txt", "2")
        archive.writestr("a.txt", "3")
    assert [(document.id, document.text) for document in read("c.zip", file.getvalue())] == [
        ("c.zip!a.txt", "1"),
        ("c.zip!a.txt~2", "2"),
        ("c.zip!a.txt~3", "3"),
    ]


@pytest.mark.parametrize("kind", [".zip", ".tar.gz"])
def test_errors_inside_name_the_member(read: Reader, kind: str) -> None:
    members = {"a.txt": b"good", "b/c.txt": b"caf\xe9."}
    packed = zipped(members) if kind == ".zip" else gzip.compress(tarred(members))
    assert read.error(f"c{kind}", packed)[0] == f"c{kind}!b/c.txt, byte 3: 0xe9 is not UTF-8"


def test_too_many_members(read: Reader) -> None:
    members = {f"{number}.png": b"" for number in range(11)}
    for name, packed in (("c.zip", zipped(members)), ("a.tar", tarred(members))):
        message, hint = read.error(name, packed, max_members=10)
        assert message == f"{name} has more than 10 members"
        assert hint == "if that is right, allow more with --max-members"
        read(name, packed, max_members=11)


def test_the_directory_of_a_zip_cannot_fill_the_memory(read: Reader) -> None:
    packed = zipped({f"{'x' * 60000}{number}.png": b"" for number in range(20)})
    assert read.error("c.zip", packed, max_members=10)[0] == "c.zip has more than 10 members"


def test_a_zip_bomb(read: Reader) -> None:
    packed = zipped({"good.txt": b"good", "zeros.txt": (b" " * 999 + b"\n") * 50_000})
    message, _ = read.error("c.zip", packed)
    assert message == "c.zip!zeros.txt unpacks to more than 200 times its size; it may be a bomb"


def test_members_that_are_a_bomb_together(read: Reader) -> None:
    part = (os.urandom(1000).hex() + " " * 180_000).encode()  # ratio below 200, and no member above 1 MiB
    packed = zipped({f"{number}.txt": part for number in range(100)})
    assert read("c.zip", packed)
    assert read.error("c.zip", packed, max_bytes=1_000_000)[0] == "c.zip unpacks to more than 1,000,000 bytes"
    assert "c.zip unpacks to more than 20 times" in read.error("c.zip", packed, max_ratio=20)[0]


def test_a_tar_bomb(read: Reader) -> None:
    packed = gzip.compress(tarred({"zeros.png": b"\0" * 50_000_000, "a.txt": b"a"}))
    assert read.error("c.tgz", packed)[0] == "c.tgz unpacks to more than 200 times its size; it may be a bomb"


def test_a_tar_header_cannot_fill_the_memory(read: Reader) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 40
    content = info.tobuf(tarfile.GNU_FORMAT) + b"x" * (17 << 20)
    assert read.error("c.tar", content)[0] == "c.tar: a header of more than 16 MiB"


def test_a_large_member_does_not_count_as_header(read: Reader) -> None:
    members = {"skipped.png": b"x" * (20 << 20), "a.txt": (b" " * 999 + b"\n") * (20 << 10) + b"a", "b.txt": b"b"}
    assert read("c.tar", tarred(members))[-1].text == "b"


def test_headers_within_headers(read: Reader) -> None:
    info = tarfile.TarInfo("x")
    info.type = tarfile.XHDTYPE
    message, _ = read.error("c.tar", info.tobuf() * 5000)
    assert message.startswith("c.tar is broken or cut short: maximum recursion depth")


@pytest.mark.parametrize("kind", [".zip", ".tar", ".tar.gz", ".tar.zst"])
def test_an_archive_cut_short_is_an_error(read: Reader, kind: str) -> None:
    members = {f"{number}.txt": os.urandom(3000).hex().encode() for number in range(5)}
    whole = zipped(members) if kind == ".zip" else COMPRESS[kind.removeprefix(".tar")](tarred(members))
    cuts = [0, 1, 100, 512, 600, len(whole) // 2]
    if kind == ".tar":
        cuts += [512 + 6144, 5 * (512 + 6144)]  # between members
    for length in cuts:
        message, hint = read.error(f"c{kind}", whole[:length])
        assert message.startswith(f"c{kind}")
        assert "is broken or cut short: " in message
        assert hint


def test_a_damaged_tar_header_is_not_taken_for_the_end(read: Reader) -> None:
    content = bytearray(tarred({"a.txt": b"a", "b.txt": b"b"}))
    content[1024] ^= 1  # in the name of the second member, so its checksum is wrong
    assert read.error("c.tar", bytes(content))[0] == "c.tar is broken or cut short: bad checksum at byte 1024"


def test_damaged_archives_end_in_one_line_wherever_the_damage_is(read: Reader) -> None:
    members = {f"{number}.txt": b"roses are red, " * 9 for number in range(3)}
    for name, whole in (("c.zip", zipped(members)), ("c.tar", tarred(members)[:4096])):
        for at in range(0, len(whole), 7):
            damaged = bytearray(whole)
            damaged[at] ^= 0x55
            try:
                read(name, bytes(damaged))
            except PipelineError as error:
                assert error.hint
        (read.folder / name).unlink()


def test_a_zip_with_a_wrong_checksum(read: Reader) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "a rose")
    message, _ = read.error("c.zip", file.getvalue().replace(b"a rose", b"a lose"))
    assert message == "c.zip!a.txt is broken or cut short: Bad CRC-32 for file 'a.txt'"


def test_an_encrypted_zip(read: Reader) -> None:
    packed = bytearray(zipped({"a.txt": b"a rose"}))
    packed[6] |= 1
    packed[packed.index(b"PK\x01\x02") + 8] |= 1
    message, hint = read.error("c.zip", bytes(packed))
    assert message == "c.zip!a.txt is encrypted"
    assert "password" in hint


def test_a_zip_packed_by_another_method(read: Reader) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.txt", "a rose")
    assert read.error("c.zip", file.getvalue())[0] == "c.zip!a.txt is packed by method 14, which phon does not read"


def test_a_nul_in_a_name(read: Reader) -> None:
    packed = zipped({"a_b.txt": b"a"}).replace(b"a_b.txt", b"a\0b.txt")
    assert read.error("c.zip", packed)[0] == "c.zip: the name of member 1 holds a NUL"
    (read.folder / "c.zip").unlink()
    packed = tarred({"é.txt": b"a"}, format=tarfile.PAX_FORMAT)
    packed = packed.replace("path=é.txt".encode(), b"path=\0\0.txt")
    assert read.error("c.tar", packed)[0] == "c.tar: the name of member 1 holds a NUL"


def test_names_that_are_no_text(read: Reader) -> None:
    packed = tarred({os.fsdecode(b"caf\xe9.txt"): b"a"}, format=tarfile.GNU_FORMAT, encoding="utf-8")
    assert read("c.tar", packed)[0].id == "c.tar!caf\\xe9.txt"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.txt", (".txt", "")),
        ("A.JSONL.ZST", (".jsonl", ".zst")),
        ("a.tgz", (".tar", ".gz")),
        ("a.zip", (".zip", "")),
        ("a.zip.gz", ("", ".gz")),
        ("a.gz", ("", ".gz")),
        (".txt", ("", "")),
        ("a.json", ("", "")),
        ("txt", ("", "")),
    ],
)
def test_the_name_tells_how_to_read(name: str, expected: tuple[str, str]) -> None:
    assert split_name(name) == expected
