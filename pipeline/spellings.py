"""data/text/spellings.zz: how the words of a corpus are spelled, counted part by part; for `phon spell`."""

from pathlib import Path

from phonetic.counts import Counts
from pipeline.parts import counts_path, part_paths
from train.errors import TrainError
from train.files import PUT_BACK, remove, sha256_file, write_bytes
from train.manifest import Manifest

NAME = "spellings.zz"
FORMAT = 2
WHOLE = 8  # blocks that are counted, all of the first part's, which is 2 MiB of text
EVERY = 4  # of what comes after


def is_counted(part: int, block: int) -> bool:
    """Whether the words of a part's block are counted, for counting takes nearly as long as converting.

    They are in the first 2 MiB of a corpus, and from there on in every fourth block of parts 0, 1, 2, 4, 8 and so on.
    """
    return part & (part - 1) == 0 and (block % EVERY == 0 or (part == 0 and block < WHOLE))


def write_counts(part: Path, counts: Counts) -> str:
    """Write the counts of a part beside it, if there are any; their SHA-256, or ""."""
    path = counts_path(part)
    if not counts.words:
        remove(path)
        return ""
    write_bytes(path, counts.pruned().dump())
    return sha256_file(path)


def merge_counts(folder: Path) -> list[str]:
    """Add up the counts of all parts; the names of the files written, none where nothing was counted."""
    counted = [path for part in part_paths(folder) if (path := counts_path(part)).exists()]
    if not counted:
        remove(folder / NAME)
        return []
    write_bytes(folder / NAME, Counts.merge(Counts.load(path.read_bytes()) for path in counted).dump())
    return [NAME]


def read_counts(folder: Path) -> Counts | None:
    """The counts of a prepared corpus; None if there are none.

    Raises:
        TrainError: they are damaged.
    """
    made = Manifest.read(folder)
    if made is None or NAME not in made.files:
        return None
    path = folder / NAME
    if not path.is_file() or sha256_file(path) != made.files[NAME]["sha256"]:
        raise TrainError(f"{path} was changed or damaged: its checksum does not match", hint=PUT_BACK)
    return Counts.load(path.read_bytes())
