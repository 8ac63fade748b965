"""What the readers yield, and the choices a user has about reading."""

from dataclasses import dataclass
from typing import Literal

Unit = Literal["auto", "file", "line", "paragraph", "passage"]
EncodingErrors = Literal["strict", "replace", "skip"]


@dataclass(frozen=True, slots=True)
class Document:
    """One text of the corpus.

    `id` is the source's name alone where the whole file is the document, else `name#k` for its k-th piece or record,
    counted from 0, and `name#k.j` for the j-th piece of a record.
    """

    id: str
    source: str  # the file's path under the corpus; `archive.zip!member.txt` for a member
    type: str  # "" where there is none
    text: str
    given: str | None = None  # of a pair: its source; the text is its target
    place: str = ""  # of a pair: file and line, for messages


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How files become documents."""

    text_field: str = "text"  # of a record; of a pair, the target's
    source_field: str | None = None  # of a pair; None: records are documents
    type_field: str | None = None  # of a record; None: the type is the folder
    type_levels: int = 1  # so many folders make a type, from the first on
    unit: str = "auto"  # one of Unit
    passage_words: int = 400  # most words in a passage
    encoding: str = "utf-8"
    encoding_errors: str = "strict"  # one of EncodingErrors
    max_ratio: float = 200.0  # most bytes out of one byte of a compressed file, after the first MiB
    max_members: int = 1_000_000  # most members of an archive
    max_bytes: int = 64 * 2**30  # most bytes out of one compressed file or archive


def folder_type(path: str, levels: int) -> str:
    """The type of what lies at `path` under a corpus: with 2 levels "poems/sonnets", a sub-type of "poems"."""
    return "/".join(path.split("/")[:-1][:levels])
