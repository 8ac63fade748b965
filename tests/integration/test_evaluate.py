import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from pipeline.cli import main
from pipeline.evaluate import evaluate
from pipeline.heldout import Documents
from pipeline.sampled import HELD_OUT, RANDOM, Drawing
from pipeline.trained import find_model
from tests.models import random_model
from train.contract import Contract
from train.export import Vocabulary, write_model
from train.gpt2 import Shape
from train.shards import Shards
from train.workspace import Workspace


@pytest.fixture
def untrained(workspace: Path) -> Path:
    """A workspace with a model that has learnt nothing."""
    tokenizer = workspace / "data" / "tokenizer"
    size = Contract.read(tokenizer).vocab_size
    model = random_model(Shape(vocab_size=size, seq_len=64, n_layer=1, n_head=2, n_embd=16, n_inner=32))
    folder = workspace / "runs" / "untrained" / "model"
    folder.mkdir(parents=True)
    (folder.parent / "config.toml").touch()
    write_model(folder, model.shape, model.weights(), Vocabulary.read(tokenizer))
    (workspace / "runs" / "LATEST").write_text("untrained\n")
    return workspace


def test_a_model_is_judged_beside_what_is_simpler(untrained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["evaluate", "--workspace", str(untrained), "--samples", "3", "--temperatures", "0.5,1"]
    assert main([*asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    bits = {name: row["bits_per_byte"] for name, row in found["baselines"].items()}
    assert found["bits_per_byte"] > bits["1-gram"] > bits["2-gram"] > bits["3-gram"] > bits["6-gram"] > 1
    assert bits["xz, primed"] < bits["xz"] and bits["gzip, primed"] < bits["gzip"]
    assert found["perplexity_per_symbol"] < found["perplexity"] < found["perplexity_per_word"]
    rows = found["samples"]["rows"]
    assert list(rows) == ["0.5", "1", HELD_OUT, RANDOM]
    assert rows[HELD_OUT]["words_real"] > 0.8 > rows["1"]["words_real"]
    assert rows[HELD_OUT]["copied_median"] > rows[RANDOM]["copied_median"]
    assert rows[HELD_OUT]["gram_divergence"]["1"] < rows[RANDOM]["gram_divergence"]["3"]

    folder = untrained / "runs" / "untrained" / "evaluation"
    assert {path.name for path in folder.iterdir()} == {"evaluation.json", "samples.jsonl", "temperature.png"}
    assert json.loads((folder / "evaluation.json").read_text())["samples"]["rows"] == rows
    samples = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    assert [one["row"] for one in samples[:6]] == ["0.5"] * 3 + ["1"] * 3
    before = (folder / "samples.jsonl").read_bytes()
    assert main(asked) == 0
    shown = capsys.readouterr().out
    assert "6-gram" in shown and "random strings are valid too" in shown
    assert (folder / "samples.jsonl").read_bytes() == before  # the same seed, the same samples


def test_bits_per_byte_of_each_type_add_up_to_those_of_all() -> None:
    shards = SimpleNamespace(document_bytes=np.array([10, 20, 10]), types=["verse", "essays", "verse"])
    counts = {"types": {"essays": {"words": 4}, "verse": {"words": 5}}}
    documents = Documents.find(cast(Shards, shards), counts)
    assert documents.all.tolist() == [1, 0, 2]
    found = documents.bits_per_byte({"essays": 40 * math.log(2), "verse": 20 * math.log(2)})
    assert found["bits_per_byte"] == pytest.approx(1.5)
    assert found["types"] == pytest.approx({"essays": 2.0, "verse": 1.0})


def test_an_interruption_leaves_what_was_drawn(untrained: Path) -> None:
    def report(line: str) -> None:
        if line.startswith("temperature 1: 1 of"):
            raise KeyboardInterrupt

    workspace = Workspace(untrained)
    drawing = Drawing(2, (0.5, 1.0, 1.5))
    found = evaluate(find_model(workspace), workspace, drawing=drawing, report=report)["samples"]
    assert not found["is_whole"]
    assert {name: row["n"] for name, row in found["rows"].items()} == {"0.5": 2, "1": 1, HELD_OUT: 2, RANDOM: 2}


def test_options_that_mean_nothing_here_are_refused(untrained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for option, value, said in (("--n", "3", "models of pairs"), ("--temperatures", "0.7;1", "no numbers")):
        assert main(["evaluate", "--workspace", str(untrained), option, value]) == 2
        assert said in capsys.readouterr().err
