"""The pictures of a study: learning curves, differences to the baseline, loss against FLOPs and memory, a heat map."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.show import printable
from train.curve import blank, save
from train.ledger import Cell, Run, Study
from train.outcome import BASELINE, HIGHER, LOWER, Outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Outcomes = Mapping[str, Outcome]
BITS = "bits per byte of original text"
SOFT, DARK = "#9aa7b5", "#1d2530"
COLOURS = {BASELINE: DARK, LOWER: "#1d7a46", HIGHER: "#b3261e"}
EARLY = 0.1  # of the tokens: what is higher than the curves are there is left out of the picture
MOST_INSIDE = 6  # names among the curves; more stand below
MOST_NAMES = 10  # beside points; of more, the baseline and the lowest alone are named
ALIKE = 1.02  # a spread of less than 2 % is none


def curves(study: Study, outcomes: Outcomes, picture: Path) -> bool:
    """Validation over tokens, a line a cell: the mean of its seeds, and a band from the lowest to the highest.

    Where cells see the same text in tokens of their own, over the share of it.
    """
    from matplotlib import colormaps  # slow to import
    from matplotlib.ticker import EngFormatter, PercentFormatter

    lines = {name: band([*outcome.runs.values()]) for name, outcome in outcomes.items()}
    lines = {name: line for name, line in lines.items() if len(line) > 1}
    if not lines:
        return False
    is_shared = "bytes" in study.hold
    is_below = len(lines) > MOST_INSIDE
    figure = blank(height=4.2 + is_below * 0.09 * len(lines))
    axes = figure.subplots()
    for number, (name, line) in enumerate(lines.items()):
        at, low, middle, high = zip(*line, strict=True)
        if is_shared:
            at = tuple(tokens / at[-1] for tokens in at)
        is_baseline = outcomes[name].verdict == BASELINE
        colour = DARK if is_baseline else colormaps["viridis"](number / max(1, len(lines) - 1) * 0.9)
        axes.fill_between(at, low, high, color=colour, alpha=min(0.18, 1.2 / len(lines)), linewidth=0)
        axes.plot(at, middle, "--" if is_baseline else "-", color=colour, linewidth=1.3, label=f"cell {number}")
    from_here = [high for line in lines.values() for at, _, _, high in line if at >= EARLY * line[-1][0]]
    lowest = min(low for line in lines.values() for _, low, _, _ in line)
    axes.set_ylim(lowest - 0.04 * (max(from_here) - lowest), max(from_here))
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %") if is_shared else EngFormatter(sep=" "))
    axes.set_xlabel("of the text, which is the same for all" if is_shared else "tokens learned from")
    axes.set_ylabel(f"validation, {BITS}")
    style: dict[str, Any] = {"frameon": False, "fontsize": 8}
    named = figure.legend(loc="outside lower center", ncols=2, **style) if is_below else axes.legend(**style)
    for text, name in zip(named.get_texts(), lines, strict=True):
        text.set_parse_math(False)  # a name with $ is a name
        text.set_text(printable(name) + " (baseline)" * (outcomes[name].verdict == BASELINE))
    return finish(axes, picture)


def band(runs: Sequence[Run]) -> list[tuple[float, float, float, float]]:
    """Tokens, and the lowest, mean and highest bits per byte there, at the steps where all runs were measured.

    Rows hold more or fewer tokens, so at the same step seeds have seen about as many: their mean is taken.
    """
    measured = [{step: (tokens, bits) for step, tokens, _, bits in run.curve} for run in runs]
    shared = sorted(set.intersection(*map(set, measured))) if measured else []
    found = []
    for step in shared:
        tokens, values = zip(*(of[step] for of in measured), strict=True)
        middle = math.fsum(values) / len(values)
        found.append((math.fsum(tokens) / len(tokens), min(values), middle, max(values)))
    return found


def differences(outcomes: Outcomes, picture: Path) -> bool:
    """Each cell's difference to the baseline with its interval: what crosses the line of zero is open."""
    rows = [(name, outcome) for name, outcome in outcomes.items() if outcome.against]
    if not rows:
        return False
    figure = blank(8, 1.2 + 0.32 * len(rows))
    axes = figure.subplots()
    axes.axvline(0, color=DARK, linewidth=1)
    for place, (_, outcome) in enumerate(rows):
        assert outcome.against
        gap, colour = outcome.against.mean, COLOURS.get(outcome.verdict, SOFT)
        axes.errorbar(gap.value, place, xerr=gap.half, fmt="o", color=colour, capsize=3, markersize=4)
    axes.set_yticks(range(len(rows)), [printable(name) for name, _ in rows], parse_math=False)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel(
        "bits per byte more than what it is compared with,\n95 % interval; grey: open, after Holm's correction"
    )
    return finish(axes, picture)


def against_flops(outcomes: Outcomes, picture: Path) -> bool:
    """Bits per byte over the FLOPs of a run."""
    return scatter(outcomes, picture, lambda outcome: outcome.cell.flops, "FLOPs of a run", "")


def against_memory(outcomes: Outcomes, picture: Path) -> bool:
    """Bits per byte over the most memory that a run held."""
    return scatter(outcomes, picture, lambda outcome: outcome.peak_memory, "most memory held", "B")


def scatter(
    outcomes: Outcomes, picture: Path, across: Callable[[Outcome], float | None], label: str, unit: str
) -> bool:
    """Bits per byte with intervals over something; nothing where that is the same for all."""
    from matplotlib.ticker import EngFormatter  # slow to import

    rows = [
        (name, x, outcome.bits, outcome.verdict)
        for name, outcome in outcomes.items()
        if outcome.bits and (x := across(outcome))
    ]
    if not rows or max(row[1] for row in rows) <= ALIKE * min(row[1] for row in rows):
        return False
    figure = blank()
    axes = figure.subplots()
    lowest = min(rows, key=lambda row: row[2].value)[0]
    for name, x, bits, verdict in rows:
        axes.errorbar(x, bits.value, yerr=bits.half, fmt="o", color=COLOURS.get(verdict, SOFT), capsize=3, markersize=4)
        if len(rows) <= MOST_NAMES or verdict == BASELINE or name == lowest:
            axes.annotate(
                printable(name), (x, bits.value), (5, 4), textcoords="offset points", fontsize=8, parse_math=False
            )
    if max(row[1] for row in rows) > 4 * min(row[1] for row in rows):
        axes.set_xscale("log")
    else:
        axes.xaxis.set_major_formatter(EngFormatter(unit=unit, sep=" "))
    axes.margins(x=0.12)
    axes.set_xlabel(label)
    axes.set_ylabel(f"validation, {BITS},\n95 % interval")
    return finish(axes, picture)


def heat_map(study: Study, outcomes: Outcomes, picture: Path) -> bool:
    """Bits per byte over two axes, if most of it is there; a star marks what differs from what it is compared with."""
    wide = [axis for axis, values in study.axes.items() if len(values) > 1]
    if len(wide) != 2:
        return False
    down, across = wide
    found = {place(outcome.cell, wide): outcome for outcome in outcomes.values() if outcome.bits}
    rows, columns = study.axes[down], study.axes[across]
    if 2 * len(found) < len(rows) * len(columns):
        return False
    values = [[bits_at(found.get((str(row), str(column)))) for column in columns] for row in rows]
    figure = blank(2.2 + 0.95 * len(columns), 1.5 + 0.55 * len(rows))
    axes = figure.subplots()
    image = axes.imshow(values, cmap="viridis_r", aspect="auto")
    finite = [value for row in values for value in row if math.isfinite(value)]
    middle = (min(finite) + max(finite)) / 2
    for y, row in enumerate(rows):
        for x, column in enumerate(columns):
            outcome = found.get((str(row), str(column)))
            if outcome:
                shade = "black" if values[y][x] < middle else "white"  # low is bright
                axes.text(x, y, marked(outcome), ha="center", va="center", color=shade, fontsize=9)
    axes.set_xticks(range(len(columns)), [printable(str(value)) for value in columns], parse_math=False)
    axes.set_yticks(range(len(rows)), [printable(str(value)) for value in rows], parse_math=False)
    axes.set_xlabel(printable(across), parse_math=False)
    axes.set_ylabel(printable(down), parse_math=False)
    figure.colorbar(image, label=BITS)
    return finish(axes, picture)


def place(cell: Cell, axes: Sequence[str]) -> tuple[str, ...]:
    """Where a cell stands on some axes."""
    return tuple(str(cell.axes.get(axis)) for axis in axes)


def bits_at(outcome: Outcome | None) -> float:
    """Bits per byte, or what no colour stands for."""
    return outcome.bits.value if outcome and outcome.bits else math.nan


def marked(outcome: Outcome) -> str:
    """Bits per byte as the heat map writes them."""
    mark = {LOWER: " *", HIGHER: " *", BASELINE: "\nbaseline"}.get(outcome.verdict, "")
    return f"{bits_at(outcome):.3f}{mark}"


def finish(axes: "Axes", picture: Path) -> bool:
    """Write the picture."""
    axes.spines[["top", "right"]].set_visible(False)
    figure: Any = axes.figure
    save(figure, picture)
    return True
