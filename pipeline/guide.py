"""Which tokens may come next: an automaton walked by a vocabulary, so that what is sampled is valid when it ends."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from pipeline.automaton import DEAD, NEVER, Automaton
from pipeline.bpe import byte_characters
from pipeline.errors import PipelineError
from train.contract import Contract

States = np.ndarray[Any, np.dtype[np.int32]]

WHOLE = 1 << 24  # entries of a table that is worked out at once; of a larger one its rows as they are met


def token_bytes(tokenizer: Tokenizer, contract: Contract) -> dict[int, bytes]:
    """What each token stands for, without special ones; of a tokenizer whose tokens are bytes of text, as ours are."""
    byte_of = {character: byte for byte, character in enumerate(byte_characters())}
    special = contract.special_ids()
    return {
        number: bytes(byte_of[character] for character in text)
        for text, number in tokenizer.get_vocab(with_added_tokens=True).items()
        if number not in special and number < contract.vocab_size and all(one in byte_of for one in text)
    }


class Vocabulary:
    """The tokens of a model as bytes; those with a common beginning are walked together.

    Args:
        tokens: Id to what it stands for, without special tokens.
        size: One more than the highest id there may be.
    """

    def __init__(self, tokens: Mapping[int, bytes], size: int, eos: int) -> None:
        self.size = size
        self.eos = eos
        places = {b"": 0}
        self._levels: list[tuple[slice, Any, Any]] = []  # by length: of which prefixes, those without the last byte, it
        for length in range(1, max(map(len, tokens.values()), default=0) + 1):
            level = sorted({text[:length] for text in tokens.values() if len(text) >= length})
            begin = len(places)
            up = np.array([places[text[:-1]] for text in level])
            places.update((text, begin + at) for at, text in enumerate(level))
            self._levels.append((slice(begin, len(places)), up, np.array([text[-1] for text in level])))
        self._n_prefixes = len(places)
        self._ids = np.array([token for token, text in tokens.items() if text], np.int64)
        self._places = np.array([places[text] for text in tokens.values() if text], np.int64)

    @classmethod
    def of(cls, tokenizer: Tokenizer, contract: Contract) -> Self:
        """That of a tokenizer."""
        return cls(token_bytes(tokenizer, contract), contract.vocab_size, contract.eos)

    def walk(self, automaton: Automaton, states: States) -> States:
        """(len(states), V) the state after each token from each state; DEAD where it may not come.

        The end of a text may come where the automaton lets it end, and changes nothing.
        """
        reached = np.empty((self._n_prefixes, len(states)), np.int32)
        reached[0] = states
        for level, up, byte in self._levels:
            before = reached[up]
            reached[level] = np.where(before == DEAD, DEAD, automaton.after[before, automaton.kinds[byte, None]])
        found = np.full((len(states), self.size), DEAD, np.int32)
        found[:, self._ids] = reached[self._places].T
        found[:, self.eos] = np.where(automaton.ends[states], states, DEAD)
        return found


class Guide:
    """Keeps samples to the texts of an automaton, and able to end within the tokens that are left.

    Args:
        prompt: What all samples begin with.

    Raises:
        PipelineError: nothing valid begins so.

    Attributes:
        least: Tokens that the shortest text after the prompt takes, with its end; or where the automaton is too large
            to know, its bytes.
    """

    def __init__(self, automaton: Automaton, vocabulary: Vocabulary, prompt: str = "") -> None:
        self._automaton = automaton
        self._vocabulary = vocabulary
        self._start = automaton.run(prompt.encode())
        if not automaton.ends.any():
            raise PipelineError("nothing is valid under these constraints together", hint="ask for less")
        if self._start == DEAD:
            raise PipelineError(
                f"nothing valid begins with the prompt {prompt!r}", hint="change it, or pass --no-valid"
            )
        n = len(automaton.ends)
        self._is_whole = n * vocabulary.size <= WHOLE
        states = np.arange(n if self._is_whole else 0, dtype=np.int32)
        self._after = torch.from_numpy(vocabulary.walk(automaton, states))  # (rows, V)
        self._row_of = {int(state): row for row, state in enumerate(states)}
        left = self._tokens_left() if self._is_whole else automaton.left
        self._left = torch.from_numpy(np.append(np.minimum(left, NEVER - 1), NEVER - 1))  # the last is that of DEAD
        self._farthest = int(self._left[:-1].max())
        self.least = int(left[self._start]) + 1

    def _tokens_left(self) -> States:
        """(S,) tokens of the shortest ending from each state."""
        before: list[list[int]] = [[] for _ in self._automaton.ends]
        for state, row in enumerate(self._after.numpy()):
            for after in np.unique(row).tolist():
                if after not in (DEAD, state):
                    before[after].append(state)
        left = np.where(self._automaton.ends, 0, NEVER).astype(np.int32)
        ring = np.flatnonzero(left == 0).tolist()
        distance = 0
        while ring:
            distance += 1
            ring = [state for state in {one for after in ring for one in before[after]} if left[state] == NEVER]
            left[ring] = distance
        return left

    def begin(self, n: int, device: torch.device) -> Tensor:
        """(n,) the states of samples that have their prompt."""
        self._after, self._left = self._after.to(device), self._left.to(device)
        return torch.full((n,), self._start, device=device)

    def mask(self, logits: Tensor, states: Tensor, left: int) -> Tensor:
        """Take from `logits` (B, V or more) the tokens that may not come; the states (B, V) after each.

        Args:
            left: Tokens there may be after this one.
        """
        rows = self._rows(states)  # may make the table larger
        after = self._after[rows]
        refused = after == DEAD
        if left <= self._farthest:
            too_far = self._left[after] >= left  # with its end, an ending would take one token more
            too_far[:, self._vocabulary.eos] = False
            refused |= too_far
        logits[:, : self._vocabulary.size].masked_fill_(refused, -torch.inf)
        return after

    def _rows(self, states: Tensor) -> Tensor:
        """Where in the table each state is."""
        if self._is_whole:
            return states
        new = sorted({state for state in states.tolist() if state not in self._row_of})
        if new:
            if len(self._row_of) * self._vocabulary.size > WHOLE:
                self._row_of.clear()
                self._after = self._after[:0]
                new = sorted(set(states.tolist()))
            rows = torch.from_numpy(self._vocabulary.walk(self._automaton, np.array(new, np.int32)))
            self._row_of.update((state, len(self._after) + at) for at, state in enumerate(new))
            self._after = torch.cat([self._after, rows.to(self._after.device)])
        return torch.tensor([self._row_of[state] for state in states.tolist()], device=states.device)
