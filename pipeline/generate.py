"""`phon generate`: samples of the newest model, each with a mark for valid or not and where it breaks."""

import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from pipeline.asked import NOTHING, Constraints, constraint_options
from pipeline.errors import PipelineError
from pipeline.options import json_option, workspace_option
from pipeline.pronounce import open_text, read_lines
from pipeline.show import printable, progress
from train.files import write_atomic
from train.notation import Notation, Problem, load_notation
from train.workspace import Workspace

if TYPE_CHECKING:
    from train.generate import Sampling

SEED = 0
GRAMMARS = "grammars"  # in a model's folder, beside its tokenizer: automata that take long to work out
REASONS = 5  # problems told of one sample
EXCERPT = 24  # characters shown of each
NARROWEST, WIDEST = 20, 120
TRAIN = 'train one first: "accelerate launch train/run.py"'


class Source(NamedTuple):
    """A model folder, the run it is of as `--run` takes it, and the checkpoint if it is one."""

    folder: Path
    run: str
    checkpoint: str | None = None


@dataclass(frozen=True)
class Judged:
    """A sample as it is shown and stored."""

    index: int
    type: str
    text: str
    ended: bool
    valid: bool
    problems: list[Problem]
    n_tokens: int
    source: str | None = None  # of a model of pairs: what it is the target of
    lines: Sequence[str] = ()  # of verse


def find_model(workspace: Workspace, run: str | None = None) -> Source:
    """The model of a run, or while it has none yet, its newest checkpoint.

    Args:
        run: A run's name, or the path of a run's folder or of a model's; None for the newest run.

    Raises:
        PipelineError: no such run, or it has nothing to sample from yet.
    """
    if run is None:
        run = pointer(workspace.runs / "LATEST")
        if run is None:
            raise PipelineError(f"no run in {workspace.runs}", hint=f"{TRAIN}, or pass --workspace or --run")
        if Path(run).name != run:
            raise PipelineError(f"{workspace.runs / 'LATEST'} names no run: {run[:40]!r}", hint="pass a run to --run")
    folder = workspace.runs / run
    if not folder.is_dir():
        folder = Path(run)
    if not folder.is_dir():
        there = ", ".join(sorted(path.name for path in workspace.runs.glob("[!.]*/"))) or "none"
        raise PipelineError(f"no run {run!r} in {workspace.runs}", hint=f"there are: {there}; a path will do as well")
    if (folder / "config.json").is_file():
        return Source(folder, run)
    if (folder / "model").is_dir():
        return Source(folder / "model", run)
    latest = folder / "checkpoints" / "LATEST"
    checkpoint = pointer(latest)
    if checkpoint is None and not latest.is_file():
        raise PipelineError(f"{folder} has neither a model nor a checkpoint yet", hint="let its training go on")
    if not checkpoint or Path(checkpoint).name != checkpoint or not (folder / "checkpoints" / checkpoint).is_dir():
        raise PipelineError(
            f"{latest} names no checkpoint: {(checkpoint or '')[:40]!r}",
            hint="pass one of that folder's checkpoints to --run, or let its training go on",
        )
    return Source(folder / "checkpoints" / checkpoint, run, checkpoint)


def pointer(path: Path) -> str | None:
    """The name that a LATEST file holds."""
    return path.read_text(encoding="utf-8", errors="replace").strip() or None if path.is_file() else None


def read_prompt(notation: Notation, prompt: str | None, prompt_phones: str | None) -> str:
    """What the samples go on from, in the model's notation; empty for nothing.

    Raises:
        PipelineError: both are given, or there is nothing in one of them, or it breaks the notation's rules.
    """
    if prompt is not None and prompt_phones is not None:
        raise PipelineError(
            "--prompt and --prompt-phones are both given", hint="pass one: English or notation", exit_code=2
        )
    if prompt is not None:
        converted = notation.convert([prompt])[0]
        if not converted:
            raise PipelineError(
                f"nothing of the prompt {prompt!r} is left in {notation.name}", hint="pass words", exit_code=2
            )
        return converted
    given = prompt_phones or ""
    for start, end, reason in notation.problems(given) if given else ():
        raise PipelineError(
            f"--prompt-phones, character {start + 1}, {given[start:end]!r}: {reason}",
            hint='pass English to --prompt to have it converted, or see "phon check"',
            exit_code=2,
        )
    return given


def samples(
    source: Source,
    *,
    n: int,
    sampling: "Sampling",
    seed: int = SEED,
    type_name: str | None = None,
    prompt: str | None = None,
    prompt_phones: str | None = None,
    sources: Iterable[str] | None = None,
    batch_size: int | None = None,
    valid: bool | None = None,
    constraints: Constraints = NOTHING,
) -> tuple[str, Iterator[Judged]]:
    """The prompt in the model's notation, and the samples one after the other. All is checked before the first.

    Args:
        n: How many; of each source, where there are sources.
        sources: Lines for a model of pairs to write targets for.
        valid: Whether they keep to the notation's grammar; None for wherever there is one.
        constraints: What else they keep to.

    Raises:
        PipelineError, TrainError: what `read_prompt`, `read_model` and `generate` refuse.
    """
    import torch  # takes seconds, as do those below

    from pipeline.answers import encode_sources, read_sources
    from pipeline.constraints import Constrained
    from pipeline.guide import Guide, Vocabulary
    from train.export import read_model
    from train.folder import check_model
    from train.generate import generate
    from train.score import judge

    check_model(source.folder)
    model, contract, tokenizer = read_model(source.folder)
    notation = load_notation(contract.notation)
    read = None if sources is None else read_sources(sources, contract, "--source")
    asked = [line for line in read or () for _ in range(n)]
    text = read_prompt(notation, prompt, prompt_phones)
    prompt_ids = tokenizer.encode(text, add_special_tokens=False).ids
    held = None
    if valid is not False or constraints.asked():
        held = Constrained(notation, constraints, grammar=valid is not False, cache=source.folder / GRAMMARS)
        if valid and held.is_free:
            raise PipelineError(f"{notation.name} has no grammar", hint="leave --valid out", exit_code=2)
    guide = Guide(held.automaton, Vocabulary.of(tokenizer, contract), text) if held and not held.is_free else None
    if torch.cuda.is_available():
        model.to("cuda", torch.bfloat16 if torch.cuda.is_bf16_supported(False) else torch.float32)
    made = generate(
        model.reader(),
        contract,
        n=len(asked) or n,
        types=None if type_name is None else [type_name],
        prompt_ids=prompt_ids,
        sources=encode_sources(source.folder, asked, contract) if asked else None,
        sampling=sampling,
        seed=seed,
        batch_size=batch_size,
        guide=guide,
    )

    def judged() -> Iterator[Judged]:
        for sample in made:
            text = sample.text(tokenizer)
            valid, problems = judge(notation, text, sample.ended)
            n_tokens = len(sample.ids) - len(prompt_ids) + sample.ended
            given = asked[sample.index] if asked else None
            lines = held.lines_of(text) if held and sample.ended else [text]
            yield Judged(sample.index, sample.type, text, sample.ended, valid, problems, n_tokens, given, lines)

    return text, judged()


def lay_out(sample: Judged, width: int) -> str:
    """A sample for reading: mark, number, type; its text with carets under what is wrong; then the reasons."""
    mark = click.style("✓", fg="green") if sample.valid else click.style("✗", fg="red")
    lines = [f"{mark} {sample.index + 1}" + (f" · {printable(sample.type)}" if sample.type else "")]
    for start, end in breaks(sample, width - 2):
        lines.append("  " + printable(sample.text[start:end]))
        wrong = {at for problem in sample.problems for at in range(problem.start, max(problem.end, problem.start + 1))}
        # An end that is missing stands after the last character.
        carets = "".join("^" if at in wrong else " " for at in range(start, end + (end == len(sample.text))))
        if carets.strip():
            lines.append("  " + click.style(carets.rstrip(), fg="red"))
    for problem in sample.problems[:REASONS]:
        what = printable(sample.text[problem.start : problem.end])
        cut = what if len(what) <= EXCERPT else what[:EXCERPT] + "…"
        lines.append(f"  character {problem.start + 1}{f' {cut!r}' if cut else ''}: {problem.reason}")
    if len(sample.problems) > REASONS:
        lines.append(f"  and {len(sample.problems) - REASONS} more")
    return "\n".join(lines) + "\n"


def breaks(sample: Judged, width: int) -> Iterator[tuple[int, int]]:
    """Where each line of a sample starts and ends, in its text: those of verse, or as many as the width makes."""
    if len(sample.lines) < 2:
        yield from wrap(sample.text, width)
        return
    at = 0
    for line in sample.lines:
        at = sample.text.index(line, at)
        yield from ((at + start, at + end) for start, end in wrap(line, width))
        at += len(line)


def wrap(text: str, width: int) -> Iterator[tuple[int, int]]:
    """Where each line of `text` starts and ends, broken after spaces where there are any."""
    start = 0
    while len(text) - start > width:
        stop = text.rfind(" ", start, start + width) + 1 or start + width
        yield start, stop
        start = stop
    yield start, len(text)


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
    text, made = samples(
        model,
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
