from pathlib import Path
from typing import Literal

import pytest
import torch
from safetensors.torch import load_file

from train import checkpoint
from train.checkpoint import State
from train.config import OptimConfig
from train.errors import TrainError
from train.files import ASIDE, WEIGHTS, write_bytes
from train.gpt2 import GPT2, Shape
from train.optim import build_optimizer

SHAPE = Shape(vocab_size=32, seq_len=8, n_layer=1, n_head=2, n_embd=8, n_inner=32)


class Kept:
    """A model, its optimizer and a folder of checkpoints."""

    def __init__(self, folder: Path, seed: int = 0, optimizer: Literal["adamw", "muon"] = "adamw") -> None:
        self.folder = folder
        self.model = GPT2(SHAPE)
        self.model.initialise(torch.Generator().manual_seed(seed))
        self.optimizer = build_optimizer(self.model, OptimConfig(name=optimizer, lr=1e-3, weight_decay=0.1))
        self.said: list[str] = []

    def step(self) -> None:
        tokens = torch.arange(8)[None]
        self.model(tokens, tokens.roll(-1)).backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def save(self, step: int) -> Path:
        from safetensors.torch import save

        def write_model(path: Path) -> None:
            write_bytes(path / WEIGHTS, save(self.model.weights()))

        tensors = checkpoint.optimizer_tensors(self.model, self.optimizer, None)
        return checkpoint.save(self.folder, State(step, 8 * step), write_model, tensors)

    def newest(self) -> Path | None:
        return checkpoint.newest(self.folder, self.said.append)

    def load(self, path: Path) -> State:
        self.model.load_weights(load_file(path / WEIGHTS))
        checkpoint.load_optimizer(self.model, self.optimizer, path)
        return checkpoint.read_state(path)


def weights(kept: Kept) -> list[torch.Tensor]:
    return [p.detach().clone() for p in kept.model.parameters()]


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_going_on_from_a_checkpoint_is_the_same_as_going_on(
    tmp_path: Path, optimizer: Literal["adamw", "muon"]
) -> None:
    straight = Kept(tmp_path, optimizer=optimizer)
    straight.step()
    straight.save(1)
    straight.step()
    other = Kept(tmp_path, seed=5, optimizer=optimizer)
    path = other.newest()
    assert path
    assert other.load(path) == State(1, 8)
    other.step()
    assert all(torch.equal(a, b) for a, b in zip(weights(straight), weights(other), strict=True))


def test_the_last_two_are_kept_and_latest_points_at_the_last(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.step()
    for step in (1, 2, 3):
        kept.save(step)
    assert [path.name for path in checkpoint.complete(tmp_path)] == ["step-00000002", "step-00000003"]
    assert (tmp_path / "LATEST").read_text() == "step-00000003"
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".bin", ".pt", ".pkl")]


@pytest.mark.parametrize("name", ["model.safetensors", "optim.safetensors", "state.json"])
@pytest.mark.parametrize("harm", ["flip a bit", "cut short", "delete"])
def test_a_damaged_checkpoint_is_refused_by_name_and_the_one_before_is_used(
    tmp_path: Path, name: str, harm: str
) -> None:
    kept = Kept(tmp_path)
    kept.step()
    kept.save(1)
    file = kept.save(2) / name
    content = bytearray(file.read_bytes())
    if harm == "delete":
        file.unlink()
    else:
        place = content.index(b'"step": 2') + 8 if name == "state.json" else len(content) // 2
        content[place] ^= 1
        file.write_bytes(content if harm == "flip a bit" else content[: len(content) // 2])
    found = kept.newest()
    assert found
    assert found.name == "step-00000001"
    assert kept.said[0].startswith("refused step-00000002: ")
    assert name in kept.said[0]


def test_when_none_is_whole_nothing_is_guessed(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.step()
    (kept.save(1) / "model.safetensors").write_bytes(b"")
    with pytest.raises(TrainError, match=r"no checkpoint in .* is whole"):
        kept.newest()


def test_what_a_killed_writer_left_is_cleared_away(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.step()
    kept.save(1)
    torn = tmp_path / f"{ASIDE}step-00000002"
    torn.mkdir()
    (torn / "model.safetensors").write_bytes(b"half")
    found = kept.newest()
    assert found
    assert found.name == "step-00000001"
    assert not torn.exists()
