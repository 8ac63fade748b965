"""GPT-2, read top to bottom: the same function and the same weights as transformers' GPT2LMHeadModel.

Ours rather than the library's because a step is faster with plain linear layers, no padding mask and a loss made
inside; `weights` and `load_weights` speak the library's names and layout, and a test holds the logits equal.

Source: Radford et al. 2019; weight layout of transformers' modeling_gpt2.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from train.attention import Look, attend, pieces
from train.head import cross_entropy
from train.model import Cache as AnyCache
from train.model import Model, Reading

OF_DECODER = (  # transformers' names and those of a decoder's parts
    *(("transformer.", "model."), ("wte", "embed"), ("wpe", "place"), ("ln_f", "final")),
    *(("ln_1", "attn_join.before"), ("ln_2", "mlp_join.before")),
    *(("c_attn", "qkv"), ("c_fc", "up"), ("c_proj", "proj")),
)


@dataclass(frozen=True)
class Shape:
    """The size of a GPT-2.

    Args:
        n_inner: Width of the feed-forward layer.
        seq_len: Positions it has learned, the longest context.
        dropout: After the embedding and in each residual branch.
        attn_dropout: On the attention's shares.
        tied: Whether the head's weights are the embedding's.
    """

    vocab_size: int
    seq_len: int
    n_layer: int
    n_head: int
    n_embd: int
    n_inner: int
    dropout: float = 0.0
    attn_dropout: float = 0.0
    tied: bool = True

    has_encoder = False

    @property
    def sizes(self) -> tuple[int, ...]:
        """All numbers that set how large it is."""
        return self.vocab_size, self.seq_len, self.n_layer, self.n_head, self.n_embd, self.n_inner

    @property
    def said(self) -> str:
        """Its make in a few words."""
        return f"{self.n_layer} layers, {self.n_head} heads, width {self.n_embd}"

    @property
    def n_parameters(self) -> int:
        """Weights, each once."""
        d, inner = self.n_embd, self.n_inner
        block = 4 * d * d + 2 * d * inner + 9 * d + inner  # 12 d^2 + 13 d when inner = 4 d
        return self.n_embeddings + self.n_layer * block + 2 * d

    @property
    def n_embeddings(self) -> int:
        """Weights of tokens, positions and, where it has its own, the head."""
        return ((1 if self.tied else 2) * self.vocab_size + self.seq_len) * self.n_embd

    @property
    def flops_per_token(self) -> int:
        """Floating-point operations of forward and backward, a token of a full row.

        Source: Chowdhery et al. 2022, appendix B: 6 a matrix weight and 12·L·d·T for attention.
        """
        matrices = self.n_layer * (4 * self.n_embd**2 + 2 * self.n_embd * self.n_inner)
        attention = 12 * self.n_layer * self.n_embd * self.seq_len
        return 6 * (matrices + self.vocab_size * self.n_embd) + attention

    @property
    def cached(self) -> int:
        """Numbers that a cache holds for a sample of `seq_len` tokens."""
        return 2 * self.n_layer * self.seq_len * self.n_embd

    @property
    def shares_rows(self) -> bool:
        """Attention keeps documents that share a row apart."""
        return True

    def build(self) -> "GPT2":
        """The model, its weights not drawn yet."""
        return GPT2(self)

    def library_config(self, *, bos: int, eos: int, pad: int) -> dict[str, Any]:
        """config.json for transformers' GPT2LMHeadModel."""
        return hf_config(self, bos=bos, eos=eos, pad=pad)


class Cache:
    """Keys and values of what was read so far, in room taken once: (n_layer, B, 2, n_head, T, head width)."""

    def __init__(self, shape: Shape, batch: int, length: int, like: Tensor) -> None:
        width = shape.n_embd // shape.n_head
        self.room = like.new_empty(shape.n_layer, batch, 2, shape.n_head, length, width)
        self.length = 0  # positions filled

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows of the batch alone."""
        self.room = self.room[:, rows].contiguous()


class Attention(nn.Module):
    """Causal self-attention over `n_head` heads."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.n_head = shape.n_head
        self.dropout = shape.attn_dropout
        self.c_attn = nn.Linear(shape.n_embd, 3 * shape.n_embd)
        self.c_proj = nn.Linear(shape.n_embd, shape.n_embd)

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys, values, each (B, n_head, T, head width)."""
        B, T, C = x.shape
        q, k, v = self.c_attn(x).view(B, T, 3, self.n_head, C // self.n_head).permute(2, 0, 3, 1, 4).unbind(0)
        return q, k, v

    def forward(self, x: Tensor, look: Look) -> Tensor:
        """(B, T, C) to (B, T, C); position t sees 0 to t, and of these what `look` says."""
        B, T, C = x.shape
        q, k, v = self.heads(x)
        mixed = attend(q, k, v, look, self.dropout if self.training else 0.0)
        out: Tensor = self.c_proj(mixed.transpose(1, 2).reshape(B, T, C))
        return out

    def read(self, x: Tensor, room: Tensor, start: int) -> Tensor:
        """The same for T new positions after `start` cached ones; `room` (B, 2, n_head, length, width) is filled."""
        B, T, C = x.shape
        q, k, v = self.heads(x)
        stop = start + T
        room[:, 0, :, start:stop] = k
        room[:, 1, :, start:stop] = v
        mixed = attend(q, room[:, 0, :, :stop], room[:, 1, :, :stop], Look(), start=start)
        out: Tensor = self.c_proj(mixed.transpose(1, 2).reshape(B, T, C))
        return out


class FeedForward(nn.Module):
    """Two layers with a GELU between (its tanh form, as GPT-2 has it)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.c_fc = nn.Linear(shape.n_embd, shape.n_inner)
        self.c_proj = nn.Linear(shape.n_inner, shape.n_embd)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) to (B, T, C)."""
        h = self.c_fc(x)
        if torch.compiler.is_compiling():  # the same function by a sigmoid, which the compiler makes faster than tanh
            h = h * torch.sigmoid(2 * math.sqrt(2 / math.pi) * (h + 0.044715 * h**3))
        else:
            h = F.gelu(h, approximate="tanh")
        out: Tensor = self.c_proj(h)
        return out


class Block(nn.Module):
    """Attention, then feed-forward, each after a layer norm and added to the residual stream."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(shape.n_embd)
        self.attn = Attention(shape)
        self.ln_2 = nn.LayerNorm(shape.n_embd)
        self.mlp = FeedForward(shape)
        self.drop = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor, look: Look) -> Tensor:
        """(B, T, C) to (B, T, C); `look` as in `Attention`."""
        x = x + self.drop(self.attn(self.ln_1(x), look))
        out: Tensor = x + self.drop(self.mlp(self.ln_2(x)))
        return out

    def read(self, x: Tensor, room: Tensor, start: int) -> Tensor:
        """The same with a cache, for sampling."""
        x = x + self.attn.read(self.ln_1(x), room, start)
        out: Tensor = x + self.mlp(self.ln_2(x))
        return out


class GPT2(Model):
    """A decoder-only transformer with learned positions; the head is the embedding unless it is untied."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape: Shape = shape
        self.wte = nn.Embedding(shape.vocab_size, shape.n_embd)
        self.wpe = nn.Embedding(shape.seq_len, shape.n_embd)
        self.h = nn.ModuleList(Block(shape) for _ in range(shape.n_layer))
        self.ln_f = nn.LayerNorm(shape.n_embd)
        self.drop = nn.Dropout(shape.dropout)
        if not shape.tied:
            self.lm_head = nn.Linear(shape.n_embd, shape.vocab_size, bias=False)

    @property
    def blocks(self) -> Sequence[nn.Module]:
        """Its layers."""
        return [*self.h]

    @property
    def head(self) -> Tensor:
        """What turns the last layer into logits: (V, n_embd)."""
        return self.wte.weight if self.shape.tied else self.lm_head.weight

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the weights: normal with deviation 0.02, residual projections smaller by the root of their number.

        Source: Radford et al. 2019, section 2.3.
        """
        for name, p in self.named_parameters():
            if p.dim() == 1:
                nn.init.constant_(p, float(name.endswith("weight")))  # norms 1, biases 0
            else:
                deviation = 0.02 / math.sqrt(2 * self.shape.n_layer) if "c_proj" in name else 0.02
                nn.init.normal_(p, 0.0, deviation, generator=generator)

    def forward(
        self, tokens: Tensor, targets: Tensor, positions: Tensor | None = None, source: Tensor | None = None
    ) -> Tensor:
        """The loss, as `Model.forward` says."""
        assert source is None, "GPT-2 has no encoder"
        look = Look()
        if positions is None:
            place = self.wpe.weight[: tokens.shape[1]]
        else:
            place = self.wpe(positions)
            is_dropping = self.training and self.shape.attn_dropout > 0
            in_blocks = tokens.is_cuda and torch.compiler.is_compiling() and not is_dropping
            look = Look(pieces=pieces(positions)).prepared(tokens, in_blocks=in_blocks)
        x = self.drop(self.wte(tokens) + place)
        for block in self.h:
            x = checkpoint(block, x, look, use_reentrant=False) if self.checkpointing else block(x, look)
        return cross_entropy(self.ln_f(x).flatten(0, 1), self.head, targets.flatten())

    def start(self, batch: int, length: int, source: Tensor | None = None) -> Cache:
        """An empty cache, as `Model.start` says."""
        assert source is None, "GPT-2 has no encoder"
        return Cache(self.shape, batch, length, self.wte.weight)

    def read(self, tokens: Tensor, cache: AnyCache) -> Tensor:
        """Logits (B, V) after the last of `tokens` (B, T), as `Model.read` says."""
        assert isinstance(cache, Cache)
        start, stop = cache.length, cache.length + tokens.shape[1]
        x = self.wte(tokens) + self.wpe.weight[start:stop]
        for layer, block in enumerate(self.h):
            x = cast(Block, block).read(x, cache.room[layer], start)
        cache.length = stop
        return F.linear(self.ln_f(x[:, -1]), self.head)

    def reader(self) -> Reading:
        """What samples fastest here, as `Model.reader` says."""
        from train.graphs import Replayer  # which need this file
        from train.reader import Reader

        kinds = {"cpu": Reader, "cuda": Replayer}
        return kinds[self.device.type](self) if self.device.type in kinds else self

    def after_each(self, tokens: Tensor, source: Tensor | None = None) -> Tensor:
        """Logits (B, T, V), as `Model.after_each` says."""
        assert source is None, "GPT-2 has no encoder"
        x = self.wte(tokens) + self.wpe.weight[: tokens.shape[1]]
        for block in self.h:
            x = block(x, Look())
        return F.linear(self.ln_f(x), self.head)

    def weights(self, values: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        """The weights under transformers' names and in its layout (its linear layers are stored transposed).

        Args:
            values: The parameters by our names, where others than the model's own are meant.
        """
        return {
            _library_name(name): p.detach().t().contiguous() if _is_transposed(name) else p.detach().contiguous()
            for name, p in (dict(self.named_parameters()) if values is None else values).items()
        }

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Take weights as `weights` gives them, or as transformers saves them."""
        with torch.no_grad():
            for name, p in self.named_parameters():
                found = weights[_library_name(name)]
                p.copy_(found.t() if _is_transposed(name) else found)


def as_decoder(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A GPT-2's weights, as transformers saves them, for a `train.decoder.Decoder` of its size with default options."""
    found = {}
    for name, p in weights.items():
        ours = name if name.startswith("transformer.") else f"transformer.{name}"
        value = p.t() if _is_transposed(ours.removeprefix("transformer.")) else p
        for theirs, own in OF_DECODER:
            ours = ours.replace(theirs, own)
        found[ours] = value
    return found


def _library_name(name: str) -> str:
    return name if name.startswith("lm_head") else f"transformer.{name}"


def _is_transposed(name: str) -> bool:
    return name.startswith("h.") and name.endswith(".weight") and ".ln_" not in name


def hf_config(shape: Shape, *, bos: int, eos: int, pad: int) -> dict[str, object]:
    """config.json for transformers' GPT2LMHeadModel. Ids of ours: its defaults are 50256, whatever the vocabulary."""
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "activation_function": "gelu_new",
        "vocab_size": shape.vocab_size,
        "n_positions": shape.seq_len,
        "n_ctx": shape.seq_len,
        "n_embd": shape.n_embd,
        "n_layer": shape.n_layer,
        "n_head": shape.n_head,
        "n_inner": None if shape.n_inner == 4 * shape.n_embd else shape.n_inner,
        "embd_pdrop": shape.dropout,
        "attn_pdrop": shape.attn_dropout,
        "resid_pdrop": shape.dropout,
        "layer_norm_epsilon": 1e-5,
        "initializer_range": 0.02,
        "tie_word_embeddings": shape.tied,
        "bos_token_id": bos,
        "eos_token_id": eos,
        "pad_token_id": pad,
        "use_cache": True,
        "torch_dtype": "float32",
    }


def shape_of(config: Mapping[str, object]) -> Shape:
    """The shape that a config.json of GPT-2 describes."""

    def whole(key: str) -> int:
        return int(cast(int, config[key]))

    if whole("n_head") < 1 or whole("n_embd") % whole("n_head"):
        raise ValueError(f"{whole('n_head')} heads do not divide a width of {whole('n_embd')}")
    return Shape(
        vocab_size=whole("vocab_size"),
        seq_len=whole("n_positions"),
        n_layer=whole("n_layer"),
        n_head=whole("n_head"),
        n_embd=whole("n_embd"),
        n_inner=int(cast(int, config.get("n_inner") or 4 * whole("n_embd"))),
        dropout=float(cast(float, config.get("resid_pdrop", 0.0))),
        attn_dropout=float(cast(float, config.get("attn_pdrop", 0.0))),
        tied=bool(config.get("tie_word_embeddings", True)),
    )
