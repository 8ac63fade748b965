"""The order of rows in an epoch: a shuffle that answers "which row is at this place?" without being made."""

import hashlib

import numpy as np
from numpy.typing import NDArray

ROUNDS = 6  # four already pass as random for a balanced network (Luby and Rackoff 1988); two more cost nothing
Ids = NDArray[np.uint64]


class Order:
    """A permutation of 0 to n - 1 that depends on (n, seed, epoch) alone and takes no memory.

    A balanced Feistel network over the next power of four; places that fall outside are sent on until they land
    inside (cycle walking), which is at most four trips on average.

    Source: Black and Rogaway 2002, "Ciphers with arbitrary finite domains", method 3.
    """

    def __init__(self, n: int, seed: int, epoch: int) -> None:
        self.n = n
        self.half = np.uint64(max(1, (max(1, n - 1).bit_length() + 1) // 2))
        self.mask = (np.uint64(1) << self.half) - np.uint64(1)
        digest = hashlib.shake_128(f"phon rows {n} {seed} {epoch}".encode()).digest(8 * ROUNDS)
        self.keys = np.frombuffer(digest, "<u8")

    def __call__(self, places: Ids | NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows at `places`, each at least 0 and below n."""
        row = self._mix(places.astype(np.uint64))
        while (outside := row >= self.n).any():
            row[outside] = self._mix(row[outside])
        return row.astype(np.int64)

    def _mix(self, x: Ids) -> Ids:
        left, right = x >> self.half, x & self.mask
        with np.errstate(over="ignore"):
            for key in self.keys:
                # splitmix64's finaliser (Steele et al. 2014) as the round function
                z = right + key
                z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
                z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
                left, right = right, (left ^ z ^ (z >> np.uint64(31))) & self.mask
        return (left << self.half) | right
