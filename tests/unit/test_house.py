"""What holds for the repository as a whole: names, sizes, imports, and nothing of anyone's machine in it."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution, packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from train.notation import Notation

OURS = ("pipeline", "phonetic", "train")
SLOW = {"torch", "transformers", "tokenizers", "datasets", "accelerate", "matplotlib", "nltk", "pandas", "scipy"}
LONGEST_FILE_LINES = 450
MACHINE = re.compile(
    rb"(?<![\w.~])/(?:home|Users|root|work|opt|mnt)/\w"  # paths of a machine
    rb"|[A-Z]:\\\\?Users\\"
    rb"|(?:pypi|pythonhosted|debian|npmjs)[.](?:org|com|io)\b",  # hosts of registries
)


def tracked(root: Path) -> list[Path]:
    """The files that git keeps or is about to."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=root, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [path for name in listed.stdout.decode().split("\0") if name and (path := root / name).is_file()]


def sources(root: Path) -> list[Path]:
    """The modules of our packages."""
    return sorted(path for name in OURS for path in (root / name).rglob("*.py"))


def loaded_by(statement: str) -> set[str]:
    """The first parts of the names of all modules that a fresh interpreter loads to run `statement`."""
    code = f"import json, sys; before = set(sys.modules)\n{statement}\nprint(json.dumps([*set(sys.modules) - before]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


def test_no_file_of_train_hides_a_library(root: Path) -> None:
    # Launched as a script, train/run.py has its own folder first on the import path.
    libraries = (sys.stdlib_module_names | packages_distributions().keys()) - {*OURS, "configs"}
    assert "tokenize" in libraries and "datasets" in libraries
    assert [path.name for path in (root / "train").iterdir() if path.stem in libraries] == []


def test_reading_shards_loads_only_numpy_and_pyarrow() -> None:
    # pyarrow takes along what it finds installed (cloudpickle, for one): that is its own affair.
    beyond = loaded_by("import train.shards") - loaded_by("import numpy, pyarrow")
    assert beyond - sys.stdlib_module_names == {"train"}


@pytest.mark.parametrize(
    "module",
    [f"train.{name}" for name in ("errors", "files", "manifest", "workspace", "notation", "contract", "config")],
)
def test_the_lower_floor_of_train_loads_no_slow_library(module: str) -> None:
    assert loaded_by(f"import {module}") & SLOW == set()


def test_phonetic_loads_neither_torch_nor_click_nor_nltk() -> None:
    assert loaded_by("import phonetic") <= {"phonetic"}
    assert loaded_by("import phonetic.arpabet") & (SLOW | {"click", "g2p_en"}) == set()


def test_the_front_door_of_the_command_loads_no_slow_library() -> None:
    help_page = "import contextlib, pipeline.cli\nwith contextlib.suppress(SystemExit): pipeline.cli.main(['--help'])"
    assert loaded_by(help_page) & (SLOW | {"numpy", "pyarrow", "g2p_en"}) == set()


def test_converting_words_of_no_dictionary_loads_neither_g2p_en_nor_what_it_requires() -> None:
    convert = (
        "from train.notation import load_notation\n"
        "load_notation({'name': 'arpabet'}).convert(['The wumblegong will record 3 records on 4 May 1999.'])"
    )
    assert loaded_by(convert) & {"g2p_en", "distance", "inflect", "torch"} == set()


def test_no_source_file_is_long(root: Path) -> None:
    long = {
        str(path.relative_to(root)): lines
        for path in tracked(root)
        if path.suffix == ".py" and (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE_LINES
    }
    assert long == {}


def test_every_module_says_in_one_line_what_it_is(root: Path) -> None:
    wrong = []
    for path in sources(root):
        first, *rest = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").splitlines() or [""]
        if not first.endswith((".", "?", ":")) or (rest and rest[0]):
            wrong.append(f"{path.relative_to(root)}: {first!r}")
    assert wrong == []


def test_no_file_names_a_machine_or_a_registry(root: Path) -> None:
    found = []
    for path in tracked(root):
        content = path.read_bytes()
        if b"\0" not in content:
            found += [f"{path.relative_to(root)}: {match[0].decode()}" for match in MACHINE.finditer(content)]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [b"at /home" + b"/ann/x", b"'/work" + b"/data'", b"C:\\Users" + b"\\ann", b"https://pypi" + b".org/simple"],
)
def test_paths_and_hosts_are_recognised(line: bytes) -> None:
    assert MACHINE.search(line)


@pytest.mark.parametrize("text", ["", "Don't  shout!\n", "\u00aa \u00df \ufb01 \u0149"])
def test_the_notation_of_the_contributors_guide_keeps_its_rules(root: Path, text: str) -> None:
    example = re.search(r"```python\n(.*?)```", (root / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.DOTALL)
    assert example
    names: dict[str, Any] = {}
    exec(example[1], names)
    notation = names["Shouting"](marks=False)
    assert isinstance(notation, Notation)
    assert notation.problems(notation.convert([text])[0]) == []


def test_every_dependency_is_pinned_and_each_pin_is_allowed(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}
    for line in project["dependencies"] + project["optional-dependencies"]["dev"]:
        wanted = Requirement(line)
        assert pins.get(canonicalize_name(wanted.name), "none") in wanted.specifier, line


def test_every_entry_point_leads_to_something() -> None:
    ours = distribution("phon").entry_points
    assert {entry.group for entry in ours} == {"console_scripts", "phon.commands", "phon.notations"}
    assert [entry.name for entry in ours if not callable(entry.load())] == []
