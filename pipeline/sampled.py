"""What a model writes at several temperatures, beside held-out text and random strings, all measured alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from pipeline.copied import longest_spans
from pipeline.ngrams import KneserNey
from pipeline.sampler import Judged, Sampler
from pipeline.symbols import END, Spelling
from pipeline.traits import real_words, traits
from train.contract import Contract
from train.notation import Notation
from train.order import Order
from train.score import judge
from train.shards import Shards

HELD_OUT, RANDOM = "held-out text", "random symbols"

Report = Callable[[str], None]


@dataclass(frozen=True)
class Drawing:
    """What is sampled from a model of documents.

    Args:
        n: Samples at each temperature; 0 for none.
        valid: Whether they keep to the notation's grammar: what ends is valid then, whatever the model has learnt.
    """

    n: int = 0
    temperatures: tuple[float, ...] = (1.0,)
    valid: bool = False


class Drawn(NamedTuple):
    """Rows of texts by name, their figures, and whether drawing them was interrupted."""

    rows: dict[str, list[Judged]]
    figures: dict[str, dict[str, Any]]
    is_whole: bool


class Rows:
    """Texts to compare, of one model.

    Args:
        seq_len: The tokens that a sample or document may have; a longer document is cut, and has no end then.
    """

    def __init__(self, contract: Contract, notation: Notation, spelling: Spelling, seq_len: int) -> None:
        self.contract = contract
        self.notation = notation
        self.spelling = spelling
        self.seq_len = seq_len

    def judged(self, index: int, type_name: str, text: str, ended: bool, n_tokens: int) -> Judged:
        """A text with what is wrong with it."""
        valid, problems = judge(self.notation, text.strip(" "), ended)
        return Judged(index, type_name, text.strip(" "), ended, valid, problems, n_tokens)

    def held_out(self, shards: Shards, n: int) -> tuple[list[Judged], list[Judged]]:
        """Held-out documents for a row, `n` at most, and others to compare it with; the same where there is but one."""
        order, types = Order(shards.n_documents, 0, 0)(np.arange(shards.n_documents)), shards.types
        found = []
        for index, which in enumerate(order[: 2 * n].tolist()):
            start, whole = int(shards.starts[which]), int(shards.lengths[which])
            tokens = shards.read(start, start + min(whole, self.seq_len))
            text = self.spelling.text(tokens).decode("utf-8", "replace")
            found.append(self.judged(index, types[which], text, whole <= self.seq_len, len(tokens)))
        return found[::2], found[1::2] or found

    def random(self, learnt: KneserNey, n: int, symbols_per_token: float, seed: int) -> list[Judged]:
        """Strings of symbols as frequent as in training, each symbol drawn for itself, the end too."""
        bounds = np.cumsum(learnt.distribution([], 1))
        most = max(1, int(self.seq_len * symbols_per_token))
        generator = np.random.Generator(np.random.Philox(seed))
        found = []
        for index in range(n):
            drawn = np.minimum(np.searchsorted(bounds, generator.random(most), side="right"), learnt.size - 1)
            ends = np.flatnonzero(drawn == END)
            kept = drawn[: ends[0]] if len(ends) else drawn
            found.append(self.judged(index, "", self.spelling.write(kept.tolist()), bool(len(ends)), len(kept)))
        return found


def draw(
    rows: Rows,
    sampler: Sampler,
    training: Shards,
    shards: Shards,
    learnt: KneserNey,
    drawing: Drawing,
    seed: int,
    report: Report,
) -> Drawn:
    """Draw samples at each temperature, and measure them beside what they are to be compared with.

    Ctrl-C ends the drawing alone: what was drawn until then is measured.
    """
    from train.draw import Sampling  # loads torch

    drawn: dict[str, list[Judged]] = {}
    n, is_whole = drawing.n, True
    try:
        for temperature in drawing.temperatures:
            _, made = sampler.samples(n=n, sampling=Sampling(temperature), seed=seed, valid=drawing.valid)
            for sample in made:
                drawn.setdefault(f"{temperature:g}", []).append(sample)
                report(f"temperature {temperature:g}: {sample.index + 1} of {n} samples")
    except KeyboardInterrupt:
        is_whole = False
    reference, others = rows.held_out(shards, n)
    symbols, _ = rows.spelling.documents(shards, np.arange(shards.n_documents))
    drawn[HELD_OUT] = reference
    drawn[RANDOM] = rows.random(learnt, n, len(symbols) / max(1, int(shards.lengths.sum())), seed)
    report("looking for what is copied")
    figures = measured(drawn, others, rows, training)
    return Drawn(drawn, figures, is_whole)


def measured(
    drawn: Mapping[str, Sequence[Judged]], others: Sequence[Judged], rows: Rows, training: Shards
) -> dict[str, dict[str, Any]]:
    """The figures of each row."""
    spelling = rows.spelling
    every = [one.text for row in drawn.values() for one in row]
    spans = iter(longest_spans([text.encode() for text in every], lambda: spelling.stream(training)))
    words = {word for text in every for word in spelling.words(text)}
    return traits(
        drawn,
        others,
        {name: [next(spans) for _ in row] for name, row in drawn.items()},
        spelling.unknown(words, spelling.stream(training)),
        real_words(rows.notation),
        spelling,
    )
