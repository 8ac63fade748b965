import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from pipeline.encode import Encoder
from pipeline.errors import PipelineError
from pipeline.pack import add_openings, command, interleave, pack
from pipeline.tokenizer import train_tokenizer
from tests.unit.pipeline.conftest import Prepared
from train.errors import TrainError
from train.files import lock
from train.manifest import Manifest
from train.shards import open_split, packed
from train.workspace import Workspace

Documents = list[tuple[str, str]]


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def test_every_document_is_opening_tokens_end() -> None:
    openings = {"": [0], "a": [0, 3], "b": [0, 4]}
    ids, lengths = np.array([10, 11, 12, 13], dtype=np.uint16), np.array([2, 0, 1, 1])
    tokens, whole = add_openings(ids, lengths, ["b", "a", "", "a"], openings, eos=1)
    assert tokens.tolist() == [0, 4, 10, 11, 1, 0, 3, 1, 0, 12, 1, 0, 3, 13, 1]
    assert whole.tolist() == [5, 3, 3, 4]
    assert tokens.dtype == np.uint16


def test_shards_hold_both_splits_in_document_order(prepared: Prepared, phones: Documents) -> None:
    workspace = prepared(phones)
    train_tokenizer(workspace)
    encoder = Encoder(workspace.tokenizer)
    opening = encoder.contract.openings
    for split in ("train", "validation"):
        chosen = [phones[i] for i in range(len(phones)) if (i % 10 == 1) == (split == "validation")]
        shards = open_split(workspace.shards, split)
        assert shards.n_documents == len(chosen)
        assert shards.types == [name for name, _ in chosen]
        assert shards.n_bytes == sum(2 * len(text) for _, text in chosen)
        for start, length, (name, text) in zip(shards.starts, shards.lengths, chosen, strict=True):
            document = shards.read(int(start), int(start + length)).tolist()
            assert document == [*opening[name], *encoder.encode(text), 1]


def test_the_manifest_counts_by_split_and_type(prepared: Prepared, phones: Documents) -> None:
    workspace = prepared(phones)
    train_tokenizer(workspace)
    counts = packed(workspace.shards).counts
    contract = Encoder(workspace.tokenizer).contract
    assert counts["vocab_size"] == contract.vocab_size
    assert counts["tokenizer_sha256"] == contract.tokenizer_sha256
    shards = open_split(workspace.shards, "train")
    train = counts["train"]
    assert (train["documents"], train["tokens"], train["n_bytes"]) == (54, shards.n_tokens, shards.n_bytes)
    assert train["text_tokens"] == shards.n_tokens - 3 * 54
    assert train["words"] == 54 * 20
    assert train["types"]["prose"]["documents"] == 30
    for key in ("documents", "tokens", "n_bytes", "words"):
        assert sum(sums[key] for sums in train["types"].values()) == train[key]


def test_words_of_the_spaced_form_are_parted_by_bars(
    prepared: Prepared, compact: dict[str, Any], phones: Documents
) -> None:
    spec = {**compact, "options": {"form": "spaced"}}
    workspace = prepared([("", "K AE1 T | S AE1 T"), ("", "K AE1 T"), ("", "D AH0 | K AE1 T | B")], spec)
    summary = train_tokenizer(workspace)
    assert summary["train"]["words"] == 5
    assert summary["validation"]["words"] == 1


def test_packing_again_gives_the_same_bytes_in_shards_of_any_size(prepared: Prepared, phones: Documents) -> None:
    workspace = prepared(phones)
    train_tokenizer(workspace)
    written = tree(workspace.shards)
    assert pack(workspace)["up_to_date"]
    small = pack(workspace, tokens_per_shard=100)
    assert not small["up_to_date"]
    assert len(list((workspace.shards / "train").glob("*.arrow"))) > 5
    shards = open_split(workspace.shards, "train")
    assert shards.n_tokens == small["train"]["tokens"]
    assert not pack(workspace)["up_to_date"]
    assert tree(workspace.shards) == written


def test_killed_at_any_rename_and_run_again_gives_the_same_bytes(
    prepared: Prepared, phones: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    workspace = prepared(phones)
    train_tokenizer(workspace)
    pack(workspace, tokens_per_shard=400)
    written = tree(workspace.shards)
    real, left = os.replace, 0

    def replace(source: Path, target: Path) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        real(source, target)

    crash_points = 0
    while True:
        (workspace.shards / "manifest.json").unlink()
        left = crash_points
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", replace)
            try:
                pack(workspace, tokens_per_shard=400)
                break
            except Killed:
                pass
        with pytest.raises(TrainError, match="no shards in"):
            open_split(workspace.shards, "train")
        pack(workspace, tokens_per_shard=400)
        assert tree(workspace.shards) == written
        crash_points += 1
    assert crash_points >= 8


def test_a_damaged_shard_is_made_anew(prepared: Prepared, phones: Documents) -> None:
    workspace = prepared(phones)
    train_tokenizer(workspace)
    written = tree(workspace.shards)
    shard = workspace.shards / "train" / "data-00000.arrow"
    shard.write_bytes(shard.read_bytes()[:-8])
    with pytest.raises(TrainError, match=r"train/data-00000\.arrow has"):
        open_split(workspace.shards, "train")
    assert not pack(workspace)["up_to_date"]
    assert tree(workspace.shards) == written


def test_datasets_opens_a_split(prepared: Prepared, phones: Documents) -> None:
    from datasets import load_from_disk

    workspace = prepared(phones)
    train_tokenizer(workspace)
    opened = load_from_disk(str(workspace.shards / "validation"))
    assert opened.num_rows == 6
    assert opened[0]["type"] == "verse"
    assert opened[0]["input_ids"][0] == 0
    assert opened[0]["input_ids"][-1] == 1


def test_one_document_leaves_validation_empty_and_says_so(prepared: Prepared) -> None:
    workspace = prepared([("", "only one here, but one it is")])
    summary = train_tokenizer(workspace)
    assert summary["validation"]["documents"] == 0
    assert open_split(workspace.shards, "validation").n_tokens == 0
    result = CliRunner().invoke(command, ["--workspace", str(workspace.root)])
    assert "none: the corpus is one document" in result.stdout


def split_otherwise(workspace: Workspace, validation: dict[str, Any]) -> None:
    made = Manifest.read(workspace.text)
    assert made
    replace(made, counts={**made.counts, "validation": validation}).write(workspace.text)


def test_no_validation_of_many_documents_is_an_error(prepared: Prepared, phones: Documents) -> None:
    workspace = prepared(phones)
    split_otherwise(workspace, {"below": 0, "ids": []})
    with pytest.raises(PipelineError, match=r"none of the 60 documents .* held out for validation") as caught:
        train_tokenizer(workspace)
    assert "--validation" in caught.value.hint


def test_the_split_key_decides_too(prepared: Prepared, phones: Documents) -> None:
    workspace = prepared(phones)
    split_otherwise(workspace, {"below": 2**63, "ids": []})
    summary = train_tokenizer(workspace)
    assert summary["train"]["documents"] + summary["validation"]["documents"] == 60
    assert 15 < summary["validation"]["documents"] < 45


def test_a_tokenizer_of_another_notation_or_without_a_type_is_refused(
    prepared: Prepared, compact: dict[str, Any], phones: Documents
) -> None:
    workspace = prepared(phones)
    train_tokenizer(workspace)
    prepared([*phones, ("letters", "k@1t")])
    with pytest.raises(PipelineError, match="documents of type 'letters'") as caught:
        pack(workspace)
    assert "phon tokenizer" in caught.value.hint
    prepared(phones, compact)
    with pytest.raises(
        PipelineError, match=r"trained on text 1, .* is arpabet 2 \(form=compact stress=True\)"
    ) as caught:
        pack(workspace)
    assert "phon tokenizer" in caught.value.hint


def test_without_a_tokenizer_it_says_what_to_run(prepared: Prepared, phones: Documents, tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="no converted text"):
        pack(Workspace(tmp_path))
    with pytest.raises(TrainError, match="no tokenizer in") as caught:
        pack(prepared(phones))
    assert 'run "phon tokenizer"' in caught.value.hint


def test_a_second_writer_is_refused(prepared: Prepared, phones: Documents) -> None:
    workspace = prepared(phones)
    train_tokenizer(workspace)
    with lock(workspace.shards), pytest.raises(TrainError, match=r"another process .* is writing to"):
        pack(workspace)


def test_the_command_prints_json(prepared: Prepared, phones: Documents) -> None:
    workspace = prepared(phones)
    train_tokenizer(workspace)
    result = CliRunner().invoke(command, ["--workspace", str(workspace.root), "--json"])
    assert json.loads(result.stdout)["train"]["documents"] == 54


def test_documents_of_two_sides_take_turns() -> None:
    first = (np.array([1, 2, 3], np.uint16), np.array([2, 1]))
    second = (np.array([7, 8, 9], np.uint16), np.array([0, 3]))
    tokens, lengths = interleave(first, second)
    assert (tokens.tolist(), lengths.tolist()) == ([1, 2, 3, 7, 8, 9], [2, 0, 1, 3])
