"""What of the size of a library's model takes building it to know: it is built without memory for its weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from train import architecture

if TYPE_CHECKING:
    from train.library import Library, Shape

WITHOUT_ATTENTION = ("linear", "mamba", "conv", "recurrent")  # in the names of kinds of layers


@dataclass(frozen=True)
class Counts:
    """What `train.library.Shape` tells.

    Args:
        parameters: Weights, each once.
        embeddings: Of these, weights of tokens, positions and, where it has its own, the head.
        matrices: Weights of the blocks that write, without tables; of experts, the share that a token goes through.
        attention: Width of all heads together, summed over the blocks that write and have attention.
    """

    parameters: int
    embeddings: int
    matrices: int
    attention: int


@lru_cache(maxsize=256)
def count(shape: "Shape") -> Counts:
    """The counts of a model, worked out once."""
    with architecture.quiet():
        model, config = on_meta(shape), shape.config()
    in_blocks = {p for block in model.blocks for p in block.parameters()}
    writing = [block for name, block in model.named_blocks() if not (model.has_encoder and ".encoder." in name)]
    parts = [part for block in writing for part in block.modules()]
    tables = {p for part in parts if isinstance(part, nn.Embedding) for p in part.parameters()}
    used = (getattr(config, "num_experts_per_tok", None) or 1) / (getattr(config, "num_experts", None) or 1)
    weights = [(name, p) for block in writing for name, p in block.named_parameters() if p.dim() > 1]
    kinds = getattr(config, "layer_types", None) or ["attention"] * len(writing)
    width = shape.n_head * (getattr(config, "head_dim", None) or shape.n_embd // max(1, shape.n_head))
    return Counts(
        parameters=sum(p.numel() for p in model.parameters()),
        embeddings=sum(p.numel() for p in model.parameters() if p not in in_blocks and p.dim() > 1),
        matrices=round(sum(p.numel() * (used if "experts." in name else 1) for name, p in weights if p not in tables)),
        attention=width * sum(not any(word in kind for word in WITHOUT_ATTENTION) for kind in kinds),
    )


@lru_cache(maxsize=256)
def cache_sizes(shape: "Shape") -> tuple[int, int]:
    """Numbers in a cache whatever it has read, and for each token; a source is taken to be as long."""
    with architecture.quiet():
        model, sizes = on_meta(shape).bfloat16(), []  # experts are only multiplied in this, on no device
    encoded = torch.zeros(1, 1, shape.n_embd, dtype=torch.bfloat16, device="meta")
    cache = model.cache(encoded if model.has_encoder else None)
    try:
        for _ in range(2):
            with torch.no_grad(), architecture.quiet():
                model.read(torch.zeros(1, 1, dtype=torch.long, device="meta"), cache)
            sizes.append(sum(t.numel() for t in tensors_in(cache.past)))
    except (RuntimeError, NotImplementedError):  # some want to look at values, and there are none
        return 0, 2 * shape.n_layer * shape.n_embd
    grows = sizes[1] - sizes[0]
    return (0, sizes[0]) if model.has_encoder else (sizes[0] - grows, grows)


def on_meta(shape: "Shape") -> "Library":
    """A model without memory for its weights."""
    with torch.device("meta"):
        return shape.build()


def tensors_in(value: Any) -> list[Tensor]:
    """All tensors of a cache of the library."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, (list, tuple)):
        return [t for item in value for t in tensors_in(item)]
    if isinstance(value, Mapping):
        return tensors_in([*value.values()])
    return tensors_in([*vars(value).values()]) if type(value).__module__ == "transformers.cache_utils" else []
