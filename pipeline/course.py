"""A study's course: what is missing is run, and told as it ends, with when all will be done."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pipeline import show
from pipeline.devices import Device
from pipeline.jobs import Job, Pool
from pipeline.models import brief
from pipeline.runs import align
from pipeline.studies import Sweep, cell_record, run_record
from pipeline.tuning import chosen, next_trial
from train.ledger import Record, append
from train.match import Solved

LOOK_S = 5.0  # between looks at the logs of what trains
HEADS = ("cell", "parameters", "FLOPs a token", "tokens", "epochs", "memory", "off by at most", "changed for it")


@dataclass
class Watch:
    """Tells how far a study is, and when it will be done."""

    sweep: Sweep
    update: Callable[[str], None]  # a line that the next one takes the place of
    say: Callable[[str], None]
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
        self.say(f"{len(self.sweep.done())} of {n} · {job.name} · {came_to}")


def run(sweep: Sweep, devices: Sequence[Device], say: Callable[[str], None]) -> int:
    """Run what is missing; how many trainings failed.

    Raises:
        PipelineError: the ledger there is of another study.
        TrainError: it is damaged.
    """
    sweep.begin()
    failed = 0
    with show.progress() as update:
        watch = Watch(sweep, update, say)
        pool = Pool(sweep.folder, devices, sweep.done, watch.tick)
        tune(sweep, pool, say)
        for job, error in pool.run(sweep.jobs()):
            record = run_record(job, job.history(), error)
            append(sweep.path, record)
            failed += bool(error)
            watch.tell(job, record)
    return failed


def tune(sweep: Sweep, pool: Pool, say: Callable[[str], None]) -> None:
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
        if is_tuned and one.cell.name not in ledger.cells:
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
