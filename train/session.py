"""One training from request to model folder: work it out, set it up, train, finish."""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from train import checkpoint, device, folder
from train import config as configs
from train.average import Average
from train.choose import Work, choose_config, shape_of, work_out
from train.config import Config
from train.contract import Contract
from train.curve import draw
from train.data import Rows, pack_rows
from train.errors import TrainError
from train.export import write_model
from train.files import ASIDE, lock, remove, replace_folder, sha256_file
from train.folder import Run
from train.gpt2 import GPT2, Shape
from train.log import LOG, Display, Log, read
from train.loop import Training, train
from train.manifest import Manifest, describe_files
from train.optim import build_optimizer, check_schedule
from train.preview import previewer
from train.shards import Shards, open_split, packed
from train.workspace import Workspace

Result = TypeVar("Result")


class Stopping(Protocol):
    """`train.run.Stop`."""

    is_training: bool

    def __call__(self) -> bool:
        """Whether we were asked to stop."""
        ...


@dataclass(frozen=True)
class Request:
    """What the user typed."""

    config: str | None
    resume: str  # auto, never or a run's folder
    workspace: str | None
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What will be trained: every process works out the same."""

    name: str
    work: Work
    shape: Shape
    contract: Contract
    place: Workspace
    shards: Shards
    held_out: Shards
    precision: str
    facts: dict[str, Any]
    notes: tuple[str, ...]

    @property
    def config(self) -> Config:
        """The config, resolved."""
        return self.work.config


def train_run(request: Request, stop: Stopping) -> None:
    """Train as requested, from the start or from where it stopped.

    Raises:
        TrainError: something is missing, damaged or does not fit; with exit code 5 when stopped and resumable.
    """
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    display = Display(silent=rank != 0)
    on = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if on.type == "cpu":
        torch.set_num_threads(device.threads())
    plan = work_out_plan(request, on, world=world, checks=rank == 0)
    for note in plan.notes:
        display.say(note)
    accelerator = make_accelerator(plan, on)
    run = on_main(accelerator, lambda: find_run(request, plan))
    if run.is_finished:
        display.say(f"{run.path} is trained to its end already (--resume never trains another)")
        display.say("next: phon generate --temperature 0.7")
        return
    with lock(run.path) if rank == 0 else contextlib.nullcontext():
        display.say(describe(plan, run, accelerator))
        training = set_up(plan, run, accelerator, display, stop)
        stop.is_training = True
        train(training)
        stop.is_training = False
        on_main(accelerator, lambda: finish(plan, run, training))
    accelerator.end_training()
    display.say(f"trained {run.path}: model/ is a Hugging Face folder, curve.png the training curve")
    display.say("next: phon generate --temperature 0.7")


def work_out_plan(request: Request, on: torch.device, *, world: int, checks: bool) -> Plan:
    """From the request and the shards to the exact work.

    Args:
        checks: Read all bytes of the shards to verify them: the main process does, the others check sizes.
    """
    place = Workspace.find(request.workspace)
    notes = []
    config, name = named_config(request)
    manifest = packed(place.shards)
    contract = Contract.read(place.tokenizer)
    if manifest.counts["tokenizer_sha256"] != contract.tokenizer_sha256:
        raise TrainError(
            f"{place.shards} was packed with another tokenizer than {place.tokenizer} holds",
            hint='run "phon pack" to pack it again',
        )
    shards = open_split(place.shards, "train", verify=checks)
    held_out = open_split(place.shards, "validation", verify=checks)
    if config is None:
        shapes = {name: shape_of(configs.load(name), contract.vocab_size, 1024) for name in configs.names()}
        name, why = choose_config(shards.n_tokens, shapes, on_gpu=on.type == "cuda")
        config = configs.load(name, request.overrides)
        notes.append(why)
    work = work_out(config, shards, contract.vocab_size, world=world)
    notes.extend(work.notes)
    check_schedule(work.config.optim, work.max_steps)
    precision = device.choose_precision(config.train, on)
    facts = {
        "shards": sha256_file(place.shards / "manifest.json"),
        "tokenizer": contract.tokenizer_sha256,
        "precision": precision,
    }
    shape = shape_of(work.config, contract.vocab_size, work.packing.seq_len)
    name = folder.check_name(config.log.name or name)
    return Plan(name, work, shape, contract, place, shards, held_out, precision, facts, tuple(notes))


def named_config(request: Request) -> tuple[Config | None, str]:
    """The config asked for and the run's name; None to choose one, once the corpus is known."""
    if request.resume not in ("auto", "never"):
        if request.config or request.overrides:
            raise TrainError(
                "a run that is resumed keeps its config",
                hint="leave --config and section.key=value out, or start another with --resume never",
                exit_code=2,
            )
        path = Path(request.resume)
        if not (path / folder.CONFIG).is_file():
            raise TrainError(f"{path} is not a run: it has no {folder.CONFIG}", hint="pass a folder of runs/")
        return configs.load(str(path / folder.CONFIG)), path.name
    if request.config is None:
        configs.load("tiny", request.overrides)  # mistakes in the overrides are told before anything slow
        return None, ""
    return configs.load(request.config, request.overrides), Path(request.config).stem


def make_accelerator(plan: Plan, on: torch.device) -> Any:
    """Accelerate: devices, precision, processes, trackers.

    Raises:
        TrainError: a tracker that is not installed.
    """
    from importlib.util import find_spec

    from accelerate import Accelerator

    for tracker in plan.config.log.trackers:
        if find_spec(tracker) is None:
            raise TrainError(
                f"log.trackers: {tracker} is not installed", hint=f"pip install {tracker}, or leave it out"
            )
    return Accelerator(
        cpu=on.type == "cpu",  # else each CPU process would stand alone
        mixed_precision="no" if plan.precision == "fp32" else plan.precision,
        log_with=list(plan.config.log.trackers) or None,
        project_dir=str(plan.place.runs / "trackers") if plan.config.log.trackers else None,
    )


def on_main(accelerator: Any, work: Callable[[], Result]) -> Result:
    """What `work` gives on the main process, on each process; its failure is everyone's."""
    outcome: list[Any] = [None]
    if accelerator.is_main_process:
        try:
            outcome = [(work(), None)]
        except TrainError as error:
            outcome = [(None, (str(error), error.hint, error.exit_code))]
    if accelerator.num_processes > 1:
        from accelerate.utils import broadcast_object_list

        broadcast_object_list(outcome)
    result, failure = outcome[0]
    if failure:
        raise TrainError(failure[0], hint=failure[1], exit_code=failure[2])
    return result  # type: ignore[no-any-return]


def find_run(request: Request, plan: Plan) -> Run:
    """The run's folder, resumed or new."""
    if request.resume not in ("auto", "never"):
        return folder.open_path(Path(request.resume), plan.facts)
    return folder.find(plan.place.runs, plan.name, plan.config, plan.facts, resume=request.resume)


def set_up(plan: Plan, run: Run, accelerator: Any, display: Display, stop: Stopping) -> Training:
    """Model, optimizer and data, as a checkpoint left them or new."""
    config, work = plan.config, plan.work
    model = GPT2(plan.shape)
    model.initialise(torch.Generator().manual_seed(config.train.seed))
    wrapped, optimizer = accelerator.prepare(model, build_optimizer(model, config.optim))
    average = Average(model, config.optim.ema) if config.optim.ema else None
    newest = on_main(accelerator, lambda: checkpoint.newest(run.checkpoints, display.say))
    on_main(accelerator, lambda: folder.start(run, config, plan.facts))
    state = checkpoint.State()
    if newest:
        state = checkpoint.load(newest, model.load_weights, model, optimizer.optimizer, average)
        if accelerator.scaler is not None:
            accelerator.scaler.load_state_dict(state.scaler)
        display.say(f"resumed at step {state.step:,} of {work.max_steps:,}")
    if config.log.trackers:
        accelerator.init_trackers(plan.name, config={"config": configs.to_toml(config)})
    display.max_steps = work.max_steps
    validation = pack_rows(plan.held_out, config.data.packing, plan.shape.seq_len)
    return Training(
        work=work,
        rows=Rows(plan.shards, work.packing, plan.contract.pad),
        validation=Rows(plan.held_out, validation, plan.contract.pad) if validation.n_rows else None,
        accelerator=accelerator,
        model=model,
        forward=compiled(wrapped, plan, display.say) if compiles(plan, accelerator)[0] else wrapped,
        wrapped=wrapped,
        optimizer=optimizer,
        average=average,
        state=state,
        checkpoints=run.checkpoints,
        write_model=partial(write_measured, model, average, plan.place.tokenizer),
        sample=previewer(
            model, plan.contract, plan.place.tokenizer, n=config.log.n_samples, seed=config.train.seed, say=display.say
        ),
        log=Log(run.path, state.step) if accelerator.is_main_process else None,
        display=display,
        peak=device.peak_flops(accelerator.device, plan.precision),
        is_stopping=stop,
    )


def write_measured(model: GPT2, average: Average | None, tokenizer: Path, folder: Path) -> None:
    """Write the model folder, of the averaged weights where there are any."""
    with average.in_place() if average else contextlib.nullcontext():
        write_model(folder, model, tokenizer)


def compiles(plan: Plan, accelerator: Any) -> tuple[bool, str]:
    """Whether this run compiles its step, and the line that says why."""
    work = plan.work
    flops = plan.shape.flops_per_token * work.rows_per_step * plan.shape.seq_len * work.max_steps
    expected_s = device.estimate_s(flops / accelerator.num_processes, accelerator.device, plan.precision)
    return device.decide_compile(plan.config.train, expected_s)


def compiled(wrapped: torch.nn.Module, plan: Plan, say: Callable[[str], None]) -> Callable[..., Tensor]:
    """The step compiled and tried once, or as it was where the compiler fails, which is said."""
    forward: Callable[..., Tensor] = torch.compile(wrapped)
    on = next(wrapped.parameters()).device
    rows = Rows(plan.shards, plan.work.packing, plan.contract.pad)
    batch = [torch.from_numpy(a).to(on) for a in rows.read([0] * plan.work.micro_batch)]
    say("compiling the step: up to a minute the first time")
    try:
        torch.autograd.backward(forward(*batch))
    except Exception as error:  # no C++ compiler, a card too old: whatever it is, training can go on without
        say(f"compile: failed ({str(error).strip().splitlines()[0][:120]}); training goes on without")
        forward = wrapped
    wrapped.zero_grad()
    return forward


def describe(plan: Plan, run: Run, accelerator: Any) -> str:
    """What is about to be trained, on what, how long."""
    shape, work, shards, world = plan.shape, plan.work, plan.shards, accelerator.num_processes
    published = shape_of(plan.config, plan.config.model.published_vocab_size, shape.seq_len)
    processes = "one process" if world == 1 else f"each of {world} processes"
    return "\n".join(
        (
            f"run: {run.path}",
            f"model: {shape.n_layer} layers, {shape.n_head} heads, width {shape.n_embd}: {shape.n_parameters:,} "
            f"parameters with our vocabulary of {shape.vocab_size:,}; {published.n_parameters:,} with the published "
            f"{published.vocab_size:,}",
            f"data: {shards.n_documents:,} documents, {shards.n_tokens:,} tokens in {work.packing.n_rows:,} rows of "
            f"{shape.seq_len} ({plan.config.data.packing} packing, {100 * work.packing.padding:.1f} % padding)",
            f"plan: {work.max_steps:,} steps of {work.rows_per_step} rows, {work.schedule.epoch(work.max_steps):.1f} "
            f"epochs; {work.rows_per_step // work.micro_batch // world} micro-steps of {work.micro_batch} rows on "
            f"{processes}",
            f"device: {accelerator.device.type}, {plan.precision}; {compiles(plan, accelerator)[1]}",
        )
    )


def finish(plan: Plan, run: Run, training: Training) -> None:
    """Leave the model folder, the curve and the manifest that says the run is whole."""
    state = training.state
    weights_step = state.best_step if plan.config.train.keep == "best" and state.best_step else state.step
    if weights_step != state.step:
        checkpoint.load_best(run.checkpoints, state, training.model.load_weights)
        training.display.say(f"model/ is step {weights_step:,}, the best in validation: {state.best:.4f} bits per byte")
    aside = run.path / f"{ASIDE}model"
    remove(aside)
    aside.mkdir()
    write_measured(
        training.model, training.average if weights_step == state.step else None, plan.place.tokenizer, aside
    )
    replace_folder(aside, run.path / "model")
    assert training.log
    training.log.close()
    draw(run.path / LOG, run.path / "curve.png", title=f"{run.path.name}: {plan.shape.n_parameters:,} parameters")
    records = read(run.path / LOG)
    measured = [record for record in records if "val_loss" in record and record["step"] <= weights_step]
    written = [str(path.relative_to(run.path)) for path in _files(run.path)]
    Manifest(
        stage=folder.STAGE,
        inputs=[{"name": key, "sha256": value} for key, value in sorted(plan.facts.items()) if key != "precision"],
        options={"config": plan.config.model_dump(mode="json"), "precision": plan.precision},
        versions={"torch": torch.__version__},
        counts={
            "parameters": plan.shape.n_parameters,
            "steps": state.step,
            "weights_step": weights_step,
            "tokens": state.tokens,
            **({key: measured[-1][key] for key in measured[-1] if key != "step"} if measured else {}),
        },
        files=describe_files(run.path, written),
    ).write(run.path)


def _files(path: Path) -> Iterator[Path]:
    for name in (folder.CONFIG, folder.FACTS, "curve.png"):
        yield path / name
    yield from sorted((path / "model").iterdir())
