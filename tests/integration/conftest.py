"""Workspaces with shards, and a run that nobody disturbed."""

import shutil
from pathlib import Path

import pytest

from tests.forked import done, train
from tests.toy import ROOT, TOY, linked, phon, trained


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with shards of the sample essays and verse, in plain text."""
    place = tmp_path_factory.mktemp("prepared")
    corpora = [str(ROOT / "samples" / "corpus" / name) for name in ("essays", "verse")]
    phon("prepare", *corpora, "--to", "text", "--workspace", str(place))
    phon("tokenizer", "--vocab-size", "384", "--workspace", str(place))
    return place


@pytest.fixture
def workspace(prepared: Path, tmp_path: Path) -> Path:
    """The same shards with no runs yet."""
    return linked(prepared, tmp_path)


@pytest.fixture(scope="session")
def left_alone(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose run nobody disturbed."""
    place = linked(prepared, tmp_path_factory.mktemp("alone"))
    trained(place, *TOY)
    return place


BRIEF = [*TOY, "train.max_steps=4", "log.eval_every=2", "log.save_every=2"]


@pytest.fixture(scope="session")
def two_runs(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a run that is finished and one that was cut off in its last step, both of `BRIEF`."""
    place = tmp_path_factory.mktemp("runs")
    shutil.copytree(prepared / "data", place / "data")
    for name in ("finished", "cut-off"):
        said = place / "said"
        assert done(train, ["--workspace", str(place), *BRIEF, f"log.name={name}"], said) == 0, said.read_text()
    shutil.rmtree(place / "runs" / "cut-off" / "model")
    (place / "runs" / "cut-off" / "manifest.json").unlink()
    return place
