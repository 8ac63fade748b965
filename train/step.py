"""One optimizer step: gradients of all micro-steps on all processes, clipped, applied; halved if memory is short."""

import gc
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.choose import divisor
from train.config import known
from train.errors import TrainError
from train.measure import tensors
from train.optim import learning_rate
from train.sharding import add_gradients, whole

if TYPE_CHECKING:
    from train.loop import Training

PATIENCE = 3  # steps in a row whose gradient is not finite, before the run ends


@dataclass(frozen=True)
class Step:
    """What one step came to.

    Args:
        loss: Nats a target, over all processes.
        grad_norm: Before clipping.
        predictions: Targets, over all processes.
        is_stopping: Whether any process was asked to stop.
    """

    loss: float
    grad_norm: float
    predictions: int
    is_stopping: bool


def optimizer_step(t: "Training", step: int) -> Step:
    """One update of the weights, on all processes together.

    A step whose loss or gradient is not finite on any process is left out on all, and said; the weights stay finite.

    Raises:
        TrainError: too many such steps in a row, or memory that does not hold a single row.
    """
    config = t.work.config
    rows, predictions = t.work.schedule.rows(step), t.work.schedule.predictions(step)
    while True:
        nats, has_room = accumulate(t, rows, predictions, step)
        loss, requests, full, *per_process = agree(t, nats, has_room)
        if not full:
            break
        halve(t)
    mean = loss / predictions
    for group in t.optimizer.param_groups:
        group["lr"] = learning_rate(step, config.optim, t.work.max_steps) * group.get("scale", 1.0)
    if t.zero:
        norm = t.zero.step()
    else:
        if t.world > 1 and not t.is_sharded:
            add_gradients(t.model.parameters())
        norm = float(whole(t.accelerator.clip_grad_norm_(t.model.parameters(), config.optim.grad_clip or math.inf)))
    is_finite = math.isfinite(mean) and (math.isfinite(norm) or t.accelerator.mixed_precision == "fp16")
    if is_finite:
        if not t.zero:
            t.optimizer.step()
        t.state.skipped = 0
    else:
        leave_out(t, step, mean, norm, per_process)
    t.optimizer.zero_grad()
    if t.average and is_finite:
        t.average.update(step + 1)
    return Step(mean, norm, predictions, requests > 0)


def accumulate(t: "Training", rows: NDArray[np.int64], predictions: int, step: int) -> tuple[Tensor, bool]:
    """Gradients of this process's micro-steps, of the mean loss over all `predictions`, left in the parameters.

    Returns:
        The sum of its losses in nats, and whether memory sufficed; if not, its gradients are gone.
    """
    micro_steps = rows.reshape(-1, t.state.micro_batch)
    nats = torch.zeros((), device=t.accelerator.device)
    held: list[Tensor] = []
    try:
        for lane in lanes(t, len(micro_steps)):
            if lane.start and t.world == 1:
                held = [p.grad for p in t.model.parameters() if p.grad is not None]
                t.optimizer.zero_grad()
            of_lane = torch.zeros_like(nats)
            for i in lane:
                of_lane += micro_step(t, micro_steps[i], predictions, draw(t.work.config.train.seed, step, i))
            nats += of_lane
        if held:
            torch._foreach_add_([p.grad for p in t.model.parameters() if p.grad is not None], held)
    except RuntimeError as error:
        refuse(t, error)
    else:
        return nats, True
    del held
    free(t)
    return nats, False


def lanes(t: "Training", n: int) -> Sequence[range]:
    """The micro-steps of this process in the order they are added up: every `world`-th, from its own.

    On a CPU one process adds up the even ones, then the odd ones, then both sums, which is what two processes do: the
    weights are the same to the last bit. A GPU's kernels would not keep the promise, and its memory is dearer.
    """
    if t.world == 1 and t.accelerator.device.type == "cpu" and n % 2 == 0:
        return [range(0, n, 2), range(1, n, 2)]
    return [range(t.accelerator.process_index, n, t.world)]


def micro_step(t: "Training", rows: NDArray[np.int64], predictions: int, seed: int) -> Tensor:
    """Forward and backward on some rows: adds to the gradients, returns the loss in nats."""
    batch = tensors(t.rows.read(rows), t.accelerator.device)
    torch.manual_seed(seed)
    loss = t.forward(*batch)
    # Shards are averaged over processes as they are summed, so each counts `world` times.
    backward = t.zero.backward if t.zero else t.accelerator.backward
    backward(loss * ((t.world if t.is_sharded else 1) / predictions))
    return loss.detach()


def draw(seed: int, step: int, micro_step: int) -> int:
    """The seed of one micro-step's dropout: no generator's state has to be kept, whichever process runs it."""
    text = f"phon dropout {seed} {step} {micro_step}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=7).digest(), "little")


def agree(t: "Training", nats: Tensor, has_room: bool) -> list[float]:
    """Over all processes: the loss, requests to stop, processes out of memory; then whose loss was not finite."""
    facts = torch.zeros(3 + t.world, device=t.accelerator.device)
    facts[0] = nats
    facts[1] = float(t.is_stopping())
    facts[2] = float(not has_room)
    facts[3 + t.accelerator.process_index] = (~torch.isfinite(nats)).float()
    found: list[float] = t.total(facts).tolist()
    return found


def leave_out(t: "Training", step: int, loss: float, norm: float, per_process: Sequence[float]) -> None:
    """Take note of a step whose gradient is not finite; each in a row may be one too many."""
    t.state.skipped += 1
    where = [f"rank {rank}" for rank, bad in enumerate(per_process) if bad]
    what = f"the loss at step {step + 1:,} is {loss:g}, the gradient's norm {norm:g}"
    what += f" (from {', '.join(where)})" if where and t.world > 1 else ""
    if t.state.skipped >= PATIENCE:
        raise TrainError(
            f"{what}, and the {PATIENCE - 1} steps before were no better: stopped before it reached the weights",
            hint=f"lower optim.lr (now {known(t.work.config.optim.lr):g}); the last checkpoint is whole and stays",
        )
    t.display.say(f"{what}: left out, the weights stay as they were")


def refuse(t: "Training", error: Exception) -> None:
    """Raise what is not a lack of memory (of a device, or by a CPU's allocator), or cannot be helped by halving."""
    if not isinstance(error, torch.OutOfMemoryError) and "DefaultCPUAllocator" not in str(error):
        raise error
    if t.is_sharded:  # the others wait for this one's part of the weights
        raise TrainError(
            f"out of memory with {t.state.micro_batch} rows a micro-step",
            hint=f"pass train.micro_batch={max(1, t.state.micro_batch // 2)}, or train.checkpointing=always",
        ) from None


def free(t: "Training") -> None:
    """Give back what a failed pass held: its gradients too, so that none is counted twice."""
    t.optimizer.zero_grad()
    gc.collect()
    if t.accelerator.device.type == "cuda":
        torch.cuda.empty_cache()


def halve(t: "Training") -> None:
    """Go on with half the rows a micro-step or fewer; with one row already, compute activations twice instead.

    Raises:
        TrainError: neither is left.
    """
    free(t)
    rows = t.state.micro_batch
    if rows > 1:
        t.state.micro_batch = divisor(rows, rows // 2)
        t.display.say(f"out of memory: {t.state.micro_batch} rows a micro-step from now on, in place of {rows}")
    elif not t.model.checkpointing and t.work.config.train.checkpointing != "never":
        t.model.checkpointing = t.state.checkpointing = True
        t.display.say("out of memory with one row: gradient checkpointing is on, a step takes about a third longer")
    else:
        raise TrainError(
            f"not enough memory for one row of {t.rows.packing.seq_len} tokens",
            hint="lower data.seq_len or model.n_embd, or launch with configs/accelerate/fsdp2.yaml on several GPUs",
        )


def fit(t: "Training") -> None:
    """Try the micro-batch on the fullest rows before the first step, on all processes together, and halve it at need.

    The optimizer's state is not there yet, so room as large is held while trying.
    """
    fullest = np.argsort(-t.work.packing.sizes, kind="stable")
    while True:
        has_room, reserve = True, list[Tensor]()
        try:
            reserve += [torch.empty_like(p) for p in t.model.parameters() for _ in range(2)]
            micro_step(t, np.resize(fullest[: t.state.micro_batch], t.state.micro_batch), 1, seed=0)
        except RuntimeError as error:
            refuse(t, error)
            has_room = False
        del reserve
        free(t)
        if not agree(t, torch.zeros((), device=t.accelerator.device), has_room)[2]:
            return
        halve(t)
