"""Pronunciations for words outside the lexicon: our own small network, many words at a time.

Each letter stands for a chunk of up to two phones. Convolutions look at the whole word; then a decoder goes from left
to right, knows the two chunks before and the stress so far, and keeps the `WIDTH` likeliest readings.

All numbers are whole and so small that float32 has every product and sum of them, whatever the order. So a word is said
alike in any company and on any machine. scripts/train_oov.py learns the weights, scripts/export_oov.py makes whole
numbers of them and sees that no sum can be too large.
"""

import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from phonetic.lexicon import DATA
from phonetic.phones import VOWEL_LETTERS

Array = npt.NDArray[Any]

BATCH = 64  # words read together; more gains nothing and costs memory
WIDTH = 2  # readings kept from letter to letter; a third is worth 0.05 % of the phones
REACH = 4  # letters to each side that the first layer looks up
N_LETTERS = 27  # a to z, and 0 beyond the word's ends
UNIT = 64  # scores are logarithms in this fraction
NEVER = -(2**20)  # worse than any score
PRIMARY, N_STATES = 4, 8  # the bit for a primary stress so far; with the last vowel's stress + 1, the stress so far


def stress_so_far(state: int, chunk: str) -> int:
    """The stress so far after one more chunk; 0 at the start of a word."""
    for vowel, stress in itertools.pairwise(chunk):
        if vowel in VOWEL_LETTERS and stress.isdigit():
            state = (state & PRIMARY) | (PRIMARY if stress == "1" else 0) | (int(stress) + 1)
    return state


class Guesser:
    """The network. Words are lower-case ASCII letters.

    Args:
        weights: The arrays of phonetic/data/oov.npz.
    """

    def __init__(self, weights: Mapping[str, Any]) -> None:
        self.chunks: list[str] = "".join(map(chr, weights["chunks"])).split(" ")
        w = {name: np.asarray(array, np.float32) for name, array in weights.items()}
        self.letters = w["letters"].reshape(2 * REACH + 1, N_LETTERS, -1)
        self.blocks = [
            tuple(w[f"{name}.{block}"] for name in ("into", "into_bias", "into_scale", "out", "out_bias", "out_scale"))
            for block in range(len(weights["dilations"]))
        ]
        self.dilations: list[int] = weights["dilations"].tolist()
        self.limits: list[int] = weights["limits"].tolist()  # of the stream, of a branch's middle, of the decoder
        self.here, self.here_bias, self.here_scale = w["here"], w["here_bias"], w["here_scale"]
        self.before, self.earlier, self.state = w["before"], w["earlier"], w["state"]
        self.scores, self.scores_bias, self.scores_scale = w["scores"], w["scores_bias"], w["scores_scale"]
        states = range(N_STATES)
        self.next_state = np.array([[stress_so_far(state, chunk) for chunk in self.chunks] for state in states])
        primaries = np.array([chunk.count("1") for chunk in self.chunks])
        # A word has one primary stress.
        self.allowed = np.where(primaries + (np.arange(N_STATES) >= PRIMARY)[:, None] > 1, NEVER, 0).astype(np.float32)
        self.last = np.where(self.next_state < PRIMARY, NEVER, 0).astype(np.float32)
        self.powers = np.rint(2**16 * np.exp(-np.arange(10 * UNIT) / UNIT)).astype(np.float32)

    def predict(self, words: Sequence[str]) -> list[str]:
        """A compact pronunciation for each word."""
        order = sorted(set(words), key=lambda word: (-len(word), word))
        found: dict[str, str] = {}
        for first in range(0, len(order), BATCH):
            part = order[first : first + BATCH]
            found |= zip(part, self._predict_sorted(part), strict=True)
        return [found[word] for word in words]

    def _predict_sorted(self, words: list[str]) -> list[str]:
        """One batch, the longest word first, so that the words still being read are always a prefix."""
        lengths = np.array([len(word) for word in words])
        letters = np.zeros((len(words), lengths[0] if len(words) else 0), np.intp)
        for row, word in enumerate(words):
            letters[row, : len(word)] = np.frombuffer(word.encode("ascii"), dtype=np.uint8) - (ord("a") - 1)
        return self._read(self._encode(letters), lengths) if letters.size else [""] * len(words)

    def _encode(self, letters: Array) -> Array:
        """(B, T) letters, 0 after a word's end, to what the decoder gets of each, (B, T, D)."""
        n = letters.shape[1]
        inside = (letters > 0)[:, :, None].astype(np.float32)
        around = np.pad(letters, ((0, 0), (REACH, REACH)))
        x = self.letters[0][around[:, :n]]
        for offset in range(1, 2 * REACH + 1):
            x += self.letters[offset][around[:, offset : offset + n]]
        x *= inside
        most, most_inner, most_decoder = self.limits
        for (into, into_bias, into_scale, out, out_bias, out_scale), apart in zip(
            self.blocks, self.dilations, strict=True
        ):
            np.clip(x, -most, most, out=x)
            seen = np.empty((*x.shape[:2], 3, x.shape[2]), np.float32)
            seen[:, :apart, 0] = seen[:, -apart:, 2] = 0
            seen[:, apart:, 0] = x[:, :-apart]
            seen[:, :, 1] = x
            seen[:, :-apart, 2] = x[:, apart:]
            branch = seen.reshape(-1, into.shape[0]) @ into
            _rescale(branch, into_bias, into_scale)
            np.clip(branch, 0, most_inner, out=branch)
            branch = branch @ out
            _rescale(branch, out_bias, out_scale)
            x += branch.reshape(x.shape)
            x *= inside
        np.clip(x, -most, most, out=x)
        here = x.reshape(-1, x.shape[2]) @ self.here
        _rescale(here, self.here_bias, self.here_scale)
        np.clip(here, -most_decoder, most_decoder, out=here)
        return here.reshape(*letters.shape, -1)  # type: ignore[no-any-return]

    def _read(self, here: Array, lengths: Array) -> list[str]:
        """The best reading of each word, the longest first."""
        n_words, most = here.shape[:2]
        n_chunks = len(self.chunks)
        before: Array = np.full((n_words, 1), n_chunks)
        earlier, state = before, np.zeros_like(before)
        total: Array = np.zeros((n_words, 1), np.float32)
        said: Array = np.zeros((n_words, 1, most), np.intp)
        texts: list[str] = []
        for t in range(most):
            hidden = here[:, t, None] + self.before[before] + self.earlier[earlier] + self.state[state]
            np.clip(hidden, 0, self.limits[2], out=hidden)
            scores = hidden.reshape(-1, hidden.shape[2]) @ self.scores
            _rescale(scores, self.scores_bias, self.scores_scale)
            scores = self._logarithms(scores).reshape(*before.shape, n_chunks) + self.allowed[state]
            ending = int((lengths > t + 1).sum())
            scores[ending:] += self.last[state[ending:]]
            scores += total[:, :, None]
            flat = scores.reshape(len(scores), -1)
            rows = np.arange(len(flat))
            kept = np.empty((len(flat), min(WIDTH, flat.shape[1])), np.intp)
            total = np.empty(kept.shape, np.float32)
            for rank in range(kept.shape[1]):
                best = flat.argmax(axis=1)
                kept[:, rank], total[:, rank] = best, flat[rows, best]
                flat[rows, best] = -np.inf
            parent, chunk = np.divmod(kept, n_chunks)
            at = rows[:, None]
            said = said[at, parent]
            said[:, :, t] = chunk
            earlier, state, before = before[at, parent], self.next_state[state[at, parent], chunk], chunk
            texts += ["".join([self.chunks[i] for i in one]) for one in said[ending:, 0, : t + 1][::-1].tolist()]
            before, earlier, state, total, said = (x[:ending] for x in (before, earlier, state, total, said))
            here = here[:ending]
        return texts[::-1]

    def _logarithms(self, scores: Array) -> Array:
        """Logarithms of the probabilities of each row, whole numbers of `UNIT`."""
        scores -= scores.max(axis=1, keepdims=True)
        sums = self.powers.take((-scores).astype(np.int32), mode="clip").sum(axis=1, keepdims=True)
        scores -= np.rint(UNIT * np.log(sums.astype(np.float64) / 2**16)).astype(np.float32)
        return scores


def _rescale(sums: Array, bias: Array, scale: Array) -> None:
    """Exact sums plus a whole bias, brought to the next layer's scale and rounded, in place."""
    sums += bias
    sums *= scale
    np.rint(sums, out=sums)


@functools.cache
def guesser() -> Guesser:
    """The guesser of this process; the weights are read when the first unknown word comes."""
    with np.load(DATA / "oov.npz") as weights:
        return Guesser(weights)
