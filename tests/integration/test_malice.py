"""Nothing of a checkpoint, model or run that was made to harm is run, and no more of it is read than ours have."""

import json
import os
import pickle
import resource
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.cli import main
from tests.forked import done, train
from tests.integration.conftest import BRIEF
from train import checkpoint
from train.checkpoint import OPTIMIZER, STATE
from train.config import OptimConfig
from train.errors import TrainError
from train.export import read_model
from train.files import WEIGHTS, read_checked, sha256_file, write_checked
from train.history import read_history
from train.optim import build_optimizer

PICKLES = (
    "pytorch_model.bin",
    "pytorch_model-00001-of-00001.bin",
    "model.bin",
    "optimizer.bin",
    "optimizer.pt",
    "scheduler.bin",
    "scheduler.pt",
    "sampler.bin",
    "scaler.pt",
    "random_states_0.pkl",
    "rng_state.pth",
    "custom_checkpoint_0.pkl",
    "training_args.bin",
    "tokenizer.pkl",
    "data.npy",
    ".metadata",
)
NEWEST = Path("runs", "cut-off", "checkpoints", "step-00000004")
MEMORY = 200 * 2**20  # bytes that reading something hostile may take


class Harm:
    """What leaves a file when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch '{self.canary}'",)


@pytest.fixture
def workspace(two_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A workspace of our own, in which no canary may sing."""
    monkeypatch.setattr("signal.signal", lambda number, handler: None)
    place = Path(shutil.copytree(two_runs, tmp_path / "workspace"))
    yield place
    assert not (place / "canary").exists()


@pytest.fixture
def model(workspace: Path) -> Path:
    """A model folder that came alone, so that nothing vouches for it."""
    return Path(shutil.copytree(workspace / "runs" / "finished" / "model", workspace / "alone"))


def resume(place: Path) -> tuple[int, str]:
    """Go on with the run that was cut off; exit code and what was said."""
    code = done(train, ["--workspace", str(place), *BRIEF, "log.name=cut-off"], place / "said")
    return code, (place / "said").read_text()


def phon(place: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """A command; exit code and what it said."""
    code = main([*arguments, "--workspace", str(place)])
    return code, capsys.readouterr().err


def is_refused(code: int, said: str, name: str) -> bool:
    """Whether it ended with one line that names the file, and a hint."""
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    return code == 1 and len(errors) == 1 and name in errors[0] and "Traceback" not in said and "\nhint: " in said


def seal(path: Path) -> None:
    """Give a checkpoint the checksums of what is in it now, as whoever forges it would."""
    facts = read_checked(path / STATE)
    facts["sha256"] = {name: sha256_file(path / name) for name in facts["sha256"]}
    write_checked(path / STATE, facts)


def load(path: Path) -> None:
    """Read a checkpoint's optimizer as a training does."""
    model, _, _ = read_model(path)
    checkpoint.load_optimizer(model, build_optimizer(model, OptimConfig(lr=1e-3, weight_decay=0.1)), path)


def goes_on_from(workspace: Path) -> str:
    """What is said of the newest checkpoint; the one before it is taken."""
    said: list[str] = []
    found = checkpoint.newest(workspace / NEWEST.parent, said.append)
    assert found and found.name == "step-00000002"
    return said[0]


def plant(folder: Path, canary: Path) -> None:
    """Put a pickle that leaves a canary under every name that others would open."""
    for name in PICKLES:
        if name.endswith(".npy"):
            harm = np.empty(1, object)
            harm[0] = Harm(canary)
            np.save(folder / name, harm, allow_pickle=True)
        else:
            (folder / name).write_bytes(pickle.dumps(Harm(canary)))
    (folder / "modeling_evil.py").write_text(f"import os; os.system(\"touch '{canary}'\")\n")


def test_the_pickle_is_one_that_harms(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Harm(tmp_path / "canary")))
    assert (tmp_path / "canary").exists()


def test_pickles_beside_a_checkpoint_and_a_model_are_never_opened_nor_passed_on(
    workspace: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = [workspace / NEWEST, model, workspace / "runs" / "cut-off", workspace / "data" / "tokenizer"]
    for folder in (*places, workspace / "runs" / "finished" / "model"):
        plant(folder, workspace / "canary")
    code, said = resume(workspace)
    assert code == 0, said
    made = workspace / "runs" / "cut-off" / "model"
    assert not set(PICKLES) & {path.name for path in made.iterdir()}
    for run in ("finished", "cut-off", str(model), str(workspace / NEWEST)):
        assert phon(workspace, capsys, "generate", "--n", "1", "--run", run)[0] == 0
    assert phon(workspace, capsys, "runs")[0] == 0
    assert phon(workspace, capsys, "report", "cut-off")[0] == 0


@pytest.mark.parametrize("name", [WEIGHTS, "tokenizer.json", "phon.json", "config.json"])
def test_a_pickle_in_place_of_a_file_is_refused(
    workspace: Path, model: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (model / name).write_bytes(pickle.dumps(Harm(workspace / "canary")))
    code, said = phon(workspace, capsys, "generate", "--n", "1", "--run", str(model))
    assert is_refused(code, said, "tokenizer.json" if name == "phon.json" else name) or name in said, said
    assert code == 1 and "Traceback" not in said


def test_code_that_a_config_names_is_not_loaded(
    workspace: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(model, workspace / "canary")
    config = json.loads((model / "config.json").read_text())
    config["auto_map"] = {name: "modeling_evil.Evil" for name in ("AutoConfig", "AutoModelForCausalLM")}
    config["_name_or_path"] = "../evil"
    (model / "config.json").write_text(json.dumps(config))
    template = "{{ cycler.__init__.__globals__.os.system('touch " + str(workspace / "canary") + "') }}"
    tokens = json.loads((model / "tokenizer_config.json").read_text())
    tokens |= {"chat_template": template, "auto_map": {"AutoTokenizer": ["modeling_evil.Evil", None]}}
    (model / "tokenizer_config.json").write_text(json.dumps(tokens))
    assert phon(workspace, capsys, "generate", "--n", "1", "--run", str(model))[0] == 0


def header(value: bytes, size: int | None = None) -> bytes:
    return struct.pack("<Q", len(value) if size is None else size) + value


def overlapping() -> bytes:
    parts = {name: {"dtype": "F32", "shape": [4], "data_offsets": [at, at + 16]} for name, at in (("a", 0), ("b", 8))}
    return header(json.dumps(parts).encode()) + bytes(24)


HOSTILE: dict[str, Callable[[], bytes]] = {
    "a header of 2^63 bytes": lambda: header(b"{}", 2**63),
    "a header longer than the file": lambda: header(b"{}", 2**23),
    "a header of 100 MB": lambda: header(b"{" + b" " * 99_999_990 + b"}"),
    "100,000 brackets": lambda: header(b'{"a":' + b"[" * 100_000),
    "tensors that overlap": overlapping,
    "a tensor of 2^60 numbers": lambda: header(
        json.dumps({"a": {"dtype": "F32", "shape": [2**60], "data_offsets": [0, 2**62]}}).encode()
    ),
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("name", [WEIGHTS, OPTIMIZER])
def test_a_training_does_not_go_on_from_tensors_that_are_none(workspace: Path, name: str) -> None:
    (workspace / NEWEST / name).write_bytes(HOSTILE["a header of 2^63 bytes"]())
    seal(workspace / NEWEST)
    code, said = resume(workspace)
    assert is_refused(code, said, name), said


@pytest.mark.parametrize("hostile", HOSTILE)
def test_an_optimizer_that_is_none_is_refused(workspace: Path, hostile: str) -> None:
    (workspace / NEWEST / OPTIMIZER).write_bytes(HOSTILE[hostile]())
    with pytest.raises(TrainError, match=OPTIMIZER):
        load(workspace / NEWEST)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_weights_that_are_none_are_not_sampled_nor_counted(workspace: Path, model: Path, hostile: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (model / WEIGHTS).write_bytes(HOSTILE[hostile]())
    with pytest.raises(TrainError, match=WEIGHTS):
        read_model(model)
    shutil.copy(model / WEIGHTS, workspace / NEWEST)
    assert read_history(workspace / "runs" / "cut-off").step == 4
    made = 100_000_008 if hostile == "a header of 100 MB" else 0  # by this test
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < MEMORY + made


def test_an_optimizer_of_another_model_is_refused(workspace: Path) -> None:
    from safetensors.numpy import load_file, save_file

    path = workspace / NEWEST / OPTIMIZER
    load(workspace / NEWEST)
    tensors = load_file(path)
    for change in ({"nobody/exp_avg": np.zeros(3, np.float32)}, {next(iter(tensors)): np.zeros((7, 7, 7), np.float32)}):
        save_file({**tensors, **change}, path)
        with pytest.raises(TrainError, match=f"{OPTIMIZER} is of another model"):
            load(workspace / NEWEST)


DEEP = b"[" * 100_000
DEEPISH = b"[" * 900 + b"]" * 900  # deep enough to break what comes after the parser
LONG = b'"' + b"a" * 5_000_000 + b'"'
NUMBER = b"9" * 5_000
VALUES = [DEEP, b'{"x": ' + DEEPISH + b"}", b'{"x": ' + LONG + b"}", NUMBER, b"null", b"[]", b"{}", b"\xff\xfe", b""]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{value[:12]!r} {len(value)}")
@pytest.mark.parametrize(
    ("name", "is_used_by"),
    [
        ("runs/cut-off/run.json", "resume generate? runs report"),
        ("runs/cut-off/config.toml", "resume generate? runs report"),
        ("runs/finished/manifest.json", "resume? generate runs report"),
        ("runs/finished/model/config.json", "generate"),
        ("runs/finished/model/phon.json", "generate"),
        (f"{NEWEST}/{STATE}", "resume? generate?"),
    ],
)
def test_a_text_file_that_is_none_is_refused_by_who_uses_it(
    workspace: Path, capsys: pytest.CaptureFixture[str], name: str, is_used_by: str, value: bytes
) -> None:
    (workspace / name).write_bytes(value)
    for command in ("generate", "runs", "report"):
        given = {"generate": ["--n", "1", "--run"], "report": [], "runs": None}[command]
        run = name.split("/")[1]
        code, said = phon(workspace, capsys, command, *([] if given is None else [*given, run]))
        assert "Traceback" not in said
        if command in is_used_by.split():
            assert is_refused(code, said, Path(name).name), said
    if "finished" not in name and value in (DEEP, b"{}"):
        code, said = resume(workspace)
        assert "Traceback" not in said
        if "resume" in is_used_by.split():
            assert is_refused(code, said, Path(name).name), said
        else:
            assert f"refused step-00000004: {STATE} " in said


@pytest.mark.parametrize(
    "change",
    [
        {"step": 10**30},
        {"step": -1},
        {"step": "4"},
        {"step": True},
        {"best": []},
        {"scaler": [1]},
        {"micro_batch": None},
        {"unknown": 1},
    ],
    ids=str,
)
def test_a_state_that_no_training_has_is_refused(workspace: Path, change: dict[str, Any]) -> None:
    facts = read_checked(workspace / NEWEST / STATE)
    facts["state"] |= change
    write_checked(workspace / NEWEST / STATE, facts)
    assert goes_on_from(workspace).startswith(f"refused step-00000004: {STATE} is damaged: ")


@pytest.mark.parametrize("outside", ["../../../../outside", "/outside", "..", ""])
def test_a_checkpoint_names_no_file_outside_itself(workspace: Path, outside: str) -> None:
    facts = read_checked(workspace / NEWEST / STATE)
    facts["sha256"][outside] = "0" * 64
    write_checked(workspace / NEWEST / STATE, facts)
    assert goes_on_from(workspace).endswith(f"{STATE} is damaged: it does not name the files of a checkpoint")


@pytest.mark.parametrize("pointer", [b"../../../etc", b"/etc", b"\xff\xfe", b"", b"step-00000099", b"a\0b"])
def test_a_pointer_to_elsewhere_is_not_followed(
    workspace: Path, capsys: pytest.CaptureFixture[str], pointer: bytes
) -> None:
    (workspace / "runs" / "cut-off" / "checkpoints" / "LATEST").write_bytes(pointer)
    (workspace / "runs" / "LATEST").write_bytes(pointer)
    assert is_refused(*phon(workspace, capsys, "generate", "--run", "cut-off"), "LATEST")
    code, said = phon(workspace, capsys, "generate")
    assert code == 1 and "Traceback" not in said and "error: " in said
    assert phon(workspace, capsys, "runs")[0] == 0
    found = checkpoint.newest(workspace / NEWEST.parent, print)
    assert found == workspace / NEWEST


@pytest.mark.parametrize(
    "change",
    [
        {"n_layer": 10**9},
        {"n_embd": 10**12, "n_head": 10**6},
        {"n_positions": 2**62},
        {"n_inner": 10**15},
        {"n_embd": 1e400},
        {"n_embd": "ten"},
        {"n_head": None},
        {"n_layer": [1]},
    ],
    ids=str,
)
def test_a_model_of_impossible_size_is_not_built(model: Path, change: dict[str, Any]) -> None:
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(TrainError, match=r"config\.json|model\.safetensors") as caught:
        read_model(model)
    assert caught.value.hint


@pytest.mark.parametrize(
    "change",
    [
        {"openings": 3},
        {"openings": {"": 3}},
        {"documents": {"": "many"}},
        {"documents": {"": -1}},
        {"documents": {}},
        {"notation": "arpabet"},
        {"notation": {"name": ["x"], "version": "1", "options": {}}},
        {"vocab_size": 10**30},
        {"more": 1},
    ],
    ids=str,
)
def test_a_contract_of_other_kinds_of_values_is_refused(model: Path, change: dict[str, Any]) -> None:
    contract = json.loads((model / "phon.json").read_text())
    (model / "phon.json").write_text(json.dumps({**contract, **change}))
    with pytest.raises(TrainError, match=r"phon\.json") as caught:
        read_model(model)
    assert caught.value.hint


@pytest.mark.parametrize(
    "record",
    [
        {"step": "one"},
        {"step": 10**30},
        {"step": 1, "loss": "low", "tokens": 3},
        {"step": 1, "loss": 2.0},
        {"step": 1, "loss": 1.0, "tokens": 10**400},
        {"step": 1, "val_loss": []},
        {"step": 1, "samples": "many", "temperature": 0.7, "valid": 1.0},
        {"step": 1, "samples": [{"text": "x"}], "temperature": 0.7, "valid": 1.0},
        [1],
        None,
    ],
    ids=str,
)
def test_a_log_that_no_training_wrote_breaks_nothing(
    workspace: Path, capsys: pytest.CaptureFixture[str], record: Any
) -> None:
    import zlib

    text = json.dumps(record).removesuffix("}").encode()
    line = text + b', "crc32": "%08x"}\n' % zlib.crc32(text)
    (workspace / "runs" / "cut-off" / "log.jsonl").write_bytes(line + b"{" * 50_000 + b"\n")
    assert phon(workspace, capsys, "runs")[0] == 0
    assert phon(workspace, capsys, "report", "cut-off")[0] == 0
    if record is None:
        code, said = resume(workspace)
        assert code == 0 and "lines were damaged or are gone" in said, said
