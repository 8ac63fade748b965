"""`phon report`: one run as one HTML page, for a browser or a phone, with nothing to load from anywhere."""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from pipeline import show
from pipeline.chart import Line, chart
from pipeline.options import workspace_option
from pipeline.page import Markup, element, join, page, section, table, terms
from pipeline.runs import find, tell_problems, told
from train.contract import NAME as CONTRACT
from train.environment import Environment
from train.files import read_json, sha256_file, write_text
from train.history import History, flat, model_folders, read_history
from train.log import Record
from train.manifest import NAME as MANIFEST
from train.manifest import Manifest
from train.workspace import Workspace

NAME = "report.html"
UNTOLD = ("validation", "documents_sha256", "documents_by_split", "documents_by_type")  # the shards' tables say it
VERSIONS = ("platform", "python", "torch", "cuda", "transformers", "accelerate")
MANY = 10_000_000
GONE = "data/ was made anew since, or is not there, so what it says now is not what this run was trained on."


def report(run: History) -> str:
    """The page on a run, which may be going on."""
    made = trained_on(run)
    return page(
        f"{run.path.resolve().name} · phon",
        element("h1", run.path.resolve().name),
        *opening(run),
        section("Curves", curves(run)),
        section("Samples", *samples(run)),
        section("Config", *settings(run)),
        section("Data and tokenizer", *data(run, made)),
        section("Environment", *environment(run, made)),
    )


def opening(run: History) -> Iterator[Markup]:
    """What the run came to."""
    yield terms([(label, value or "–") for label, value in told(run).items()])
    if run.manifest:
        step = run.manifest.counts.get("weights_step", run.step)
        yield element("p", f"The model is that of step {step:,}.", class_="soft")
    else:
        yield element("p", "This run is not finished: the page shows what it has told so far.", class_="soft")


def curves(run: History) -> Markup:
    """The figures of the log over steps."""

    def traced(key: str) -> list[tuple[float, float]]:
        return [(record["step"], record[key]) for record in run.training if record.get(key) is not None]

    def measured(key: str) -> list[tuple[float, float]]:
        return [(record["step"], record[key]) for record in run.measured]

    validation = Line("validation", measured("val_loss"), is_measured=True)
    figures = [
        chart("Loss, nats a token", Line("training", traced("loss")), validation),
        chart("Validation, bits per byte of original text", Line("", measured("val_bits_per_byte"), is_measured=True)),
        chart("Learning rate", Line("", traced("lr")), within=(0,)),
        chart("Norm of the gradient", Line("", traced("grad_norm")), within=(0,)),
        chart("Tokens a second", Line("", traced("tokens_per_s")), within=(0,)),
        chart("Memory, most bytes so far", Line("", traced("memory")), within=(0,)),
    ]
    if not any(figures):
        return element("p", "Nothing is logged yet.", class_="soft")
    return element("div", *figures, class_="charts")


def samples(run: History) -> Iterator[Markup]:
    """The share that is valid by step and temperature, then every sample; those of the last step are open."""
    if not run.sampled:
        yield element("p", "No samples are logged; log.sample_every says when some are drawn.", class_="soft")
        return
    temperatures = sorted({record["temperature"] for record in run.sampled})
    steps = [(step, list(records)) for step, records in groupby(run.sampled, key=lambda record: record["step"])]
    rows = []
    for step, records in steps:
        shares = {record["temperature"]: f"{record['valid']:.0%}" for record in records}
        rows.append([f"{step:,}", *(shares.get(temperature, "–") for temperature in temperatures)])
    if len(steps) > 1:
        yield element("div", *(validity(run, temperature) for temperature in temperatures), class_="charts")
    yield table(rows, heads=["step", *temperatures], caption="Share valid, by temperature", class_="numbers")
    for step, records in steps:
        is_last = step == steps[-1][0]
        inside = [element("summary", f"Step {step:,}"), *(part for record in records for part in drawn(record))]
        yield element("details", *inside, **({"open": "open"} if is_last else {}))


def validity(run: History, temperature: float) -> Markup:
    """The share of valid samples at a temperature, over steps."""
    shares = [(record["step"], record["valid"]) for record in run.sampled if record["temperature"] == temperature]
    return chart(f"Share valid at temperature {temperature}", Line("", shares, is_measured=True), within=(0, 1))


def drawn(record: Record) -> Iterator[Markup]:
    """The samples of one temperature."""
    yield element("h3", f"Temperature {record['temperature']}")
    for sample in record["samples"]:
        marks = ["✓ valid" if sample["valid"] else "✗ not valid"]
        marks += [] if sample["ended"] else ["no end"]
        marks += [sample["type"]] if sample["type"] else []
        kind = "sample" if sample["valid"] else "sample bad"
        yield element("div", element("small", " · ".join(marks)), element("p", sample["text"]), class_=kind)


def settings(run: History) -> Iterator[Markup]:
    """Every setting as resolved, a table a section, and the other facts that the weights depend on."""
    for name, rows in groupby(run.settings.items(), key=lambda pair: pair[0].partition(".")[0]):
        yield table([(key.removeprefix(f"{name}."), plain(value)) for key, value in rows], caption=f"[{name}]")
    yield table([(key, plain(value)) for key, value in run.facts.items()], caption="run.json")


def trained_on(run: History) -> dict[str, Manifest]:
    """The manifests of data/ that this very run was trained on, by the name of their folder; none if it is gone."""
    workspace = Workspace(run.path.resolve().parent.parent)

    def read(folder: Path, sha256: str | None) -> Manifest | None:
        path = folder / MANIFEST
        return Manifest.read(folder) if path.is_file() and sha256_file(path) == sha256 else None

    shards = read(workspace.shards, run.facts.get("shards"))
    if shards is None:
        return {}
    inputs = {given["name"]: given["sha256"] for given in shards.inputs}
    found = {
        "text": read(workspace.text, inputs.get("text")),
        "tokenizer": read(workspace.tokenizer, inputs.get("tokenizer")),
        "shards": shards,
    }
    return {name: manifest for name, manifest in found.items() if manifest}


def data(run: History, made: Mapping[str, Manifest]) -> Iterator[Markup]:
    """What the run was trained on: the tokenizer, documents by split and type, the conversion."""
    contract = flat(find_contract(run) or {})
    rows = [(key, plain(value)) for key, value in contract.items() if key.startswith(("notation.", "vocab_size"))]
    if "tokenizer" in made:
        facts = made["tokenizer"].counts
        rows += [(key, listed(facts[key])) for key in ("vocab_reason", "longest_tokens") if facts.get(key)]
    if rows:
        yield table(rows, caption="Tokenizer")
    if not made:
        yield element("p", GONE, class_="soft")
        return
    for split in ("train", "validation"):
        yield counted(split, made["shards"].counts[split])
    if "text" in made:
        facts = flat({key: value for key, value in made["text"].counts.items() if key not in UNTOLD})
        yield table([(key, listed(value)) for key, value in facts.items()], caption="Conversion")


def counted(split: str, counts: Mapping[str, Any]) -> Markup:
    """The documents of a split, by type if it has several."""
    types: dict[str, dict[str, int]] = counts["types"] if len(counts["types"]) > 1 else {}
    rows = [
        (
            name or "no type",
            amount(of["documents"]),
            amount(of["tokens"]),
            amount(of["n_bytes"]),
            f"{of['n_bytes'] / of['tokens']:.2f}" if of["tokens"] else "–",
        )
        for name, of in [*types.items(), ("all", counts)]
    ]
    return table(
        rows,
        heads=["type", "documents", "tokens", "bytes", "bytes a token"],
        caption=f"Shards, {split}; bytes are those of the original text",
        class_="numbers",
    )


def find_contract(run: History) -> dict[str, Any] | None:
    """The contract of the run's tokenizer, from its newest model or from data/ while it has none."""
    tokenizer = Workspace(run.path.resolve().parent.parent).tokenizer
    for path in (folder / CONTRACT for folder in (*model_folders(run.path), tokenizer)):
        if path.is_file():
            contract = read_json(path)
            if isinstance(contract, dict) and contract.get("tokenizer_sha256") == run.facts.get("tokenizer"):
                return contract
    return None


def environment(run: History, made: Mapping[str, Manifest]) -> Iterator[Markup]:
    """What the training ran on, precision and versions, as far as they were recorded."""
    for place in run.environments:
        since = f", from step {place['from_step']:,}" if len(run.environments) > 1 else ""
        yield table(ran_on(place), caption=f"Training{since}")
    stages = ({"training": run.manifest} if run.manifest else {}) | dict(made)
    versions = {f"{name}, for {stage}": number for stage, of in stages.items() for name, number in of.versions.items()}
    rows = [("precision", run.facts["precision"])] if "precision" in run.facts else []
    if run.last.get("mfu") is not None:
        rows.append(("share of the device's peak, last logged", f"{run.last['mfu']:.1%}"))
    rows += versions.items()
    if rows:
        yield table(rows)
    elif not run.environments:
        yield element("p", "Nothing of it is recorded.", class_="soft")


def ran_on(place: Environment) -> list[tuple[str, str]]:
    """An environment for reading."""
    alike: Counter[str] = Counter(place["gpus"])
    gpus = [f"{n} × {name}" if n > 1 else name for name, n in alike.items()]
    return [
        ("device", ", ".join([place["device"], *gpus])),
        ("processor", f"{place['processor']}, {place['cores']} cores"),
        ("memory", f"{place['memory'] / 2**30:.0f} GiB"),
        ("processes", f"{place['processes']}, with {place['threads']} threads each"),
        *((key, place[key]) for key in VERSIONS if key in place),
    ]


def amount(count: int) -> str:
    """A count in a narrow column: exact, or from ten million on in millions."""
    return f"{count:,}" if count < MANY else f"{count / 1e6:,.1f} M"


def plain(value: Any) -> str:
    """A setting as its file has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def listed(value: Any) -> str | Markup:
    """A value of a manifest for reading: numbers with separators, items of a list apart."""
    if isinstance(value, list):
        items = (" ".join(map(str, item)) if isinstance(item, list) else item for item in value)
        return join(part for item in items for part in (element("code", item), " "))
    return f"{value:,}" if isinstance(value, int | float) else str(value)


@click.command("report")
@click.argument("run", required=False)
@workspace_option
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help=f"Else {NAME} in the run's folder."
)
def command(run: str | None, workspace: Workspace, out: Path | None) -> None:
    """Write what a run told as one HTML page: curves, samples, settings, data. The newest run, or RUN.

    The page needs no network and no scripts. Of a run that is going on it shows what there is.

    Example: phon report --out report.html
    """
    history = read_history(find(workspace, run))
    tell_problems([history])
    path = out or history.path / NAME
    text = report(history)
    write_text(path, text)
    click.echo(
        f"{show.printable(history.path.name)}: {history.state}; the page is {path}, "
        f"{show.megabytes(len(text.encode()))}",
        err=True,
    )
