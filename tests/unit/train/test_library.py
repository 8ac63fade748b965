import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from train import architecture
from train import config as configs
from train.choose import work_out
from train.errors import TrainError
from train.families import read_shape, shape_of
from train.library import PLAIN_HEAD, SHARING, Library, Shape
from train.packing import Packing
from train.targets import IGNORE

V, T, PAD = 50, 12, 2
PLAIN = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
GROUPED = {**PLAIN, "num_key_value_heads": 1}
TINY: dict[str, dict[str, Any]] = {
    "llama": {**GROUPED, "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 5000.0}},
    "qwen3": {**GROUPED, "head_dim": 8, "tie_word_embeddings": True},
    "gpt_neox": PLAIN,
    "mamba2": {
        "hidden_size": 32, "num_hidden_layers": 2, "num_heads": 4, "head_dim": 16, "state_size": 8, "n_groups": 1,
        "chunk_size": 4,
    },
    "t5": {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_decoder_layers": 1, "num_heads": 4},
    "mistral": {**GROUPED, "sliding_window": 3},
    "qwen2": GROUPED,
}  # fmt: skip
MAIN = ("llama", "qwen3", "gpt_neox", "mamba2", "t5")


def tiny(model_type: str) -> Shape:
    return Shape(V, 16, model_type, architecture.settings_of(model_type, TINY[model_type]), PAD)


def drawn(model_type: str) -> Library:
    """A model sure enough of itself to be told from a uniform one."""
    model = tiny(model_type).build()
    model.initialise(torch.Generator().manual_seed(1))
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(4)
    return model.eval()


def ids(rows: int, length: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(3, V, (rows, length), generator=torch.Generator().manual_seed(seed))


def source_of(model: Library, rows: int) -> torch.Tensor | None:
    """What its encoder reads: rows of 7 and of 4, 3, ... padded at their end."""
    if not model.has_encoder:
        return None
    source = ids(rows, 7, seed=5)
    for row in range(1, rows):
        source[row, 5 - row :] = PAD
    return source


@pytest.fixture(scope="module", params=MAIN)
def model(request: pytest.FixtureRequest) -> Iterator[Library]:
    yield drawn(request.param)


@torch.no_grad()
def theirs(model: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    logits: torch.Tensor = model(**inputs, use_cache=False).logits
    return logits


def test_the_loss_is_that_of_the_librarys_logits(model: Library) -> None:
    tokens, source = ids(3, T), source_of(model, 3)
    targets = tokens.roll(-1, 1)
    targets[:, -1] = IGNORE
    logits = theirs(model.inner, model.inputs(tokens, source))
    expected = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten(), reduction="sum")
    assert float(model(tokens, targets, None, source).detach()) == pytest.approx(float(expected), rel=1e-5)


def test_what_it_reads_token_by_token_is_what_it_reads_at_once(model: Library) -> None:
    tokens, source = ids(3, T), source_of(model, 3)
    cache = model.start(3, T, source)
    with torch.no_grad():
        read = [model.read(tokens[:, :5], cache), *(model.read(tokens[:, i : i + 1], cache) for i in range(5, 8))]
        rows = torch.tensor([2, 0])
        cache.keep(rows)
        read += [model.read(tokens[rows, i : i + 1], cache) for i in range(8, T)]
    assert cache.length == T
    whole = theirs(model.inner, model.inputs(tokens, source))
    for i, logits in enumerate(read, 4):
        assert torch.allclose(logits, whole[:, i] if i < 8 else whole[rows, i], atol=1e-4, rtol=1e-4), i


def test_same_seed_same_weights(model: Library) -> None:
    def weights(seed: int) -> dict[str, torch.Tensor]:
        fresh = model.shape.build()
        fresh.initialise(torch.Generator().manual_seed(seed))
        return fresh.weights()

    before = torch.random.get_rng_state()
    one, other = weights(1), weights(2)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(tensor, one[name]) for name, tensor in weights(1).items())
    assert any(not torch.equal(tensor, one[name]) for name, tensor in other.items())


def test_a_folder_is_the_librarys_own(model: Library, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    kind = AutoModelForSeq2SeqLM if model.has_encoder else AutoModelForCausalLM
    inputs = model.inputs(ids(2, T), source_of(model, 2))
    written = model.shape.library_config(bos=0, eos=1, pad=PAD)
    (tmp_path / "config.json").write_text(json.dumps(written, allow_nan=False))
    save_file(model.weights(), tmp_path / "model.safetensors", metadata={"format": "pt"})
    loaded = kind.from_pretrained(tmp_path).eval()
    config = loaded.config
    assert (config.bos_token_id, config.eos_token_id, config.pad_token_id) == (0, 1, PAD)
    assert torch.allclose(theirs(loaded, inputs), theirs(model.inner, inputs), atol=1e-6)

    loaded.save_pretrained(tmp_path / "again")
    read = json.loads((tmp_path / "again" / "config.json").read_text())
    assert read_shape({**read, "max_position_embeddings": 16}) == model.shape
    with torch.device("meta"):
        other = model.shape.build()
    other.to_empty(device="cpu")
    other.load_weights(load_file(tmp_path / "again" / "model.safetensors"))
    assert torch.equal(theirs(other.eval().inner, inputs), theirs(loaded, inputs))


def test_a_config_json_gives_the_shape_it_was_made_of(model: Library) -> None:
    written = json.loads(json.dumps(model.shape.library_config(bos=0, eos=1, pad=PAD)))
    assert read_shape(written) == model.shape
    assert hash(read_shape(written)) == hash(model.shape)
    with pytest.raises(ValueError, match="has no windings"):
        read_shape({**written, "windings": 3})


def test_activations_computed_twice_give_the_same_gradients(model: Library) -> None:
    tokens, source = ids(2, T), source_of(model, 2)
    gradients = []
    for checkpointing in (False, True):
        model.checkpointing = checkpointing
        model.train()
        torch.manual_seed(3)
        model(tokens, tokens.roll(-1, 1), None, source).backward()
        gradients.append([p.grad for p in model.parameters()])
        model.zero_grad()
    model.checkpointing = False
    model.eval()
    assert all(torch.allclose(a, b) for a, b in zip(*gradients, strict=True) if a is not None and b is not None)


@pytest.mark.parametrize("model_type", sorted(SHARING))
def test_documents_that_share_a_row_do_not_see_each_other(model_type: str) -> None:
    model = drawn(model_type)
    tokens = ids(2, T)
    targets = tokens.roll(-1, 1)
    cuts = (((0, 5), (5, 8), (8, 9), (9, T)), ((0, 1), (1, T)))
    positions = torch.tensor([[i for start, stop in row for i in range(stop - start)] for row in cuts])
    with torch.no_grad():
        together = float(model(tokens, targets, positions))
        apart = sum(
            float(model(tokens[r : r + 1, i:j], targets[r : r + 1, i:j])) for r, row in enumerate(cuts) for i, j in row
        )
    assert together == pytest.approx(apart, rel=1e-5)


@pytest.mark.parametrize("model_type", sorted(PLAIN_HEAD))
def test_a_head_is_called_plain_only_where_it_is(model_type: str) -> None:
    model = drawn(model_type)
    tokens = ids(2, T)
    with torch.no_grad():
        state = model.inner.base_model(tokens, use_cache=False).last_hidden_state
        logits = state @ model.inner.get_output_embeddings().weight.T
    assert torch.allclose(logits, theirs(model.inner, {"input_ids": tokens}), rtol=1e-4, atol=1e-4)


def test_a_model_that_sees_ahead_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny("llama").build()
    monkeypatch.setattr(model.inner.config, "is_causal", False, raising=False)
    with pytest.raises(TrainError, match="depends on what follows"):
        model.initialise(torch.Generator().manual_seed(1))


def test_sizes_are_counted_without_memory() -> None:
    llama = configs.load("llama-tiny", ["model.tie_word_embeddings=false"])
    shape = shape_of(llama, 1000, 256)
    block = 128 * (128 + 2 * 64 + 128) + 3 * 128 * 344 + 2 * 128
    assert shape.n_parameters == 2 * 1000 * 128 + 4 * block + 128
    assert shape.n_embeddings == 2 * 1000 * 128
    assert shape.flops_per_token == 6 * (4 * (block - 2 * 128) + 1000 * 128) + 12 * 4 * 128 * 256
    assert shape.cached == 4 * 2 * 64 * 256
    assert (shape.n_layer, shape.n_embd, shape.seq_len) == (4, 128, 256)
    t5 = shape_of(configs.load("t5-base-220m"), 32_128, 512)
    assert t5.flops_per_token == 6 * 12 * (8 * 768**2 + 2 * 768 * 3072) + 6 * 32_128 * 768 + 12 * 12 * 768 * 512
    mamba = shape_of(configs.load("mamba2-tiny"), 1000, 256)
    assert mamba.cached == shape_of(configs.load("mamba2-tiny"), 1000, 512).cached  # its state does not grow


class OfOneLength:
    """Shards whose documents are all equally long."""

    def __init__(self, n: int, length: int) -> None:
        import numpy as np

        self.lengths = np.full(n, length)
        self.starts = np.arange(n) * length
        self.n_tokens = n * length


@pytest.mark.parametrize(("name", "kind", "per_row"), [("mamba2-tiny", "document", 1), ("llama-tiny", "best-fit", 2)])
def test_what_carries_a_state_gets_one_document_a_row(name: str, kind: str, per_row: int) -> None:
    shards: Any = OfOneLength(40, 31)
    work = work_out(configs.load(name, ["data.seq_len=64", "train.global_batch=256"]), shards, 400, world=1)
    assert work.config.data.packing == kind
    assert isinstance(work.packing, Packing)
    assert (work.packing.n_rows, work.packing.is_shared) == (40 // per_row, per_row > 1)
    assert any("would carry one document into the next" in note for note in work.notes) == (per_row == 1)
