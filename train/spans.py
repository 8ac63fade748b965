"""Span corruption: a document with spans taken out as source, the spans as target, drawn anew in each epoch.

A document's text is cut into pieces that fit the model. In a piece, each span is replaced by a sentinel; the target,
after its opening, names each sentinel with what stood there, and ends with one more sentinel. How many tokens and spans
go depends on the piece's length alone, so the sizes of rows are known before anything is drawn.

Source: Raffel et al. 2020 (T5), section 3.1.4 and its `random_spans_helper`; spans by composition, as there.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from train.contract import Contract
from train.errors import TrainError
from train.packing import Batch, Ints
from train.pairs import Ragged, batch
from train.shards import Shards

BESIDE = 4  # positions for what stands beside the text: opening, end, sentinels that replace a single token


@dataclass(frozen=True)
class Spans(Ragged):
    """The pieces of a split.

    Args:
        starts: (n) Where each piece's text starts in the token stream.
        sizes_of_text: (n) Tokens of its text.
        openings: (n) Tokens of its document's opening, which stands at `heads` in the stream.
        heads: (n).
        rate: Share of the tokens that are taken out.
        mean: Tokens of a span, on average.
        sentinels: Their ids.
        seed: With the epoch and the piece, decides which spans.
    """

    starts: Ints
    sizes_of_text: Ints
    openings: Ints
    heads: Ints
    rate: float
    mean: float
    sentinels: tuple[int, ...]
    eos: int
    seed: int

    is_fresh = True

    def n_bytes(self, shards: Shards) -> int:
        """Those of what is taken out, by its share of the tokens."""
        return max(1, round(shards.n_bytes * self.rate))

    def said(self) -> str:
        """What the rows are."""
        return (
            f"{self.n_rows:,} pieces of up to {self.seq_len - BESIDE} tokens, {100 * self.rate:g} % taken out in spans"
        )

    def read(self, shards: Shards, rows: Sequence[int] | Ints, pad: int) -> Batch:
        """Tokens, targets, no positions, and sources."""
        sources, targets = [], []
        for number in rows:
            epoch, row = divmod(int(number), self.n_rows)
            start, head = int(self.starts[row]), int(self.heads[row])
            text = shards.read(start, start + int(self.sizes_of_text[row])).astype(np.int64)
            opening = shards.read(head, head + int(self.openings[row])).astype(np.int64)
            source, target = corrupt(text, self.drawn(epoch, row), self.sentinels)
            sources.append(np.append(source, self.eos))
            targets.append(np.concatenate([opening, target, [self.eos]]))
        return batch(sources, targets, pad)

    def drawn(self, epoch: int, row: int) -> Ints:
        """Lengths of what stays and what goes, in turn, for one piece in one epoch."""
        key = hashlib.blake2b(f"phon spans {self.seed} {epoch} {row}".encode(), digest_size=16).digest()
        n = int(self.sizes_of_text[row])
        noise, spans = amounts(n, self.rate, self.mean, len(self.sentinels))
        rng = np.random.Philox(key=np.frombuffer(key, np.uint64))
        return np.stack([split_up(n - noise, spans, rng), split_up(noise, spans, rng)], 1).ravel()


def amounts(n: int, rate: float, mean: float, n_sentinels: int) -> tuple[int, int]:
    """How many of `n` tokens are taken out, and in how many spans; one sentinel is left for the end."""
    noise = min(max(round(n * rate), 1), n - 1)
    spans = max(1, min(round(noise / mean), noise, n - noise, n_sentinels - 1))
    return noise, spans


def split_up(n: int, parts: int, rng: np.random.Philox) -> Ints:
    """`n` as a sum of `parts` lengths of at least 1, each way to do so as likely as any other."""
    # The places of the cuts: those with the smallest random keys, from the raw bits, which no version of numpy changes.
    cuts = np.sort(np.argsort(rng.random_raw(n - 1), kind="stable")[: parts - 1]) + 1 if n > 1 else np.zeros(0, int)
    return np.diff(np.concatenate([[0], cuts, [n]])).astype(np.int64)


def corrupt(text: Ints, lengths: Ints, sentinels: Sequence[int]) -> tuple[Ints, Ints]:
    """A text whose spans are replaced by sentinels, and the spans, each after its sentinel.

    Args:
        lengths: Of what stays and what goes, in turn.
    """
    source: list[int] = []
    target: list[int] = []
    at = 0
    for span, (stays, goes) in enumerate(lengths.reshape(-1, 2).tolist()):
        source += [*text[at : at + stays].tolist(), sentinels[span]]
        target += [sentinels[span], *text[at + stays : at + stays + goes].tolist()]
        at += stays + goes
    target.append(sentinels[len(lengths) // 2])
    return np.array(source, np.int64), np.array(target, np.int64)


def restore(source: Ints, target: Ints, sentinels: Sequence[int]) -> list[int]:
    """The text that `corrupt` took apart."""
    spans: dict[int, list[int]] = {}
    for token in target.tolist():
        if token in sentinels:
            spans[token] = current = []
        else:
            current.append(token)
    return [one for token in source.tolist() for one in spans.get(token, [token])]


def span_rows(shards: Shards, seq_len: int, contract: Contract, rate: float, mean: float, seed: int) -> Spans:
    """The pieces of one split: documents' texts, cut where they are too long; of one token there is nothing to learn.

    Raises:
        TrainError: the tokenizer has no sentinels, or rows have no room for a text.
    """
    if len(contract.sentinels) < 2:
        raise TrainError(
            "data.objective = spans needs sentinels, and the tokenizer reserves none",
            hint='run "phon tokenizer --sentinels 100"',
        )
    room = seq_len - BESIDE
    if room < 2:
        raise TrainError(f"data.seq_len = {seq_len} has no room for spans", hint="try data.seq_len=256")
    lengths_of_opening = {name: len(ids) for name, ids in contract.openings.items()}
    opening = np.array([lengths_of_opening[name] for name in shards.types], np.int64)
    texts = shards.lengths - opening - 1
    pieces = np.maximum(0, -(-texts // room))
    which = np.repeat(np.arange(len(texts)), pieces)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    sizes = np.minimum(room, texts[which] - nth * room)
    which, nth, sizes = which[sizes > 1], nth[sizes > 1], sizes[sizes > 1]
    distinct, back = np.unique(sizes, return_inverse=True)
    taken = np.array([amounts(int(n), rate, mean, len(contract.sentinels)) for n in distinct]).reshape(-1, 2)[back]
    noise, spans = taken[:, 0], taken[:, 1]
    lengths = np.stack([sizes - noise + spans + 1, opening[which] + noise + spans + 1], 1)
    heads = shards.starts[which]
    return Spans(
        seq_len,
        lengths,
        heads + opening[which] + nth * room,
        sizes,
        opening[which],
        heads,
        rate,
        mean,
        tuple(contract.sentinels),
        contract.eos,
        seed,
    )
