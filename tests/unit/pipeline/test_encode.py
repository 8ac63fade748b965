from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tokenizers import Tokenizer

import pipeline.encode
from pipeline.encode import Encoder
from pipeline.tokenizer import train_tokenizer
from tests.unit.pipeline.conftest import Prepared
from train.errors import TrainError

TEXTS = [
    "k@1t s@1t",
    "",
    " ",
    "  k@1t  ",
    "<|bos|> k@1t",
    "k@1t\n\ts@1t ",
    "日本 🙂 naïve",
    "s@1t",
    "k@1t " * 50,
    "x" * 9000,
]


@pytest.fixture
def folder(prepared: Prepared, phones: list[tuple[str, str]]) -> Path:
    workspace = prepared(phones)
    train_tokenizer(workspace, vocab_size=400)
    return workspace.tokenizer


def check_batch(folder: Path, encoder: Encoder, texts: list[str]) -> None:
    expected = Tokenizer.from_file(str(folder / "tokenizer.json")).encode_batch(texts, add_special_tokens=False)
    ids, lengths = encoder.encode_batch(texts)
    assert lengths.tolist() == [len(encoding.ids) for encoding in expected]
    assert ids.tolist() == [index for encoding in expected for index in encoding.ids]


def test_a_batch_has_the_ids_of_tokenizers(folder: Path) -> None:
    encoder = Encoder(folder)
    check_batch(folder, encoder, TEXTS)
    check_batch(folder, encoder, TEXTS[::-1])  # now from the table
    check_batch(folder, encoder, [])
    check_batch(folder, encoder, [""])


def test_ids_do_not_depend_on_slices_or_on_what_is_remembered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline.encode, "SLICE_BYTES", 20)
    monkeypatch.setattr(pipeline.encode, "KNOWN_KEPT", 3)
    monkeypatch.setattr(pipeline.encode, "AT_ONCE", 2)
    encoder = Encoder(folder)
    for _ in range(2):
        check_batch(folder, encoder, TEXTS)


def test_arrow_arrays_of_any_kind_are_taken(folder: Path) -> None:
    encoder = Encoder(folder)
    ids, lengths = encoder.encode_batch(TEXTS)
    assert ids.dtype == np.uint16
    for array in (
        pa.array(TEXTS, pa.large_string()),
        pa.array(["left out", *TEXTS])[1:],
        pa.chunked_array([TEXTS[:3], TEXTS[3:]]),
    ):
        again = encoder.encode_batch(array)
        assert np.array_equal(again[0], ids)
        assert np.array_equal(again[1], lengths)


def test_any_bytes_round_trip(folder: Path) -> None:
    encoder = Encoder(folder)
    chance = np.random.default_rng(0)
    for data in (
        *(bytes([byte]) for byte in range(256)),
        bytes(range(256)) * 3,
        b"k@1t \xff\xfe s@1t",
        b"\xed\xa0\x80",  # a surrogate
        "é".encode()[:1],
        *(chance.bytes(50) for _ in range(50)),
    ):
        assert encoder.decode_bytes(encoder.encode_bytes(data)) == data
    assert encoder.encode_bytes("k@1t é".encode()) == encoder.encode("k@1t é")
    assert encoder.decode(encoder.encode_bytes(b"a\xffb")) == "a\N{REPLACEMENT CHARACTER}b"


def test_a_lone_surrogate_is_encoded_too(folder: Path) -> None:
    encoder = Encoder(folder)
    assert encoder.decode_bytes(encoder.encode("a\ud800b")) == b"a\xed\xa0\x80b"


def test_special_tokens_stand_for_no_text(folder: Path) -> None:
    encoder = Encoder(folder)
    assert encoder.decode([0, 3, *encoder.encode("k@1t"), 1, 2]) == "k@1t"
    for text in ("<|bos|>", "<|type:prose|>", "<|eos|><|pad|>"):
        assert not set(encoder.encode(text)) & encoder.contract.special_ids()
        assert encoder.decode(encoder.encode(text)) == text


def test_a_tokenizer_that_was_replaced_is_refused(folder: Path) -> None:
    path = folder / "tokenizer.json"
    path.write_text(path.read_text() + " ")
    with pytest.raises(TrainError, match="is not the tokenizer that"):
        Encoder(folder)
    (folder / "phon.json").unlink()
    with pytest.raises(TrainError, match=r"no phon\.json in"):
        Encoder(folder)
