import json
import socket
from pathlib import Path

import torch

from train import environment
from train.device import peak_memory

HERE = {"device": "cpu", "cores": 2}
THERE = {"device": "cuda", "cores": 16}


def test_this_machine_is_described_and_not_named() -> None:
    found = environment.describe("cpu", 3)
    assert (found["device"], found["gpus"], found["processes"]) == ("cpu", [], 3)
    assert found["processor"] and found["cores"] >= 1 and found["memory"] > 2**28
    assert found["torch"] == torch.__version__ or torch.__version__.startswith(found["torch"])
    assert found["threads"] == torch.get_num_threads()
    assert socket.gethostname() not in found.values()
    assert json.loads(json.dumps(found)) == found


def test_a_run_that_moves_keeps_the_environments_it_was_in(tmp_path: Path) -> None:
    environment.record(tmp_path, 0, HERE)
    environment.record(tmp_path, 20, HERE)  # resumed on the same machine
    assert environment.read(tmp_path) == [{"from_step": 0, **HERE}]
    environment.record(tmp_path, 40, THERE)
    assert environment.read(tmp_path) == [{"from_step": 0, **HERE}, {"from_step": 40, **THERE}]
    environment.record(tmp_path, 30, HERE)  # from the checkpoint before: what came after it is gone
    assert environment.read(tmp_path) == [{"from_step": 0, **HERE}]


def test_a_run_without_a_whole_record_has_none(tmp_path: Path) -> None:
    assert environment.read(tmp_path) == []
    (tmp_path / environment.NAME).write_text("[{")
    assert environment.read(tmp_path) == []


def test_memory_is_a_peak_in_bytes() -> None:
    before = peak_memory(torch.device("cpu"))
    block = torch.ones(1 << 24)
    assert 2**24 < before <= peak_memory(torch.device("cpu")) < 2**40
    del block
