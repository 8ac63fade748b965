"""What `phon plan` says of the models it found."""

import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pipeline import show
from pipeline.models import brief
from pipeline.runs import align

if TYPE_CHECKING:
    from train.calibrate import Timing
    from train.pace import Place
    from train.search import Corpus, Option

GIB, MIB = 2**30, 2**20


def as_record(option: "Option") -> dict[str, Any]:
    """An option for programs."""
    from train.advice import Choice, advise

    shape, how, memory = option.shape, option.how, option.memory
    return {
        "n_layer": shape.n_layer,
        "n_head": shape.n_head,
        "n_embd": shape.n_embd,
        "seq_len": shape.seq_len,
        "vocab_size": shape.vocab_size,
        "parameters": shape.n_parameters,
        "parameters_without_embeddings": option.bare,
        "memory_bytes": memory.peak,
        "memory_binds": memory.binds,
        "memory_parts": vars(memory.parts),
        "micro_batch": how.rows,
        "accumulation": how.micro_steps,
        "checkpointing": how.checkpointing,
        "attention": how.attention,
        "optimizer": how.optimizer,
        "global_batch": option.batch,
        "flops_per_token": shape.flops_per_token,
        "seconds": list(option.seconds),
        "tokens": round(option.tokens),
        "epochs": option.epochs,
        "expected_loss": option.expected.all,
        "ranked_by": option.expected.by,
        "beyond_the_laws": option.expected.is_beyond,
        "advice": [asdict(line) for line in advise(Choice(shape, option.unique, option.epochs, option.batch))],
    }


def table(options: Sequence["Option"]) -> list[str]:
    """A line an option."""
    heads = ["shape", "weights", "of blocks", "memory", "micro-batch", "FLOPs", "time", "passes", "loss"]
    rows = [
        [
            f"{o.shape.n_layer}x{o.shape.n_head}x{o.shape.n_embd}",
            brief(o.shape.n_parameters),
            brief(o.bare),
            size(o.memory.peak),
            f"{o.how.micro_steps} x {o.how.rows}" + ("*" if o.how.checkpointing else ""),
            brief(o.shape.flops_per_token),
            interval(o.seconds),
            f"{o.epochs:.2g}",
            "beyond" if o.expected.is_beyond else f"{o.expected.loss:.2f} ({o.expected.low:.2f}-{o.expected.high:.2f})",
        ]
        for o in options
    ]
    return align([heads, *rows])


def legend(options: Sequence["Option"], corpus: "Corpus") -> str:
    """What the table's columns are."""
    first = options[0]
    said = "shape: layers x heads x width. micro-batch: micro-steps a step x rows of each"
    said += f" of {corpus.seq_len:,} tokens"
    said += (
        "; *: activations are computed twice. FLOPs: a token. "
        if any(o.how.checkpointing for o in options)
        else ". FLOPs: a token. "
    )
    if first.expected.is_beyond:
        return said + (
            "loss: no law was fitted on so few tokens (22 M and more), so none is shown; the order is that of "
            f"{first.expected.by}, which says at best which is better, not how good it is."
        )
    return said + (
        f"loss: nats a token by {first.expected.by}, and the span of {len(first.expected.all)} laws. They are of "
        "English web text in tokens of about four letters: read the differences between lines, not the number, and "
        "compare runs by bits per byte."
    )


def size(n_bytes: float) -> str:
    """Bytes in the unit that fits."""
    return f"{n_bytes / GIB:.1f} GiB" if n_bytes >= GIB else f"{n_bytes / MIB:.{0 if n_bytes >= 10 * MIB else 1}f} MiB"


def interval(seconds: Sequence[float]) -> str:
    """From and to, in one unit."""
    low, high = seconds
    unit, size = next((u, s) for u, s in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)) if high >= 2 * s or s == 1)
    if f"{low / size:.2g}" == f"{high / size:.2g}":
        return f"{high / size:.2g} {unit}"
    return f"{low / size:.2g}-{high / size:.2g} {unit}"


def report(options: Sequence["Option"], corpus: "Corpus", place: "Place", notes: Sequence[str]) -> list[str]:
    """All that is said, but for the command."""
    from train.advice import Choice, advise

    first = options[0]
    tokens = "text without end" if corpus.tokens is None else f"{corpus.tokens:,} tokens"
    lines = [f"{place.name}: {place.memory / GIB:.1f} GiB for a step; {tokens}, vocabulary {corpus.vocab_size:,}"]
    lines += [*notes, "", *table(options), "", *show.paragraph(legend(options, corpus)), ""]
    parts = ", ".join(f"{name} {size(value)}" for name, value in vars(first.memory.parts).items() if value)
    lines += [f"the first: {first.shape.said}"]
    rows = {
        "memory": f"{size(first.memory.peak)} at {first.memory.binds}: {parts}",
        "step": f"{first.batch:,} tokens: micro-steps {first.how.micro_steps}, rows of each {first.how.rows}; "
        + first.how.attention.replace("sdpa", "SDPA").replace("written out", "attention written out")
        + f", {first.how.optimizer}"
        + (", activations computed twice" if first.how.checkpointing else ""),
    }
    for advice in advise(Choice(first.shape, first.unique, first.epochs, first.batch)):
        rows[advice.about] = f"{advice.text} [{advice.source}]"
    width = max(map(len, rows)) + 4
    for label, text in rows.items():
        wrapped = textwrap.wrap(text, 100 - width, break_on_hyphens=False)
        lines += [f"  {label}".ljust(width) + wrapped[0], *(" " * width + line for line in wrapped[1:])]
    return lines


def told(timing: "Timing") -> str:
    """What was timed, in a line."""
    from train.log import duration

    rate = timing.tokens / timing.step
    return (
        f"timed here: {timing.step:.3g} s a step of {timing.tokens:,} tokens ({rate:,.0f} tokens/s), "
        f"{timing.set_up:.0f} s to set up, {timing.look:.1f} s a validation, {timing.save:.1f} s a checkpoint: "
        f"{timing.max_steps:,} steps take {duration(timing.total)}"
    )
