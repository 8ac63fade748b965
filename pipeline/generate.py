"""`phon generate`: samples of the newest model, each with a mark for valid or not and where it breaks."""

import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from pipeline.asked import Constraints, constraint_options
from pipeline.layout import lay_out
from pipeline.options import json_option, workspace_option
from pipeline.pronounce import open_text, read_lines
from pipeline.sampler import SEED, Sampler
from pipeline.show import printable, progress
from pipeline.trained import find_model
from train.files import write_atomic
from train.workspace import Workspace

NARROWEST, WIDEST = 20, 120


@contextlib.contextmanager
def destination(out: Path | None) -> Iterator[Callable[[str], None]]:
    """Where the samples go: a function that writes a line to standard output, or to a file that is whole at the end."""
    if out is None:
        color = False if os.environ.get("NO_COLOR") else None
        yield lambda line: click.echo(line, color=color)
        return
    with write_atomic(out) as file:
        yield lambda line: click.echo(click.unstyle(line).encode(), file)


@click.command("generate")
@workspace_option
@click.option("--run", metavar="NAME|PATH", help="A run's name, or a folder of a run or model; else the newest run.")
@click.option(
    "--source", metavar="FILE", help="Lines to write targets for, with a model of pairs; - for standard input."
)
@click.option("--n", type=int, show_default="10; with --source 1 for each line", help="How many samples.")
@click.option("--type", "type_name", metavar="TYPE", help="Of one type; else each as often as the corpus has it.")
@click.option("--prompt", metavar="TEXT", help="Ordinary English to go on from; it is converted first.")
@click.option("--prompt-phones", metavar="TEXT", help="The same, in the model's notation already.")
@click.option(
    "--temperature", type=float, show_default="0.7; with --source 0", help="0 takes the likeliest token each time."
)
@click.option("--top-k", type=int, metavar="K", help="Choose among the K likeliest tokens only.")
@click.option("--top-p", type=float, metavar="P", help="Among the likeliest that together have probability P only.")
@click.option("--min-p", type=float, metavar="P", help="Among those with P times the likeliest's probability only.")
@click.option("--max-new-tokens", type=int, metavar="N", help="A limit; else the model's context is.")
@click.option("--valid/--no-valid", default=None, help="Keep to the notation's grammar; on wherever it has one.")
@constraint_options
@click.option("--seed", default=SEED, show_default=True, help="Same seed, same samples.")
@click.option("--batch-size", type=int, metavar="N", help="Samples at a time; else as many as 1 GiB holds, 32 at most.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write to a file instead.")
@json_option
def command(
    workspace: Workspace,
    run: str | None,
    source: str | None,
    n: int | None,
    type_name: str | None,
    prompt: str | None,
    prompt_phones: str | None,
    temperature: float | None,
    top_k: int | None,
    top_p: float | None,
    min_p: float | None,
    max_new_tokens: int | None,
    valid: bool | None,
    constraints: Constraints,
    seed: int,
    batch_size: int | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Print samples of a trained model, the valid ones marked.

    With --json, an object a line. A model of pairs writes a target for each line of --source, and prints it alone.

    Example: phon generate --n 3 --temperature 0.7
    """
    model = find_model(workspace, run)
    if model.checkpoint:
        click.echo(f"{model.run} has no finished model yet: sampling its checkpoint {model.checkpoint}", err=True)
    n = (10 if source is None else 1) if n is None else n
    temperature = (0.7 if source is None else 0.0) if temperature is None else temperature
    lines = None
    if source is not None:
        with open_text(source) as stream:
            lines = list(read_lines(stream, "standard input" if source == "-" else source))
    from train.generate import Sampling  # imports torch

    sampling = Sampling(temperature, top_k, top_p, min_p, max_new_tokens)
    text, made = Sampler.open(model.folder).samples(
        n=n,
        sampling=sampling,
        seed=seed,
        type_name=type_name,
        prompt=prompt,
        prompt_phones=prompt_phones,
        sources=lines,
        batch_size=batch_size,
        valid=valid,
        constraints=constraints,
    )
    total = n * len(lines) if lines else n
    settings: dict[str, Any] = {
        "run": model.run,
        "checkpoint": model.checkpoint,
        "seed": seed,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "min_p": min_p,
        "max_new_tokens": max_new_tokens,
        "prompt": text,
        "constraints": {**constraints.asked(), **({} if valid is not False else {"valid": False})},
    }
    width = max(NARROWEST, min(WIDEST, shutil.get_terminal_size((100, 24)).columns))
    n_valid = n_tokens = 0
    started = time.perf_counter()
    silent = out is not None or not sys.stdout.isatty()
    with destination(out) as write, progress() if silent else contextlib.nullcontext(lambda line: None) as tell:
        for sample in made:
            n_valid += sample.valid
            n_tokens += sample.n_tokens
            if as_json:
                problems = [problem._asdict() for problem in sample.problems]
                record = {**asdict(sample), "problems": problems, **settings}
                left_out = {*(() if lines else ("source",)), *(() if len(sample.lines) > 1 else ("lines",))}
                write(json.dumps({key: value for key, value in record.items() if key not in left_out}))
            elif lines:
                write(printable(sample.text))
            else:
                write(lay_out(sample, width))
            tell(f"{sample.index + 1} of {total} samples")
    elapsed_s = time.perf_counter() - started
    where = f", written to {out}" if out else ""
    click.echo(
        f"{n_valid} valid of {total}, {n_tokens:,} tokens in {elapsed_s:.1f} s ({n_tokens / elapsed_s:,.0f} tokens/s), "
        f"seed {seed}, run {model.run}{where}",
        err=True,
    )
