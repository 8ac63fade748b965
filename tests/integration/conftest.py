"""Workspaces with shards, and a run that nobody disturbed."""

from pathlib import Path

import pytest

from tests.toy import ROOT, TOY, phon, trained


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
    (tmp_path / "data").symlink_to(prepared / "data")
    return tmp_path


@pytest.fixture(scope="session")
def left_alone(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose run nobody disturbed."""
    place = tmp_path_factory.mktemp("alone")
    (place / "data").symlink_to(prepared / "data")
    trained(place, *TOY)
    return place
