"""Files of nltk's data, found in the folders where nltk looks for them, without importing nltk."""

import os
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from phonetic.errors import PhoneticError

DOWNLOAD = "python -m nltk.downloader cmudict averaged_perceptron_tagger_eng"


def folders() -> Iterator[Path]:
    """Where nltk's data may lie, in nltk's order."""
    yield from (Path(place).expanduser() for place in os.environ.get("NLTK_DATA", "").split(os.pathsep) if place)
    yield Path.home() / "nltk_data"
    yield from (Path(sys.prefix, *below, "nltk_data") for below in ((), ("share",), ("lib",)))
    if os.name == "nt":
        yield Path(os.environ.get("APPDATA", "C:\\")) / "nltk_data"
        yield from (Path(f"{drive}:\\nltk_data") for drive in "CDE")
    else:
        yield from (Path("/usr", *below, "nltk_data") for below in (("share",), ("local", "share")))
        yield from (Path("/usr", *below, "nltk_data") for below in (("lib",), ("local", "lib")))


def find_package(kind: str, name: str) -> Path:
    """The folder of one of nltk's packages, or the .zip that `nltk.download` leaves.

    Args:
        kind: The folder of packages: corpora or taggers.
        name: The package.

    Raises:
        PhoneticError: it is in none of the folders.
    """
    for folder in folders():
        for path in (folder / kind / name, folder / kind / f"{name}.zip"):
            if path.exists():
                return path
    raise PhoneticError(
        f"g2p-en needs nltk's {name}, and {kind}/{name} is in no folder of nltk's data",
        hint=f"{DOWNLOAD}; or set NLTK_DATA to the folder that holds {kind}",
    )


def read_text(kind: str, name: str, file: str) -> str:
    """A file of one of nltk's packages.

    Raises:
        PhoneticError: the package is not there, or is damaged.
    """
    path = find_package(kind, name)
    try:
        if path.suffix != ".zip":
            return (path / file).read_text(encoding="utf-8")
        with zipfile.ZipFile(path) as archive:
            return archive.read(f"{name}/{file}").decode("utf-8")
    except (OSError, ValueError, LookupError, zipfile.BadZipFile, zlib.error) as error:
        raise PhoneticError(f"{path} cannot be read: {error}", hint=f"get it anew: {DOWNLOAD}") from error
