"""How a launch file's wish to share a model out is read, and what is refused with it."""

import os

import pytest

from train import session, sharding
from train.config import build
from train.errors import TrainError

FSDP = {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2"}
ZERO = {"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_DEEPSPEED_ZERO_STAGE": "3"}


def given(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, world: int = 2) -> None:
    for name, value in {**environment, "WORLD_SIZE": str(world)}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(("environment", "way"), [({}, ""), (FSDP, "fsdp2"), (ZERO, "zero3")])
def test_what_is_asked_for_is_taken_from_accelerate(
    environment: dict[str, str], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(environment, monkeypatch)
    assert sharding.asked() == way
    assert not {"ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED"} & os.environ.keys()


@pytest.mark.parametrize("environment", [FSDP, ZERO])
def test_one_process_has_nobody_to_share_with(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    given(environment, monkeypatch, world=1)
    assert sharding.asked() == ""


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({**FSDP, "FSDP_VERSION": "1"}, "asks for FSDP 1"),
        ({**ZERO, "ACCELERATE_DEEPSPEED_ZERO_STAGE": "1"}, "ZeRO stage 1"),
        ({"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_DEEPSPEED_CONFIG_FILE": "ds.json"}, "ZeRO stage unknown"),
        ({**ZERO, "ACCELERATE_DEEPSPEED_OFFLOAD_PARAM_DEVICE": "cpu"}, "asks DeepSpeed to offload"),
    ],
)
def test_what_is_not_done_is_refused(
    environment: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(environment, monkeypatch)
    with pytest.raises(TrainError, match=message):
        sharding.asked()


@pytest.mark.parametrize(
    ("way", "settings", "precision", "message"),
    [
        ("fsdp2", {"name": "muon"}, "bf16", r"optim.name=muon cannot be combined with .* \(FSDP2\)"),
        ("zero2", {"ema": 0.5}, "bf16", r"optim.ema cannot be combined with .* \(ZeRO-2\)"),
        ("zero3", {}, "fp16", "fp16 cannot be combined with DeepSpeed"),
    ],
)
def test_settings_that_need_more_than_a_share_are_refused(
    way: str, settings: dict[str, object], precision: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "find_spec", lambda name: object())  # as if DeepSpeed were installed
    with pytest.raises(TrainError, match=message):
        session.check_sharing(way, build({"optim": settings}), precision)


def test_a_package_that_is_missing_is_named_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "find_spec", lambda name: None)
    with pytest.raises(TrainError, match="DeepSpeed, which is not installed") as caught:
        session.check_sharing("zero2", build({}), "bf16")
    assert caught.value.hint.startswith('pip install "phon[deepspeed]"')
    session.check_sharing("fsdp2", build({}), "bf16")
