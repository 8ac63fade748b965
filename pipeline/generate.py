"""`phon generate`: samples of the newest model, each with a mark for valid or not and where it breaks."""

import contextlib
import functools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.again import gather
from pipeline.asked import Constraints, constraint_options
from pipeline.kept import Facts, Keeper, told
from pipeline.layout import columns_of_terminal, lay_out, legend
from pipeline.options import json_option, workspace_option
from pipeline.pronounce import open_text, read_lines
from pipeline.reading import Reading, reading_options
from pipeline.sampler import SEED, Judged, Sampler
from pipeline.show import bar, printable
from pipeline.stream import Stream, stream
from pipeline.trained import find_model
from train.files import digest, write_atomic
from train.workspace import Workspace

if TYPE_CHECKING:
    from train.draw import Sampling

OPTIONAL = ("typical_p", "repetition_penalty", "num_beams")  # said of a sample only where they were asked for


@contextlib.contextmanager
def destination(out: Path | None) -> Iterator[Callable[[str], None]]:
    """Where the samples go: a function that writes a line to standard output, or to a file that is whole at the end."""
    if out is None:
        color = False if os.environ.get("NO_COLOR") else None
        yield lambda line: click.echo(line, color=color)
        return
    with write_atomic(out) as file:
        yield lambda line: click.echo(click.unstyle(line).encode(), file)


def settings_of(facts: Facts, sampling: "Sampling") -> dict[str, Any]:
    """What each sample's object says of how it was made."""
    asked = {key: value for key, value in asdict(sampling).items() if key not in OPTIONAL or value is not None}
    valid = {} if facts.valid is not False else {"valid": False}
    return {
        "run": facts.run,
        "checkpoint": facts.checkpoint,
        "seed": facts.seed,
        **asked,
        "prompt": facts.prompt,
        "constraints": {**facts.constraints, **valid},
    }


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
    "--temperature",
    type=float,
    show_default="0.7; with --source or --num-beams 0",
    help="0 takes the likeliest token each time.",
)
@click.option("--top-k", type=int, metavar="K", help="Choose among the K likeliest tokens only.")
@click.option("--top-p", type=float, metavar="P", help="Among the likeliest that together have probability P only.")
@click.option("--min-p", type=float, metavar="P", help="Among those with P times the likeliest's probability only.")
@click.option("--typical-p", type=float, metavar="P", help="Among the most typical that have probability P only.")
@click.option("--repetition-penalty", type=float, metavar="X", help="Above 1: tokens that were there are less likely.")
@click.option("--num-beams", type=int, metavar="N", help="Search the likeliest samples with N beams; draw nothing.")
@click.option("--max-new-tokens", type=int, metavar="N", help="A limit; else the model's context is.")
@click.option("--valid/--no-valid", default=None, help="Keep to the notation's grammar; on wherever it has one.")
@constraint_options
@click.option("--seed", default=SEED, show_default=True, help="Same seed, same samples.")
@click.option("--batch-size", type=int, metavar="N", help="Samples at a time; else as many as 1 GiB holds, 64 at most.")
@reading_options
@click.option("--keep/--no-keep", default=True, help="Keep them for phon samples; on by default, in a workspace.")
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
    typical_p: float | None,
    repetition_penalty: float | None,
    num_beams: int | None,
    max_new_tokens: int | None,
    valid: bool | None,
    constraints: Constraints,
    seed: int,
    batch_size: int | None,
    reading: Reading,
    keep: bool,
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
    if temperature is None:
        temperature = 0.7 if source is None and num_beams is None else 0.0
    lines = None
    if source is not None:
        with open_text(source) as file:
            lines = list(read_lines(file, "standard input" if source == "-" else source))
    from train.draw import Sampling  # imports torch

    sampler = Sampler.open(model.folder)
    usual = Sampling(temperature, top_k, top_p, min_p, max_new_tokens, typical_p, repetition_penalty, num_beams)
    samplings = reading.samplings(usual)
    begin = functools.partial(
        sampler.samples,
        n=n,
        seed=seed,
        type_name=type_name,
        prompt=prompt,
        prompt_phones=prompt_phones,
        sources=lines,
        batch_size=batch_size,
        valid=valid,
        constraints=constraints,
        explain=reading.explain,
    )
    made = [begin(sampling=sampling) for sampling in samplings]
    total = n * len(lines) if lines else n
    facts = gather(workspace, model, sampler, n, seed, batch_size, type_name, made[0][0], valid, constraints)
    keepers = [Keeper(workspace, facts, sampling, lines, wanted=keep) for sampling in samplings]
    is_seen = out is None and sys.stdout.isatty()
    in_color = is_seen and not os.environ.get("NO_COLOR")
    is_bare = lines is not None and not (reading.spell or reading.explain)
    width = columns_of_terminal()
    valid_of = dict.fromkeys(samplings, 0)
    n_tokens = done = begun = 0

    def kept(record: dict[str, Any]) -> None:
        """Count a sample that an earlier run has written."""
        valid_of[samplings[0]] += record["valid"]

    def printed(sample: Judged, settings: dict[str, Any]) -> str:
        """A sample as an object, as its text alone, or laid out for reading."""
        if as_json:
            return json.dumps({**sample.record(), **settings})
        return printable(sample.text) if is_bare else lay_out(sample, width, in_color=in_color)

    goes_on = as_json and out is not None and not (reading.strip or reading.say)
    depends = {
        **facts.model_dump(exclude={"format", "made"}),
        **asdict(samplings[0]),
        **{"source": digest({"lines": lines}), "batch_size": batch_size},
        **{"spell": reading.spell, "explain": reading.explain},
    }
    with contextlib.ExitStack() as stack:
        write = stack.enter_context(stream(out, depends, kept) if out and goes_on else destination(out))
        if isinstance(write, Stream) and write.n:
            done = begun = write.n
            click.echo(f"{out} goes on after {done:,} samples", err=True)
            # In the same batches, they are the same to the bit.
            first = done - done % facts.batch_size if done < total else done
            made = [begin(sampling=samplings[0], first=first)]
        read = stack.enter_context(reading.ready(sampler.notation, workspace, total))
        tell = None if is_seen else stack.enter_context(bar(total * len(samplings), "samples", done))
        started = time.perf_counter()
        if reading.explain and not as_json:
            write(legend(in_color) + "\n")
        for sampling, keeper, (_, block) in zip(samplings, keepers, made, strict=True):
            settings = settings_of(facts, sampling)
            if reading.strip and not as_json:
                write(click.style(f"temperature {sampling.temperature:g}", bold=True) + "\n")
            new = (sample for sample in block if sample.index >= begun)
            for sample in keeper.keep(read(new, sampling.temperature)):
                valid_of[sampling] += sample.valid
                n_tokens += sample.n_tokens
                write(printed(sample, settings))
                done += 1
                if tell:
                    tell(done)
    elapsed_s = time.perf_counter() - started
    shares = [f"{number} valid of {total}" for number in valid_of.values()]
    if reading.strip:
        shares = [f"{share} at {each.temperature:g}" for share, each in zip(shares, samplings, strict=True)]
    where = f", written to {out}" if out else ""
    click.echo(
        f"{', '.join(shares)}, {n_tokens:,} tokens in {elapsed_s:.1f} s ({n_tokens / elapsed_s:,.0f} tokens/s), "
        f"seed {seed}, run {model.run}{told(keepers)}{where}",
        err=True,
    )
