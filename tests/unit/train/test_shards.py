import errno
import itertools
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import train.shards
from train.errors import TrainError
from train.manifest import Manifest, describe_files
from train.shards import Shards, ShardWriter, open_split


def write(folder: Path, documents: list[list[int]], types: list[str] | None = None, **options: Any) -> list[str]:
    writer = ShardWriter(folder, options.pop("vocab_size", 50_000), **options)
    writer.add(
        np.array(list(itertools.chain(*documents)), dtype=np.int64),
        np.array([len(document) for document in documents]),
        np.array([10 * len(document) for document in documents]),
        types or [""] * len(documents),
    )
    return writer.close()


def read(folder: Path, names: list[str]) -> Shards:
    return Shards.open(folder, describe_files(folder, names))


def test_reading_undoes_writing_over_many_shards(tmp_path: Path) -> None:
    documents = [[1, 2, 3], [], [4], [5, 6, 7, 8, 9, 10], [11, 12]]
    names = write(tmp_path, documents, ["a", "b", "a", "", "a"], tokens_per_shard=4)
    shards = read(tmp_path, names)
    assert shards.lengths.tolist() == [3, 0, 1, 6, 2]
    assert shards.starts.tolist() == [0, 3, 3, 4, 10]
    assert shards.types == ["a", "b", "a", "", "a"]
    assert shards.document_bytes.tolist() == [30, 0, 10, 60, 20]
    assert (shards.n_documents, shards.n_tokens, shards.n_bytes) == (5, 12, 120)
    assert [name for name in names if name.endswith("arrow")] == [f"data-0000{i}.arrow" for i in range(3)]
    stream = list(range(1, 13))
    for start in range(13):
        for stop in range(start, 13):
            assert shards.read(start, stop).tolist() == stream[start:stop]


def test_a_slice_outside_the_stream_is_refused(tmp_path: Path) -> None:
    shards = read(tmp_path, write(tmp_path, [[1, 2]]))
    for start, stop in ((-1, 1), (0, 3), (2, 1)):
        with pytest.raises(IndexError):
            shards.read(start, stop)


def test_files_do_not_depend_on_how_documents_are_handed_over(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    documents = [rng.integers(0, 99, rng.integers(0, 9)).tolist() for _ in range(200)]
    names = write(tmp_path / "whole", documents, tokens_per_shard=32)
    writer = ShardWriter(tmp_path / "single", 50_000, tokens_per_shard=32)
    for document in documents:
        size = np.array([len(document)])
        writer.add(np.array(document, dtype=np.uint16), size, 10 * size, [""])
    assert writer.close() == names
    for name in names:
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "single" / name).read_bytes()


@pytest.mark.parametrize(("vocab_size", "dtype"), [(2**16, np.uint16), (2**16 + 1, np.uint32)])
def test_ids_take_the_smallest_type(tmp_path: Path, vocab_size: int, dtype: type) -> None:
    shards = read(tmp_path, write(tmp_path, [[0, vocab_size - 1]], vocab_size=vocab_size))
    assert shards.read(0, 2).dtype == dtype
    assert shards.read(0, 2).tolist() == [0, vocab_size - 1]


def test_reading_copies_nothing(tmp_path: Path) -> None:
    names = write(tmp_path, [list(range(1000))] * 500)
    before = pa.total_allocated_bytes()
    shards = read(tmp_path, names)
    view = shards.read(100, 400_000)
    assert pa.total_allocated_bytes() - before < 10_000
    assert not view.flags.owndata
    assert not view.flags.writeable


def test_thirty_slices_take_less_than_a_tenth_of_a_millisecond(tmp_path: Path) -> None:
    shards = read(tmp_path, write(tmp_path, [list(range(1000))] * 100, tokens_per_shard=20_000))
    times = []
    for _ in range(50):
        start = time.perf_counter()
        for at in range(0, 90_000, 3000):
            shards.read(at, at + 1000)
        times.append(time.perf_counter() - start)
    assert min(times) < 100e-6


def test_datasets_opens_the_folder_without_a_copy(tmp_path: Path) -> None:
    from datasets import load_from_disk

    documents = [[i, i + 1, i + 2] for i in range(3000)]
    write(tmp_path, documents, ["verse"] * 3000, tokens_per_shard=3000)
    before = pa.total_allocated_bytes()
    opened = load_from_disk(str(tmp_path))
    assert pa.total_allocated_bytes() - before < 1000
    assert opened.num_rows == 3000
    assert opened[2999] == {"input_ids": [2999, 3000, 3001], "n_bytes": 30, "type": "verse"}
    assert opened["input_ids"][:] == documents


def test_datasets_opens_an_empty_split(tmp_path: Path) -> None:
    from datasets import load_from_disk

    names = write(tmp_path, [])
    assert load_from_disk(str(tmp_path)).num_rows == 0
    shards = read(tmp_path, names)
    assert (shards.n_documents, shards.n_tokens, shards.n_bytes, shards.types) == (0, 0, 0, [])
    assert shards.read(0, 0).tolist() == []


def test_a_cut_shard_is_named_before_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = write(tmp_path, [[1] * 5000])
    facts = describe_files(tmp_path, names)
    shard = tmp_path / "data-00000.arrow"
    shard.write_bytes(shard.read_bytes()[:-100])
    monkeypatch.setattr(train.shards, "Shard", None)  # calling it would fail
    with pytest.raises(TrainError, match=r"data-00000\.arrow has [\d,]+ bytes where [\d,]+ were written") as caught:
        Shards.open(tmp_path, facts, verify=False)
    assert 'run "phon pack" again' in caught.value.hint


def test_a_flipped_bit_and_a_missing_shard_are_named(tmp_path: Path) -> None:
    names = write(tmp_path, [[1] * 5000])
    facts = describe_files(tmp_path, names)
    shard = tmp_path / "data-00000.arrow"
    data = bytearray(shard.read_bytes())
    data[5000] ^= 1
    shard.write_bytes(data)
    with pytest.raises(TrainError, match=r"data-00000\.arrow was changed or damaged"):
        Shards.open(tmp_path, facts)
    shard.unlink()
    with pytest.raises(TrainError, match=r"data-00000\.arrow is missing"):
        Shards.open(tmp_path, facts)


def arrow_stream(table: pa.Table | None) -> bytes:
    if table is None:
        return b"not an Arrow stream at all"
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def bad_offsets() -> bytes:
    ids = pa.array([[0] * 4660], pa.list_(pa.uint16()))
    data = bytearray(arrow_stream(pa.table({"input_ids": ids, "n_bytes": [1], "type": ["a"]})))
    at = data.rindex((4660).to_bytes(4, "little"))  # the document's end, the values after it are zeros
    data[at : at + 4] = (10**6).to_bytes(4, "little")
    return bytes(data)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        arrow_stream(None),
        arrow_stream(pa.table({"text": ["a"]})),
        arrow_stream(pa.table({"text": pa.array([], pa.string())})),
        bad_offsets(),
        arrow_stream(
            pa.table({"input_ids": pa.array([None], pa.list_(pa.uint16())), "n_bytes": [1], "type": pa.array(["a"])})
        ),
    ],
    ids=["empty", "noise", "other columns", "no batch", "offsets past the end", "null"],
)
def test_what_is_no_shard_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data-00000.arrow").write_bytes(content)
    with pytest.raises(TrainError, match=r"data-00000\.arrow is no shard") as caught:
        read(tmp_path, ["data-00000.arrow"])
    assert "phon pack" in caught.value.hint


def test_a_full_disk_is_an_os_error_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = train.shards._write

    class Full:
        closed = False

        def write(self, data: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        def flush(self) -> None: ...

        def close(self) -> None: ...

    monkeypatch.setattr(train.shards, "_write", lambda file, batch: real(Full(), batch))  # type: ignore[arg-type]
    with pytest.raises(OSError, match="No space left") as caught:
        write(tmp_path, [[1] * 5000])
    assert caught.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []


def test_a_split_is_opened_by_name(tmp_path: Path) -> None:
    files = [f"train/{name}" for name in write(tmp_path / "train", [[1, 2], [3]])]
    files += [f"validation/{name}" for name in write(tmp_path / "validation", [[7]])]
    with pytest.raises(TrainError, match="no shards in") as caught:
        open_split(tmp_path, "train")
    assert caught.value.hint == 'run "phon tokenizer" first, or pass --workspace'
    Manifest("pack", [], {}, {}, files=describe_files(tmp_path, files)).write(tmp_path)
    assert open_split(tmp_path, "train").n_tokens == 3
    assert open_split(tmp_path, "validation").read(0, 1).tolist() == [7]
