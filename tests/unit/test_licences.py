"""Whoever installs phon gets permissive licences only; the exceptions are named here, each with its reason."""

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, files
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PERMISSIVE = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "CNRI-Python", "ISC", "MIT"),
    *("Apache-2.0 WITH LLVM-exception", "MIT-CMU", "PSF-2.0", "Zlib"),
    # As older packages write them, in `License` and in classifiers.
    *("Apache", "Apache 2.0", "Apache 2.0 License", "Apache License, Version 2.0", "Apache Software License"),
    *("BSD", "BSD License", "MIT License", "ISC License", "ISC License (ISCL)"),
    *("PSFL", "Python Software Foundation License"),
}

# Read by us: what the package says of itself, and why it may stay. Another statement, and it must be read again.
REVIEWED = {
    "tqdm": ("MPL-2.0", "its copyleft ends at tqdm's own files, and phon neither changes nor ships them"),
}

# A CUDA build of torch brings its vendor's libraries: they come with the user's choice of that build.
OF_THE_CUDA_BUILD = ("nvidia-", "cuda-")


def statements(package: Distribution) -> set[str]:
    """Every licence that a distribution's metadata names; a whole licence text in `License` is no name."""
    metadata = package.metadata
    found: set[str] = set()
    for expression in metadata.get_all("License-Expression") or []:
        found.update(re.split(r"\s+AND\s+|\s+OR\s+|[()]", expression))
    for text in metadata.get_all("License") or []:
        if "\n" not in text.strip():
            found.update(text.split(" AND "))
    for classifier in metadata.get_all("Classifier") or []:
        if classifier.startswith("License :: "):
            found.add(classifier.split(" :: ")[-1])
    return {name.strip() for name in found} - {"", "OSI Approved", "UNKNOWN"}


def complaint(package: Distribution) -> str:
    """Why a distribution may not be in the core; empty if it may."""
    name = canonicalize_name(package.name)
    said = statements(package)
    if not said:
        return f"{name}: its metadata names no licence"
    wrong = sorted(said - PERMISSIVE - {REVIEWED.get(name, ("", ""))[0]})
    return f"{name}: {', '.join(wrong)}" if wrong else ""


def requirements(package: Distribution, extras: frozenset[str]) -> Iterator[Requirement]:
    """What `package` with these extras needs on this machine."""
    for line in package.requires or []:
        needed = Requirement(line)
        if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras | {""}):
            yield needed


def closure(name: str) -> dict[str, Distribution]:
    """The distribution `name` without extras, and all that it needs, by canonical name."""
    found: dict[str, Distribution] = {}
    waiting = [(name, frozenset[str]())]
    seen = set()
    while waiting:
        name, extras = waiting.pop()
        key = canonicalize_name(name)
        if (key, extras) in seen or key.startswith(OF_THE_CUDA_BUILD):
            continue
        seen.add((key, extras))
        found[key] = distribution(name)
        waiting += [(needed.name, frozenset(needed.extras)) for needed in requirements(found[key], extras)]
    return found


@pytest.fixture(scope="module")
def core() -> dict[str, Distribution]:
    """What `pip install phon` brings."""
    return closure("phon")


def test_every_licence_in_the_core_is_permissive_or_reviewed(core: dict[str, Distribution]) -> None:
    assert len(core) > 40, sorted(core)
    assert [words for package in core.values() if (words := complaint(package))] == []


def test_no_review_outlives_its_package(core: dict[str, Distribution]) -> None:
    assert core.keys() >= REVIEWED.keys()


def install(folder: Path, name: str, lines: str) -> Distribution:
    """A distribution that is nothing but its metadata, in `folder`."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\n{lines}\n")
    return Distribution.at(info)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("License-Expression: GPL-3.0-or-later", "fake: GPL-3.0-or-later"),
        ("License-Expression: MIT AND LGPL-2.1-only", "fake: LGPL-2.1-only"),
        ("License: AGPLv3", "fake: AGPLv3"),
        ("License: MIT\nClassifier: License :: OSI Approved :: GPL (GPLv2)", "fake: GPL (GPLv2)"),
        ("License: to be found in the file COPYING", "fake: to be found in the file COPYING"),
        ("License: A whole text\n        of permissions", "fake: its metadata names no licence"),
        ("Classifier: License :: OSI Approved", "fake: its metadata names no licence"),
        ("Summary: It says nothing.", "fake: its metadata names no licence"),
    ],
)
def test_copyleft_and_unknown_licences_are_named(lines: str, expected: str, tmp_path: Path) -> None:
    assert complaint(install(tmp_path, "fake", lines)) == expected


def test_a_gpl_package_deep_in_the_closure_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "outer", "License: MIT\nRequires-Dist: middle\nRequires-Dist: absent; extra == 'more'")
    install(tmp_path, "middle", "License: MIT\nRequires-Dist: Inner_Most[x]>=1\nRequires-Dist: nvidia-runtime")
    install(tmp_path, "inner_most", "License: GPL\nRequires-Dist: outer; extra == 'x'")
    monkeypatch.syspath_prepend(tmp_path)
    found = closure("outer")
    assert sorted(found) == ["inner-most", "middle", "outer"]
    assert [words for package in found.values() if (words := complaint(package))] == ["inner-most: GPL"]


def test_a_missing_dependency_is_an_error_and_not_a_pass() -> None:
    with pytest.raises(PackageNotFoundError):
        closure("no-such-package-as-this")


def test_neither_g2p_en_nor_its_gpl_requirement_is_in_the_core(core: dict[str, Distribution]) -> None:
    assert core.keys() & {"g2p-en", "distance"} == set()


def test_neither_g2p_en_nor_phon_imports_the_gpl_package(root: Path) -> None:
    sources = [Path(str(path.locate())) for path in files("g2p-en") or [] if path.suffix == ".py"]
    assert sorted(path.name for path in sources) == ["__init__.py", "expand.py", "g2p.py"]
    sources += [path for folder in ("pipeline", "phonetic", "train") for path in (root / folder).rglob("*.py")]
    importing = re.compile(r"^\s*(import|from)\s+distance\b", re.MULTILINE)
    assert [str(path) for path in sources if importing.search(path.read_text(encoding="utf-8"))] == []
