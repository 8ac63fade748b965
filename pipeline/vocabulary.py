"""The tokens of a model as bytes, and where they lead in an automaton."""

import itertools
from collections.abc import Mapping
from typing import Self

import numpy as np
from tokenizers import Tokenizer

from pipeline.automaton import BYTES, DEAD, NEVER, Automaton, Ints, States, spread
from pipeline.bpe import byte_characters
from pipeline.dictionary import tree
from train.contract import Contract


class Vocabulary:
    """The tokens of a model as bytes; those with a common beginning are walked together.

    Args:
        tokens: Id to what it stands for, without special tokens.
        size: One more than the highest id there may be.
    """

    def __init__(self, tokens: Mapping[int, bytes], size: int, eos: int) -> None:
        self.tokens = {token: text for token, text in tokens.items() if text}
        self.size = size
        self.eos = eos
        texts = sorted(set(self.tokens.values()))
        levels, at, n = tree(texts)
        place = dict(zip(texts, at.tolist(), strict=True))
        ids = sorted(self.tokens, key=lambda token: place[self.tokens[token]])
        self._ids = np.array(ids, np.int64)
        self._token_bounds = np.searchsorted([place[self.tokens[token]] for token in ids], np.arange(n + 1))
        empty = (np.empty(0, np.int64),) * 3
        up, self._byte, self._child = (np.concatenate(column) for column in zip(empty, *levels, strict=True))
        self._bounds = np.searchsorted(up, np.arange(n + 1))  # the children of each beginning
        self._keys = up * BYTES + self._byte
        self._often = np.bincount(list(b"".join(texts)), minlength=BYTES)

    @classmethod
    def of(cls, tokenizer: Tokenizer, contract: Contract) -> Self:
        """That of a tokenizer whose tokens are bytes of text, as ours are."""
        byte_of = {character: byte for byte, character in enumerate(byte_characters())}
        special = contract.special_ids()
        tokens = {
            number: bytes(byte_of[character] for character in text)
            for text, number in tokenizer.get_vocab(with_added_tokens=True).items()
            if number not in special and number < contract.vocab_size and all(one in byte_of for one in text)
        }
        return cls(tokens, contract.vocab_size, contract.eos)

    def walk(self, automaton: Automaton, states: States) -> States:
        """(len(states), V) the state after each token from each state; DEAD where it may not come.

        The end of a text may come where the automaton lets it end, and changes nothing.
        """
        found = np.full((len(states), self.size), DEAD, np.int32)
        rows, at, beginnings = np.arange(len(states)), states.astype(np.int64), np.zeros(len(states), np.int64)
        while len(rows):
            begins = self._bounds[beginnings]
            one, place = spread(begins, self._bounds[beginnings + 1] - begins)
            after = automaton.step(at[one], automaton.kinds[self._byte[place]])
            lives = after != DEAD
            rows, at, beginnings = rows[one[lives]], after[lives].astype(np.int64), self._child[place[lives]]
            begins = self._token_bounds[beginnings]
            one, place = spread(begins, self._token_bounds[beginnings + 1] - begins)
            found[rows[one], self._ids[place]] = at[one]
        found[:, self.eos] = np.where(automaton.ends[states], states, DEAD)
        return found

    def left(self, automaton: Automaton) -> Ints:
        """(S + 1,) tokens that are enough for an ending from each state: those of one that takes the fewest bytes.

        The last is that of DEAD.
        """
        kinds = np.full(int(automaton.kinds.max()) + 1, -1)
        for byte in np.argsort(self._often, kind="stable"):
            kinds[automaton.kinds[byte]] = byte  # of each kind the byte that most tokens have
        sources = automaton.sources
        nearer = np.flatnonzero(automaton.left[automaton.to] + 1 == automaton.left[sources])
        nearer = nearer[np.diff(sources[nearer], prepend=-1) > 0]  # an edge for each state
        down, byte = np.zeros(len(automaton.ends), np.int64), np.zeros(len(automaton.ends), np.int64)
        down[sources[nearer]], byte[sources[nearer]] = automaton.to[nearer], kinds[automaton.by[nearer]]
        left = np.full(len(automaton.ends) + 1, NEVER - 2, np.int64)
        order = np.argsort(automaton.left, kind="stable")
        bounds = np.searchsorted(automaton.left[order], np.arange(int(automaton.left[order[-1]]) + 2))
        has_token = np.diff(self._token_bounds) > 0
        left[order[: bounds[1]]] = 0
        for begin, end in itertools.pairwise(bounds[1:].tolist()):
            starts = at = order[begin:end]
            beginnings = np.zeros(len(at), np.int64)
            while len(at):
                keys = beginnings * BYTES + byte[at]
                place = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
                goes_on = self._keys[place] == keys
                starts, at, beginnings = starts[goes_on], down[at[goes_on]], self._child[place[goes_on]]
                ends = has_token[beginnings]
                left[starts[ends]] = np.minimum(left[starts[ends]], left[at[ends]] + 1)
                goes_on = automaton.left[at] > 0
                starts, at, beginnings = starts[goes_on], at[goes_on], beginnings[goes_on]
        return left
