"""The web page of a Space: text in, valid samples out. `phon export --space` copies this file as app.py.

Beside it lie the folder model/ and phon as a wheel, which is unpacked and used from there: it need not be installed.
"""

import functools
import os
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.sampler import Sampler

HERE = Path(__file__).resolve().parent
MODEL = HERE / "model"
ANY = "any"
MOST_SAMPLES, MOST_CHARACTERS = 4, 500


def unpack() -> None:
    """Make phon importable, from the wheel beside this file if there is one."""
    for wheel in sorted(HERE.glob("phon-*.whl")):
        place = tempfile.mkdtemp(prefix="phon-")
        with zipfile.ZipFile(wheel) as file:
            file.extractall(place)
        sys.path.insert(0, place)


@functools.cache
def sampler() -> "Sampler":
    """The model, read once."""
    from pipeline.sampler import Sampler

    return Sampler.open(MODEL)


def write(prompt: str, temperature: float, type_name: str, n: int, seed: int) -> str:
    """Samples in Markdown, or what is wrong with the request."""
    from phonetic.errors import PhoneticError
    from pipeline.errors import PipelineError
    from pipeline.export import english
    from pipeline.markup import block, plain
    from train.contract import Contract
    from train.draw import Sampling
    from train.errors import TrainError

    try:
        _, made = sampler().samples(
            n=min(int(n), MOST_SAMPLES),
            sampling=Sampling(float(temperature)),
            seed=int(seed),
            type_name=None if type_name == ANY else type_name,
            prompt=prompt.strip()[:MOST_CHARACTERS] or None,
        )
        drawn = list(made)
    except (PhoneticError, PipelineError, TrainError) as error:
        return plain(f"{error}: {error.hint}")
    notation = Contract.read(MODEL).notation
    spelled = english([sample.text for sample in drawn], notation) or [""] * len(drawn)
    parts = []
    for sample, said in zip(drawn, spelled, strict=True):
        parts.append(f"**{sample.index + 1}** {plain(sample.type)} {'✓ valid' if sample.valid else '✗ not valid'}")
        parts.append(block(sample.text))
        parts += [plain(said)] if said else []
    return "\n\n".join(parts)


def page() -> Any:
    """The page."""
    import gradio  # in no environment of phon's own: the Space's requirements.txt names it

    from train.contract import Contract

    types = [name for name in Contract.read(MODEL).openings if name]
    return gradio.Interface(
        write,
        inputs=[
            gradio.Textbox(label="Goes on from this English", max_length=MOST_CHARACTERS),
            gradio.Slider(0, 2, value=0.7, step=0.05, label="Temperature"),
            gradio.Dropdown([ANY, *types], value=ANY, label="Type"),
            gradio.Slider(1, MOST_SAMPLES, value=1, step=1, label="Samples"),
            gradio.Number(0, precision=0, label="Seed"),
        ],
        outputs=gradio.Markdown(label="Samples"),
        title="phon",
        flagging_mode="never",
        api_name="write",
    )


if __name__ == "__main__":
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    unpack()
    page().launch()
