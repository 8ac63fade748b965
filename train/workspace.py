"""Where each stage reads and writes, so that commands need no paths."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from train.errors import TrainError

VARIABLE = "PHON_WORKSPACE"


@dataclass(frozen=True)
class Workspace:
    """The folders of one project: `data/` from preparation, `runs/` from training."""

    root: Path

    @classmethod
    def find(cls, option: str | Path | None = None) -> Self:
        """The folder given, else `PHON_WORKSPACE`, else the current folder.

        Raises:
            TrainError: it is not a folder.
        """
        root = Path(option or os.environ.get(VARIABLE) or ".")
        if root.exists() and not root.is_dir():
            raise TrainError(f"the workspace {root} is a file", hint="pass a folder to --workspace")
        return cls(root)

    @property
    def text(self) -> Path:
        """Converted documents."""
        return self.root / "data" / "text"

    @property
    def tokenizer(self) -> Path:
        """tokenizer.json and the contract."""
        return self.root / "data" / "tokenizer"

    @property
    def shards(self) -> Path:
        """Token shards, `train/` and `validation/`."""
        return self.root / "data" / "shards"

    @property
    def samples(self) -> Path:
        """Samples, a file for each time that some were asked for."""
        return self.root / "data" / "samples"

    @property
    def runs(self) -> Path:
        """One folder a training."""
        return self.root / "runs"

    @property
    def exports(self) -> Path:
        """Models as they are shared."""
        return self.root / "exports"
