"""Transformers in a process that has no phon and no network."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ELSEWHERE = """
import json, pathlib, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("train", "pipeline", "phonetic"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
import torch, transformers
found = {}
for kind, (folder, given) in json.loads(sys.argv[1]).items():
    model = getattr(transformers, kind).from_pretrained(folder, trust_remote_code=True)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    given = {name: torch.tensor(value) for name, value in given.items()}
    with torch.no_grad():
        logits = model(**given).logits.tolist()
    made = model.generate(**given, do_sample=False, num_beams=2)
    assert made.shape[1] == model.config.max_position_embeddings or 1 in made, made
    assert tokenizer.bos_token_id == model.generation_config.bos_token_id == 0
    for path in pathlib.Path(folder).glob("*.py"):
        path.unlink()  # saving brings the code back
    model.save_pretrained(folder)
    again = getattr(transformers, kind).from_pretrained(folder, trust_remote_code=True)
    with torch.no_grad():
        assert again(**given).logits.tolist() == logits
    found[kind] = logits
print()
print(json.dumps(found))
"""


def logits_without_phon(work: Mapping[str, tuple[str, Mapping[str, Any]]], home: Path) -> dict[str, Any]:
    """The logits of models for some arguments, by the auto class that loads each from its folder.

    They also generate by beams, and are saved into their folders again.
    """
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HF_"))}
    done = subprocess.run(
        [sys.executable, "-I", "-c", ELSEWHERE, json.dumps(work)],
        cwd=home,
        env={**environment, "HF_HUB_OFFLINE": "1", "HF_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
