"""`phon plan`: which model fits a machine, a corpus and a time, and what to expect of it before it is trained."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline import outlook, show
from pipeline.errors import PipelineError
from pipeline.options import json_option, workspace_option
from train.workspace import Workspace

if TYPE_CHECKING:
    from train.config import Config
    from train.search import Corpus, Option

SHAPE = re.compile(r"(\d+)x(\d+)(?:x(\d+))?")
PRESETS = ("mosaic-52m", "mosaic-83m", "mosaic-125m")
BASE, FOR_LITTLE, FOR_EXPLAIN = "gpt2", "small", "gpt2-large"
ASSUMED_H, ASSUMED_GPU = 24.0, "24GB"
MOST_TIMED = 3  # a rate may make another model the first, which reaches another rate
LEAST_LEFT = 0.25  # of a budget, for steps
TYPICAL_WIDTH = 512  # that rows are made for, whatever width is chosen


def read_corpus(workspace: Workspace, name: str | None, settings: Sequence[str]) -> tuple[str, "Config", "Corpus"]:
    """The config to plan with, by name and as it is, and what the workspace's shards hold.

    Without shards there is text without end, in the vocabulary that the config was published with. Where no config is
    named, little text takes the recipe that was measured on little text.

    Raises:
        TrainError: shards or tokenizer are damaged, or there is no such config or setting.
    """
    from train import config as configs
    from train.choose import LONGEST_ROW, row_length
    from train.contract import Contract
    from train.data import lay_out
    from train.search import Corpus, is_little
    from train.shards import open_split

    if not (workspace.shards / "manifest.json").is_file():
        config = configs.load(name or BASE, settings)
        asked = config.data.seq_len
        return (
            name or BASE,
            config,
            Corpus(None, config.model.published_vocab_size, LONGEST_ROW if asked == "auto" else asked),
        )
    contract = Contract.read(workspace.tokenizer)
    if contract.pairs:
        raise PipelineError(
            "phon plan is for documents, and the corpus is pairs", hint="accelerate launch train/run.py chooses for it"
        )
    shards = open_split(workspace.shards, "train", verify=False)
    chosen = name or (FOR_LITTLE if is_little(shards.n_tokens) else BASE)
    config = configs.load(chosen, settings if name else ["data.seq_len=auto", *settings])
    seq_len = row_length(config, shards, TYPICAL_WIDTH, pairs=False)
    is_shared = config.data.packing == "best-fit" and bool((shards.lengths < seq_len).any())
    rows = lay_out(shards, config.data, seq_len, contract, config.train.seed)
    filled = rows.n_predictions / (rows.n_rows * seq_len)
    return chosen, config, Corpus(int(shards.n_tokens), contract.vocab_size, seq_len, is_shared, filled)


def overrides(option: "Option", config: "Config") -> list[str]:
    """The settings that make of the config, as its file has it, what the option is."""
    from train.search import FOLLOW

    shape, how = option.shape, option.how
    sizes = {"n_layer": shape.n_layer, "n_head": shape.n_head, "n_embd": shape.n_embd}
    found = [f"model.{key}={value}" for key, value in sizes.items() if getattr(config.model, key) != value]
    if shape.n_embd != config.model.n_embd:
        found += [f"model.{key}=none" for key in FOLLOW if getattr(config.model, key, None) is not None]
    if config.data.seq_len != shape.seq_len:
        found.append(f"data.seq_len={shape.seq_len}")
    if config.train.max_steps is not None:
        found.append("train.max_steps=none")
    if config.train.epochs != option.epochs:
        found.append(f"train.epochs={option.epochs:.3g}")
    if config.train.micro_batch != how.rows:
        found.append(f"train.micro_batch={how.rows}")
    if how.checkpointing and config.train.checkpointing != "always":
        found.append("train.checkpointing=always")
    if how.optimizer != config.optim.name:
        found.append(f"optim.name={how.optimizer}")
    return found


def split(words: Sequence[str]) -> tuple[list[tuple[int, int, int | None]], list[str]]:
    """Shapes, and settings, among the arguments.

    Raises:
        PipelineError: one that is neither.
    """
    shapes, settings = [], []
    for word in words:
        match = SHAPE.fullmatch(word)
        if match:
            shapes.append((int(match[1]), int(match[2]), int(match[3]) if match[3] else None))
        elif "=" in word:
            settings.append(word)
        else:
            raise PipelineError(
                f"{word!r} is neither a shape nor a setting",
                hint="as in 36x20 (layers x heads), 36x20x1280, or data.seq_len=512",
                exit_code=2,
            )
    return shapes, settings


def corpus_place(context: click.Context, parameter: click.Parameter, value: str | None) -> Workspace | None:
    """The workspace whose data a folder is."""
    if value is None:
        return None
    path = Path(value)
    return Workspace.find(path.parent if path.name == "data" or (path / "shards").is_dir() else path)


@click.command("plan")
@click.argument("words", nargs=-1, metavar="[LAYERSxHEADS | section.key=value]...")
@click.option(
    "--config", "name", metavar="NAME", help="Whose family, recipe and row length to plan with; gpt2 by default."
)
@click.option("--gpu", metavar="24GB", help="Plan for a GPU of so much memory.")
@click.option(
    "--device", metavar="NAME", help="Plan for a GPU by name, as 'RTX 4090', for cpu or for this; this by default."
)
@click.option("--hours", type=click.FloatRange(0, min_open=True), help="How long it may train.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="The same in minutes.")
@click.option("--corpus", callback=corpus_place, metavar="DIR", help="Packed data of another workspace.")
@click.option("--explain", is_flag=True, help="Set the shapes named side by side.")
@click.option("--preset", type=click.Choice(PRESETS), help="Show where the numbers of a published model come from.")
@click.option("--calibrate", "calibrates", is_flag=True, help="Time ten real steps of the first, on this machine.")
@click.option("--top", default=5, show_default=True, type=click.IntRange(1, 50), help="Models to list.")
@workspace_option
@json_option
def command(
    words: tuple[str, ...],
    name: str | None,
    gpu: str | None,
    device: str | None,
    hours: float | None,
    minutes: float | None,
    corpus: Workspace | None,
    explain: bool,
    preset: str | None,
    calibrates: bool,
    top: int,
    workspace: Workspace,
    as_json: bool,
) -> None:
    """Search models that fit a machine, a corpus and a time; print their memory, time and expected loss.

    Without packed shards there is text without end. Settings as section.key=value are taken as in a training. With
    --explain, shapes as 36x20 (layers x heads) are set side by side instead.

    Example: phon plan --gpu 24GB --hours 8
    """
    from pipeline import explain as explained

    shapes, settings = split(words)
    if (gpu and device) or (hours and minutes):
        raise PipelineError(
            "--gpu and --device, and --hours and --minutes, say the same twice", hint="leave one out", exit_code=2
        )
    if preset:
        facts = explained.preset(preset)
        show.as_json(facts) if as_json else click.echo("\n".join(explained.preset_lines(facts)))
        return
    if explain != bool(shapes):
        raise PipelineError(
            "--explain and shapes go together", hint="as in: phon plan --explain 36x20 18x64", exit_code=2
        )
    from train import config as configs
    from train import pace

    place = pace.gpu(gpu) if gpu else pace.named(device or "this")
    if explain:
        if not (gpu or device) and not place.on_gpu:
            place = pace.gpu(ASSUMED_GPU)
        facts = explained.compare(shapes, configs.load(name or FOR_EXPLAIN, settings), place)
        show.as_json(facts) if as_json else click.echo("\n".join(explained.compare_lines(facts)))
        return

    source = corpus or workspace
    has_shards = (source.shards / "manifest.json").is_file()
    if corpus and not has_shards:
        raise PipelineError(f"no shards in {source.shards}", hint='run "phon tokenizer" there first')
    if calibrates and (not has_shards or gpu or (device or "this").lower() not in ("this", "cpu")):
        raise PipelineError(
            "--calibrate times real steps: it needs packed shards, and plans for this machine",
            hint='run "phon tokenizer" first, and leave --gpu out',
            exit_code=2,
        )
    from train.search import search

    chosen, config, data = read_corpus(source, name, settings)
    budget, notes = hours * 3600 if hours else minutes * 60 if minutes else None, []
    if budget is None and data.tokens is None:
        budget = ASSUMED_H * 3600
        notes.append(f"neither a corpus nor --hours: {ASSUMED_H:.0f} hours are assumed")
    options = search(config, data, place, budget, top)
    as_filed = configs.load(chosen, settings)
    timing = None
    if calibrates:
        from train.calibrate import calibrate

        data = replace(data, filled=1.0)  # what is timed is the time of tokens that are learnt from
        for _ in range(MOST_TIMED):
            first = options[0]
            timed = calibrate(chosen, [*settings, *overrides(first, as_filed)], source)
            place = place.timed(timed.flops)
            beside = timed.for_tokens(first.tokens, first.shape.flops_per_token).beside
            left = None if budget is None else max(LEAST_LEFT * budget, budget - beside)
            options = search(config, data, place, left, top)  # at the rate that this machine reaches
            timing = timed.for_tokens(options[0].tokens, options[0].shape.flops_per_token)
            if (options[0].shape, options[0].how, options[0].batch) == (first.shape, first.how, first.batch):
                break
    taken = [*settings, *overrides(options[0], as_filed)]
    where = "" if source.root == Path() else f"PHON_WORKSPACE={shlex.quote(str(source.root))} "
    line = f"{where}accelerate launch train/run.py --config {shlex.quote(chosen)} {' '.join(map(shlex.quote, taken))}"
    if as_json:
        told = {"step_s": timing.step, "total_s": timing.total, "max_steps": timing.max_steps} if timing else None
        plan = {"device": place.name, "memory_bytes": place.memory, "corpus": vars(data), "calibrated": told}
        show.as_json({**plan, "options": [outlook.as_record(option) for option in options], "command": line})
        return
    click.echo("\n".join(outlook.report(options, data, place, notes)))
    if timing:
        click.echo("\n".join(["", *show.paragraph(outlook.told(timing), "")]))
    if data.tokens is None:
        click.echo(
            f"\nonce data/shards holds {options[0].tokens:.2g} tokens of your own (phon prepare, phon tokenizer):"
        )
    click.echo(line if data.tokens is None else f"\n{line}")
