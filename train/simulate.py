"""The memory of a training step, found by running it where nothing is allocated: each operation on torch's meta device.

What a GPU does and the meta device does not is put in its place: autocast to bf16 with its cache of weights, flash
attention, dropout whose mask is of bytes. All else is the code that trains.
"""

import contextlib
import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, cast
from unittest import mock

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from train import decoder, step
from train.average import Average
from train.config import Config, OptimConfig, TrainConfig
from train.memory import Block, Step
from train.model import Model
from train.optim import build_optimizer

BLOCK = 512  # the CUDA allocator hands out multiples of it
PHASES = ("forward", "backward", "optimizer")
META = torch.device("meta")


class Ledger(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Keeps count of what operations allocate, until it is freed.

    Attributes:
        held: Bytes at the moment.
        peaks: The most bytes in each phase.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.held = 0
        self.peaks = dict.fromkeys(PHASES, 0)
        self.phase = PHASES[0]
        self._known: dict[int, tuple[Any, int]] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Do as asked, and count what came of it."""
        out = func(*args, **(kwargs or {}))
        for one in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(one, Tensor):
                self.count(one)
        return out

    def count(self, t: Tensor) -> None:
        """Take note of a tensor's storage, once."""
        storage = t.untyped_storage()
        key = storage._cdata
        if key in self._known:
            return
        size = -(-storage.nbytes() // BLOCK) * BLOCK

        def gone(_: Any) -> None:
            self.held -= self._known.pop(key)[1]

        self._known[key] = weakref.ref(storage, gone), size
        self.held += size
        self.peaks[self.phase] = max(self.peaks[self.phase], self.held)

    def enter(self, phase: str) -> None:
        """From now on it is this phase."""
        self.phase = phase
        self.peaks[phase] = max(self.peaks[phase], self.held)


@contextlib.contextmanager
def like_cuda(*, fused_dropout: bool = True) -> Iterator[None]:
    """In it, operations on the meta device allocate what a GPU's would.

    Whether autocast is on is what `torch.autocast("cpu")` says, which recomputed blocks take up again by themselves.

    Args:
        fused_dropout: By a kernel of its own, whose mask has a byte an entry; else the mask is of numbers.

    Source: torch's lists of autocast operations; `cached_cast` keeps the copy of a leaf that wants a gradient.
    """
    copies: dict[int, Tensor] = {}
    asked, dtype_of, cleared = torch.is_autocast_enabled, torch.get_autocast_dtype, torch.clear_autocast_cache
    flash = torch.ops.aten._scaled_dot_product_flash_attention
    efficient = torch.ops.aten._scaled_dot_product_efficient_attention
    attention, dropout = F.scaled_dot_product_attention, F.dropout

    def low(t: Any) -> Any:
        if not isinstance(t, Tensor) or t.dtype is not torch.float32 or not t.is_meta or not asked("cpu"):
            return t
        if not (t.is_leaf and t.requires_grad):
            return t.bfloat16()
        if id(t) not in copies:
            copies[id(t)] = t.bfloat16()
        return copies[id(t)]

    def high(t: Any) -> Any:
        is_low = isinstance(t, Tensor) and t.dtype is torch.bfloat16 and t.is_meta
        return t.float() if is_low and asked("cpu") else t

    def after(cast: Callable[[Any], Any], do: Callable[..., Any]) -> Callable[..., Any]:
        def cast_and_do(*args: Any, **kwargs: Any) -> Any:
            return do(*map(cast, args), **{key: cast(value) for key, value in kwargs.items()})

        return cast_and_do

    def attend(
        q: Tensor, k: Tensor, v: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
        is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False,
    ) -> Any:  # fmt: skip
        q, k, v, mask = low(q), low(k), low(v), low(attn_mask)
        if enable_gqa:
            k, v = (t.repeat_interleave(q.shape[1] // k.shape[1], 1) for t in (k, v))
        if not q.is_meta:
            return attention(q, k, v, mask, dropout_p, is_causal, scale=scale)
        if mask is None and q.dtype is torch.float32:
            return efficient(q, k, v, None, True, dropout_p, is_causal, scale=scale)[0]
        if mask is None:
            return flash(q, k, v, dropout_p, is_causal, scale=scale)[0]
        if mask.dtype is torch.bool:
            mask = torch.zeros_like(mask, dtype=q.dtype).masked_fill(~mask, float("-inf"))
        mask = mask.expand(q.shape[0], q.shape[1], q.shape[2], k.shape[2])
        return efficient(q, k, v, mask, True, dropout_p, is_causal, scale=scale)[0]

    def drop(x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        if x.is_meta and fused_dropout and training and 0 < p < 1:
            return torch.native_dropout(x, p, True)[0]
        return dropout(x, p, training, inplace)

    def forget() -> None:
        copies.clear()
        cleared()

    def of(kind: str) -> str:
        return "cpu" if kind == "meta" else kind

    with contextlib.ExitStack() as stack:
        for place, names, cast in (
            (F, ("linear",), low),
            (torch, ("matmul", "bmm", "addmm", "baddbmm"), low),
            (Tensor, ("__matmul__", "matmul"), low),
            (F, ("layer_norm", "softmax", "log_softmax", "cross_entropy"), high),
            (torch, ("softmax", "log_softmax"), high),
        ):
            for name in names:
                stack.enter_context(mock.patch.object(place, name, after(cast, getattr(place, name))))
        for where, name, instead in (
            (F, "scaled_dot_product_attention", attend),
            (F, "dropout", drop),
            (torch, "is_autocast_enabled", lambda kind="cpu": asked(of(kind))),
            (torch, "get_autocast_dtype", lambda kind: dtype_of(of(kind))),
            (torch, "clear_autocast_cache", forget),
            (sys.modules["torch.optim.adam"], "_device_dtype_check_for_fused", lambda *args, **kwargs: None),
        ):
            stack.enter_context(mock.patch.object(where, name, instead))
        yield


def simulate(model: Model, how: Step, optimizer: torch.optim.Optimizer | None = None) -> dict[str, int]:
    """The most bytes in each phase of a step: `train.step`'s own forward and backward passes, clipping and update.

    Args:
        model: On the meta device.
        optimizer: In place of the one that `how` names.
    """
    config = Config(
        train=TrainConfig(max_steps=1),
        optim=OptimConfig(name="muon" if how.optimizer == "muon" else "adamw", lr=1e-3, weight_decay=0.1),
    )
    rows = np.arange(how.rows * min(how.micro_steps, 2))  # further ones find what the second finds
    shape = (how.rows, model.shape.seq_len)
    ledger = Ledger()

    def read(_: Any) -> tuple[Tensor | None, ...]:
        tokens = torch.zeros(shape, dtype=torch.long, device=META)
        source = tokens if model.shape.has_encoder else None
        return tokens, torch.zeros_like(tokens), torch.zeros_like(tokens) if how.masks else None, source

    def forward(*batch: Tensor | None) -> Any:
        ledger.enter("forward")
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=how.low == 2):
            return model(*batch)

    def backward(loss: Tensor) -> None:
        ledger.enter("backward")
        loss.backward()  # type: ignore[no-untyped-call]

    with like_cuda(fused_dropout=how.dropout == 1), ledger:
        model.train().checkpointing = how.checkpointing
        for p in model.parameters():
            ledger.count(p)
        optimizer = optimizer or build_optimizer(model, config.optim)
        average = Average(model, 0.9) if how.has_average else None
        t: Any = SimpleNamespace(
            work=SimpleNamespace(config=config), rows=SimpleNamespace(read=read),
            state=SimpleNamespace(micro_batch=how.rows),
            accelerator=SimpleNamespace(device=META, process_index=0, backward=backward),
            model=model, forward=forward, optimizer=optimizer, world=1, is_sharded=False, zero=None,
        )  # fmt: skip
        for p in model.parameters():  # the optimizer's averages are there from the first step on
            p.grad = torch.zeros_like(p)
        update(ledger, model, optimizer)
        with mock.patch.object(step, "tensors", lambda batch, device: batch):
            step.accumulate(t, rows, 1, 0)
        update(ledger, model, optimizer)
        if average:
            average.update(1)
    return ledger.peaks


def update(ledger: Ledger, model: Model, optimizer: torch.optim.Optimizer) -> None:
    """What follows the gradients of a step."""
    ledger.enter("optimizer")
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()


@lru_cache(maxsize=256)
def measure_block(shape: decoder.Shape, low: int) -> Block:
    """A decoder's block, by the difference that one block and one row more make to what a step holds.

    Args:
        shape: Of any number of layers; its vocabulary is best small.
        low: As in `Step`.
    """
    held, most = {}, {}
    for n_layer in (2, 3):  # the first is another where values are mixed
        with torch.device("meta"):
            model = replace(shape, options=replace(shape.options, n_layer=n_layer)).build().train()
        for rows in (1, 2):
            ledger = Ledger()
            with like_cuda(), ledger:
                for p in model.parameters():
                    ledger.count(p)
                before = ledger.held
                with torch.autocast("cpu", dtype=torch.bfloat16, enabled=low == 2):
                    tokens = torch.zeros(rows, shape.seq_len, dtype=torch.long, device=META)
                    loss = model(tokens, torch.zeros_like(tokens))
                held[n_layer, rows] = ledger.held - before
                ledger.enter("backward")
                loss.backward()
                most[n_layer, rows] = ledger.peaks["backward"] - before
                model.zero_grad()
    weights = [p for p in cast(Any, model.blocks[-1]).parameters()]
    n_weights = sum(p.numel() for p in weights)
    a_block = {rows: held[3, rows] - held[2, rows] for rows in (1, 2)}
    a_row = a_block[2] - a_block[1]
    work = (most[3, 2] - held[3, 2]) - (most[3, 1] - held[3, 1])
    return Block(
        matrices=tuple(p.numel() for p in weights if p.dim() == 2),
        weights=n_weights,
        kept=a_row // shape.seq_len,
        work=max(0, work) // shape.seq_len,
        shared=a_block[1] - a_row - (2 * n_weights if low == 2 else 0),
    )
