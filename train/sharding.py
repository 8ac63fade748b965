"""Several processes, one model: each holds all of it, or with FSDP2 a shard; tensors made whole and taken apart."""

import os
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, distributed, nn
from torch.distributed.tensor import DTensor, distribute_tensor

from train.errors import TrainError
from train.model import Model

BUCKET = 16 * 2**20  # gradients added in one go: large enough for the wire, small beside the model


def asked() -> str:
    """How the launch file wants a model shared out: "fsdp2", "zero2" or "zero3"; "" for not at all, or one process.

    It is taken out of the environment, since Accelerate's own ways are not taken: its FSDP leaves CPU processes out,
    its DeepSpeed keeps checkpoints as pickles.

    Raises:
        TrainError: it asks for what we do not do.
    """
    fsdp, deepspeed = (_is_set(os.environ.pop(f"ACCELERATE_USE_{name}", "")) for name in ("FSDP", "DEEPSPEED"))
    if fsdp and os.environ.get("FSDP_VERSION", "2") != "2":
        raise TrainError(
            "the launch file asks for FSDP 1, which is not supported", hint="put fsdp_version: 2 under fsdp_config"
        )
    stage = os.environ.get("ACCELERATE_DEEPSPEED_ZERO_STAGE", "")
    if deepspeed and stage not in ("2", "3"):
        raise TrainError(
            f"the launch file asks for DeepSpeed with ZeRO stage {stage or 'unknown'}",
            hint="put zero_stage: 2 or 3 under deepspeed_config; a deepspeed_config_file is not read",
        )
    for what in ("OPTIMIZER", "PARAM"):
        if deepspeed and os.environ.get(f"ACCELERATE_DEEPSPEED_OFFLOAD_{what}_DEVICE", "none") != "none":
            raise TrainError(
                "the launch file asks DeepSpeed to offload, which is not supported",
                hint="launch with configs/accelerate/fsdp2.yaml and fsdp_offload_params: true",
            )
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return ""
    return "fsdp2" if fsdp else f"zero{stage}" if deepspeed else ""


def _is_set(value: str) -> bool:
    return value.lower() == "true"


def shard(model: Model, precision: str, device: torch.device) -> None:
    """Share out the weights among all processes, block by block (FSDP2).

    A block's weights are whole only while it computes; gradients are summed and shared out again at once, so that no
    process ever holds the whole model, its gradients or its optimizer.

    Source: Zhao et al. 2023 (arXiv 2304.11277); torch.distributed.fsdp.fully_shard.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import CPUOffloadPolicy, MixedPrecisionPolicy, OffloadPolicy, fully_shard

    low = {"bf16": torch.bfloat16}.get(precision)
    is_offloaded = _is_set(os.environ.get("FSDP_OFFLOAD_PARAMS", "")) and device.type != "cpu"
    frees = _is_set(os.environ.get("FSDP_RESHARD_AFTER_FORWARD", "true"))
    mesh = init_device_mesh(device.type, (distributed.get_world_size(),))
    policy = MixedPrecisionPolicy(param_dtype=low, reduce_dtype=torch.float32)
    offload = CPUOffloadPolicy() if is_offloaded else OffloadPolicy()
    for block in model.blocks:
        fully_shard(block, mesh=mesh, mp_policy=policy, offload_policy=offload, reshard_after_forward=frees)
    fully_shard(model, mesh=mesh, mp_policy=policy, offload_policy=offload)


def add_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Sum the gradients over processes, in place.

    Once a step and after the last backward pass, not during it: a process that ran out of memory in the middle can
    then still take part, and for two processes the order of the sum is fixed.
    """
    bucket, n = list[Tensor](), 0
    for p in parameters:
        if p.grad is None:
            continue
        bucket.append(p.grad)
        n += p.grad.numel()
        if n >= BUCKET:
            _add(bucket)
            bucket, n = [], 0
    if bucket:
        _add(bucket)


def _add(gradients: list[Tensor]) -> None:
    flat = torch.cat([g.flatten() for g in gradients])
    distributed.all_reduce(flat)
    at = 0
    for g in gradients:
        g.copy_(flat[at : at + g.numel()].view_as(g))
        at += g.numel()


def whole(x: Tensor) -> Tensor:
    """All of a tensor; if it is shared out, all processes ask together."""
    return x.full_tensor() if isinstance(x, DTensor) else x


def gather(tensors: Mapping[str, Tensor], *, keep: bool) -> dict[str, Tensor]:
    """Each tensor whole (on the CPU if it was shared out) for those that `keep` them; all processes ask together."""
    found = {}
    for name, x in tensors.items():
        one = whole(x)
        if keep:
            found[name] = one.cpu() if isinstance(x, DTensor) else one
    return found


def like(value: Tensor, p: Tensor) -> Tensor:
    """A whole tensor, on the device of `p` and shared out as `p` is; a copy."""
    value = value.to(p.device, copy=True)
    if isinstance(p, DTensor) and value.shape == p.shape:
        return distribute_tensor(value, p.device_mesh, p.placements, src_data_rank=None)
    return value
