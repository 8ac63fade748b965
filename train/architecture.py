"""What transformers' architectures take as settings. The library is loaded only when it is asked."""

import difflib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from train.errors import TrainError

LARGEST = 2**20  # of any whole number: a config with more would have the library build for hours
OWN = {"gpt2": 'model.family="gpt2" is the same model, and faster'}  # families of ours under the library's names
LENGTHS = (
    "max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "max_sequence_length", "context_length",
    "seq_length",
)  # fmt: skip
LENGTH, VOCABULARY = "the context length is data.seq_len", "the vocabulary's size comes from the tokenizer"
IDS = ("bos_token_id", "eos_token_id", "pad_token_id")
TOKENS = "special tokens come from the tokenizer"
OURS = {
    "n_embd": ("d_model", "hidden_size"),
    "n_head": ("num_heads", "num_attention_heads"),
    "n_inner": ("d_ff", "intermediate_size"),
    "n_kv_head": ("num_key_value_heads",),
    "n_layer": ("num_layers", "num_hidden_layers"),
    "tied": ("tie_word_embeddings",),
}
# Settings of the library's own working, not of a model.
WORKINGS = {
    "architectures", "auto_map", "attn_implementation", "chunk_size_feed_forward", "dtype", "id2label",
    "is_decoder", "is_encoder_decoder", "label2id", "model_type", "output_attentions", "output_hidden_states",
    "problem_type", "return_dict", "torch_dtype", "transformers_version", "use_cache",
}  # fmt: skip


def owner(key: str) -> str:
    """Who sets a key that a config may not: "" where nobody else does."""
    if key in LENGTHS:
        return LENGTH
    if key == "vocab_size":
        return VOCABULARY
    if key in WORKINGS:
        return "training and sampling set it themselves"
    return TOKENS if key.endswith("_token_id") else ""


def model_types() -> list[str]:
    """The architectures that write text: decoders, and encoder-decoders."""
    from transformers.models.auto import modeling_auto as auto  # two seconds

    writing = auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.keys() | auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES.keys()
    return sorted(writing - OWN.keys())


def kind_of_config(model_type: str, source: str = "config") -> Any:
    """The library's config class of an architecture.

    Raises:
        TrainError: there is none, or it is ours under another name.
    """
    if model_type in OWN:
        raise TrainError(f"{source}: model.model_type = {model_type!r} is a family of ours", hint=OWN[model_type])
    there = model_types()
    if model_type not in there:
        near = difflib.get_close_matches(model_type, there, 3)
        hint = f"did you mean {' or '.join(near)}?" if near else "as in llama, qwen3, gpt_neox, mamba2, t5"
        raise TrainError(f"{source}: model.model_type = {model_type!r} is none that transformers has", hint=hint)
    from transformers import CONFIG_MAPPING

    return CONFIG_MAPPING[model_type]


def keys(model_type: str, source: str = "config") -> tuple[list[str], dict[str, str]]:
    """The settings of an architecture, and other names for some of them: the library's own, and ours."""
    from dataclasses import fields

    kind = kind_of_config(model_type, source)
    known = dict.fromkeys([*(f.name for f in fields(kind) if not is_ours(f.name)), "tie_word_embeddings"])
    aliases = {our: name for our, names in OURS.items() for name in names if name in known}
    return [*known], aliases | {alias: name for alias, name in kind.attribute_map.items() if name in known}


def settings_of(model_type: str, given: Mapping[str, Any]) -> str:
    """All settings of a model, as JSON with sorted keys: equal where two models are alike.

    Raises:
        ValueError: the library refuses them; the message says why, in a line.
    """
    config = make(model_type, given)
    return json.dumps(plain(config), sort_keys=True)


def plain(config: Any) -> dict[str, Any]:
    """What of a config of the library is the model's own."""
    found = json.loads(json.dumps(config.to_dict()))
    return {key: value for key, value in found.items() if not is_ours(key)}


def is_ours(key: str) -> bool:
    """Whether a key of a config.json is none of the model's own."""
    return bool(owner(key)) or key.startswith("_")


def undone(value: Any) -> Any:
    """A value of a config.json as it was: the library writes numbers that JSON lacks as {"__float__": "Infinity"}."""
    if isinstance(value, dict):
        return float(value["__float__"]) if value.keys() == {"__float__"} else {k: undone(v) for k, v in value.items()}
    return [undone(item) for item in value] if isinstance(value, list) else value


def make(model_type: str, given: Mapping[str, Any], **rest: Any) -> Any:
    """The library's config for settings, and what else is given.

    Raises:
        ValueError: the library refuses them; the message says why, in a line.
    """
    for key, value in given.items():
        if isinstance(value, int) and not -LARGEST <= value <= LARGEST:
            raise ValueError(f"{key} = {value} is more than any model has")
    kind = kind_of_config(model_type)
    try:
        with quiet():
            made = kind(**{**dict.fromkeys(IDS), **given, **rest})
        if hasattr(made, "is_decoder") and not made.is_encoder_decoder:
            made.is_decoder = True  # else some of them see the tokens they are to predict
    except Exception as error:  # the library raises what its classes happen to
        raise ValueError(" ".join(str(error).split("Error: ")[-1].split())) from error
    return made


@contextmanager
def quiet() -> Iterator[None]:
    """In it the library says nothing below an error: its advice is for its own ways of loading and sampling."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)
