"""What `phon evaluate` found out about a model of documents: as tables, as a picture, as files."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import show
from pipeline.runs import align
from pipeline.sampled import HELD_OUT, RANDOM, Drawn
from pipeline.trained import Source
from train.curve import blank, save
from train.files import write_atomic, write_json

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FOLDER, FIGURES, TEXTS, PICTURE = "evaluation", "evaluation.json", "samples.jsonl", "temperature.png"
MOST_TYPES = 5  # columns of a table; of more types, all are in the JSON
COPIED_SHOWN = 160  # characters
CAUTION = (
    "Valid alone says little: where a notation has few rules, random strings are valid too. Read it beside the rows of "
    "held-out text and of random symbols, and beside what is new, real and repeated."
)
ROWS = {  # figure -> label and format
    "valid": ("valid", "{:.0%}"),
    "valid_interval": ("  95 % interval", ""),
    "parses": ("break no rule as far as they go", "{:.0%}"),
    "parses_interval": ("  95 % interval", ""),
    "ended": ("end by themselves", "{:.0%}"),
    "distinct": ("distinct", "{:.0%}"),
    "novel": ("novel: not whole in the training text", "{:.0%}"),
    "words_distinct": ("words: distinct", "{:.1%}"),
    "words_novel": ("words: novel", "{:.1%}"),
    "words_real": ("words: in the lexicon", "{:.1%}"),
    "copied_median": ("symbols copied in one piece: median", "{:.0f}"),
    "copied_most": ("symbols copied in one piece: most", "{:,}"),
    "repeated": ("repeated 12-grams", "{:.1%}"),
    "length_mean": ("symbols: mean", "{:,.0f}"),
    "length_divergence": ("lengths, bits from held-out text", "{:.3f}"),
    "gram_divergence": ("3-grams, bits from held-out text", "{:.3f}"),
}


VALIDITY = (  # figure, label, colour and mark
    ("parses", "break no rule as far as they go", "#c2571a", "D"),
    ("valid", "valid", "#1f4e79", "."),
)
NOVELTY = (
    ("novel", "samples that are novel", "#1f4e79", "o"),
    ("words_novel", "words that are novel", "#c2571a", "s"),
    ("words_real", "words in the lexicon", "#1d7a46", "^"),
)


def lines(figures: Mapping[str, Any]) -> list[str]:
    """All of it but what one table has already."""
    found = held_out_lines(figures)
    if "samples" in figures:
        found += sample_lines(figures["samples"])
    if figures["written"]:
        found += ["", f"  written: {', '.join(figures['written'])}"]
    return found


def held_out_lines(found: Mapping[str, Any]) -> list[str]:
    """Bits per byte of the model and of the baselines, and the model's perplexities."""
    types = list(found.get("types", {}))[:MOST_TYPES]
    rows = {"the model": found, **dict(reversed(found["baselines"].items()))}
    ranked = sorted(rows.items(), key=lambda row: float(row[1]["bits_per_byte"]))
    cells = [
        [name, *(f"{value:.4f}" for value in (row["bits_per_byte"], *(row["types"][one] for one in types)))]
        for name, row in ranked
    ]
    hidden = len(found.get("types", {})) - len(types)
    return [
        "",
        *align([["bits per byte of original text", "all", *(name or "no type" for name in types)], *cells]),
        *([f"  and {hidden} more types: --json"] if hidden > 0 else []),
        "",
        *notes(found),
    ]


def notes(found: Mapping[str, Any]) -> list[str]:
    """What the figures above are of."""
    baselines = found["baselines"]
    whole, counted = found["training_bytes"], baselines["1-gram"]["learnt_from"]
    part = "all" if counted == whole else f"{show.megabytes(counted)} drawn at random of"
    primer, window = (baselines[f"{name}, primed"]["learnt_from"] for name in ("xz", "gzip"))
    said = (
        f"n-grams of symbols, interpolated Kneser-Ney, learnt from {part} the training text ({show.megabytes(whole)}). "
        f"Primed: after {show.megabytes(primer)} of it (xz) or {window:,} bytes (gzip). "
        "Compressors also learn from the held-out text as they go."
    )
    return show.paragraph(said)


def sample_lines(found: Mapping[str, Any]) -> list[str]:
    """A column a temperature, and what to compare it with."""
    rows = found["rows"]
    cells = [["temperature", *rows]]
    for key, (label, form) in ROWS.items():
        values = [told(row[key], form) for row in rows.values()]
        if any(values):
            cells.append([label, *values])
    most = max((row for name, row in rows.items() if name not in (HELD_OUT, RANDOM)), key=copied, default=None)
    said = ["", title(found), *align(cells), ""]
    if most and most["copied_most"]:
        text = show.printable(most["copied_text"])
        said += show.paragraph(f"longest copied: {text[:COPIED_SHOWN]}{'…' * (len(text) > COPIED_SHOWN)}")
    return [*said, *show.paragraph(CAUTION)]


def copied(row: Mapping[str, Any]) -> int:
    """Symbols of the longest span that a row has from the training text."""
    return int(row["copied_most"])


def title(found: Mapping[str, Any]) -> str:
    """What was sampled."""
    how = "kept to the grammar: valid if they end" if found["grammar"] else "free: not kept to any grammar"
    sizes = {row["n"] for name, row in found["rows"].items() if name not in (HELD_OUT, RANDOM)}
    cut = "" if found["is_whole"] else f"; interrupted, so fewer than {found['n']}"
    drawn = " or ".join(map(str, sorted(sizes))) or "no"
    return f"{drawn} samples a temperature, {how}, seed {found['seed']}{cut}"


def told(value: Any, form: str) -> str:
    """A figure in a table; an interval as its ends, of n-grams the longest."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return told(list(value.values())[-1], form)
    return f"{value[0]:.0%}–{value[1]:.0%}" if isinstance(value, tuple | list) else form.format(value)


def folder_of(source: Source) -> Path:
    """Where the evaluation of a model goes: its run's folder, or its own if it lies in none."""
    inside = source.folder
    if source.checkpoint:
        inside = source.folder.parent.parent
    elif source.folder.name == "model" and (source.folder.parent / "config.toml").is_file():
        inside = source.folder.parent
    return inside / FOLDER


def write(folder: Path, figures: Mapping[str, Any], drawn: Drawn | None) -> list[Path]:
    """Write the figures, the samples and the picture into a folder, each whole or not at all; what was written."""
    written = [folder / FIGURES]
    write_json(folder / FIGURES, dict(figures))
    if drawn:
        written.append(folder / TEXTS)
        with write_atomic(folder / TEXTS) as file:
            for name, row in drawn.rows.items():
                for one in row:
                    file.write(json.dumps({"row": name, **one.record()}, ensure_ascii=False).encode() + b"\n")
        if len(drawn.rows) > len((HELD_OUT, RANDOM)):
            written.append(folder / PICTURE)
            draw(drawn, folder / PICTURE)
    return written


def draw(drawn: Drawn, picture: Path) -> None:
    """Draw validity and novelty against temperature, with levels of held-out text and of random symbols."""
    temperatures = sorted((name for name in drawn.rows if name not in (HELD_OUT, RANDOM)), key=float)
    figure = blank(10, 4.2)
    left, right = figure.subplots(1, 2)
    at = [float(name) for name in temperatures]
    rows = [drawn.figures[name] for name in temperatures]
    for key, label, colour, marker in VALIDITY:
        values, ends = [row[key] for row in rows], [row[f"{key}_interval"] for row in rows]
        reach = [[value - low for value, (low, _) in zip(values, ends, strict=True)]]
        reach += [[high - value for value, (_, high) in zip(values, ends, strict=True)]]
        left.errorbar(at, values, reach, color=colour, marker=marker, markersize=4, capsize=3, label=label)
        level(left, drawn.figures[HELD_OUT][key], colour, "--")
        level(left, drawn.figures[RANDOM][key], colour, ":")
    left.set_ylabel("share of samples, 95 % interval")
    for key, label, colour, marker in NOVELTY:
        if all(row[key] is not None for row in rows):
            right.plot(at, [row[key] for row in rows], color=colour, marker=marker, markersize=4, label=label)
            level(right, drawn.figures[HELD_OUT][key], colour, "--")
    right.set_ylabel("share")
    for axes in (left, right):
        axes.set_xlabel("temperature")
        axes.set_ylim(-0.03, 1.03)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8)
    figure.suptitle("dashed: held-out text; dotted: random symbols", x=0.01, ha="left", fontsize=8)
    save(figure, picture)


def level(axes: "Axes", value: float, colour: str, style: str) -> None:
    """A line across."""
    axes.axhline(value, color=colour, linestyle=style, linewidth=1, alpha=0.7)
