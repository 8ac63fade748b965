"""`phon evaluate`: what a model is worth on text that it has not seen, and what it writes by itself."""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from pipeline import show
from pipeline.answers import Pair, as_shards, encode_sources, held_out_pairs, read_pairs
from pipeline.errors import PipelineError
from pipeline.likeness import compare
from pipeline.options import json_option, workspace_option
from pipeline.sampled import Drawing
from pipeline.sampler import Sampler
from pipeline.trained import Source, find_model
from train.errors import TrainError
from train.notation import load_notation
from train.workspace import Workspace

BATCH = 64  # rows whose loss is worked out, and sources that are answered, at a time
SAMPLES = 100
TEMPERATURES = "0.7,1.0,1.3"


def evaluate(
    source: Source,
    workspace: Workspace,
    *,
    files: Sequence[str] = (),
    fields: tuple[str, str] = ("source", "target"),
    n: int | None = None,
    temperature: float = 0.0,
    drawing: Drawing = Drawing(),  # noqa: B008 (it is frozen)
    out: Path | None = None,
    seed: int = 0,
    report: Any = lambda line: None,
) -> dict[str, Any]:
    """Measure a model on the validation split, or a model of pairs on the pairs of `files`.

    Each kind of figure is worked out by a function of its own; which apply follows from the model.

    Args:
        fields: Of records, for source and target.
        n: Sources to answer at most; those with the smallest hash, so that they are the same each time.
        out: Where figures, samples and a picture of a model of documents are written.

    Raises:
        PipelineError, TrainError: there is nothing to measure on, or it is not what the model was trained for.
    """
    from train.export import read_model  # these load torch
    from train.folder import check_model
    from train.pairs import pair_rows

    started = time.monotonic()
    check_model(source.folder)
    model, contract, tokenizer = read_model(source.folder)
    if contract.pairs is None:
        if files:
            raise PipelineError("--pairs is for models of pairs, and this is none", hint="leave it out", exit_code=2)
        return documents(model, contract, tokenizer, source, workspace, drawing, out, seed, report, started)
    if drawing.n:
        raise PipelineError(
            "--samples is for models of documents, and this one answers sources", hint="pass --n", exit_code=2
        )
    pairs = read_pairs(files, contract, *fields) if files else held_out_pairs(workspace, contract)
    if not pairs:
        raise PipelineError(f"no pair of {workspace.text} is held out", hint="pass --pairs with a file")
    shards = as_shards(pairs, source.folder, contract)
    rows = pair_rows(shards, model.shape.seq_len)
    report("measuring the loss")
    figures = {"pairs": rows.n_rows, "left_out": rows.left_out, **likelihood(model, shards, rows, contract.pad)}
    figures |= answer(model, contract, tokenizer, source, pairs, n, temperature, seed, report)
    return {"run": source.run, **figures, "elapsed_s": round(time.monotonic() - started, 3)}


def documents(
    model: Any,
    contract: Any,
    tokenizer: Any,
    source: Source,
    workspace: Workspace,
    drawing: Drawing,
    out: Path | None,
    seed: int,
    report: Any,
    started: float,
) -> dict[str, Any]:
    """Figures of a model of documents: on held-out text beside baselines, and of what it writes."""
    import torch  # slow to import

    from pipeline import heldout, sampled, verdict
    from pipeline.symbols import Spelling
    from train.shards import open_split, packed

    manifest = packed(workspace.shards)
    if manifest.counts["tokenizer_sha256"] != contract.tokenizer_sha256:
        raise TrainError(
            f"{workspace.shards} was packed with another tokenizer than the model's",
            hint="pass --workspace with the shards that it was trained on",
        )
    if model.shape.has_encoder:
        raise PipelineError(
            "this model was trained to fill in spans of documents, and predicts no text by itself",
            hint="its bits per byte of the spans are in its log: phon runs",
        )
    if torch.cuda.is_available():
        model.to("cuda")
    training, held = (open_split(workspace.shards, split) for split in ("train", "validation"))
    notation = load_notation(contract.notation)
    spelling = Spelling(source.folder, notation)
    text = heldout.Documents.find(held, manifest.counts["validation"])
    report("counting n-grams of the training text")
    learnt = heldout.learn(training, spelling)
    figures = {
        "run": source.run,
        "checkpoint": source.checkpoint,
        **heldout.held_out(model, text, training, learnt, spelling, contract.pad, report),
    }
    drawn = None
    if drawing.n:
        rows = sampled.Rows(contract, notation, spelling, model.shape.seq_len)
        sampler = Sampler.of(source.folder, model, contract, tokenizer)
        drawn = sampled.draw(rows, sampler, training, held, learnt.model, drawing, seed, report)
        figures["samples"] = {
            "n": drawing.n,
            "seed": seed,
            "grammar": drawing.valid,
            "is_whole": drawn.is_whole,
            "rows": drawn.figures,
        }
    figures["elapsed_s"] = round(time.monotonic() - started, 3)
    written = verdict.write(out, figures, drawn) if out else []
    return {**figures, "written": [str(path) for path in written]}


def likelihood(model: Any, shards: Any, layout: Any, pad: int) -> dict[str, Any]:
    """Loss, perplexity and bits a byte of the original text."""
    from train.data import Rows  # these load torch
    from train.measure import measure

    if not layout.n_rows:
        raise PipelineError("nothing is held out that fits the model", hint="run phon prepare on more text")
    found = measure(model, Rows(shards, layout, pad), micro_batch=BATCH, device=model.device)
    return {"loss": found.loss, "perplexity": found.perplexity, "bits_per_byte": found.bits_per_byte}


def answer(
    model: Any,
    contract: Any,
    tokenizer: Any,
    source: Source,
    pairs: Sequence[Pair],
    n: int | None,
    temperature: float,
    seed: int,
    report: Any,
) -> dict[str, Any]:
    """How like the model's targets are to the references. A source with several targets is answered once."""
    from train.draw import Sampling  # loads torch
    from train.generate import generate  # loads torch
    from train.score import judge

    references: dict[tuple[str, str], list[str]] = {}
    for pair in pairs:
        references.setdefault((pair.source, pair.type), []).append(pair.target)
    drawn = sorted(references, key=lambda key: hashlib.sha256(key[0].encode()).digest())[:n]
    encoded = zip(drawn, encode_sources(source.folder, [text for text, _ in drawn], contract), strict=True)
    fitting = [(key, ids) for key, ids in encoded if len(ids) <= model.shape.seq_len]
    fitting.sort(key=lambda one: len(one[0][0]))  # like lengths share a batch
    asked = [key for key, _ in fitting]
    notation = load_notation(contract.notation)
    known = sorted(contract.openings)
    texts, valid = [], 0
    made = generate(
        model,
        contract,
        n=len(asked),
        types=[type_name if type_name in contract.openings else known[0] for _, type_name in asked],
        sources=[ids for _, ids in fitting],
        sampling=Sampling(temperature=temperature),
        seed=seed,
        batch_size=BATCH,
    )
    for sample in made:
        texts.append(sample.text(tokenizer))
        valid += judge(notation, texts[-1], sample.ended)[0]
        report(f"{len(texts):,} of {len(asked):,} sources")
    figures = compare(texts, [references[key] for key in asked], notation)
    return {"sources": len(asked), **figures, "valid": valid / len(asked)}


def read_temperatures(given: str) -> tuple[float, ...]:
    """The numbers of a list such as 0.7,1.0.

    Raises:
        PipelineError: it is none.
    """
    try:
        found = tuple(dict.fromkeys(float(one) for one in given.split(",")))
    except ValueError as error:
        raise PipelineError(
            f"--temperatures {given!r} are no numbers", hint=f"as in {TEMPERATURES}", exit_code=2
        ) from error
    return found


SHOWN = {  # figure -> label and format
    "documents": ("documents", "{:,}"),
    "pairs": ("pairs", "{:,}"),
    "left_out": ("too long", "{:,}"),
    "sources": ("sources answered", "{:,}"),
    "exact_match": ("exact match", "{:.1%}"),
    "symbol_error_rate": ("symbol error rate", "{:.1%}"),
    "chrf": ("chrF2", "{:.1f}"),
    "valid": ("valid", "{:.1%}"),
    "loss": ("loss", "{:.4f} nats a token"),
    "perplexity": ("perplexity", "{:.3f}"),
    "perplexity_per_symbol": ("a symbol", "{:.3f}"),
    "perplexity_per_word": ("a word", "{:,.1f}"),
    "bits_per_byte": ("bits per byte", "{:.4f}"),
    "elapsed_s": ("seconds", "{:.1f}"),
}


@click.command("evaluate")
@workspace_option
@click.option("--run", metavar="NAME|PATH", help="A run's name, or a folder of a run or model; else the newest run.")
@click.option(
    "--samples", type=click.IntRange(0), metavar="N", show_default=str(SAMPLES), help="Draw N at each temperature."
)
@click.option("--temperatures", default=TEMPERATURES, show_default=True, metavar="X,Y", help="To draw samples at.")
@click.option(
    "--valid/--no-valid", default=False, show_default=True, help="Keep samples to the grammar: all that end are valid."
)
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Write figures, samples, picture here.")
@click.option("--pairs", "files", multiple=True, metavar="FILE", help="Measure on these pairs, not the held-out ones.")
@click.option("--source-field", default="source", show_default=True, help="A record's field with its source.")
@click.option("--target-field", default="target", show_default=True, help="A record's field with its target.")
@click.option("--n", type=click.IntRange(1), metavar="N", help="Answer N sources of pairs at most; else all.")
@click.option("--temperature", default=0.0, show_default=True, help="Of the answers; 0 takes the likeliest token.")
@click.option("--seed", default=0, show_default=True, help="Same seed, same samples and answers.")
@json_option
def command(
    workspace: Workspace,
    run: str | None,
    samples: int | None,
    temperatures: str,
    valid: bool,
    out: Path | None,
    files: tuple[str, ...],
    source_field: str,
    target_field: str,
    n: int | None,
    temperature: float,
    seed: int,
    as_json: bool,
) -> None:
    """Measure a trained model on held-out text, beside baselines, and what it writes by itself.

    Of a model of documents: bits per byte beside n-grams, gzip and xz; and of samples, how many are valid, new, copied,
    repetitive. Of a model of pairs: how like its answers are to the targets.

    Example: phon evaluate --samples 300 --temperatures 0.7,1.0
    """
    from pipeline import verdict
    from train.contract import Contract

    source = find_model(workspace, run)
    if source.checkpoint:
        click.echo(f"{source.run} has no finished model yet: measuring its checkpoint {source.checkpoint}", err=True)
    of_pairs = Contract.read(source.folder).pairs is not None
    if n and not of_pairs:
        raise PipelineError("--n is for models of pairs, and this is none", hint="pass --samples", exit_code=2)
    n_samples = (0 if of_pairs else SAMPLES) if samples is None else samples
    with show.progress() as report:
        figures = evaluate(
            source,
            workspace,
            files=files,
            fields=(source_field, target_field),
            n=n,
            temperature=temperature,
            drawing=Drawing(n_samples, read_temperatures(temperatures), valid),
            out=None if of_pairs else out or verdict.folder_of(source),
            seed=seed,
            report=report,
        )
    if as_json:
        show.as_json(figures)
        return
    on = " ".join(files) or "the validation split"
    rows = {label: form.format(figures[key]) for key, (label, form) in SHOWN.items() if figures.get(key) is not None}
    if not figures.get("left_out"):
        rows.pop("too long", None)
    show.table(f"{figures['run']} on {on}", rows)
    if not of_pairs:
        click.echo("\n".join(verdict.lines(figures)))
