"""The pieces of a training put together: processes, model, optimizer, data, the compiled step."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from train import checkpoint, device, folder, sharding, step
from train import config as configs
from train.average import Average
from train.choose import Work, divisor
from train.config import Config
from train.contract import Contract
from train.data import Rows, lay_out
from train.errors import TrainError
from train.export import Vocabulary, read_weights, write_model
from train.files import WEIGHTS, read_tensors
from train.folder import Run
from train.log import Display, Log, read
from train.loop import Training
from train.model import Shape
from train.optim import build_optimizer
from train.preview import previewer
from train.shards import Shards
from train.workspace import Workspace
from train.zero import Zero

Result = TypeVar("Result")
COLLECTIVE = timedelta(hours=1)  # how long processes may wait for the main one to measure, sample and save


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
    sharing: str  # how the model is shared out among processes, as `sharding.asked` says
    facts: dict[str, Any]
    notes: tuple[str, ...]

    @property
    def config(self) -> Config:
        """The config, resolved."""
        return self.work.config

    @property
    def zero_stage(self) -> int:
        """DeepSpeed's, 0 without it."""
        return int(self.sharing.removeprefix("zero")) if self.sharing.startswith("zero") else 0


def make_accelerator(plan: Plan, on: torch.device) -> Any:
    """Accelerate: devices, precision, processes, trackers.

    Raises:
        TrainError: a tracker that is not installed.
    """
    from importlib.util import find_spec

    from accelerate import Accelerator
    from accelerate.utils import InitProcessGroupKwargs

    for tracker in plan.config.log.trackers:
        if find_spec(tracker) is None:
            raise TrainError(
                f"log.trackers: {tracker} is not installed", hint=f"pip install {tracker}, or leave it out"
            )
    return Accelerator(
        cpu=on.type == "cpu",  # else each CPU process would stand alone
        mixed_precision="no" if plan.precision == "fp32" else plan.precision,
        kwargs_handlers=[InitProcessGroupKwargs(timeout=COLLECTIVE)],
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


def set_up(plan: Plan, run: Run, accelerator: Any, display: Display, is_stopping: Callable[[], bool]) -> Training:
    """Model, optimizer and data, as a checkpoint left them or new."""
    config, work = plan.config, plan.work
    newest = on_main(accelerator, lambda: checkpoint.newest(run.checkpoints, display.say))
    on_main(accelerator, lambda: folder.start(run, config, plan.facts))
    held = device.held_memory(accelerator.device)
    model, state = plan.shape.build(), checkpoint.State()
    if newest:
        state = checkpoint.read_state(newest)
        model.load_weights(read_weights(newest / WEIGHTS, plan.shape))
        display.say(f"resumed at step {state.step:,} of {work.max_steps:,}")
    else:
        model.initialise(torch.Generator().manual_seed(config.train.seed))
    if plan.sharing == "fsdp2":
        sharding.shard(model, plan.precision, accelerator.device)
    model = accelerator.prepare_model(model, evaluation_mode=True)  # places it; its gradients are ours to add up
    base = build_optimizer(model, config.optim)
    zero = Zero(model, base, stage=plan.zero_stage, grad_clip=config.optim.grad_clip) if plan.zero_stage else None
    optimizer: Any = zero or accelerator.prepare_optimizer(base)
    average = Average(model, config.optim.ema) if config.optim.ema else None
    if newest and zero:
        zero.load_optimizer(read_tensors(newest / checkpoint.OPTIMIZER))
    elif newest:
        checkpoint.load_optimizer(model, base, newest)
        if accelerator.scaler is not None:
            accelerator.scaler.load_state_dict(state.scaler)
    mine = work.rows_per_step // accelerator.num_processes
    state.micro_batch = divisor(mine, state.micro_batch or work.micro_batch)
    model.checkpointing = state.checkpointing or config.train.checkpointing == "always"
    if config.log.trackers:
        accelerator.init_trackers(plan.name, config={"config": configs.to_toml(config)})
    log = Log(run.path, state.logged) if accelerator.is_main_process else None
    display.begin(run.path.name, work.max_steps, read(log.path) if log else ())
    vocabulary = Vocabulary.read(plan.place.tokenizer)
    validation = lay_out(plan.held_out, config.data, plan.shape.seq_len, plan.contract, config.train.seed)
    held_out = Rows(plan.held_out, validation, plan.contract.pad) if validation.n_rows else None
    rows = Rows(plan.shards, work.packing, plan.contract.pad)
    training = Training(
        work=work,
        rows=rows,
        validation=held_out,
        accelerator=accelerator,
        model=model,
        forward=zero.engine if zero else model,
        is_sharded=bool(plan.sharing),
        zero=zero,
        optimizer=optimizer,
        average=average,
        state=state,
        checkpoints=run.checkpoints,
        write_model=lambda folder, weights: write_model(folder, plan.shape, weights, vocabulary),
        sample=previewer(
            plan.contract,
            plan.place.tokenizer,
            n=config.log.n_samples,
            seed=config.train.seed,
            say=display.say,
            rows=held_out or rows,
        ),
        log=log,
        display=display,
        peak=device.peak_flops(accelerator.device, plan.precision),
        held=held,
        is_stopping=is_stopping,
    )
    if training.log and training.log.damaged:
        display.say(f"{training.log.path}: {training.log.damaged} lines were damaged or are gone, and stay left out")
    model.train()
    if config.train.micro_batch == "auto" and not newest and not zero:
        step.fit(training)
    if compiles(plan, accelerator)[0]:
        training.forward = compiled(training)
    return training


def compiles(plan: Plan, accelerator: Any) -> tuple[bool, str]:
    """Whether this run compiles its step, and the line that says why."""
    work = plan.work
    if plan.zero_stage:
        return False, "compile: no, not with DeepSpeed"
    if work.packing.is_ragged:
        return False, "compile: no, sources and targets come in many lengths, and each would be compiled anew"
    flops = plan.shape.flops_per_token * work.rows_per_step * plan.shape.seq_len * work.max_steps
    expected_s = device.estimate_s(flops / accelerator.num_processes, accelerator.device, plan.precision)
    return device.decide_compile(plan.config.train, expected_s)


def compiled(t: Training) -> Callable[..., Tensor]:
    """The step compiled and tried once, or as it was where the compiler fails, which is said."""
    t.display.say("compiling the step: up to a minute the first time")
    whole = t.forward
    if t.is_sharded:  # blocks are gathered one by one, so they are compiled one by one
        for block in t.model.blocks:
            block.compile(dynamic=False)
    else:
        t.forward = torch.compile(t.model, dynamic=False)
    try:
        step.micro_step(t, np.zeros(t.state.micro_batch, np.int64), 1, seed=0)
    except Exception as error:  # no C++ compiler, a card too old: whatever it is, training can go on without
        t.display.say(f"compile: failed ({str(error).strip().splitlines()[0][:120]}); training goes on without")
        t.forward = whole
        for block in t.model.blocks:
            block._compiled_call_impl = None
    t.optimizer.zero_grad()
    return t.forward
