from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from train.config import Config
from train.gpt2 import GPT2, Shape
from train.log import Display
from train.loop import draw_samples
from train.step import accumulate

SHAPE = Shape(vocab_size=16, seq_len=8, n_layer=1, n_head=1, n_embd=8, n_inner=16, dropout=0.5)


class Same:
    """Rows that are all alike."""

    def read(self, rows: Any) -> tuple[Any, ...]:
        tokens = np.tile(np.arange(8), (len(rows), 1))
        return tokens, tokens + 1


def training(micro_batch: int = 1) -> Any:
    """As much of a training as the micro-steps need."""
    model = GPT2(SHAPE)
    model.initialise(torch.Generator().manual_seed(0))
    cpu = SimpleNamespace(device=torch.device("cpu"), process_index=0, backward=lambda loss: loss.backward())
    return SimpleNamespace(
        work=SimpleNamespace(config=Config().with_values({"model.dropout": 0.5})),
        rows=Same(),
        model=model.train(),
        forward=model,
        is_sharded=False,
        zero=None,
        world=1,
        accelerator=cpu,
        optimizer=SimpleNamespace(zero_grad=model.zero_grad),
        state=SimpleNamespace(micro_batch=micro_batch),
    )


def nats(t: Any, step: int, rows: int = 1) -> float:
    return float(accumulate(t, np.zeros(rows, np.int64), 8, step)[0])


def test_dropout_differs_from_step_to_step_and_follows_from_the_step_alone() -> None:
    t = training()
    found = [nats(t, step) for step in range(6)]
    assert len(set(found)) == 6  # the same rows and weights
    torch.rand(100)
    assert nats(training(), 4) == found[4]


def test_dropout_differs_from_micro_step_to_micro_step() -> None:
    assert nats(training(), 0, rows=2) != 2 * nats(training(), 0)


def test_samples_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    sample = {"text": "\x1b]0;mine\x07\x9b31m\u202e", "type": "", "ended": True, "valid": True}
    t: Any = SimpleNamespace(
        is_stopping=lambda: False,
        sample=lambda model, temperature: [sample],
        state=SimpleNamespace(step=1),
        display=Display(),
    )
    records = draw_samples(t, training().model)
    assert records[0]["samples"] == [sample]  # the log has it as it is
    said = capsys.readouterr().err
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(said)
    assert "]0;mine" in said
