"""g2p-en's model for unknown words, a GRU encoder and decoder, many words at a time. The default engine has its own.

The weights are read from the installed files of the g2p-en distribution (Apache-2.0). The package itself is never
imported: its import wants nltk data and tries to download it.
"""

import functools
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from phonetic.errors import PhoneticError
from phonetic.phones import compact, words

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Affine = tuple[Floats, Floats]  # a matrix and a bias

TOGETHER = 2048  # words of which beginnings that they share are read once
BATCH = 512  # words said together; more gains nothing and costs memory
START, END = 2, 3  # the decoder's <s> and </s>
CODES = np.ones(128, int)  # of the encoder: a is 3, and 1 is what it does not know
CODES[ord("a") : ord("z") + 1] = range(3, 29)
LAST = 2  # the encoder's </s>
# The decoder's outputs in the order of its rows, after <pad>, <unk>, <s> and </s>. Source: g2p_en/g2p.py.
PHONES = words(
    "AA0 AA1 AA2 AE0 AE1 AE2 AH0 AH1 AH2 AO0 AO1 AO2 AW0 AW1 AW2 AY0 AY1 AY2 B CH D DH EH0 EH1 EH2 ER0 "
    "ER1 ER2 EY0 EY1 EY2 F G HH IH0 IH1 IH2 IY0 IY1 IY2 JH K L M N NG OW0 OW1 OW2 OY0 OY1 OY2 P R S SH T "
    "TH UH0 UH1 UH2 UW UW0 UW1 UW2 V W Y Z ZH"
)


def installed_file(name: str) -> Path:
    """The path of one of g2p-en's data files, found without importing the package.

    Raises:
        PhoneticError: g2p-en is not installed, or without that file.
    """
    try:
        path = Path(str(distribution("g2p-en").locate_file(f"g2p_en/{name}")))
    except PackageNotFoundError as err:
        raise PhoneticError("g2p-en is not installed", hint='pip install "phon[g2p-en]"') from err
    if not path.is_file():
        raise PhoneticError(f"{path} is missing", hint="pip install --force-reinstall --no-deps g2p-en")
    return path


def cap(word: str) -> int:
    """The most phones a word may have. g2p-en's cap of 20 would cut long words short."""
    return max(20, 2 * len(word))


class Gru:
    """A GRU that reads symbols; gates in the order r, z, n, each with arrays of its own, which are quicker to work on.

    Args:
        embedding: (n, E) Of each symbol.
        from_input: (3H, E) and (3H,) What the gates make of it.
        from_hidden: (3H, H) and (3H,) What they make of the state.
    """

    def __init__(self, embedding: Floats, from_input: Affine, from_hidden: Affine) -> None:
        # A step's input part depends on the symbol alone: it is worked out once for all symbols.
        inputs = embedding @ from_input[0].T + from_input[1]
        self._inputs = [np.ascontiguousarray(part) for part in np.split(inputs, 3, axis=1)]
        self._weights = [np.ascontiguousarray(part.T) for part in np.split(from_hidden[0], 3)]
        self._biases = np.split(from_hidden[1], 3)
        self.width = from_hidden[0].shape[1]

    def step(self, symbols: Ints, hidden: Floats) -> Floats:
        """The states (B, H) after `hidden` (B, H) and a symbol each (B,)."""
        reset, update, new = (hidden @ weights for weights in self._weights)
        for gate, bias in zip((reset, update, new), self._biases, strict=True):
            gate += bias
        for gate, inputs in zip((reset, update), self._inputs[:2], strict=True):
            gate += inputs[symbols]
            np.negative(gate, out=gate)
            np.exp(gate, out=gate)
            gate += 1
            np.reciprocal(gate, out=gate)
        new *= reset
        new += self._inputs[2][symbols]
        np.tanh(new, out=new)
        after: Floats = 1 - update
        after *= new
        update *= hidden
        after += update
        return after


class Guesser:
    """g2p-en's greedy decoding, batched. Words are lower-case ASCII letters; to it all other characters are the same.

    Args:
        weights: The arrays of checkpoint20.npz.
        most: The most phones a word may have, 20 in g2p-en; by default it depends on the word.
    """

    def __init__(self, weights: Mapping[str, Any], most: int | None = None) -> None:
        w = {name: np.asarray(weights[name], dtype=np.float32) for name in weights}
        self._encoder, self._decoder = (
            Gru(w[f"{of}_emb"], (w[f"{of}_w_ih"], w[f"{of}_b_ih"]), (w[f"{of}_w_hh"], w[f"{of}_b_hh"]))
            for of in ("enc", "dec")
        )
        self._out, self._out_bias = np.ascontiguousarray(w["fc_w"].T), w["fc_b"]
        self._phones = [""] * 4 + [compact(name if name != "UW" else "UW1") for name in PHONES]
        self._most = most

    def predict(self, words: Sequence[str]) -> list[str]:
        """A compact pronunciation for each word, the same as g2p-en's own up to its 20 phones."""
        found = dict.fromkeys(sorted(words), "")
        distinct = [*found]
        for first in range(0, len(distinct), TOGETHER):
            some = distinct[first : first + TOGETHER]
            states = self._encode(some)
            order = sorted(range(len(some)), key=lambda i: len(some[i]))  # those of a batch end at about the same step
            for start in range(0, len(order), BATCH):
                part = order[start : start + BATCH]
                several = [some[i] for i in part]
                found.update(zip(several, self._decode(several, states[part]), strict=True))
        return [found[word] for word in words]

    def _encode(self, words: Sequence[str]) -> Floats:
        """What is known of each word when it is read, (B, H); each beginning that some share is read once."""
        lengths = np.array([len(word) + 1 for word in words])
        letters = np.full((len(words), lengths.max()), LAST)
        for row, word in enumerate(words):
            letters[row, : len(word)] = CODES[np.frombuffer(word.encode("ascii"), dtype=np.uint8)]
        states = np.zeros((len(words), self._encoder.width), np.float32)
        read = np.zeros((1, self._encoder.width), np.float32)  # of each beginning
        at = np.zeros(len(words), int)  # which of them each word has
        for t in range(letters.shape[1]):
            going = lengths > t
            longer, at[going] = np.unique(at[going] * len(CODES) + letters[going, t], return_inverse=True)
            read = self._encoder.step(longer % len(CODES), read[longer // len(CODES)])
            whole = lengths == t + 1
            states[whole] = read[at[whole]]
        return states

    def _decode(self, words: Sequence[str], hidden: Floats) -> list[str]:
        """The phones of words from what is known of them, (B, H)."""
        said: list[list[str]] = [[] for _ in words]
        rows = np.arange(len(words))  # the words still being said
        caps = np.array([self._most or cap(word) for word in words])
        previous = np.full(len(words), START)
        for t in range(int(caps.max())):
            hidden = self._decoder.step(previous, hidden)
            previous = (hidden @ self._out + self._out_bias).argmax(axis=1)
            going = (previous != END) & (caps[rows] > t)
            rows, hidden, previous = rows[going], hidden[going], previous[going]
            if not len(rows):
                break
            for row, phone in zip(rows.tolist(), previous.tolist(), strict=True):
                said[row].append(self._phones[phone])
        return ["".join(phones) for phones in said]


@functools.cache
def guesser(most: int | None = None) -> Guesser:
    """The guesser of this process; the weights are read when the first unknown word comes."""
    with np.load(installed_file("checkpoint20.npz")) as weights:
        return Guesser(weights, most)
