"""The model for unknown words as torch trains it; phonetic/oov.py runs its integer copy.

Each letter gets one label, a chunk of up to two phones with stress. An encoder of dilated convolutions looks at the
whole word; a small decoder then goes from left to right and knows the two labels before, and the stress so far.
No layer normalises: what is left is sums, products and rectifiers, which small integers do exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

N_LETTERS = 27  # 0 is beyond the word's ends
REACH = 4  # letters to each side that the first layer looks up
N_STATES = 8  # a primary stress so far or not; the last vowel's stress, or no vowel yet


@dataclass(frozen=True)
class Size:
    """Widths and depth."""

    width: int
    inner: int
    dilations: tuple[int, ...]
    decoder: int


SHIPPED = Size(width=128, inner=144, dilations=(1, 1, 2, 4), decoder=128)


def one_hot(numbers: Tensor, n: int, like: Tensor) -> Tensor:
    """Rows of the unit matrix: a product with it is a look-up whose gradient is a product too, and fast on a CPU."""
    return torch.eye(n, dtype=like.dtype)[numbers]


class Block(nn.Module):
    """A residual branch: three letters apart by `dilation`, a rectifier, and back."""

    def __init__(self, size: Size, dilation: int, dropout: float) -> None:
        super().__init__()
        self.dilation = dilation
        self.dropout = dropout
        self.into = nn.Linear(3 * size.width, size.inner)
        self.out = nn.Linear(size.inner, size.width)
        with torch.no_grad():
            self.into.weight.mul_(2.0)
            self.out.weight.mul_(0.7)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) to the same."""
        d, n = self.dilation, x.shape[1]
        padded = F.pad(x, (0, 0, d, d))
        seen = torch.cat([padded[:, :n], x, padded[:, 2 * d :]], dim=2)
        branch: Tensor = self.out(drop(F.relu(self.into(seen)), self.dropout, self.training))
        return x + branch


def drop(x: Tensor, share: float, training: bool) -> Tensor:
    """Dropout of whole channels of a word: (B, T, C) to the same."""
    if not training or not share:
        return x
    kept = (torch.rand(x.shape[0], 1, x.shape[2]) >= share).to(x.dtype) / (1 - share)
    return x * kept


class Model(nn.Module):
    """Letters and the labels so far to scores of the next label."""

    def __init__(self, size: Size, n_labels: int, n_sources: int, dropout: float = 0.05) -> None:
        super().__init__()
        self.n_labels, self.n_sources, self.dropout = n_labels, n_sources, dropout
        self.letters = nn.Linear((2 * REACH + 1) * N_LETTERS + n_sources, size.width)
        self.blocks: Sequence[Block] = nn.ModuleList(  # type: ignore[assignment]
            Block(size, dilation, dropout) for dilation in size.dilations
        )
        self.here = nn.Linear(size.width, size.decoder)
        self.past = nn.Linear(2 * (n_labels + 1) + N_STATES, size.decoder, bias=False)  # the last label: none yet
        self.scores = nn.Linear(size.decoder, n_labels)
        nn.init.normal_(self.letters.weight, std=0.4)
        nn.init.normal_(self.past.weight, std=0.3)

    def encode(self, letters: Tensor, source: Tensor) -> Tensor:
        """(B, T) letters, (B,) sources to (B, T, D)."""
        n = letters.shape[1]
        weight = self.letters.weight
        if torch.is_autocast_enabled("cpu"):
            weight = weight.to(torch.bfloat16)
        rows = one_hot(F.pad(letters, (REACH, REACH)), N_LETTERS, weight)
        near = [rows[:, o : o + n] for o in range(2 * REACH + 1)]
        near.append(one_hot(source, self.n_sources, weight)[:, None].expand(-1, n, -1))
        x = drop(self.letters(torch.cat(near, dim=2)), self.dropout, self.training)
        for block in self.blocks:
            x = block(x)
        found: Tensor = self.here(drop(x, self.dropout, self.training))
        return found

    def decode(self, here: Tensor, before: Tensor, earlier: Tensor, state: Tensor) -> Tensor:
        """What was encoded and the labels so far to (B, T, L) scores."""
        n = self.n_labels + 1
        past = [one_hot(before, n, here), one_hot(earlier, n, here), one_hot(state, N_STATES, here)]
        hidden = F.relu(here + self.past(torch.cat(past, dim=-1)))
        found: Tensor = self.scores(drop(hidden, self.dropout, self.training))
        return found

    def forward(self, letters: Tensor, source: Tensor, before: Tensor, earlier: Tensor, state: Tensor) -> Tensor:
        """Scores (B, T, L) when the right labels so far are given."""
        return self.decode(self.encode(letters, source), before, earlier, state)
