"""What a model of documents is worth on those held out, beside n-grams and compressors that learnt from as much."""

import lzma
import math
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import PipelineError
from pipeline.ngrams import KneserNey
from pipeline.symbols import Spelling
from train.order import Order
from train.shards import Shards

BATCH = 64  # rows whose loss is worked out at a time
NGRAM_BYTES = 2**24  # of original training text that n-grams learn from at most; bounds the memory
PRIMER_BYTES = 2**22  # that xz reads before what it compresses, at most
XZ_BYTES = 12_000_000  # that it reads so in all: it does a MB or two a second
WINDOW = 2**15  # what gzip looks back on
LN2 = math.log(2)

Integers = NDArray[np.int64]
Report = Callable[[str], None]


@dataclass(frozen=True)
class Documents:
    """The documents held out, and how long they are.

    Args:
        of: Type -> which documents; with more than one type all of them, in this order, are the corpus.
        words: Type -> words in them.
    """

    shards: Shards
    of: Mapping[str, Integers]
    words: Mapping[str, int]

    @classmethod
    def find(cls, shards: Shards, counts: Mapping[str, Any]) -> "Documents":
        """Those of a split, given what its manifest counts.

        Raises:
            PipelineError: there is none.
        """
        types = np.array(shards.types)
        of = {name: np.flatnonzero(types == name) for name in sorted(set(shards.types))}
        if not of:
            raise PipelineError("nothing is held out that fits the model", hint="run phon prepare on more text")
        return cls(shards, of, {name: counts["types"][name]["words"] for name in of})

    @property
    def all(self) -> Integers:
        """Every document, type by type."""
        return np.concatenate(list(self.of.values()))

    def n_bytes(self, name: str) -> int:
        """UTF-8 bytes of the original texts of a type."""
        return int(self.shards.document_bytes[self.of[name]].sum())

    def bits_per_byte(self, nats: Mapping[str, float]) -> dict[str, Any]:
        """Of all and of each type, from negative log-likelihoods by type."""
        by_type = {name: nats[name] / LN2 / max(1, self.n_bytes(name)) for name in self.of}
        found: dict[str, Any] = {"bits_per_byte": sum(nats.values()) / LN2 / max(1, sum(map(self.n_bytes, self.of)))}
        return {**found, "types": by_type} if len(by_type) > 1 else found


def likelihood(model: Any, documents: Documents, pad: int, report: Report) -> tuple[dict[str, float], int]:
    """Negative log-likelihood in nats by type, and how many tokens were predicted."""
    from train.data import Rows  # these load torch
    from train.measure import measure
    from train.packing import best_fit

    shards, nats, tokens = documents.shards, {}, 0
    for name, which in documents.of.items():
        report(f"the model on held-out text{f' of type {name}' if name else ''}")
        layout = best_fit(
            shards.starts[which], shards.lengths[which], model.shape.seq_len, shared=model.shape.shares_rows
        )
        found = measure(model, Rows(shards, layout, pad), micro_batch=BATCH, device=model.device)
        nats[name] = found.nats
        tokens += found.tokens
    return nats, tokens


class Learnt(NamedTuple):
    """N-grams, and how many bytes of original text they are from."""

    model: KneserNey
    n_bytes: int


def learn(training: Shards, spelling: Spelling) -> Learnt:
    """The n-grams of the training text, or of as much of it as memory is given to."""
    chosen = a_part(training, NGRAM_BYTES)
    model = KneserNey(*spelling.documents(training, chosen), spelling.size)
    return Learnt(model, int(training.document_bytes[chosen].sum()))


def held_out(
    model: Any, documents: Documents, training: Shards, learnt: Learnt, spelling: Spelling, pad: int, report: Report
) -> dict[str, Any]:
    """The figures of the model and of each baseline, and what they were measured on."""
    nats, tokens = likelihood(model, documents, pad, report)
    if not tokens:
        raise PipelineError("nothing is held out that fits the model", hint="run phon prepare on more text")
    symbols, lengths = spelling.documents(documents.shards, documents.all)
    whole, words = sum(nats.values()), sum(documents.words.values())
    loss = whole / tokens
    return {
        "loss": loss,
        "perplexity": perplexity(loss),
        "perplexity_per_symbol": perplexity(whole / len(symbols)),
        "perplexity_per_word": perplexity(whole / max(1, words)),
        **documents.bits_per_byte(nats),
        "documents": len(documents.all),
        "tokens": tokens,
        "symbols": len(symbols),
        "words": words,
        "n_bytes": sum(map(documents.n_bytes, documents.of)),
        "training_bytes": training.n_bytes,
        "baselines": {
            **ngrams(documents, symbols, lengths, learnt, report),
            **compressors(documents, training, spelling, report),
        },
    }


def perplexity(nats: float) -> float:
    """exp of nats a unit."""
    return math.exp(min(nats, 700.0))


def a_part(shards: Shards, n_bytes: int) -> Integers:
    """Documents drawn at random, as many as have so many bytes of original text; all, if they do."""
    if shards.n_bytes <= n_bytes:
        return np.arange(shards.n_documents)
    order = Order(shards.n_documents, 0, 0)(np.arange(shards.n_documents))
    return order[: max(1, int(np.searchsorted(np.cumsum(shards.document_bytes[order]), n_bytes, side="right")))]


def ngrams(documents: Documents, symbols: Any, lengths: Integers, learnt: Learnt, report: Report) -> dict[str, Any]:
    """Bits per byte of n-grams of each order."""
    report("n-grams on held-out text")
    ends = np.cumsum([len(which) for which in documents.of.values()])[:-1]
    found = {}
    for order, nats in enumerate(learnt.model.nats(symbols, lengths), 1):
        by_type = dict(zip(documents.of, (float(part.sum()) for part in np.split(nats, ends)), strict=True))
        found[f"{order}-gram"] = {
            **documents.bits_per_byte(by_type),
            "perplexity_per_symbol": perplexity(sum(by_type.values()) / len(symbols)),
            "learnt_from": learnt.n_bytes,
        }
    return found


def compressors(documents: Documents, training: Shards, spelling: Spelling, report: Report) -> dict[str, Any]:
    """Bits per byte of gzip and xz on the text in the notation, alone and after some of the training text.

    They learn from what they compress as they go, which neither the model nor the n-grams do.
    """
    size = min(PRIMER_BYTES, XZ_BYTES // (2 + len(documents.of)))
    primer = b"\n".join(spelling.texts(training, a_part(training, size)))
    texts = {name: b"\n".join(spelling.texts(documents.shards, which)) for name, which in documents.of.items()}
    found: dict[str, Any] = {}
    for label, compressed, before in (
        ("gzip", deflated, b""),
        ("gzip, primed", deflated, primer[-WINDOW:]),
        ("xz", xz, b""),
        ("xz, primed", xz, primer),
    ):
        report(f"{label} on held-out text")
        sizes = compressed([*texts.values(), b"\n".join(texts.values())], before)
        *by_type, whole = (8 * n * LN2 for n in sizes)
        figures = documents.bits_per_byte(dict(zip(documents.of, by_type, strict=True)))
        figures["bits_per_byte"] = whole / LN2 / max(1, sum(map(documents.n_bytes, documents.of)))
        found[label] = {**figures, **({"learnt_from": len(before)} if before else {})}
    return found


def deflated(texts: list[bytes], before: bytes) -> Iterator[int]:
    """Bytes of texts as gzip packs them, without its header."""
    for text in texts:
        packer = zlib.compressobj(9, wbits=-15, zdict=before) if before else zlib.compressobj(9, wbits=-15)
        yield len(packer.compress(text)) + len(packer.flush())


def xz(texts: list[bytes], before: bytes) -> Iterator[int]:
    """Bytes that xz takes more for texts after others than for these others alone."""
    alone = len(lzma.compress(before)) if before else 0
    for text in texts:
        yield len(lzma.compress(before + text)) - alone
