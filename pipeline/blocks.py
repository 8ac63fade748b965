"""The work of `phon prepare`, cut into blocks for the workers and parts for the disk, and put together again."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from phonetic.counts import PAIRS, WORDS, Counts
from pipeline.document import Document
from pipeline.lots import gather
from pipeline.parts import Original, Record, digest_input, find_record, part_path, record_path, write_part
from pipeline.spellings import is_counted, write_counts
from train.files import remove, sha256_file
from train.notation import Notation

BLOCK_BYTES = 2**18  # of original text that a worker converts at a time
PART_BYTES = 2**23  # of original text in a part
DOCUMENT_BYTES = 256  # what a document weighs beside its text, so that a million short ones still fit the memory
NOTHING_LEFT = "nothing to say"  # why a document without a single word is dropped

Report = Callable[[int, int], None]  # is told the documents and their bytes so far


class Lot(NamedTuple):
    """What travels to a worker."""

    texts: Sequence[str]
    is_counted: bool = False  # whether to count how words are spelled


class Block(NamedTuple):
    """What a worker converts at a time: some documents of a part, or none if the part was finished before."""

    part: int
    number: int  # in its part
    originals: list[Original]
    input: str  # digest of the whole part's input
    is_last: bool  # of the part
    done: Record | None

    def lot(self) -> Lot:
        """What there is to convert."""
        return Lot([original.document.text for original in self.originals], is_counted(self.part, self.number))

    def pairs(self) -> list[tuple[str, str]]:
        """The same of pairs: each source and its target."""
        return [(original.document.given or "", original.document.text) for original in self.originals]


class Converted(NamedTuple):
    """A block in the notation."""

    texts: list[str]
    words: int  # of the documents that have a text
    oov: Counter[str]
    left_out: Counter[str]
    given: Sequence[str] = ()  # sources, where the documents are pairs
    spellings: Counts | None = None


def plan(documents: Iterable[Document], folder: Path, work: str) -> Iterator[Block]:
    """Documents in blocks, and blocks in parts, of a fixed size. A part that is already there needs no work."""

    def weight(original: Original) -> int:
        return original.n_bytes + DOCUMENT_BYTES

    blocks = gather(map(Original.measure, documents), weight, BLOCK_BYTES)
    for number, part in enumerate(gather(blocks, lambda block: sum(map(weight, block)), PART_BYTES)):
        input = digest_input(original for block in part for original in block)
        done = find_record(part_path(folder, number), input=input, work=work)
        if done is not None:
            yield Block(number, 0, [], input, True, done)
            continue
        for at, block in enumerate(part):
            yield Block(number, at, block, input, at + 1 == len(part), None)


def convert(notation: Notation, lot: Lot) -> Converted:
    """The texts of a block in the notation; runs in a worker."""
    texts, counted = lot
    tally: dict[str, Counter[str]] = {"oov": Counter(), "dropped": Counter()}
    if counted:
        tally |= {WORDS: Counter(), PAIRS: Counter()}
    converted = notation.convert(texts, tally)
    words = sum(len(old.split()) for old, new in zip(texts, converted, strict=True) if new)
    spellings = Counts(tally[WORDS], tally[PAIRS]) if counted else None
    return Converted(converted, words, tally["oov"], tally["dropped"], spellings=spellings)


@dataclass
class Draft:
    """A part in the making: what its blocks so far became."""

    originals: list[Original] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    given: list[str] = field(default_factory=list)
    words: int = 0
    oov: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    spellings: Counts = field(default_factory=Counts.empty)

    def add(self, block: Block, result: Converted) -> None:
        """Take in one block; documents that became nothing are dropped."""
        for at, (original, text) in enumerate(zip(block.originals, result.texts, strict=True)):
            if text:
                self.originals.append(original)
                self.texts.append(text)
                self.given.extend(result.given[at : at + 1])
            else:
                self.dropped[NOTHING_LEFT] += 1
        self.words += result.words
        self.oov += result.oov
        self.left_out += result.left_out
        if result.spellings:
            self.spellings = self.spellings.plus(result.spellings)

    def write(self, path: Path, *, input: str, work: str, keep_original: bool) -> Record:
        """Write the part, then its record. If nothing was kept, there is a record alone."""
        if self.texts:
            write_part(path, self.originals, self.texts, self.given, keep_original=keep_original)
        else:
            remove(path)
        record = Record(
            input=input,
            work=work,
            sha256=sha256_file(path) if self.texts else "",
            documents=len(self.texts),
            words=self.words,
            bytes_in=sum(original.n_bytes for original in self.originals),
            bytes_out=sum(len(text.encode()) for text in self.texts),
            oov=dict(self.oov),
            left_out=dict(self.left_out),
            dropped=dict(self.dropped),
            spellings=write_counts(path, self.spellings),
        )
        record.write(record_path(path))
        return record


def watched(blocks: Iterable[tuple[Block, Converted]], report: Report) -> Iterator[tuple[Block, Converted]]:
    """The same blocks; `report` hears of each as it passes."""
    documents = size_bytes = 0
    for block, result in blocks:
        done = block.done
        documents += done.documents if done else len(block.originals)
        size_bytes += done.bytes_in if done else sum(original.n_bytes for original in block.originals)
        report(documents, size_bytes)
        yield block, result


def write_parts(
    blocks: Iterable[tuple[Block, Converted]],
    folder: Path,
    *,
    work: str,
    keep_original: bool,
    before_change: Callable[[], None],
) -> Iterator[Record]:
    """Write each part when its last block has come, and hand out the records of all parts in order.

    Args:
        blocks: Each block with what it became.
        folder: Where the parts go.
        work: As in `plan`.
        keep_original: Whether to store the original texts.
        before_change: Called before anything in `folder` changes.
    """
    draft = Draft()
    for block, result in blocks:
        if block.done is not None:
            yield block.done
            continue
        draft.add(block, result)
        if block.is_last:
            before_change()
            path = part_path(folder, block.part)
            yield draft.write(path, input=block.input, work=work, keep_original=keep_original)
            draft = Draft()
