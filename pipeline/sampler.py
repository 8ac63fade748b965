"""What writes samples: a model with its tokenizer and notation, read once, and each sample judged by its rules."""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pipeline.asked import NOTHING, Constraints
from pipeline.english import English
from pipeline.errors import PipelineError
from train.contract import Contract
from train.notation import Notation, Problem, load_notation

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from pipeline.constraints import Constrained
    from pipeline.surprisal import Surprisal
    from pipeline.vocabulary import Vocabulary
    from train.draw import Sampling
    from train.generate import News
    from train.model import Model, Reading

SEED = 0
GRAMMARS = "grammars"  # in a model's folder, beside its tokenizer: automata that take long to work out


@dataclass(frozen=True)
class Judged:
    """A sample as it is shown and stored."""

    index: int
    type: str
    text: str
    ended: bool
    valid: bool
    problems: list[Problem]
    n_tokens: int
    source: str | None = None  # of a model of pairs: what it is the target of
    lines: Sequence[str] = ()  # of verse
    surprisal: "Surprisal | None" = None
    english: English | None = None
    wav: str | None = None  # the file in which it is said

    def record(self) -> dict[str, Any]:
        """The sample for programs."""
        return {
            "index": self.index,
            "type": self.type,
            "text": self.text,
            "ended": self.ended,
            "valid": self.valid,
            "problems": [problem._asdict() for problem in self.problems],
            "n_tokens": self.n_tokens,
            **({"source": self.source} if self.source is not None else {}),
            **({"lines": self.lines} if len(self.lines) > 1 else {}),
            **({"surprisal": [piece._asdict() for piece in self.surprisal.tokens]} if self.surprisal else {}),
            **({"english": self.english.text} if self.english else {}),
            **({"wav": self.wav} if self.wav else {}),
        }


def read_prompt(notation: Notation, prompt: str | None, prompt_phones: str | None) -> str:
    """What the samples go on from, in the model's notation; empty for nothing.

    Raises:
        PipelineError: both are given, or there is nothing in one of them, or it breaks the notation's rules.
    """
    if prompt is not None and prompt_phones is not None:
        raise PipelineError(
            "--prompt and --prompt-phones are both given", hint="pass one: English or notation", exit_code=2
        )
    if prompt is not None:
        converted = notation.convert([prompt])[0]
        if not converted:
            raise PipelineError(
                f"nothing of the prompt {prompt!r} is left in {notation.name}", hint="pass words", exit_code=2
            )
        return converted
    given = prompt_phones or ""
    for start, end, reason in notation.problems(given) if given else ():
        raise PipelineError(
            f"--prompt-phones, character {start + 1}, {given[start:end]!r}: {reason}",
            hint='pass English to --prompt to have it converted, or see "phon check"',
            exit_code=2,
        )
    return given


@dataclass(frozen=True)
class Sampler:
    """A model folder, ready to be sampled from."""

    folder: Path
    model: "Model"
    reader: "Reading"
    contract: Contract
    tokenizer: "Tokenizer"
    notation: Notation

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read a model, onto a GPU where there is one.

        Raises:
            TrainError: what `check_model` and `read_model` refuse.
        """
        from train.export import read_model  # takes seconds
        from train.folder import check_model

        check_model(folder)
        return cls.of(folder, *read_model(folder))

    @classmethod
    def of(cls, folder: Path, model: "Model", contract: Contract, tokenizer: "Tokenizer") -> Self:
        """That of a model which was read already, moved onto a GPU where there is one."""
        import torch  # takes seconds

        notation = load_notation(contract.notation)
        if torch.cuda.is_available():
            model.to("cuda", torch.bfloat16 if torch.cuda.is_bf16_supported(False) else torch.float32)
        return cls(folder, model, model.reader(), contract, tokenizer, notation)

    @functools.cached_property
    def vocabulary(self) -> "Vocabulary":
        """What its tokens stand for."""
        from pipeline.vocabulary import Vocabulary

        return Vocabulary.of(self.tokenizer, self.contract)

    def samples(
        self,
        *,
        n: int,
        first: int = 0,
        sampling: "Sampling",
        seed: int = SEED,
        type_name: str | None = None,
        prompt: str | None = None,
        prompt_phones: str | None = None,
        sources: Iterable[str] | None = None,
        batch_size: int | None = None,
        valid: bool | None = None,
        constraints: Constraints = NOTHING,
        explain: bool = False,
        held: "Constrained | None" = None,
        watch: "Callable[[News], None] | None" = None,
    ) -> tuple[str, Iterator[Judged]]:
        """The prompt in the model's notation, and the samples one after the other. All is checked before the first.

        Args:
            n: How many; of each source, where there are sources.
            first: The index of the first of them that is made.
            sources: Lines for a model of pairs to write targets for.
            valid: Whether they keep to the notation's grammar; None for wherever there is one.
            constraints: What else they keep to.
            explain: Whether to measure their surprisal.
            held: What `valid` and `constraints` come to, worked out already.
            watch: Hears of tokens as they are chosen; what it raises ends the sampling.

        Raises:
            PipelineError, TrainError: what `read_prompt` and `generate` refuse.
        """
        from pipeline.answers import encode_sources, read_sources
        from pipeline.constraints import Constrained
        from pipeline.surprisal import Meter
        from train.generate import generate
        from train.score import judge

        contract, tokenizer, notation = self.contract, self.tokenizer, self.notation
        read = None if sources is None else read_sources(sources, contract, "--source")
        asked = [line for line in read or () for _ in range(n)]
        text = read_prompt(notation, prompt, prompt_phones)
        prompt_ids = tokenizer.encode(text, add_special_tokens=False).ids
        if held is None and (valid is not False or constraints.asked()):
            held = Constrained(notation, constraints, grammar=valid is not False, cache=self.folder / GRAMMARS)
        if valid and held and held.is_free:
            raise PipelineError(f"{notation.name} has no grammar", hint="leave --valid out", exit_code=2)
        guide = held.guide(self.vocabulary, text) if held else None
        encoded = encode_sources(self.folder, asked, contract) if asked else None
        meter = Meter(self.model, contract, self.vocabulary.tokens, notation.symbols) if explain else None
        made = generate(
            self.reader,
            contract,
            n=len(asked) or n,
            first=first,
            types=None if type_name is None else [type_name],
            prompt_ids=prompt_ids,
            sources=encoded,
            sampling=sampling,
            seed=seed,
            batch_size=batch_size,
            guide=guide,
            watch=watch,
        )

        def judged() -> Iterator[Judged]:
            for sample in made:
                text = sample.text(tokenizer)
                valid, problems = judge(notation, text, sample.ended)
                n_tokens = len(sample.ids) - len(prompt_ids) + sample.ended
                given = asked[sample.index] if asked else None
                lines = held.lines_of(text) if held and sample.ended else [text]
                bits = meter.measure(sample, encoded[sample.index] if encoded else None) if meter else None
                yield Judged(
                    sample.index, sample.type, text, sample.ended, valid, problems, n_tokens, given, lines, bits
                )

        return text, judged()
