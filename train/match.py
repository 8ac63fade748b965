"""Equal budgets: what of a cell's model and length gives way so that it has as much as the baseline."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from train import config as configs
from train.choose import Work, work_out
from train.config import Config
from train.contract import Contract
from train.errors import TrainError
from train.families import shape_of
from train.memory import knows, states, step_memory
from train.memory import step_of as how
from train.model import Shape
from train.shards import Shards
from train.study import Cell, Held, Study

MOST = 0.02  # of a quantity held equal that may be off
ENOUGH = 0.005  # a closer match is not worth stranger proportions
STEP = 8  # widths are multiples of it, for the sake of the processor
RANGE = 4  # a free axis may be so many times larger or smaller
OF_SHAPE: set[Held] = {"params", "memory", "flops"}  # what a model's shape decides
LENGTH: set[Held] = {"tokens", "bytes"}  # held, they set the number of steps


@dataclass(frozen=True)
class Corpus:
    """The data of a cell."""

    train: Shards
    contract: Contract


@dataclass(frozen=True)
class Figures:
    """What a cell spends.

    Args:
        params: Weights, each once.
        own_params: Without embeddings.
        flops_per_token: Of training.
        memory: Bytes of a step, an estimate.
        passes: Over the corpus, so over its bytes.
        time: Seconds of its steps, by ten that were timed; 0 where time is not held.
    """

    params: int
    own_params: int
    flops_per_token: int
    tokens: int
    memory: int
    passes: float
    time: float = 0.0

    @property
    def flops(self) -> int:
        """Of the whole run."""
        return self.flops_per_token * self.tokens

    def of(self, held: Held) -> float:
        """The quantity of this name."""
        return self.passes if held == "bytes" else float(getattr(self, held))


@dataclass(frozen=True)
class Solved:
    """A cell with what makes it equal.

    Args:
        overrides: All that its run needs beside the study's config.
        changed: What of these gave way for it.
        mismatch: By which share each held quantity is off.
    """

    cell: Cell
    overrides: tuple[str, ...]
    changed: tuple[str, ...]
    config: Config
    figures: Figures
    mismatch: dict[str, float]


Timing = Callable[[Cell, Sequence[str]], float]  # seconds a token that a cell with these settings takes, measured


def solve(study: Study, corpora: Mapping[str, Corpus], time_a_token: Timing | None = None) -> list[Solved]:
    """Every cell at the baseline's budget.

    Args:
        corpora: The data of each cell by its name.
        time_a_token: Needed to hold time.

    Raises:
        TrainError: a cell cannot be matched within 2 %, or its settings do not fit.
    """
    first = study.first
    corpus = corpora[first.name]
    work = worked_out(loaded(study, [*study.settings, *first.settings]), corpus)
    timing = time_a_token if "time" in study.hold else None
    fixed = fixed_by(work, study)
    a_token_s = timing(first, [*study.settings, *first.settings, *fixed]) if timing else 0.0
    solver = Solver(study, work, figures(work, corpus, a_token_s), fixed, timing)
    return [solver.solve(cell, corpora[cell.name]) for cell in study.listed]


def settled(
    study: Study, cell: Cell, overrides: Sequence[str], mismatch: Mapping[str, float], corpus: Corpus
) -> Solved:
    """A cell as it was made equal before. Raises TrainError where its settings do not fit any more."""
    work = worked_out(loaded(study, overrides), corpus)
    gave_way = {*study.free, "train.max_steps", "train.epochs"}
    changed = tuple(setting for setting in overrides if setting.partition("=")[0] in gave_way)
    return Solved(cell, tuple(overrides), changed, work.config, figures(work, corpus), dict(mismatch))


def fixed_by(work: Work, study: Study) -> list[str]:
    """What the baseline resolves for all, so that the same seed draws the same rows for every cell."""
    config, own = work.config, {key for cell in study.listed for key in cell.axes}
    fixed: dict[str, Any] = {"train.global_batch": config.train.global_batch}
    if not study.makes_data:
        fixed["data.seq_len"] = config.data.seq_len
    if study.lr != "optuna":
        fixed["optim.lr"] = "auto" if study.lr == "law" else config.optim.lr
    return [f"{key}={value}" for key, value in fixed.items() if key not in own]


def worked_out(config: Config, corpus: Corpus) -> Work:
    """A config on its corpus, on one process."""
    return work_out(config, corpus.train, corpus.contract.vocab_size, world=1, contract=corpus.contract)


def shape_in(config: Config, seq_len: int, corpus: Corpus) -> Shape:
    """The model of a config on its corpus."""
    return shape_of(config, corpus.contract.vocab_size, seq_len, corpus.contract)


def figures(work: Work, corpus: Corpus, a_token_s: float = 0.0) -> Figures:
    """What a run spends, where a token takes so many seconds."""
    shape = shape_in(work.config, work.packing.seq_len, corpus)
    tokens = work.max_steps * configs.known(work.config.train.global_batch)
    return Figures(
        params=shape.n_parameters,
        own_params=shape.n_parameters - shape.n_embeddings,
        flops_per_token=shape.flops_per_token,
        tokens=tokens,
        memory=memory(work.config, shape, work.micro_batch, work.rows_per_step),
        passes=work.schedule.epoch(work.max_steps),
        time=tokens * a_token_s,
    )


def memory(config: Config, shape: Shape, micro_batch: int, rows_per_step: int) -> int:
    """Bytes of a step in bf16 on one GPU, an estimate; without a closed form, those of weights and optimizer."""
    if not knows(shape):
        return states(shape, config.optim)
    return step_memory(shape, how(config, shape, micro_batch, rows_per_step // micro_batch)).peak


@dataclass(frozen=True)
class Solver:
    """Matches cells with the baseline, which came to `base` with what is `fixed` for all."""

    study: Study
    first: Work
    base: Figures
    fixed: Sequence[str]
    time_a_token: Timing | None

    def solve(self, cell: Cell, corpus: Corpus) -> Solved:
        """The cell with what is free changed so that it is equal: its shape first, then its length.

        Raises:
            TrainError: nothing is equal within 2 %, or the cell's settings do not fit.
        """
        own = [*self.study.settings, *cell.settings, *self.fixed]
        try:
            if self.study.makes_data:  # a row suits its texts, and must not change with the model's shape
                work = worked_out(loaded(self.study, own), corpus)
                own.append(f"data.seq_len={work.packing.seq_len}")
            found = self.lengthened(cell, own, self.reshaped(cell, own, corpus), corpus)
        except TrainError as error:
            raise TrainError(f"cell {cell.name}: {error}", hint=error.hint) from error
        off = {held: share for held, share in found.mismatch.items() if abs(share) > MOST}
        if off:
            told = ", ".join(f"{held} {share:+.1%}" for held, share in off.items())
            raise TrainError(
                f"cell {cell.name} cannot be made equal to {self.study.first.name}: {told} at the nearest "
                f"({' '.join(found.changed) or 'nothing is free'})",
                hint=f"at most {MOST:.0%} is allowed: name more in free (now {', '.join(self.study.free)}), hold less, "
                "or choose sizes with more room between them",
            )
        return found

    def reshaped(self, cell: Cell, own: Sequence[str], corpus: Corpus) -> list[str]:
        """Settings of the free axes with which the shape costs what the baseline's does; none where it does so."""
        hold, free = {*self.study.hold}, [key for key in self.study.free if key not in cell.axes]
        if not hold & OF_SHAPE or not free or cell == self.study.first:
            return []
        wanted: dict[str, float] = {}
        if "params" in hold:
            wanted["params"] = self.base.params
        if "memory" in hold:
            wanted["memory"] = self.base.memory
        if "flops" in hold and hold & LENGTH:  # where cells' tokens differ, so does what one may cost
            tokens = self.base.tokens if "tokens" in hold else self.lengthened(cell, own, [], corpus).figures.tokens
            wanted["flops"] = self.base.flops / tokens
        if not wanted:
            return []
        outer, inner = free[0], free[1] if len(free) > 1 else None
        tried: list[tuple[float, float, list[str]]] = []
        refusals: list[TrainError] = []

        def off(change: list[str], strangeness: float) -> float | None:
            """How far the first quantity is off, None where the model does not exist; takes note of it."""
            try:
                shares = self.shares([*own, *change], corpus, wanted)
            except TrainError as error:
                refusals.append(error)
                return None
            tried.append((max(abs(share) for share in shares), strangeness, change))
            return shares[0]

        try:
            start = value_of(loaded(self.study, own), outer)
            off([], 0.0)
        except TrainError:  # as the cell stands it is no model: a free axis must give way first
            start = value_of(self.first.config, outer)
        if inner is None:
            bisect(outer, start, lambda value: off([f"{outer}={value}"], 0.0))
        for value in around(outer, start) if inner else ():
            assert inner
            change = [f"{outer}={value}"]
            share = off(change, 0.0)
            if share is not None and abs(share) < 1:
                natural = value_of(loaded(self.study, [*own, *change]), inner)

                def at(value: int, change: list[str] = change, natural: int = natural) -> float | None:
                    return off([*change, f"{inner}={value}"], abs(math.log(value / natural)))

                bisect(inner, natural, at)
        if not tried:
            raise refusals[0]
        return min(tried, key=lambda one: (max(one[0], ENOUGH), one[1], one[0]))[2]

    def shares(self, settings: Sequence[str], corpus: Corpus, wanted: Mapping[str, float]) -> list[float]:
        """By which share each wanted quantity of a shape is off."""
        config = loaded(self.study, settings)
        shape = shape_in(config, configs.known(config.data.seq_len), corpus)
        first = self.first
        has = {
            "params": lambda: shape.n_parameters,
            "memory": lambda: memory(config, shape, first.micro_batch, first.rows_per_step),
            "flops": lambda: shape.flops_per_token,
        }
        return [has[held]() / value - 1 for held, value in wanted.items()]

    def lengthened(self, cell: Cell, own: Sequence[str], change: Sequence[str], corpus: Corpus) -> Solved:
        """A cell of the length that the budget leaves it, its shape changed already."""
        hold, settings = self.study.hold, [*own, *change]
        work = worked_out(loaded(self.study, settings), corpus)
        is_first = cell == self.study.first
        a_token_s = self.base.time / self.base.tokens
        if self.time_a_token and not is_first:
            a_token_s = self.time_a_token(cell, settings)
        found = figures(work, corpus, a_token_s)
        length: list[str] = []
        if "tokens" in hold:
            length = ["train.epochs=none", f"train.max_steps={self.first.max_steps}"]
        elif "bytes" in hold:
            length = ["train.max_steps=none", f"train.epochs={self.base.passes:.6g}"]
        elif "flops" in hold or "time" in hold:
            share = self.base.time / found.time if "time" in hold else self.base.flops / found.flops
            length = ["train.epochs=none", f"train.max_steps={max(1, round(work.max_steps * share))}"]
        if length and not is_first:
            work = worked_out(loaded(self.study, [*settings, *length]), corpus)
            found = figures(work, corpus, a_token_s)
        mismatch = {str(held): found.of(held) / self.base.of(held) - 1 for held in hold}
        overrides = {setting.partition("=")[0]: setting for setting in (*settings, *length)}  # the last one counts
        return Solved(cell, tuple(overrides.values()), (*change, *length), work.config, found, mismatch)


def loaded(study: Study, settings: Sequence[str]) -> Config:
    """The study's config with these settings.

    Raises:
        TrainError: they do not fit it.
    """
    try:
        return configs.load(study.config, settings)
    except TrainError as error:
        raise TrainError(str(error).removeprefix("the command line: "), hint=error.hint) from error


def value_of(config: Config, key: str) -> int:
    """A setting's value; of the feed-forward layer's width also where it follows from the model's.

    Raises:
        TrainError: it is no number.
    """
    value = getattr(config.model, key.partition(".")[2], None)
    if value is None and key == "model.n_inner":
        options = getattr(config.model, "options", None)
        value = options.inner if options else 4 * config.model.n_embd
    if not isinstance(value, int):
        raise TrainError(f"free: {key} has no number here to change", hint="name another axis in free")
    return value


def step_of(key: str) -> int:
    """By how much an axis is changed at least."""
    return 1 if key.endswith(("layer", "layers", "head", "heads")) else STEP


def around(key: str, start: int) -> range:
    """Values to try, up to a quarter and four times."""
    step = step_of(key)
    return range(max(step, start // RANGE // step * step), start * RANGE + 1, step)


def bisect(key: str, start: int, off: Callable[[int], float | None]) -> None:
    """Try values of an axis that what is wanted grows with, towards the two that are nearest to it."""
    step = step_of(key)
    low, high = max(1, start // RANGE // step), start * RANGE // step
    while high - low > 1:
        middle = (low + high) // 2
        there = ((at, share) for at in range(middle, high) if (share := off(at * step)) is not None)
        at, share = next(there, (middle, 1.0))  # some values make no model, as widths that heads do not divide
        low, high = (low, middle) if share > 0 else (at, high)
    off(low * step)
    off(high * step)
