"""Training curves as pictures: loss and bits a byte of one run against steps, bits a byte of several against tokens."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from train.files import write_bytes
from train.log import read

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(log: Path, picture: Path, title: str) -> None:
    """Draw `log` (JSON lines of a run) into `picture` (PNG)."""
    records = read(log)
    steps = [(r["step"], r["loss"]) for r in records if "loss" in r]
    measured = [(r["step"], r["val_loss"], r["val_bits_per_byte"]) for r in records if "val_loss" in r]
    figure = blank()
    left = figure.subplots()
    if steps:
        left.plot(*zip(*steps, strict=True), color="#9aa7b5", linewidth=1, label="training loss")
    left.set_xlabel("step")
    left.set_ylabel("loss (nats per token)")
    left.spines[["top", "right"]].set_visible(False)
    lines = left.get_lines()
    if measured:
        at = [m[0] for m in measured]
        lines += left.plot(
            at, [m[1] for m in measured], color="#1f4e79", marker="o", markersize=3, label="validation loss"
        )
        right = left.twinx()
        lines += right.plot(
            at,
            [m[2] for m in measured],
            color="#c2571a",
            marker="s",
            markersize=3,
            linestyle="--",
            label="bits per byte",
        )
        right.set_ylabel("validation, bits per byte of original text")
        right.spines[["top", "left"]].set_visible(False)
        right.set_ylim(bottom=0)
    left.set_title(title, loc="left", fontsize=10, parse_math=False)
    labels = [str(line.get_label()) for line in lines]
    figure.legend(lines, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    save(figure, picture)


def compare(curves: Mapping[str, Sequence[tuple[float, float]]], picture: Path) -> None:
    """Draw the validation of several runs into one `picture` (PNG).

    Args:
        curves: Run -> (tokens learned from, bits per byte) of each measurement.
    """
    from matplotlib.ticker import EngFormatter  # slow to import

    figure = blank()
    axes = figure.subplots()
    for number, points in enumerate(curves.values()):
        style = ("-", "--", ":", "-.")[number // 10 % 4]  # the palette has ten colours
        axes.plot(*zip(*points, strict=True), style, marker="o", markersize=3, linewidth=1.3, label=f"run {number}")
    axes.set_xlabel("tokens learned from")
    axes.xaxis.set_major_formatter(EngFormatter(sep=" "))
    axes.set_xlim(left=0)
    axes.set_ylabel("validation, bits per byte of original text")
    axes.spines[["top", "right"]].set_visible(False)
    for text, name in zip(axes.legend(frameon=False, fontsize=8).get_texts(), curves, strict=True):
        text.set_parse_math(False)  # a name with $ is a name
        text.set_text(name)
    save(figure, picture)


def blank(width: float = 8, height: float = 4.2) -> "Figure":
    """An empty figure, inches wide and high."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: "Figure", picture: Path) -> None:
    """Write a figure as PNG, the same bytes for the same figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    write_bytes(picture, buffer.getvalue())
