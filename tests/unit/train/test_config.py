import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train import config as configs
from train.config import DecoderConfig, known
from train.errors import TrainError
from train.families import shape_of
from train.optim import check_schedule, learning_rate


def told(*overrides: str, config: str = "tiny") -> str:
    with pytest.raises(TrainError) as error:
        configs.load(config, overrides)
    return f"{error.value} | {error.value.hint}"


@pytest.mark.parametrize("name", configs.names())
def test_every_config_loads_and_reads_back_equal(name: str, tmp_path: Path) -> None:
    config = configs.load(name)
    saved = tmp_path / "config.toml"
    saved.write_text(configs.to_toml(config))
    assert configs.load(str(saved)) == config


def test_the_configs_people_ask_for_are_there() -> None:
    published = {
        "gpt2-52m": 51_475_968,
        "gpt2-83m": 82_056_320,
        "gpt2-125m": 124_439_808,
        "gpt2": 124_439_808,
        "gpt2-medium": 354_823_168,
        "gpt2-large": 774_030_080,
        "gpt2-xl": 1_557_611_200,
        "t5-small": 60_506_624,
        "t5-base-220m": 222_903_552,
        "t5-base-220m-glu": 222_903_552,
    }
    for name, parameters in published.items():
        config = configs.load(name)
        assert shape_of(config, config.model.published_vocab_size, 1024).n_parameters == parameters
    slides = configs.load("structured-22l").model
    assert (slides.n_layer, slides.n_embd % slides.n_head) == (22, 0)


def test_decoders_have_the_sizes_that_were_asked_for() -> None:
    sizes = {"orca": 36_636_416, "structured-22l-types": 73_992_864, "structured-22l-pairs": 86_295_264}
    for name, parameters in sizes.items():
        config = configs.load(name)
        assert config.model.family == "decoder"
        shape = shape_of(config, config.model.published_vocab_size, known(config.data.seq_len))
        assert shape.n_parameters == parameters, name
    assert abs(sizes["orca"] - 36.6e6) < 0.1e6
    types, pairs = (configs.load(f"structured-22l-{name}").model for name in ("types", "pairs"))
    assert isinstance(types, DecoderConfig) and isinstance(pairs, DecoderConfig)
    assert types.options.types and pairs.options.types
    assert (types.options.n_encoder_layer, pairs.options.n_encoder_layer) == (0, 11)


def test_the_command_line_is_stronger_than_the_file() -> None:
    config = configs.load("tiny", ["optim.lr=0.5", "model.n_layer=3", "log.name=one", "log.trackers=['tensorboard']"])
    assert (config.optim.lr, config.model.n_layer, config.log.name) == (0.5, 3, "one")
    assert config.log.trackers == ("tensorboard",)
    assert configs.load("tiny", ["train.max_steps=none", "train.epochs=2"]).train.epochs == 2


def test_an_unknown_key_is_told_with_the_nearest_name() -> None:
    assert told("optim.learning_rat=1") == ("the command line: unknown key optim.learning_rat | did you mean optim.lr?")
    assert told("optim.zzz=1").startswith("the command line: unknown key optim.zzz | there are: name, lr, ")
    assert told("optim.weight_decai=1").endswith("did you mean optim.weight_decay?")
    assert told("optim.n_layer=3").endswith("did you mean model.n_layer?")
    assert told("modle.n_layer=3").endswith("did you mean model?")
    assert "did you mean 'tiny'?" in told(config="tinny")


def test_a_key_in_a_file_is_told_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[model]\nn_layers = 3\n")
    assert told(config=str(file)) == f"{file}: unknown key model.n_layers | did you mean model.n_layer?"
    file.write_text("[model\n")
    assert f"{file}: " in told(config=str(file))


@pytest.mark.parametrize("config", ["structured-22l", "structured-22l-types", "structured-22l-pairs"])
def test_a_width_that_heads_do_not_divide_is_told_with_ones_they_do(config: str) -> None:
    message = told("model.n_embd=544", "model.n_head=12", config=config)
    assert re.search(r"model.n_embd = 544 is not a multiple of (model.)?n_head = 12", message)
    assert "model.n_embd=540 (heads of 45)" in message
    assert "model.n_head=16 (heads of 34)" in message


def test_heads_of_odd_width_cannot_turn() -> None:
    message = told("model.n_embd=540", "model.position=rotary", config="structured-22l-types")
    assert "model.position = rotary cannot be combined with head_width = 45" in message
    assert "it turns pairs of channels" in message


def test_values_that_do_not_fit_are_told() -> None:
    assert "optim.lr = -1" in told("optim.lr=-1")
    assert "optim.schedule = 'cosin'" in told("optim.schedule=cosin")
    assert "is not section.key=value" in told("lr=3")
    assert "train.max_steps or train.epochs" in told("train.epochs=3")


@given(
    st.sampled_from(["cosine", "constant", "warmup-stable-decay"]),
    st.integers(0, 50),
    st.integers(51, 400),
    st.floats(0, 1e-3),
)
def test_a_rate_rises_to_its_peak_and_never_again(schedule: str, warmup: int, steps: int, floor: float) -> None:
    optim = configs.build({"optim": {"schedule": schedule, "warmup_steps": warmup, "lr": 1e-3, "min_lr": floor}}).optim
    rates = [learning_rate(step, optim, steps) for step in range(steps)]
    assert all(0 < rate <= 1e-3 for rate in rates)
    assert rates[:warmup] == sorted(rates[:warmup])
    assert rates[warmup:] == sorted(rates[warmup:], reverse=True)
    assert max(rates) == pytest.approx(1e-3, rel=0.01)
    if schedule != "constant":
        assert rates[-1] == pytest.approx(floor, abs=1e-3 * 5 / (0.2 * (steps - warmup)))


def test_a_warm_up_longer_than_the_run_is_refused() -> None:
    with pytest.raises(TrainError, match="leaves nothing of a run of 50 steps"):
        check_schedule(configs.build({"optim": {"warmup_steps": 60, "lr": 1e-3}}).optim, 50)


LLAMA = "llama-tiny"


def test_keys_of_the_librarys_architectures_are_checked() -> None:
    at = "the command line: "
    assert told("model.hiden_size=3", config=LLAMA) == (
        f"{at}unknown key model.hiden_size | did you mean model.hidden_size?"
    )
    assert told("model.n_layer=3", config=LLAMA).endswith("did you mean model.num_hidden_layers?")
    assert told("model.hidden_size=3", config="t5-small").endswith("did you mean model.d_model?")
    assert told("model.model_type=lama", config=LLAMA).startswith(f"{at}model.model_type = 'lama' is none that tran")
    assert "did you mean llama or " in told("model.model_type=lama", config=LLAMA)
    assert told("model.model_type=gpt2", config=LLAMA).endswith('model.family="gpt2" is the same model, and faster')
    assert "expected int, got str (value: 'wide')" in told("model.hidden_size=wide", config=LLAMA)
    assert "The hidden size (33) is not a multiple of the number of attention heads (4)" in told(
        "model.hidden_size=33", config=LLAMA
    )


@pytest.mark.parametrize(
    ("key", "owner"),
    [
        ("vocab_size", "the vocabulary's size comes from the tokenizer"),
        ("eos_token_id", "special tokens come from the tokenizer"),
        ("max_position_embeddings", "the context length is data.seq_len"),
        ("use_cache", "training and sampling set it themselves"),
    ],
)
def test_keys_that_others_own_are_refused_with_the_owner(key: str, owner: str) -> None:
    assert told(f"model.{key}=3", config=LLAMA) == f"the command line: model.{key} is not set here | {owner}"


def test_nested_and_odd_values_read_back_equal(tmp_path: Path) -> None:
    rope = 'model.rope_parameters={rope_type="linear", factor=2.0, rope_theta=1e4}'
    for name, override in ((LLAMA, rope), ("mamba2-tiny", "model.time_step_limit=[0.0, inf]")):
        config = configs.load(name, [override, 'log.trackers=["wandb", "a \\"b\\""]', "model.initializer_range=none"])
        saved = tmp_path / "config.toml"
        saved.write_text(configs.to_toml(config))
        assert configs.load(str(saved)) == config
        assert configs.to_toml(configs.load(str(saved))) == configs.to_toml(config)


def test_an_architecture_is_named() -> None:
    assert told("model.family=transformers") == (
        "the command line: model.family = 'transformers' needs model.model_type | "
        "as in model.model_type=llama; sizes that are not given are the library's, which are large"
    )


def test_a_value_is_told_with_the_place_it_stands_in(tmp_path: Path) -> None:
    assert told("train.seed=-1").startswith("the command line: train.seed = -1: ")
    assert told("model.family=decoder", "model.position=rotry").startswith(
        "the command line: model.position = 'rotry': "
    )
    file = tmp_path / "own.toml"
    file.write_text("[train]\nseed = -1\n")
    assert told(config=str(file)).startswith(f"{file}: train.seed = -1: ")
