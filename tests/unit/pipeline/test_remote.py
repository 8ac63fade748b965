"""Data sets and nltk corpora, from local files only."""

import json
from collections import Counter
from pathlib import Path

import pytest

from pipeline.corpus import Document, ReadOptions, describe_inputs, find_sources, read_documents
from pipeline.errors import PipelineError
from pipeline.remote import DataSet, parse_hf


def read(address: str, **options: str) -> list[Document]:
    return list(read_documents(find_sources([address]), ReadOptions(**options), Counter()))  # type: ignore[arg-type]


def error_of(address: str, **options: str) -> tuple[str, str]:
    with pytest.raises(PipelineError) as caught:
        read(address, **options)
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    return str(caught.value), caught.value.hint


@pytest.fixture(autouse=True)
def quiet_and_offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import datasets
    import huggingface_hub.constants

    datasets.disable_progress_bars()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Folders that `save_to_disk` made: `rows`, one split; `splits`, two."""
    import datasets

    kinds = datasets.ClassLabel(names=["poem", "play"])
    features = datasets.Features({"text": datasets.Value("string"), "kind": kinds})
    rows = datasets.Dataset.from_dict({"text": ["a rose", "", "a ghost"], "kind": [0, 0, 1]}, features=features)
    rows.save_to_disk(str(tmp_path / "rows"))
    datasets.DatasetDict({"train": rows, "test": rows.select([2])}).save_to_disk(str(tmp_path / "splits"))
    return tmp_path


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("hf://NAME", DataSet("NAME", None, "train", None)),
        ("hf://USER/NAME", DataSet("USER/NAME", None, "train", None)),
        ("hf://USER/NAME/CONFIG?split=test", DataSet("USER/NAME", "CONFIG", "test", None)),
        ("hf://NAME?config=c&revision=v1&split=train[:5]", DataSet("NAME", "c", "train[:5]", "v1")),
        ("hf:///a/b/c", DataSet("/a/b/c", None, "train", None)),
    ],
)
def test_addresses(address: str, expected: DataSet) -> None:
    assert parse_hf(address) == expected


def test_addresses_that_mean_nothing() -> None:
    assert error_of("hf://")[0] == "hf://: no name means nothing here"
    assert error_of("hf://a/b?slice=1")[0] == "hf://a/b?slice=1: ?slice= means nothing here"


def test_a_saved_data_set_is_read_by_folder_or_address(saved: Path) -> None:
    expected = [Document("rows#0", "rows", "", "a rose"), Document("rows#2", "rows", "", "a ghost")]
    assert read(str(saved / "rows")) == expected
    name = f"hf://{saved}/rows"
    found = read(name, type_field="kind")
    assert [(document.id, document.type) for document in found] == [(f"{name}#0", "poem"), (f"{name}#2", "play")]


def test_splits_are_chosen_by_name(saved: Path) -> None:
    assert [document.text for document in read(str(saved / "splits"))] == ["a rose", "a ghost"]
    assert [document.text for document in read(f"hf://{saved}/splits?split=test")] == ["a ghost"]
    message, hint = error_of(f"hf://{saved}/splits?split=dev")
    assert message == f"hf://{saved}/splits?split=dev has no split 'dev'; there are 'train', 'test'"
    assert hint == "choose one with ?split=NAME"


def test_a_folder_of_files_is_streamed_by_datasets(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "train.jsonl").write_text(json.dumps({"text": "a rose"}) + "\n" + json.dumps({"text": "a ghost"}))
    address = f"hf://{folder}"
    assert [document.text for document in read(address)] == ["a rose", "a ghost"]
    assert error_of(address, text_field="body")[0] == f"{address}, row 0: no field 'body'; there are 'text'"
    assert error_of(f"{address}?split=dev")[0].startswith(f"cannot load {address}?split=dev: Bad split: dev")


def test_a_data_set_that_is_not_there(tmp_path: Path) -> None:
    assert error_of(f"hf://{tmp_path}/absent")[0] == f"hf://{tmp_path}/absent: no such folder"
    message, hint = error_of("hf://nobody/nothing")
    assert message.startswith("cannot load hf://nobody/nothing: ")
    assert "network" in hint


def test_a_damaged_data_set(saved: Path) -> None:
    (data,) = (saved / "rows").glob("*.arrow")
    data.write_bytes(data.read_bytes()[:100])
    assert error_of(f"hf://{saved}/rows")[0].startswith(f"cannot load hf://{saved}/rows: ")


def test_the_fingerprint_changes_with_the_content(saved: Path) -> None:
    sources = find_sources([str(saved / "rows")])
    (before,) = describe_inputs(sources)
    assert before == describe_inputs(sources)[0]
    assert before["size_bytes"] is None
    assert len(str(before["sha256"])) == 64
    (data,) = (saved / "rows").glob("*.arrow")
    data.write_bytes(data.read_bytes().replace(b"rose", b"nose"))
    assert describe_inputs(sources)[0]["sha256"] != before["sha256"]


@pytest.fixture
def gutenberg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny nltk corpus where nltk looks for its data; nltk's loader, once loaded, would stay so."""
    import nltk.corpus
    import nltk.data
    from nltk.corpus.util import LazyCorpusLoader

    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    loader = LazyCorpusLoader("gutenberg", nltk.corpus.PlaintextCorpusReader, r".*\.txt", encoding="utf-8")
    monkeypatch.setattr(nltk.corpus, "gutenberg", loader)
    return tmp_path / "corpora" / "gutenberg"


def test_an_nltk_corpus_is_read_file_by_file(gutenberg: Path) -> None:
    gutenberg.mkdir(parents=True)
    (gutenberg / "b.txt").write_bytes(b"a rose\r\n\r\na ghost")
    (gutenberg / "a.txt").write_text("first")
    assert read("nltk://gutenberg", unit="paragraph") == [
        Document("nltk://gutenberg/a.txt#0", "nltk://gutenberg/a.txt", "", "first"),
        Document("nltk://gutenberg/b.txt#0", "nltk://gutenberg/b.txt", "", "a rose"),
        Document("nltk://gutenberg/b.txt#1", "nltk://gutenberg/b.txt", "", "a ghost"),
    ]
    (facts,) = describe_inputs(find_sources(["nltk://gutenberg"]))
    assert len(str(facts["sha256"])) == 64
    (gutenberg / "a.txt").write_bytes(b"caf\xe9.")
    assert error_of("nltk://gutenberg")[0].startswith("nltk://gutenberg/a.txt is broken or cut short: ")


def test_nltk_data_that_is_not_installed(gutenberg: Path) -> None:
    message, hint = error_of("nltk://gutenberg")
    assert message == "the data of nltk's corpus 'gutenberg' is not installed"
    assert hint.startswith('run "python -m nltk.downloader gutenberg", or put it in corpora/gutenberg in a folder that')


@pytest.mark.parametrize("name", ["nothing", "../etc", "__loader__", "reader", "", "re"])
def test_a_corpus_that_nltk_does_not_have(name: str) -> None:
    assert error_of(f"nltk://{name}")[0] == f"nltk has no corpus {name!r}"
