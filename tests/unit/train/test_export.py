import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.models import TYPES, make_tokenizer, random_model
from train.contract import EOS, Contract, type_token
from train.errors import TrainError
from train.export import Vocabulary, read_model, write_model
from train.gpt2 import Shape
from train.model import Model

N_VOCAB = 3 + len(TYPES) + 256
SHAPE = Shape(vocab_size=N_VOCAB, seq_len=16, n_layer=2, n_head=2, n_embd=16, n_inner=48)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("export")
    folder = root / "model"
    folder.mkdir()
    model = random_model(SHAPE)
    write_model(folder, model.shape, model.weights(), Vocabulary.read(make_tokenizer(root / "tokenizer")))
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "model"))


def logits(model: Model, tokens: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model.read(tokens, model.start(*tokens.shape))


def edit(path: Path, change: Callable[[Any], None]) -> None:
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def test_a_model_comes_back_as_it_was(written: Path) -> None:
    model, contract, tokenizer = read_model(written)
    assert model.shape == SHAPE
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), random_model(SHAPE).parameters(), strict=True))
    assert contract == Contract.read(written)
    assert tokenizer.decode(tokenizer.encode("fA0n ĳ").ids) == "fA0n ĳ"


def test_text_that_looks_like_a_special_token_is_ordinary_text(written: Path) -> None:
    _, contract, tokenizer = read_model(written)
    assert not contract.special_ids() & set(tokenizer.encode(f"a{EOS}{type_token('poems')}").ids)


def test_transformers_loads_it_with_the_same_logits_and_generates(written: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    other = AutoModelForCausalLM.from_pretrained(written)
    tokenizer = AutoTokenizer.from_pretrained(written)
    tokens = torch.tensor([[0, 3, *tokenizer("phones", add_special_tokens=False)["input_ids"]]])
    with torch.no_grad():
        assert torch.allclose(other(tokens).logits[:, -1], logits(read_model(written)[0], tokens), atol=1e-5)
    ids = (0, 1, 2)
    assert (other.config.bos_token_id, other.config.eos_token_id, other.config.pad_token_id) == ids
    settings = other.generation_config
    assert (settings.bos_token_id, settings.eos_token_id, settings.pad_token_id) == ids
    assert (settings.do_sample, settings.temperature, settings.max_length) == (True, 0.7, SHAPE.seq_len)
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id) == ids
    made = other.generate(tokens, attention_mask=torch.ones_like(tokens))
    assert tokens.shape[1] < made.shape[1] <= SHAPE.seq_len
    assert tokenizer.decode(made[0, 2:]).startswith("phones")


def test_weights_are_stored_once_and_for_pytorch(written: Path) -> None:
    with safe_open(written / "model.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"}
        assert "lm_head.weight" not in file.keys()  # noqa: SIM118 (it is no mapping)
    assert sum(w.numel() for w in load_file(written / "model.safetensors").values()) == SHAPE.n_parameters


def test_the_tokenizer_and_its_contract_are_copied_byte_for_byte(written: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json", "phon.json"):
        assert (written / name).read_bytes() == (written.parent / "tokenizer" / name).read_bytes()


def test_a_model_that_transformers_saved_is_read(folder: Path) -> None:
    from transformers import AutoModelForCausalLM

    AutoModelForCausalLM.from_pretrained(folder).save_pretrained(folder)
    tokens = torch.tensor([[0, 4, 70, 80]])
    assert torch.allclose(logits(read_model(folder)[0], tokens), logits(random_model(SHAPE), tokens), atol=1e-5)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "phon.json"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(TrainError, match=f"no {name}"):
        read_model(folder)


def test_another_tokenizer_is_refused(folder: Path, tmp_path: Path) -> None:
    other = make_tokenizer(tmp_path / "other", types=("letters",))
    shutil.copy(other / "tokenizer.json", folder)
    with pytest.raises(TrainError, match=r"tokenizer.json is not the tokenizer that .*phon.json was written for"):
        read_model(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("bos", 7),
        ("eos", 0),
        ("pad", 1),
        ("vocab_size", 99),
        ("openings", {"plays": [0, 4], "poems": [0, 3]}),
        ("openings", {"plays": [3], "poems": [0, 4]}),
        ("openings", {"plays": [0, 3], "odes": [0, 4]}),
    ],
)
def test_openings_and_ids_that_are_not_the_tokenizers_are_refused(folder: Path, key: str, value: Any) -> None:
    edit(folder / "phon.json", lambda contract: contract.update({key: value}))
    with pytest.raises(TrainError, match=rf"phon.json says {key} = .*by tokenizer.json it is") as e:
        read_model(folder)
    assert e.value.hint


@pytest.mark.parametrize("key", ["bos_token_id", "eos_token_id", "pad_token_id", "vocab_size"])
def test_a_config_with_other_ids_is_refused(folder: Path, key: str) -> None:
    edit(folder / "config.json", lambda config: config.update({key: 50256}))
    with pytest.raises(TrainError, match=f"config.json says {key} = 50256, but the tokenizer .* has"):
        read_model(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n_layer": 3}, r"transformer.h.2.attn.c_attn.bias is missing, but by config.json it is \(48,\)"),
        ({"n_layer": 1}, "transformer.h.1.attn.c_attn.bias is .* it is no part"),
        ({"n_inner": 32}, r"c_fc.bias is \(48,\), but by config.json it is \(32,\)"),
        ({"n_head": 3}, "3 heads do not divide a width of 16"),
        ({"n_head": 0}, "does not give the shape of a model of ours"),
        ({"n_layer": 0}, "gives sizes that no model has"),
        ({"n_embd": "wide"}, "does not give the shape of a model of ours"),
        ({"model_type": "llama"}, "does not give the shape of a model of ours.*llama has no .*n_embd"),
        ({"model_type": "gpt7"}, "does not give the shape of a model of ours.*model_type = 'gpt7'"),
    ],
)
def test_a_config_of_another_shape_is_refused(folder: Path, change: dict[str, Any], said: str) -> None:
    edit(folder / "config.json", lambda config: config.update(change))
    with pytest.raises(TrainError, match=said):
        read_model(folder)


def test_weights_that_were_cut_short_are_refused(folder: Path) -> None:
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    for length in (0, 7, 100, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(TrainError, match=r"model.safetensors is not whole") as e:
            read_model(folder)
        assert e.value.hint


def test_a_damaged_header_is_refused(folder: Path) -> None:
    path = folder / "model.safetensors"
    whole = bytearray(path.read_bytes())
    whole[12] ^= 0xFF
    path.write_bytes(whole)
    with pytest.raises(TrainError, match=r"model.safetensors is not whole"):
        read_model(folder)


def test_a_config_that_is_not_whole_is_refused(folder: Path) -> None:
    (folder / "config.json").write_text('{"vocab_size": 2')
    with pytest.raises(TrainError, match=r"config.json is not whole"):
        read_model(folder)


def test_a_weight_under_another_name_is_refused(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["transformer.extra.weight"] = torch.zeros(3)
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(TrainError, match=r"transformer.extra.weight is \(3,\), but by config.json it is no part"):
        read_model(folder)
