"""One training from request to model folder: work it out, set it up, train, finish."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import torch

from train import checkpoint, device, environment, folder, sharding
from train import config as configs
from train.assemble import Plan, compiles, make_accelerator, on_main, set_up
from train.choose import LADDER, choose_config, work_out
from train.config import Config, OptimConfig
from train.contract import Contract
from train.curve import draw
from train.dashboard import choose_display
from train.errors import TrainError
from train.families import shape_of
from train.files import lock, sha256_file
from train.folder import Run
from train.log import LOG, read
from train.loop import Training, train
from train.manifest import Manifest, describe_files, require
from train.memory import states
from train.model import Shape
from train.optim import check_schedule
from train.shards import open_split, packed
from train.watch import watched
from train.workspace import Workspace

SHARED = {
    "fsdp2": ("weights", "FSDP2"),
    "zero2": ("gradients and optimizer", "ZeRO-2"),
    "zero3": ("weights", "ZeRO-3"),
}
FOR_PAIRS = "spell-to-phones"  # the config where none is given
INSTALL = 'pip install "phon[deepspeed]"'
INSTEAD = "launch with configs/accelerate/fsdp2.yaml"


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
    plain: bool = False  # lines, even where there is a screen


def train_run(request: Request, stop: Stopping) -> None:
    """Train as requested, from the start or from where it stopped.

    Raises:
        TrainError: something is missing, damaged or does not fit; with exit code 5 when stopped and resumable.
    """
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    display = choose_display(silent=rank != 0, plain=request.plain)
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
    with display, watched(rank, world), lock(run.path) if rank == 0 else contextlib.nullcontext():
        display.say(describe(plan, run, accelerator))
        training = set_up(plan, run, accelerator, display, stop)
        found = environment.describe(accelerator.device.type, world)
        on_main(accelerator, lambda: environment.record(run.path, training.state.step, found))
        stop.is_training = True
        train(training)
        stop.is_training = False
        on_main(accelerator, lambda: finish(plan, run, training))
    accelerator.end_training()
    display.say(f"trained {run.path}: model/ is a Hugging Face folder, curve.png the training curve")
    display.say("next: phon evaluate" if plan.contract.pairs else "next: phon generate --temperature 0.7")


def work_out_plan(request: Request, on: torch.device, *, world: int, checks: bool) -> Plan:
    """From the request and the shards to the exact work.

    Args:
        checks: Read all bytes of the shards to verify them: the main process does, the others check sizes.
    """
    place = Workspace.find(request.workspace)
    notes = []
    config, name = named_config(request, of_pairs=holds_pairs(place))
    manifest = packed(place.shards)
    if checks:
        require(place.tokenizer, stage="tokenizer", command="phon tokenizer", what="tokenizer")
    contract = Contract.read(place.tokenizer)
    if manifest.counts["tokenizer_sha256"] != contract.tokenizer_sha256:
        raise TrainError(
            f"{place.shards} was packed with another tokenizer than {place.tokenizer} holds",
            hint='run "phon pack" to pack it again',
        )
    shards = open_split(place.shards, "train", verify=checks)
    held_out = open_split(place.shards, "validation", verify=checks)
    if request.config is None and name == FOR_PAIRS:
        notes.append(f"config: {FOR_PAIRS}, since the corpus is pairs")
    if config is None:
        shapes = {name: shape_of(configs.load(name), contract.vocab_size, 1024) for name in LADDER}
        name, why = choose_config(shards.n_tokens, shapes, on_gpu=on.type == "cuda")
        config = configs.load(name, request.overrides)
        notes.append(why)
    on_gpu = on.type == "cuda"
    work = work_out(config, shards, contract.vocab_size, world=world, on_gpu=on_gpu, contract=contract)
    notes.extend(work.notes)
    check_schedule(work.config.optim, work.max_steps)
    precision = device.choose_precision(config.train, on)
    facts = {
        "shards": sha256_file(place.shards / "manifest.json"),
        "tokenizer": contract.tokenizer_sha256,
        "precision": precision,
    }
    shape = shape_of(work.config, contract.vocab_size, work.packing.seq_len, contract)
    name = folder.check_name(config.log.name or name)
    sharing = sharding.asked()
    if sharing:
        check_sharing(sharing, work.config, precision)
    else:
        check_memory(shape, work.config.optim, on)
    return Plan(name, work, shape, contract, place, shards, held_out, precision, sharing, facts, tuple(notes))


def check_memory(shape: Shape, optim: OptimConfig, on: torch.device) -> None:
    """Refuse a model that would not fit even with no activations.

    Raises:
        TrainError: weights, gradients and the optimizer's averages alone take more than there is.
    """
    has = torch.cuda.get_device_properties(on).total_memory if on.type == "cuda" else environment.memory_bytes()
    if states(shape, optim) > has:
        raise TrainError(
            f"the model's {shape.n_parameters:,} weights take at least {states(shape, optim) / 2**30:,.0f} GiB to "
            f"train, and there are {has / 2**30:,.0f}",
            hint="take a smaller one (phon plan finds what fits), or share it out: docs/many-gpus.md",
        )


def check_sharing(sharing: str, config: Config, precision: str) -> None:
    """Refuse what needs whole matrices where each process has a part, and what DeepSpeed lacks.

    Raises:
        TrainError: Muon, an average of the weights; with DeepSpeed fp16, or no DeepSpeed.
    """
    if sharing != "fsdp2" and find_spec("deepspeed") is None:
        raise TrainError("the launch file asks for DeepSpeed, which is not installed", hint=f"{INSTALL}, or {INSTEAD}")
    if sharing != "fsdp2" and precision == "fp16":
        raise TrainError("fp16 cannot be combined with DeepSpeed here", hint=f"pass train.precision=bf16, or {INSTEAD}")
    for name, is_set in (("optim.name=muon", config.optim.name == "muon"), ("optim.ema", config.optim.ema > 0)):
        if is_set:
            raise TrainError(
                f"{name} cannot be combined with weights shared out among processes ({SHARED[sharing][1]})",
                hint="launch with configs/accelerate/ddp.yaml, or pass optim.name=adamw optim.ema=0",
            )


def holds_pairs(place: Workspace) -> bool:
    """Whether the tokenizer there is one of pairs; what is wrong with it is told when it is used."""
    with contextlib.suppress(TrainError):
        return Contract.read(place.tokenizer).pairs is not None
    return False


def named_config(request: Request, *, of_pairs: bool) -> tuple[Config | None, str]:
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
        if (path / folder.FACTS).is_file():
            folder.read_facts(path)  # before the config is used
        return configs.load(str(path / folder.CONFIG)), path.name
    if request.config is None and of_pairs:
        return configs.load(FOR_PAIRS, request.overrides), FOR_PAIRS
    if request.config is None:
        configs.load("tiny", request.overrides)  # mistakes in the overrides are told before anything slow
        return None, ""
    return configs.load(request.config, request.overrides), Path(request.config).stem


def find_run(request: Request, plan: Plan) -> Run:
    """The run's folder, resumed or new."""
    if request.resume not in ("auto", "never"):
        return folder.open_path(Path(request.resume), plan.facts)
    return folder.find(plan.place.runs, plan.name, plan.config, plan.facts, resume=request.resume)


def describe(plan: Plan, run: Run, accelerator: Any) -> str:
    """What is about to be trained, on what, how long."""
    shape, work, shards, world = plan.shape, plan.work, plan.shards, accelerator.num_processes
    published = shape_of(plan.config, plan.config.model.published_vocab_size, shape.seq_len, plan.contract)
    what, by = SHARED.get(plan.sharing, ("", ""))
    processes = "one process" if world == 1 else f"each of {world} processes"
    documents = "" if plan.contract.pairs else f"{shards.n_documents:,} documents, "
    how = "" if work.packing.is_ragged else f"{plan.config.data.packing} packing, "
    part = f", of which {work.packing.n_predictions:,} are learnt from," if plan.config.data.max_tokens else ""
    return "\n".join(
        (
            f"run: {run.path}",
            f"model: {shape.said}: {shape.n_parameters:,} "
            f"parameters with our vocabulary of {shape.vocab_size:,}; {published.n_parameters:,} with the published "
            f"{published.vocab_size:,}",
            f"data: {documents}{shards.n_tokens:,} tokens{part} in "
            f"{work.packing.said()} ({how}{100 * work.schedule.padding(work.micro_batch):.1f} % padding)",
            f"plan: {work.max_steps:,} steps of {work.rows_per_step} rows, {work.schedule.epoch(work.max_steps):.1f} "
            f"epochs; {work.rows_per_step // work.micro_batch // world} micro-steps of {work.micro_batch} rows on "
            f"{processes}",
            f"device: {accelerator.device.type}, {plan.precision}; {compiles(plan, accelerator)[1]}"
            + (f"; {what} shared out among {world} processes ({by})" if plan.sharing else ""),
        )
    )


def finish(plan: Plan, run: Run, training: Training) -> None:
    """Leave the model folder, the curve and the manifest that says the run is whole."""
    state = training.state
    weights_step = state.best_step if plan.config.train.keep == "best" and state.best_step else state.step
    if weights_step != state.step:
        training.display.say(f"model/ is step {weights_step:,}, the best in validation: {state.best:.4f} bits per byte")
    checkpoint.copy_model(run.checkpoints / checkpoint.name(weights_step), run.path / "model")
    assert training.log
    training.log.sync()
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
    for name in (folder.CONFIG, folder.FACTS, LOG, "curve.png"):
        yield path / name
    yield from sorted((path / "model").iterdir())
