"""A decoder as one of transformers' own models, for machines without phon: its code travels in the model's folder.

`train.export` copies this file, and those of ours that it imports, into each folder; phon itself never runs what it
finds there. `generate` works with it, by beams too; `forward` takes padding on either side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import GenerationMixin, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast, Seq2SeqLMOutput
from transformers.utils import ModelOutput, can_return_tuple

from train.decoder import MODEL_TYPE, shape_of
from train.recall import Memory


class DecoderConfig(PreTrainedConfig):  # type: ignore[misc]  # the library is not typed for us
    """What `Shape.library_config` wrote."""

    model_type = MODEL_TYPE

    def __init__(
        self,
        vocab_size: int = 0,
        max_position_embeddings: int = 0,
        options: Mapping[str, Any] | None = None,
        types: Sequence[Sequence[int]] | None = None,
        pad_token_id: int | None = None,
        tie_word_embeddings: bool | None = None,
        **rest: Any,
    ) -> None:
        # The defaults are no model's: the library leaves out of config.json what is as it is by default.
        self.vocab_size = vocab_size
        self.max_position_embeddings = max_position_embeddings
        self.options = options
        self.types = types
        self.pad_token_id = pad_token_id
        self.tie_word_embeddings = tie_word_embeddings
        super().__init__(**rest)


class Recall(Memory):
    """The cache under the names by which `generate` knows it."""

    is_compileable = False

    def get_seq_length(self, layer: int = 0) -> int:
        """Tokens read, padding too."""
        return self.length

    def reorder_cache(self, rows: Tensor) -> None:
        """Go on with these rows of the batch, as beams do."""
        self.keep(rows)


@dataclass
class Encoded(ModelOutput):  # type: ignore[misc]
    """What an encoder made of a source: (B, S, n_embd), and (B, S) which of it counts."""

    last_hidden_state: Tensor | None = None
    counts: Tensor | None = None


class Portable(PreTrainedModel, GenerationMixin):  # type: ignore[misc]
    """What the two kinds share.

    Tied, the head uses the embedding's own tensor, so there is no second one to name in `_tied_weights_keys`.
    """

    config_class = DecoderConfig
    base_model_prefix = "model"
    _no_split_modules = ("Block",)

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__(config)
        self.model = shape_of(vars(config)).build()
        self.loss_type = "ForCausalLM"
        self.post_init()

    def init_weights(self) -> None:
        """Draw the weights as training does, where there are any yet."""
        if self.device.type != "meta":
            self.model.initialise(torch.default_generator)

    def get_input_embeddings(self) -> nn.Module:
        """The embedding of tokens."""
        return self.model.embed

    def get_output_embeddings(self) -> nn.Module | None:
        """The head, where it has weights of its own."""
        return getattr(self.model, "lm_head", None)

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        return False  # a cache of ours is made in `_read`

    def _read(
        self,
        tokens: Tensor,
        mask: Tensor | None,
        cache: Recall | None,
        of: Encoded | None,
        *,
        use_cache: bool | None,
        labels: Tensor | None,
        last: int,
    ) -> tuple[Tensor, Recall]:
        """Logits (B, T, V) after each of `tokens` (B, T), or of the `last` so many; and the cache, filled on."""
        shape = self.model.shape
        if cache is None:
            remembers = not self.training and labels is None if use_cache is None else use_cache
            length = shape.seq_len if remembers else 0
            pads = None if mask is None else (mask.cumsum(1) == 0).sum(1)  # on the right they change nothing
            if pads is not None and not pads.any():
                pads = None
            cache = Recall(shape.options, len(tokens), length, self.model.head, pads)
            if of is not None:
                cache.memory, cache.counts = of.last_hidden_state, of.counts
        total = cache.length + tokens.shape[1]
        if total > shape.seq_len:
            raise ValueError(f"{total} tokens, but the model's context has {shape.seq_len}")
        return self.model.logits(tokens, cache, last=last), cache


class DecoderForCausalLM(Portable):
    """A decoder."""

    @can_return_tuple  # type: ignore[untyped-decorator]
    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        past_key_values: Recall | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int = 0,
        **rest: Any,
    ) -> CausalLMOutputWithPast:
        """Logits, and with `labels` (the same tokens; -100 costs nothing) the loss."""
        z, cache = self._read(
            input_ids, attention_mask, past_key_values, None, use_cache=use_cache, labels=labels, last=logits_to_keep
        )
        loss = None if labels is None else self.loss_function(z, labels, self.config.vocab_size, **rest)
        return CausalLMOutputWithPast(loss=loss, logits=z, past_key_values=cache if cache.rooms else None)


class Encoder:
    """The encoder as `generate` calls it."""

    main_input_name = "input_ids"

    def __init__(self, model: "DecoderForSeq2SeqLM") -> None:
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **rest: Any) -> Encoded:
        """What is made of a source; padding goes to its end, as in training."""
        if attention_mask is not None:
            order = attention_mask.argsort(dim=1, descending=True, stable=True)
            input_ids = input_ids.masked_fill(attention_mask == 0, self.model.config.pad_token_id).gather(1, order)
        memory, counts = self.model.model.encode(input_ids)
        return Encoded(last_hidden_state=memory, counts=counts)

    __call__ = forward


class DecoderForSeq2SeqLM(Portable):
    """A decoder that attends to an encoder."""

    def get_encoder(self, modality: str | None = None) -> Encoder:
        """What reads the source."""
        return Encoder(self)

    def prepare_decoder_input_ids_from_labels(self, labels: Tensor) -> Tensor:
        """The tokens that come before `labels` (B, T)."""
        first = torch.full_like(labels[:, :1], self.config.decoder_start_token_id)
        return torch.cat([first, labels[:, :-1].masked_fill(labels[:, :-1] < 0, self.config.pad_token_id)], 1)

    @can_return_tuple  # type: ignore[untyped-decorator]
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        encoder_outputs: Encoded | None = None,
        past_key_values: Recall | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        **rest: Any,
    ) -> Seq2SeqLMOutput:
        """Logits, and with `labels` (the tokens after each of the decoder's; -100 costs nothing) the loss."""
        if encoder_outputs is None and past_key_values is None:
            assert input_ids is not None, "there is no source: pass input_ids or encoder_outputs"
            encoder_outputs = self.get_encoder()(input_ids, attention_mask)
        if decoder_input_ids is None:
            assert labels is not None, "there is nothing to read: pass decoder_input_ids or labels"
            decoder_input_ids = self.prepare_decoder_input_ids_from_labels(labels)
        z, cache = self._read(
            decoder_input_ids,
            decoder_attention_mask,
            past_key_values,
            encoder_outputs,
            use_cache=use_cache,
            labels=labels,
            last=0,
        )
        loss = None
        if labels is not None:
            loss = self.loss_function(z, labels, self.config.vocab_size, shift_labels=labels.contiguous(), **rest)
        return Seq2SeqLMOutput(
            loss=loss,
            logits=z,
            past_key_values=cache if cache.rooms else None,
            encoder_last_hidden_state=cache.memory,
        )
