"""The training loop: fetch, forward, backward, clip, step, and now and then measure, sample, save."""

import contextlib
import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from train import checkpoint
from train.average import Average
from train.checkpoint import State
from train.choose import Work
from train.config import known
from train.data import Rows
from train.errors import TrainError
from train.gpt2 import GPT2
from train.log import Clock, Display, Log
from train.measure import Measure, measure
from train.optim import learning_rate

FORTUNES = (0.5, 0.7, 1.0, 1.3)  # temperatures of the samples in the log


@dataclass
class Training:
    """All that the loop needs, built by `train.run`; `state` is what it changes."""

    work: Work
    rows: Rows
    validation: Rows | None
    accelerator: Any  # accelerate.Accelerator
    model: GPT2  # bare
    forward: Callable[..., Tensor]  # the same as it is trained: wrapped, perhaps compiled
    wrapped: nn.Module
    optimizer: Any
    average: Average | None
    state: State
    checkpoints: Path
    write_model: Callable[[Path], None]  # of the weights that are measured
    sample: Callable[[float], list[dict[str, Any]]]  # at a temperature, on the main process
    log: Log | None  # None on other processes
    display: Display
    peak: float | None  # FLOP/s of one device
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
        self.wrapped.eval()
        with self.average.in_place() if self.average else contextlib.nullcontext():
            yield
        self.wrapped.train()

    def total(self, x: Tensor) -> Tensor:
        """The sum of a tensor over processes."""
        summed: Tensor = self.accelerator.reduce(x, reduction="sum") if self.world > 1 else x
        return summed


def train(t: Training) -> None:
    """Train from where `t.state` stands to the end.

    Raises:
        TrainError: the loss is not a number, or (exit code 5) we were asked to stop and have saved.
    """
    config, clock = t.work.config, Clock()
    t.wrapped.train()
    look(t)  # what a stop put off
    while not t.is_over:
        loss, grad_norm, predictions, stopping = optimizer_step(t, t.state.step)
        t.state.step += 1
        t.state.tokens += predictions
        clock.count(predictions)
        if due(t, config.log.log_every):
            report(t, clock, loss, grad_norm)
        if due(t, config.log.eval_every) or due(t, config.log.sample_every):
            look(t)
            clock.restart()
        if due(t, config.log.save_every) or t.state.best_step == t.state.step or stopping:
            save(t)
            clock.restart()
        if stopping:
            break
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


def optimizer_step(t: Training, step: int) -> tuple[float, float, int, bool]:
    """One update: loss (nats a token), norm of the gradient, targets, and whether any process was asked to stop."""
    config, accelerator = t.work.config, t.accelerator
    rows = t.work.schedule.rows(step)
    predictions = int(t.work.schedule.filled[rows].sum())
    micro_steps = rows.reshape(-1, t.work.micro_batch)
    mine = range(accelerator.process_index, len(micro_steps), t.world)
    nats = torch.zeros(2, device=accelerator.device)  # loss; requests to stop
    for i in mine:
        batch = [torch.from_numpy(a).to(accelerator.device) for a in t.rows.read(micro_steps[i])]
        if config.model.dropout or config.model.attn_dropout:
            torch.manual_seed(draw(config.train.seed, step, i))
        with contextlib.nullcontext() if i == mine[-1] else accelerator.no_sync(t.wrapped):
            loss = t.forward(*batch)
            # Processes average their gradients, so that each counts `world` times its share of the targets.
            accelerator.backward(loss * (t.world / predictions))
        nats[0] += loss.detach()
    norm = accelerator.clip_grad_norm_(t.wrapped.parameters(), config.optim.grad_clip or math.inf)
    nats[1] = float(t.is_stopping())
    total, requests = t.total(nats).tolist()
    mean, grad_norm = total / predictions, float(norm)
    if not math.isfinite(mean) or not (math.isfinite(grad_norm) or accelerator.mixed_precision == "fp16"):
        raise TrainError(
            f"the loss at step {step + 1:,} is {mean}, the gradient's norm {grad_norm}: stopped before it reached "
            "the weights",
            hint=f"lower optim.lr (now {known(config.optim.lr):g}); the last checkpoint is whole and stays",
        )
    for group in t.optimizer.param_groups:
        group["lr"] = learning_rate(step, config.optim, t.work.max_steps)
    t.optimizer.step()
    t.optimizer.zero_grad()
    if t.average:
        t.average.update(step + 1)
    return mean, grad_norm, predictions, requests > 0


def draw(seed: int, step: int, micro_step: int) -> int:
    """The seed of one micro-step's dropout: no generator's state has to be kept, whichever process runs it."""
    text = f"phon dropout {seed} {step} {micro_step}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=7).digest(), "little")


def report(t: Training, clock: Clock, loss: float, grad_norm: float) -> None:
    """Log and show where training is."""
    tokens_per_s, eta_s = clock.read(t.work.max_steps - t.state.step)
    record: dict[str, Any] = {
        "step": t.state.step,
        "loss": loss,
        "lr": learning_rate(t.state.step - 1, t.work.config.optim, t.work.max_steps),
        "grad_norm": grad_norm,
        "tokens": t.state.tokens,
        "epoch": t.work.schedule.epoch(t.state.step),
        "tokens_per_s": tokens_per_s,
        "mfu": tokens_per_s * t.model.shape.flops_per_token / (t.peak * t.world) if t.peak else None,
    }
    if t.log:
        t.log.add(record)
    t.accelerator.log({k: v for k, v in record.items() if v is not None}, step=t.state.step)
    t.display.step({**record, "eta_s": eta_s})


def look(t: Training) -> None:
    """Measure on the validation split and sample, if that is due and not done; leaves at once when asked to stop."""
    if not t.state.step or t.state.looked >= t.state.step:
        return
    result, samples = None, []
    with t.measured():
        if t.validation and due(t, t.work.config.log.eval_every):
            result = evaluate(t, t.validation)
            t.display.say(
                f"step {t.state.step:,} · validation loss {result.loss:.3f} · perplexity {result.perplexity:.2f} · "
                f"{result.bits_per_byte:.4f} bits per byte"
            )
        if t.log and due(t, t.work.config.log.sample_every):
            samples = draw_samples(t)
    if anyone_stopping(t):
        return  # not complete: it comes again when the run goes on
    t.state.looked = t.state.step
    if result:
        t.state.judge(result.bits_per_byte)
    measured = [{"step": t.state.step, **result.record()}] if result else []
    for record in [*measured, *samples]:
        if t.log:
            t.log.add(record)
        t.accelerator.log({k: v for k, v in record.items() if isinstance(v, float)}, step=t.state.step)


def draw_samples(t: Training) -> list[dict[str, Any]]:
    """Samples at each temperature, as records of the log; the first of each is shown."""
    records: list[dict[str, Any]] = []
    for temperature in FORTUNES:
        if t.is_stopping():
            break
        samples = t.sample(temperature)
        valid = sum(bool(sample["valid"]) for sample in samples)
        records.append(
            {"step": t.state.step, "temperature": temperature, "valid": valid / len(samples), "samples": samples}
        )
        shown = samples[0]["text"][:100]
        t.display.say(f"  temperature {temperature}: {valid} of {len(samples)} valid · {shown}")
    return records


def evaluate(t: Training, rows: Rows) -> Measure:
    """The loss on all of `rows`, by all processes; the model is not compiled for it."""

    def loss_of(*batch: Tensor) -> Tensor:
        with t.accelerator.autocast():
            summed: Tensor = t.model(*batch)
        return summed

    return measure(
        loss_of,
        rows,
        micro_batch=t.work.micro_batch,
        device=t.accelerator.device,
        rank=t.accelerator.process_index,
        world=t.world,
        total=t.total,
        stop=t.is_stopping,
    )


def save(t: Training) -> None:
    """Write a checkpoint on the main process; the others wait."""
    if t.accelerator.scaler is not None:
        t.state.scaler = t.accelerator.scaler.state_dict()
    if t.accelerator.is_main_process:
        checkpoint.save(t.checkpoints, t.state, t.write_model, t.model, t.optimizer, t.average)
    t.accelerator.wait_for_everyone()
