"""The closed form of a step's memory against the simulation of each operation, and both against published tables."""

import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from train import config as configs
from train.config import OptimConfig
from train.decoder import Shape as DecoderShape
from train.families import shape_of
from train.gpt2 import Shape
from train.memory import Step, knows, states, step_memory
from train.model import Model
from train.model import Shape as AnyShape
from train.options import Options
from train.simulate import simulate

GIB = 2**30
LARGE, XL, SMALL = (36, 1280), (48, 1600), (12, 768)

# Peak GiB of the forward and backward passes of transformers' GPT-2, 1,024 tokens a row, vocabulary 50,257, bf16 with
# dropout, found by a simulation of each operation: (layers, width), heads, rows, attention, checkpointing, GiB.
TABLE = [
    (LARGE, 20, 1, "written out", False, 19.2),
    (LARGE, 20, 2, "written out", False, 28.3),
    (LARGE, 20, 4, "written out", False, 46.6),
    (LARGE, 20, 1, "sdpa", False, 13.6),
    (LARGE, 20, 2, "sdpa", False, 17.1),
    (LARGE, 20, 4, "sdpa", False, 24.1),
    (LARGE, 20, 1, "sdpa", True, 12.1),
    ((18, 1280), 64, 1, "written out", False, 16.6),
    ((18, 1280), 64, 2, "written out", False, 27.7),
    ((18, 1280), 64, 4, "written out", False, 49.8),
    ((18, 1280), 64, 1, "sdpa", False, 7.6),
    ((18, 1280), 64, 4, "sdpa", False, 13.8),
    ((18, 1280), 20, 1, "written out", False, 10.4),
    ((18, 1280), 20, 4, "written out", False, 25.1),
    (XL, 25, 1, "written out", False, 35.1),
    (XL, 25, 1, "sdpa", False, 25.7),
    (XL, 25, 1, "sdpa", True, 23.9),
    (SMALL, 12, 8, "written out", False, 20.5),
    (SMALL, 12, 8, "sdpa", False, 11.55),
    (SMALL, 12, 8, "sdpa", True, 7.17),
]


def gpt2(size: tuple[int, int], n_head: int, **more: Any) -> Shape:
    return Shape(50_257, 1024, size[0], n_head, size[1], 4 * size[1], **more)


def library_step(rows: int, attention: str, checkpointing: bool) -> Step:
    """A step of transformers' GPT-2 by the Trainer of its time."""
    return Step(rows, 1, 2, "foreach", False, checkpointing, attention, False, "whole", "seven", 2)  # type: ignore[arg-type]


def on_no_device(shape: AnyShape) -> Model:
    with torch.device("meta"):
        return shape.build()


def before_the_optimizer(shape: Shape, how: Step) -> int:
    return max(parts.total for name, parts in step_memory(shape, how).moments.items() if name != "the optimizer")


@pytest.mark.parametrize(("size", "n_head", "rows", "attention", "checkpointing", "gib"), TABLE)
def test_the_closed_form_gives_the_table(
    size: tuple[int, int], n_head: int, rows: int, attention: str, checkpointing: bool, gib: float
) -> None:
    shape = gpt2(size, n_head, dropout=0.1, attn_dropout=0.1)
    assert before_the_optimizer(shape, library_step(rows, attention, checkpointing)) / GIB == pytest.approx(
        gib, rel=0.03
    )


@pytest.mark.parametrize(("size", "foreach", "fused"), [(LARGE, 14.4, 11.5), ((18, 1280), 7.8, 6.3), (XL, 29.0, 23.2)])
def test_the_optimizer_alone_takes_20_or_16_bytes_a_weight(size: tuple[int, int], foreach: float, fused: float) -> None:
    shape = gpt2(size, 20)
    for how, gib in ((library_step(1, "sdpa", True), foreach), (Step(1), fused)):
        assert step_memory(shape, how).moments["the optimizer"].total / GIB == pytest.approx(gib, rel=0.01)


class Library(Model):
    """transformers' GPT-2 with its own loss; what it returns is kept, as most loops do."""

    def __init__(self, shape: Shape, attention: str) -> None:
        from transformers import GPT2Config, GPT2LMHeadModel

        super().__init__()
        self.shape: Shape = shape
        names = {"sdpa": "sdpa", "written out": "eager"}
        config = GPT2Config(
            n_layer=shape.n_layer, n_head=shape.n_head, n_embd=shape.n_embd, use_cache=False,
            attn_implementation=names[attention],
        )  # fmt: skip
        config.loss_type = "ForCausalLM"
        self.inner: nn.Module = GPT2LMHeadModel(config)

    def forward(self, tokens: Tensor, *others: Tensor | None) -> Tensor:
        self.out = self.inner(input_ids=tokens, labels=tokens)
        loss: Tensor = self.out.loss
        return loss


@pytest.mark.parametrize(("size", "n_head", "rows", "attention", "gib"), [
    ((18, 1280), 64, 2, "written out", 27.7),
    ((18, 1280), 20, 1, "sdpa", 7.6),
    (SMALL, 12, 8, "written out", 20.5),
    (SMALL, 12, 8, "sdpa", 11.55),
])  # fmt: skip
def test_the_simulation_of_the_library_gives_the_table(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], n_head: int, rows: int, attention: str, gib: float
) -> None:
    from transformers import masking_utils

    monkeypatch.setattr(masking_utils, "find_packed_sequence_indices", lambda positions: None)  # it looks at values
    with torch.device("meta"):
        model = Library(gpt2(size, n_head), attention)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    found = simulate(model, library_step(rows, attention, False), optimizer)
    assert max(found["forward"], found["backward"]) / GIB == pytest.approx(gib, rel=0.03)


def random_case(r: random.Random) -> tuple[AnyShape, Step]:
    n_head = r.choice([2, 4, 8])
    width, n_layer = n_head * r.choice([32, 64, 96]), r.randint(2, 3)
    vocab, seq_len = r.choice([128, 256, 1024, 8192, 50257]), r.choice([128, 256, 512, 1024, 2048])
    rows, dropout = r.choice([1, 2, 4, 8, 16]), r.choice([0.0, 0.1])
    shape: AnyShape = Shape(
        vocab, seq_len, n_layer, n_head, width, width * r.choice([2, 4]), dropout, tied=r.random() < 0.7
    )
    if r.random() < 0.06:
        options = Options(
            n_layer=n_layer, n_head=n_head, n_embd=width, position="rotary", norm="rms", n_kv_head=n_head // 2,
            feed_forward=r.choice(["gelu", "swiglu", "relu2"]), qk_norm=r.random() < 0.5, dropout=dropout,
        )  # fmt: skip
        shape = DecoderShape(vocab, seq_len, options)
    how = Step(
        rows, r.choice([1, 3]), r.choice([2, 2, 4]), r.choice(["adamw", "muon"]), r.random() < 0.3,
        masks=r.random() < 0.3,
    )  # fmt: skip
    return shape, how


@pytest.mark.parametrize("checkpointing", [False, True])
def test_closed_form_and_simulation_agree_on_any_model(checkpointing: bool) -> None:
    r = random.Random(5)
    off = {}
    for _ in range(8 if checkpointing else 50):
        shape, how = random_case(r)
        how = Step(**{**vars(how), "checkpointing": checkpointing})
        by_hand, by_running = step_memory(shape, how).peak, max(simulate(on_no_device(shape), how).values())
        off[shape, how] = by_hand / by_running - 1
    worst = max(off, key=lambda case: abs(off[case]))
    assert abs(off[worst]) < 0.05, (off[worst], worst)


def test_gpt2_xl_is_simulated_and_agrees() -> None:
    shape = gpt2(XL, 25)
    assert max(simulate(on_no_device(shape), Step(1)).values()) == pytest.approx(
        step_memory(shape, Step(1)).peak, rel=0.02
    )


@pytest.mark.parametrize("config", ["modern", "orca", "gpt2", "structured-22l-types"])
def test_the_configs_that_come_with_phon_agree(config: str) -> None:
    given = configs.load(config, ["model.n_layer=3"])
    shape, how = shape_of(given, 512, 256), Step(4, 2, optimizer=given.optim.name)
    assert max(simulate(on_no_device(shape), how).values()) == pytest.approx(step_memory(shape, how).peak, rel=0.05)


def test_heads_cost_memory_where_scores_are_kept_and_nowhere_else() -> None:
    few, many = gpt2((18, 1280), 20), gpt2((18, 1280), 64)
    assert step_memory(many, Step(1)).peak == pytest.approx(step_memory(few, Step(1)).peak, rel=1e-3)
    kept = Step(1, attention="written out")
    assert step_memory(many, kept).peak > 1.5 * step_memory(few, kept).peak


def test_gradients_that_wait_are_counted() -> None:
    shape = gpt2(SMALL, 12)
    at_once, by_turns = (step_memory(shape, Step(1, n)).moments["the head"] for n in (1, 2))
    assert by_turns.total - at_once.total == by_turns.gradients == 4 * shape.n_parameters
    assert step_memory(shape, Step(1, 4, on_cpu=True)).moments["the head"].gradients == 8 * shape.n_parameters


def test_what_no_setting_saves_is_what_the_optimizer_finds() -> None:
    shape = gpt2(SMALL, 12)
    assert states(shape, OptimConfig()) == step_memory(shape, Step(1)).moments["the optimizer"].total
    assert states(shape, OptimConfig(name="muon", ema=0.9)) == pytest.approx(16 * shape.n_parameters, rel=0.25)


def test_an_encoder_has_no_closed_form() -> None:
    assert not knows(shape_of(configs.load("spell-to-phones"), 100, 64))
