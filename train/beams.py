"""The likeliest continuations, by transformers' beam search over whatever model reads for us."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import (
    GenerationConfig,
    GenerationMixin,
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import CausalLMOutputWithPast

from train.contract import Contract
from train.draw import Sampling, repetition
from train.errors import TrainError
from train.generate import Guide, of_lines
from train.model import Cache, Reading


class Asked(NamedTuple):
    """What a sample is of."""

    type: str
    source: tuple[int, ...]  # with its end; empty for none


class Recall:
    """A cache under the names by which `generate` knows it."""

    is_compileable = False

    def __init__(self, cache: Cache) -> None:
        self.cache = cache

    def get_seq_length(self, layer: int = 0) -> int:
        """Tokens read."""
        return self.cache.length

    def reorder_cache(self, rows: Tensor) -> None:
        """Go on with these rows of the batch."""
        self.cache.keep(rows)


class Searched(PreTrainedModel, GenerationMixin):  # type: ignore[misc]  # the library is not typed for us
    """A model as `generate` calls it.

    Args:
        source: (1, S) ids that an encoder reads.
        length: Tokens that are read at most.
    """

    config_class = PreTrainedConfig

    def __init__(self, model: Reading, length: int, source: Tensor | None) -> None:
        super().__init__(PreTrainedConfig(vocab_size=model.shape.vocab_size))
        self._of = (model, length, source)  # in a tuple it is no part of this module

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self._of[0].device

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        return False  # a cache of ours is made in `forward`

    def forward(self, input_ids: Tensor, past_key_values: Recall | None = None, **rest: Any) -> CausalLMOutputWithPast:
        """Logits (B, 1, V) after the last of the tokens."""
        model, length, source = self._of
        if past_key_values is None:
            given = None if source is None else source.expand(len(input_ids), -1)
            past_key_values = Recall(model.start(len(input_ids), length, given))
            new = input_ids
        else:
            new = input_ids[:, -1:]
        logits = model.read(new, past_key_values.cache)
        return CausalLMOutputWithPast(logits=logits[:, None].float(), past_key_values=past_key_values)


class Held(LogitsProcessor):  # type: ignore[misc]
    """Takes away what no sample of ours may hold, and what a guide refuses.

    Args:
        start: Tokens before the first that is written.
        limit: Tokens that are written at most.
    """

    def __init__(self, contract: Contract, start: int, limit: int, guide: Guide | None) -> None:
        self._never = sorted(contract.special_ids() - {contract.eos})
        self._vocab_size = contract.vocab_size
        self._start, self._limit, self._guide = start, limit, guide
        self._states: Any = None  # of the beams that were held last
        self._line: dict[tuple[int, ...], int] = {}  # where that of each is

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """The scores (B, V) after `input_ids` (B, T), without what may not come."""
        scores = scores.clone()
        scores[:, self._vocab_size :] = -torch.inf
        scores[:, self._never] = -torch.inf
        if self._guide:
            beams = [tuple(ids) for ids in input_ids[:, self._start :].tolist()]
            if beams[0]:
                before = of_lines(self._states, [self._line[beam[:-1]] for beam in beams])
                self._states = self._guide.follow(before, input_ids[:, -1])
            else:
                self._states = self._guide.begin(len(beams), scores.device)
            self._guide.mask(scores, self._states, self._limit - len(beams[0]) - 1)
            self._line = {beam: line for line, beam in enumerate(beams)}
        return scores


@torch.inference_mode()
def search(
    model: Reading,
    contract: Contract,
    prefix: Sequence[int],
    sampling: Sampling,
    *,
    limit: int,
    n: int,
    source: Sequence[int] | None = None,
    guide: Guide | None = None,
) -> list[tuple[list[int], bool]]:
    """The `n` likeliest ways to go on from `prefix`, the likeliest first: ids without the end, and whether it ended.

    Args:
        limit: New tokens at most.
    """
    device = model.device
    given = None if source is None else torch.tensor([source], device=device)
    tokens = torch.tensor([prefix], device=device)
    processors = [repetition(sampling.repetition_penalty), Held(contract, len(prefix), limit, guide)]
    config = GenerationConfig(
        max_new_tokens=limit,
        num_beams=sampling.num_beams,
        num_return_sequences=n,
        do_sample=False,
        eos_token_id=contract.eos,
        pad_token_id=contract.pad,
    )
    made = Searched(model, len(prefix) + limit - 1, given).generate(
        tokens,
        attention_mask=torch.ones_like(tokens),
        generation_config=config,
        logits_processor=LogitsProcessorList(filter(None, processors)),
    )
    found = []
    for ids in made[:, len(prefix) :].tolist():
        is_ended = contract.eos in ids
        found.append((ids[: ids.index(contract.eos)] if is_ended else ids, is_ended))
    return found


def likeliest_samples(
    model: Reading,
    contract: Contract,
    asked: Sequence[Asked],
    prefixes: Mapping[str, Sequence[int]],
    limits: Mapping[str, int],
    sampling: Sampling,
    guide: Guide | None,
) -> Iterator[tuple[list[int], bool]]:
    """What `search` finds, for each that is asked for: of those that ask for the same, the first gets the likeliest.

    Args:
        prefixes, limits: Of each type.

    Raises:
        TrainError: more ask for the same than there are beams.
    """
    counts = Counter(asked)
    most, beams = max(counts.values()), sampling.num_beams or 0
    if most > beams:
        raise TrainError(
            f"{beams} beams find {beams} samples of a type or source, and {most} are asked for",
            hint=f"pass --num-beams {most} or more, or a smaller --n",
            exit_code=2,
        )

    def samples() -> Iterator[tuple[list[int], bool]]:
        found: dict[Asked, Iterator[tuple[list[int], bool]]] = {}
        for one in asked:
            if one not in found:
                prefix, limit = prefixes[one.type], limits[one.type]
                source = one.source or None
                best = search(model, contract, prefix, sampling, limit=limit, n=counts[one], source=source, guide=guide)
                found[one] = iter(best)
            yield next(found[one])

    return samples()
