"""Which model, on which machine, in which time: shapes that fit, each with its memory, time and expected loss."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from train import laws, scaling
from train.advice import USUAL, width_for
from train.choose import WEIGHTS_PER_TOKEN, share_out
from train.config import Config
from train.errors import TrainError
from train.families import shape_of
from train.memory import Memory, Step, knows, step_memory, step_of
from train.model import Shape
from train.pace import Place

WIDTHS = (64, 96, 128, 192, 256, 320, 384, 448, 512, 576, 640, 768, 896, 1024, 1152, 1280, 1408, 1600, 1792, 2048, 2560)
MOST_LAYERS = 96
FOLLOW = ("n_inner", "head_width", "n_kv_head")  # sizes that follow from the width unless they are set
MOST_PASSES = 16  # a token of the last is worth a third of a fresh one; the sum grows by little more


@dataclass(frozen=True)
class Corpus:
    """What there is to learn from.

    Args:
        tokens: Of the training split; none where no corpus is there: then there is always fresh text.
        filled: Share of the rows' room that is learnt from; the rest is computed too.
    """

    tokens: int | None
    vocab_size: int
    seq_len: int
    shared: bool = False  # a row holds several documents
    filled: float = 1.0

    def flops(self, shape: Shape) -> float:
        """Operations for a token that is learnt from."""
        return shape.flops_per_token / self.filled


@dataclass(frozen=True)
class Option:
    """A model, how it would be trained, and what comes of it.

    Args:
        tokens: Trained on, over all passes.
        batch: Tokens a step.
        seconds: At best and at worst.
    """

    shape: Shape
    how: Step
    memory: Memory
    tokens: float
    epochs: float
    unique: float
    batch: int
    seconds: tuple[float, float]
    expected: scaling.Expected

    @property
    def bare(self) -> int:
        """Weights without embeddings."""
        return self.shape.n_parameters - self.shape.n_embeddings


def search(config: Config, corpus: Corpus, place: Place, budget_s: float | None, top: int) -> list[Option]:
    """The shapes of the config's family that fit, those of least expected loss first.

    Raises:
        TrainError: none fits, or the family has no closed form of its memory.
    """
    shapes = list(candidates(config, corpus))
    if corpus.tokens is not None:
        bearable = [s for s in shapes if s.n_parameters - s.n_embeddings <= WEIGHTS_PER_TOKEN * corpus.tokens]
        shapes = bearable or [min(shapes, key=lambda shape: shape.n_parameters)]
    # In the order of what is to be expected if all fits; the memory of a few is worked out only.
    guesses = sorted(shapes, key=lambda shape: promise(shape, config, corpus, place, budget_s))
    found: list[Option] = []
    for shape in guesses:
        option = consider(shape, config, corpus, place, budget_s)
        found += [option] if option else []
        if len(found) == top:
            break
    if not found:
        raise TrainError(
            f"no model fits {place.memory / 2**30:.1f} GiB with rows of {corpus.seq_len} tokens",
            hint="pass --gpu with more memory, or data.seq_len=256",
        )
    return sorted(found, key=lambda option: worth_first(option.expected, option.seconds[1]))


def worth_first(expected: scaling.Expected, seconds: float) -> tuple[float, float]:
    """What options are ordered by: a law sees weights alone; of two about as good, the faster comes first."""
    return round(expected.loss, 2), seconds


def promise(shape: Shape, config: Config, corpus: Corpus, place: Place, budget_s: float | None) -> tuple[float, float]:
    """The order of a shape before its memory is known."""
    rate = math.sqrt(math.prod(place.rates(shape)))
    tokens, unique = spend(shape, config, corpus, None if budget_s is None else budget_s * rate / corpus.flops(shape))
    bare = shape.n_parameters - shape.n_embeddings
    seconds = tokens * corpus.flops(shape) / rate
    return worth_first(scaling.expect(shape.n_parameters, bare, unique, tokens / unique), seconds)


def candidates(config: Config, corpus: Corpus) -> Iterator[Shape]:
    """Shapes from wide to deep around the depth that Levine's law asks for, with heads of the usual width."""
    for width in WIDTHS:
        levine = (math.log(width) - math.log(width_for(0))) / 0.0555
        for layers in sorted(
            {max(2, min(MOST_LAYERS, round(part * max(levine, width / 64)))) for part in (0.5, 0.75, 1)}
        ):
            yield reshape(config, corpus, layers, max(1, width // (USUAL if width >= 256 else USUAL // 2)), width)


def reshape(config: Config, corpus: Corpus, n_layer: int, n_head: int, n_embd: int) -> Shape:
    """The config's model with other sizes.

    Raises:
        TrainError: they do not go together, or the family's sizes go by other names.
    """
    if config.model.family == "transformers":
        raise TrainError(
            f"plan cannot change the sizes of a {config.model.family} model, which each architecture names its own way",
            hint="pass a config of the family gpt2 or decoder",
        )
    sizes: dict[str, int | None] = {"model.n_layer": n_layer, "model.n_head": n_head, "model.n_embd": n_embd}
    if n_embd != config.model.n_embd:
        sizes |= {f"model.{key}": None for key in FOLLOW if key in type(config.model).model_fields}
    shape = shape_of(config.with_values(sizes), corpus.vocab_size, corpus.seq_len)
    if not knows(shape):
        raise TrainError("plan knows no memory of a model with an encoder", hint="pass --config gpt2, small or modern")
    return shape


def consider(shape: Shape, config: Config, corpus: Corpus, place: Place, budget_s: float | None) -> Option | None:
    """A shape as it would be trained there; None if nothing makes it fit."""
    rate = math.sqrt(math.prod(place.rates(shape)))
    affordable = None if budget_s is None else budget_s * rate / corpus.flops(shape)
    tokens, unique = spend(shape, config, corpus, affordable)
    rows = max(1, place.most_rows(corpus.seq_len))
    for checkpointing, optimizer in (
        (False, config.optim.name), (True, config.optim.name), (False, "muon"), (True, "muon"),
    ):  # fmt: skip
        kind = config.with_values({"data.seq_len": corpus.seq_len, "optim.name": optimizer})
        slow = 4 / 3 if checkpointing else 1.0
        spent, passes = tokens / (slow if affordable else 1), 1.0
        passes = spent / unique
        batch = laws.batch(shape, spent).value if config.train.global_batch == "auto" else config.train.global_batch
        for limit in halved(rows):
            micro, per_step = share_out(float(batch), corpus.seq_len, limit, 1)
            how = step_of(
                kind, shape, micro, per_step // micro, low=place.low, on_cpu=not place.on_gpu, masks=corpus.shared,
                checkpointing=checkpointing,
            )  # fmt: skip
            memory = step_memory(shape, how)
            if memory.peak <= place.memory:
                slowest, fastest = (spent * corpus.flops(shape) * slow / rate for rate in place.rates(shape))
                bare = shape.n_parameters - shape.n_embeddings
                return Option(
                    shape, how, memory, spent, passes, unique, per_step * corpus.seq_len, (fastest, slowest),
                    scaling.expect(shape.n_parameters, bare, unique, passes),
                )  # fmt: skip
    return None


def spend(shape: Shape, config: Config, corpus: Corpus, affordable: float | None) -> tuple[float, float]:
    """Tokens to train on, and how many of them are different."""
    if corpus.tokens is None:
        tokens = affordable or scaling.BESIROGLU.optimum(6 * 20 * shape.n_parameters**2)[1]
        return tokens, tokens
    if affordable is not None:
        passes = laws.FREE_EPOCHS if is_little(corpus.tokens) else MOST_PASSES
        return min(affordable, passes * corpus.tokens), corpus.tokens
    if config.train.epochs:
        return config.train.epochs * corpus.tokens, corpus.tokens
    steps = config.train.max_steps or 1
    a_step = config.train.global_batch
    return steps * (laws.batch_for_steps(shape, steps).value if a_step == "auto" else a_step), corpus.tokens


def is_little(tokens: int) -> bool:
    """Whether a corpus is smaller than what any law was fitted on, however often it is read."""
    return MOST_PASSES * tokens < scaling.LEAST_TOKENS


def halved(rows: int) -> Iterator[int]:
    """The largest power of two up to `rows`, and its halves down to 1."""
    rows = 2 ** int(math.log2(rows))
    while rows:
        yield rows
        rows //= 2
