"""A model that writes on request: a wish in; out come tokens as they are chosen, then samples, also in English."""

import codecs
import re
import secrets
import shlex
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from pipeline.compiler import Compiler
from pipeline.errors import PipelineError
from pipeline.messages import LARGEST_SEED, Done, Event, Piece, Start, Tokens, Wish, Written, Wrong
from pipeline.sampler import GRAMMARS, Judged, Sampler
from pipeline.spell import Spellers

if TYPE_CHECKING:
    from train.generate import News, Sampling

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
        spellers: What spells phones; None where the notation has none.
    """

    def __init__(self, sampler: Sampler, run: str, spellers: Spellers | None) -> None:
        from pipeline.bpe import byte_characters

        self.sampler = sampler
        self._run = run
        self._spellers = spellers if getattr(sampler.notation, "form", "") else None
        self._compiler = Compiler(sampler.notation, sampler.folder / GRAMMARS)
        byte_of = {character: byte for byte, character in enumerate(byte_characters())}
        special = sampler.contract.special_ids()
        self._bytes = {
            number: bytes(byte_of[mark] for mark in text)
            for text, number in sampler.tokenizer.get_vocab(with_added_tokens=True).items()
            if number not in special and all(mark in byte_of for mark in text)
        }
        symbols = sorted(sampler.notation.symbols, key=len, reverse=True)
        self._symbol = re.compile("|".join([*map(re.escape, symbols), "."]), re.DOTALL)

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
            self.english("hA0lo1")

    def write(self, wish: Wish, listener: Listener, *, tokens: bool) -> None:
        """Tell the start, each sample, and the end.

        Args:
            tokens: Whether tokens are told before their sample is whole.

        Raises:
            PipelineError, TrainError, PhoneticError: the wish cannot be.
        """
        started = time.monotonic()
        seed = secrets.randbelow(LARGEST_SEED + 1) if wish.seed is None else wish.seed
        tally = Tally(self._piece, listener, tokens)
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
            held=held,
            watch=tally.add,
        )
        listener.tell(Start(prompt=prompt, seed=seed))
        n_valid = n_tokens = 0
        for sample in made:
            tally.flush()
            listener.tell(self._written(sample, tally.pieces.pop(sample.index, [])))
            listener.check()
            n_valid += sample.valid
            n_tokens += sample.n_tokens
        seconds = time.monotonic() - started
        command = self._command(wish, seed)
        listener.tell(Done(valid=n_valid, n_tokens=n_tokens, seconds=round(seconds, 3), command=command))

    def english(self, text: str) -> str | None:
        """What phones read as; None for what is none."""
        from phonetic.forms import read_phones

        if self._spellers is None:
            return None
        phones, problems = read_phones(text, self.sampler.notation.form)  # type: ignore[attr-defined]
        return None if problems or not text else self._spellers(phones.stress).spell([phones.line])[0]

    def _written(self, sample: Judged, pieces: Sequence[Piece]) -> Written:
        lines = [*(sample.lines or [sample.text])]
        english = [self.english(line) for line in lines]
        return Written(
            index=sample.index,
            type=sample.type,
            text=sample.text,
            lines=lines,
            english=None if None in english else "\n".join(map(str, english)),
            ended=sample.ended,
            valid=sample.valid,
            problems=[Wrong(start=start, end=end, reason=reason) for start, end, reason in sample.problems],
            n_tokens=sample.n_tokens,
            pieces=[*pieces],
        )

    def _piece(self, token: int, bits: float, decode: Callable[[bytes], str]) -> Piece | None:
        """A token for reading; None if it stands for no text."""
        data = self._bytes.get(token)
        if data is None:
            return None
        text = decode(data)
        n_symbols = len(self._symbol.findall(text)) or 1
        return Piece(text=text, bits=round(max(0.0, bits), 2), bits_a_symbol=round(max(0.0, bits) / n_symbols, 2))

    def _sampling(self, wish: Wish) -> "Sampling":
        from train.generate import Sampling

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


class Tally:
    """The pieces of each sample so far, told to a listener every now and then."""

    def __init__(
        self, make: Callable[[int, float, Callable[[bytes], str]], Piece | None], listener: Listener, tokens: bool
    ) -> None:
        self.pieces: dict[int, list[Piece]] = {}
        self._new: dict[int, list[Piece]] = {}
        self._decoders: dict[int, Callable[[bytes], str]] = {}
        self._make = make
        self._listener = listener
        self._tokens = tokens
        self._next = 0.0

    def add(self, news: "News") -> None:
        """Take what was chosen."""
        self._listener.check()
        for index, ids, bits in news:
            decode = self._decoders.get(index)
            if decode is None:
                decode = self._decoders[index] = codecs.getincrementaldecoder("utf-8")("replace").decode
            made = (self._make(token, its_bits, decode) for token, its_bits in zip(ids, bits, strict=True))
            new = [piece for piece in made if piece]
            self.pieces.setdefault(index, []).extend(new)
            self._new.setdefault(index, []).extend(new)
        if time.monotonic() >= self._next:
            self.flush()

    def flush(self) -> None:
        """Tell what was not told yet."""
        if self._tokens:
            for index, pieces in self._new.items():
                self._listener.tell(Tokens(index=index, pieces=pieces))
        self._new = {}
        self._next = time.monotonic() + TELL_S
