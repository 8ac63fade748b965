"""What text and tokens a model was trained on: notation, special ids, openings. Stored with tokenizer and model."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from train.errors import TrainError
from train.files import read_json, sha256_file, write_json

NAME, TOKENIZER, SOURCE_TOKENIZER = "phon.json", "tokenizer.json", "source-tokenizer.json"
BOS, EOS, PAD = "<|bos|>", "<|eos|>", "<|pad|>"


def type_token(name: str) -> str:
    """The special token of one document type."""
    return f"<|type:{name}|>"


def span_token(number: int) -> str:
    """The special token of one sentinel, which stands for a span that was taken out of a source."""
    return f"<|span:{number}|>"


@dataclass(frozen=True)
class Pairing:
    """What sets a corpus of pairs apart: how its sources are written; the contract's own notation is the targets'.

    Args:
        written: Sides ("source", "target") whose text comes in its notation; the others are converted.
        offset: What is added to the ids of source-tokenizer.json, where sources have a tokenizer of their own.
        tokenizer_sha256: Of that file; "" where both sides share one tokenizer.
    """

    notation: dict[str, Any]
    written: list[str]
    offset: int = 0
    tokenizer_sha256: str = ""


@dataclass(frozen=True)
class Contract:
    """The agreement between training and sampling.

    `openings` maps each document type ("" for none) to the exact ids that every document of it starts with.
    It is written when the tokenizer is trained, packed into every document, copied into every model, and is the
    only way generation can start. With `pairs`, documents are sources, which end in `eos` and have no opening, each
    followed by its target, which is a document like any other. `sentinels` stand for spans taken out of a source.
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
    pairs: Pairing | None = None
    sentinels: list[int] = field(default_factory=list)

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
        """Ids that stand for no text of a document, or target."""
        of_sources = range(self.pairs.offset, self.vocab_size) if self.pairs and self.pairs.offset else ()
        return {self.bos, self.eos, self.pad, *self.sentinels, *of_sources}.union(*self.openings.values())

    def check(self) -> None:
        """Refuse values of other kinds than ours. Raises TypeError."""
        counts = self.documents
        kinds = {"name": str, "version": str, "options": dict}
        for spec in (self.notation, *([self.pairs.notation] if self.pairs else [])):
            if not isinstance(spec, dict) or not all(isinstance(spec.get(key), kind) for key, kind in kinds.items()):
                raise TypeError("notation is not a name, a version and options")
        if self.pairs and not (isinstance(self.pairs.written, list) and type(self.pairs.offset) is int):
            raise TypeError("pairs are not sides and an offset")
        if not isinstance(self.sentinels, list) or not all(type(token) is int for token in self.sentinels):
            raise TypeError("sentinels are not ids")
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
            values = read_json(path)
            contract = cls(**{**values, "pairs": Pairing(**values["pairs"]) if values.get("pairs") else None})
            contract.check()
        except TypeError as error:
            raise TrainError(f"{path} is of another version of phon: {error}", hint="make it again") from error
        expected = {TOKENIZER: contract.tokenizer_sha256}
        if contract.pairs and contract.pairs.tokenizer_sha256:
            expected[SOURCE_TOKENIZER] = contract.pairs.tokenizer_sha256
        for name, sha256 in expected.items():
            if not (folder / name).is_file() or sha256_file(folder / name) != sha256:
                raise TrainError(
                    f"{folder / name} is not the tokenizer that {path} was written for",
                    hint="one of the two was replaced: put back the folder as training left it",
                )
        return contract
