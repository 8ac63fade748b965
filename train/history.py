"""What a run's folder tells, at its end or on the way: settings, how far it is, its measurements, its samples."""

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train import environment
from train.config import read_toml
from train.environment import Environment
from train.errors import TrainError
from train.files import PUT_BACK, WEIGHTS, check_header
from train.folder import CONFIG, FACTS, LATEST, STAGE, read_facts
from train.log import LOG, Record, scan
from train.manifest import NAME as MANIFEST
from train.manifest import Manifest


@dataclass(frozen=True)
class History:
    """A run so far.

    Args:
        settings: `section.key` -> value, as resolved before the first step; what is not set is not there.
        facts: What else the weights depend on, from run.json.
        manifest: None until the run is finished.
        n_parameters: None until it has a checkpoint.
        training: Records of the log with `loss`, in order of their steps.
        measured: Those with `val_loss`.
        sampled: Those with `samples`.
        environments: What it ran on, in order, each with the step from which.
        problem: Whether its log is not as it was written, and how.
    """

    path: Path
    settings: dict[str, Any]
    facts: dict[str, Any]
    manifest: Manifest | None
    n_parameters: int | None
    training: list[Record]
    measured: list[Record]
    sampled: list[Record]
    environments: list[Environment]
    problem: str | None

    @property
    def step(self) -> int:
        """The last step it told of; 0 before."""
        return max(
            (records[-1]["step"] for records in (self.training, self.measured, self.sampled) if records), default=0
        )

    @property
    def max_steps(self) -> int | None:
        """Steps it was to take at most."""
        found = self.settings.get("train.max_steps")
        return found if isinstance(found, int) else None

    @property
    def state(self) -> str:
        """How far it is, in words."""
        if self.manifest:
            return f"finished, {self.step:,} steps"
        if not self.step:
            return "nothing yet"
        return f"step {self.step:,}" + (f" of {self.max_steps:,}" if self.max_steps else "")

    @property
    def last(self) -> Record:
        """The newest training record; empty before the first."""
        return self.training[-1] if self.training else {}

    @property
    def tokens(self) -> int:
        """Tokens learned from."""
        return int(self.manifest.counts["tokens"] if self.manifest else self.last.get("tokens", 0))

    @property
    def best(self) -> Record:
        """The measurement with the fewest bits per byte; empty before the first."""
        return min(self.measured, key=lambda record: record["val_bits_per_byte"], default={})

    @property
    def tokens_per_s(self) -> float | None:
        """The median over the log: pauses and other programs move it little."""
        rates = [record["tokens_per_s"] for record in self.training if "tokens_per_s" in record]
        return statistics.median(rates) if rates else None

    @property
    def memory(self) -> int | None:
        """The most bytes that its main process held, on its device."""
        return max((record["memory"] for record in self.training if "memory" in record), default=None)

    def valid_share(self, temperature: float) -> float | None:
        """The share of valid samples when they were last drawn at a temperature."""
        shares = [record["valid"] for record in self.sampled if record["temperature"] == temperature]
        return shares[-1] if shares else None

    def tokens_at(self, step: int) -> float:
        """Tokens learned from up to a step, between records in proportion."""
        start, tokens = 0, 0
        for record in self.training:
            if step <= record["step"]:
                share = (step - start) / (record["step"] - start)
                return float(tokens + share * (record["tokens"] - tokens))
            start, tokens = record["step"], record["tokens"]
        return float(tokens)


def find_runs(runs: Path) -> list[Path]:
    """The folders of all runs, newest last: by when each last told something, the one that LATEST names at the end."""
    pointer = runs / LATEST
    latest = pointer.read_text(encoding="utf-8", errors="replace").strip() if pointer.is_file() else ""

    def age(run: Path) -> tuple[bool, int, str]:
        told = run / LOG if (run / LOG).is_file() else run / FACTS
        return run.name == latest, told.stat().st_mtime_ns, run.name

    return sorted((path.parent for path in runs.glob(f"*/{FACTS}")), key=age)


def read_history(run: Path) -> History:
    """What a run's folder tells; the run may be going on meanwhile.

    Raises:
        TrainError: it is no run, or a file of it is damaged.
    """
    if not (run / FACTS).is_file():
        raise TrainError(f"{run} is not a run: it has no {FACTS}", hint="pass a folder of runs/")
    facts = read_facts(run)
    try:
        settings = flat(read_toml(run / CONFIG))
    except (ValueError, RecursionError) as error:
        raise TrainError(
            f"{run / CONFIG} is not whole: {error}", hint="put it back, or delete the run and train again"
        ) from error
    manifest = Manifest.read(run)
    if manifest and manifest.stage != STAGE:
        manifest = None
    if manifest and not all(type(manifest.counts.get(key)) is int for key in ("parameters", "tokens")):
        raise TrainError(f"{run / MANIFEST} does not say what a run came to", hint=PUT_BACK)
    records, damaged = scan(run / LOG)
    problem = f"{run / LOG}: lines that were changed or damaged, and are left out: {damaged}" if damaged else None
    if manifest and LOG in manifest.files:
        problem = problem or manifest.damage(run, LOG)
    return History(
        path=run,
        settings=settings,
        facts=facts,
        manifest=manifest,
        n_parameters=manifest.counts["parameters"] if manifest else count_parameters(run),
        training=[record for record in records if {"loss", "tokens"} <= record.keys()],
        measured=[record for record in records if {"val_loss", "val_bits_per_byte"} <= record.keys()],
        sampled=[record for record in records if {"samples", "temperature", "valid"} <= record.keys()],
        environments=environment.read(run),
        problem=problem,
    )


def model_folders(run: Path) -> list[Path]:
    """The folders of a run that hold a model, newest first: the finished one, then checkpoints."""
    checkpoints = sorted((run / "checkpoints").glob("step-*"), reverse=True)
    return [folder for folder in (run / "model", *checkpoints) if folder.is_dir()]


def count_parameters(run: Path) -> int | None:
    """The weights of a run's newest model, each once, from the file's header alone; None if it has none yet."""
    from safetensors import SafetensorError, safe_open

    for folder in model_folders(run):
        try:
            check_header(folder / WEIGHTS)
            with safe_open(folder / WEIGHTS, "np") as file:
                shapes: list[list[int]] = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
        except (FileNotFoundError, SafetensorError, TrainError):
            continue  # the training let this one go while we looked, or it is damaged
        return sum(map(math.prod, shapes))
    return None


def flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with names like `section.key`."""
    found: dict[str, Any] = {}
    for key, value in nested.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return found
