"""`phon runs`: all runs of the workspace, or some side by side with the settings in which they differ."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from pipeline import show
from pipeline.errors import PipelineError
from pipeline.options import json_option, picture_option, workspace_option
from pipeline.trained import TRAIN
from train.history import History, find_runs, read_history
from train.workspace import Workspace

TEMPERATURE = 0.7  # of the samples whose valid share is told: what phon generate draws at by default
HASH_SHOWN = 12  # characters of a checksum
HEADS = (
    "state", "parameters", "tokens", "epochs", "loss", "perplexity", "bits/byte", "at step", "valid", "tokens/s",
    "memory",
)  # fmt: skip


def find(workspace: Workspace, name: str | None = None) -> Path:
    """The folder of a run.

    Args:
        name: A run's name, or the path of its folder; None for the newest.

    Raises:
        PipelineError: no such run, or none at all.
    """
    there = find_runs(workspace.runs)
    if not there and name is None:
        raise PipelineError(f"no run in {workspace.runs}", hint=f"{TRAIN}, or pass --workspace")
    if name is None:
        return there[-1]
    for folder in (workspace.runs / name, Path(name)):
        if folder.is_dir():
            return folder
    names = ", ".join(path.name for path in there) or "none"
    raise PipelineError(f"no run {name!r} in {workspace.runs}", hint=f"there are: {names}; a path will do as well")


def read_runs(workspace: Workspace, names: Sequence[str] = ()) -> dict[str, History]:
    """The runs of these names in this order, or all of them, the newest last.

    Raises:
        PipelineError: no such run, or none at all.
        TrainError: a file of a run is damaged.
    """
    if not names:
        find(workspace)
        return {path.name: read_history(path) for path in find_runs(workspace.runs)}
    return {name: read_history(find(workspace, name)) for name in names}


def tell_problems(runs: Iterable[History]) -> None:
    """Say what of the runs' logs is not as it was written; the rest is shown all the same."""
    for run in runs:
        if run.problem:
            click.echo(show.printable(run.problem), err=True)


def summary(run: History) -> dict[str, Any]:
    """What a run came to, for programs; null for what it has not told."""
    return {
        "state": run.state,
        "finished": run.manifest is not None,
        "step": run.step,
        "max_steps": run.max_steps,
        "parameters": run.n_parameters,
        "tokens": run.tokens,
        "epochs": run.last.get("epoch"),
        "val_loss": run.best.get("val_loss"),
        "val_perplexity": run.best.get("val_perplexity"),
        "val_bits_per_byte": run.best.get("val_bits_per_byte"),
        "best_step": run.best.get("step"),
        "valid": run.valid_share(TEMPERATURE),
        "tokens_per_s": run.tokens_per_s,
        "memory": run.memory,
    }


def told(run: History) -> dict[str, str]:
    """What a run came to, for people; empty for what it has not told."""
    facts = summary(run)

    def written(key: str, form: str) -> str:
        return "" if facts[key] is None else format(facts[key], form)

    perplexity = facts["val_perplexity"] or 0.0
    return {
        "state": run.state,
        "parameters": written("parameters", ",d"),
        "tokens": written("tokens", ",d"),
        "epochs": written("epochs", ",.2f"),
        "validation loss": written("val_loss", ".3f"),
        "perplexity": written("val_perplexity", ",.2f" if perplexity < 1e6 else ".3g"),
        "bits per byte": written("val_bits_per_byte", ".4f"),
        "best at step": written("best_step", ",d"),
        f"valid at {TEMPERATURE}": written("valid", ".0%"),
        "tokens/s, median": written("tokens_per_s", ",.0f"),
        "memory at most": "" if run.memory is None else f"{run.memory / 1e9:.2f} GB",
    }


def differences(runs: Mapping[str, History]) -> dict[str, dict[str, Any]]:
    """The settings and facts that are not the same in all runs: name -> run -> value, None where it is not set."""
    found = {}
    known = {name: {**run.settings, **run.facts} for name, run in runs.items()}
    for key in dict.fromkeys(key for values in known.values() for key in values):
        row = {name: values.get(key) for name, values in known.items()}
        if len(set(map(repr, row.values()))) > 1:
            found[key] = row
    return found


def list_lines(runs: Mapping[str, History]) -> list[str]:
    """A table with a line a run."""
    return align([["run", *HEADS], *([name, *told(run).values()] for name, run in runs.items())])


def compare_lines(runs: Mapping[str, History]) -> list[str]:
    """A table with a column a run: what they came to, then where their settings differ."""
    columns = [told(run) for run in runs.values()]
    rows = [["", *runs], *([label, *(column[label] for column in columns)] for label in columns[0])]
    differing = [[key, *(brief(key, value) for value in row.values())] for key, row in differences(runs).items()]
    if not differing:
        return align(rows)
    lines = align([*rows, *differing])
    return [*lines[: len(rows)], "", *lines[len(rows) :]]


def brief(key: str, value: Any) -> str:
    """A setting or fact in a table; settings have a dot in their name, and facts that are checksums are cut."""
    if value is None:
        return "not set"
    text = value if isinstance(value, str) else repr(value)
    return text if "." in key else text[:HASH_SHOWN]


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines, the first column to the left and the others to the right; an empty cell becomes a dash."""
    cells = [[show.printable(cell) or ("–" if column else "") for column, cell in enumerate(row)] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  " + "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in cells]


def plot(runs: Mapping[str, History], picture: Path) -> list[str]:
    """Draw bits per byte in validation against tokens into `picture`; the names of runs that have none yet.

    Raises:
        PipelineError: no run was measured.
    """
    curves = {
        name: [(run.tokens_at(record["step"]), record["val_bits_per_byte"]) for record in run.measured]
        for name, run in runs.items()
        if run.measured
    }
    if not curves:
        raise PipelineError(
            "nothing to plot: no validation is logged yet", hint="let a training reach its first log.eval_every steps"
        )
    from train.curve import compare

    compare(curves, picture)
    return [name for name in runs if name not in curves]


@click.command("runs")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@workspace_option
@picture_option("Draw bits per byte in validation against tokens, a line a run.")
@json_option
def command(names: tuple[str, ...], workspace: Workspace, picture: Path | None, as_json: bool) -> None:
    """List the runs, the newest last, or compare those named with the settings in which they differ.

    Loss, perplexity and bits per byte are those of the best validation so far; valid is the share of the last samples
    in the log at temperature 0.7. A picture is drawn with --plot only.

    Example: phon runs --plot runs.png
    """
    runs = read_runs(workspace, names)
    tell_problems(runs.values())
    if as_json:
        rows = differences(runs) if names else {}
        differing = [{"differs": {key: row[name] for key, row in rows.items()}} if names else {} for name in runs]
        show.as_json(
            [{"run": name, **summary(run), **more} for (name, run), more in zip(runs.items(), differing, strict=True)]
        )
    else:
        click.echo("\n".join(compare_lines(runs) if names else list_lines(runs)))
        if len(names) > 1 and not picture:
            click.echo("for their curves in one picture add --plot FILE.png", err=True)
    if picture:
        left_out = plot(runs, picture)
        without = f"; without {', '.join(map(show.printable, left_out))}: no validation yet" if left_out else ""
        click.echo(f"the curves of {len(runs) - len(left_out)} runs are in {picture}{without}", err=True)
