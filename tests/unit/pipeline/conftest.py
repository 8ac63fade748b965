"""A workspace as `phon prepare` leaves it, without preparing anything."""

import hashlib
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from train.files import write_atomic
from train.manifest import Manifest, describe_files
from train.workspace import Workspace

PLAIN = {"name": "text", "version": "1", "options": {}}
Prepared = Callable[..., Workspace]


@pytest.fixture
def prepared(tmp_path: Path) -> Prepared:
    """Makes a workspace of converted documents, given as (type, text); each tenth from the second is validation."""

    def make(
        documents: Sequence[tuple[str, str]], notation: dict[str, Any] | None = None, per_part: int = 7
    ) -> Workspace:
        workspace = Workspace(tmp_path)
        for part in range(0, len(documents), per_part):
            rows = [
                {
                    "id": f"{number}",
                    "source": "corpus.txt",
                    "type": name,
                    "text": text,
                    "n_bytes": 2 * len(text.encode()),
                    "split_key": int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) | 1 << 62,
                    "original": None,
                }
                for number, (name, text) in enumerate(documents[part : part + per_part], start=part)
            ]
            schema = pa.schema(
                [(name, pa.string()) for name in ("id", "source", "type", "text")]
                + [("n_bytes", pa.int64()), ("split_key", pa.uint64()), ("original", pa.string())]
            )
            with write_atomic(workspace.text / f"part-{part // per_part:05}.parquet") as file:
                pq.write_table(pa.Table.from_pylist(rows, schema=schema), file)
        held_out = [str(number) for number in range(1, len(documents), 10)]
        Manifest(
            stage="prepare",
            inputs=[],
            options={"notation": notation or PLAIN},
            versions={},
            counts={"validation": {"below": 0, "ids": held_out}},
            files=describe_files(workspace.text, [path.name for path in workspace.text.glob("part-*")]),
        ).write(workspace.text)
        return workspace

    return make


@pytest.fixture
def compact(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The spec of a notation with the symbols of compact ARPAbet, without a lexicon to load."""

    class Compact:
        symbols = tuple(vowel + stress for vowel in "a@AcWYERIieoOUu" for stress in "012") + tuple(
            "bCDdfghJklmnGprsStTvwyzZ"
        )

    monkeypatch.setattr("pipeline.tokenizer.load_notation", lambda spec: Compact)
    return {"name": "arpabet", "version": "1", "options": {"form": "compact", "stress": True}}


@pytest.fixture
def phones() -> list[tuple[str, str]]:
    """Sixty documents in compact ARPAbet, of two types."""
    text = "fA0nE1tI0k I1GglI0S k@1t s@1t a0n D@1t m@1t wI1 h@1z, DA0 b@1t. O1l wU1d"
    chance = random.Random(0)
    return [(("prose", "verse")[i % 2], " ".join(chance.choices(text.split(), k=20))) for i in range(60)]
