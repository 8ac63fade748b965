"""A folder of nltk's data with a dozen words and a tagger of six features, made up."""

import json
import zipfile
from pathlib import Path
from typing import Any

ENTRIES = (
    "A 1 AH0", "A 2 EY1", "HOUSE 1 HH AW1 S", "DON'T 1 D OW1 N T", "FIVE 1 F AY1 V", "SHH 1 SH", "THE 1 DH AH0",
    "TO 1 T UW1", "WE 1 W IY1", "X-RAY 1 EH1 K S R EY2", "YES 1 Y EH1 S", "YES 2 Y EH2 S",
)  # fmt: skip
WEIGHTS = {
    "bias": {"NN": 0.5},
    "i-1 tag TO": {"VB": 2.0, "NN": -1.0},
    "i-1 word we": {"VBP": 3.0},
    "i word object": {"NN": 0.25, "VB": 0.25},
    "i+1 word .": {"NN": 0.125},
    "i-1 tag+i word VBP house": {"NN": 1.0},
}
PACKAGES: dict[str, dict[str, Any]] = {
    "corpora/cmudict": {"cmudict": "".join(f"{entry}\n" for entry in ENTRIES), "README": ""},
    "taggers/averaged_perceptron_tagger_eng": {
        f"averaged_perceptron_tagger_eng.{part}.json": json.dumps(content)
        for part, content in {
            "weights": WEIGHTS,
            "tagdict": {"the": "DT", "to": "TO", ".": "."},
            "classes": ["NN", "DT", "TO", "VB", "VBP", "."],
        }.items()
    },
}


def write(folder: Path, *, packed: bool = False) -> Path:
    """The data as `nltk.download` leaves it, unpacked or as .zip; the folder is handed back."""
    for package, files in PACKAGES.items():
        place = folder / package
        place.parent.mkdir(parents=True, exist_ok=True)
        if packed:
            with zipfile.ZipFile(place.with_suffix(".zip"), "w") as archive:
                for name, content in files.items():
                    archive.writestr(f"{place.name}/{name}", content)
        else:
            place.mkdir()
            for name, content in files.items():
                (place / name).write_text(content, encoding="utf-8")
    return folder
