"""Settings that a study chooses for each cell by shorter trainings: three rates, or Optuna's search."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pipeline.errors import PipelineError
from train.config import known
from train.ledger import Trial
from train.match import Solved
from train.study import Study

SEED = 1000  # of trial runs, so that no cell is judged by rows that its settings were chosen on
SHARE = 0.25  # of a run's steps
FACTOR = 2.0  # between the rates of a search
MOST = 5  # rates of a search, where the best is the first or last of three
RANGES = {"optim.lr": (3e-4, 3e-2), "optim.weight_decay": (1e-2, 3.0)}  # of Optuna's search, on a log scale
Values = Mapping[str, float]


def next_trial(study: Study, cell: Solved, done: Sequence[Trial]) -> Values | None:
    """What to try next for a cell; None when enough was tried.

    Raises:
        PipelineError: Optuna is not installed.
    """
    if study.lr == "search":
        return next_rate(known(cell.config.optim.lr), done)
    return ask(cell.cell.name, done) if len(done) < study.trials else None


def next_rate(start: float, done: Sequence[Trial]) -> Values | None:
    """Half, one and two times a rate; then beyond, while the best is at an end."""
    rates = {
        trial.settings["optim.lr"]: math.inf if trial.bits_per_byte is None else trial.bits_per_byte for trial in done
    }
    for rate in (start, start / FACTOR, start * FACTOR):
        if rate not in rates:
            return {"optim.lr": rate}
    best = min(rates, key=lambda rate: rates[rate])
    if len(rates) < MOST and math.isfinite(rates[best]) and best in (min(rates), max(rates)):
        return {"optim.lr": best * FACTOR if best == max(rates) else best / FACTOR}
    return None


def ask(cell: str, done: Sequence[Trial]) -> Values:
    """Optuna's next proposal, which depends on the trials so far alone.

    Raises:
        PipelineError: Optuna is not installed.
    """
    try:
        import optuna  # an extra, and slow to import
    except ImportError as error:
        raise PipelineError('lr = "optuna" needs Optuna', hint='pip install "phon[optuna]"') from error

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    ranges: dict[str, optuna.distributions.BaseDistribution] = {
        name: optuna.distributions.FloatDistribution(*ends, log=True) for name, ends in RANGES.items()
    }
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=len(done)), study_name=cell)
    for trial in done:
        state = optuna.trial.TrialState.FAIL if trial.bits_per_byte is None else optuna.trial.TrialState.COMPLETE
        params: dict[str, Any] = trial.settings
        study.add_trial(
            optuna.trial.create_trial(state=state, params=params, distributions=ranges, value=trial.bits_per_byte)
        )
    return {name: float(f"{value:.4g}") for name, value in study.ask(ranges).params.items()}


def chosen(cell: Solved, done: Sequence[Trial]) -> Solved:
    """The cell with the best settings tried.

    Raises:
        PipelineError: every trial failed.
    """
    there = [trial for trial in done if trial.bits_per_byte is not None]
    if not there:
        raise PipelineError(f"cell {cell.cell.name}: every trial failed", hint="see said/ beside the ledger")
    best = min(there, key=lambda trial: trial.bits_per_byte or 0.0).settings
    return replace(cell, overrides=(*cell.overrides, *as_overrides(best)), config=cell.config.with_values(best))


def as_overrides(settings: Values) -> list[str]:
    """Settings as on the command line."""
    return [f"{name}={value!r}" for name, value in settings.items()]


def name_of(cell: str, settings: Values) -> str:
    """Of a trial's run."""
    values = "-".join(f"{name.rpartition('.')[2]}-{value:g}" for name, value in settings.items())
    return f"{cell}-try-{values}"
