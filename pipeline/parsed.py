"""Samples of grammars that no finite automaton is enough for: llguidance parses them while they are written.

It tells what may come next, not how much must come. So an ending is looked for ahead of the limit: where there is
just room for the one that was found, a token may come if an ending as short is found after it, or goes on with it.
"""

import heapq
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline.automaton import BYTES, DEAD
from pipeline.errors import PipelineError
from pipeline.guide import Guide
from pipeline.vocabulary import Vocabulary

ENDED = -1
RISE = 8  # tokens that an ending may grow by with each token; with the whole of a text it may grow too, once more
TRIED = 8  # of the likeliest tokens that might be too much, where there is little room
LENGTHS = 64, 512  # bytes of an ending that is looked for
LOOKS = 2000  # at beginnings of one
CLOSING = b"}])>.;,:!?0123456789 \n"  # what rather ends a text, first
OPENING = b"([{<-+"
QUOTES = b"\"'"
BEGIN = (b"", b"{", b"[", b"(", b"<", b",", b":", b" ", b"\n")


@dataclass
class Written:
    """A sample so far.

    Args:
        matcher: What llguidance knows of it.
        state: Its state in the automaton, if there is one besides.
        ending: Tokens known to end it; None if none are.
        unseen: Tokens that may come before an ending is looked for again.
    """

    matcher: Any
    state: int
    ending: list[int] | None
    unseen: int = 0


class Parsed:
    """Keeps samples to a grammar as llguidance reads it, and to an automaton if one is given.

    Args:
        grammar: As `lark_grammar` and `json_grammar` give it.
        prompt: What all samples begin with.
        beside: What keeps them to the automaton.

    Raises:
        PipelineError: the grammar is none, or nothing valid begins so.

    Attributes:
        least: Tokens of the shortest ending that was found after the prompt, with its end.
    """

    def __init__(self, grammar: str, vocabulary: Vocabulary, prompt: str = "", beside: Guide | None = None) -> None:
        self._vocabulary = vocabulary
        self._beside = beside
        self._id_of = {text: token for token, text in vocabulary.tokens.items()}
        self._bytes = np.array([self._id_of.get(bytes([byte]), vocabulary.eos) for byte in range(BYTES)])
        bytes_ = [byte for byte in range(BYTES) if self._bytes[byte] != vocabulary.eos]
        self._choices = {begins: np.array(sorted(bytes_, key=partial(likeness, begins))) for begins in (True, False)}
        self._samples: dict[int, Written] = {}
        self._numbers = itertools.count()
        self._is_last = False  # whether the limit comes after the next token
        matcher = new_matcher(grammar, vocabulary)
        if matcher.is_error():
            reason = " ".join(matcher.get_error().split())
            raise PipelineError(f"llguidance does not read the grammar: {reason}", hint="mend it", exit_code=2)
        ids = [self._bytes[byte] for byte in prompt.encode()]
        if matcher.try_consume_tokens(ids) < len(ids):
            raise PipelineError(f"nothing valid begins with the prompt {prompt!r}", hint="change it", exit_code=2)
        state = beside.begin(1, torch.device("cpu"))[0] if beside else 0
        if not self._allowed(matcher, state).any():
            raise PipelineError(
                "nothing is valid under the grammar and the notation's own together",
                hint="pass --no-valid to leave the notation's out",
                exit_code=2,
            )
        self._root = Written(matcher, state, self._ending(matcher, state))
        self.least = 1 + len(self._root.ending or ())
        self._rise = max(RISE, self.least)

    def begin(self, n: int, device: torch.device) -> Any:
        """The numbers of `n` samples that have their prompt."""
        numbers = list(itertools.islice(self._numbers, n))
        for number in numbers:
            root = self._root
            self._samples[number] = Written(root.matcher.deep_copy(), root.state, root.ending)
        if self._beside:
            self._beside.begin(n, device)
        return numbers

    def mask(self, logits: Tensor, states: Any, left: int) -> None:
        """Take from `logits` (B, V or more) all that may not come, with `left` tokens after this one."""
        logits[:, self._vocabulary.size :] = -torch.inf
        logits = logits[:, : self._vocabulary.size]
        self._is_last = not left
        rows = [self._samples.get(number) for number in states]
        refused = np.ones(logits.shape, bool)
        for row, sample in enumerate(rows):
            if sample is None:
                refused[row, self._vocabulary.eos] = False
            else:
                refused[row] = ~self._allowed(sample.matcher, sample.state)
        logits.masked_fill_(torch.from_numpy(refused).to(logits.device), -torch.inf)
        for row, sample in enumerate(rows):
            if sample and self._is_near_the_end(sample, left):
                self._keep_room(logits[row], sample, left)

    def follow(self, states: Any, chosen: Tensor) -> Any:
        """The numbers of the samples, to which these tokens were added; beams go on from one sample in several ways."""
        ways = Counter(states)
        after = []
        for number, token in zip(states, chosen.tolist(), strict=True):
            sample = self._samples.get(number)
            if sample is None or token == self._vocabulary.eos or self._is_last:
                after.append(ENDED)
                continue
            if ways[number] > 1:
                sample = replace(sample, matcher=sample.matcher.deep_copy())
            sample.matcher.consume_token(token)
            if self._beside:
                sample.state = self._beside.after(sample.state, token)
            sample.unseen -= 1
            sample.ending = sample.ending[1:] if sample.ending and sample.ending[0] == token else None
            after.append(next(self._numbers))
            self._samples[after[-1]] = sample
        for number in ways:
            self._samples.pop(number, None)
        return after

    def _allowed(self, matcher: Any, state: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """(V,) the tokens that may come."""
        bits = np.frombuffer(matcher.compute_bitmask(), np.uint8)
        found = np.unpackbits(bits, bitorder="little", count=self._vocabulary.size).astype(bool)
        return found & (self._beside.row(state) != DEAD) if self._beside else found

    def _is_near_the_end(self, sample: Written, left: int) -> bool:
        """Whether a token might leave too little room; an ending is looked for where it is time to."""
        if sample.unseen > 0:
            return False
        if sample.ending is None:
            sample.ending = self._ending(sample.matcher, sample.state)
        if sample.ending is None:
            sample.unseen = self._rise  # none was found: it goes on as it may, and is marked if it does not end
            return False
        sample.unseen = (left - len(sample.ending)) // self._rise
        return sample.unseen <= 0

    def _keep_room(self, logits: Tensor, sample: Written, left: int) -> None:
        """Leave the likeliest tokens after which an ending is found that there is room for, and the known one's."""
        ending = sample.ending or []
        following = ending[0] if ending else self._vocabulary.eos
        fits = []
        for token in logits.topk(min(TRIED, len(logits))).indices.tolist():
            if token in (following, self._vocabulary.eos) or logits[token] == -torch.inf:
                fits += [token] * bool(logits[token] > -torch.inf)
                continue
            matcher = sample.matcher.deep_copy()
            matcher.consume_token(token)
            state = self._beside.after(sample.state, token) if self._beside else 0
            found = self._ending(matcher, state)
            if found is not None and len(found) < left:
                fits.append(token)
        kept = logits[[*fits, following]].clone()
        logits.fill_(-torch.inf)
        logits[[*fits, following]] = kept

    def _ending(self, matcher: Any, state: int) -> list[int] | None:
        """Tokens that end a sample, few of them; None if none were found."""
        looks = 0
        for longest in LENGTHS:
            waiting = [(0, 0, b"")]  # how little it looks like an ending, its length, and itself
            while waiting and looks < LOOKS:
                unlikeness, _, text = heapq.heappop(waiting)
                at, copy = state, matcher.deep_copy()
                copy.consume_tokens(self._bytes[list(text)].tolist())
                for byte in text:
                    at = self._beside.after(at, int(self._bytes[byte])) if self._beside else 0
                while len(text) < longest:  # on with the byte that most looks like an ending
                    looks += 1
                    allowed = self._allowed(copy, at)
                    if allowed[self._vocabulary.eos]:
                        return self._tokens(text)
                    choices = self._choices[text[-1:] in BEGIN]
                    choices = choices[allowed[self._bytes[choices]]].tolist()
                    for rank, byte in enumerate(choices[1:], 1):
                        entry = unlikeness + rank.bit_length(), len(text) + 1, text + bytes([byte])
                        heapq.heappush(waiting, entry)
                    if not choices:
                        break
                    copy.consume_token(int(self._bytes[choices[0]]))
                    at = self._beside.after(at, int(self._bytes[choices[0]])) if self._beside else 0
                    text += bytes([choices[0]])
        return None

    def _tokens(self, text: bytes) -> list[int]:
        """The fewest tokens that spell a text."""
        best: list[list[int]] = [[]]
        for end in range(1, len(text) + 1):
            pieces = ((begin, self._id_of.get(text[begin:end])) for begin in range(max(0, end - 32), end))
            best.append(min(([*best[begin], token] for begin, token in pieces if token is not None), key=len))
        return best[-1]


def likeness(begins: bool, byte: int) -> int:
    """How late a byte is tried where an ending is looked for: what closes something first, what opens last."""
    if byte in QUOTES:  # which close a text, but open one where nothing is open yet
        return len(CLOSING) if begins else -1
    if byte in CLOSING:
        return CLOSING.index(byte)
    return 2 * BYTES if byte in OPENING else BYTES if byte < 0x20 or byte >= 0x7F else len(CLOSING)


def new_matcher(grammar: str, vocabulary: Vocabulary) -> Any:
    """What llguidance makes of a grammar and these tokens."""
    from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper

    return LLMatcher(LLTokenizer(TokenizerWrapper(Tokens(vocabulary)), n_vocab=vocabulary.size), grammar)


class Tokens:
    """A vocabulary as llguidance asks for it."""

    bos_token_id = None

    def __init__(self, vocabulary: Vocabulary) -> None:
        special = [token for token in range(vocabulary.size) if token not in vocabulary.tokens]
        self.eos_token_id = vocabulary.eos
        self.special_token_ids = special
        self.tokens = [vocabulary.tokens.get(token, b"<|%d|>" % token) for token in range(vocabulary.size)]
        self._bytes = {text: token for token, text in vocabulary.tokens.items() if len(text) == 1}

    def __call__(self, text: str) -> list[int]:
        """A text as bytes, which are tokens."""
        return list(self._each(text.encode()))

    def _each(self, text: bytes) -> Iterator[int]:
        for byte in text:
            if (token := self._bytes.get(bytes([byte]))) is not None:
                yield token


def lark_grammar(text: str, why: str) -> str:
    """A Lark grammar for llguidance.

    Args:
        why: What an automaton is not enough for.
    """
    require_llguidance(why)
    from llguidance import LLMatcher

    return str(LLMatcher.grammar_from_lark(text))


def json_grammar(schema: str) -> str:
    """A JSON schema for llguidance.

    Raises:
        PipelineError: it is no JSON.
    """
    require_llguidance("a JSON schema")
    from llguidance import LLMatcher

    try:
        value = json.loads(schema)
    except ValueError as error:
        raise PipelineError(f"--json-schema: {error}", hint="a schema is a JSON object", exit_code=2) from error
    if not isinstance(value, dict):
        raise PipelineError("--json-schema: it is no object", hint='as in {"type": "object"}', exit_code=2)
    return str(LLMatcher.grammar_from_json_schema(schema, overrides={"whitespace_flexible": False}))


def require_llguidance(what: str) -> None:
    """Refuse to go on without it.

    Raises:
        PipelineError: it is not installed.
    """
    try:
        import llguidance  # noqa: F401
    except ImportError as error:
        raise PipelineError(
            f"{what}: that needs llguidance", hint='pip install "phon[grammar]"', exit_code=2
        ) from error
