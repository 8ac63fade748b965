"""manifest.json: what a folder was made from and what is in it; written last, so it marks the folder whole."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from train.errors import TrainError
from train.files import LIST_BYTES, read_checked, sha256_file, write_checked

NAME = "manifest.json"
FORMAT = 1


@dataclass(frozen=True)
class Manifest:
    """A pure function's input and output: same `stage`, `inputs`, `options` and `versions`, same `files`."""

    stage: str
    inputs: list[dict[str, Any]]  # name, size_bytes and sha256 of each
    options: dict[str, Any]
    versions: dict[str, str]  # of the tools whose change changes the output
    counts: dict[str, Any] = field(default_factory=dict)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)  # path in the folder -> size_bytes, sha256
    format: int = FORMAT

    def same_work(self, other: Self) -> bool:
        """Whether both describe the same input, options and versions."""
        return (self.stage, self.inputs, self.options, self.versions, self.format) == (
            other.stage,
            other.inputs,
            other.options,
            other.versions,
            other.format,
        )

    def write(self, folder: Path) -> None:
        """Write it into `folder`, in place of any other."""
        write_checked(folder / NAME, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """The manifest of `folder`, or None where there is none (the folder is then unfinished).

        Raises:
            TrainError: it is damaged.
        """
        path = folder / NAME
        if not path.is_file():
            return None
        try:
            found = cls(**read_checked(path, LIST_BYTES))
            for name in ("options", "versions", "counts", "files"):
                if not isinstance(getattr(found, name), dict):
                    raise TypeError(f"{name} are no names with values")
            if not isinstance(found.inputs, list):
                raise TypeError("inputs are no list")
            for name, facts in found.files.items():
                if not isinstance(facts, dict) or not {"size_bytes", "sha256"} <= facts.keys():
                    raise TypeError(f"it has no size and checksum of {name}")
        except TypeError as error:
            raise TrainError(
                f"{path} is of another version of phon: {error}",
                hint="delete it and run the command that wrote it again",
            ) from error
        return found

    def damage(self, folder: Path, under: str = "") -> str | None:
        """The first file of `folder`, or of what in it starts with `under`, that is not what was written, and how."""
        for name, facts in sorted(self.files.items()):
            if not name.startswith(under):
                continue
            path = folder / name
            if not path.is_file():
                return f"{path} is missing"
            size = path.stat().st_size
            if size != facts["size_bytes"]:
                return f"{path} has {size:,} bytes where {facts['size_bytes']:,} were written"
            if sha256_file(path) != facts["sha256"]:
                return f"{path} was changed or damaged: its checksum does not match"
        return None

    def is_current(self, folder: Path) -> bool:
        """Whether `folder` already holds the result of this very work, whole."""
        try:
            there = Manifest.read(folder)
        except TrainError:
            return False  # what is damaged is made anew
        return there is not None and self.same_work(there) and there.damage(folder) is None


def describe_files(folder: Path, names: list[str]) -> dict[str, dict[str, Any]]:
    """The `files` of a manifest: size in bytes and SHA-256 of each name in `folder`."""
    return {
        name: {"size_bytes": (folder / name).stat().st_size, "sha256": sha256_file(folder / name)}
        for name in sorted(names)
    }


def require(folder: Path, *, stage: str, command: str, what: str) -> Manifest:
    """The manifest of a finished folder whose files are all whole.

    Args:
        folder: Where the stage before wrote.
        stage: What its manifest must say.
        command: What the user runs to make it.
        what: Its name in messages, "shards" for example.

    Raises:
        TrainError: nothing there, unfinished, of another stage, or damaged.
    """
    found = Manifest.read(folder)
    if found is None or found.stage != stage:
        raise TrainError(f"no {what} in {folder}", hint=f'run "{command}" first, or pass --workspace')
    damage = found.damage(folder)
    if damage:
        raise TrainError(damage, hint=f'run "{command}" again: it makes the damaged files anew')
    return found
