import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from safetensors.numpy import save_file

from pipeline.cli import main
from pipeline.errors import PipelineError
from pipeline.runs import command, find, told
from tests.unit.pipeline.conftest import MakeRun
from train.history import read_history
from train.workspace import Workspace


def invoke(place: Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, ["--workspace", str(place), *arguments])


def listed(place: Path, *names: str) -> dict[str, dict[str, object]]:
    done = invoke(place, "--json", *names)
    assert done.exit_code == 0, done.output
    return {row["run"]: row for row in json.loads(done.stdout)}


def test_runs_are_listed_with_what_they_came_to(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("first")
    make_run("second", step=3)
    make_run("third", step=0)
    assert [" ".join(line.split()) for line in invoke(tmp_path).output.splitlines()] == [
        "run state parameters tokens epochs loss perplexity bits/byte at step valid tokens/s memory",
        "first finished, 8 steps 1,234,567 8,000 2.00 2.000 7.39 2.2000 8 – 4,500 1.00 GB",
        "second step 3 of 8 – 3,000 0.75 2.000 7.39 2.8000 2 – 2,000 1.00 GB",
        "third nothing yet – 0 – – – – – – – –",
    ]


def test_the_run_that_told_something_last_is_the_newest(make_run: MakeRun, tmp_path: Path) -> None:
    for name, time in (("a", 30), ("b", 10), ("c", 20), ("d", 0)):
        os.utime(make_run(name) / "log.jsonl", (time, time))
    assert list(listed(tmp_path)) == ["b", "c", "a", "d"]  # LATEST names d
    assert find(Workspace(tmp_path)).name == "d"


def test_the_best_measurement_is_told_not_the_last(make_run: MakeRun, tmp_path: Path) -> None:
    make_run(bits=lambda step: 2 + abs(step - 4))
    toy = listed(tmp_path)["toy"]
    assert (toy["val_bits_per_byte"], toy["best_step"], toy["step"]) == (2, 4, 8)


def test_memory_is_the_most_that_was_held_and_unknown_in_older_logs(make_run: MakeRun, tmp_path: Path) -> None:
    assert read_history(make_run()).memory == 10**9 + 8
    old = make_run("old", step=0, more=[{"step": 8, "loss": 1, "tokens": 8, "tokens_per_s": 1}])
    assert listed(tmp_path, str(old))[str(old)]["memory"] is None
    assert told(read_history(old))["memory at most"] == ""


def test_the_valid_share_is_that_of_the_last_samples_at_its_temperature(make_run: MakeRun, tmp_path: Path) -> None:
    drawn = [(4, 0.7, 0.25), (8, 0.5, 1.0), (8, 0.7, 0.75), (8, 1.0, 0.0)]
    make_run(more=[{"step": at, "temperature": t, "valid": share, "samples": []} for at, t, share in drawn])
    assert listed(tmp_path)["toy"]["valid"] == 0.75


def test_parameters_of_a_run_that_goes_on_are_counted_in_its_newest_checkpoint(make_run: MakeRun) -> None:
    run = make_run(step=3)
    for step, width in ((2, 9), (3, 10)):
        (run / "checkpoints" / f"step-{step:08}").mkdir(parents=True)
        weights = {"a": np.zeros((4, width), np.float32), "b": np.zeros(2, np.float32)}
        save_file(weights, run / "checkpoints" / f"step-{step:08}" / "model.safetensors")
    assert read_history(run).n_parameters == 42


def test_a_line_that_is_being_written_is_left_out(make_run: MakeRun) -> None:
    run = make_run(step=3)
    with (run / "log.jsonl").open("a") as log:
        log.write('{"step": 4, "lo')
    assert told(read_history(run))["state"] == "step 3 of 8"


def test_runs_named_stand_side_by_side_with_what_sets_them_apart(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("one", **{"optim.lr": 0.001})
    make_run("two", facts={"shards": "8" * 64}, **{"optim.lr": 0.002, "model.n_inner": 64})
    lines = [line.split() for line in invoke(tmp_path, "two", "one").output.splitlines()]
    assert lines[0] == ["two", "one"]
    assert ["parameters", "1,234,567", "1,234,567"] in lines
    assert lines[lines.index([]) + 1 :][:3] == [
        ["model.n_inner", "64", "not", "set"],
        ["optim.lr", "0.002", "0.001"],
        ["shards", "8" * 12, "5" * 12],
    ]
    rows = listed(tmp_path, "one", "two")
    assert rows["two"]["differs"] == {"model.n_inner": 64, "optim.lr": 0.002, "shards": "8" * 64}
    assert rows["one"]["differs"] == {"model.n_inner": None, "optim.lr": 0.001, "shards": "5" * 64}


def test_a_run_elsewhere_is_named_by_its_path(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run("one").rename(tmp_path / "moved")
    make_run("two")
    assert list(listed(tmp_path, str(run), "two")) == [str(run), "two"]


def test_runs_of_one_setting_are_compared_without_differences(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("one")
    assert listed(tmp_path, "one")["one"]["differs"] == {}


def test_the_picture_has_a_line_a_run_over_tokens(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run("$one$", step=2)
    make_run("_two", step=4)
    make_run("three", bits=None)
    drawn: dict[str, list[tuple[float, float]]] = {}
    monkeypatch.setattr("train.curve.compare", lambda curves, picture: drawn.update(curves))
    done = invoke(tmp_path, "--plot", "x.png")
    assert done.exit_code == 0, done.output
    assert drawn == {"$one$": [(2000, 2.8)], "_two": [(2000, 2.8), (4000, 2.6)]}
    assert done.stderr == "the curves of 2 runs are in x.png; without three: no validation yet\n"


def test_the_picture_is_written(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("$one$", step=2)
    make_run("_two")
    picture = tmp_path / "new" / "runs.png"
    assert invoke(tmp_path, "$one$", "_two", "--plot", str(picture)).exit_code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in picture.parent.iterdir()] == ["runs.png"]


def test_between_two_records_tokens_are_in_proportion(make_run: MakeRun) -> None:
    log = [{"step": 10, "loss": 1, "tokens": 50}, {"step": 20, "loss": 1, "tokens": 90}]
    history = read_history(make_run(step=0, more=log))
    assert [history.tokens_at(step) for step in (0, 5, 10, 15, 20, 25)] == [0, 25, 50, 70, 90, 90]


def test_several_runs_without_a_picture_say_how_to_get_one(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("one")
    make_run("two")
    assert "--plot" in invoke(tmp_path, "one", "two").stderr
    assert invoke(tmp_path, "one", "two", "--json").stderr == invoke(tmp_path, "one").stderr == ""
    assert list(tmp_path.rglob("*.png")) == []


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["three"], "no run 'three' in ", "there are: one, two; a path will do as well"),
        (["--plot", "x.svg"], "'x.svg' does not end in .png", 'run "phon runs --help"'),
        (["--plot", "x.png"], "nothing to plot: no validation is logged yet", "log.eval_every"),
    ],
)
def test_an_error_is_one_line_and_a_hint(
    arguments: list[str],
    message: str,
    hint: str,
    make_run: MakeRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("signal.signal", lambda number, handler: None)
    make_run("one", bits=None)
    make_run("two", bits=None)
    assert main(["runs", "--workspace", str(tmp_path), *arguments]) in (1, 2)
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("error: ") and message in first
    assert second.startswith("hint: ") and hint in second


def test_without_runs_it_says_how_to_train_one(tmp_path: Path) -> None:
    done = invoke(tmp_path)
    assert isinstance(done.exception, PipelineError)
    assert str(done.exception) == f"no run in {tmp_path / 'runs'}"
    assert "accelerate launch train/run.py" in done.exception.hint


def test_a_damaged_config_is_told_by_its_path(make_run: MakeRun, tmp_path: Path) -> None:
    (make_run() / "config.toml").write_text("[model")
    assert "config.toml was changed or damaged: its checksum does not match" in str(invoke(tmp_path).exception)


def test_lines_of_a_log_that_were_damaged_are_left_out_and_counted(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(step=3)
    text = (run / "log.jsonl").read_text()
    (run / "log.jsonl").write_text(text.replace('"loss": 6.5', '"loss": 6.4'))
    done = invoke(tmp_path, "--json")
    assert done.stderr == f"{run / 'log.jsonl'}: lines that were changed or damaged, and are left out: 1\n"
    assert json.loads(done.stdout)[0]["step"] == 3


def test_reading_runs_loads_no_slow_library() -> None:
    program = "import sys, pipeline.runs, pipeline.report\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", "matplotlib", "pyarrow", "safetensors"} & set(done.stdout.split())
