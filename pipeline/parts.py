"""data/text/part-00000.parquet …: converted documents, what each part was made from and how."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from pipeline.document import Document
from train.errors import TrainError
from train.files import LIST_BYTES, read_checked, remove, sha256_file, write_atomic, write_checked

PARTS = "part-*.parquet"
OOV_KEPT = 1_000_000  # unknown words that are told apart; beyond, the rarest are forgotten
OOV_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Original:
    """A document to convert, with what is measured on its original text.

    The key of a pair is its source's, so that no source is in training and in validation.
    """

    document: Document
    n_bytes: int  # in UTF-8; of a pair, its target's
    key: bytes  # SHA-256 of the text

    @classmethod
    def measure(cls, document: Document) -> Self:
        """A document with its size and key."""
        data = document.text.encode()
        key = data if document.given is None else document.given.encode()
        return cls(document, len(data), hashlib.sha256(key).digest())


@dataclass(frozen=True)
class Record:
    """What part-00000.json says of its part: from what and how it was made, and what the part itself cannot tell.

    A part counts as done only if its record names the input at hand and the part's own checksum.
    """

    input: str  # of the documents, see `digest_input`
    work: str  # of the notation and the other choices that shape a part
    sha256: str  # of the part; "" if every document was dropped, and so there is none
    documents: int = 0
    words: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    oov: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)  # by the notation, from within texts
    dropped: dict[str, int] = field(default_factory=dict)  # whole documents
    spellings: str = ""  # SHA-256 of the counts of its words; "" if there are none

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """The record of a part; None if it has no whole one."""
        try:
            return cls(**read_checked(path, LIST_BYTES))
        except (TrainError, TypeError, FileNotFoundError):
            return None  # absent, cut short or of another version: the part is made again

    def write(self, path: Path) -> None:
        """Write it to `path`, once its part is written."""
        write_checked(path, asdict(self))


@dataclass
class Totals:
    """The records of all parts, added up."""

    sums: Counter[str] = field(default_factory=Counter)
    oov: Counter[str] = field(default_factory=Counter)
    oov_words: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)

    def add(self, record: Record) -> None:
        """Count one part."""
        for name in ("documents", "words", "bytes_in", "bytes_out"):
            self.sums[name] += getattr(record, name)
        self.oov.update(record.oov)
        self.oov_words += sum(record.oov.values())
        self.left_out.update(record.left_out)
        self.dropped.update(record.dropped)
        if len(self.oov) > OOV_KEPT:
            self.oov = Counter(dict(ranked(self.oov)[: OOV_KEPT // 2]))

    def counts(self) -> dict[str, Any]:
        """For the manifest."""
        return {
            **{name: self.sums[name] for name in ("documents", "words", "bytes_in", "bytes_out")},
            "oov": self.oov_words,
            "oov_distinct": len(self.oov),
            "oov_top": ranked(self.oov)[:OOV_SHOWN],
            "left_out": dict(self.left_out),
            "dropped": dict(self.dropped),
        }


def ranked(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Names with their counts, the greatest first, equals in order of their names."""
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def part_path(folder: Path, index: int) -> Path:
    """Where a part lies."""
    return folder / f"part-{index:05}.parquet"


def record_path(part: Path) -> Path:
    """Where a part's record lies."""
    return part.with_suffix(".json")


def counts_path(part: Path) -> Path:
    """Where the counts of a part's words lie."""
    return part.with_suffix(".words")


def part_paths(folder: Path) -> list[Path]:
    """The parts of a folder in order."""
    return sorted(folder.glob(PARTS), key=lambda path: (len(path.name), path.name))


def digest_input(originals: Iterable[Original]) -> str:
    """SHA-256 of documents: their ids, sources, types and texts, in order; of pairs, both texts."""
    digest = hashlib.sha256()
    for original in originals:
        document = original.document
        digest.update(repr((document.id, document.source, document.type)).encode() + original.key)
        if document.given is not None:
            digest.update(hashlib.sha256(document.text.encode()).digest())
    return digest.hexdigest()


def find_record(path: Path, *, input: str, work: str) -> Record | None:
    """The record of the part at `path` if it was made from this very input by this very work, and is whole."""
    record = Record.read(record_path(path))
    if record is None or (record.input, record.work) != (input, work):
        return None
    files = {path: record.sha256, counts_path(path): record.spellings}
    return record if all(_is_whole(one, sha256) for one, sha256 in files.items()) else None


def _is_whole(path: Path, sha256: str) -> bool:
    """Whether a file is as it was written; without a checksum, that there is none."""
    return path.is_file() and sha256_file(path) == sha256 if sha256 else not path.exists()


def write_part(
    path: Path, originals: Sequence[Original], texts: Sequence[str], given: Sequence[str], *, keep_original: bool
) -> None:
    """Write documents and their converted texts as one part; the same bytes for the same input.

    Args:
        given: The converted sources of pairs; none for documents.
    """
    import pyarrow as pa  # slow to import
    import pyarrow.parquet as pq

    documents = [original.document for original in originals]
    columns = {
        "id": pa.array([document.id for document in documents], pa.string()),
        "source": pa.array([document.source for document in documents], pa.string()),
        "type": pa.array([document.type for document in documents], pa.string()),
        "text": pa.array(texts, pa.string()),
        "n_bytes": pa.array([original.n_bytes for original in originals], pa.int64()),
        "split_key": pa.array([int.from_bytes(original.key[:8]) for original in originals], pa.uint64()),
        "original": pa.array([document.text if keep_original else None for document in documents], pa.string()),
    }
    if given:
        columns["given"] = pa.array(given, pa.string())
        kept = [document.given if keep_original else None for document in documents]
        columns["given_original"] = pa.array(kept, pa.string())
    with write_atomic(path) as file:
        pq.write_table(
            pa.table(columns),
            file,
            compression="zstd",
            compression_level=3,
            use_dictionary=["source", "type"],  # texts do not repeat
            write_statistics=["n_bytes", "split_key"],
        )


def read_tables(folder: Path, columns: Sequence[str]) -> Iterator[Any]:
    """These columns of each part, as pyarrow tables, one row group at a time."""
    import pyarrow.parquet as pq  # slow to import

    for path in part_paths(folder):
        with pq.ParquetFile(path) as part:
            for group in range(part.num_row_groups):
                yield part.read_row_group(group, columns=list(columns), use_threads=False)


def remove_parts_from(folder: Path, first: int) -> None:
    """Delete the parts of an earlier, longer corpus, with their records."""
    for path in sorted(folder.glob("part-*.*")):
        number = path.stem.removeprefix("part-")
        if number.isdecimal() and int(number) >= first:
            remove(path)
