"""`phon prepare`: a corpus, rewritten in a notation, in checked parts, split into training and validation."""

import contextlib
import functools
import os
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import click

from pipeline import show
from pipeline.blocks import Block, Report, convert, plan, watched, write_parts
from pipeline.corpus import describe_inputs, find_sources, read_documents
from pipeline.document import EncodingErrors, ReadOptions, Unit
from pipeline.engines import map_ordered
from pipeline.errors import PipelineError
from pipeline.notation import Choice, notation_options
from pipeline.options import json_option, workspace_option
from pipeline.pairs import Sides, load_sides, pair_options, read_notation, refuse_others
from pipeline.pairs import convert as convert_pairs
from pipeline.parts import Totals, remove_parts_from
from pipeline.spellings import FORMAT as SPELLINGS
from pipeline.spellings import merge_counts
from pipeline.split import choose_split, count_by
from train.errors import TrainError
from train.files import digest, lock, remove, remove_asides, sync_folder
from train.manifest import NAME as MANIFEST
from train.manifest import Manifest, describe_files
from train.notation import Notation, describe, load_notation
from train.workspace import VARIABLE, Workspace

DEFAULTS = ReadOptions()


def prepare(
    corpora: Sequence[str],
    workspace: Workspace,
    *,
    notation: Notation,
    sides: Sides | None = None,
    options: ReadOptions = DEFAULTS,
    validation: float = 0.05,
    keep_original: bool = True,
    workers: int | None = None,
    report: Report = lambda documents, size_bytes: None,
) -> dict[str, Any]:
    """Convert a corpus into `workspace.text`. The bytes written depend on the input and the choices alone.

    Killed at any moment, it goes on from the last finished part when called again.

    Args:
        corpora: Files, folders, addresses, or "-".
        workspace: Where to write.
        notation: What to convert to.
        sides: What to convert pairs to, of which `notation` is that of the targets; None for documents.
        options: How files become documents.
        validation: Share of the documents to hold out, between 0 and 1.
        keep_original: Whether to store the original text beside the converted one.
        workers: Processes; by default one a core.
        report: Is told the documents and bytes done so far.

    Returns:
        The manifest's counts, and how it went.

    Raises:
        PipelineError: nothing to read, or it cannot be read.
        TrainError: another process writes to the same workspace.
    """
    if not corpora:
        raise PipelineError("no corpus was given", hint="name files or folders: phon prepare my-texts/", exit_code=2)
    if not 0 < validation < 1:
        raise PipelineError(
            f"validation = {validation:g} is not a share between 0 and 1", hint="try --validation 0.05", exit_code=2
        )
    if sides and options.unit != DEFAULTS.unit:
        raise PipelineError("--unit means nothing for pairs", hint="a pair is one record: leave it out", exit_code=2)
    started = time.monotonic()
    outputs = (workspace.text, workspace.tokenizer, workspace.shards, workspace.runs)
    # "phon prepare ." is for what lies there, not for what we made of it
    found = find_sources(corpora, outputs, options.type_levels)
    folder = workspace.text
    with lock(folder):
        remove_asides(folder)
        spec = describe(notation)
        pairing = {"notation": describe(sides.source), "written": list(sides.written)} if sides else None
        versions = {one.name: one.version for one in ((sides.source, notation) if sides else (notation,))}
        wanted = Manifest(
            stage="prepare",
            inputs=describe_inputs(found),
            options={
                "notation": spec,
                **({"pairs": pairing} if pairing else {}),
                "read": asdict(options),
                "validation": validation,
                "keep_original": keep_original,
            },
            versions={"phon": version("phon"), "pyarrow": version("pyarrow"), **versions},
        )
        there = read_manifest(folder)
        is_known = all(input["sha256"] for input in wanted.inputs)  # standard input must be read to be known
        if is_known and there is not None and there.same_work(wanted) and there.damage(folder) is None:
            return summary(there, workspace, started, up_to_date=True)

        def unfinish() -> None:
            """Take the manifest away: from here on the folder is not whole."""
            if (folder / MANIFEST).exists():
                remove(folder / MANIFEST)
                sync_folder(folder)

        totals = Totals()
        inputs: list[str] = []  # a digest of the documents of each part
        work = digest(
            {
                "notation": spec,
                "pairs": pairing,
                "keep_original": keep_original,
                "versions": wanted.versions,
                "spellings": SPELLINGS,
            }
        )
        documents = read_documents(found, options, totals.dropped)
        blocks = plan(sides.checked(documents) if sides else documents, folder, work)
        converting: Any = (
            map_ordered(
                convert_pairs,
                blocks,
                task=Block.pairs,
                make=functools.partial(load_sides, pairing, spec),
                workers=workers,
            )
            if pairing
            else map_ordered(
                convert, blocks, task=Block.lot, make=functools.partial(load_notation, spec), workers=workers
            )
        )
        with contextlib.closing(converting) as converted:
            for record in write_parts(
                watched(converted, report), folder, work=work, keep_original=keep_original, before_change=unfinish
            ):
                inputs.append(record.input)
                totals.add(record)
        if not totals.sums["documents"]:
            why = f" (dropped: {show.counted(totals.dropped)})" if totals.dropped else ""
            raise PipelineError(
                f"no document with anything to say in {' '.join(corpora)}{why}",
                hint="it needs at least one file with text in it; --text-field names a record's field",
            )
        unfinish()
        remove_parts_from(folder, len(inputs))
        merged = merge_counts(folder)
        split = choose_split(folder, validation)
        by_split, by_type = count_by(folder, split)
        made = replace(
            wanted,
            counts={
                **totals.counts(),
                "documents_sha256": digest({"parts": inputs}),
                "documents_by_split": dict(by_split),
                "documents_by_type": dict(by_type),
                "validation": split._asdict(),
            },
            files=describe_files(folder, [*(path.name for path in folder.glob("part-*.*")), *merged]),
        )
        made.write(folder)
        return summary(made, workspace, started, up_to_date=False)


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of an earlier run; None if there is no whole one, for then its work is done again."""
    try:
        return Manifest.read(folder)
    except TrainError:
        return None


def summary(made: Manifest, workspace: Workspace, started: float, *, up_to_date: bool) -> dict[str, Any]:
    """What `prepare` hands back."""
    elapsed_s = time.monotonic() - started
    root = workspace.root
    elsewhere = f" --workspace {shlex.quote(str(root))}" if root != Path(os.environ.get(VARIABLE) or ".") else ""
    return {
        **made.counts,
        "notation": made.options["notation"],
        "pairs": made.options.get("pairs"),
        "folder": str(workspace.text),
        "up_to_date": up_to_date,
        "elapsed_s": round(elapsed_s, 3),
        "mb_per_s": round(made.counts["bytes_in"] / 1e6 / max(elapsed_s, 1e-9), 3),
        "next": f"phon tokenizer{elsewhere}",
    }


def show_summary(done: Mapping[str, Any]) -> None:
    """Print what `prepare` handed back as a table."""
    splits = done["documents_by_split"]
    oov = ""
    if done["oov"]:
        share = 100 * done["oov"] / done["words"]
        commonest = ", ".join(f"{word} {count:,}" for word, count in done["oov_top"])
        oov = f"{done['oov']:,} ({share:.1f} % of all; {done['oov_distinct']:,} distinct): {commonest}"
    what = "pairs" if done["pairs"] else "documents"
    types = show.counted(done["documents_by_type"]) if any(done["documents_by_type"]) else ""
    written = done["bytes_out"] / done["bytes_in"]
    seconds = f"{done['elapsed_s']:.1f}" + ("" if done["up_to_date"] else f", {done['mb_per_s']:.2f} MB/s")
    show.table(
        f"{done['folder']}: {'up to date' if done['up_to_date'] else 'written'}",
        {
            "sources": said_of(done["pairs"]["notation"]) if done["pairs"] else "",
            "targets" if done["pairs"] else "notation": said_of(done["notation"]),
            what: f"{done['documents']:,}: {splits['train']:,} train, {splits['validation']:,} validation",
            "types": types,
            "words": f"{done['words']:,}",
            "text": f"{show.megabytes(done['bytes_in'])} in, {show.megabytes(done['bytes_out'])} out ({written:.2f} ×)",
            "not in the lexicon": oov,
            "left out of texts": show.counted(done["left_out"]),
            f"{what} dropped": show.counted(done["dropped"]),
            "seconds": seconds,
            "next": done["next"],
        },
    )


def said_of(notation: Mapping[str, Any]) -> str:
    """A notation's spec in words."""
    options = notation["options"]
    said = [f"{name} {f'{len(value):,} words' if name == 'lexicon' else value}" for name, value in options.items()]
    return ", ".join([notation["name"], *said])


@click.command("prepare")
@click.argument("corpora", nargs=-1, metavar="CORPUS...")
@notation_options
@pair_options
@click.option("--text-field", default=DEFAULTS.text_field, show_default=True, help="A record's field with its text.")
@click.option("--type-field", help="A record's field with its type; otherwise the first folder is the type.")
@click.option(
    "--type-levels",
    type=click.IntRange(0),
    default=DEFAULTS.type_levels,
    show_default=True,
    help="Folders that make a type: with 2, poems/sonnets is a sub-type of poems.",
)
@click.option(
    "--unit", type=click.Choice(get_args(Unit)), default=DEFAULTS.unit, show_default=True, help="What a document is."
)
@click.option(
    "--passage-words",
    type=click.IntRange(1),
    default=DEFAULTS.passage_words,
    show_default=True,
    help="Most words of a passage.",
)
@click.option("--encoding", default=DEFAULTS.encoding, show_default=True, help="Of text files.")
@click.option(
    "--encoding-errors",
    type=click.Choice(get_args(EncodingErrors)),
    default=DEFAULTS.encoding_errors,
    show_default=True,
    help="What to do with bytes that are not text: stop, put a mark there, or drop the document.",
)
@click.option("--max-ratio", type=float, default=DEFAULTS.max_ratio, show_default=True, help="Of unpacked size.")
@click.option("--max-members", type=int, default=DEFAULTS.max_members, show_default=True, help="Of an archive.")
@click.option("--max-bytes", type=int, default=DEFAULTS.max_bytes, show_default=True, help="Unpacked, of one file.")
@click.option("--validation", default=0.05, show_default=True, metavar="SHARE", help="Share of documents held out.")
@click.option("--no-original", is_flag=True, help="Do not store the original texts beside the converted ones.")
@click.option("--workers", type=click.IntRange(1), help="Processes; by default one for each core.")
@workspace_option
@json_option
def command(
    corpora: tuple[str, ...],
    chosen: Choice,
    validation: float,
    no_original: bool,
    workers: int | None,
    workspace: Workspace,
    as_json: bool,
    pairs: bool,
    source_field: str,
    target_field: str,
    source_notation: str,
    target_notation: str,
    written: tuple[str, ...],
    **reading: Any,
) -> None:
    """Convert text into data/text, split into training and validation.

    CORPUS is a file or folder of .txt .md .jsonl .csv .tsv .parquet (also compressed, .zip or .tar), "-" for standard
    input, hf://NAME for a Hugging Face data set, or nltk://NAME. With --pairs it is records of a source and a target,
    each converted to a notation of its own.

    Example: phon prepare samples/corpus
    """
    refuse_others(pairs)
    sides = None
    if pairs:
        reading |= {"text_field": target_field, "source_field": source_field}
        source = read_notation(source_notation, "--source-notation")
        sides = Sides(source, read_notation(target_notation, "--target-notation"), tuple(sorted(set(written))))
    started = time.monotonic()
    with show.progress() as line:

        def report(documents: int, size_bytes: int) -> None:
            rate = size_bytes / max(time.monotonic() - started, 1e-9)
            line(f"{documents:,} documents, {show.megabytes(size_bytes)}, {show.megabytes(rate)}/s")

        done = prepare(
            corpora,
            workspace,
            notation=sides.target if sides else chosen.build(),
            sides=sides,
            options=ReadOptions(**reading),
            validation=validation,
            keep_original=not no_original,
            workers=workers,
            report=report,
        )
    if as_json:
        show.as_json(done)
    else:
        show_summary(done)
