"""What text and tokens a model was trained on: notation, special ids, openings. Stored with tokenizer and model."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from train.errors import TrainError
from train.files import read_json, sha256_file, write_json

NAME = "phon.json"
BOS, EOS, PAD = "<|bos|>", "<|eos|>", "<|pad|>"


def type_token(name: str) -> str:
    """The special token of one document type."""
    return f"<|type:{name}|>"


@dataclass(frozen=True)
class Contract:
    """The agreement between training and sampling.

    `openings` maps each document type ("" for none) to the exact ids that every document of it starts with.
    It is written when the tokenizer is trained, packed into every document, copied into every model, and is the
    only way generation can start.
    """

    notation: dict[str, Any]
    vocab_size: int
    bos: int
    eos: int
    pad: int
    openings: dict[str, list[int]]
    documents: dict[str, int]  # training documents by type
    tokenizer_sha256: str
    format: int = 1

    def opening(self, type_name: str) -> list[int]:
        """The ids that a document of this type starts with.

        Raises:
            TrainError: the model knows no such type.
        """
        if type_name not in self.openings:
            known = ", ".join(sorted(name for name in self.openings if name)) or "none: its corpus had no folders"
            raise TrainError(f"this model knows no type {type_name!r}", hint=f"its types are: {known}")
        return self.openings[type_name]

    def special_ids(self) -> set[int]:
        """Ids that stand for no text."""
        return {self.bos, self.eos, self.pad}.union(*self.openings.values())

    def check(self) -> None:
        """Refuse values of other kinds than ours. Raises TypeError."""
        spec, counts = self.notation, self.documents
        kinds = {"name": str, "version": str, "options": dict}
        if not isinstance(spec, dict) or not all(isinstance(spec.get(key), kind) for key, kind in kinds.items()):
            raise TypeError("notation is not a name, a version and options")
        if not isinstance(self.openings, dict) or not all(isinstance(ids, list) for ids in self.openings.values()):
            raise TypeError("openings are not lists of ids by type")
        if not isinstance(counts, dict) or not any(counts.values()):
            raise TypeError("documents are not counts by type")
        if not all(type(count) is int and 0 <= count < 2**53 for count in counts.values()):
            raise TypeError("documents are not counts by type")

    def write(self, folder: Path) -> None:
        """Write it into `folder`."""
        write_json(folder / NAME, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The contract of a tokenizer or model folder, checked against the tokenizer.json beside it.

        Raises:
            TrainError: there is none, it is damaged, or the tokenizer is another one.
        """
        path = folder / NAME
        if not path.is_file():
            raise TrainError(
                f"no {NAME} in {folder}: how its documents start is not known",
                hint='use a folder made by "phon tokenizer" or by training',
            )
        try:
            contract = cls(**read_json(path))
            contract.check()
        except TypeError as error:
            raise TrainError(f"{path} is of another version of phon: {error}", hint="make it again") from error
        tokenizer = folder / "tokenizer.json"
        if not tokenizer.is_file() or sha256_file(tokenizer) != contract.tokenizer_sha256:
            raise TrainError(
                f"{tokenizer} is not the tokenizer that {path} was written for",
                hint="one of the two was replaced: put back the folder as training left it",
            )
        return contract
