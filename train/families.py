"""The families of models behind one door: from a config, and from the config.json of a model folder."""

from typing import Any

from train import architecture, decoder, gpt2, library
from train.config import Config, DecoderConfig, GPT2Config, TransformersConfig
from train.contract import Contract
from train.model import Shape


def shape_of(config: Config, vocab_size: int, seq_len: int, contract: Contract | None = None) -> Shape:
    """The model that a config describes.

    Args:
        vocab_size: Its tokens: the tokenizer's, or those that a published size is for.
        contract: The tokenizer's, where there is one: its types, and what it pads with.
    """
    m = config.model
    if isinstance(m, GPT2Config):
        dropout = 0.0 if m.dropout == "auto" else m.dropout
        inner = m.n_inner or 4 * m.n_embd
        return gpt2.Shape(vocab_size, seq_len, m.n_layer, m.n_head, m.n_embd, inner, dropout, m.attn_dropout, m.tied)
    if isinstance(m, TransformersConfig):
        settings = architecture.settings_of(m.model_type, m.settings)
        return library.Shape(vocab_size, seq_len, m.model_type, settings, contract.pad if contract else -1)
    assert isinstance(m, DecoderConfig)
    types = types_of(contract) if contract and m.options.types else ()
    return decoder.Shape(vocab_size, seq_len, m.options, types, contract.pad if contract else -1)


def types_of(contract: Contract) -> tuple[tuple[int, int, int], ...]:
    """(token, type, sub-type) of each token that opens the documents of a type.

    "poems/sonnets" is a sub-type of "poems". Both are numbered from 1 in the order of their names; 0 is none.
    """
    names = sorted(name for name in contract.openings if name)
    kinds = sorted({name.partition("/")[0] for name in names})
    subs = ["", *(name for name in names if "/" in name)]
    return tuple(
        (
            contract.openings[name][-1],
            kinds.index(name.partition("/")[0]) + 1,
            subs.index(name) if "/" in name else 0,
        )
        for name in names
    )


def read_shape(config: dict[str, Any]) -> Shape:
    """The model that a config.json describes.

    Raises:
        KeyError, TypeError, ValueError: it describes none that we have.
    """
    kind = config["model_type"]
    if kind == "gpt2":
        return gpt2.shape_of(config)
    if kind == decoder.MODEL_TYPE:
        DecoderConfig.model_validate(config["options"], strict=True)
        return decoder.shape_of(config)
    return library.shape_of(config)
