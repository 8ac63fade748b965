"""The data of a study's cells: the workspace's, or where a cell asks for other tokens, the same texts done anew."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import PipelineError
from train.contract import Contract
from train.manifest import Manifest, require
from train.match import Corpus
from train.shards import open_split, packed
from train.study import Study
from train.workspace import Workspace

PREPARE = ("--text-field", "original", "--type-field", "type")


def places(study: Study, workspace: Workspace, folder: Path, say: Callable[[str], None]) -> dict[str, Workspace]:
    """The workspace of each cell by its name, with shards; what is there already is not made again.

    Args:
        workspace: Where the texts or shards are.
        folder: The study's own: the cells' data and runs go there.

    Raises:
        PipelineError: the originals of the texts were not kept, or preparing a cell failed.
        TrainError: there is no data.
    """
    if not study.makes_data:
        packed(workspace.shards)
        folder.mkdir(parents=True, exist_ok=True)
        link = folder / "data"
        if not link.exists():
            link.unlink(missing_ok=True)  # of a workspace that was moved
            link.symlink_to((workspace.root / "data").resolve())
        return {cell.name: Workspace(folder) for cell in study.listed}
    require(workspace.text, stage="prepare", command="phon prepare", what="text")
    manifest = Manifest.read(workspace.text)
    assert manifest
    if not manifest.options.get("keep_original"):
        raise PipelineError(
            f"{workspace.text} was prepared without the original texts, and this study needs them",
            hint='run "phon prepare" again without --no-original',
        )
    found: dict[str, Workspace] = {}
    for cell in study.listed:
        options = {command: cell.options(command) for command in ("prepare", "tokenizer")}
        slug = re.sub(r"[^\w.+-]+", "-", " ".join([*options["prepare"], *options["tokenizer"]])).strip("-") or "plain"
        place = folder / "cells" / slug
        if Workspace(place) not in found.values():
            say(f"{cell.name}: its tokens, in {place}")
            stage("prepare", str(workspace.text), *PREPARE, *options["prepare"], place=place)
            stage("tokenizer", *options["tokenizer"], place=place)
        found[cell.name] = Workspace(place)
    return found


def stage(command: str, *arguments: str, place: Path) -> None:
    """Run a stage as its user would.

    Raises:
        PipelineError: it failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", command, *arguments, "--workspace", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no word of why"]
        told = next((line for line in lines if line.startswith("error: ")), lines[-1])
        raise PipelineError(f"phon {command} {' '.join(arguments)}: {told.removeprefix('error: ')}", hint="")


def corpora(cells: dict[str, Workspace]) -> dict[str, Corpus]:
    """What the cells train on."""
    opened: dict[Path, Corpus] = {}
    for place in cells.values():
        if place.root not in opened:
            opened[place.root] = Corpus(open_split(place.shards, "train"), Contract.read(place.tokenizer))
    return {name: opened[place.root] for name, place in cells.items()}
