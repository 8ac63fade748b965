"""`phon pack`: the converted text as token shards, each document with its opening and its end."""

import os
import shlex
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import show
from pipeline.encode import Encoder
from pipeline.errors import PipelineError
from pipeline.options import json_option, workspace_option
from pipeline.parts import read_tables
from pipeline.pretoken import word_separator
from pipeline.split import Split
from train.contract import Contract
from train.files import lock, remove, remove_asides, sha256_file, sync_folder
from train.manifest import NAME as MANIFEST
from train.manifest import Manifest, describe_files, require
from train.shards import SPLITS, STAGE, TOKENS_PER_SHARD, Integers, ShardWriter, Tokens
from train.workspace import VARIABLE, Workspace

Report = Callable[[str], None]  # gets a line on how far it is
COUNTED = ("documents", "tokens", "text_tokens", "n_bytes", "words")  # text tokens: without openings and ends


def pack(
    workspace: Workspace,
    *,
    tokens_per_shard: int = TOKENS_PER_SHARD,
    report: Report = lambda line: None,
    text: Manifest | None = None,
) -> dict[str, Any]:
    """Encode both splits of `workspace.text` into `workspace.shards`. Nothing to do if that is done already.

    Killed at any moment and called again, it writes the same bytes.

    Args:
        workspace: Where to read and write.
        tokens_per_shard: The most tokens of a file.
        report: Is told how far it is.
        text: The manifest of the text, if it was checked already.

    Returns:
        Counts by split and type, and how it went.

    Raises:
        TrainError: no text, no tokenizer, or another process writes to the same shards.
        PipelineError: the tokenizer was trained on another notation or without a type of this text.
    """
    started = time.monotonic()
    text = text or require_text(workspace)
    require(workspace.tokenizer, stage="tokenizer", command="phon tokenizer", what="tokenizer")
    contract = Contract.read(workspace.tokenizer)
    spec = text.options["notation"]
    if contract.notation != spec:
        raise PipelineError(
            f"the tokenizer in {workspace.tokenizer} was trained on {_name(contract.notation)}, "
            f"the text in {workspace.text} is {_name(spec)}",
            hint='run "phon tokenizer" to train one on this text',
        )
    pairs = text.options.get("pairs")
    if pairs != (contract.pairs and {"notation": contract.pairs.notation, "written": contract.pairs.written}):
        raise PipelineError(
            f"the tokenizer in {workspace.tokenizer} was trained on {'other ' if pairs else ''}"
            f"{'pairs' if contract.pairs else 'documents'}, {workspace.text} holds {'pairs' if pairs else 'documents'}",
            hint='run "phon tokenizer" to train one on this text',
        )
    folder = workspace.shards
    with lock(folder):
        wanted = Manifest(
            stage=STAGE,
            inputs=[
                {"name": name, "size_bytes": path.stat().st_size, "sha256": sha256_file(path)}
                for name, path in (("text", workspace.text / MANIFEST), ("tokenizer", workspace.tokenizer / MANIFEST))
            ],
            options={"tokens_per_shard": tokens_per_shard, **({"pairs": True} if pairs else {})},
            versions={name: version(name) for name in ("phon", "pyarrow", "tokenizers")},
        )
        if wanted.is_current(folder):
            there = Manifest.read(folder)
            assert there is not None, "it was there a moment ago"
            return _summary(there, workspace, started, up_to_date=True)
        remove(folder / MANIFEST)  # from here on the folder is unfinished
        sync_folder(folder)
        for split in SPLITS:
            remove(folder / split)
        remove_asides(folder)
        made = _write(workspace, text, wanted, contract, report)
        made.write(folder)
        return _summary(made, workspace, started, up_to_date=False)


def require_text(workspace: Workspace) -> Manifest:
    """The manifest of the converted text.

    Raises:
        TrainError: there is no whole text.
    """
    return require(workspace.text, stage="prepare", command="phon prepare CORPUS", what="converted text")


def read_splits(workspace: Workspace, text: Manifest, columns: list[str]) -> Iterator[tuple[str, pa.Table]]:
    """The documents in order, in tables of one split each."""
    chosen_split = Split(**text.counts["validation"])
    for table in read_tables(workspace.text, sorted({*columns, "id", "split_key"})):
        is_validation = chosen_split.is_validation(table)
        for split, chosen in zip(SPLITS, (~is_validation, is_validation), strict=True):
            if chosen.any():
                yield split, table.select(columns).filter(pa.array(chosen)).combine_chunks()


def add_openings(
    ids: Tokens, lengths: Integers, types: list[str], openings: Mapping[str, list[int]], eos: int
) -> tuple[Tokens, Integers]:
    """Documents as they are trained on: opening, tokens, end; all of them end to end, and the length of each."""
    before = np.array([len(openings[name]) for name in types], dtype=np.int64)
    whole = before + lengths + 1
    ends = np.cumsum(whole)
    starts = ends - whole
    packed: Tokens = np.empty(int(whole.sum()), dtype=ids.dtype)
    is_text = np.ones(len(packed), dtype=bool)
    for place in range(int(before.max(initial=0))):
        documents = np.flatnonzero(before > place)
        packed[starts[documents] + place] = [openings[types[document]][place] for document in documents]
        is_text[starts[documents] + place] = False
    packed[ends - 1] = eos
    is_text[ends - 1] = False
    packed[is_text] = ids
    return packed, whole


def interleave(first: tuple[Tokens, Integers], second: tuple[Tokens, Integers]) -> tuple[Tokens, Integers]:
    """Documents in turn, one of `first` and one of `second`: all of them end to end, and the length of each."""
    tokens = np.concatenate([first[0], second[0]])
    lengths = np.concatenate([first[1], second[1]])
    starts = np.cumsum(lengths) - lengths
    turns = np.arange(len(lengths)).reshape(2, -1).T.ravel()
    lengths = lengths[turns]
    places = np.repeat(starts[turns] - np.cumsum(lengths) + lengths, lengths) + np.arange(len(tokens))
    return tokens[places], lengths


def encode_pairs(
    of_sources: Encoder, encoder: Encoder, given: Any, texts: Any, types: list[str]
) -> tuple[Tokens, Integers]:
    """Each source with its end, and after it its target as a document is: all end to end, and the length of each."""
    contract = encoder.contract
    sources = add_openings(*of_sources.encode_batch(given), [""] * len(types), {"": []}, contract.eos)
    targets = add_openings(*encoder.encode_batch(texts), types, contract.openings, contract.eos)
    return interleave(sources, targets)


def _write(workspace: Workspace, text: Manifest, wanted: Manifest, contract: Contract, report: Report) -> Manifest:
    """Write the shards of both splits; returns the manifest to write last."""
    encoder = Encoder(workspace.tokenizer)
    of_sources = Encoder(workspace.tokenizer, sources=True) if contract.pairs else None
    separator = word_separator(text.options["notation"])
    folder, size = workspace.shards, contract.vocab_size
    writers = {split: ShardWriter(folder / split, size, wanted.options["tokens_per_shard"]) for split in SPLITS}
    counts: dict[str, defaultdict[str, Counter[str]]] = {split: defaultdict(Counter) for split in SPLITS}
    given = ["given"] if of_sources else []
    done = 0
    for split, table in read_splits(workspace, text, ["text", "type", "n_bytes", *given]):
        types = table.column("type").to_pylist()
        for name in sorted(set(types) - contract.openings.keys()):
            raise PipelineError(
                f"the text has documents of type {name!r}, which the tokenizer in {workspace.tokenizer} does not know",
                hint='run "phon tokenizer" to train one on this text',
            )
        texts = table.column("text").combine_chunks()
        ids, lengths = encoder.encode_batch(texts)
        tokens, whole = add_openings(ids, lengths, types, contract.openings, contract.eos)
        n_bytes = table.column("n_bytes").to_numpy()
        if of_sources:
            pairs, both = encode_pairs(of_sources, encoder, table.column("given").combine_chunks(), texts, types)
            sizes = np.stack([np.zeros_like(n_bytes), n_bytes], 1).ravel()
            writers[split].add(pairs, both, sizes, [name for name in types for _ in range(2)])
            whole = both.reshape(-1, 2).sum(1)
        else:
            writers[split].add(tokens, whole, n_bytes, types)
        words = pc.add(pc.count_substring(texts, separator), 1).to_numpy()
        for name in set(types):
            of_type = np.array([other == name for other in types])
            sums = (of_type, whole[of_type], lengths[of_type], n_bytes[of_type], words[of_type])
            counts[split][name].update({key: int(values.sum()) for key, values in zip(COUNTED, sums, strict=True)})
        done += table.num_rows
        report(f"packing: {done:,} documents")
    if not counts["validation"] and done > 1:
        raise PipelineError(
            f"none of the {done:,} documents in {workspace.text} is held out for validation",
            hint='run "phon prepare" again with a larger --validation',
        )
    names = [f"{split}/{name}" for split, writer in writers.items() for name in writer.close()]
    return replace(
        wanted,
        counts={
            "vocab_size": contract.vocab_size,
            "tokenizer_sha256": contract.tokenizer_sha256,
            **{split: _by_type(counts[split]) for split in SPLITS},
        },
        files=describe_files(folder, names),
    )


def _by_type(counts: Mapping[str, Counter[str]]) -> dict[str, Any]:
    """The sums of one split, and under "types" those of each type."""
    total: Counter[str] = sum(counts.values(), Counter())
    return {
        **{key: total[key] for key in COUNTED},
        "types": {name: {key: counts[name][key] for key in COUNTED} for name in sorted(counts)},
    }


def _name(notation: Mapping[str, Any]) -> str:
    """A notation's spec in words."""
    chosen = " ".join(f"{key}={value}" for key, value in sorted(notation["options"].items()))
    return f"{notation['name']} {notation['version']}" + (f" ({chosen})" if chosen else "")


def _summary(made: Manifest, workspace: Workspace, started: float, *, up_to_date: bool) -> dict[str, Any]:
    """What `pack` hands back."""
    found_by_itself = workspace.root == Path(os.environ.get(VARIABLE) or ".")
    where = "" if found_by_itself else f"{VARIABLE}={shlex.quote(str(workspace.root))} "
    return {
        **made.counts,
        "pairs": made.options.get("pairs", False),
        "folder": str(workspace.shards),
        "up_to_date": up_to_date,
        "elapsed_s": round(time.monotonic() - started, 3),
        "next": f"{where}accelerate launch train/run.py",
    }


def show_splits(summary: Mapping[str, Any]) -> dict[str, str]:
    """Rows of a table: documents and tokens by split."""
    what = "pairs" if summary["pairs"] else "documents"
    rows = {split: f"{summary[split]['documents']:,} {what}, {summary[split]['tokens']:,} tokens" for split in SPLITS}
    if not summary["validation"]["documents"]:
        rows["validation"] = "none: the corpus is one document, and training needs it"
    return rows


@click.command("pack")
@workspace_option
@json_option
def command(workspace: Workspace, as_json: bool) -> None:
    """Pack the converted text into token shards again, with the tokenizer that is there.

    "phon tokenizer" does this too, after training. Example: phon pack
    """
    with show.progress() as report:
        summary = pack(workspace, report=report)
    if as_json:
        show.as_json(summary)
        return
    done = "up to date" if summary["up_to_date"] else f"packed in {summary['elapsed_s']:.1f} s"
    show.table(f"{done}: {summary['folder']}", {**show_splits(summary), "next": summary["next"]})
