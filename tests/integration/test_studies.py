"""Studies: cells made equal, trained each as a process of its own, killed and gone on with, told by a ledger."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.cli import main
from pipeline.tuning import ask, next_rate
from tests.toy import ENVIRONMENT, ROOT, linked, phon
from train import study as studies
from train.contract import Contract
from train.errors import TrainError
from train.ledger import Ledger, Trial
from train.match import MOST, Corpus, solve
from train.shards import open_split
from train.study import Study
from train.workspace import Workspace

TOY = """
title = "Heads"
question = "Do heads matter?"
settings = ["model.n_layer=1", "model.n_embd=32", "data.seq_len=64", "train.max_steps=8", "train.global_batch=256",
    "optim.warmup_steps=2", "log.save_every=2"]
hold = ["params", "tokens"]
baseline = { "model.n_head" = 2 }
seeds = 1
[axes]
"model.n_head" = [2, 12]
"""


def corpus(place: Path) -> Corpus:
    at = Workspace(place)
    return Corpus(open_split(at.shards, "train"), Contract.read(at.tokenizer))


def study(**values: Any) -> Study:
    common = {"title": "t", "question": "q", "settings": ("train.max_steps=20", "data.seq_len=64")}
    return Study(**{**common, **values})


def solved(of: Study, place: Path) -> dict[str, dict[str, float]]:
    found = corpus(place)
    return {one.cell.name: one.mismatch for one in solve(of, {cell.name: found for cell in of.listed})}


def phon_sweep(place: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pipeline.cli", "sweep", *arguments, "--workspace", str(place)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=ENVIRONMENT
    )


@given(
    st.lists(st.integers(1, 12), min_size=1, max_size=2, unique=True),
    st.sampled_from([1, 2, 3, 4, 6, 8]),
    st.sampled_from([("params", "tokens"), ("params", "flops"), ("flops", "tokens"), ("flops",), ("memory", "tokens")]),
)
@settings(max_examples=8)
def test_cells_are_equal_or_refused(prepared: Path, layers: list[int], n_head: int, hold: Sequence[str]) -> None:
    axes = {"model.n_layer": [4, *(n for n in layers if n != 4)], "model.n_head": sorted({4, n_head})}
    of = study(axes=axes, baseline={"model.n_layer": 4, "model.n_head": 4}, hold=hold)
    try:
        found = solved(of, prepared) if len(of.listed) > 1 else {}
    except TrainError as error:
        assert "cannot be made equal" in str(error) or "is not a multiple of" in str(error)
        return
    assert all(abs(off) <= MOST for one in found.values() for off in one.values())


def test_what_gives_way_is_as_free_says(prepared: Path) -> None:
    of = study(
        settings=(
            "model.family=decoder",
            "model.bias=false",
            "model.n_layer=2",
            "model.n_embd=64",
            "train.max_steps=20",
            "data.seq_len=64",
        ),
        axes={"model.position": ["learned", "rotary"]},
        baseline={"model.position": "learned"},
        hold=["params", "tokens"],
        free=["model.n_inner"],
    )
    found = corpus(prepared)
    cells = {one.cell.name: one for one in solve(of, {cell.name: found for cell in of.listed})}
    base, rotary = cells["position-learned"], cells["position-rotary"]
    assert rotary.figures.params == base.figures.params
    assert rotary.config.model.n_embd == 64 and f"model.n_inner={256 + 16}" in rotary.changed
    assert rotary.config.train == base.config.train


def test_equal_operations_leave_a_smaller_model_more_tokens(prepared: Path) -> None:
    of = study(axes={"model.n_layer": [2, 4]}, baseline={"model.n_layer": 4}, hold=["flops"], free=[])
    found = corpus(prepared)
    half, whole = (one.figures for one in solve(of, {cell.name: found for cell in of.listed}))
    assert half.params < whole.params and half.tokens > whole.tokens
    assert half.flops == pytest.approx(whole.flops, rel=MOST)


@pytest.mark.parametrize("name", studies.names())
def test_built_in_studies_can_be_made_equal_here(prepared: Path, name: str) -> None:
    _, of = studies.load(name)
    if not of.makes_data:  # their cells' data are made in the test below
        assert all(abs(off) <= MOST for one in solved(of, prepared).values() for off in one.values())


@pytest.mark.long
@pytest.mark.parametrize("name", ["glu", "optimizer", "position", "vocabulary"])
def test_built_in_studies_run(prepared: Path, tmp_path: Path, name: str) -> None:
    if name == "vocabulary":  # for whose cells there is too little text there
        phon("prepare", str(ROOT / "samples" / "corpus"), "--workspace", str(tmp_path))
        phon("tokenizer", "--vocab-size", "512", "--workspace", str(tmp_path))
    else:
        linked(prepared, tmp_path)
    text = (studies.BUILT_IN / f"{name}.toml").read_text()
    for key, few in (
        ("n_embd", 96),
        ("max_steps", 4),
        ("warmup_steps", 1),
        ("global_batch", 256),
        ("seq_len", 64),
        ("micro_batch", 4),
    ):
        text = re.sub(rf"({key}=)\d+", rf"\g<1>{few}", text)
    text = text.replace("[384, 512, 1024, 2048, 4096, 8192, 16384]", "[384, 512, 1024]")
    small = tmp_path / f"{name}.toml"
    small.write_text(text)
    sweep = phon_sweep(tmp_path, str(small), "--seeds", "1")
    _, said = sweep.communicate(timeout=600)
    assert sweep.returncode == 0, said
    ledger = Ledger.read(tmp_path / "studies" / name / "ledger.jsonl")
    assert {cell for cell, _ in ledger.runs} == {*ledger.cells}
    assert all(run.state == "finished" for run in ledger.runs.values())


def test_a_study_that_is_killed_goes_on_and_is_told_by_its_ledger_alone(prepared: Path, tmp_path: Path) -> None:
    linked(prepared, tmp_path)
    cells = "".join(f'[[cells]]\nname = "{n} heads"\n"model.n_head" = {n}\n' for n in (2, 12))
    text = TOY.partition("[axes]")[0].replace('{ "model.n_head" = 2 }', '"2 heads"')
    (tmp_path / "toy.toml").write_text(text + cells)
    killed = phon_sweep(tmp_path, str(tmp_path / "toy.toml"))
    runs = tmp_path / "studies" / "toy" / "runs"
    until = time.monotonic() + 60
    while not list(runs.glob("*/log.jsonl")):
        assert killed.poll() is None and time.monotonic() < until
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)  # what it started goes on, and keeps others away from its runs
    killed.communicate()
    stopped = phon_sweep(tmp_path, str(tmp_path / "toy.toml"), "--jobs", "1")
    assert stopped.stderr and stopped.stderr.readline() == "Do heads matter?\n"
    stopped.send_signal(signal.SIGINT)
    _, said = stopped.communicate(timeout=60)
    assert stopped.returncode == 5 and "Traceback" not in said
    last = phon_sweep(tmp_path, str(tmp_path / "toy.toml"))
    printed, said = last.communicate(timeout=120)
    assert last.returncode == 0, said
    ledger = Ledger.read(tmp_path / "studies" / "toy" / "ledger.jsonl")
    assert ledger.runs.keys() == {("2 heads", 0), ("12 heads", 0)}
    for run in ledger.runs.values():
        assert run.state == "finished" and run.steps == 8 and len(run.curve) == 8
    page = Path(printed.strip())
    drawn = page.read_text()
    page.unlink()
    arguments = ["sweep", str(tmp_path / "toy.toml"), "--report", "--workspace", str(tmp_path)]
    assert main(arguments) == 0 and page.read_text() == drawn


def test_cells_with_other_tokens_learn_from_the_same_texts(prepared: Path, tmp_path: Path) -> None:
    linked(prepared, tmp_path)
    text = TOY.replace('"model.n_head" = [2, 12]', '"prepare.to" = ["text"]\n"tokenizer.vocab_size" = [320, 512]')
    text = text.replace('{ "model.n_head" = 2 }', '"to-text-vocab_size-320"')
    text = text.replace('["params", "tokens"]', '["bytes"]').replace('"train.max_steps=8"', '"train.max_steps=40"')
    (tmp_path / "own.toml").write_text(text)
    done = phon_sweep(tmp_path, str(tmp_path / "own.toml"), "--dry-run", "--json")
    printed, said = done.communicate(timeout=120)
    assert done.returncode == 0, said
    small, large = json.loads(printed)
    assert small["tokens"] > large["tokens"] and abs(large["mismatch"]["bytes"]) <= MOST


def test_mistakes_get_one_line(prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    linked(prepared, tmp_path)

    def told(text: str) -> str:
        (tmp_path / "own.toml").write_text(text)
        assert main(["sweep", str(tmp_path / "own.toml"), "--workspace", str(tmp_path)]) == 1
        return capsys.readouterr().err

    layers = TOY.replace("hold =", 'free = ["model.n_layer"]\nhold =')
    assert "cell n_head-12: model.n_embd = 32 is not a multiple of model.n_head = 12" in told(layers)
    width = layers.replace("model.n_head", "model.n_embd").replace("[2, 12]", "[32, 96]").replace("= 2 }", "= 32 }")
    assert "cell n_embd-96 cannot be made equal to n_embd-32: params +" in told(width)
    other = TOY.replace('"model.n_head" = 2', '"model.n_head" = 3')
    assert "own.toml: baseline = {'model.n_head': 3} is no cell" in told(other)
    within = TOY.replace("baseline =", 'within = ["model.n_layer"]\nbaseline =')
    assert "own.toml: within = 'model.n_layer' is no axis\nhint: the axes are model.n_head" in told(within)
    assert "own.toml: hold.0: input should be 'params'" in told(TOY.replace('"params"', '"weights"'))
    assert told(TOY.replace("n_head", "n_heads")).startswith("error: unknown key model.n_heads")
    for arguments, message in (
        (["head"], "did you mean 'heads'?"),
        (["heads", "--workspace", str(tmp_path / "empty")], "error: no shards in "),
        (["heads", "--report", "--workspace", str(tmp_path)], "error: there is no "),
    ):
        assert main(["sweep", *arguments]) == 1
        assert message in capsys.readouterr().err


def test_a_rate_is_searched_for_past_the_ends(capsys: pytest.CaptureFixture[str]) -> None:
    tried: list[Trial] = []
    while settings_ := next_rate(0.01, tried):
        rate = settings_["optim.lr"]
        tried.append(Trial(cell="", settings=settings_, bits_per_byte=1 + abs(rate - 0.04)))
    assert [trial.settings["optim.lr"] for trial in tried] == [0.01, 0.005, 0.02, 0.04, 0.08]


def test_optuna_proposes_the_same_for_the_same_trials() -> None:
    tried: list[Trial] = []
    for _ in range(3):
        proposed = ask("cell", tried)
        assert proposed == ask("cell", tried) and proposed.keys() == {"optim.lr", "optim.weight_decay"}
        tried.append(Trial(cell="", settings=dict(proposed), bits_per_byte=proposed["optim.lr"]))
    assert len({trial.settings["optim.lr"] for trial in tried}) == 3
