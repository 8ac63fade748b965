import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from pipeline.errors import PipelineError
from pipeline.plan import command
from train import config as configs
from train.contract import Contract
from train.errors import TrainError
from train.files import sha256_file
from train.manifest import Manifest, describe_files
from train.shards import ShardWriter


def plan(place: Path, *arguments: str) -> str:
    done = CliRunner().invoke(command, ["--workspace", str(place), *arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def planned(place: Path, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(plan(place, *arguments, "--json"))
    return found


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """A workspace with 40,000 tokens in documents of 200, vocabulary 300."""
    folder, shards = tmp_path / "data" / "tokenizer", tmp_path / "data" / "shards"
    folder.mkdir(parents=True)
    (folder / "tokenizer.json").write_text("{}")
    sha = sha256_file(folder / "tokenizer.json")
    Contract(
        notation={"name": "text", "version": "1", "options": {}}, vocab_size=300, bos=0, eos=1, pad=2,
        openings={"": [0]}, documents={"": 200}, tokenizer_sha256=sha,
    ).write(folder)  # fmt: skip
    written = []
    for split in ("train", "validation"):
        (shards / split).mkdir(parents=True)
        writer = ShardWriter(shards / split, 300)
        writer.add(np.zeros(40_000, np.uint16), np.full(200, 200), np.full(200, 300), [""] * 200)
        written += [f"{split}/{name}" for name in writer.close()]
    Manifest(
        stage="pack", inputs=[], options={}, versions={}, counts={"tokenizer_sha256": sha},
        files=describe_files(shards, written),
    ).write(shards)  # fmt: skip
    return tmp_path


def test_a_gpu_and_some_hours_give_models_that_fit_both(tmp_path: Path) -> None:
    found = planned(tmp_path, "--gpu", "24GB", "--hours", "8")
    losses = [option["expected_loss"][option["ranked_by"]] for option in found["options"]]
    assert losses == pytest.approx(sorted(losses), abs=0.01) and len(losses) == 5
    for option in found["options"]:
        low, high = option["seconds"]
        assert low < 8 * 3600 < high
        assert option["memory_bytes"] == sum(option["memory_parts"].values()) <= 0.92 * 24 * 2**30
        assert option["n_embd"] % option["n_head"] == 0 and {line["about"] for line in option["advice"]} > {"heads"}


def test_less_memory_finds_smaller_steps_and_none_is_told(tmp_path: Path) -> None:
    large, small = (planned(tmp_path, "--gpu", gb, "--hours", "100")["options"][0] for gb in ("80GB", "4GB"))
    assert small["memory_bytes"] <= 0.92 * 4 * 2**30 < large["memory_bytes"]
    with pytest.raises(TrainError, match="no model fits"):
        plan(tmp_path, "--gpu", "0.01GB")


def test_real_tokens_and_vocabulary_are_read(packed: Path) -> None:
    found = planned(packed, "--device", "cpu")
    assert found["corpus"].items() >= {"tokens": 40_000, "vocab_size": 300, "shared": True}.items()
    assert all(option["beyond_the_laws"] and option["vocab_size"] == 300 for option in found["options"])
    assert "no law was fitted on so few tokens" in " ".join(plan(packed, "--device", "cpu").split())


def test_padding_takes_its_time(packed: Path) -> None:
    exact, padded = (planned(packed, "--device", "cpu", f"data.seq_len={n}") for n in (199, 256))
    assert (exact["corpus"]["filled"], padded["corpus"]["filled"]) == (1, pytest.approx(199 / 256))
    rates = [
        option["tokens"] * option["flops_per_token"] / found["corpus"]["filled"] / option["seconds"][0]
        for found in (exact, padded)
        for option in found["options"]
    ]
    assert rates == pytest.approx([rates[0]] * len(rates), rel=0.01)


@pytest.mark.parametrize(
    "more", [(), ("--config", "modern"), ("--config", "gpt2-52m", "optim.lr=1e-3"), ("--gpu", "8GB")]
)
def test_the_last_line_is_a_training_that_is_valid(packed: Path, more: tuple[str, ...]) -> None:
    first = planned(packed, *more, "--minutes", "2")["options"][0]
    words = shlex.split(plan(packed, *more, "--minutes", "2").splitlines()[-1])
    assert words[:4] == [f"PHON_WORKSPACE={packed}", "accelerate", "launch", "train/run.py"]
    config = configs.load(words[5], words[6:])
    assert (config.model.n_layer, config.model.n_head, config.model.n_embd) == (
        first["n_layer"], first["n_head"], first["n_embd"],
    )  # fmt: skip
    assert config.train.micro_batch == first["micro_batch"]
    assert config.train.epochs == pytest.approx(first["epochs"], rel=0.01)


def test_shapes_side_by_side_answer_the_question(tmp_path: Path) -> None:
    facts = planned(tmp_path, "--explain", "36x20", "18x64", "--gpu", "24GB")
    deep, many = facts["shapes"]
    assert (deep["parameters"], many["parameters"]) == (774_030_080, 419_836_160)
    assert (deep["rows_2021"], many["rows_2021"]) == (1, 1)  # what was paid for with 354 M weights bought nothing
    assert deep["rows"] < many["rows"] and many["head_width"] == 20
    said = " ".join(plan(tmp_path, "--explain", "36x20", "18x64", "--gpu", "24GB").split())
    for claim in (
        "354 M weights fewer than 36x20x1280 (46%)", "heads take no memory either",
        "Heads of 20 (18x64x1280) are too narrow",
        "18x20, heads of 64, takes the same time and memory", "So: 36x20x1280",
    ):  # fmt: skip
        assert claim in said


def test_a_preset_shows_both_families(tmp_path: Path) -> None:
    said = plan(tmp_path, "--preset", "mosaic-125m")
    for part in ("114,677,880", "124,439,808", "24.64", "mixes two families", "--config gpt2-125m"):
        assert part in said


def test_heads_that_do_not_divide_the_width_are_refused_with_what_does(tmp_path: Path) -> None:
    with pytest.raises(TrainError) as refused:
        plan(tmp_path, "--explain", "22x12x544")
    assert "model.n_embd = 544 is not a multiple of model.n_head = 12" in str(refused.value)
    assert (
        "model.n_embd=540 (heads of 45)" in refused.value.hint and "model.n_head=16 (heads of 34)" in refused.value.hint
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["36y20"], "neither a shape nor a setting"),
        (["36x20"], "--explain and shapes go together"),
        (["--explain"], "--explain and shapes go together"),
        (["--gpu", "24GB", "--device", "cpu"], "say the same twice"),
        (["--calibrate"], "needs packed shards"),
        (["--gpu", "plenty"], "is no memory of a GPU"),
        (["--device", "abacus"], "no device is known as 'abacus'"),
        (["--config", "spell-to-phones"], "with an encoder"),
        (["--config", "llama-tiny"], "cannot change the sizes"),
        (["optim.lrr=1"], "unknown key"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, arguments: list[str], message: str) -> None:
    with pytest.raises((PipelineError, TrainError), match=message):
        plan(tmp_path, *arguments)
