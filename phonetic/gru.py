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

BATCH = 512  # words encoded together; more gains nothing and costs memory
START, END = 2, 3  # the decoder's <s> and </s>
CODES = np.ones(128, int)  # of the encoder: a is 3, and 1 is what it does not know
CODES[ord("a") : ord("z") + 1] = range(3, 29)
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


class Guesser:
    """g2p-en's greedy decoding, batched. Words are lower-case ASCII letters; to it all other characters are the same.

    Args:
        weights: The arrays of checkpoint20.npz.
        most: The most phones a word may have, 20 in g2p-en; by default it depends on the word.
    """

    def __init__(self, weights: Mapping[str, Any], most: int | None = None) -> None:
        w = {name: np.asarray(weights[name], dtype=np.float32) for name in weights}
        # A step's input part depends on the symbol alone: embedding x weights, once for all symbols.
        self.enc_in: Floats = w["enc_emb"] @ w["enc_w_ih"].T + w["enc_b_ih"]  # (29, 3 x 256)
        self.dec_in: Floats = w["dec_emb"] @ w["dec_w_ih"].T + w["dec_b_ih"]  # (74, 3 x 256)
        self.enc_hh, self.enc_b = np.ascontiguousarray(w["enc_w_hh"].T), w["enc_b_hh"]
        self.dec_hh, self.dec_b = np.ascontiguousarray(w["dec_w_hh"].T), w["dec_b_hh"]
        self.out, self.out_b = np.ascontiguousarray(w["fc_w"].T), w["fc_b"]
        self.phones = [""] * 4 + [compact(name if name != "UW" else "UW1") for name in PHONES]
        self.most = most

    def predict(self, words: Sequence[str]) -> list[str]:
        """A compact pronunciation for each word, the same as g2p-en's own up to its 20 phones."""
        order = sorted(range(len(words)), key=lambda i: (-len(words[i]), words[i]))
        found = [""] * len(words)
        for first in range(0, len(order), BATCH):
            part = order[first : first + BATCH]
            for i, phones in zip(part, self._predict_sorted([words[i] for i in part]), strict=True):
                found[i] = phones
        return found

    def _predict_sorted(self, words: list[str]) -> list[str]:
        """One batch, the longest word first, so that the words still being read are always a prefix."""
        lengths = np.array([len(word) + 1 for word in words])
        letters = np.full((len(words), lengths[0]), 2)  # 2 is the encoder's </s>; 3 is the letter a
        for row, word in enumerate(words):
            letters[row, : len(word)] = CODES[np.frombuffer(word.encode("ascii"), dtype=np.uint8)]
        hidden = np.zeros((len(words), self.enc_hh.shape[0]), np.float32)
        for t in range(lengths[0]):
            active = int((lengths > t).sum())
            hidden[:active] = _gru(self.enc_in[letters[:active, t]], hidden[:active], self.enc_hh, self.enc_b)

        said: list[list[str]] = [[] for _ in words]
        rows = np.arange(len(words))  # the words still being said
        caps = np.array([self.most or cap(word) for word in words])
        previous = np.full(len(words), START)
        for t in range(int(caps.max())):
            hidden = _gru(self.dec_in[previous], hidden, self.dec_hh, self.dec_b)
            previous = (hidden @ self.out + self.out_b).argmax(axis=1)
            going = (previous != END) & (caps[rows] > t)
            rows, hidden, previous = rows[going], hidden[going], previous[going]
            if not len(rows):
                break
            for row, phone in zip(rows.tolist(), previous.tolist(), strict=True):
                said[row].append(self.phones[phone])
        return ["".join(phones) for phones in said]


def _gru(inputs: Floats, hidden: Floats, weights: Floats, bias: Floats) -> Floats:
    """One step of a GRU. `inputs` (B, 3H) are already multiplied by their weights; gates in the order r, z, n."""
    gates = hidden @ weights + bias
    width = hidden.shape[1]
    rz: Floats = np.reciprocal(1 + np.exp(-(inputs[:, : 2 * width] + gates[:, : 2 * width])))
    reset, update = rz[:, :width], rz[:, width:]
    new = np.tanh(inputs[:, 2 * width :] + reset * gates[:, 2 * width :])
    result: Floats = (1 - update) * new + update * hidden
    return result


@functools.cache
def guesser(most: int | None = None) -> Guesser:
    """The guesser of this process; the weights are read when the first unknown word comes."""
    with np.load(installed_file("checkpoint20.npz")) as weights:
        return Guesser(weights, most)
