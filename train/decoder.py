"""A transformer decoder with options, read top to bottom; two of its stacks make an encoder-decoder.

What each option does and where it comes from stands in docs/models.md; which cannot be combined, in `train.options`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from train.attention import Look
from train.attention import pieces as pieces_of
from train.blocks import Block, Frame, norm
from train.head import cross_entropy
from train.model import Cache, Model
from train.options import Options
from train.positions import alibi_slopes, turn, waves
from train.recall import Memory, Room

MODEL_TYPE = "phon-decoder"


@dataclass(frozen=True)
class Shape:
    """The size and make of a decoder.

    Args:
        types: (token, type, sub-type) of each token that says of what type its document is; both count from 1.
        pad: The id that fills an encoder's rows.
    """

    vocab_size: int
    seq_len: int
    options: Options
    types: tuple[tuple[int, int, int], ...] = ()
    pad: int = -1

    @property
    def n_layer(self) -> int:
        """Blocks, those of an encoder too."""
        return self.options.n_layer + self.options.n_encoder_layer

    @property
    def n_head(self) -> int:
        """Heads of each block."""
        return self.options.n_head

    @property
    def has_encoder(self) -> bool:
        """Whether it reads a source beside its tokens."""
        return self.options.n_encoder_layer > 0

    @property
    def n_embd(self) -> int:
        """Width of the residual stream."""
        return self.options.n_embd

    @property
    def sizes(self) -> tuple[int, ...]:
        """All numbers that set how large it is."""
        o = self.options
        return self.vocab_size, self.seq_len, o.n_layer, o.n_head, o.kv_heads, o.n_embd, o.width, o.inner

    @property
    def said(self) -> str:
        """Its make in a few words: what sets it apart from GPT-2."""
        o, plain = self.options, Options()
        sizes = ("n_layer", "n_head", "n_embd", "n_inner", "dropout", "attn_dropout")
        others = [f.name for f in fields(o) if f.name not in sizes and getattr(o, f.name) != getattr(plain, f.name)]
        made = ", ".join(f"{name} {getattr(o, name)}" for name in others)
        return f"{o.n_layer} layers, {o.n_head} heads, width {o.n_embd}" + (f" ({made})" if made else "")

    @property
    def n_parameters(self) -> int:
        """Weights, each once."""
        return _count(self)[0]

    @property
    def n_embeddings(self) -> int:
        """Of these, weights of tokens, positions, types and, where it has its own, the head."""
        return _count(self)[1]

    @property
    def flops_per_token(self) -> int:
        """Floating-point operations of forward and backward, a token of a full row; an encoder's are left out.

        Source: Chowdhery et al. 2022, appendix B: 6 a matrix weight and 12·L·d·T for attention.
        """
        o = self.options
        attention = o.n_embd * (2 * o.n_head + 2 * o.kv_heads) * o.width
        matrices = attention * (2 if o.n_encoder_layer else 1) + (3 if o.is_gated else 2) * o.n_embd * o.inner
        seen = min(self.seq_len, o.window or self.seq_len)
        return 6 * (o.n_layer * matrices + self.vocab_size * o.n_embd) + 12 * o.n_layer * o.n_head * o.width * seen

    @property
    def cached(self) -> int:
        """Numbers that a cache holds for a sample of `seq_len` tokens."""
        o = self.options
        return 2 * o.n_layer * o.kv_heads * o.width * min(self.seq_len, 2 * (o.window or self.seq_len))

    @property
    def shares_rows(self) -> bool:
        """Attention keeps documents that share a row apart."""
        return True

    def build(self) -> "Decoder":
        """The model, its weights not drawn yet."""
        return Decoder(self)

    def library_config(self, *, bos: int, eos: int, pad: int) -> dict[str, Any]:
        """config.json: the options, with the names that transformers wants to find, and where its code is."""
        translates = self.options.n_encoder_layer > 0
        kind = "Seq2SeqLM" if translates else "CausalLM"
        return {
            "architectures": [f"DecoderFor{kind}"],
            "auto_map": {
                "AutoConfig": "portable.DecoderConfig",
                f"AutoModelFor{kind}": f"portable.DecoderFor{kind}",
            },
            "model_type": MODEL_TYPE,
            "vocab_size": self.vocab_size,
            "max_position_embeddings": self.seq_len,
            "options": asdict(self.options),
            "types": [list(one) for one in self.types],
            "bos_token_id": bos,
            "eos_token_id": eos,
            "pad_token_id": pad,
            "decoder_start_token_id": bos if translates else None,
            "is_encoder_decoder": translates,
            "tie_word_embeddings": self.options.tied,
            "dtype": "float32",
        }


@lru_cache(maxsize=256)
def _count(shape: Shape) -> tuple[int, int]:
    n = shape.options.n_layer
    if n > 3:  # after the first all blocks are alike
        two, three = (_count(replace(shape, options=replace(shape.options, n_layer=k))) for k in (2, 3))
        return three[0] + (n - 3) * (three[0] - two[0]), three[1]
    with torch.device("meta"):
        model = Decoder(shape)
    total = sum(p.numel() for p in model.parameters())
    in_blocks = sum(p.numel() for block in model.blocks for p in block.parameters())
    norms = sum(p.numel() for name, p in model.named_parameters() if name.startswith(("final", "encoded", "smooth")))
    return total, total - in_blocks - norms


class Decoder(Model):
    """A decoder; with `n_encoder_layer`, it attends to an encoder that reads a source."""

    prefix = "model."  # in `train.portable` it is a part

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape: Shape = shape
        o = self.o = shape.options
        self.embed = nn.Embedding(shape.vocab_size, o.n_embd)
        if o.position == "learned":
            self.place = nn.Embedding(shape.seq_len, o.n_embd)
        if o.position == "sinusoidal":
            self.place_scale = nn.Parameter(torch.empty(1))
        if o.types:
            self.of_type = nn.Embedding(1 + max((kind for _, kind, _ in shape.types), default=0), o.n_embd)
            self.of_subtype = nn.Embedding(1 + max((sub for *_, sub in shape.types), default=0), o.n_embd)
        if o.embedding_norm:
            self.smooth = norm(o)
        (alpha, self.beta), (alpha_e, self.beta_e) = deepnorm(o.n_layer, o.n_encoder_layer)
        if o.norm_at != "deepnorm":
            alpha = alpha_e = 1.0
        self.h = nn.ModuleList(Block(o, i, alpha, crosses=o.n_encoder_layer > 0) for i in range(o.n_layer))
        self.encoder = nn.ModuleList(Block(o, i, alpha_e) for i in range(o.n_encoder_layer))
        has_final = o.norm_at in ("pre", "sandwich")
        self.final = norm(o) if has_final else nn.Identity()
        self.encoded = norm(o) if has_final and o.n_encoder_layer else nn.Identity()
        self.drop = nn.Dropout(o.dropout)
        if not o.tied:
            self.lm_head = nn.Linear(o.n_embd, shape.vocab_size, bias=False)

    @property
    def blocks(self) -> Sequence[nn.Module]:
        """The decoder's and the encoder's."""
        return [*self.h, *self.encoder]

    @property
    def head(self) -> Tensor:
        """What turns the last layer into logits: (V, n_embd)."""
        return self.embed.weight if self.o.tied else self.lm_head.weight

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Draw the weights: as GPT-2, or as DeepNorm wants them, or with branches that start at nothing.

        Source: Radford et al. 2019, section 2.3; Wang et al. 2022, table 2 and appendix; Zhang et al. 2019 (zero).
        """
        o = self.o
        small = 0.02 / math.sqrt(2 * o.n_layer)
        for name, p in self.named_parameters():
            is_projection = name.endswith("proj.weight")
            if name == "place_scale":
                p.fill_(o.n_embd**-0.5)
            elif name.endswith("mix"):
                p.fill_(0.5)
            elif p.dim() == 1:  # norms 1, biases 0
                p.fill_(float(name.endswith("weight")))
            elif o.norm_at == "deepnorm" and not name.startswith(("embed", "place", "of_", "lm_head")):
                beta = self.beta_e if name.startswith("encoder") else self.beta
                values = o.kv_heads * o.width
                is_mixed = name.endswith("kv.weight")  # queries and keys, which keep their size, then values
                if is_mixed or name.endswith(".q.weight"):
                    nn.init.xavier_normal_(p[: -values or None] if is_mixed else p, generator=generator)
                if not name.endswith(".q.weight"):
                    nn.init.xavier_normal_(p[-values:] if is_mixed else p, gain=beta, generator=generator)
            elif is_projection and o.zero_init:
                p.zero_()
            else:
                nn.init.normal_(p, 0.0, small if is_projection else 0.02, generator=generator)

    def forward(
        self, tokens: Tensor, targets: Tensor, positions: Tensor | None = None, source: Tensor | None = None
    ) -> Tensor:
        """The loss, as `Model.forward` says."""
        assert (source is not None) == self.shape.has_encoder, "an encoder reads a source, and nothing else does"
        memory, counts = self.encode(source) if source is not None else (None, None)
        places = torch.arange(tokens.shape[1], device=tokens.device)[None] if positions is None else positions
        look = self.look(tokens.device, pieces=None if positions is None else pieces_of(positions))
        is_dropping = self.training and self.o.attn_dropout > 0
        in_blocks = tokens.is_cuda and torch.compiler.is_compiling() and not is_dropping
        frame = self.frame(look.prepared(tokens, in_blocks=in_blocks), places, memory=memory, counts=counts)
        x, _ = self.enter(tokens, places, None)
        x = self.final(self.through(self.h, x, frame, None))
        return cross_entropy(x.flatten(0, 1), self.head, targets.flatten(), softcap=self.o.logit_softcap)

    def encode(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """What the encoder makes of `source` (B, S), padded at its end: (B, S, n_embd), and which of it counts."""
        counts = source != self.shape.pad
        places = torch.arange(source.shape[1], device=source.device)[None]
        look = self.look(source.device, causal=False, counts=counts).prepared(source, in_blocks=False)
        x, _ = self.enter(source, places, None)
        x = self.through(self.encoder, x, self.frame(look, places), None)
        return self.encoded(x), counts

    def through(self, blocks: nn.ModuleList, x: Tensor, frame: Frame, rooms: Sequence[Room] | None) -> Tensor:
        """The stream after all of `blocks`."""
        first = None
        for layer, block in enumerate(blocks):
            room = rooms[layer] if rooms else None
            if self.checkpointing and self.training:
                x, values = checkpoint(block, x, first, frame, room, use_reentrant=False)
            else:
                x, values = block(x, first, frame, room)
            if layer == 0 and self.o.value_residual:
                first = values
        return x

    def enter(self, tokens: Tensor, places: Tensor, kind: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The stream (B, T, n_embd) before the first block, and the type that each row ends in.

        Args:
            places: (B or 1, T) positions.
            kind: (B, 1) the type that each row is in.
        """
        o = self.o
        x = self.embed(tokens)
        if o.position == "learned":
            x = x + self.place(places)
        if o.position == "sinusoidal":  # Vaswani et al. 2017, scaled as x-transformers does
            angles = places[..., None] * waves(o.n_embd // 2, 10_000.0, tokens.device)
            x = x + (self.place_scale * torch.cat([angles.sin(), angles.cos()], -1)).to(x.dtype)
        if o.types:
            kinds = self.kinds(tokens, places, kind)
            table = torch.tensor([[0, 0], *[[t, s] for _, t, s in self.shape.types]], device=tokens.device)
            x = x + self.of_type(table[kinds, 0]) + self.of_subtype(table[kinds, 1])
            kind = kinds[:, -1:]
        return self.drop(self.smooth(x) if o.embedding_norm else x), kind

    def kinds(self, tokens: Tensor, places: Tensor, before: Tensor | None) -> Tensor:
        """Which of `shape.types` (from 1; 0: none) the document of each token is: by the last type token in it."""
        told = torch.zeros_like(tokens)
        for number, (token, *_) in enumerate(self.shape.types, 1):
            told = told.masked_fill(tokens == token, number)
        slots = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
        is_news = (told > 0) | (places == 0)
        latest = slots.masked_fill(~is_news, -1).cummax(1).values
        known = told.gather(1, latest.clamp_min(0))
        return known if before is None else torch.where(latest < 0, before, known)

    def look(
        self, at: torch.device, *, causal: bool = True, pieces: Tensor | None = None, counts: Tensor | None = None
    ) -> Look:
        """Who sees whom by the options; `pieces` and `counts` as in `Look`."""
        o = self.o
        slopes = alibi_slopes(o.alibi, o.n_head, at) if o.alibi else None
        return Look(causal, o.window, slopes, o.attn_softcap, o.attn_scale, pieces, counts)

    def frame(self, look: Look, places: Tensor, **rest: Any) -> Frame:
        """What all layers share, for tokens at `places` (B or 1, T)."""
        o, by, starts = self.o, None, None
        if o.position in ("rotary", "xpos"):
            about = self.shape.seq_len // 2 if o.position == "xpos" else None
            by = turn(places, o.width, o.rotary_base, fades_about=about)
        if o.token_shift:
            starts = (places == 0)[..., None]
        return Frame(look, by, starts, **rest)

    def start(self, batch: int, length: int, source: Tensor | None = None, pads: Tensor | None = None) -> Memory:
        """An empty cache, as `Model.start` says; `pads` (B,) tokens will come before each row's first."""
        memory = Memory(self.o, batch, length, self.head, pads)
        if source is not None:
            memory.memory, memory.counts = self.encode(source)
        return memory

    def read(self, tokens: Tensor, cache: Cache) -> Tensor:
        """Logits (B, V) after the last of `tokens` (B, T), as `Model.read` says."""
        return self.logits(tokens, cast(Memory, cache), last=1)[:, -1]

    def after_each(self, tokens: Tensor, source: Tensor | None = None) -> Tensor:
        """Logits (B, T, V), as `Model.after_each` says."""
        return self.logits(tokens, self.start(tokens.shape[0], tokens.shape[1], source))

    def logits(self, tokens: Tensor, cache: Memory, *, last: int = 0) -> Tensor:
        """Logits (B, T, V) after each of `tokens` (B, T), or of the `last` so many, after what `cache` holds."""
        T, start = tokens.shape[1], cache.length
        slots = torch.arange(start, start + T, device=tokens.device)[None]
        counts = None
        if cache.pads is not None:
            all_slots = torch.arange(start + T, device=tokens.device)[None]
            counts = all_slots >= cache.pads[:, None]
            slots = (slots - cache.pads[:, None]).clamp_min(0)
        look = self.look(tokens.device, counts=counts)
        frame = self.frame(look, slots, place=start, memory=cache.memory, counts=cache.counts)
        x, cache.type = self.enter(tokens, slots, cache.type)
        x = self.final(self.through(self.h, x, frame, cache.rooms)[:, -last:])
        cache.length = start + T
        z = F.linear(x, self.head)
        cap = self.o.logit_softcap
        return z if cap is None else cap * torch.tanh(z / cap)


def deepnorm(n: int, n_encoder: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """(alpha, beta) of decoder and encoder: how much the stream counts at a norm, and how small weights start.

    Source: Wang et al. 2022 (DeepNet, arXiv 2203.00555), figure 2.
    """
    if not n_encoder:
        return ((2 * n) ** 0.25, (8 * n) ** -0.25), (1.0, 1.0)
    of_encoder = 0.81 * (n_encoder**4 * n) ** (1 / 16), 0.87 * (n_encoder**4 * n) ** (-1 / 16)
    return ((3 * n) ** 0.25, (12 * n) ** -0.25), of_encoder


def shape_of(config: Mapping[str, Any]) -> Shape:
    """The shape that a config.json of ours describes. Raises KeyError, TypeError or ValueError where it is none."""
    types = tuple((int(token), int(kind), int(sub)) for token, kind, sub in config["types"])
    return Shape(
        int(config["vocab_size"]),
        int(config["max_position_embeddings"]),
        Options(**config["options"]),
        types,
        int(config["pad_token_id"]),
    )
