"""No damaged byte is used: every file that a stage leaves is flipped, cut, lengthened and exchanged, and read again.

A reader gives what it read as a value. Of a damaged file it must either refuse, naming the file, or give the same
value as before: a blank more in a JSON file, for one, says nothing else.
"""

import functools
import random
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.errors import PipelineError
from pipeline.pack import require_text
from pipeline.parts import Record
from pipeline.trained import find_model
from tests.forked import fork, train
from tests.integration.conftest import BRIEF
from tests.toy import TOY, phon
from train import checkpoint, folder
from train.assemble import Plan
from train.checkpoint import OPTIMIZER, STATE, State
from train.contract import Contract
from train.errors import TrainError
from train.export import read_model
from train.files import WEIGHTS, read_tensors
from train.folder import check_model
from train.history import read_history
from train.manifest import require
from train.session import Request, find_run, work_out_plan
from train.shards import open_split
from train.workspace import Workspace

PAGE = 4096
CHECKPOINTS = Path("runs", "cut-off", "checkpoints")
NEWEST = CHECKPOINTS / "step-00000004"
Reader = Callable[[Path, Path], Any]  # of a workspace and the damaged file


class Refused(Exception):
    """A damaged file was noticed, in these words."""


@pytest.fixture(scope="module")
def whole(two_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of our own."""
    return Path(shutil.copytree(two_runs, tmp_path_factory.mktemp("whole") / "workspace"))


# What reads the files, one function for each way in.


def text(place: Path, file: Path) -> Any:
    """What phon tokenizer and phon pack start from."""
    return asdict(require_text(Workspace(place)))


def record(place: Path, file: Path) -> Any:
    """What phon prepare takes over from a prepare that was cut off."""
    found = Record.read(file)
    if found is None:
        raise Refused(f"{file.name} counts as not made yet")
    return found


def tokenizer(place: Path, file: Path) -> Any:
    """What training and packing start from."""
    at = Workspace(place).tokenizer
    return asdict(require(at, stage="tokenizer", command="phon tokenizer", what="tokenizer")), Contract.read(at)


def shards(place: Path, file: Path) -> Any:
    """What training reads its rows from."""
    for split in ("train", "validation"):
        found = open_split(Workspace(place).shards, split)
        assert found.read(0, found.n_tokens).size
    return None


def resumed(place: Path, file: Path) -> Any:
    """What a run goes on from."""
    said: list[str] = []
    found = checkpoint.newest(place / CHECKPOINTS, said.append)
    if said:
        assert found and found != place / NEWEST  # the one before it
        raise Refused(said[0])
    assert found
    optimizer = read_tensors(found / OPTIMIZER)
    return found.name, checkpoint.read_state(found), sums(read_tensors(found / WEIGHTS)), sums(optimizer)


def sampled_checkpoint(place: Path, file: Path) -> Any:
    """What phon generate samples from while there is no model."""
    found = find_model(Workspace(place), "cut-off")
    check_model(found.folder)
    model, contract, _ = read_model(found.folder)
    return sums(dict(model.named_parameters())), contract


def sampled(place: Path, file: Path) -> Any:
    """What phon generate samples from."""
    at = place / "runs" / "finished" / "model"
    check_model(at)
    model, contract, _ = read_model(at)
    return sums(dict(model.named_parameters())), contract


def told(place: Path, file: Path) -> Any:
    """What phon runs and phon report show."""
    found = read_history(place / "runs" / "finished")
    if found.problem:
        raise Refused(found.problem)
    return found


def found_again(place: Path, file: Path) -> Any:
    """The run that the same command goes on with."""
    return find_run(*wanted(place))


@functools.cache
def wanted(place: Path) -> tuple[Request, Plan]:
    request = Request("tiny", "auto", str(place), (*BRIEF[2:], "log.name=cut-off"))
    return request, plan_of(place, request)


def plan_of(place: Path, request: Request) -> Plan:
    return work_out_plan(request, torch.device("cpu"), world=1, checks=True)


def sums(tensors: dict[str, torch.Tensor]) -> dict[str, bytes]:
    return {name: tensor.detach().numpy().tobytes() for name, tensor in tensors.items()}


ARTEFACTS: list[tuple[str, Reader]] = [
    ("data/text/manifest.json", text),
    ("data/text/part-00000.parquet", text),
    ("data/text/part-00000.json", text),
    ("data/text/part-00000.json", record),
    ("data/tokenizer/manifest.json", tokenizer),
    ("data/tokenizer/tokenizer.json", tokenizer),
    ("data/tokenizer/tokenizer_config.json", tokenizer),
    ("data/tokenizer/phon.json", tokenizer),
    ("data/shards/manifest.json", shards),
    *((f"data/shards/{split}/{name}", shards) for split in ("train", "validation")
      for name in ("data-00000.arrow", "dataset_info.json", "state.json")),
    *((f"{NEWEST}/{name}", resumed) for name in
      (STATE, OPTIMIZER, WEIGHTS, "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
       "phon.json")),
    (f"{CHECKPOINTS}/LATEST", resumed),
    (f"{CHECKPOINTS}/LATEST", sampled_checkpoint),
    (f"{NEWEST}/{STATE}", sampled_checkpoint),
    *((f"runs/finished/model/{name}", sampled) for name in
      (WEIGHTS, "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "phon.json")),
    ("runs/finished/manifest.json", sampled),
    ("runs/finished/manifest.json", told),
    ("runs/finished/config.toml", told),
    ("runs/finished/run.json", told),
    ("runs/finished/log.jsonl", told),
    ("runs/cut-off/config.toml", found_again),
    ("runs/cut-off/run.json", found_again),
]  # fmt: skip


def flips(data: bytes, n: int, draw: random.Random) -> Iterator[tuple[str, bytes]]:
    """One bit changed, at `n` places."""
    for at in draw.sample(range(8 * len(data)), min(n, 8 * len(data))):
        changed = bytearray(data)
        changed[at // 8] ^= 1 << at % 8
        yield f"bit {at}", bytes(changed)


def cuts(data: bytes, n: int, draw: random.Random) -> Iterator[tuple[str, bytes]]:
    """Cut short: to nothing, within a header, at a page's end, by one byte, and at `n` other places."""
    wanted = {0, 1, 7, 8, 9, PAGE - 1, PAGE, PAGE + 1, len(data) // PAGE * PAGE, len(data) - 1}
    wanted |= {draw.randrange(len(data)) for _ in range(n)}
    for length in sorted(wanted):
        if length < len(data):
            yield f"{length} bytes of {len(data)}", data[:length]


def longer(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Bytes after the end: of no meaning, of a blank, of the whole once more, of a page of zeros."""
    for more in (b"\0", b"\n", b" ", b"x", data, bytes(PAGE)):
        yield f"{len(more)} bytes more", data + more


@pytest.mark.parametrize("amount", [200, pytest.param(4000, marks=pytest.mark.long)])
@pytest.mark.parametrize(("name", "read"), ARTEFACTS, ids=lambda part: str(getattr(part, "__name__", part)))
def test_no_damaged_byte_is_used(whole: Path, name: str, read: Reader, amount: int) -> None:
    file = whole / name
    data = file.read_bytes()
    expected = read(whole, file)
    draw = random.Random(f"{name} {read.__name__} {amount}")
    used = []
    try:
        for what, damaged in (*flips(data, amount, draw), *cuts(data, amount // 4, draw), *longer(data)):
            file.write_bytes(damaged)
            try:
                is_used = read(whole, file) != expected
            except (TrainError, PipelineError, Refused) as refusal:
                message = str(refusal)
                is_used = not message or "\n" in message or not names(message, file)
            if is_used:
                used.append(what)
    finally:
        file.unlink(missing_ok=True)
        file.write_bytes(data)
    assert used == []


def names(message: str, file: Path) -> bool:
    """Whether a message leads to a file: by its name, or by that of the tokenizer that it is held to."""
    return file.name in message or (file.name == "phon.json" and "tokenizer.json" in message)


def test_the_run_that_is_on_its_way_stays_as_it_was(whole: Path) -> None:
    assert (whole / NEWEST / STATE).is_file()
    assert found_again(whole, whole).path == whole / "runs" / "cut-off"


# A training and the chain of commands hold each file to its checksum themselves.


@pytest.fixture
def workspace(whole: Path, tmp_path: Path) -> Path:
    """A copy, to disturb."""
    return Path(shutil.copytree(whole, tmp_path / "workspace"))


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "name",
    [
        *(f"tokenizer/{name}" for name in ("manifest.json", "tokenizer.json", "tokenizer_config.json", "phon.json")),
        *(f"shards/{name}" for name in ("manifest.json", "train/data-00000.arrow", "validation/data-00000.arrow")),
    ],
)
def test_a_training_looks_at_each_file_before_it_starts(workspace: Path, name: str) -> None:
    damage(workspace / "data" / name)
    with pytest.raises(TrainError, match=Path(name).name) as caught:
        plan_of(workspace, Request("tiny", "auto", str(workspace), tuple(BRIEF[2:])))
    assert caught.value.hint


def test_shards_that_changed_places_are_refused(workspace: Path) -> None:
    one, other = (workspace / "data" / "shards" / split / "data-00000.arrow" for split in ("train", "validation"))
    one.rename(workspace / "kept")
    other.rename(one)
    (workspace / "kept").rename(other)
    with pytest.raises(TrainError, match=r"train/data-00000\.arrow has"):
        shards(workspace, one)


def test_shards_of_another_tokenizer_are_refused(workspace: Path) -> None:
    shutil.copytree(workspace / "data" / "shards", workspace / "kept")
    phon("tokenizer", "--vocab-size", "300", "--workspace", str(workspace))
    shutil.rmtree(workspace / "data" / "shards")
    (workspace / "kept").rename(workspace / "data" / "shards")
    with pytest.raises(TrainError, match="was packed with another tokenizer"):
        plan_of(workspace, Request("tiny", "auto", str(workspace), tuple(BRIEF[2:])))


def test_files_of_two_checkpoints_that_changed_places_are_refused(workspace: Path) -> None:
    older = workspace / CHECKPOINTS / "step-00000002"
    for name in (WEIGHTS, OPTIMIZER, STATE):
        kept = (workspace / NEWEST / name).read_bytes()
        (workspace / NEWEST / name).write_bytes((older / name).read_bytes())
        with pytest.raises(Refused, match="refused step-00000004"):
            resumed(workspace, older)
        (workspace / NEWEST / name).write_bytes(kept)


def test_a_checkpoint_under_the_name_of_another_step_is_refused(workspace: Path) -> None:
    (workspace / NEWEST).rename(workspace / CHECKPOINTS / "step-00000009")
    with pytest.raises(Refused, match=r"refused step-00000009: state\.json is of another step"):
        resumed(workspace, workspace)


def test_damaged_text_tokenizer_and_shards_are_made_anew(workspace: Path) -> None:
    kept = {path: path.read_bytes() for path in (workspace / "data").rglob("*.*") if path.name != ".lock"}
    for stage in ("tokenizer", "shards"):
        damage(workspace / "data" / stage / "manifest.json")
    damage(workspace / "data" / "shards" / "train" / "data-00000.arrow")
    phon("tokenizer", "--vocab-size", "384", "--workspace", str(workspace))
    assert {path: path.read_bytes() for path in kept} == kept


def test_a_config_that_was_changed_does_not_start_another_run(workspace: Path) -> None:
    run = workspace / "runs" / "cut-off"
    text = (run / "config.toml").read_text()
    (run / "config.toml").write_text(text.replace("weight_decay = 0", "weight_decay = 1"))
    assert (run / "config.toml").read_text() != text
    with pytest.raises(TrainError, match=r"config\.toml was changed or damaged") as caught:
        found_again(workspace, run)
    assert "--resume never" in caught.value.hint
    with pytest.raises(TrainError, match=r"config\.toml was changed or damaged"):
        plan_of(workspace, Request(None, str(run), str(workspace), ()))
    assert folder.find(workspace / "runs", "cut-off", plan_config(workspace), {}, resume="never").is_new


def plan_config(place: Path) -> Any:
    return plan_of(place, Request("tiny", "auto", str(place), tuple(BRIEF[2:]))).config


def test_a_tokenizer_made_anew_during_a_training_is_not_taken_over(workspace: Path) -> None:
    said, run = workspace / "said", workspace / "runs" / "tiny"
    settings = [*TOY, "train.max_steps=200", "log.eval_every=0", "log.save_every=1"]
    process = fork(train, ["--workspace", str(workspace), *settings], said)
    while not (run / "checkpoints" / "LATEST").is_file():
        assert process.is_alive()
        time.sleep(0.002)
    for name in ("tokenizer.json", "phon.json"):
        (workspace / "data" / "tokenizer" / name).write_text("{}")
    process.join()
    assert process.exitcode == 0, said.read_text()
    assert (run / "model" / "tokenizer.json").read_bytes() == (
        workspace / "runs" / "finished" / "model" / "tokenizer.json"
    ).read_bytes()


def test_the_state_of_a_checkpoint_is_what_was_saved(whole: Path) -> None:
    assert isinstance(checkpoint.read_state(whole / NEWEST), State)
