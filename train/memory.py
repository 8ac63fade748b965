"""The memory of a training step in closed form, by part and by moment: nothing is built or run for it.

`train.simulate` finds the same by running the step on no device; a test holds one to the other.
"""

from dataclasses import dataclass, replace
from typing import Literal

from train import decoder, gpt2
from train.attention import EXPLICIT_UP_TO, is_small
from train.config import Config, OptimConfig
from train.head import CPU_ROWS, GPU_LOGITS
from train.model import Shape
from train.options import Options

Optimizer = Literal["adamw", "muon", "foreach"]
Attention = Literal["sdpa", "sdpa in float32", "written out"]
Moment = Literal["the head", "the backward pass's start", "the backward pass's end", "the optimizer"]
USABLE = 0.92  # of a GPU: the rest is CUDA's context and what the allocator cannot fill


@dataclass(frozen=True)
class Step:
    """How a step is done, as far as its memory depends on it. The defaults are phon's on a GPU.

    Args:
        rows: Of a micro-step.
        micro_steps: Of a step: the gradients of one wait while the next is computed.
        low: Bytes of a number in matrix products: 2 in bf16 over fp32 weights, 4 in fp32.
        optimizer: Muon keeps one average of a matrix; foreach makes a copy of all averages as it works.
        has_average: A moving average of the weights is kept.
        attention: By SDPA no scores are kept; in float32 what goes in and comes out is larger; written out they are.
        masks: A mask for every row, since rows hold several documents.
        head: Logits some rows at a time (`train.head`), or all at once and kept.
        gelu: In one operation, or in seven that each keep what they made, as transformers has it.
        dropout: Bytes of an entry of its mask: 1 by a GPU's own kernel, without it those of a number.
        on_cpu: Logits are made fewer rows at a time, and gradients summed up in two lanes (`train.step.lanes`).
    """

    rows: int
    micro_steps: int = 1
    low: int = 2
    optimizer: Optimizer = "adamw"
    has_average: bool = False
    checkpointing: bool = False
    attention: Attention = "sdpa"
    masks: bool = False
    head: Literal["in parts", "whole"] = "in parts"
    gelu: Literal["one", "seven"] = "one"
    dropout: int = 1
    on_cpu: bool = False


@dataclass(frozen=True)
class Parts:
    """Bytes at one moment, by what they hold."""

    weights: int
    gradients: int
    optimizer: int  # its averages, that of the weights, and what it works with
    copies: int  # of weights in bf16
    activations: int
    logits: int  # and the gradient of the head

    @property
    def total(self) -> int:
        """Of all."""
        return sum(vars(self).values())


@dataclass(frozen=True)
class Memory:
    """What a step takes at each of its moments."""

    moments: dict[Moment, Parts]

    @property
    def binds(self) -> Moment:
        """The moment that takes most."""
        return max(self.moments, key=lambda moment: self.moments[moment].total)

    @property
    def parts(self) -> Parts:
        """Of that moment."""
        return self.moments[self.binds]

    @property
    def peak(self) -> int:
        """The most bytes at a time."""
        return self.parts.total


@dataclass(frozen=True)
class Block:
    """What the memory of a block depends on.

    Args:
        matrices: Weights of its matrices, one after the other.
        weights: All of its weights.
        kept: Bytes that a token leaves in it for the backward pass.
        work: Bytes of a token that the backward pass takes beside these.
        shared: Bytes that it leaves however many rows there are.
    """

    matrices: tuple[int, ...]
    weights: int
    kept: int
    work: int
    shared: int = 0


def states(shape: Shape, optim: OptimConfig) -> int:
    """Bytes of weights, gradients, the optimizer's averages and that of the weights: what no setting saves."""
    n = shape.n_parameters
    matrices = n - shape.n_embeddings if optim.name == "muon" else 0
    return 16 * n - 4 * matrices + (4 * n if optim.ema else 0)


def step_of(
    config: Config, shape: Shape, rows: int, micro_steps: int, *, low: int = 2, on_cpu: bool = False,
    masks: bool = False, checkpointing: bool = False,
) -> Step:  # fmt: skip
    """How a run of this config, resolved, with a model of this shape does its steps where they are not compiled.

    The rest is as in `Step`.
    """
    attention: Attention = "sdpa"
    if on_cpu and getattr(config.model, "attn_dropout", 0) > 0:
        attention = "written out"
    elif on_cpu and low == 2:
        if is_small(shape.seq_len, head_width(shape)) and not getattr(made_of(shape), "attn_softcap", None):
            attention = "sdpa in float32"
        elif shape.seq_len <= EXPLICIT_UP_TO:
            attention = "written out"
    return Step(
        rows=rows,
        micro_steps=micro_steps,
        low=low,
        optimizer=config.optim.name,
        has_average=config.optim.ema > 0,
        checkpointing=checkpointing,
        attention=attention,
        masks=masks,
        dropout=low if on_cpu else 1,
        on_cpu=on_cpu,
    )


def knows(shape: Shape) -> bool:
    """Whether there is a closed form for such a model."""
    return isinstance(shape, gpt2.Shape) or (isinstance(shape, decoder.Shape) and not shape.has_encoder)


def step_memory(shape: Shape, how: Step) -> Memory:
    """What a step takes.

    Args:
        shape: One that `knows` is true of.

    Source: what each operation keeps for its backward pass, and what is there beside it, added up by hand.
    """
    N, V, d, L = shape.n_parameters, shape.vocab_size, shape.n_embd, shape.n_layer
    block, low = block_of(shape, how), how.low
    tokens, table, is_low = how.rows * shape.seq_len, V * d, low == 2
    drops = how.dropout * d if made_of(shape).dropout else 0
    masks = how.rows * shape.seq_len**2 if how.masks else 0

    # Kept from the forward pass. Checkpointed, a block keeps what comes in, and computes the rest again.
    kept = tokens * (L * (4 * d if how.checkpointing else block.kept) + 4 * d + 16 + drops)
    kept += 0 if how.checkpointing else L * block.shared
    of_mask = 4 if how.attention == "sdpa in float32" else low
    kept += masks * (1 if how.checkpointing else 1 + L * of_mask)
    again = tokens * block.kept + block.shared + of_mask * masks if how.checkpointing else 0
    copies = 2 * (L * block.weights + (table if how.head == "whole" else 0)) if is_low else 0

    if how.head == "whole":  # bf16 logits, their log-probabilities, and two gradients of these in fp32
        head = ((low + 12) if is_low else 12) * tokens * V
    else:
        at_once = V * min(tokens, max(CPU_ROWS, 0 if how.on_cpu else GPU_LOGITS // V))
        an_entry = 20 if getattr(made_of(shape), "logit_softcap", None) else 10 if is_low else 8
        head = max(an_entry * at_once + 4 * table, 8 * at_once + (4 + low) * table)
        head = max(head + (2 * table if is_low else 0), 8 * table) + 2 * low * tokens * d

    head = max(head, (low + 1) * masks - tokens * block.kept // 2)  # a mask is made in two steps, in each block

    lanes = 2 if how.on_cpu and how.micro_steps % 2 == 0 else 1
    aside = 4 * N * (lanes - 1)
    waiting = aside + (4 * N if how.micro_steps > lanes else 0)
    of_matrices = 4 * L * sum(block.matrices) if how.optimizer == "muon" else 0
    averages = 8 * N - of_matrices + (4 * N if how.has_average else 0)
    work, done = 4 * N if how.optimizer == "foreach" else 0, 0
    for n in block.matrices if how.optimizer == "muon" else ():  # Muon takes those alike together
        work, done = max(work, L * (10 * n - 4 * done)), done + n

    first = {"weights": 4 * N, "optimizer": averages}
    return Memory(
        {
            "the head": Parts(**first, gradients=waiting, copies=copies, activations=kept, logits=head),
            "the backward pass's start": Parts(
                **first,
                gradients=waiting,
                copies=(2 * block.weights if is_low else 0) if how.checkpointing else copies,
                activations=kept + again + tokens * block.work,
                logits=4 * table,
            ),
            "the backward pass's end": Parts(
                **first,
                gradients=aside + 4 * N - (0 if waiting > aside else 4 * block.weights),
                copies=2 * block.weights if is_low else 0,
                activations=again + 4 * tokens * d,
                logits=8 * table,
            ),
            "the optimizer": Parts(
                weights=4 * N, gradients=4 * N, optimizer=averages + work, copies=0, activations=0, logits=0
            ),
        }
    )


def block_of(shape: Shape, how: Step) -> Block:
    """A block of a model; what a decoder's keeps is found by running models of two and three blocks."""
    made = made_of(shape)
    if isinstance(shape, gpt2.Shape):
        d, inner, low = shape.n_embd, shape.n_inner, how.low
        matrices = (3 * d * d, d * d, d * inner, d * inner)
        kept = 4 * low * d + 4 * shape.n_head  # attention: queries, keys, values, what they mix, and a sum a head
        kept += 2 * low * inner + 2 * (4 * d + low * d + 8)  # feed-forward; the stream before each norm, and after it
        kept += 2 * d if shape.dropout else 0
        block = Block(matrices, sum(matrices) + 9 * d + inner, kept, work=low * inner)
    else:
        from train.simulate import measure_block  # slow import: torch

        assert isinstance(shape, decoder.Shape)
        like = replace(shape, vocab_size=8, types=(), options=replace(shape.options, n_layer=2))
        block = measure_block(like, how.low)  # of all that are as wide
    more = 0
    if how.attention == "written out":
        more += shape.n_head * (shape.seq_len * (4 + how.low + (how.dropout if made.attn_dropout else 0)) - 4)
    if how.attention == "sdpa in float32":  # queries, keys, values and what they mix; the last is kept in bf16 too
        more += (16 - 3 * how.low) * shape.n_head * head_width(shape)
    if how.gelu == "seven":
        more += 3 * how.low * shape.sizes[-1]
    if made.dropout:
        more += 2 * (how.dropout - 1) * shape.n_embd
    return replace(block, kept=block.kept + more)


def head_width(shape: Shape) -> int:
    """Of queries and keys."""
    return shape.options.width if isinstance(shape, decoder.Shape) else shape.n_embd // shape.n_head


def made_of(shape: Shape) -> gpt2.Shape | Options:
    """Where the shape has its dropout."""
    assert isinstance(shape, gpt2.Shape | decoder.Shape)
    return shape if isinstance(shape, gpt2.Shape) else shape.options
