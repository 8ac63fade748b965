"""A study in a workspace: its trainings, and its ledger, in which every result is written once."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipeline.cells import corpora, places
from pipeline.errors import PipelineError
from pipeline.jobs import Job
from pipeline.sweep import FOLDER, LEDGER
from pipeline.tuning import SEED, SHARE, as_overrides, name_of
from train.calibrate import calibrate
from train.config import path_of
from train.contract import Contract
from train.environment import memory_bytes, processor, usable_cores
from train.files import lock, sha256_file
from train.history import History
from train.ledger import Ledger, Record, append
from train.match import Solved, settled, solve
from train.shards import packed
from train.study import Cell, Study, in_turn, load
from train.workspace import Workspace

QUIET = ("train.patience=0", "log.sample_every=0")  # a run that ends early has not spent its budget
MEASURED = 10  # times in a run
GROWS = ("seeds", "trials")  # may be more the next time


@dataclass
class Sweep:
    """A study in a workspace.

    Args:
        solved: Its cells, made equal.
        places: Where each cell's data and runs are.
    """

    study: Study
    name: str
    workspace: Workspace
    solved: list[Solved]
    places: dict[str, Workspace]

    @property
    def folder(self) -> Path:
        """All of it."""
        return self.workspace.root / FOLDER / self.name

    @property
    def path(self) -> Path:
        """The ledger's."""
        return self.folder / LEDGER

    def ledger(self) -> Ledger:
        """What is known so far. Raises TrainError where a line is damaged."""
        return Ledger.read(self.path)

    def job(self, solved: Solved, seed: int, *, trying: Mapping[str, float] | None = None) -> Job:
        """The training of a cell from a seed; or a shorter one, of settings to try."""
        cell, steps = solved.cell.name, solved.config.train.max_steps or 1
        share, settings = 1.0, list[str]()
        if trying is not None:
            share = SHARE
            settings = [*as_overrides(trying), "train.epochs=none", f"train.max_steps={max(1, round(share * steps))}"]
        every = f"log.eval_every={max(1, round(share * steps) // MEASURED)}"
        own = {setting.partition("=")[0] for setting in self.study.settings}
        quiet = [setting for setting in (*QUIET, every) if setting.partition("=")[0] not in own]
        return Job(
            name=f"{solved.cell.folder}-s{seed}" if trying is None else name_of(solved.cell.folder, trying),
            cell=cell,
            seed=seed,
            place=self.places[cell],
            config=str(path_of(self.study.config).resolve()),
            overrides=(*quiet, *solved.overrides, *settings),
            flops=solved.figures.flops * share,
        )

    def jobs(self) -> list[Job]:
        """All, in the order in which they are run."""
        by_name = {one.cell.name: one for one in self.solved}
        return [self.job(by_name[cell.name], seed) for cell, seed in in_turn(self.study)]

    def trial(self, solved: Solved, settings: Mapping[str, float]) -> Job:
        """A shorter training of settings to try."""
        return self.job(solved, SEED, trying=settings)

    def done(self) -> set[tuple[str, int]]:
        """Cell and seed of every finished run."""
        return {key for key, run in self.ledger().runs.items() if run.state == "finished"}

    def begin(self) -> None:
        """Write down what the study is, once.

        Raises:
            PipelineError: the ledger there is of other settings or data.
        """
        head = self.head()
        with lock(self.folder):
            if not self.path.is_file():
                append(self.path, head)
        then = self.ledger().study
        for had, has, what in (
            (definition(then.definition), head["definition"], "settings"),
            (then.corpus.sha256, head["corpus"]["sha256"], "data"),
        ):
            if had != has:
                raise PipelineError(
                    f"{self.path} is of a study with other {what}",
                    hint=f"move {self.folder} away, or give the study's file another name",
                )

    def head(self) -> Record:
        """The ledger's first record."""
        study, first = self.study, self.study.first
        place = self.places[first.name]
        counts = packed(place.shards).counts["train"]
        return {
            "kind": "study",
            "name": self.name,
            "title": study.title,
            "question": study.question,
            "axes": axes(study),
            "hold": list(study.hold),
            "baseline": first.axes,
            "within": list(study.within),
            "seeds": list(range(study.seeds)),
            "lr": "tuned" if study.lr in ("search", "optuna") else study.lr,
            "config": study.config,
            "definition": definition(study.model_dump()),
            "machine": f"{processor()}, {usable_cores()} cores, {memory_bytes() / 2**30:.0f} GiB",
            "versions": {name: version(name) for name in ("phon", "torch", "transformers", "accelerate")},
            "corpus": {
                "tokens": counts["tokens"],
                "bytes": counts["n_bytes"],
                "vocab_size": Contract.read(place.tokenizer).vocab_size,
                "sha256": sha256_file(place.shards / "manifest.json"),
            },
        }


def definition(values: Mapping[str, Any]) -> Record:
    """What makes two ledgers of one study: its file, and the defaults of what that does not say."""
    defaults = {name: field.default for name, field in Study.model_fields.items() if not field.is_required()}
    found: Record = json.loads(json.dumps({**defaults, **values}))
    return {key: value for key, value in found.items() if key not in GROWS}


def axes(study: Study) -> dict[str, list[Any]]:
    """The values of each axis, in the file's order."""
    found: dict[str, list[Any]] = {}
    for cell in study.listed:
        for key, value in cell.axes.items():
            if value not in found.setdefault(key, []):
                found[key].append(value)
    return found


def cell_record(one: Solved) -> Record:
    """A cell, for the ledger."""
    spent = one.figures
    return {
        "kind": "cell",
        "cell": one.cell.name,
        "axes": one.cell.axes,
        "overrides": list(one.overrides),
        "params": spent.params,
        "params_without_embeddings": spent.own_params,
        "flops_per_token": spent.flops_per_token,
        "tokens": spent.tokens,
        "flops": spent.flops,
        "mismatch": one.mismatch,
        "lr": one.config.optim.lr,
    }


def run_record(job: Job, history: History | None, error: str) -> Record:
    """What a training came to, for the ledger."""
    record: Record = {"kind": "run", "cell": job.cell, "seed": job.seed, "state": "failed", "error": error or None}
    if history is None or error:
        return record
    rate = history.tokens_per_s
    return record | {
        "state": "finished",
        "val_loss": history.best["val_loss"],
        "bits_per_byte": history.best["val_bits_per_byte"],
        "tokens_per_s": rate,
        "peak_memory": history.memory,
        "elapsed_s": history.tokens / rate if rate else None,
        "steps": history.step,
        "curve": [
            [one["step"], round(history.tokens_at(one["step"])), one["val_loss"], one["val_bits_per_byte"]]
            for one in history.measured
        ],
    }


def open_study(name_or_file: str, workspace: Workspace, say: Callable[[str], None], seeds: int | None = None) -> Sweep:
    """A study with its cells made equal and their data in place.

    Raises:
        PipelineError, TrainError: the study, the data or a cell does not fit.
    """
    name, study = load(name_or_file)
    study = study.model_copy(update={"seeds": seeds}) if seeds else study
    found = places(study, workspace, workspace.root / FOLDER / name, say)

    def time_a_token(cell: Cell, settings: Sequence[str]) -> float:
        say(f"{cell.name}: timing ten steps")
        timing = calibrate(str(path_of(study.config)), settings, found[cell.name])
        return timing.step / timing.tokens

    data = corpora(found)
    path = workspace.root / FOLDER / name / LEDGER
    there = Ledger.read(path).cells if path.is_file() else {}
    cells = [
        settled(study, cell, there[cell.name].overrides, there[cell.name].mismatch, data[cell.name])
        for cell in study.listed
        if cell.name in there
    ]
    if len(cells) < len(study.listed):
        cells = solve(study, data, time_a_token)
    return Sweep(study, name, workspace, cells, found)
