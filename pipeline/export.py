"""`phon export`: a model with its card as a folder, a Space or a GGUF file, and on the Hugging Face Hub."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from pipeline import show
from pipeline.card import UNKNOWN, Drawn, Exported, card, usual_opening
from pipeline.errors import PipelineError
from pipeline.options import json_option, workspace_option
from pipeline.report import trained_on
from pipeline.sampler import GRAMMARS, SEED, Sampler
from pipeline.trained import Source, find_model
from train.contract import BOS, EOS, TOKENIZER, Contract, type_token
from train.files import ASIDE, LIST_BYTES, LOCK, lock, read_json, remove, replace_folder, sha256_file, write_text
from train.folder import FACTS
from train.history import read_history
from train.log import LOG
from train.manifest import NAME as MANIFEST
from train.manifest import Manifest, describe_files
from train.workspace import Workspace

STAGE = "export"
CARD = "README.md"
SAMPLES, TEMPERATURE = 5, 0.7  # of the card


@dataclass(frozen=True)
class Telling:
    """What a card says that no record does.

    Args:
        name: The model's, on the Hub or of its folder.
        n: Samples.
    """

    name: str
    licence: str = UNKNOWN
    n: int = SAMPLES
    temperature: float = TEMPERATURE
    seed: int = SEED


def export(source: Source, out: Path, telling: Telling, *, space: bool = False) -> dict[str, Any]:
    """Write a model, or a Space that shows it, into `out`, which appears whole.

    Same model, same card, same bytes; what is there already is not made again.

    Raises:
        PipelineError: something else is in `out`.
        TrainError: the model is damaged.
    """
    from train.folder import check_model

    started = time.monotonic()
    check_model(source.folder)
    check_ours(out)
    if space and Contract.read(source.folder).pairs:
        raise PipelineError("a Space writes samples, and this model answers sources", hint="leave --space out")
    out = out.resolve()  # "." has no name to give
    with aside_of(out) as place:
        wheel = None
        if space:
            from pipeline.space import write_wheel

            wheel = write_wheel(place)
        wanted = Manifest(
            stage=STAGE,
            inputs=inputs_of(source, [wheel] if wheel else []),
            options={**telling.__dict__, "space": space},
            versions={"phon": version("phon")},
        )
        up_to_date = wanted.is_current(out)
        if not up_to_date:
            write_folder(source, place / "model" if space else place, telling)
            if wheel:
                from pipeline.space import write_space

                write_space(place, telling.name, wheel, telling.licence)
            (place / LOCK).unlink()
            names = [path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()]
            replace(wanted, files=describe_files(place, names)).write(place)
            replace_folder(place, out)
    made = Manifest.read(out)
    assert made is not None, "it was written a moment ago"
    return {
        "folder": str(out),
        "files": [*made.files, MANIFEST],
        "size_bytes": sum(facts["size_bytes"] for facts in made.files.values()),
        "up_to_date": up_to_date,
        "elapsed_s": round(time.monotonic() - started, 3),
    }


def check_ours(out: Path) -> None:
    """Refuse a folder that an export did not write, or in which something was changed since.

    Raises:
        PipelineError: it is one.
        TrainError: its manifest is damaged.
    """
    if not out.exists() and not out.is_symlink():
        return
    elsewhere = "pass --out with a folder that is not there yet, or move this one away"
    if out.is_symlink() or not out.is_dir():
        raise PipelineError(f"{out} is no folder", hint=elsewhere)
    there = {path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir()}
    there = {name for name in there if name.removeprefix("model/").partition("/")[0] != GRAMMARS}
    if not there:
        return
    found = Manifest.read(out)
    if found is None or found.stage != STAGE:
        raise PipelineError(f"{out} is there and was not written by phon export", hint=elsewhere)
    added = sorted(there - found.files.keys() - {MANIFEST})
    problem = f"{out / added[0]} was put there since" if added else found.damage(out)
    if problem:
        raise PipelineError(f"{problem}, and exporting again would lose that", hint=elsewhere)


@contextmanager
def aside_of(out: Path) -> Iterator[Path]:
    """An empty folder beside `out`, for one writer, which is gone at the end if it is not given that name."""
    place = out.with_name(ASIDE + out.name)
    with lock(place):
        try:
            for path in place.iterdir():
                if path.name != LOCK:
                    remove(path)
            yield place
        finally:
            remove(place)


def inputs_of(source: Source, others: Sequence[Path]) -> list[dict[str, Any]]:
    """What an export is made from: the model's files, what its run told, and other files."""
    run = run_of(source)
    paths = [path for path in sorted(source.folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
    paths += [path for name in (FACTS, LOG, MANIFEST) if run and (path := run / name).is_file()]
    paths += others
    return [{"name": path.name, "size_bytes": path.stat().st_size, "sha256": sha256_file(path)} for path in paths]


def run_of(source: Source) -> Path | None:
    """The folder of the run that a model is of; None for one that came alone."""
    above = source.folder.resolve().parent
    return next((folder for folder in (above, above.parent) if (folder / FACTS).is_file()), None)


def write_folder(source: Source, folder: Path, telling: Telling) -> None:
    """Write a model with its tokenizer and its card."""
    from train.export import CONFIG, Vocabulary, read_model, write_model

    folder.mkdir(exist_ok=True)
    model, contract, _ = read_model(source.folder)
    write_model(folder, model.shape, model.weights(), Vocabulary.read(source.folder))
    shape = model.shape
    del model  # the samples have their own
    begin_texts(folder, contract)
    run = run_of(source)
    history = read_history(run) if run else None
    told = Exported(
        name=telling.name,
        said=shape.said,
        n_parameters=shape.n_parameters,
        config=read_json(folder / CONFIG),
        contract=contract,
        run=history,
        made=trained_on(history) if history else {},
        licence=telling.licence,
        drawn=None if contract.pairs else draw(source, contract.notation, telling),
    )
    write_text(folder / CARD, card(told))


def begin_texts(folder: Path, contract: Contract) -> None:
    """Have the tokenizer of an exported folder put around a text what stood around it in training, where asked to.

    That is how transformers asks for every text: a document begins with its opening, a source ends with its end.
    """
    if contract.pairs and contract.pairs.tokenizer_sha256:
        return  # tokenizer.json is that of targets, and texts to answer are sources
    text = {"Sequence": {"id": "A", "type_id": 0}}
    name = usual_opening(contract)
    ids = [contract.eos] if contract.pairs else contract.openings[name]
    tokens = [EOS] if contract.pairs else [BOS, *([type_token(name)] if name else [])]
    added = {"SpecialToken": {"id": "added", "type_id": 0}}
    around = [text, added] if contract.pairs else [added, text]
    value = read_json(folder / TOKENIZER, LIST_BYTES)
    value["post_processor"] = {
        "type": "TemplateProcessing",
        "single": around,
        "pair": [*around, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {"added": {"id": "added", "ids": ids, "tokens": tokens}},
    }
    write_text(folder / TOKENIZER, json.dumps(value, indent=2, ensure_ascii=False))
    replace(contract, tokenizer_sha256=sha256_file(folder / TOKENIZER)).write(folder)


def draw(source: Source, notation: Mapping[str, Any], telling: Telling) -> Drawn | None:
    """Samples for a card, and what they are in English."""
    if telling.n < 1:
        return None
    from train.draw import Sampling  # imports torch
    from train.notation import load_notation

    _, made = Sampler.open(source.folder).samples(
        n=telling.n, sampling=Sampling(telling.temperature), seed=telling.seed
    )
    drawn = list(made)
    held = load_notation(notation).grammar() is not None
    return Drawn(drawn, english([sample.text for sample in drawn], notation), telling.temperature, telling.seed, held)


def english(texts: Sequence[str], notation: Mapping[str, Any]) -> list[str]:
    """Texts of phones spelled; nothing where one of them cannot be read, as in plain text."""
    from pipeline.spell import spell, spellers

    if notation["name"] == "text":
        return []
    options = notation["options"]
    try:
        return list(spell(texts, spellers(None, options.get("variant", ()), options.get("lexicon"))))
    except PipelineError:
        return []


@click.command("export")
@click.option("--run", metavar="NAME|PATH", help="A run's name, or a folder of a run or model; else the newest run.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Where to; else exports/ of the workspace.")
@click.option("--space", is_flag=True, help="A Space: a web page that writes samples, with the model in it.")
@click.option("--gguf", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="A file for llama.cpp.")
@click.option("--push", metavar="USER/NAME", help="Upload it to the Hugging Face Hub too.")
@click.option("--private", is_flag=True, help="What is pushed is for its owner alone.")
@click.option(
    "--licence", "--license", default=UNKNOWN, show_default=True, help="Of the data, and so of the model: cc0-1.0, …"
)
@click.option("--n", default=SAMPLES, show_default=True, type=click.IntRange(0), help="Samples for the card.")
@click.option("--temperature", default=TEMPERATURE, show_default=True, type=float, help="Theirs.")
@click.option("--seed", default=SEED, show_default=True, type=int, help="Theirs.")
@workspace_option
@json_option
def command(
    run: str | None,
    out: Path | None,
    space: bool,
    gguf: Path | None,
    push: str | None,
    private: bool,
    licence: str,
    n: int,
    temperature: float,
    seed: int,
    workspace: Workspace,
    as_json: bool,
) -> None:
    """Write a trained model as others can use it: a Hugging Face folder with a card, a Space, or a GGUF file.

    Example: phon export --licence cc0-1.0
    """
    source = find_model(workspace, run)
    called = (run_of(source) or source.folder.resolve()).name
    if gguf is not None:
        for flag, given in (("--out", out), ("--space", space), ("--push", push)):
            if given:
                raise PipelineError(
                    f"--gguf writes a file, and {flag} is about a folder", hint="leave one", exit_code=2
                )
        from pipeline.gguf_file import write_gguf

        summary = write_gguf(source.folder, gguf, called, licence)
    else:
        if private and not push:
            raise PipelineError("--private is about what is pushed", hint="add --push USER/NAME", exit_code=2)
        telling = Telling(push or called, licence.strip() or UNKNOWN, n, temperature, seed)
        summary = export(source, out or workspace.exports / (called + "-space" * space), telling, space=space)
        if push:
            from pipeline.hub import push as upload

            summary["url"] = upload(
                Path(summary["folder"]), summary["files"], push, kind="space" if space else "model", private=private
            )
    if as_json:
        show.as_json(summary)
        return
    done = "up to date" if summary.get("up_to_date") else f"done in {summary['elapsed_s']:.1f} s"
    rows = {"files": f"{len(summary['files'])}, {show.megabytes(summary['size_bytes'])}" if "files" in summary else ""}
    rows |= {key: str(summary.get(key, "")) for key in ("tokens", "tensors", "checked")}
    rows["on the Hub"] = summary.get("url", "")
    show.table(f"{done}: {summary['folder']}", rows)
