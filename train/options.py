"""The options of the `decoder` family: what each is, and which cannot be combined. Loads nothing."""

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args, get_type_hints

GATED = ("swiglu", "geglu", "reglu")


@dataclass(frozen=True)
class Options:
    """What a decoder is made of; the defaults are GPT-2.

    Raises:
        ValueError: two options that cannot be combined, or a size that another does not allow; the message names them.
    """

    n_layer: int = 4
    n_head: int = 4
    n_embd: int = 256  # residual width
    n_kv_head: int | None = None  # heads of keys and values, each for as many heads of queries; 1: MQA; none: n_head
    head_width: int | None = None  # none: n_embd / n_head
    n_inner: int | None = None  # of the feed-forward layer; none: 4 n_embd, or 8/3 where it is gated (as many weights)
    position: Literal["learned", "sinusoidal", "rotary", "xpos", "alibi", "none"] = "learned"
    alibi_heads: int | None = None  # heads that lose interest with distance; none: all with position = "alibi", else 0
    rotary_base: float = 10_000.0  # wave length of the slowest pair, over 2 pi
    norm: Literal["layer", "rms"] = "layer"
    norm_at: Literal["pre", "post", "sandwich", "deepnorm"] = "pre"
    feed_forward: Literal["gelu", "relu2", "swiglu", "geglu", "reglu"] = "gelu"
    bias: bool = True  # of linear layers and layer norms
    qk_norm: bool = False  # queries and keys are scaled to a root mean square of 1
    attn_scale: float | None = None  # of queries times keys; none: 1 / sqrt(head_width)
    attn_softcap: float | None = None  # queries times keys stay between minus this and this
    logit_softcap: float | None = None  # logits stay between minus this and this
    window: int | None = None  # positions that a position sees, itself included; none: all before it
    token_shift: bool = False  # half of the channels come from the token before
    value_residual: bool = False  # values of later layers are mixed with those of the first
    embedding_norm: bool = False  # a norm straight after the embedding
    zero_init: bool = False  # what a block adds to the residual stream starts at nothing
    types: bool = False  # an embedding of the document's type, and sub-type, on each of its tokens
    tied: bool = True  # the head's weights are the embedding's
    dropout: float = 0.0  # after the embedding and in each residual branch
    attn_dropout: float = 0.0  # on attention's shares
    n_encoder_layer: int = 0  # of an encoder beside the decoder, which attends to it; 0: none

    def __post_init__(self) -> None:
        for name in ("n_layer", "n_head", "n_embd"):
            require(getattr(self, name) >= 1, f"{name} = {getattr(self, name)} is not 1 or more")
        for name in ("n_kv_head", "head_width", "n_inner", "window"):
            given = getattr(self, name)
            require(given is None or given >= 1, f"{name} = {given} is not 1 or more")
        for name in ("attn_scale", "attn_softcap", "logit_softcap", "rotary_base"):
            given = getattr(self, name)
            require(given is None or given > 0, f"{name} = {given} is not above 0")
        for name in ("dropout", "attn_dropout"):
            require(0 <= getattr(self, name) < 1, f"{name} = {getattr(self, name)} is not from 0 to below 1")
        require(self.n_encoder_layer >= 0, f"n_encoder_layer = {self.n_encoder_layer} is not 0 or more")
        if self.head_width is None and self.n_embd % self.n_head:
            raise ValueError(
                f"n_embd = {self.n_embd} is not a multiple of n_head = {self.n_head}: "
                f"try {neighbours(self.n_embd, self.n_head)}"
            )
        kv, width, alibi = self.kv_heads, self.width, self.alibi
        require(self.n_head % kv == 0, f"n_head = {self.n_head} is not a multiple of n_kv_head = {kv}")
        require(0 <= alibi <= self.n_head, f"alibi_heads = {alibi} is not from 0 to n_head = {self.n_head}")
        turns = self.position in ("rotary", "xpos")
        for is_so, one, other, why in (
            (self.position == "alibi" and alibi == 0, "position", "alibi_heads", "then nothing tells positions apart"),
            (turns and width % 2 == 1, "position", "head_width", "it turns pairs of channels"),
            (self.position == "sinusoidal" and self.n_embd % 2 == 1, "position", "n_embd", "sines have cosines"),
            (self.position == "xpos" and self.n_encoder_layer > 0, "position", "n_encoder_layer",
             "its decay has a direction, and an encoder looks both ways"),
            (self.token_shift and self.n_embd % 2 == 1, "token_shift", "n_embd", "half of the channels are shifted"),
            (self.norm_at == "deepnorm" and self.zero_init, "norm_at", "zero_init",
             "DeepNorm has an initialisation of its own"),
            (self.norm_at == "sandwich" and self.zero_init, "norm_at", "zero_init",
             "the norm after a branch that starts at nothing has no bounded gradient"),
        ):  # fmt: skip
            values = {"alibi_heads": alibi, "head_width": width}
            x, y = (said(values.get(name, getattr(self, name))) for name in (one, other))
            require(not is_so, f"{one} = {x} cannot be combined with {other} = {y}: {why}")

    @property
    def kv_heads(self) -> int:
        """Heads of keys and values."""
        return self.n_kv_head or self.n_head

    @property
    def width(self) -> int:
        """Of a head."""
        return self.head_width or self.n_embd // self.n_head

    @property
    def inner(self) -> int:
        """Width of the feed-forward layer: where it is gated and none is given, as many weights as without a gate."""
        if self.n_inner:
            return self.n_inner
        return 8 * round(self.n_embd / 3) if self.is_gated else 4 * self.n_embd

    @property
    def is_gated(self) -> bool:
        """Whether the feed-forward layer multiplies two halves."""
        return self.feed_forward in GATED

    @property
    def alibi(self) -> int:
        """Heads with ALiBi."""
        if self.alibi_heads is not None:
            return self.alibi_heads
        return self.n_head if self.position == "alibi" else 0


def require(holds: bool, otherwise: str) -> None:
    """Raise ValueError unless something holds."""
    if not holds:
        raise ValueError(otherwise)


def said(value: object) -> str:
    """A value as a config file has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def neighbours(n_embd: int, n_head: int) -> str:
    """Widths that `n_head` heads divide, and numbers of heads that divide `n_embd`, nearest first."""
    below = n_embd // n_head * n_head
    widths = [f"model.n_embd={width} (heads of {width // n_head})" for width in (below, below + n_head) if width]
    heads = sorted(
        (h for h in range(1, n_embd + 1) if n_embd % h == 0 and n_embd // h >= 16), key=lambda h: abs(h - n_head)
    )
    counts = [f"model.n_head={h} (heads of {n_embd // h})" for h in heads[:2]]
    return ", ".join(widths + counts)


def choices() -> dict[str, tuple[Any, ...]]:
    """The named values of each option that has some, and true or false of each that is one of both."""
    hints = get_type_hints(Options)
    found = {
        f.name: get_args(hints[f.name]) or ((False, True) if hints[f.name] is bool else ()) for f in fields(Options)
    }
    return {name: values for name, values in found.items() if values and not isinstance(values[0], type)}
