"""How the next token is chosen from logits: the settings, and the inverse of the cumulative distribution."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from train.errors import TrainError

LEAST_TEMPERATURE = 1e-6  # below it fp32 has no room left between greedy and this
BLOCK = 128  # shares that are added up at a time
SHORT = 1 << 14  # entries of a row in which the likeliest are found sooner by one search of all

Processor = Callable[[Tensor, Tensor], Tensor]  # of transformers: ids (B, T) so far and logits (B, V), to other logits


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen. The cuts apply one after the other: top_k, top_p, min_p, typical_p.

    Args:
        temperature: Divides the logits; 0 takes the likeliest token.
        top_k: Only the k likeliest.
        top_p: Only the likeliest that together reach this probability.
        min_p: Only those at least this probable, as a share of the likeliest's probability.
        max_new_tokens: After the prompt; None for what is left of the context.
        typical_p: Only those about as likely as is to be expected, that together reach this probability.
        num_beams: Searches the likeliest samples with so many beams, and draws nothing; None draws.
        repetition_penalty: Divides positive logits of tokens that were there before, and multiplies negative ones.

    Source: typical_p: Meister et al. 2022; repetition_penalty: Keskar et al. 2019; both as transformers has them.

    Raises:
        TrainError: a value that means nothing.
    """

    temperature: float = 0.7
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    max_new_tokens: int | None = None
    typical_p: float | None = None
    repetition_penalty: float | None = None
    num_beams: int | None = None

    def __post_init__(self) -> None:
        require(0 <= self.temperature < math.inf, "temperature", self.temperature, "it is 0 (greedy) or more")
        require(self.top_k is None or self.top_k >= 1, "top_k", self.top_k, "it is a number of tokens, 1 or more")
        require(self.top_p is None or 0 < self.top_p <= 1, "top_p", self.top_p, "it is more than 0 and at most 1")
        require(self.min_p is None or 0 <= self.min_p <= 1, "min_p", self.min_p, "it is from 0 to 1")
        mass, penalty = self.typical_p, self.repetition_penalty
        require(mass is None or 0 < mass <= 1, "typical_p", mass, "it is more than 0 and at most 1")
        require(
            penalty is None or 0 < penalty < math.inf, "repetition_penalty", penalty, "it is more than 0; 1 is none"
        )
        beams = self.num_beams
        require(beams is None or beams >= 2, "num_beams", beams, "it is 2 or more")
        if beams is not None and (self.temperature, self.top_k, self.top_p, self.min_p, mass) != (0, *[None] * 4):
            raise TrainError(
                "beams search the likeliest samples, and the temperature and cuts are for drawing them",
                hint="leave num_beams out, or temperature, top_k, top_p, min_p and typical_p",
                exit_code=2,
            )
        given = self.max_new_tokens
        require(given is None or given >= 1, "max_new_tokens", given, "it is 1 or more")

    @property
    def most(self) -> int | None:
        """How many of the largest logits can be chosen at most; None for all."""
        return 1 if self.temperature == 0 else self.top_k


def choose(logits: Tensor, sampling: Sampling, uniforms: Tensor) -> Tensor:
    """One id a row (B,) from logits (B, V) fp32 and numbers (B,) in [0, 1).

    The distribution is walked in order of ids, not of probability: two tokens that are all but equally likely
    cannot change places with the last bit of their logits.
    """
    if sampling.temperature == 0:
        return logits.argmax(-1)
    ids = None
    if sampling.top_k is not None and sampling.top_k < logits.shape[1]:
        logits, ids = likeliest(logits, sampling.top_k)
    shares = (logits / max(sampling.temperature, LEAST_TEMPERATURE)).softmax(-1)
    if sampling.top_p is not None and sampling.top_p < 1:
        ranked = shares.sort(-1, descending=True).values
        before = ranked.cumsum(-1) - ranked  # what the likelier ones hold
        goes = before >= sampling.top_p * ranked.sum(-1, keepdim=True)
        least = ranked.masked_fill(goes, torch.inf).amin(-1, keepdim=True)
        shares = shares.masked_fill(shares < least, 0.0)
    if sampling.min_p is not None:
        shares = shares.masked_fill(shares < sampling.min_p * shares.amax(-1, keepdim=True), 0.0)
    if sampling.typical_p is not None and sampling.typical_p < 1:
        shares = shares.masked_fill(typical(sampling.typical_p)(shares, shares.log()) == -torch.inf, 0.0)
    places = inverse_cdf(shares, uniforms[:, None])
    return (places if ids is None else ids.gather(1, places))[:, 0]


def likeliest(logits: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest logits of each row (B, V) and their ids, both (B, k), in order of ids.

    They lie in the k columns with the largest maxima, were a row written as a table: a search finds these sooner,
    unless there is one row only and it is short, where each call counts.
    """
    if len(logits) == 1 and logits.shape[1] <= SHORT:
        ids = logits.topk(k, sorted=False).indices.sort(-1).values
        return logits.gather(1, ids), ids
    V = logits.shape[1]
    height = 1 << round(math.log2(V / k) / 2)  # about as many columns as entries in k of them
    if V % height:
        logits = F.pad(logits, (0, -V % height), value=-torch.inf)
    width = logits.shape[1] // height
    columns = logits.view(len(logits), height, width).amax(1).topk(k, sorted=False).indices
    ids = (columns[:, None] + _rows(height, width, logits.device)).flatten(1)
    ids = ids.gather(1, logits.gather(1, ids).topk(k, sorted=False).indices).sort(-1).values
    return logits.gather(1, ids), ids


@functools.lru_cache(maxsize=16)
def _rows(height: int, width: int, device: torch.device) -> Tensor:
    """(height, 1) Where the rows of a table begin, were it written as one row."""
    return torch.arange(0, height * width, width, device=device)[:, None]


def inverse_cdf(shares: Tensor, uniforms: Tensor) -> Tensor:
    """Where the sums of shares (B, V) first exceed these parts (B, 1) of their total: (B, 1).

    First among blocks, then in one of them: exact sums of all would take most of the time of choosing.
    """
    # Just below the last sum at most, so that the first sum above it is one to which something was added.
    most = 1 - torch.finfo(uniforms.dtype).eps
    if shares.shape[1] <= BLOCK:  # one block
        sums = shares.cumsum(-1, dtype=uniforms.dtype)
        return torch.searchsorted(sums, uniforms.clamp_max(most) * sums[:, -1:], right=True)
    if shares.shape[1] % BLOCK:
        shares = F.pad(shares, (0, -shares.shape[1] % BLOCK))
    blocks = shares.view(len(shares), -1, BLOCK)
    sums = F.pad(blocks.sum(-1).cumsum(-1, dtype=uniforms.dtype), (1, 0))
    wanted = uniforms.clamp_max(most) * sums[:, -1:]
    at = torch.searchsorted(sums, wanted, right=True) - 1
    block = blocks.gather(1, at[:, :, None].expand(-1, -1, BLOCK))[:, 0].cumsum(-1, dtype=uniforms.dtype)
    rest = torch.minimum(wanted - sums.gather(1, at), block[:, -1:] * most)
    return at * BLOCK + torch.searchsorted(block, rest, right=True)


def repetition(penalty: float | None) -> Processor | None:
    """What makes tokens that were there before less likely; None for nothing."""
    if penalty is None or penalty == 1:
        return None
    from transformers.generation.logits_process import RepetitionPenaltyLogitsProcessor  # slow to import

    found: Processor = RepetitionPenaltyLogitsProcessor(penalty)
    return found


@functools.cache
def typical(mass: float) -> Processor:
    """What takes away the tokens that are far likelier or unlikelier than is to be expected."""
    from transformers.generation.logits_process import TypicalLogitsWarper  # slow to import

    found: Processor = TypicalLogitsWarper(mass)
    return found


def require(holds: bool, name: str, value: object, rule: str) -> None:
    """Refuse a setting that means nothing."""
    if not holds:
        raise TrainError(f"{name} = {value} means nothing", hint=rule, exit_code=2)
