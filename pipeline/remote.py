"""Corpora that are no files: Hugging Face data sets (hf://…) and nltk's corpora (nltk://…)."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from pipeline.decoding import with_newlines
from pipeline.document import ReadOptions
from pipeline.errors import PipelineError
from pipeline.formats import Record, record_of
from pipeline.streams import explained
from train.files import sha256_file

HF = "hf://"
NLTK = "nltk://"


class DataSet(NamedTuple):
    """What an hf:// address says."""

    path: str
    config: str | None
    split: str
    revision: str | None


def parse_hf(address: str) -> DataSet:
    """The parts of `hf://NAME`, `hf://USER/NAME`, `hf://USER/NAME/CONFIG` or `hf:///local/folder`.

    `?config=`, `?split=` (train unless told) and `?revision=` may follow.
    """
    path, _, query = address.removeprefix(HF).partition("?")
    settings = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(settings.keys() - {"config", "split", "revision"})
    if unknown or not path.strip("/"):
        what = f"?{unknown[0]}=" if unknown else "no name"
        raise PipelineError(
            f"{address}: {what} means nothing here",
            hint="write hf://USER/NAME, hf://USER/NAME/CONFIG or hf:///folder, then ?split=NAME if it is not train",
        )
    config = settings.get("config")
    parts = path.split("/")
    if not is_local(path) and len(parts) == 3 and config is None:
        path, config = "/".join(parts[:2]), parts[2]
    return DataSet(path, config, settings.get("split", "train"), settings.get("revision"))


def is_local(path: str) -> bool:
    """Whether a data set's path is a folder here, not a name on the hub."""
    return path.startswith(("/", "./", "../", "~")) or Path(path).is_dir()


def is_saved_dataset(folder: Path) -> bool:
    """Whether `save_to_disk` made this folder."""
    names = {path.name for path in folder.iterdir()}
    return "dataset_dict.json" in names or {"state.json", "dataset_info.json"} <= names


def hf_records(address: str, options: ReadOptions) -> Iterator[Record]:
    """The rows of a data set, streamed.

    Raises:
        PipelineError: it cannot be had, or has no such split, config or field.
    """
    rows = _load(address)
    name_of = getattr((rows.features or {}).get(options.type_field), "int2str", None)  # a ClassLabel has it
    iterator = iter(rows)
    number = 0
    while True:
        try:
            row = next(iterator, None)
        except Exception as error:  # the network, the hub and a dozen formats stand behind this call
            raise PipelineError(
                f"{address}, row {number}: {_brief(error)}", hint="try again; a damaged copy must be fetched anew"
            ) from error
        if row is None:
            return
        label = row.get(options.type_field)
        if name_of is not None and isinstance(label, int):
            row = {**row, options.type_field: name_of(label) if label >= 0 else None}  # -1: not labelled
        yield record_of(row, f"{address}, row {number}", options)
        number += 1


def _load(address: str) -> Any:
    import datasets  # slow

    wanted = parse_hf(address)
    folder = Path(wanted.path).expanduser()
    if is_local(wanted.path) and not folder.is_dir():
        raise PipelineError(f"{address}: no such folder", hint="hf:///folder is a data set on this machine")
    try:
        if not is_local(wanted.path) or not is_saved_dataset(folder):
            path = str(folder) if is_local(wanted.path) else wanted.path
            return datasets.load_dataset(
                path, wanted.config, split=wanted.split, revision=wanted.revision, streaming=True
            )
        saved = datasets.load_from_disk(str(folder))
        if not isinstance(saved, datasets.DatasetDict):
            return saved
        if wanted.split in saved:
            return saved[wanted.split]
    except Exception as error:  # as above; the library's own words say it best
        raise PipelineError(
            f"cannot load {address}: {_brief(error)}",
            hint="check the name, the network and the login; ?split= and ?config= choose among its parts",
        ) from error
    raise PipelineError(
        f"{address} has no split {wanted.split!r}; there are {', '.join(map(repr, saved))}",
        hint="choose one with ?split=NAME",
    )


def _brief(error: Exception) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__


def hf_fingerprint(address: str) -> str:
    """What changes when the data set does: the content of a local folder, the files and revision of one on the hub."""
    wanted = parse_hf(address)
    if is_local(wanted.path):
        folder = Path(wanted.path).expanduser()
        digest = hashlib.sha256(repr(wanted[1:]).encode())
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                digest.update(f"{path.relative_to(folder)}\0{sha256_file(path)}\n".encode())
        return digest.hexdigest()
    import datasets

    try:
        builder = datasets.load_dataset_builder(wanted.path, wanted.config, revision=wanted.revision)
    except Exception as error:  # as in _load
        raise PipelineError(
            f"cannot load {address}: {_brief(error)}", hint="check the name, the network and the login"
        ) from error
    # the addresses of its files name the revision they were resolved to
    facts = (wanted, builder.config_id, builder.hash, sorted((builder.config.data_files or {}).items()))
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def nltk_texts(address: str) -> Iterator[tuple[str, str]]:
    """Name and text of each file of an nltk corpus, in byte order of the names.

    Raises:
        PipelineError: nltk has no such corpus, or its data is not installed.
    """
    reader = _nltk_reader(address)
    for file in sorted(reader.fileids(), key=str.encode):
        with explained(f"{address}/{file}"):
            text = reader.raw(file)
        yield file, with_newlines(text)


def _nltk_reader(address: str) -> Any:
    import nltk.corpus  # slow

    name = address.removeprefix(NLTK).strip("/")
    reader = getattr(nltk.corpus, name, None) if re.fullmatch("[a-z][a-z0-9_]*", name) else None
    if reader is None or type(reader).__name__ == "module":
        raise PipelineError(f"nltk has no corpus {name!r}", hint="nltk://gutenberg is one; nltk.org lists them")
    try:
        if not hasattr(reader, "raw") or not hasattr(reader, "fileids"):  # this loads it
            raise PipelineError(
                f"{address} is no corpus of running text", hint="nltk://gutenberg and nltk://inaugural are"
            )
    except LookupError as error:
        raise PipelineError(
            f"the data of nltk's corpus {name!r} is not installed",
            hint=f'run "python -m nltk.downloader {name}", or put it in corpora/{name} in a folder that the '
            "environment variable NLTK_DATA names",
        ) from error
    return reader


def nltk_fingerprint(address: str) -> str:
    """SHA-256 of an nltk corpus's names and texts."""
    digest = hashlib.sha256()
    for name, text in nltk_texts(address):
        digest.update(f"{name}\0{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}\n".encode())
    return digest.hexdigest()
