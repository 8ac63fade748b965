"""A Space of the Hugging Face Hub: a web page that writes samples, with the model and phon itself in it.

phon stands in no package index, so the Space brings it along as a wheel. Spaces install what requirements.txt names
before their other files are there, so `app.py` unpacks the wheel when it starts rather than having it installed.
"""

import base64
import hashlib
import re
import sysconfig
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from pipeline.errors import PipelineError
from train.files import write_atomic, write_bytes, write_text

OURS = ("configs", "phonetic", "pipeline", "train")
APP, REQUIREMENTS, CARD = "app.py", "requirements.txt", "README.md"
GRADIO = ("6.31.0", "gradio>=6,<7")  # what the Space asks for, and what else app.py can do with
# Of phon's own requirements, what writing samples takes.
NEEDED = ("click", "numpy", "pyarrow", "pydantic", "rich", "safetensors", "tokenizers", "torch", "transformers")
EPOCH = (1980, 1, 1, 0, 0, 0)  # of every file in the wheel: the same files, the same bytes


def write_wheel(folder: Path) -> Path:
    """Write phon, as it is installed or checked out here, as a wheel into `folder`; its path.

    Raises:
        PipelineError: phon is run without having been installed.
    """
    installed = distribution("phon")
    path = folder / f"phon-{installed.version}-py3-none-any.whl"
    record = f"phon-{installed.version}.dist-info/RECORD"
    lines = []
    with write_atomic(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, content in (*code(), *about(installed)):
            wheel.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_DEFLATED)
            sha = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            lines.append(f"{name},sha256={sha},{len(content)}")
        wheel.writestr(zipfile.ZipInfo(record, EPOCH), "\n".join([*lines, f"{record},,", ""]))
    return path


def code() -> Iterator[tuple[str, bytes]]:
    """The files of our packages, by name."""
    root = Path(__file__).parents[1]
    for package in OURS:
        for path in sorted((root / package).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith("."):
                yield path.relative_to(root).as_posix(), path.read_bytes()


def about(installed: Distribution) -> Iterator[tuple[str, bytes]]:
    """What a wheel says of itself: name, requirements, entry points, licence."""
    folder = f"phon-{installed.version}.dist-info"
    for name in ("METADATA", "entry_points.txt"):
        text = installed.read_text(name)
        if text is None:
            raise PipelineError("phon is not installed, so a Space cannot take it along", hint="pip install -e .")
        yield f"{folder}/{name}", text.encode()
    yield f"{folder}/WHEEL", b"Wheel-Version: 1.0\nGenerator: phon\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    for path in installed.files or ():
        if "licenses" in path.parts and path.name in ("LICENSE", "NOTICE"):
            yield f"{folder}/licenses/{path.name}", path.read_binary()


def write_space(folder: Path, name: str, wheel: Path, licence: str) -> None:
    """Write what a Space has beside its model and its wheel."""
    write_bytes(folder / APP, (Path(__file__).parent / "space_app.py").read_bytes())
    write_text(folder / REQUIREMENTS, "\n".join([GRADIO[1], *requirements()]) + "\n")
    write_text(folder / CARD, card(name, licence))


def requirements() -> list[str]:
    """What the app asks pip for, at the versions that phon takes."""
    asked = [line for line in distribution("phon").requires or [] if ";" not in line]
    return [line for line in asked if re.split(r"[^\w.-]", line)[0] in NEEDED]


def card(name: str, licence: str) -> str:
    """A Space's README.md."""
    from huggingface_hub import SpaceCardData  # takes a second

    from pipeline.card import licence as said
    from pipeline.markup import plain

    title = name.rpartition("/")[2]
    named, also = said(licence)
    data = SpaceCardData(
        title=title,
        sdk="gradio",
        sdk_version=GRADIO[0],
        python_version=sysconfig.get_python_version(),
        app_file=APP,
        models=[name] if "/" in name else None,
        license=named,
        license_name=also,
    )
    return (
        f"---\n{data.to_yaml()}\n---\n\n# {plain(title)}\n\n"
        "Writes text in the notation of its model, always valid, and spells it in English where that can be done. "
        "`model/README.md` says what it was trained on.\n\n"
        f"To run it elsewhere: `pip install -r {REQUIREMENTS}`, then `python {APP}`.\n"
    )
