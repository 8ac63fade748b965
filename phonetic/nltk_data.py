"""Files of nltk's data, found in the folders where nltk looks for them, without importing nltk."""

import os
import sys
import zipfile
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


def read_text(kind: str, name: str, file: str) -> str:
    """A file of one of nltk's packages, unpacked or in the .zip that `nltk.download` leaves.

    Args:
        kind: The folder of packages: corpora or taggers.
        name: The package.
        file: The file in it.

    Raises:
        PhoneticError: it is in none of the folders, or damaged.
    """
    for folder in folders():
        plain, packed = folder / kind / name / file, folder / kind / f"{name}.zip"
        try:
            if plain.is_file():
                return plain.read_text(encoding="utf-8")
            if packed.is_file():
                with zipfile.ZipFile(packed) as archive:
                    return archive.read(f"{name}/{file}").decode("utf-8")
        except (OSError, UnicodeDecodeError, zipfile.BadZipFile, KeyError) as error:
            where = plain if plain.is_file() else packed
            raise PhoneticError(f"{where} cannot be read: {error}", hint=f"get it anew: {DOWNLOAD}") from error
    raise PhoneticError(
        f"g2p-en needs nltk's {name}, and {kind}/{name} is in no folder of nltk's data",
        hint=f"{DOWNLOAD}; or set NLTK_DATA to the folder that holds {kind}",
    )
