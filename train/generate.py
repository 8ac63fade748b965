"""Samples of a model: batched, with a cache of keys and values, and the same whatever batch a sample is in.

A sample starts with the opening that its type's training documents started with; there is no other way to start.
Its randomness is a stream of its own, keyed by seed and index. Each number of it picks the next token by the inverse
of the cumulative distribution, so the other rows of the batch have no part in it beyond the last bits of a sum.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from train.contract import Contract
from train.draw import Sampling, choose, repetition, require
from train.errors import TrainError
from train.model import Reading, Shape
from train.pairs import filled_up

TOKENS, TYPES = 0, 1  # the streams of a sample
LARGEST_BATCH = 64
CACHE_BYTES = 2**30  # the cache that a batch chosen by itself may take

Numbers = np.ndarray[Any, np.dtype[np.float64]]
News = list[tuple[int, list[int]]]  # of each sample that goes on: its index, and its newest ids up to its end


@dataclass(frozen=True)
class Sample:
    """What was sampled.

    Args:
        ids: The prompt and what followed, without opening and end.
        ended: By `<|eos|>`, not by the limit.
        index: With `seed` it names the random stream.
    """

    ids: list[int]
    ended: bool
    type: str
    seed: int
    index: int

    def text(self, tokenizer: Tokenizer) -> str:
        """The sample as it is read."""
        decoded: str = tokenizer.decode(self.ids, skip_special_tokens=True)
        return decoded.strip(" ")


class Guide(Protocol):
    """What keeps samples to a grammar, and able to end within the tokens that are left.

    The states of a batch are its own affair: a list or a tensor with one for each line.

    Attributes:
        least: Tokens after the prompt that the shortest takes, with its end.
    """

    least: int

    def begin(self, n: int, device: torch.device) -> Any:
        """The states of `n` samples that have their prompt."""
        ...

    def mask(self, logits: Tensor, states: Any, left: int) -> None:
        """Take from `logits` (B, V or more) all that may not come, with `left` tokens after it."""
        ...

    def follow(self, states: Any, chosen: Tensor) -> Any:
        """The states after these tokens, which came."""
        ...


def generate(
    model: Reading,
    contract: Contract,
    *,
    n: int,
    first: int = 0,
    types: Sequence[str] | None = None,
    prompt_ids: Sequence[int] = (),
    sources: Sequence[Sequence[int]] | None = None,
    sampling: Sampling | None = None,
    seed: int = 0,
    batch_size: int | None = None,
    guide: Guide | None = None,
    watch: Callable[[News], None] | None = None,
) -> Iterator[Sample]:
    """Samples `first` to `n` in order of index, each as soon as it and those before it are done.

    Args:
        first: The index of the first that is wanted; the first batch begins with it.
        types: Sample i is of type `types[i % len(types)]`; None draws them as often as the corpus has them.
        prompt_ids: What each goes on from, after its opening.
        sources: What an encoder reads, each with its end: sample i is of `sources[i % len(sources)]`.
        sampling: The defaults of `Sampling` if None.
        batch_size: Samples at a time; None for as many as a cache of 1 GiB holds, 64 at most.
        guide: What keeps them valid; None for nothing.
        watch: Hears of tokens as they are chosen; what it raises ends the sampling.

    Raises:
        TrainError: unknown type, a prompt longer than the context, a limit beyond it, or a setting that means nothing.
    """
    sampling = sampling or Sampling()
    require(n >= 1, "n", n, "it is 1 or more")
    require(0 <= first <= n, "first", first, "it is 0 to n")
    require(seed >= 0, "seed", seed, "it is 0 or more")
    require_sources(model.shape, sources)
    require(batch_size is None or batch_size >= 1, "batch_size", batch_size, "it is 1 or more")
    possible = set(types) if types else {name for name, documents in contract.documents.items() if documents}
    prefixes = {name: [*contract.opening(name), *prompt_ids] for name in sorted(possible)}
    limits = {name: limit(model.shape, prefixes[name], len(prompt_ids), sampling.max_new_tokens) for name in prefixes}
    if guide is not None and guide.least > min(limits.values()):
        raise TrainError(
            f"the shortest valid sample takes {guide.least} tokens, and there is room for {min(limits.values())}",
            hint="raise max_new_tokens, shorten the prompt, or ask for less",
            exit_code=2,
        )
    size = batch_size or fitting_batch(model.shape)

    def samples() -> Iterator[Sample]:
        done: dict[int, Sample] = {}
        following = first
        for chunk in (range(start, min(start + size, n)) for start in range(first, n, size)):
            kinds = [types[i % len(types)] for i in chunk] if types else draw_types(contract, chunk, seed)
            names = dict(zip(chunk, kinds, strict=True))
            for indices in alike({i: len(prefixes[name]) for i, name in names.items()}):
                rows = [prefixes[names[i]] for i in indices]
                uniforms = np.stack([stream(seed, i, TOKENS, limits[names[i]]) for i in indices])
                of = [sources[i % len(sources)] for i in indices] if sources else None

                def tell(news: News, indices: Sequence[int] = indices) -> None:
                    assert watch is not None
                    watch([(indices[row], ids) for row, ids in news])

                follow = tell if watch is not None else None
                for row, new, ended in read_batch(model, contract, rows, sampling, uniforms, of, guide, follow):
                    i = indices[row]
                    done[i] = Sample([*prompt_ids, *new], ended, names[i], seed, i)
                    while following in done:
                        yield done.pop(following)
                        following += 1

    if sampling.num_beams is None:
        return samples()
    from train.beams import Asked, likeliest_samples  # transformers' generation is slow to import

    kinds = [types[i % len(types)] for i in range(n)] if types else draw_types(contract, range(n), seed)
    asked = [Asked(kind, tuple(sources[i % len(sources)]) if sources else ()) for i, kind in enumerate(kinds)]
    found = likeliest_samples(model, contract, asked, prefixes, limits, sampling, guide)
    return (Sample([*prompt_ids, *new], ended, kinds[i], seed, i) for i, (new, ended) in enumerate(found) if i >= first)


def require_sources(shape: Shape, sources: Sequence[Sequence[int]] | None) -> None:
    """Refuse a model without what it reads, or sources that it cannot read.

    Raises:
        TrainError: there are none for an encoder, or some and no encoder, or one is too long.
    """
    if shape.has_encoder != bool(sources):
        raise TrainError(
            "this model writes a target for each source, and none is given"
            if shape.has_encoder
            else "this model has no encoder to read sources",
            hint="pass --source FILE, or --source - for standard input" if shape.has_encoder else "leave --source out",
            exit_code=2,
        )
    longest = max(map(len, sources or ()), default=0)
    if longest > shape.seq_len:
        raise TrainError(
            f"a source has {longest} tokens with its end; the model reads {shape.seq_len}", hint="shorten it, or cut it"
        )


def limit(shape: Shape, prefix: Sequence[int], n_prompt: int, wanted: int | None) -> int:
    """Tokens to sample after `prefix` at most: as many as wanted, or as fit.

    Raises:
        TrainError: none does, or not as many as wanted.
    """
    room = shape.seq_len - len(prefix)
    if room < 1:
        raise TrainError(
            f"the prompt has {n_prompt} tokens, with its opening {len(prefix)}; the model's context has "
            f"{shape.seq_len}, and one at least must be left",
            hint=f"shorten the prompt to {max(0, n_prompt + room - 1)} tokens or fewer",
        )
    if wanted is not None and wanted > room:
        raise TrainError(
            f"max_new_tokens = {wanted}, but of the context of {shape.seq_len} tokens the opening and prompt take "
            f"{len(prefix)}",
            hint=f"pass {room} or fewer",
        )
    return wanted or room


def stream(seed: int, index: int, purpose: int, n: int) -> Numbers:
    """The first `n` of a sample's own random numbers in [0, 1).

    From the raw bits, which numpy keeps the same in every version; its own floats it may change.
    """
    bits = np.random.Philox(np.random.SeedSequence(seed, spawn_key=(index, purpose))).random_raw(n)
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def draw_types(contract: Contract, indices: Iterable[int], seed: int) -> list[str]:
    """A type for each sample, each type as often as the training documents have it."""
    names = sorted(contract.documents)
    bounds = np.cumsum([contract.documents[name] for name in names])
    drawn = [stream(seed, i, TYPES, 1)[0] * bounds[-1] for i in indices]
    return [names[place] for place in np.searchsorted(bounds, drawn, side="right")]


def fitting_batch(shape: Shape) -> int:
    """Samples at a time whose cache stays within `CACHE_BYTES`, in fp32."""
    return max(1, min(LARGEST_BATCH, CACHE_BYTES // (4 * shape.cached)))


def alike(lengths: Mapping[int, int]) -> Iterator[list[int]]:
    """Those of one length together, the shortest first."""
    for length in sorted(set(lengths.values())):
        yield [i for i in lengths if lengths[i] == length]


@torch.inference_mode()
def read_batch(
    model: Reading,
    contract: Contract,
    prefixes: Sequence[Sequence[int]],
    sampling: Sampling,
    uniforms: Numbers,
    sources: Sequence[Sequence[int]] | None = None,
    guide: Guide | None = None,
    watch: Callable[[News], None] | None = None,
) -> Iterator[tuple[int, list[int], bool]]:
    """Go on from `prefixes`, all equally long: row, its new ids without the end, and whether it ended; when it does.

    Args:
        uniforms: (B, limit) random numbers, one a token.
        sources: What an encoder reads, for each row.
        watch: As that of `generate`, of rows.
    """
    device = model.device
    limit = uniforms.shape[1]
    numbers = torch.from_numpy(uniforms).to(device, exact(device))
    never = torch.tensor(sorted(contract.special_ids() - {contract.eos}), device=device)
    tokens = torch.tensor(prefixes, device=device)  # (B, T)
    given = None
    if sources is not None:
        arrays = filled_up([np.array(ids, np.int64) for ids in sources], contract.pad)
        given = torch.from_numpy(arrays).to(device)
    cache = model.start(len(prefixes), tokens.shape[1] + limit - 1, given)
    states: Any = guide.begin(len(prefixes), device) if guide else None
    penalise = repetition(sampling.repetition_penalty)
    most = sampling.most if len(prefixes) == 1 and not penalise else None
    read = tokens  # all that was there before, for each line, where that matters
    running = list(range(len(prefixes)))  # the row that each line of the batch is; -1 once it has ended
    written: list[list[int]] = [[] for _ in running]
    look = 16 if device.type == "cuda" else 1  # a look at the tokens makes the host wait for the GPU
    # Leaving costs a copy of the cache, about a step, and on a GPU recorded steps, where fewer rows are hardly faster.
    share = 0.5 if device.type == "cuda" else 0.75
    fresh: list[Tensor] = []  # chosen since the last look

    def mask(logits: Tensor) -> None:
        """Leave what may come next."""
        if guide:
            guide.mask(logits, states, limit - step - 1)
            return
        if logits.shape[1] > contract.vocab_size:
            logits[:, contract.vocab_size :] = -torch.inf
        logits.index_fill_(1, never, -torch.inf)

    for step in range(limit):
        if most is not None:
            logits, ids = model.largest(tokens, cache, most, mask)
        else:
            logits, ids = model.read(tokens, cache).float(), None
            if penalise:
                logits = penalise(read, logits)
            mask(logits)
        chosen = choose(logits, sampling, numbers[:, step])
        if ids is not None:
            chosen = ids[0, chosen]
        if guide:
            states = guide.follow(states, chosen)
        tokens = chosen[:, None]
        if penalise:
            read = torch.cat([read, tokens], 1)
        if look > 1:
            fresh.append(tokens)
            if step % look < look - 1 and step < limit - 1:
                continue
        news = (torch.cat(fresh, 1) if fresh else tokens).tolist()
        fresh.clear()
        ended = []
        for line, new in enumerate(news):
            if running[line] < 0:
                continue
            if contract.eos in new:
                del new[new.index(contract.eos) + 1 :]
                ended.append(line)
            written[line] += new
        if watch:
            watch([(row, new) for row, new in zip(running, news, strict=True) if row >= 0])
        if not ended:
            continue
        for line in ended:
            yield running[line], written[line][:-1], True
            running[line] = -1
        lines = [line for line, row in enumerate(running) if row >= 0]
        if not lines:
            return
        if len(lines) <= share * len(running):
            kept = torch.tensor(lines, device=device)
            cache.keep(kept)
            tokens, read, numbers = tokens[kept], read[kept], numbers[kept]
            states = of_lines(states, lines) if guide else None
            running, written = [running[line] for line in lines], [written[line] for line in lines]
    for line, row in enumerate(running):
        if row >= 0:
            yield row, written[line], False


def of_lines(states: Any, lines: Sequence[int]) -> Any:
    """A guide's states of some lines."""
    return [states[line] for line in lines] if isinstance(states, list) else states[lines]


def exact(device: torch.device) -> torch.dtype:
    """The most exact floating-point type of a device."""
    return torch.float32 if device.type == "mps" else torch.float64
