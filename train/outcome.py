"""What each cell of a study came to, and whether it differs from the baseline: claimed only where the runs show it."""

import statistics
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from train.ledger import Cell, Ledger, Run
from train.significance import ALPHA, Difference, Mean, difference, holm, mean, seeds_needed

BASELINE, LOWER, HIGHER, OPEN, UNTOLD = "baseline", "lower", "higher", "open", ""


@dataclass(frozen=True)
class Outcome:
    """A cell's runs, taken together.

    Args:
        runs: Those that finished, by seed.
        states: How many runs are in each state.
        bits: Bits per byte, over seeds; None before a run finished.
        to: The cell it is compared with: the baseline, or with `within` its own.
        against: Bits per byte less that cell's, seed by seed; None of the baseline and without common seeds.
        p: Of that difference, after Holm's correction over all cells.
        verdict: `lower` or `higher` than that cell, `open`, `baseline`, or empty where nothing can be said.
        seeds: How many would find a difference of this size among so many cells four times in five, if it is open;
            None if over a thousand, or unknown.
    """

    cell: Cell
    runs: Mapping[int, Run]
    states: Mapping[str, int]
    bits: Mean | None
    to: str | None
    against: Difference | None
    p: float | None
    verdict: str
    seeds: int | None

    @property
    def tokens_per_s(self) -> float | None:
        """The median over its runs."""
        found = [run.tokens_per_s for run in self.runs.values() if run.tokens_per_s is not None]
        return statistics.median(found) if found else None

    @property
    def peak_memory(self) -> int | None:
        """The most of any run, in bytes."""
        return max((run.peak_memory for run in self.runs.values() if run.peak_memory is not None), default=None)


def outcomes(ledger: Ledger) -> dict[str, Outcome]:
    """Every cell by name, in the ledger's order."""
    bits = {
        name: {seed: run.bits_per_byte for seed, run in ledger.of(name).items() if run.bits_per_byte is not None}
        for name in ledger.cells
    }
    baseline = ledger.baseline
    to = {name: ledger.against(name) for name in bits}
    against = {name: difference(of, bits[other]) for name, of in bits.items() if (other := to[name]) is not None}
    tested = {name: found.p for name, found in against.items() if found and found.p is not None}
    raised = dict(zip(tested, holm([*tested.values()]), strict=True))
    found = {}
    for name, cell in ledger.cells.items():
        verdict = BASELINE if name == baseline else judge(against.get(name), raised.get(name))
        gap = against.get(name)
        found[name] = Outcome(
            cell=cell,
            runs=ledger.of(name),
            states=Counter(run.state for run in ledger.runs.values() if run.cell == name),
            bits=mean([*bits[name].values()]) if bits[name] else None,
            to=to[name],
            against=gap,
            p=raised.get(name),
            verdict=verdict,
            seeds=seeds_needed(gap.mean, len(tested)) if gap and verdict == OPEN else None,
        )
    return found


def judge(gap: Difference | None, p: float | None) -> str:
    """No claim where the interval includes zero, or where p after Holm does not bear it."""
    if gap is None:
        return UNTOLD
    if p is None or p >= ALPHA or not gap.mean.excludes_zero:
        return OPEN
    return LOWER if gap.mean.value < 0 else HIGHER
