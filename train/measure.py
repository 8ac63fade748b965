"""Loss on the whole validation split, in nats, as perplexity and in bits a byte of the original text."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from train.data import Rows
from train.packing import Batch


@dataclass(frozen=True)
class Measure:
    """How well a model predicts a text.

    Args:
        nats: Negative log-likelihood of all of it.
        tokens: Targets in it.
        n_bytes: UTF-8 bytes of the original documents.
    """

    nats: float
    tokens: int
    n_bytes: int

    @property
    def loss(self) -> float:
        """Nats a token."""
        return self.nats / max(1, self.tokens)

    @property
    def perplexity(self) -> float:
        """exp(loss)."""
        return math.exp(min(self.loss, 700.0))

    @property
    def bits_per_byte(self) -> float:
        """The one figure that compares across notations, tokenizers and vocabularies."""
        return self.nats / math.log(2) / max(1, self.n_bytes)

    def record(self) -> dict[str, float]:
        """For the log."""
        return {"val_loss": self.loss, "val_perplexity": self.perplexity, "val_bits_per_byte": self.bits_per_byte}


def batches(n_rows: int, micro_batch: int, rank: int, world: int) -> Iterator[range]:
    """The rows of this process, `micro_batch` at a time, in order."""
    starts = range(0, n_rows, micro_batch)
    for start in starts[rank::world]:
        yield range(start, min(start + micro_batch, n_rows))


def tensors(batch: Batch, device: torch.device) -> list[Tensor | None]:
    """A batch on a device."""
    return [None if array is None else torch.from_numpy(array).to(device) for array in batch]


def measure(
    loss_of: Callable[..., Tensor],
    rows: Rows,
    *,
    micro_batch: int,
    device: torch.device,
    rank: int = 0,
    world: int = 1,
    total: Callable[[Tensor], Tensor] = lambda x: x,
    stop: Callable[[], bool] = lambda: False,
    together: bool = False,
) -> Measure:
    """The loss of a model on all `rows`, shared out among processes.

    Args:
        loss_of: From what `Rows.read` gives to the sum of the loss; the model in evaluation mode.
        total: Adds a tensor up over processes.
        stop: Asked between batches; true ends early (the run is about to be saved and left).
        together: Each call of the model takes all processes: as many calls on each, and none ends early.
    """
    nats = torch.zeros((), dtype=torch.float64)
    mine = list(batches(rows.packing.n_rows, micro_batch, rank, world))
    spare = math.ceil(rows.packing.n_rows / (micro_batch * world)) - len(mine) if together else 0
    with torch.no_grad():
        for number, ids in enumerate([*mine, *[range(1)] * spare]):
            if stop() and not together:
                break
            loss = loss_of(*tensors(rows.read(ids), device)).double().cpu()
            nats += loss if number < len(mine) else 0
    summed = float(total(nats.to(device) if device.type != "mps" else nats.float().to(device)))
    return Measure(summed, rows.packing.n_predictions, rows.n_bytes)
