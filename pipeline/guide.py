"""Which tokens may come next: an automaton walked by a vocabulary, so that what is sampled is valid when it ends."""

import itertools
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline.automaton import DEAD, Automaton, States
from pipeline.errors import PipelineError
from pipeline.vocabulary import Vocabulary

WHOLE = 1 << 21  # entries of a table that is worked out at once; of a larger one its rows as they are met
KEPT = 1 << 25  # entries of those rows


class Guide:
    """Keeps samples to the texts of an automaton, and able to end within the tokens that are left.

    Args:
        prompt: What all samples begin with.

    Raises:
        PipelineError: nothing valid begins so.

    Attributes:
        least: Tokens that are enough for an ending after the prompt, with its end: where the shortest ending takes
            fewer bytes than any that takes fewer tokens, there are as few as can be.
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
        self._left = vocabulary.left(automaton)
        self._row_of: dict[int, int] = {}
        self._after = torch.empty(0, vocabulary.size, dtype=torch.int32)  # the states after each token, by row
        self._allows = torch.empty(0, vocabulary.size)  # 0 for a token that may come, -inf for another
        self._farthest: list[int] = []  # by row: the most tokens left after any token
        self._is_whole = len(automaton.ends) * vocabulary.size <= WHOLE
        if self._is_whole:
            self._add(list(range(len(automaton.ends))))
        self._longest = max(self._farthest, default=0)
        self.least = int(self._left[self._start]) + 1

    def begin(self, n: int, device: torch.device) -> Any:
        """The states of `n` samples that have their prompt: a list where the CPU is the device, as it is quicker."""
        if self._after.device != device:
            self._after, self._allows = self._after.to(device), self._allows.to(device)
            self._view()
        if device.type == "cpu":
            return [self._start] * n
        return torch.full((n,), self._start, device=device)

    def mask(self, logits: Tensor, states: Any, left: int) -> None:
        """Take from `logits` (B, V or more) all that may not come, with `left` tokens after this one."""
        rows = states if self._is_whole else self._rows(states)
        size = self._vocabulary.size
        if logits.shape[1] > size:
            logits[:, size:] = -torch.inf
            logits = logits[:, :size]
        if logits.is_cpu:  # line by line: to gather the rows first takes three times as long
            torch._foreach_add_(logits.unbind(0), [self._lines[row] for row in rows])
        else:
            logits += self._allows.index_select(0, rows)
        longest = self._longest if self._is_whole else max(self._farthest[int(row)] for row in rows)
        if left <= longest:
            after = self._after[rows].cpu().numpy()
            too_far = (self._left[after] >= left) & (after != DEAD)  # with its end, an ending takes one token more
            too_far[:, self._vocabulary.eos] = False
            logits.masked_fill_(torch.from_numpy(too_far).to(logits.device), -torch.inf)

    def follow(self, states: Any, chosen: Tensor) -> Any:
        """The states after these tokens."""
        rows = states if self._is_whole else self._rows(states)
        if chosen.is_cpu:
            return [self._next[at] for at in zip(rows, chosen.tolist(), strict=True)]
        return self._after[rows, chosen].long()

    def row(self, state: int) -> States:
        """(V,) the state after each token, or DEAD."""
        row = state if self._is_whole else self._rows([state])[0]
        return self._after[row].cpu().numpy()

    def after(self, state: int, token: int) -> int:
        """The state after a token."""
        return int(self.row(state)[token])

    def _rows(self, states: Any) -> Any:
        """Where in a table of some states each is, as a list or a tensor as they are."""
        asked = states if isinstance(states, list) else states.tolist()
        new = sorted({state for state in asked if state not in self._row_of})
        if new and len(self._row_of) * self._vocabulary.size > KEPT:
            self._row_of.clear()
            self._farthest.clear()
            new = sorted(set(asked))
        if new:
            self._add(new)
        found = [self._row_of[state] for state in asked]
        return torch.tensor(found, device=states.device) if isinstance(states, Tensor) else found

    def _add(self, states: list[int]) -> None:
        """Work out the rows of these states."""
        after = self._vocabulary.walk(self._automaton, np.array(states, np.int32))
        is_allowed = after != DEAD
        self._farthest += np.where(is_allowed, self._left[after], 0).max(axis=1).tolist()
        allows = np.where(is_allowed, np.float32(0), np.float32(-np.inf))
        there = len(self._row_of)
        self._row_of.update(zip(states, itertools.count(there)))
        has_room = len(self._row_of) <= len(self._after)
        self._after = put(self._after, there, torch.from_numpy(after))
        self._allows = put(self._allows, there, torch.from_numpy(allows))
        if not has_room:
            self._view()

    def _view(self) -> None:
        """See the tables as what is quickest where they are on the CPU, one entry or row at a time."""
        if self._after.is_cpu:
            after: Any = self._after.numpy()
            self._lines, self._next = self._allows.unbind(0), memoryview(after)


def put(table: Tensor, at: int, rows: Tensor) -> Tensor:
    """A table with these rows from `at` on; twice as long as before where there was no room."""
    if at + len(rows) > len(table):
        longer = table.new_empty(max(2 * len(table), at + len(rows)), *table.shape[1:])
        longer[:at] = table[:at]
        table = longer
    table[at : at + len(rows)] = rows
    return table
