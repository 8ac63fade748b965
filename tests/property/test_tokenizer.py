"""Laws of the tokenizer: decoding undoes encoding, and words encoded apart are the text encoded whole."""

import itertools
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from pipeline.bpe import byte_level, train_bpe
from pipeline.encode import Encoder
from pipeline.pretoken import count_chunks, count_pretokens
from pipeline.tokenizer import build_tokenizer
from train.contract import Contract
from train.files import sha256_file

SPECIALS = ["<|bos|>", "<|eos|>", "<|pad|>"]
SYMBOLS = [vowel + stress for vowel in "a@AcWYERIieoOUu" for stress in "012"] + list("bCDdfghJklmnGprsStTvwyzZ")
TRAINING = ["fA0nE1tI0k I1GglI0S, D@1t I1z! \"k@1t\" it's 日本 don't", "k@1t s@1t a0n DA0 m@1t. naïve <|bos|> 🙂"] * 3

# Any text, with more spaces, controls, quotes and special tokens than chance would give.
TEXTS = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.sampled_from(
            [" ", "  ", "\n", "\t", "\r\n", "\u00a0", "\u2028", "\x1c", "\x85", "'", "’", "...", *SPECIALS]
        ),
        st.sampled_from([*SYMBOLS, "A", "0", "@"]),
        st.sampled_from(["word", "don't", "日本", "🙂", "é", "e\u0301", "\ufeff", "\x00"]),
    ),
    max_size=12,
).map("".join)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    counts = count_pretokens(count_chunks([pa.array(TRAINING)]), SYMBOLS)
    vocabulary, merges = train_bpe(counts, SYMBOLS, 500, reserved=SPECIALS)
    tokens = SPECIALS + vocabulary
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tokenizer.json").write_text(build_tokenizer(tokens, merges, SYMBOLS), encoding="utf-8")
        sha256 = sha256_file(folder / "tokenizer.json")
        Contract(
            {"name": "text", "version": "1", "options": {}}, len(tokens), 0, 1, 2, {"": [0]}, {"": 3}, sha256
        ).write(folder)
        yield folder


@pytest.fixture(scope="module")
def encoder(folder: Path) -> Encoder:
    return Encoder(folder)


@pytest.fixture(scope="module")
def reference(folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


@given(texts=st.lists(TEXTS, max_size=5))
@settings(max_examples=400, deadline=None)
def test_words_encoded_apart_are_the_text_encoded_whole(
    encoder: Encoder, reference: Tokenizer, texts: list[str]
) -> None:
    ids, lengths = encoder.encode_batch(texts)
    expected = [reference.encode(text, add_special_tokens=False).ids for text in texts]
    assert lengths.tolist() == [len(of_one) for of_one in expected]
    assert ids.tolist() == list(itertools.chain(*expected))
    assert [encoder.encode(text) for text in texts] == expected


@given(text=TEXTS)
@settings(max_examples=400, deadline=None)
def test_decoding_undoes_encoding_without_special_tokens(encoder: Encoder, reference: Tokenizer, text: str) -> None:
    ids = encoder.encode(text)
    assert encoder.decode(ids) == text == reference.decode(ids)
    assert all(index > 2 for index in ids)


@given(data=st.binary(max_size=60))
@settings(max_examples=400, deadline=None)
def test_any_bytes_round_trip(encoder: Encoder, data: bytes) -> None:
    assert encoder.decode_bytes(encoder.encode_bytes(data)) == data


@given(ids=st.lists(st.integers(0, 400), max_size=20))
@settings(max_examples=200, deadline=None)
def test_any_ids_decode_as_tokenizers_decodes_them(encoder: Encoder, reference: Tokenizer, ids: list[int]) -> None:
    ids = [index for index in ids if 2 < index < encoder.vocab_size]
    assert encoder.decode(ids) == reference.decode(ids)


@given(phones=st.lists(st.sampled_from([*SYMBOLS, " "]), min_size=1, max_size=40))
@settings(max_examples=400, deadline=None)
def test_no_sequence_of_symbols_is_cut_inside_one(encoder: Encoder, phones: list[str]) -> None:
    ends, at = set(), 0
    for phone in phones:
        at += len(phone)
        ends.add(at)
    at = 0
    for index in encoder.encode("".join(phones)):
        at += len(encoder.decode([index]))
        assert at in ends


@given(words=st.lists(st.text(alphabet="ab0@é", min_size=1, max_size=8), max_size=20))
@settings(max_examples=100, deadline=None)
def test_training_is_deterministic_and_its_file_agrees_with_it(words: list[str]) -> None:
    counts = {byte_level(word): 2 + len(word) for word in words}
    backwards = dict(reversed(counts.items()))
    vocabulary, merges = train_bpe(counts, ["@0", "a0"], 300)
    assert train_bpe(backwards, ["@0", "a0"], 300) == (vocabulary, merges)
    model = json.loads(build_tokenizer(vocabulary, merges, ["@0", "a0"]))["model"]
    assert model["vocab"] == {token: index for index, token in enumerate(vocabulary)}
    assert [tuple(pair) for pair in model["merges"]] == merges
