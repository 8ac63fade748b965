"""Sources as a model of pairs reads them, and pairs as shards that last as long as a command."""

import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.corpus import find_sources, read_documents
from pipeline.document import ReadOptions
from pipeline.encode import Encoder
from pipeline.errors import PipelineError
from pipeline.pack import encode_pairs, read_splits, require_text
from pipeline.pairs import Sides
from train.contract import Contract
from train.manifest import describe_files
from train.shards import Shards, ShardWriter
from train.workspace import Workspace


class Pair(NamedTuple):
    """A source and its target in their notations."""

    source: str
    target: str
    type: str
    n_bytes: int  # of the target's original


def read_sources(lines: Iterable[str], contract: Contract, name: str) -> list[str]:
    """Lines in the notation of a model's sources.

    Raises:
        PipelineError: there are none, the model takes none, or one is to be in its notation already and is not.
    """
    if contract.pairs is None:
        raise PipelineError("this model reads no sources: it was not trained on pairs", hint="leave --source out")
    sides, given = Sides.of(contract), list(lines)
    for number, line in enumerate(given, 1):
        sides.check("source", line, f"{name}, line {number}")
    if not given:
        raise PipelineError(f"{name} is empty", hint="write a source on each line")
    return sides.convert("source", given)


def encode_sources(folder: Path, texts: Sequence[str], contract: Contract) -> list[list[int]]:
    """The ids of sources, each with its end."""
    encoder = Encoder(folder, sources=True)
    return [[*encoder.encode(text), contract.eos] for text in texts]


def held_out_pairs(workspace: Workspace, contract: Contract) -> list[Pair]:
    """The validation split of the text that a model was trained on.

    Raises:
        PipelineError: there is another text.
    """
    text = require_text(workspace)
    assert contract.pairs
    known = {"notation": contract.pairs.notation, "written": contract.pairs.written}
    if (text.options["notation"], text.options.get("pairs")) != (contract.notation, known):
        raise PipelineError(
            f"{workspace.text} is not what the model was trained on: its notations are others",
            hint="pass --pairs with a file, or --workspace",
        )
    found: list[Pair] = []
    for split, table in read_splits(workspace, text, ["given", "text", "type", "n_bytes"]):
        if split == "validation":
            columns = (table.column(name).to_pylist() for name in ("given", "text", "type", "n_bytes"))
            found += map(Pair._make, zip(*columns, strict=True))
    return found


def read_pairs(files: Sequence[str], contract: Contract, source_field: str, target_field: str) -> list[Pair]:
    """The pairs of files, converted as those of the training were.

    Raises:
        PipelineError: they cannot be read, or hold no pair.
    """
    sides, options = Sides.of(contract), ReadOptions(text_field=target_field, source_field=source_field)
    documents = list(sides.checked(read_documents(find_sources(files), options, Counter())))
    sources = sides.convert("source", [document.given or "" for document in documents])
    targets = sides.convert("target", [document.text for document in documents])
    made = zip(sources, targets, documents, strict=True)
    found = [Pair(source, target, "", len(one.text.encode())) for source, target, one in made if source and target]
    if not found:
        raise PipelineError(f"no pair in {' '.join(files)}", hint="it needs records of a source and a target")
    return found


def as_shards(pairs: Sequence[Pair], folder: Path, contract: Contract) -> Shards:
    """Pairs as the training had them, by the tokenizer of `folder`."""
    types = [pair.type if pair.type in contract.openings else sorted(contract.openings)[0] for pair in pairs]
    tokens, lengths = encode_pairs(
        Encoder(folder, sources=True),
        Encoder(folder),
        [pair.source for pair in pairs],
        [pair.target for pair in pairs],
        types,
    )
    sizes = np.array([size for pair in pairs for size in (0, pair.n_bytes)])
    with tempfile.TemporaryDirectory() as there:
        writer = ShardWriter(Path(there), contract.vocab_size)
        writer.add(tokens, lengths, sizes, [name for name in types for _ in range(2)])
        return Shards.open(Path(there), describe_files(Path(there), writer.close()))
