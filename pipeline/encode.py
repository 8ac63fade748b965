"""Text to token ids and back: the ids of the `tokenizers` library, found by looking up whole words."""

import functools
import itertools
import re
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.bpe import byte_characters
from pipeline.pretoken import ORDINARY_MARKS
from train.contract import SOURCE_TOKENIZER, TOKENIZER, Contract
from train.shards import Integers, Tokens, token_dtype

SLICE_BYTES = 2**23  # of text encoded at once; bounds the memory
KNOWN_KEPT = 2**20  # chunks remembered; then all are forgotten and the table fills anew
AT_ONCE = 2**14  # chunks handed to tokenizers together
NOT_UTF8 = re.compile("([\udc80-\udcff]+)")  # how Python decodes bytes that are not


class Encoder:
    """The tokenizer of a folder, for many texts at a time.

    No pre-token has a space but at its start, so a text's ids are those of its chunks (the first word, then each
    later word with the space before it), end to end. A chunk is encoded once and looked up from then on.

    Args:
        folder: A tokenizer's or a model's, with tokenizer.json and phon.json.
        sources: Encode the sources of pairs, which may have a tokenizer of their own.

    Raises:
        TrainError: one of the two is missing or damaged, or they do not belong together.
    """

    def __init__(self, folder: Path, *, sources: bool = False) -> None:
        from tokenizers import Tokenizer  # slow to import

        self.contract = Contract.read(folder)
        pairs = self.contract.pairs
        is_apart = sources and pairs is not None and bool(pairs.tokenizer_sha256)
        self._offset = pairs.offset if pairs and is_apart else 0
        self._tokenizer = Tokenizer.from_file(str(folder / (SOURCE_TOKENIZER if is_apart else TOKENIZER)))
        self._tokenizer.encode_special_tokens = True  # not saved in the file: text never becomes a special token
        self.vocab_size = self.contract.vocab_size
        cut = self._tokenizer.pre_tokenizer.pre_tokenize_str
        self._marks = "".join(sorted(mark for mark in ORDINARY_MARKS if len(cut("a" + mark)) == 2))
        self._forget()

    def encode(self, text: str) -> list[int]:
        """The ids of one text, without opening and end."""
        try:
            text.encode()
        except UnicodeEncodeError:  # a lone surrogate
            return self.encode_bytes(text.encode("utf-8", "surrogatepass"))
        return [self._offset + index for index in self._tokenizer.encode(text, add_special_tokens=False).ids]

    def encode_bytes(self, data: bytes) -> list[int]:
        """The ids of any bytes: those of the text where they are UTF-8, one id a byte where not."""
        ids: list[int] = []
        text, *rest = NOT_UTF8.split(data.decode("utf-8", "surrogateescape"))
        ids.extend(self.encode(text))
        for bad, text in zip(rest[::2], rest[1::2], strict=True):
            ids.extend(self._offset + self._byte_ids[byte] for byte in bad.encode("utf-8", "surrogateescape"))
            ids.extend(self.encode(text))
        return ids

    def encode_batch(self, texts: "Sequence[str] | pa.Array | pa.ChunkedArray") -> tuple[Tokens, Integers]:
        """The ids of many texts end to end, and how many each has."""
        if isinstance(texts, pa.ChunkedArray):
            texts = texts.combine_chunks()
        strings = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string())
        ids: list[Tokens] = [np.zeros(0, dtype=token_dtype(self.vocab_size))]
        lengths: list[Integers] = [np.zeros(0, dtype=np.int64)]
        ends = np.cumsum(pc.binary_length(strings).to_numpy(zero_copy_only=False), dtype=np.int64)
        begin = 0
        while begin < len(strings):
            before = int(ends[begin - 1]) if begin else 0
            end = max(begin + 1, int(np.searchsorted(ends, before + SLICE_BYTES, side="right")))
            more_ids, more_lengths = self._encode_slice(strings[begin:end])
            ids.append(more_ids)
            lengths.append(more_lengths)
            begin = end
        return np.concatenate(ids), np.concatenate(lengths)

    def decode(self, ids: Iterable[int]) -> str:
        """The text of these ids. Special tokens are left out; bytes that are not UTF-8 become U+FFFD."""
        return self.decode_bytes(ids).decode("utf-8", "replace")

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """The bytes of these ids. Special tokens are left out."""
        tokens = self.token_bytes
        return b"".join([tokens[index] for index in ids])

    def _encode_slice(self, texts: pa.Array) -> tuple[Tokens, Integers]:
        words = pc.split_pattern(texts, " ")  # every text has at least one, if only ""
        offsets = words.offsets.to_numpy()
        encoded = words.values.dictionary_encode()
        distinct = encoded.dictionary.to_pylist()
        firsts = words.values.take(words.offsets[:-1]).to_pylist()
        known = self._slots([*firsts, *(" " + word for word in distinct)])
        slots = known[len(firsts) :][encoded.indices.to_numpy()]
        slots[offsets[:-1]] = known[: len(firsts)]

        begins = np.frombuffer(self._begins, dtype=np.int64)
        lengths = (begins[1:] - begins[:-1])[slots]
        ends = np.cumsum(lengths)
        # Where in the table each token of the result stands: its chunk's begin plus its place in the chunk.
        places = np.repeat(begins[slots] - ends + lengths, lengths)
        places += np.arange(len(places))
        ids = np.frombuffer(self._ids, dtype=self._ids.typecode)[places]
        return ids, np.diff(ends[offsets[1:] - 1], prepend=0)

    def _slots(self, chunks: Sequence[str]) -> Integers:
        """The place of each chunk in the table, after adding those that are new."""
        if len(self._known) > KNOWN_KEPT:
            self._forget()
        known = self._known
        unseen = dict.fromkeys(chunk for chunk in chunks if chunk not in known)
        peeled = {}  # chunk -> the word and the marks after it, pre-tokens of their own; half of all chunks have some
        for chunk in unseen:
            word = chunk.rstrip(self._marks)
            if len(word) < len(chunk) and word[-1:].isalnum() and word.isascii():
                peeled[chunk] = (word, chunk[len(word) :])
        whole = (chunk for chunk in unseen if chunk not in peeled)
        parts = dict.fromkeys(itertools.chain(whole, *peeled.values()))
        learning = [part for part in parts if part not in known]
        for at in range(0, len(learning), AT_ONCE):
            some = learning[at : at + AT_ONCE]
            encodings = self._tokenizer.encode_batch_fast(some, add_special_tokens=False)
            for part, encoding in zip(some, encodings, strict=True):
                self._remember(part, (self._offset + index for index in encoding.ids))
        begins, ids = self._begins, self._ids
        for chunk, (word, marks) in peeled.items():
            first, second = known[word], known[marks]
            self._remember(chunk, ids[begins[first] : begins[first + 1]] + ids[begins[second] : begins[second + 1]])
        return np.fromiter(map(known.__getitem__, chunks), dtype=np.int64, count=len(chunks))

    def _remember(self, chunk: str, ids: Iterable[int]) -> None:
        self._known[chunk] = len(self._known)
        self._ids.extend(ids)
        self._begins.append(len(self._ids))

    def _forget(self) -> None:
        """Empty the table: chunk -> slot, the slots' ids end to end, and where each slot's begin."""
        self._known: dict[str, int] = {}
        self._ids = array(token_dtype(self.vocab_size).char)
        self._begins = array("q", [0])

    @functools.cached_property
    def token_bytes(self) -> list[bytes]:
        """The bytes of each id; none for special tokens."""
        bytes_of = {character: byte for byte, character in enumerate(byte_characters())}
        specials = self.contract.special_ids()
        tokens = [b""] * self.vocab_size
        for token, index in self._tokenizer.get_vocab(with_added_tokens=False).items():
            if index not in specials:
                tokens[index] = bytes(bytes_of[character] for character in token)
        return tokens

    @functools.cached_property
    def _byte_ids(self) -> list[int]:
        """The id of each single byte."""
        vocabulary: dict[str, int] = self._tokenizer.get_vocab(with_added_tokens=False)
        return [vocabulary[character] for character in byte_characters()]
