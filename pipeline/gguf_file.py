"""A model as a GGUF file, which llama.cpp and the programs built on it run; read back and compared first."""

import json
import os
import random
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import PipelineError
from pipeline.gguf_tokens import ESCAPED, MODEL, PRE, Tokens, tokens_of
from train.contract import TOKENIZER, Contract
from train.files import ASIDE, read_json, sync_folder

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import Tensor

TRIED, LENGTH = 1000, 30  # texts on which ids are compared, and their tokens
TRANSPOSED = ("c_attn.weight", "c_proj.weight", "c_fc.weight")  # GPT-2's matrices lie with their input first
INSTALL = "pip install 'phon[gguf]'"


def write_gguf(folder: Path, path: Path, name: str = "", licence: str = "") -> dict[str, Any]:
    """Write the model of a folder into the GGUF file `path`, which appears whole.

    Raises:
        PipelineError: its architecture or its tokenizer is none that llama.cpp runs alike, or `gguf` is not installed.
        TrainError: the model is damaged.
    """
    try:
        import gguf
    except ImportError as error:
        raise PipelineError("--gguf needs the package gguf", hint=INSTALL) from error
    from train.export import CONFIG, read_model

    started = time.monotonic()
    model, contract, tokenizer = read_model(folder)
    config = read_json(folder / CONFIG)
    check_kind(config)
    tokens = tokens_of(read_json(folder / TOKENIZER), contract)
    aside = path.with_name(ASIDE + path.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        writer = gguf.GGUFWriter(aside, config["model_type"])
        describe(writer, config, name or folder.name, licence)
        describe_tokens(writer, tokens, contract)
        named = dict(tensors(config, model.weights()))
        for name, tensor in named.items():
            writer.add_tensor(name, tensor.numpy())
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        check_file(aside, named, tokenizer, contract)
        with aside.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(aside, path)  # noqa: PTH105
    finally:
        aside.unlink(missing_ok=True)
    sync_folder(path.parent)
    return {
        "folder": str(path),
        "size_bytes": path.stat().st_size,
        "tensors": len(named),
        "tokens": len(tokens.texts),
        "checked": f"{TRIED:,} texts have the same ids, every tensor the same numbers",
        "elapsed_s": round(time.monotonic() - started, 3),
    }


def check_kind(config: Mapping[str, Any]) -> None:
    """Refuse a model that llama.cpp would compute otherwise, or not at all.

    Raises:
        PipelineError: it is one.
    """
    kind = config["model_type"]
    why = ""
    if kind == "llama":
        rope = config.get("rope_parameters") or {}
        if config.get("attention_bias") or config.get("mlp_bias"):
            why = "a Llama with biases"
        elif rope.get("rope_type", "default") != "default" or rope.get("partial_rotary_factor", 1) != 1:
            why = f"a Llama with {rope.get('rope_type')} positions"
        elif config.get("hidden_act") != "silu":
            why = f"a Llama with {config.get('hidden_act')}"
    elif kind != "gpt2":
        why = f"the architecture {kind}"
    if why:
        raise PipelineError(
            f"no GGUF file can be written of {why}: of gpt2 and llama as published it can",
            hint="share it as a folder instead: phon export without --gguf",
        )


def describe(writer: Any, config: Mapping[str, Any], name: str, licence: str) -> None:
    """Write what llama.cpp must know of the model."""
    import gguf

    writer.add_name(name)
    if licence:
        writer.add_license(licence)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_vocab_size(config["vocab_size"])
    if config["model_type"] == "gpt2":
        writer.add_context_length(config["n_positions"])
        writer.add_embedding_length(config["n_embd"])
        writer.add_feed_forward_length(config["n_inner"] or 4 * config["n_embd"])
        writer.add_block_count(config["n_layer"])
        writer.add_head_count(config["n_head"])
        writer.add_layer_norm_eps(config["layer_norm_epsilon"])
        return
    head = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_rope_dimension_count(head)
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])


def describe_tokens(writer: Any, tokens: Tokens, contract: Contract) -> None:
    """Write the tokenizer: every text begins with `<|bos|>`, as in training."""
    writer.add_tokenizer_model(MODEL)
    writer.add_tokenizer_pre(PRE)
    writer.add_token_list(tokens.texts)
    writer.add_token_types(tokens.kinds)
    writer.add_token_merges(tokens.merges)
    writer.add_bos_token_id(contract.bos)
    writer.add_eos_token_id(contract.eos)
    writer.add_pad_token_id(contract.pad)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_string("phon.notation", json.dumps(contract.notation, sort_keys=True))


def tensors(config: Mapping[str, Any], weights: "Mapping[str, Tensor]") -> "Iterator[tuple[str, Tensor]]":
    """The weights under llama.cpp's names and in its layout, float32."""
    import gguf

    kind = config["model_type"]
    arch = next(number for number, name in gguf.MODEL_ARCH_NAMES.items() if name == kind)
    names = gguf.get_tensor_name_map(arch, config.get("n_layer") or config["num_hidden_layers"])
    for key, weight in weights.items():
        name = names.get_name(key, try_suffixes=(".weight", ".bias"))
        assert name is not None, key
        if kind == "gpt2" and key.endswith(TRANSPOSED):
            weight = weight.T
        for part, heads in (("q_proj", "num_attention_heads"), ("k_proj", "num_key_value_heads")):
            if kind == "llama" and f".{part}." in key:
                weight = interleaved(weight, config[heads])
        yield name, weight.detach().float().contiguous()


def interleaved(weight: "Tensor", n_head: int) -> "Tensor":
    """Rows of queries or keys as llama.cpp turns them: in pairs side by side, not half a head apart."""
    rows, width = weight.shape
    return weight.view(n_head, 2, rows // n_head // 2, width).transpose(1, 2).reshape(rows, width)


def check_file(path: Path, named: "Mapping[str, Tensor]", tokenizer: "Tokenizer", contract: Contract) -> None:
    """Read a file back and compare its tensors, and the ids that its tokenizer gives; what differs is our mistake."""
    import gguf
    import numpy as np

    reader = gguf.GGUFReader(path)
    found = {tensor.name: tensor for tensor in reader.tensors}
    assert found.keys() == named.keys()
    for name, tensor in named.items():
        assert np.array_equal(found[name].data.reshape(tensor.shape), tensor.numpy()), name
    other = tokenizer_of(reader)
    draw = random.Random(0)
    ids = sorted({*range(contract.vocab_size)} - contract.special_ids())
    for _ in range(TRIED):
        text = tokenizer.decode([draw.choice(ids) for _ in range(LENGTH)]).replace(ESCAPED, "")
        assert other.encode(text).ids == tokenizer.encode(text, add_special_tokens=False).ids, text


def tokenizer_of(reader: Any) -> "Tokenizer":
    """The tokenizer that a file's own words describe, put together anew: what llama.cpp does, by other means."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

    texts, merges = (reader.get_field(f"tokenizer.ggml.{name}").contents() for name in ("tokens", "merges"))
    vocabulary = {text: number for number, text in enumerate(texts)}
    pairs = [tuple(merge.split(" ")) for merge in merges]
    made = Tokenizer(models.BPE(vocabulary, pairs, byte_fallback=True))
    made.normalizer = normalizers.Replace(" ", ESCAPED)
    made.pre_tokenizer = pre_tokenizers.Split(Regex(r"[^\n]+|\n+"), "isolated")
    return made
