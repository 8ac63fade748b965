"""A model that writes on request: a wish in; out come tokens as they are chosen, then samples, also in English."""

import codecs
import contextlib
import secrets
import shlex
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from pipeline.compiler import Compiler
from pipeline.english import Phones, Spell, saying, spelling
from pipeline.errors import PipelineError
from pipeline.messages import LARGEST_SEED, Done, Event, Piece, Start, Tokens, Wish, Written, Wrong
from pipeline.sampler import GRAMMARS, Judged, Sampler
from train.workspace import Workspace

if TYPE_CHECKING:
    from pipeline.surprisal import Piece as Measured
    from train.draw import Sampling
    from train.generate import News

TELL_S = 0.05  # between two events that tell tokens


class Listener(Protocol):
    """Who waits for what is written."""

    def tell(self, event: Event | None) -> None:
        """Hear an event."""
        ...

    def check(self) -> None:
        """Raise something if it is not wanted any more."""
        ...


class Writer:
    """A model at work, one wish at a time. Close it.

    Args:
        run: What `phon generate --run` would call the model.
        workspace: As whose corpus samples are spelled.
    """

    def __init__(self, sampler: Sampler, run: str, workspace: Workspace) -> None:
        self.sampler = sampler
        self._run = run
        self._spell: Spell | None = None
        self._phones: Phones | None = None
        with contextlib.suppress(PipelineError):  # a notation that is no way of writing English
            self._spell, self._phones = spelling(sampler.notation, workspace), saying(sampler.notation)
        self._compiler = Compiler(sampler.notation, sampler.folder / GRAMMARS)
        self._bytes = sampler.vocabulary.tokens

    def close(self) -> None:
        """End what was started."""
        self._compiler.close()

    def warm(self) -> None:
        """Do once what is slow the first time."""
        notation = self.sampler.notation
        notation.convert(["A first line."])
        if self.sampler.contract.pairs is None:
            self._compiler.start()
            for _ in self.sampler.samples(n=1, sampling=self._sampling(Wish(max_new_tokens=8)))[1]:
                pass
            self.english(notation.convert(["hello"])[0])

    def write(self, wish: Wish, listener: Listener, *, tokens: bool) -> None:
        """Tell the start, each sample, and the end.

        Args:
            tokens: Whether tokens are told before their sample is whole.

        Raises:
            PipelineError, TrainError, PhoneticError: the wish cannot be.
        """
        started = time.monotonic()
        seed = secrets.randbelow(LARGEST_SEED + 1) if wish.seed is None else wish.seed
        tally = Tally(self._bytes, listener, tokens)
        constraints = wish.constraints
        held = None
        if wish.valid is not False or constraints.asked():
            grammar = wish.valid is not False
            held = self._compiler.constrained(constraints, grammar=grammar, check=listener.check)
        if self.sampler.contract.pairs is None and wish.source:
            raise PipelineError("this model reads no source", hint="leave source out, or give a prompt")
        prompt, made = self.sampler.samples(
            n=wish.n,
            sampling=self._sampling(wish),
            seed=seed,
            type_name=wish.type or None,
            prompt=wish.prompt if wish.prompt.strip() else None,
            prompt_phones=wish.prompt_phones or None,
            sources=[wish.source] if wish.source.strip() else None,
            batch_size=wish.n,
            valid=wish.valid,
            constraints=constraints,
            explain=True,
            held=held,
            watch=tally.add,
        )
        listener.tell(Start(prompt=prompt, seed=seed))
        n_valid = n_tokens = 0
        for sample in made:
            tally.flush()
            listener.tell(self._written(sample))
            listener.check()
            n_valid += sample.valid
            n_tokens += sample.n_tokens
        seconds = time.monotonic() - started
        command = self._command(wish, seed)
        listener.tell(Done(valid=n_valid, n_tokens=n_tokens, seconds=round(seconds, 3), command=command))

    def english(self, text: str) -> str | None:
        """What a sample reads as; None where that cannot be told."""
        return self._spell(text).text if self._spell else None

    def phones(self, text: str) -> str:
        """A sample as compact phones, to be said; empty where that cannot be told."""
        return self._phones(text) if self._phones else ""

    def _written(self, sample: Judged) -> Written:
        lines = [*(sample.lines or [sample.text])]
        english = [self.english(line) for line in lines]
        measured = sample.surprisal
        return Written(
            index=sample.index,
            type=sample.type,
            text=sample.text,
            lines=lines,
            english=None if None in english else "\n".join(map(str, english)),
            ended=sample.ended,
            valid=sample.valid,
            problems=[Wrong(**problem._asdict()) for problem in sample.problems],
            n_tokens=sample.n_tokens,
            tokens=pieces(measured.tokens) if measured else [],
            symbols=pieces(measured.symbols) if measured else [],
        )

    def _sampling(self, wish: Wish) -> "Sampling":
        from train.draw import Sampling

        return Sampling(wish.temperature, wish.top_k, wish.top_p, wish.min_p, wish.max_new_tokens)

    def _command(self, wish: Wish, seed: int) -> str:
        """What makes the same samples on the command line; empty if a file would be needed."""
        if wish.source or wish.avoid:
            return ""
        words = ["phon", "generate", "--run", self._run, "--seed", str(seed)]
        for name in ("n", "type", "temperature", "top_k", "top_p", "min_p", "max_new_tokens", "prompt_phones"):
            value = getattr(wish, name)
            if value not in ("", None):
                words += [f"--{name.replace('_', '-')}", str(value)]
        if wish.prompt.strip():
            words += ["--prompt", wish.prompt]
        for name, asked in wish.constraints.asked().items():
            given = [] if asked is True else [",".join(map(str, asked)) if isinstance(asked, tuple) else str(asked)]
            words += [f"--{name.replace('_', '-')}", *given]
        words += {None: [], True: ["--valid"], False: ["--no-valid"]}[wish.valid]
        return shlex.join(words)


def pieces(measured: "Iterable[Measured]") -> list[Piece]:
    """Surprisals, as messages have them."""
    return [Piece(start=start, end=end, bits=round(bits, 2)) for start, end, bits in measured]


class Tally:
    """What was written of each sample since a listener was told last, which is every now and then."""

    def __init__(self, tokens: Mapping[int, bytes], listener: Listener, tells: bool) -> None:
        self._bytes = tokens
        self._listener = listener
        self._tells = tells
        self._new: dict[int, str] = {}
        self._decoders: dict[int, Callable[[bytes], str]] = {}
        self._next = 0.0

    def add(self, news: "News") -> None:
        """Take what was chosen."""
        self._listener.check()
        for index, ids in news:
            decode = self._decoders.get(index)
            if decode is None:
                decode = self._decoders[index] = codecs.getincrementaldecoder("utf-8")("replace").decode
            text = decode(b"".join(self._bytes.get(token, b"") for token in ids))
            self._new[index] = self._new.get(index, "") + text
        if time.monotonic() >= self._next:
            self.flush()

    def flush(self) -> None:
        """Tell what was not told yet."""
        if self._tells:
            for index, text in self._new.items():
                self._listener.tell(Tokens(index=index, text=text))
        self._new = {}
        self._next = time.monotonic() + TELL_S
