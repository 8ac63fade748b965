"""`phon sweep`: a study, run to its end: every cell from every seed at one budget, in a ledger, with a report."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import click

from pipeline import show
from pipeline.errors import PipelineError
from pipeline.jobs import Job, Pool, devices
from pipeline.models import brief
from pipeline.options import json_option, workspace_option
from pipeline.runs import align
from pipeline.studies import FOLDER, LEDGER, Sweep, cell_record, open_study, run_record
from pipeline.study_report import draw
from pipeline.tuning import chosen, next_trial
from train import study as studies
from train.ledger import Record, append
from train.match import Solved
from train.workspace import Workspace

LOOK_S = 5.0  # between looks at the logs of what trains
HEADS = ("cell", "parameters", "FLOPs a token", "tokens", "epochs", "memory", "off by at most", "changed for it")


@dataclass
class Watch:
    """Tells how far a study is, and when it will be done."""

    sweep: Sweep
    update: Callable[[str], None]
    began: float = field(default_factory=time.monotonic)
    looked: float = 0.0
    at_first: float | None = None  # FLOPs that were spent before

    def tick(self, running: list[Job]) -> None:
        """Look at what trains, now and then."""
        if time.monotonic() - self.looked < LOOK_S:
            return
        self.looked = time.monotonic()
        jobs, done = self.sweep.jobs(), self.sweep.done()
        spent = sum(job.flops for job in jobs if (job.cell, job.seed) in done)
        for job in running:
            history = job.history()
            if history and history.max_steps and (job.cell, job.seed) not in done:
                spent += job.flops * history.step / history.max_steps
        whole = sum(job.flops for job in jobs)
        self.at_first = spent if self.at_first is None else self.at_first
        told = f"{len(done)} of {len(jobs)} runs, {spent / whole:.0%} of the work"
        if spent > self.at_first:
            left_s = (whole - spent) / (spent - self.at_first) * (self.looked - self.began)
            told += f", done at about {time.strftime('%H:%M', time.localtime(time.time() + left_s))}"
        self.update(f"{told} · {', '.join(job.name for job in running)}")

    def tell(self, job: Job, record: Record) -> None:
        """Say what a training came to."""
        came_to = f"failed: {record['error']}"
        if not record["error"]:
            came_to = f"{record['bits_per_byte']:.4f} bits per byte, {record['tokens_per_s']:,.0f} tokens/s"
        n = len(self.sweep.jobs())
        say(f"{len(self.sweep.done())} of {n} · {job.name} · {came_to}")


def run(sweep: Sweep, at_once: int | None) -> int:
    """Run what is missing; how many trainings failed.

    Raises:
        PipelineError: the ledger there is of another study.
        TrainError: it is damaged.
    """
    sweep.begin()
    failed = 0
    with show.progress() as update:
        watch = Watch(sweep, update)
        pool = Pool(sweep.folder, devices(at_once), lambda job: (job.cell, job.seed) in sweep.done(), watch.tick)
        tune(sweep, pool)
        for job, error in pool.run(sweep.jobs()):
            record = run_record(job, job.history(), error)
            append(sweep.path, record)
            failed += bool(error)
            watch.tell(job, record)
    return failed


def tune(sweep: Sweep, pool: Pool) -> None:
    """Choose each cell's own settings where the study asks for it, by shorter trainings; then write the cells down.

    Raises:
        PipelineError: every trial of a cell failed, or Optuna is not installed.
    """
    is_tuned = sweep.study.lr in ("search", "optuna")
    while is_tuned:
        ledger = sweep.ledger()
        asked = {
            one.cell.name: (one, settings)
            for one in sweep.solved
            if one.cell.name not in ledger.cells
            and (settings := next_trial(sweep.study, one, ledger.trials.get(one.cell.name, ())))
        }
        if not asked:
            break
        for job, error in pool.run([sweep.trial(*one) for one in asked.values()]):
            history = job.history()
            bits = history.best["val_bits_per_byte"] if history and not error else None
            record = {"kind": "trial", "cell": job.cell, "settings": asked[job.cell][1], "bits_per_byte": bits}
            append(sweep.path, record | {"error": error or None})
            say(f"{job.name} · {f'failed: {error}' if error else f'{bits:.4f} bits per byte'}")
    ledger = sweep.ledger()
    for at, one in enumerate(sweep.solved):
        if is_tuned:
            sweep.solved[at] = chosen(one, ledger.trials.get(one.cell.name, ()))
        if one.cell.name not in ledger.cells:
            append(sweep.path, cell_record(sweep.solved[at]))


def lines(sweep: Sweep) -> list[str]:
    """The cells as a table: what each has, and what was changed for it."""
    rows = [[one.cell.name, *figures(one)] for one in sweep.solved]
    return align([HEADS, *rows])


def figures(one: Solved) -> list[str]:
    """A cell's row."""
    spent, off = one.figures, max(map(abs, one.mismatch.values()), default=0.0)
    changed = [setting.removeprefix("model.") for setting in one.changed if not setting.endswith("=none")]
    return [
        f"{spent.params:,}", brief(spent.flops_per_token), brief(spent.tokens), f"{spent.passes:.1f}",
        f"{brief(spent.memory)}B", f"{off:.1%}", " ".join(changed),
    ]  # fmt: skip


def say(line: str) -> None:
    """A line of progress."""
    click.echo(show.printable(line), err=True)


@click.command("sweep")
@click.argument("study", required=False)
@click.option("--seeds", type=click.IntRange(1), metavar="N", help="In place of the study's own number.")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Trainings at a time; by default one a GPU or core.")
@click.option("--dry-run", is_flag=True, help="Show the cells, made equal, and train nothing.")
@click.option("--report", is_flag=True, help="Draw the report from the ledger alone, and train nothing.")
@workspace_option
@json_option
def command(
    study: str | None,
    seeds: int | None,
    jobs: int | None,
    dry_run: bool,
    report: bool,
    workspace: Workspace,
    as_json: bool,
) -> None:
    """Run a study: several models at one budget, each from several seeds.

    STUDY is one that comes with the program, or a .toml file; without it they are listed. Stopped, it goes on where it
    was. All it makes is in studies/NAME of the workspace.

    Example: phon sweep heads --dry-run
    """
    if study is None:
        click.echo("\n".join(f"{name.ljust(24)}{studies.load(name)[1].question}" for name in studies.names()))
        return
    if report:
        name = studies.load(study)[0]
        path = workspace.root / FOLDER / name / LEDGER
        if not path.is_file():
            raise PipelineError(f"there is no {path}", hint=f"phon sweep {study}")
        click.echo(f"{draw(path, path.parent)}")
        return
    sweep = open_study(study, workspace, say, seeds)
    if dry_run and as_json:
        show.as_json([cell_record(one) for one in sweep.solved])
        return
    click.echo("\n".join([sweep.study.question, *lines(sweep)]), err=not dry_run)
    if dry_run:
        return
    failed = run(sweep, jobs)
    click.echo(f"{draw(sweep.path, sweep.folder)}")
    if failed:
        raise PipelineError(
            f"{failed} of {len(sweep.jobs())} trainings failed: {sweep.folder / 'said'} has their words",
            hint="run the same command again to try them once more",
        )
