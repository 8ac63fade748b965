"""Which documents are for validation: told by a hash of their text, the same on every machine and in every order."""

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.parts import read_tables

KEYS = 2**64  # split keys lie below


class Split(NamedTuple):
    """Documents are for validation if their split key is below `below`, or they are among `ids`."""

    below: int
    ids: list[str]

    def is_validation(self, table: Any) -> Any:
        """A boolean numpy array, one a row, for a pyarrow table with the columns `split_key` and `id`."""
        import pyarrow as pa  # slow to import
        import pyarrow.compute as pc

        held_out = pc.is_in(table["id"], value_set=pa.array(self.ids, pa.string())).to_numpy()
        return (table["split_key"].to_numpy() < self.below) | held_out


def choose_split(folder: Path, share: float) -> Split:
    """Split the parts of a folder by key, leaving neither side empty if there are two documents or more.

    A document goes where its content sends it, so equal texts stay together and a corpus that grows keeps its split.
    One document alone is for training.
    """
    smallest, largest, first, documents = KEYS, -1, "", 0
    for table in read_tables(folder, ["split_key", "id"]):
        keys = table["split_key"].to_numpy()
        smallest, largest = min(smallest, int(keys.min())), max(largest, int(keys.max()))
        first = first or table["id"][0].as_py()
        documents += len(table)
    if documents < 2:
        return Split(0, [])
    if smallest == largest:  # all texts are the same
        return Split(0, [first])
    return Split(min(max(int(share * KEYS), smallest + 1), largest), [])


def count_by(folder: Path, split: Split) -> tuple[Counter[str], Counter[str]]:
    """Documents by split and by type."""
    by_split: Counter[str] = Counter(train=0, validation=0)
    by_type: Counter[str] = Counter()
    for table in read_tables(folder, ["split_key", "id", "type"]):
        validation = int(split.is_validation(table).sum())
        by_split.update(train=len(table) - validation, validation=validation)
        by_type.update({row["values"]: row["counts"] for row in table["type"].value_counts().to_pylist()})
    return by_split, by_type
