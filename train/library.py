"""Any architecture of transformers that writes text, as a model of ours; its weights and folders are the library's.

What a test has found out about an architecture stands in a table here; of the others nothing is taken for granted.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train import architecture
from train.counts import cache_sizes, count, on_meta
from train.errors import TrainError
from train.head import cross_entropy
from train.model import Cache as AnyCache
from train.model import Model
from train.targets import IGNORE

# Told positions that start anew within a row, they keep the pieces apart. Others get one document a row.
SHARING = frozenset(("gpt_neox", "llama", "mistral", "qwen2", "qwen3"))
# Their logits are the last state times the head's weights and nothing more, so no logits need be kept.
PLAIN_HEAD = SHARING | {"mamba2"}
LAYERS = ("num_hidden_layers", "num_layers", "num_decoder_layers", "n_layer", "n_layers", "encoder_layers",
          "decoder_layers")  # fmt: skip
PREFIX, DRAWN = "inner.", "_is_hf_initialized"  # of our names; and the library's mark on what need not be drawn
TRIED, EXACT = 6, 1e-3  # tokens that a new model is tried on, and what of the logits' spread it may be off


@dataclass(frozen=True)
class Shape:
    """The size and make of a model of the library.

    Args:
        settings: All of the library's own settings, as `architecture.settings_of` gives them.
        pad: The id that fills an encoder's rows.
    """

    vocab_size: int
    seq_len: int
    model_type: str
    settings: str
    pad: int = -1

    def config(self, **ids: int) -> Any:
        """The library's, with the numbers that are ours in it."""
        kind = architecture.kind_of_config(self.model_type)
        lengths = {name: self.seq_len for name in architecture.LENGTHS if name in kind.__dataclass_fields__}
        pad = {} if self.pad < 0 else {"pad_token_id": self.pad}
        given = {**json.loads(self.settings), **lengths, "vocab_size": self.vocab_size}
        return architecture.make(self.model_type, given, **{**pad, **ids})

    @property
    def n_layer(self) -> int:
        """Blocks, those of an encoder too."""
        settings = json.loads(self.settings)
        return sum(settings.get(name) or 0 for name in LAYERS)

    @property
    def n_head(self) -> int:
        """Heads of each block, 0 where it has none."""
        config = _made(self)
        return int(getattr(config, "num_attention_heads", None) or getattr(config, "num_heads", None) or 0)

    @property
    def n_embd(self) -> int:
        """Width of the residual stream."""
        return int(_made(self).hidden_size)

    @property
    def sizes(self) -> tuple[int, ...]:
        """All numbers that set how large it is."""
        settings = json.loads(self.settings).values()
        return (self.vocab_size, self.seq_len, self.n_layer, self.n_embd,
                *(value for value in settings if type(value) is int and value > 0))  # fmt: skip

    @property
    def said(self) -> str:
        """Its make in a few words."""
        return f"{self.model_type}, {self.n_layer} layers, width {self.n_embd}"

    @property
    def has_encoder(self) -> bool:
        """Whether it reads a source beside its tokens."""
        return bool(_made(self).is_encoder_decoder)

    @property
    def shares_rows(self) -> bool:
        """Whether documents that share a row can be kept from seeing each other."""
        return self.model_type in SHARING

    @property
    def n_parameters(self) -> int:
        """Weights, each once."""
        return count(self).parameters

    @property
    def n_embeddings(self) -> int:
        """Of these, weights of tokens, positions and, where it has its own, the head."""
        return count(self).embeddings

    @property
    def flops_per_token(self) -> int:
        """Floating-point operations of forward and backward, a token of a full row; an encoder's are left out.

        Source: Chowdhery et al. 2022, appendix B: 6 a matrix weight and 12·L·d·T for attention. Of experts, those count
        that a token goes through; what recurrent layers do beside their matrices does not.
        """
        found = count(self)
        return 6 * (found.matrices + self.vocab_size * self.n_embd) + 12 * found.attention * self.seq_len

    @property
    def cached(self) -> int:
        """Numbers that its cache holds for a sample of `seq_len` tokens."""
        state, grows = cache_sizes(self)
        return state + grows * self.seq_len

    def build(self) -> "Library":
        """The model, its weights not drawn yet."""
        return Library(self)

    def library_config(self, *, bos: int, eos: int, pad: int) -> dict[str, Any]:
        """config.json, as the library itself writes it."""
        config = self.config(bos_token_id=bos, eos_token_id=eos, pad_token_id=pad)
        if config.is_encoder_decoder:
            config.decoder_start_token_id = bos
        config.architectures = [type(on_meta(self).inner).__name__]
        config.dtype = "float32"
        if not any(hasattr(config, name) for name in architecture.LENGTHS):
            config.max_position_embeddings = self.seq_len  # of no use to the library; ours is found here again
        written: dict[str, Any] = json.loads(config.to_json_string(use_diff=False))
        return {key: value for key, value in written.items() if not key.startswith("_")}


@lru_cache(maxsize=256)
def _made(shape: Shape) -> Any:
    return shape.config()


def shape_of(config: Mapping[str, Any]) -> Shape:
    """The shape that a config.json of the library describes. Raises KeyError or ValueError where it is none."""
    kind = str(config["model_type"])
    try:
        known, _ = architecture.keys(kind)
    except TrainError as error:
        raise ValueError(str(error)) from error
    given = {key: architecture.undone(value) for key, value in config.items() if not architecture.is_ours(key)}
    unknown = sorted(given.keys() - architecture.plain(architecture.make(kind, {})).keys() - set(known))
    if unknown:
        raise ValueError(f"{kind} has no {', '.join(unknown)}")
    lengths = [config[name] for name in architecture.LENGTHS if name in config]
    return Shape(
        int(config["vocab_size"]),
        int(lengths[0]),
        kind,
        architecture.settings_of(kind, given),
        int(config["pad_token_id"]),
    )


class Cache:
    """The library's cache, whatever that is, and what an encoder made of the source."""

    def __init__(self, encoded: Tensor | None = None, counts: Tensor | None = None) -> None:
        self.past: Any = None  # the model makes its own as it reads
        self.encoded, self.counts = encoded, counts
        self.length = 0

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows of the batch alone."""
        if self.past is not None:
            self.past.reorder_cache(rows)
        if self.encoded is not None and self.counts is not None:
            self.encoded, self.counts = self.encoded[rows], self.counts[rows]


class Library(Model):
    """A model of the library behind our interface."""

    cache = Cache  # what `read` fills

    def __init__(self, shape: Shape) -> None:
        # Slow imports, which only a run of this family pays for.
        from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM
        from transformers.initialization import no_init_weights

        super().__init__()
        self.shape: Shape = shape
        config = shape.config()
        self.has_encoder = bool(config.is_encoder_decoder)
        self._checkpointing = False
        with no_init_weights():
            self.inner = (AutoModelForSeq2SeqLM if self.has_encoder else AutoModelForCausalLM).from_config(config)
        self.inner.tie_weights()
        self.stored = frozenset(self.inner.state_dict())  # asked later, FSDP would take weights apart for it

    def named_blocks(self) -> list[tuple[str, nn.Module]]:
        """The layers: what stands in the outermost lists of modules."""
        lists = [name for name, module in self.inner.named_modules() if isinstance(module, nn.ModuleList)]
        outer = [name for name in lists if not any(name.startswith(f"{other}.") for other in lists)]
        return [
            (f"inner.{name}.{i}", block) for name in outer for i, block in enumerate(self.inner.get_submodule(name))
        ]

    @property
    def blocks(self) -> Sequence[nn.Module]:
        """Its layers, those of an encoder too."""
        return [block for _, block in self.named_blocks()]

    @property
    def checkpointing(self) -> bool:
        """Whether each block's activations are computed twice rather than kept."""
        return self._checkpointing

    @checkpointing.setter
    def checkpointing(self, wanted: bool) -> None:
        if wanted and not self.inner.supports_gradient_checkpointing:
            raise TrainError(
                f"{self.shape.model_type} cannot compute activations twice to save memory",
                hint="pass train.checkpointing=never, and lower train.micro_batch or data.seq_len",
            )
        renamed = "activation" if hasattr(self.inner, "activation_checkpointing_enable") else "gradient"
        if wanted:
            getattr(self.inner, f"{renamed}_checkpointing_enable")({"use_reentrant": False})
        elif self._checkpointing:
            getattr(self.inner, f"{renamed}_checkpointing_disable")()
        self._checkpointing = wanted

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Draw the weights as the library does, from a seed of ours; then try the model out."""
        for p in self.parameters():
            p.fill_(float("nan"))
        for module in self.inner.modules():
            vars(module).pop(DRAWN, None)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
            self.inner.init_weights()
        self.try_out()

    @torch.no_grad()
    def try_out(self) -> None:
        """Hold what the model says of some tokens, read at once, to what it says as it reads one after the other.

        Raises:
            TrainError: a model that sees what it is to predict, that keeps no cache, or whose weights are not drawn.
        """
        was_training = self.training
        self.eval()
        tokens = torch.arange(TRIED)[None] % self.shape.vocab_size
        source = tokens if self.has_encoder else None
        whole = self.after_each(tokens, source)[0]
        cache = self.start(1, TRIED, source)
        one_by_one = torch.cat([self.read(token, cache) for token in tokens.T[:, None]])
        self.train(was_training)
        off = float((whole - one_by_one).abs().max())
        if not off <= EXACT * float(whole.std() + 1):
            raise TrainError(
                f"model_type = {self.shape.model_type!r} cannot be trained here: what it says of a text depends on "
                "what follows, its cache forgets, or its weights are not all drawn",
                hint="take another, as llama, qwen3, gpt_neox, mamba2, t5",
            )

    def inputs(self, tokens: Tensor, source: Tensor | None) -> dict[str, Tensor]:
        """What the library's `forward` takes of our batch."""
        if source is None:
            assert not self.has_encoder, "an encoder reads a source"
            return {"input_ids": tokens}
        counts = (source != self.shape.pad).long()
        return {"input_ids": source, "attention_mask": counts, "decoder_input_ids": tokens}

    def forward(
        self, tokens: Tensor, targets: Tensor, positions: Tensor | None = None, source: Tensor | None = None
    ) -> Tensor:
        """The loss, as `Model.forward` says."""
        batch = self.inputs(tokens, source)
        if positions is not None:  # the library masks what lies before a position of 0
            assert self.shape.shares_rows, f"{self.shape.model_type} would carry one document into the next"
            batch["position_ids"] = positions
        if self.shape.model_type in PLAIN_HEAD:
            x = self.inner.base_model(**batch, use_cache=False).last_hidden_state
            return cross_entropy(x.flatten(0, 1), self.inner.get_output_embeddings().weight, targets.flatten())
        logits = self.inner(**batch, use_cache=False).logits
        return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORE, reduction="sum")

    def after_each(self, tokens: Tensor, source: Tensor | None = None) -> Tensor:
        """Logits (B, T, V), as `Model.after_each` says."""
        logits: Tensor = self.inner(**self.inputs(tokens, source), use_cache=False).logits
        return logits

    def start(self, batch: int, length: int, source: Tensor | None = None) -> Cache:
        """An empty cache, as `Model.start` says."""
        if not self.has_encoder:
            return Cache()
        assert source is not None, "it has an encoder"
        counts = (source != self.shape.pad).long()
        encoded = self.inner.get_encoder()(input_ids=source, attention_mask=counts).last_hidden_state
        return Cache(encoded, counts)

    def read(self, tokens: Tensor, cache: AnyCache) -> Tensor:
        """Logits (B, V) after the last of `tokens` (B, T), as `Model.read` says."""
        from transformers.modeling_outputs import BaseModelOutput

        assert isinstance(cache, Cache)
        name = "cache_params" if "cache_params" in signature(self.inner.forward).parameters else "past_key_values"
        batch: dict[str, Any] = {"input_ids": tokens}
        if cache.encoded is not None:
            batch = {
                "encoder_outputs": BaseModelOutput(last_hidden_state=cache.encoded),
                "attention_mask": cache.counts,
                "decoder_input_ids": tokens,
            }
        said = self.inner(**batch, **{name: cache.past}, use_cache=True)
        cache.past = said[name]
        cache.length += tokens.shape[1]
        logits: Tensor = said.logits[:, -1]
        return logits

    def tensors(self, parameters: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        """All that a folder holds, by the library's names, each once: parameters, and the few buffers it keeps."""
        found = dict(self.named_parameters()) if parameters is None else parameters
        buffers = {f"{PREFIX}{name}": b for name, b in self.inner.named_buffers() if name in self.stored}
        return {name.removeprefix(PREFIX): t for name, t in {**found, **buffers}.items()}

    def weights(self, values: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        """The weights as the library saves them, those that are tied once."""
        return {name: t.detach().contiguous() for name, t in self.tensors(values).items()}

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Take weights as `weights` gives them, or as the library saves them."""
        self.inner.tie_weights()  # what was moved from no device to one is no longer
        with torch.no_grad():
            for name, t in self.tensors().items():
                t.copy_(weights[name])
                setattr(t, DRAWN, True)
        with torch.random.fork_rng(devices=[]):
            self.inner.init_weights()  # of what is not drawn: tables that are worked out, and never stored
