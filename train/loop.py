"""The training loop: fetch, forward, backward, clip, step, and now and then measure, sample, save."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from train import checkpoint
from train.average import Average
from train.checkpoint import State
from train.choose import Work
from train.data import Rows
from train.device import peak_memory
from train.errors import TrainError
from train.log import Clock, Display, Log
from train.measure import Measure, measure
from train.memory import knows, step_memory, step_of
from train.model import Model
from train.optim import learning_rate
from train.sharding import gather
from train.step import Step, optimizer_step
from train.zero import Zero

TEMPERATURES = (0.5, 0.7, 1.0, 1.3)  # temperatures of the samples in the log


@dataclass
class Training:
    """All that the loop needs, built by `train.assemble`; `state` is what it changes."""

    work: Work
    rows: Rows
    validation: Rows | None
    accelerator: Any  # accelerate.Accelerator
    model: Model
    forward: Callable[..., Tensor]  # the same, perhaps compiled
    is_sharded: bool  # each process holds a part of the weights or their gradients (FSDP2, ZeRO), not all
    zero: Zero | None  # DeepSpeed's side of it; then the optimizer too
    optimizer: Any
    average: Average | None
    state: State
    checkpoints: Path
    write_model: Callable[[Path, Mapping[str, Tensor]], None]
    sample: Callable[[Model, float], list[dict[str, Any]]]  # at a temperature
    log: Log | None  # None on other processes
    display: Display
    peak: float | None  # FLOP/s of one device
    held: int  # bytes that this process held before the model was built
    is_stopping: Callable[[], bool]

    @property
    def world(self) -> int:
        """Processes."""
        return int(self.accelerator.num_processes)

    @property
    def is_over(self) -> bool:
        """Whether all steps are taken, or validation has not improved for as long as the config's patience."""
        patience = self.work.config.train.patience
        return self.state.step >= self.work.max_steps or 0 < patience <= self.state.stale

    @contextlib.contextmanager
    def measured(self) -> Iterator[None]:
        """In it the model is what is measured, sampled and kept: without dropout, the average if there is one."""
        self.model.eval()
        with self.average.in_place() if self.average else contextlib.nullcontext():
            yield
        self.model.train()

    def total(self, x: Tensor) -> Tensor:
        """The sum of a tensor over processes."""
        summed: Tensor = self.accelerator.reduce(x, reduction="sum") if self.world > 1 else x
        return summed


def train(t: Training) -> None:
    """Train from where `t.state` stands to the end.

    Raises:
        TrainError: the loss stays no number, memory holds no row, or (exit code 5) we were asked to stop and saved.
    """
    config, clock = t.work.config, Clock()
    t.model.train()
    stopping = not look(t)  # what a stop put off, which another may put off again
    while not t.is_over and not stopping:
        done = optimizer_step(t, t.state.step)
        t.state.step += 1
        t.state.tokens += done.predictions
        clock.count(done.predictions)
        t.display.tick(t.state.step)
        if due(t, config.log.log_every):
            report(t, clock, done)
        stopping = done.is_stopping
        if due(t, config.log.eval_every) or due(t, config.log.sample_every):
            stopping = not look(t) or stopping
            clock.restart()
        if due(t, config.log.save_every) or t.state.best_step == t.state.step or stopping or t.is_over:
            save(t)
            clock.restart()
    if t.is_over and t.state.step < t.work.max_steps:
        t.display.say(
            f"stopped at step {t.state.step:,}: no better than step {t.state.best_step:,} in the last {t.state.stale} "
            "measurements (train.patience)"
        )
    is_unfinished = not t.is_over or t.state.looked < t.state.step
    if is_unfinished and anyone_stopping(t):
        raise TrainError(
            f"interrupted; step {t.state.step:,} of {t.work.max_steps:,} is saved",
            hint="run the same command again to go on",
            exit_code=5,
        )


def anyone_stopping(t: Training) -> bool:
    """Whether any process was asked to stop; all ask together."""
    return bool(t.total(torch.tensor(float(t.is_stopping()), device=t.accelerator.device)))


def due(t: Training, every: int) -> bool:
    """Whether something done `every` steps is due after this one; the last step is due always, unless `every` is 0."""
    return every > 0 and (t.state.step % every == 0 or t.state.step == t.work.max_steps)


def report(t: Training, clock: Clock, done: Step) -> None:
    """Log and show where training is."""
    tokens_per_s, eta_s = clock.read(t.work.max_steps - t.state.step)
    record: dict[str, Any] = {
        "step": t.state.step,
        "loss": done.loss,
        "lr": learning_rate(t.state.step - 1, t.work.config.optim, t.work.max_steps),
        "grad_norm": done.grad_norm,
        "tokens": t.state.tokens,
        "epoch": t.work.schedule.epoch(t.state.step),
        "tokens_per_s": tokens_per_s,
        "mfu": tokens_per_s * t.model.shape.flops_per_token / (t.peak * t.world) if t.peak else None,
        "memory": peak_memory(t.accelerator.device),
        "memory_predicted": predicted_memory(t),
    }
    if t.log:
        t.log.add(record)
    t.accelerator.log({k: v for k, v in record.items() if v is not None}, step=t.state.step)
    t.display.step({**record, "eta_s": eta_s})


def predicted_memory(t: Training) -> int | None:
    """What `memory` comes to by the closed form, for the micro-batch as it is now; None where there is no such form.

    On a CPU it has in it what the process held before, interpreter and libraries; of a GPU there is nothing such.
    """
    if not knows(t.model.shape) or t.is_sharded:
        return None
    how = step_of(
        t.work.config,
        t.model.shape,
        rows=t.state.micro_batch,
        micro_steps=t.work.rows_per_step // (t.world * t.state.micro_batch),
        low=4 if t.accelerator.mixed_precision == "no" else 2,
        on_cpu=t.accelerator.device.type == "cpu",
        masks=getattr(t.work.packing, "is_shared", False),
        checkpointing=bool(t.model.checkpointing),
    )
    return t.held + step_memory(t.model.shape, how).peak


def look(t: Training) -> bool:
    """Measure on the validation split and sample, if that is due and not done; false if a stop came in between."""
    if not t.state.step or t.state.looked >= t.state.step:
        return True
    result, samples = None, []
    with t.measured():
        if t.validation and due(t, t.work.config.log.eval_every):
            t.display.doing("measuring")
            result = evaluate(t, t.validation)
            t.display.measured({"step": t.state.step, **result.record()})
        if due(t, t.work.config.log.sample_every):
            model = bare(t)
            samples = draw_samples(t, model) if model else []
    if anyone_stopping(t):
        return False  # not complete: it comes again when the run goes on
    t.state.looked = t.state.step
    if result:
        t.state.judge(result.bits_per_byte)
    measured = [{"step": t.state.step, **result.record()}] if result else []
    for record in [*measured, *samples]:
        if t.log:
            t.log.add(record)
        t.accelerator.log({k: v for k, v in record.items() if isinstance(v, float)}, step=t.state.step)
    return True


def bare(t: Training) -> Model | None:
    """A model to sample from, on the main process: put together from all shards, where there are any."""
    main = bool(t.accelerator.is_main_process)
    if not t.is_sharded:
        return t.model if main else None
    weights = measured_weights(t, keep=main)
    if not main:
        return None
    model = t.model.shape.build().to(t.accelerator.device)
    model.load_weights(weights)
    return model.eval()


def draw_samples(t: Training, model: Model) -> list[dict[str, Any]]:
    """Samples at each temperature, as records of the log; the first of each is shown."""
    records: list[dict[str, Any]] = []
    for temperature in TEMPERATURES:
        if t.is_stopping():
            break
        t.display.doing(f"sampling at {temperature}")
        samples = t.sample(model, temperature)
        valid = sum(bool(sample["valid"]) for sample in samples)
        records.append(
            {"step": t.state.step, "temperature": temperature, "valid": valid / len(samples), "samples": samples}
        )
        t.display.sampled(records[-1])
    return records


def evaluate(t: Training, rows: Rows) -> Measure:
    """The loss on all of `rows`, by all processes; the model is not compiled for it."""

    def loss_of(*batch: Tensor | None) -> Tensor:
        with t.accelerator.autocast():
            summed: Tensor = t.model(*batch)
        return summed

    return measure(
        loss_of,
        rows,
        micro_batch=t.state.micro_batch,
        device=t.accelerator.device,
        rank=t.accelerator.process_index,
        world=t.world,
        total=t.total,
        stop=t.is_stopping,
        together=t.is_sharded,
    )


def save(t: Training) -> None:
    """Write a checkpoint on the main process; the others give it their shares and wait."""
    t.display.doing("saving")
    if t.accelerator.scaler is not None:
        t.state.scaler = t.accelerator.scaler.state_dict()
    if t.log:
        t.log.sync()
        t.state.logged = t.log.count
    main = t.accelerator.is_main_process
    if t.zero:
        tensors = t.zero.optimizer_tensors(keep=main)
    else:
        tensors = gather(checkpoint.optimizer_tensors(t.model, t.optimizer, t.average), keep=main)
    weights = measured_weights(t, keep=main)
    if main:
        checkpoint.save(t.checkpoints, t.state, lambda folder: t.write_model(folder, weights), tensors)
        t.display.saved(t.state.step)
    t.accelerator.wait_for_everyone()


def measured_weights(t: Training, *, keep: bool) -> dict[str, Tensor]:
    """The weights that are measured, under transformers' names; those that `keep` get them."""
    if t.zero:
        return t.model.weights(t.zero.weights(keep=keep))
    with t.average.in_place() if t.average else contextlib.nullcontext():
        return gather(t.model.weights(), keep=keep)
