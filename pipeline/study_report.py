"""A study as one HTML page and one Markdown file, drawn from its ledger alone, as often as one likes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline import study_chart
from pipeline.models import brief
from pipeline.page import Markup, element, image, page, section, table, terms
from pipeline.show import megabytes, printable
from train.files import write_text
from train.ledger import Ledger
from train.outcome import HIGHER, LOWER, OPEN, Outcome, outcomes
from train.significance import MOST_SEEDS, Mean

PAGE, TEXT = "report.html", "report.md"
RATES = {
    "shared": "All cells share one learning rate: one that another rate would suit better is at a disadvantage.",
    "law": "Each cell's learning rate follows a published law of its size and tokens.",
    "tuned": "Each cell's learning rate was searched for.",
}
RULE = (
    "A cell is called lower or higher than another only where the 95 % interval of the paired difference leaves out "
    "zero and p, after Holm's correction over all cells, is below 0.05. All else is open. Intervals are Student's, "
    "over seeds; for the same seed all cells learn from the same rows in the same order. Seeds: how many would find a "
    "difference like the one measured four times in five, among as many cells."
)


class Table(NamedTuple):
    """Heads and rows of text, for either format."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


class Picture(NamedTuple):
    """A file of the report, and what it shows."""

    name: str
    title: str


def draw(ledger: Path, folder: Path) -> Path:
    """Write report.html, report.md and its pictures into `folder`; the path of the page.

    Raises:
        TrainError: the ledger is damaged.
    """
    read = Ledger.read(ledger)
    found = outcomes(read)
    pictures = draw_pictures(read, found, folder)
    write_text(folder / TEXT, as_markdown(read, found, pictures))
    write_text(folder / PAGE, as_page(read, found, pictures, folder))
    return folder / PAGE


def draw_pictures(ledger: Ledger, found: Mapping[str, Outcome], folder: Path) -> list[Picture]:
    """The pictures that the ledger has enough for; those of an earlier drawing go away."""
    drawn = []
    kinds: list[tuple[Picture, Callable[[Path], bool]]] = [
        (Picture("differences.png", "Differences"), lambda to: study_chart.differences(found, to)),
        (
            Picture("curves.png", "Learning curves, from the lowest to the highest seed"),
            lambda to: study_chart.curves(ledger.study, found, to),
        ),
        (
            Picture("heat-map.png", "Both axes; a star differs from what it is compared with"),
            lambda to: study_chart.heat_map(ledger.study, found, to),
        ),
        (Picture("flops.png", "Loss against FLOPs"), lambda to: study_chart.against_flops(found, to)),
        (Picture("memory.png", "Loss against memory"), lambda to: study_chart.against_memory(found, to)),
    ]
    for picture, make in kinds:
        if make(folder / picture.name):
            drawn.append(picture)
        else:
            (folder / picture.name).unlink(missing_ok=True)
    return drawn


def as_page(ledger: Ledger, found: Mapping[str, Outcome], pictures: Sequence[Picture], folder: Path) -> str:
    """The HTML page, with its pictures inside."""
    study = ledger.study
    results, costs, cells = tables(ledger, found)
    return page(
        f"{study.title or study.name} · phon",
        element("h1", study.title or study.name),
        element("p", study.question),
        terms(facts(ledger)),
        section("What the runs show", *(element("p", line) for line in findings(ledger, found)), as_table(results)),
        *(section(picture.title, image((folder / picture.name).read_bytes(), picture.title)) for picture in pictures),
        section("What the cells cost", as_table(costs)),
        section("How they were set", element("p", RATES[study.lr]), as_table(cells), element("p", RULE, class_="soft")),
        section("Where it ran", table(setting(ledger))),
    )


def as_markdown(ledger: Ledger, found: Mapping[str, Outcome], pictures: Sequence[Picture]) -> str:
    """The same as Markdown; its pictures lie beside it."""
    study = ledger.study
    results, costs, cells = tables(ledger, found)
    parts = [
        f"# {escaped(study.title or study.name)}",
        escaped(study.question),
        "\n".join(f"- {name}: {escaped(value)}" for name, value in facts(ledger)),
        "## What the runs show",
        *map(escaped, findings(ledger, found)),
        as_rows(results),
        *(f"## {picture.title}\n\n![{picture.title}]({picture.name})" for picture in pictures),
        "## What the cells cost",
        as_rows(costs),
        "## How they were set",
        RATES[study.lr],
        as_rows(cells),
        RULE,
        "## Where it ran",
        "\n".join(f"- {escaped(name)}: {escaped(value)}" for name, value in setting(ledger)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def facts(ledger: Ledger) -> list[tuple[str, str]]:
    """The study at a glance."""
    study = ledger.study
    finished = sum(run.state == "finished" for run in ledger.runs.values())
    return [
        ("cells", str(len(ledger.cells))),
        ("runs finished", f"{finished} of {len(ledger.cells) * len(study.seeds)}"),
        ("held equal", ", ".join(study.hold) or "nothing"),
        ("learning rate", study.lr),
        ("baseline", ledger.baseline or "none"),
    ]


def findings(ledger: Ledger, found: Mapping[str, Outcome]) -> Iterator[str]:
    """What may be claimed, then what is open; a sentence each."""
    lower, higher, still = (
        [name for name, outcome in found.items() if outcome.verdict == verdict] for verdict in (LOWER, HIGHER, OPEN)
    )
    for names, word in ((lower, "Fewer"), (higher, "More")):
        if names:
            listed = ", ".join(described(name, found[name]) for name in names)
            than = "the cell it is compared with" if ledger.study.within else "the baseline"
            yield f"{word} bits per byte than {than}: {listed}."
    if still:
        yield f"Open, neither better nor worse as far as these runs show: {', '.join(still)}."
    if not any(outcome.runs for outcome in found.values()):
        yield "No run has finished yet."
    elif not (lower or higher or still):
        yield "Nothing can be compared yet: the baseline and another cell need a seed in common."
    broken = {name: outcome.states for name, outcome in found.items() if set(outcome.states) - {"finished"}}
    if broken:
        told = ", ".join(f"{name} ({states_of(states)})" for name, states in broken.items())
        yield f"Not all runs finished: {told}."


def described(name: str, outcome: Outcome) -> str:
    """A cell that differs, and by how much."""
    assert outcome.against
    return f"{name} ({signed(outcome.against.mean)})"


def tables(ledger: Ledger, found: Mapping[str, Outcome]) -> tuple[Table, Table, Table]:
    """What came out, what it cost, how it was set."""
    to = ["compared with"] if ledger.study.within else []
    results = Table(
        "Bits per byte of original text, with 95 % intervals",
        ("cell", "runs", "bits per byte", *to, "difference", "p (Holm)", "verdict", "seeds"),
        [
            (
                name,
                str(len(of.runs)),
                plain(of.bits),
                *([of.to or "–"] if to else []),
                *compared(of),
            )
            for name, of in found.items()
        ],
    )
    costs = Table(
        "Memory: the most of any run; tokens/s: the median",
        ("cell", "parameters", "without embeddings", "tokens", "FLOPs", "tokens/s", "memory"),
        [
            (
                name,
                f"{of.cell.params:,}",
                f"{of.cell.params_without_embeddings:,}",
                brief(of.cell.tokens),
                f"{of.cell.flops:.3g}",
                f"{of.tokens_per_s:,.0f}" if of.tokens_per_s is not None else "–",
                megabytes(of.peak_memory) if of.peak_memory is not None else "–",
            )
            for name, of in found.items()
        ],
    )
    cells = Table(
        "Off: how far the cell is from what is held equal",
        ("cell", "learning rate", "off", "settings"),
        [
            (
                name,
                f"{of.cell.lr:.3g}" if of.cell.lr is not None else "–",
                ", ".join(f"{held} {share:+.1%}" for held, share in of.cell.mismatch.items()) or "–",
                " ".join(of.cell.overrides) or "–",
            )
            for name, of in found.items()
        ],
    )
    return results, costs, cells


def compared(of: Outcome) -> tuple[str, str, str, str]:
    """Difference, p, verdict and seeds as the table has them."""
    if of.against is None:
        return "–", "–", of.verdict or "–", "–"
    p = "–" if of.p is None else "<0.001" if of.p < 0.001 else f"{of.p:.3f}"
    needed = "–" if of.verdict != OPEN or of.against.mean.spread is None else f">{MOST_SEEDS:,}"
    return signed(of.against.mean), p, of.verdict, f"{of.seeds:,}" if of.seeds else needed


def plain(mean: Mean | None) -> str:
    """A mean with its interval; a single value with none."""
    if mean is None:
        return "–"
    return f"{mean.value:.4f}" + (f" ± {mean.half:.4f}" if mean.half is not None else "")


def signed(mean: Mean) -> str:
    """A difference with its sign."""
    return f"{mean.value:+.4f}".replace("-", "\N{MINUS SIGN}") + (
        f" ± {mean.half:.4f}" if mean.half is not None else ""
    )


def states_of(states: Mapping[str, int]) -> str:
    """Runs by state, those that did not finish."""
    return ", ".join(f"{count} {state}" for state, count in sorted(states.items()) if state != "finished")


def setting(ledger: Ledger) -> list[tuple[str, str]]:
    """Config, corpus, machine and versions."""
    study, corpus = ledger.study, ledger.study.corpus
    rows = [
        ("config", study.config),
        ("axes", "; ".join(f"{axis}: {', '.join(map(str, values))}" for axis, values in study.axes.items())),
        ("seeds", ", ".join(map(str, study.seeds))),
        (
            "corpus",
            f"{corpus.tokens:,} tokens of {corpus.vocab_size:,}, {corpus.bytes:,} bytes" if corpus.tokens else "",
        ),
        ("corpus, SHA-256", corpus.sha256),
        ("machine", study.machine),
        *study.versions.items(),
    ]
    return [(name, value) for name, value in rows if value]


def as_table(given: Table) -> Markup:
    """A table that scrolls sideways where it is too wide."""
    made = table(given.rows, heads=given.heads, caption=given.title, class_="numbers")
    return element("div", made, class_="wide")


def as_rows(given: Table) -> str:
    """A Markdown table under its title."""
    lines = [given.heads, [":--", *["--:"] * (len(given.heads) - 1)], *(map(escaped, row) for row in given.rows)]
    return f"{given.title}:\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escaped(text: str) -> str:
    """Text that Markdown takes for nothing else."""
    marks = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_<>[]|#"})
    return printable(text).translate(marks)
