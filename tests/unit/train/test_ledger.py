import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest

from train.errors import TrainError
from train.ledger import Ledger, append

STUDY = {"kind": "study", "name": "heads", "baseline": {"model.n_head": 4}, "later": "key"}
RUN = {"kind": "run", "cell": "heads-4", "seed": 0, "state": "finished", "val_loss": 2.0, "bits_per_byte": 1.5}


def cell(n_head: int) -> dict[str, Any]:
    return {"kind": "cell", "cell": f"heads-{n_head}", "axes": {"model.n_head": n_head}, "params": 9, "tokens": 9}


def write(path: Path, *records: dict[str, Any]) -> Path:
    for record in records:
        append(path, record)
    return path


def add_many(path: Path, seed: int) -> None:
    for number in range(50):
        append(path, {**RUN, "seed": seed, "steps": number, "why": "x" * 3000})


def test_what_is_appended_is_read_back(tmp_path: Path) -> None:
    run = {**RUN, "curve": [[1, 100, 3.0, 2.5], [2, 200, 2.0, 1.5]], "peak_memory": 10**9}
    ledger = Ledger.read(write(tmp_path / "ledger.jsonl", STUDY, cell(2), cell(4), run))
    assert ledger.study.name == "heads"
    assert [*ledger.cells] == ["heads-2", "heads-4"]
    assert ledger.baseline == "heads-4"
    assert ledger.of("heads-4")[0].curve[1] == (2, 200, 2.0, 1.5)
    assert ledger.of("heads-2") == {}


def test_of_several_runs_of_a_seed_the_last_finished_one_counts(tmp_path: Path) -> None:
    failed = {"kind": "run", "cell": "heads-4", "seed": 0, "state": "failed", "error": "killed"}
    path = write(tmp_path / "l.jsonl", STUDY, cell(4), failed, {**failed, "error": "again"})
    assert Ledger.read(path).runs["heads-4", 0].error == "again"
    write(path, RUN, {**RUN, "val_loss": 1.9}, failed)
    assert Ledger.read(path).of("heads-4")[0].val_loss == 1.9


def test_a_line_that_a_kill_cut_short_is_passed_over_and_then_replaced(tmp_path: Path) -> None:
    path = write(tmp_path / "l.jsonl", STUDY, cell(4))
    whole = path.read_bytes()
    for length in (1, 20, len(json.dumps(RUN))):
        path.write_bytes(whole + json.dumps(RUN).encode()[:length])
        assert Ledger.read(path).runs == {}
    write(path, RUN)
    assert path.read_bytes() == whole + json.dumps(RUN).encode() + b"\n"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{half", "line 2 is not a line of a ledger"),
        ("[1]", "line 2 is not a line of a ledger"),
        ('{"cell": "x"}', "line 2 is not a line of a ledger"),
        (json.dumps({**cell(4), "params": -1}), "line 2: params: .*greater than 0"),
        (json.dumps({**RUN, "val_loss": None}), "line 2: .*a finished run has val_loss"),
        (json.dumps({**RUN, "val_loss": float("nan")}), "line 2: val_loss: .*"),
        (json.dumps(RUN), "line 2: a run of the cell 'heads-4', which no line before describes"),
    ],
)
def test_a_damaged_line_is_told_by_its_number(line: str, told: str, tmp_path: Path) -> None:
    path = write(tmp_path / "l.jsonl", STUDY)
    path.write_text(f"{path.read_text()}{line}\n{json.dumps(cell(4))}\n")
    with pytest.raises(TrainError, match=rf"l\.jsonl, {told}"):
        Ledger.read(path)


def test_lines_of_a_kind_to_come_are_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path / "l.jsonl", STUDY, {"kind": "note", "text": "hello"}, cell(4))
    assert [*Ledger.read(path).cells] == ["heads-4"]


def test_a_file_without_a_study_is_no_ledger(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="is not a study's ledger"):
        Ledger.read(write(tmp_path / "l.jsonl", cell(4)))


def test_writers_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "l.jsonl", STUDY, cell(4))
    workers = [multiprocessing.get_context("spawn").Process(target=add_many, args=(path, seed)) for seed in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert len(path.read_text().splitlines()) == 102
    assert {seed: run.steps for seed, run in Ledger.read(path).of("heads-4").items()} == {0: 49, 1: 49}


def test_a_number_that_is_none_is_a_mistake_of_ours(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        append(tmp_path / "l.jsonl", {**RUN, "val_loss": float("nan")})
    assert not (tmp_path / "l.jsonl").exists()
