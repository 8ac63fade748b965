"""A few real steps of a run that is planned, timed on this machine."""

import math
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import torch

from train import device
from train.assemble import make_accelerator, set_up
from train.config import Config
from train.log import Display
from train.loop import draw_samples, evaluate, save
from train.session import Request, find_run, work_out_plan
from train.step import optimizer_step
from train.workspace import Workspace

WARM, TIMED = 2, 10
AROUND_S = 6.0  # to load libraries before, and to draw the curve and copy the model after; measured: 5 to 7 s


@dataclass(frozen=True)
class Timing:
    """What the parts of a run take, in seconds.

    Args:
        set_up: To build, to try the micro-batch and to compile, where that repays itself.
        step: The median of ten.
        look: To measure on the validation split; 0 where it has none.
        sample: To draw the log's samples.
        save: To write a checkpoint.
        tokens: Learned from in a step, on average.
    """

    config: Config
    max_steps: int
    set_up: float
    step: float
    look: float
    sample: float
    save: float
    tokens: int
    flops: float  # a second, spent on these tokens

    def for_tokens(self, tokens: float, flops_per_token: float) -> "Timing":
        """The same for a run of so many tokens, of a model that may be another: what grows with it is scaled."""
        share = flops_per_token * self.tokens / (self.flops * self.step)
        scaled = {key: getattr(self, key) * share for key in ("step", "look", "sample", "save")}
        return replace(self, max_steps=math.ceil(tokens / self.tokens), **scaled)

    @property
    def beside(self) -> float:
        """Of the run, what is not steps."""
        return self.total - self.max_steps * self.step

    @property
    def total(self) -> float:
        """Of the whole run, if it is not stopped early."""
        log, n = self.config.log, self.max_steps
        looks, samples = (math.ceil(n / every) if every else 0 for every in (log.eval_every, log.sample_every))
        due = {step for every in (log.eval_every if self.look else 0, log.save_every) if every
               for step in (*range(every, n, every), n)}  # fmt: skip
        return AROUND_S + self.set_up + n * self.step + looks * self.look + samples * self.sample + len(due) * self.save


def calibrate(config: str, overrides: Sequence[str], workspace: Workspace) -> Timing:
    """Time the parts of a run on the workspace's data, in a folder that is gone afterwards.

    Raises:
        TrainError: the run would not start either.
    """
    on = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if on.type == "cpu":
        torch.set_num_threads(device.threads())
    with tempfile.TemporaryDirectory(prefix="phon-plan-") as aside:
        (Path(aside) / "data").symlink_to((workspace.root / "data").resolve())
        start = time.perf_counter()
        request = Request(config, "never", aside, tuple(overrides))
        plan = work_out_plan(request, on, world=1, checks=False)
        accelerator = make_accelerator(plan, on)
        training = set_up(plan, find_run(request, plan), accelerator, Display(silent=True), lambda: False)
        training.model.train()

        def timed(do: object) -> float:
            """Seconds that something takes, on a GPU to its end."""
            assert callable(do)
            since = time.perf_counter()
            do()
            if on.type == "cuda":
                torch.cuda.synchronize()
            return time.perf_counter() - since

        set_up_s = time.perf_counter() - start
        steps = [timed(lambda step=step: optimizer_step(training, step)) for step in range(WARM + TIMED)]
        look = sample = 0.0
        with training.measured():
            if training.validation and plan.config.log.eval_every:
                rows = training.validation
                look = timed(lambda: evaluate(training, rows))
            if plan.config.log.sample_every:
                sample = timed(lambda: draw_samples(training, training.model))
        saving = timed(lambda: save(training))
        assert training.log
        training.log.close()
        accelerator.end_training()
    work, step_s = plan.work, median(steps[WARM:])
    tokens = round(work.rows_per_step * work.packing.n_predictions / work.packing.n_rows)  # padding teaches nothing
    reached = plan.shape.flops_per_token * tokens / step_s
    return Timing(plan.config, plan.work.max_steps, set_up_s, step_s, look, sample, saving, tokens, reached)
