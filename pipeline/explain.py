"""Shapes set side by side in plain words, and where the numbers of published models come from."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipeline import show
from pipeline.models import brief
from pipeline.runs import align

if TYPE_CHECKING:
    from train.config import Config
    from train.memory import Step
    from train.model import Shape
    from train.pace import Place

GIB = 2**30
TRIED_ROWS = 512
NARROW, USUAL = 32, 64  # widths of a head


def compare(shapes: Sequence[tuple[int, int, int | None]], config: "Config", place: "Place") -> dict[str, Any]:
    """What each shape spends and gets.

    Args:
        shapes: Layers, heads and width; the config's width where there is none.

    Raises:
        TrainError: heads that do not divide a width, or a family whose memory is not known.
    """
    from train.advice import levine_depth
    from train.choose import LONGEST_ROW
    from train.memory import block_of
    from train.search import Corpus, reshape

    asked = config.data.seq_len
    corpus = Corpus(None, config.model.published_vocab_size, LONGEST_ROW if asked == "auto" else asked)
    found = []
    for n_layer, n_head, width in shapes:
        shape = reshape(config, corpus, n_layer, n_head, width or config.model.n_embd)
        bare = shape.n_parameters - shape.n_embeddings
        layers, _ = levine_depth(bare)
        rate = math.sqrt(math.prod(place.rates(shape)))
        today, then = ours(1), in_2021(1)
        found.append(
            {
                "shape": f"{n_layer}x{n_head}x{shape.n_embd}",
                "n_layer": n_layer, "n_head": n_head, "n_embd": shape.n_embd,
                "head_width": shape.n_embd / n_head,
                "parameters": shape.n_parameters, "parameters_without_embeddings": bare,
                "flops_per_token": shape.flops_per_token,
                "hours_per_gtoken": 1e9 * shape.flops_per_token / rate / 3600,
                "layers_by_levine": layers,
                "states_bytes": 16 * shape.n_parameters,
                "kept_per_token": n_layer * block_of(shape, today).kept,
                "kept_per_token_2021": n_layer * block_of(dropping(shape), then).kept,
                "scores_per_token_2021": 8 * n_layer * n_head * shape.seq_len,
                "peak_one_row": peak(shape, today), "peak_one_row_2021": peak(dropping(shape), then),
                "rows": most_rows(shape, place, checkpointing=False),
                "rows_checkpointing": most_rows(shape, place, checkpointing=True),
                "rows_2021": most_rows_2021(shape, place),
                "seq_len": shape.seq_len, "vocab_size": shape.vocab_size,
            }
        )  # fmt: skip
    return {"device": place.name, "memory_bytes": place.memory, "shapes": found}


def ours(rows: int) -> "Step":
    """phon's step, with more to accumulate."""
    from train.memory import Step

    return Step(rows, micro_steps=2)


def in_2021(rows: int) -> "Step":
    """A step of transformers' GPT-2 as it was: scores, all logits and what seven operations of a GELU make are kept."""
    from train.memory import Step

    return Step(rows, optimizer="foreach", attention="written out", head="whole", gelu="seven", dropout=2)


def dropping(shape: "Shape") -> "Shape":
    """The same with dropout, where it may have some, as transformers' GPT-2 has it."""
    from train.gpt2 import Shape as GPT2Shape

    return replace(shape, dropout=0.1, attn_dropout=0.1) if isinstance(shape, GPT2Shape) else shape


def peak(shape: "Shape", how: "Step") -> int:
    """Bytes of a step."""
    from train.memory import step_memory

    return step_memory(shape, how).peak


def most_rows(shape: "Shape", place: "Place", *, checkpointing: bool) -> int:
    """The most rows of a micro-step that fit."""
    return most(lambda rows: peak(shape, replace(ours(rows), checkpointing=checkpointing)) <= place.memory)


def most_rows_2021(shape: "Shape", place: "Place") -> int:
    """The same of transformers' step of 2021."""
    return most(lambda rows: peak(dropping(shape), in_2021(rows)) <= place.memory)


def most(fits: Any) -> int:
    """The last number that fits, up to TRIED_ROWS."""
    low, high = 0, TRIED_ROWS + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def compare_lines(facts: dict[str, Any]) -> list[str]:
    """The comparison for people: a column a shape, then what follows from it."""
    shapes = facts["shapes"]
    T = shapes[0]["seq_len"]
    rows = [["layers x heads x width", *(s["shape"] for s in shapes)]]

    def add(label: str, key: str, form: Any) -> None:
        rows.append([label, *(form(s[key]) for s in shapes)])

    def gib(size: float) -> str:
        return f"{size / GIB:.1f} GiB"

    add("weights", "parameters", brief)
    add("of these in blocks", "parameters_without_embeddings", brief)
    add("width of a head", "head_width", lambda width: f"{width:g}")
    add("layers that Levine's law asks for", "layers_by_levine", lambda layers: f"{layers:.0f}")
    add("FLOPs a token", "flops_per_token", brief)
    add("hours a billion tokens, about", "hours_per_gtoken", lambda hours: f"{hours:,.0f}")
    add("weights, gradients, AdamW", "states_bytes", gib)
    add("kept of a token, today (SDPA)", "kept_per_token", lambda size: f"{size / 1e6:.2f} MB")
    add("kept of a token, 2021 (scores written out)", "kept_per_token_2021", lambda size: f"{size / 1e6:.2f} MB")
    add("memory with one row, today", "peak_one_row", gib)
    add("memory with one row, 2021", "peak_one_row_2021", gib)
    add("rows that fit, today", "rows", str)
    add("rows that fit, activations computed twice", "rows_checkpointing", str)
    add("rows that fit, 2021", "rows_2021", str)
    said = f"{facts['device']}: {facts['memory_bytes'] / GIB:.1f} GiB for a step; rows of {T:,} tokens, vocabulary "
    lines = [said + f"{shapes[0]['vocab_size']:,}", "", *align(rows), ""]
    for text in in_words(shapes):
        lines += [*show.paragraph(text, ""), ""]
    return lines[:-1]


def in_words(shapes: Sequence[dict[str, Any]]) -> list[str]:
    """What the comparison comes to."""
    first, T = shapes[0], shapes[0]["seq_len"]
    told = [against(first, other) for other in shapes[1:]]
    told.append(
        "Heads share out the width: however many there are, the matrices are the same, so heads change neither "
        f"weights nor FLOPs. Where scores are written out, each head keeps {T:,} of them for each token in each layer, "
        "8 bytes a score. With SDPA, which phon uses, none is kept, and heads take no memory either."
    )
    for shape in shapes:
        width, better = shape["head_width"], max(1, shape["n_embd"] // USUAL)
        if width < NARROW:
            told.append(
                f"Heads of {width:g} ({shape['shape']}) are too narrow: a head's width limits what it can attend to "
                "(Bhojanapalli et al. 2020), and of many heads most can be taken out after training (Michel et al. "
                f"2019). {shape['n_layer']}x{better}, heads of {shape['n_embd'] / better:g}, takes the same time and "
                "memory."
            )
    best = max(shapes, key=lambda shape: shape["parameters"] if shape["rows"] else 0)
    if best["rows"]:
        told.append(
            f"So: {best['shape']}, {best['rows']} rows a micro-step, or {best['rows_checkpointing']} with "
            "train.checkpointing=always, for a third more time. Accumulated, they make a batch of any size. Which of "
            "two shapes with as many weights learns more, only a study tells."
        )
    else:
        told.append("None of them fits. Fewer layers or less width do; more heads never help.")
    return told


def against(first: dict[str, Any], other: dict[str, Any]) -> str:
    """What the second gives up for what, beside the first."""
    a, b = first["shape"], other["shape"]
    told = []
    lost = first["parameters"] - other["parameters"]
    if lost:
        large, small = (first, other) if lost > 0 else (other, first)
        told.append(
            f"{small['shape']} has {brief(abs(lost)).strip()} weights fewer than {large['shape']} "
            f"({abs(lost) / large['parameters']:.0%}), and a step of it takes "
            f"{small['flops_per_token'] / large['flops_per_token']:.0%} of the time."
        )
    bought = (first["states_bytes"] - other["states_bytes"]) / GIB
    kept = (other["kept_per_token_2021"] - first["kept_per_token_2021"]) * first["seq_len"] / GIB
    if bought * kept > 0:
        saves, spends = (b, a) if bought > 0 else (a, b)
        told.append(
            f"As transformers trained in 2021, {saves} saves {abs(bought):.1f} GiB of weights, gradients and averages "
            f"and spends {abs(kept):.1f} GiB more than {spends} on each row, for scores: {rows_of(first, 'rows_2021')} "
            f"and {rows_of(other, 'rows_2021')} fit."
        )
    told.append(f"Today {rows_of(first, 'rows')} and {rows_of(other, 'rows')} fit.")
    return " ".join(told)


def rows_of(shape: dict[str, Any], key: str) -> str:
    """Rows that fit, in words."""
    return f"{shape[key]} row{'' if shape[key] == 1 else 's'} of {shape['shape']}"


def preset(name: str) -> dict[str, Any]:
    """A row of MosaicML's table, worked out."""
    from train.mosaic import PRESETS

    row = PRESETS[name]
    made, trained = row.generated, row.shape
    return {
        "name": name,
        "generated": {
            "hours": row.hours, "n_layer": made.n_layer, "n_head": made.n_head, "n_embd": made.n_embd,
            "n_inner": made.n_inner, "parameters": made.n_parameters, "tokens": row.tokens,
        },
        "shipped": {
            "n_layer": trained.n_layer, "n_head": trained.n_head, "n_embd": trained.n_embd,
            "parameters": trained.n_parameters, "tokens": row.trained_tokens, "hours_on_8_a100": row.took_h,
            "utilised": row.utilised, "flops_per_token": trained.flops_per_token,
        },
        "perplexity": row.perplexity,
        "trained_perplexity": math.exp(row.trained),
        "command": f"accelerate launch train/run.py --config gpt2-{name.removeprefix('mosaic-')}",
    }  # fmt: skip


def preset_lines(facts: dict[str, Any]) -> list[str]:
    """The same for people."""
    made, shipped = facts["generated"], facts["shipped"]
    table = align(
        [
            ["", "shape the generator made", "shape that was trained"],
            ["layers x heads x width", *(f"{s['n_layer']}x{s['n_head']}x{s['n_embd']}" for s in (made, shipped))],
            ["weights", *(f"{s['parameters']:,}" for s in (made, shipped))],
            ["tokens", f"{made['tokens'] / 1e9:.2f} G", f"{shipped['tokens'] / 1e9:.2f} G"],
            ["perplexity, predicted", "", f"{facts['perplexity']:.2f}"],
            ["perplexity, trained", "", f"{facts['trained_perplexity']:.2f}"],
        ]
    )
    text = (
        "The published table mixes two families. Its weights and tokens are those of the shape that its generator made "
        f"for {made['hours']} hours on a GPU of 71 TFLOP/s, a quarter of them used. Its predicted perplexity is that "
        "of the shape that was trained: Kaplan's frontier, at the compute for which it asks for 12 x layers x width² "
        f"weights. Training took {shipped['hours_on_8_a100']:.2f} hours on 8 A100s: {shipped['utilised']:.1%} of what "
        "they can do."
    )
    return [facts["name"], *table, "", *show.paragraph(text), "", facts["command"]]
