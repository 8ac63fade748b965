"""Tokens on disk: Arrow stream files, one document a row, written a shard at a time and read a slice at a time.

A row is a document: `input_ids` (its opening, tokens and end), `n_bytes` (UTF-8 bytes of the original text) and
`type`. A file holds one record batch, so its values buffer is the token stream and its offsets are the documents'
ends. `datasets.load_from_disk` opens the same folder without a copy.
"""

import hashlib
import json
import os
import weakref
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
import pyarrow as pa

from train.errors import TrainError
from train.files import sha256_file, write_atomic, write_text
from train.manifest import Manifest

STAGE = "pack"
SPLITS = ("train", "validation")
TOKENS_PER_SHARD = 2**25
AGAIN = 'run "phon pack" again: it makes the damaged files anew'

Tokens = np.ndarray[Any, np.dtype[np.uint16 | np.uint32]]
Integers = np.ndarray[Any, np.dtype[np.int64]]


def token_dtype(vocab_size: int) -> np.dtype[np.uint16 | np.uint32]:
    """The smallest unsigned type that holds every id below `vocab_size`."""
    return np.dtype(np.uint16 if vocab_size <= 2**16 else np.uint32)


def open_split(folder: Path, split: str, *, verify: bool = True) -> "Shards":
    """The documents of one split of `data/shards`.

    Raises:
        TrainError: nothing was packed there, or a file is missing, cut short or damaged.
    """
    return Shards.open(folder / split, split_files(packed(folder), split), verify=verify)


def packed(folder: Path) -> Manifest:
    """The manifest of `data/shards`; its files are checked when a split is opened.

    Raises:
        TrainError: nothing was packed there.
    """
    manifest = Manifest.read(folder)
    if manifest is None or manifest.stage != STAGE:
        raise TrainError(f"no shards in {folder}", hint='run "phon tokenizer" first, or pass --workspace')
    return manifest


def split_files(manifest: Manifest, split: str) -> dict[str, dict[str, Any]]:
    """Name in the split's folder -> size and checksum, of each file of the split."""
    prefix = f"{split}/"
    return {name.removeprefix(prefix): facts for name, facts in manifest.files.items() if name.startswith(prefix)}


class Shard:
    """One file of shards: its tokens are read as they are asked for, the rest is mapped.

    Tokens are read by pread: where the file of a map is cut short, to touch what is gone ends the process (SIGBUS).

    Raises:
        TrainError: it is not what ShardWriter writes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = os.open(path, os.O_RDONLY)  # stays ours, should another file take its name
            weakref.finalize(self, os.close, self._file)
            with pa.memory_map(str(path)) as source:
                start = source.read_buffer(1).address
                source.seek(0)
                with pa.ipc.open_stream(source) as reader:
                    self.batch: pa.RecordBatch = reader.read_next_batch()
            self.batch.validate(full=True)  # offsets in order and inside the values, so that no slice leaves the file
        except (pa.ArrowException, OSError, StopIteration) as error:
            raise TrainError(f"{path} is no shard: {error or 'it is empty'}", hint=AGAIN) from error
        kinds = [_schema(kind) for kind in (pa.uint16(), pa.uint32())]
        if self.batch.schema not in kinds or any(column.null_count for column in self.batch.columns):
            names = self.batch.schema.names
            raise TrainError(f"{path} is no shard of this version: its columns are {names}", hint=AGAIN)
        values = self.batch.column("input_ids").values
        self.n_tokens = len(values)
        self.dtype: np.dtype[np.uint16 | np.uint32] = np.dtype(values.type.to_pandas_dtype())
        self._offset = values.buffers()[1].address - start if len(values) else 0

    def read(self, start: int, stop: int) -> Tokens:
        """Its tokens `start` to `stop`.

        Raises:
            TrainError: the file was cut short since it was opened.
        """
        size = (stop - start) * self.dtype.itemsize
        content = os.pread(self._file, size, self._offset + start * self.dtype.itemsize)
        if len(content) != size:
            left = os.fstat(self._file).st_size
            raise TrainError(f"{self.path} was cut short while it was read: {left:,} bytes of it are left", hint=AGAIN)
        return np.frombuffer(content, self.dtype)


class Shards:
    """All documents of one split as one long token stream, never loaded whole.

    Attributes:
        lengths: Tokens in each document, in order over all shards.
        starts: Where each document starts in the stream.
        document_bytes: UTF-8 bytes of each document's original text.
        n_bytes: Their sum.
    """

    def __init__(self, shards: Sequence[Shard]) -> None:
        self._shards = shards
        # The shards' places in the stream are Python integers: bisect on a short list beats numpy for single look-ups.
        self._shard_starts = [0]
        for shard in shards:
            self._shard_starts.append(self._shard_starts[-1] + shard.n_tokens)
        none = np.zeros(0, dtype=np.int64)
        ends = [shard.batch.column("input_ids").offsets.to_numpy() for shard in shards]
        self.lengths: Integers = np.concatenate([none, *(np.diff(of_one).astype(np.int64) for of_one in ends)])
        self.starts: Integers = np.cumsum(self.lengths) - self.lengths
        self.document_bytes: Integers = np.concatenate(
            [none, *(shard.batch.column("n_bytes").to_numpy(zero_copy_only=True) for shard in shards)]
        )
        self.n_documents = len(self.lengths)
        self.n_tokens = self._shard_starts[-1]
        self.n_bytes = int(self.document_bytes.sum())

    @classmethod
    def open(cls, folder: Path, files: Mapping[str, Mapping[str, Any]], *, verify: bool = True) -> Self:
        """Open the Arrow files of `folder`, in the order of their names.

        Args:
            folder: Where they lie.
            files: Name -> `size_bytes` and `sha256`, from the manifest.
            verify: False to trust the content and check sizes alone.

        Raises:
            TrainError: a file is missing, of another size, changed, or no shard.
        """
        for name, facts in files.items():  # before mapping: to touch a page past the end of a file is a SIGBUS
            path = folder / name
            if not path.is_file():
                raise TrainError(f"{path} is missing", hint=AGAIN)
            size = path.stat().st_size
            if size != facts["size_bytes"]:
                raise TrainError(f"{path} has {size:,} bytes where {facts['size_bytes']:,} were written", hint=AGAIN)
            if verify and sha256_file(path) != facts["sha256"]:
                raise TrainError(f"{path} was changed or damaged: its checksum does not match", hint=AGAIN)
        return cls([Shard(folder / name) for name in sorted(files) if name.endswith(".arrow")])

    def read(self, start: int, stop: int) -> Tokens:
        """Tokens `start` to `stop` of the stream.

        Raises:
            TrainError: a file was cut short since it was opened.
        """
        if not 0 <= start <= stop <= self.n_tokens:
            raise IndexError(f"tokens {start} to {stop} of a stream of {self.n_tokens}")
        parts = []
        shard = bisect_right(self._shard_starts, start) - 1
        while start < stop:
            end, first = min(stop, self._shard_starts[shard + 1]), self._shard_starts[shard]
            parts.append(self._shards[shard].read(start - first, end - first))
            start, shard = end, shard + 1
        if not parts:
            return np.zeros(0, self._shards[0].dtype if self._shards else np.uint16)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    @property
    def types(self) -> list[str]:
        """The type of each document, "" for none; read anew at each call."""
        return [name for shard in self._shards for name in shard.batch.column("type").to_pylist()]


def _schema(value_type: pa.DataType) -> pa.Schema:
    return pa.schema([("input_ids", pa.list_(value_type)), ("n_bytes", pa.int64()), ("type", pa.string())])


class ShardWriter:
    """Writes documents into `folder` as data-00000.arrow, data-00001.arrow and so on.

    A document is never cut, and the files depend on the documents alone, not on how they were handed over.

    Args:
        folder: Where to write; what stood there under the same names is replaced.
        vocab_size: Ids are below it.
        tokens_per_shard: The most a file holds, unless one document alone is longer.
    """

    def __init__(self, folder: Path, vocab_size: int, tokens_per_shard: int = TOKENS_PER_SHARD) -> None:
        self.folder = folder
        self._dtype = token_dtype(vocab_size)
        self._tokens_per_shard = tokens_per_shard
        self._buffer: Tokens = np.empty(tokens_per_shard, dtype=self._dtype)
        self._used = 0
        self._lengths: list[Integers] = []
        self._n_bytes: list[Integers] = []
        self._types: list[str] = []
        self._files: list[str] = []
        self._content = hashlib.sha256()  # of all shards: what datasets keys its cache on

    def add(
        self,
        tokens: np.ndarray[Any, np.dtype[Any]],
        lengths: np.ndarray[Any, np.dtype[Any]],
        n_bytes: np.ndarray[Any, np.dtype[Any]],
        types: Sequence[str],
    ) -> None:
        """Append documents.

        Args:
            tokens: Their ids, end to end.
            lengths: Tokens in each.
            n_bytes: Original bytes of each.
            types: The type of each, "" for none.
        """
        ends = np.cumsum(lengths, dtype=np.int64)
        assert len(lengths) == len(n_bytes) == len(types), (len(lengths), len(n_bytes), len(types))
        assert len(tokens) == (ends[-1] if len(ends) else 0), "the lengths do not add up to the tokens"
        document = begin = 0  # the first document not in the buffer yet, and where its tokens begin
        while document < len(lengths):
            space = self._tokens_per_shard - self._used
            last = int(np.searchsorted(ends, begin + space, side="right"))
            if last == document:
                if self._used:
                    self._flush()
                    continue
                last = document + 1  # longer than a whole shard: it gets one for itself
                self._buffer = np.empty(int(lengths[document]), dtype=self._dtype)
            end = int(ends[last - 1])
            self._buffer[self._used : self._used + end - begin] = tokens[begin:end]
            self._used += end - begin
            self._lengths.append(np.asarray(lengths[document:last], dtype=np.int64))
            self._n_bytes.append(np.asarray(n_bytes[document:last], dtype=np.int64))
            self._types.extend(types[document:last])
            document, begin = last, end
            if self._used >= self._tokens_per_shard:
                self._flush()

    def close(self) -> list[str]:
        """Write what is left and the two files that `datasets` reads; the names of all files written."""
        if self._types or not self._files:
            self._flush()  # no documents at all: an empty shard, since datasets wants one
        value = {"dtype": self._dtype.name, "_type": "Value"}
        features = {
            "input_ids": {"feature": value, "_type": "List"},
            "n_bytes": {"dtype": "int64", "_type": "Value"},
            "type": {"dtype": "string", "_type": "Value"},
        }
        info = {"citation": "", "description": "", "features": features, "homepage": "", "license": ""}
        state: dict[str, Any] = {
            "_data_files": [{"filename": name} for name in self._files],
            "_fingerprint": self._content.hexdigest()[:16],
            "_format_columns": None,
            "_format_kwargs": {},
            "_format_type": None,
            "_output_all_columns": False,
            "_split": None,
        }
        for name, content in (("dataset_info.json", info), ("state.json", state)):
            write_text(self.folder / name, json.dumps(content, indent=2) + "\n")
        return [*self._files, "dataset_info.json", "state.json"]

    def _flush(self) -> None:
        """Write the buffered documents as the next shard."""
        name = f"data-{len(self._files):05}.arrow"
        none = np.zeros(0, dtype=np.int64)
        ends = np.cumsum(np.concatenate([none, *self._lengths]), dtype=np.int64)
        if self._used >= 2**31:
            raise TrainError(
                f"one document has {self._used:,} tokens, more than a shard can hold (2,147,483,647)",
                hint='cut it: run "phon prepare" again with --unit passage',
            )
        offsets = pa.array(np.concatenate([[0], ends]).astype(np.int32))
        schema = _schema(pa.from_numpy_dtype(self._dtype))
        columns = [
            pa.ListArray.from_arrays(offsets, pa.array(self._buffer[: self._used])),
            pa.array(np.concatenate([none, *self._n_bytes])),
            pa.array(self._types, pa.string()),
        ]
        with write_atomic(self.folder / name) as file:
            _write(file, pa.record_batch(columns, schema=schema))
        self._content.update(bytes.fromhex(sha256_file(self.folder / name)))
        self._files.append(name)
        if len(self._buffer) != self._tokens_per_shard:
            self._buffer = np.empty(self._tokens_per_shard, dtype=self._dtype)
        self._used = 0
        self._lengths, self._n_bytes, self._types = [], [], []


def _write(file: IO[bytes], batch: pa.RecordBatch) -> None:
    """An Arrow stream of one batch, by write(): on a full disk that is an OSError, where mmap would be a SIGBUS."""
    with pa.ipc.new_stream(file, batch.schema) as writer:
        writer.write_batch(batch)
