"""From a config to a run's exact figures: the config for a corpus, the length of a row, the number of steps."""

import math
from dataclasses import dataclass

import numpy as np

from train.config import Config
from train.data import Schedule, pack_rows
from train.errors import TrainError
from train.gpt2 import Shape
from train.packing import Packing, best_fit
from train.shards import Shards

LADDER = ("tiny", "small", "gpt2-52m", "gpt2-83m", "gpt2-125m")  # sizes to choose from by themselves
WEIGHTS_PER_TOKEN = 5  # most weights, embeddings aside, for each training token
LONGEST_ROW = 1024
HELD_WHOLE = 0.995  # of the documents, by the row length that phon chooses
TRIED = 200_000  # documents that lengths are tried on


def choose_config(n_tokens: int, shapes: dict[str, Shape], *, on_gpu: bool) -> tuple[str, str]:
    """The config for a corpus, and why.

    Repeating a corpus is worth at most 16 times its tokens (Muennighoff et al. 2023: R* = 15.4), and a model wants
    about 20 tokens a weight (Hoffmann et al. 2022), so weights beyond the number of tokens see little more; small
    models train in minutes, so up to five for each token are allowed.
    """
    reachable = LADDER if on_gpu else LADDER[:2]
    chosen = reachable[0]
    for name in reachable:
        if inner_weights(shapes[name]) <= WEIGHTS_PER_TOKEN * n_tokens:
            chosen = name
    where = "" if on_gpu else "; on a CPU nothing larger is tried"
    return chosen, (
        f"config: {chosen}, the largest of {', '.join(reachable)} with at most {WEIGHTS_PER_TOKEN} weights "
        f"(embeddings aside) for each of the corpus's {n_tokens:,} tokens{where}"
    )


def inner_weights(shape: Shape) -> int:
    """Parameters without embeddings."""
    return shape.n_parameters - (shape.vocab_size + shape.seq_len) * shape.n_embd


def shape_of(config: Config, vocab_size: int, seq_len: int) -> Shape:
    """The network that a config describes, for a vocabulary."""
    m = config.model
    return Shape(
        vocab_size, seq_len, m.n_layer, m.n_head, m.n_embd, m.n_inner or 4 * m.n_embd, m.dropout, m.attn_dropout
    )


def choose_seq_len(lengths: np.ndarray, n_embd: int) -> int:
    """The length of rows, a multiple of 64 up to 1,024, that holds nearly all documents whole at the least cost.

    A token costs 72·d² operations a layer in matrices and 12·d·T in attention, and padding costs what tokens cost:
    rows for two documents may be cheaper than rows for one and a gap.

    Args:
        lengths: Tokens of each document.
        n_embd: The model's width, d.
    """
    lengths = lengths[:TRIED]
    longest = float(np.quantile(lengths - 1, HELD_WHOLE)) if len(lengths) else 64
    least = int(min(LONGEST_ROW, max(64, 64 * math.ceil(longest / 64))))
    starts = np.cumsum(lengths) - lengths

    def cost(seq_len: int) -> float:
        return (1 + seq_len / (6 * n_embd)) / (1 - best_fit(starts, lengths, seq_len).padding)

    return min(range(least, LONGEST_ROW + 1, 64), key=cost)


@dataclass(frozen=True)
class Work:
    """What a run does, worked out: every process comes to the same."""

    config: Config  # resolved: seq_len and max_steps are numbers
    packing: Packing
    schedule: Schedule
    micro_batch: int
    rows_per_step: int
    max_steps: int


def work_out(config: Config, train: Shards, *, world: int) -> Work:
    """Rows, batches and steps of a run.

    Raises:
        TrainError: the batch cannot be shared out among the processes.
    """
    seq_len = config.data.seq_len
    if seq_len == "auto":
        seq_len = choose_seq_len(train.lengths, config.model.n_embd)
    packing = pack_rows(train, config.data.packing, seq_len)
    micro_batch = config.train.micro_batch
    rows_per_step = micro_batch * max(1, round(config.train.global_batch / (seq_len * micro_batch)))
    if rows_per_step % world:
        raise TrainError(
            f"a step of {rows_per_step} rows cannot be shared out among {world} processes",
            hint=f"try train.global_batch={math.ceil(rows_per_step / world) * world * seq_len}",
        )
    while rows_per_step % (micro_batch * world):
        micro_batch -= 1
    schedule = Schedule(packing, rows_per_step=rows_per_step, seed=config.train.seed)
    max_steps = config.train.max_steps
    if max_steps is None:
        assert config.train.epochs is not None
        max_steps = max(1, math.ceil(config.train.epochs * packing.n_rows / rows_per_step))
    warmup = min(config.optim.warmup_steps, max_steps // 10)
    resolved = config.model_copy(
        update={
            "data": config.data.model_copy(update={"seq_len": seq_len}),
            "train": config.train.model_copy(update={"max_steps": max_steps, "epochs": None}),
            "optim": config.optim.model_copy(update={"warmup_steps": warmup}),
        }
    )
    return Work(resolved, packing, schedule, micro_batch, rows_per_step, max_steps)
