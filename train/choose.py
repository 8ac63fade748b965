"""From a config to a run's exact figures: the config for a corpus, the length of a row, the number of steps."""

import math
from dataclasses import dataclass

import numpy as np

from train import laws
from train.config import Config
from train.contract import Contract
from train.data import Schedule, lay_out
from train.errors import TrainError
from train.families import shape_of
from train.model import Shape
from train.packing import Layout, Packing, best_fit
from train.pairs import choose_length
from train.shards import Shards
from train.spans import BESIDE

LADDER = ("tiny", "small", "gpt2-52m", "gpt2-83m", "gpt2-125m")  # sizes to choose from by themselves
WEIGHTS_PER_TOKEN = 6  # most weights, embeddings aside, for each training token
LONGEST_ROW = 1024
HELD_WHOLE = 0.995  # of the documents, by the row length that phon chooses
MICRO_TOKENS = {False: 4096, True: 32768}  # by whether on a GPU: more tokens a micro-step gain no speed
LEAST_SORTED = 8  # micro-steps of rows in order of length; measured on words: 27 % padding, 54 % with one
TRIED = 200_000  # documents that lengths are tried on


def choose_config(n_tokens: int, shapes: dict[str, Shape], *, on_gpu: bool) -> tuple[str, str]:
    """The config for a corpus, and why.

    Repeating a corpus is worth at most 16 times its tokens (Muennighoff et al. 2023: R* = 15.4), and a model wants
    about 20 tokens a weight (Hoffmann et al. 2022), so weights beyond the number of tokens see little more; small
    models train in minutes, so up to six for each token are allowed.
    """
    reachable = LADDER if on_gpu else LADDER[:2]
    chosen = reachable[0]
    for name in reachable:
        if shapes[name].n_parameters - shapes[name].n_embeddings <= WEIGHTS_PER_TOKEN * n_tokens:
            chosen = name
    where = "" if on_gpu else "; on a CPU nothing larger is tried"
    return chosen, (
        f"config: {chosen}, the largest of {', '.join(reachable)} with at most {WEIGHTS_PER_TOKEN} weights "
        f"(embeddings aside) for each of the corpus's {n_tokens:,} tokens{where}"
    )


def choose_seq_len(lengths: np.ndarray, n_embd: int, *, shared: bool = True) -> int:
    """The length of rows, a multiple of 64 up to 1,024, that holds nearly all documents whole at the least cost.

    A token costs 72·d² operations a layer in matrices and 12·d·T in attention, and padding costs what tokens cost:
    rows for two documents may be cheaper than rows for one and a gap.

    Args:
        lengths: Tokens of each document.
        n_embd: The model's width, d.
        shared: Whether a row may hold several documents.
    """
    lengths = lengths[:TRIED]
    longest = float(np.quantile(lengths - 1, HELD_WHOLE)) if len(lengths) else 64
    least = int(min(LONGEST_ROW, max(64, 64 * math.ceil(longest / 64))))
    starts = np.cumsum(lengths) - lengths

    def cost(seq_len: int) -> float:
        return (1 + seq_len / (6 * n_embd)) / (1 - best_fit(starts, lengths, seq_len, shared=shared).padding)

    return min(range(least, LONGEST_ROW + 1, 64), key=cost)


def row_length(config: Config, train: Shards, n_embd: int, *, pairs: bool) -> int:
    """The length of rows that a config asks for, or that suits the corpus."""
    if config.data.seq_len != "auto":
        return config.data.seq_len
    if pairs:
        return choose_length(train.lengths)
    if config.data.objective == "spans":
        return min(LONGEST_ROW, choose_length(np.repeat(train.lengths, 2)) + BESIDE)
    return choose_seq_len(train.lengths, n_embd, shared=config.data.packing != "document")


@dataclass(frozen=True)
class Work:
    """What a run does, worked out: every process comes to the same."""

    config: Config  # resolved: nothing is "auto" that this module chooses
    packing: Layout
    schedule: Schedule
    micro_batch: int
    rows_per_step: int
    max_steps: int
    notes: tuple[str, ...]  # what was chosen, and why


def work_out(
    config: Config,
    train: Shards,
    vocab_size: int,
    *,
    world: int,
    on_gpu: bool = False,
    contract: Contract | None = None,
) -> Work:
    """Rows, batches, steps and the optimizer's settings of a run.

    Args:
        contract: The tokenizer's; None stands for one of plain documents.

    Raises:
        TrainError: the model does not suit the corpus, or the batch cannot be shared out among the processes.
    """
    pairs = contract is not None and contract.pairs is not None
    first = shape_of(config, vocab_size, LONGEST_ROW)
    check_suits(first, config, pairs=pairs)
    is_apart = config.data.packing == "best-fit" and not first.shares_rows and not first.has_encoder
    if is_apart:
        config = config.with_values({"data.packing": "document"})
    seq_len = row_length(config, train, first.n_embd, pairs=pairs)
    packing = lay_out(train, config.data, seq_len, contract, config.train.seed)
    if config.data.max_tokens:
        if not isinstance(packing, Packing):
            raise TrainError("data.max_tokens is for documents, not for pairs or spans", hint="leave it out")
        packing = packing.up_to(config.data.max_tokens)
    if pairs and not packing.n_rows:
        raise TrainError(f"no pair fits data.seq_len = {seq_len}", hint="pass data.seq_len=auto")
    shape = shape_of(config, vocab_size, seq_len)
    chosen: dict[str, laws.Rule] = {}
    steps, epochs = config.train.max_steps, config.train.epochs

    batch: float | str = config.train.global_batch
    if batch == "auto":
        rule = laws.batch(shape, epochs * packing.n_predictions) if epochs else laws.batch_for_steps(shape, steps or 1)
        chosen["train.global_batch"] = rule
        batch = rule.value
    limit = config.train.micro_batch
    if limit == "auto":
        most = max(1, MICRO_TOKENS[on_gpu] // packing.row_tokens)
        if packing.is_ragged:  # several micro-steps, so that each holds rows of about one length
            most = max(1, min(most, int(batch) // (packing.row_tokens * LEAST_SORTED)))
        limit = 2 ** int(math.log2(most))
    micro_batch, rows_per_step = share_out(float(batch), packing.row_tokens, limit, world)
    schedule = Schedule(packing, rows_per_step=rows_per_step, seed=config.train.seed)
    max_steps = steps or max(1, math.ceil((epochs or 1) * packing.n_rows / rows_per_step))
    passes = schedule.epoch(max_steps)

    if config.optim.lr == "auto":
        chosen["optim.lr"] = laws.learning_rate(shape, passes * packing.n_predictions)
    warmup = config.optim.warmup_steps
    if warmup == "auto":
        chosen["optim.warmup_steps"] = laws.warmup_steps(max_steps)
    if config.optim.weight_decay == "auto":
        chosen["optim.weight_decay"] = laws.weight_decay(passes)
    if getattr(config.model, "dropout", None) == "auto":
        chosen["model.dropout"] = laws.dropout(passes)
    resolved = config.with_values(
        {key: rule.value for key, rule in chosen.items()}
        | ({} if warmup == "auto" else {"optim.warmup_steps": min(warmup, max_steps // 10)})
        | {
            "data.seq_len": seq_len,
            "train.global_batch": rows_per_step * packing.row_tokens,
            "train.max_steps": max_steps,
            "train.epochs": None,
        }
    )
    notes = [f"{key} = {rule.value:g}: {rule.why}" for key, rule in chosen.items()]
    if is_apart:
        notes.append("data.packing = document: in a row with others, this model would carry one document into the next")
    return Work(resolved, packing, schedule, micro_batch, rows_per_step, max_steps, tuple(notes))


def check_suits(shape: Shape, config: Config, *, pairs: bool) -> None:
    """Refuse a model that cannot learn from such a corpus.

    Raises:
        TrainError: pairs, and no encoder to read sources; or an encoder, and nothing for it to read.
    """
    if pairs and not shape.has_encoder:
        raise TrainError(
            f"the corpus is pairs, and a model of family {config.model.family} as configured has no encoder to read "
            "their sources",
            hint="pass --config spell-to-phones, or model.family=decoder model.n_encoder_layer=4",
        )
    spans = config.data.objective == "spans"
    if spans and (pairs or not shape.has_encoder):
        raise TrainError(
            "data.objective = spans is for documents and a model with an encoder",
            hint="pass data.objective=next" if pairs else "pass model.family=decoder model.n_encoder_layer=4",
        )
    if shape.has_encoder and not pairs and not spans:
        raise TrainError(
            "the model has an encoder, and the corpus has no sources for it to read",
            hint='prepare pairs ("phon prepare --pairs"), pass data.objective=spans, or choose another model',
        )


def share_out(batch: float, seq_len: int, micro_batch: int, world: int) -> tuple[int, int]:
    """Rows of a micro-step and of a step, so that a step holds about `batch` tokens and each process as much.

    Args:
        micro_batch: The most rows of a micro-step.

    Raises:
        TrainError: the step's rows cannot be shared out among the processes.
    """
    micro_batch = min(micro_batch, 2 ** math.ceil(math.log2(max(1.0, batch / seq_len))))
    rows_per_step = micro_batch * max(1, round(batch / (seq_len * micro_batch)))
    if rows_per_step % world:
        raise TrainError(
            f"a step of {rows_per_step} rows cannot be shared out among {world} processes",
            hint=f"try train.global_batch={math.ceil(rows_per_step / world) * world * seq_len}",
        )
    return divisor(rows_per_step // world, micro_batch), rows_per_step


def divisor(n: int, most: int) -> int:
    """The largest divisor of `n` that is at most `most`, at least 1."""
    return next(d for d in range(min(n, most), 0, -1) if n % d == 0)
