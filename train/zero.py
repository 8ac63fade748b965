"""DeepSpeed's ZeRO-2 and ZeRO-3 behind what the loop asks of an optimizer; weights and moments handed over whole."""

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from train.model import Model, Shape

MOMENTS = ("exp_avg", "exp_avg_sq")  # AdamW's, as torch names them


class Zero:
    """A model and its AdamW, shared out: the gradients and the optimizer (stage 2), the weights too (stage 3).

    It keeps no files: what a checkpoint needs is put together from all processes, and taken apart again.

    Args:
        grad_clip: Largest norm of the gradient; 0 for none.

    Source: Rajbhandari et al. 2020 (arXiv 1910.02054).
    """

    def __init__(self, model: Model, optimizer: torch.optim.Optimizer, *, stage: int, grad_clip: float) -> None:
        import deepspeed  # slow, and not always installed

        # Its calls of torch.distributed bear older names, and it would tell of each at every step.
        warnings.filterwarnings("ignore", r"`torch\.distributed\.\w+` is deprecated", FutureWarning)
        self.model, self.stage, self.adamw = model, stage, optimizer
        self.engine, *_ = deepspeed.initialize(
            model=model, optimizer=optimizer, config=settings(model.shape, stage, grad_clip)
        )
        inner = self.engine.optimizer
        self.flat = inner.single_partition_of_fp32_groups if stage == 2 else inner.fp32_partitioned_groups_flat
        # torch makes a parameter's state at its first step; then DeepSpeed would find that of the first group alone.
        for p in self.flat:
            moments = {key: torch.zeros_like(p) for key in MOMENTS}
            optimizer.state[p] = {"step": torch.zeros((), device=p.device), **moments}
        if stage == 2:
            inner._lazy_init_hp_params_optimizer_state()

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The optimizer's."""
        groups: list[dict[str, Any]] = self.engine.optimizer.param_groups
        return groups

    def backward(self, loss: Tensor) -> None:
        """Add to the gradients, which DeepSpeed averages over processes and shares out."""
        self.engine.backward(loss)

    def step(self) -> float:
        """Clip and apply the gradients; where they are not finite, none is applied, on any process.

        Returns:
            Their norm before clipping; infinite where they are not finite.
        """
        self.engine.step()
        return float(self.engine.get_global_grad_norm())

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self.engine.optimizer.zero_grad()

    def weights(self, *, keep: bool) -> dict[str, Tensor]:
        """Each weight whole, on the CPU, for those that `keep` them; all processes ask together."""
        from deepspeed.utils import safe_get_full_fp32_param

        found = {}
        for name, p in self.model.named_parameters():
            one = safe_get_full_fp32_param(p)
            if keep:
                found[name] = one.to("cpu", copy=True)
        return found

    def optimizer_tensors(self, *, keep: bool) -> dict[str, Tensor]:
        """AdamW's state as `train.checkpoint` names it, for those that `keep` it; all processes ask together."""
        from deepspeed.utils import safe_get_full_optimizer_state

        count = self.adamw.state[self.flat[0]]["step"].cpu()
        found = {}
        for name, p in self.model.named_parameters():
            for key in MOMENTS:
                one = safe_get_full_optimizer_state(p, key)
                if keep:
                    found[f"{name}/{key}"] = one.to("cpu", copy=True)
            if keep:
                found[f"{name}/step"] = count.clone()
        return found

    def load_optimizer(self, tensors: Mapping[str, Tensor]) -> None:
        """Undo `optimizer_tensors`, on each process for its share."""
        from deepspeed.utils import safe_set_full_optimizer_state, safe_set_local_optimizer_state

        count = next((value for name, value in tensors.items() if name.endswith("/step")), None)
        if count is None:  # saved before its first step
            return
        for p in self.flat:
            self.adamw.state[p]["step"].copy_(count)
        for name, p in self.model.named_parameters():
            for key in MOMENTS:
                value = tensors[f"{name}/{key}"].to(self.engine.device)
                if self.stage == 2:
                    safe_set_full_optimizer_state(p, value, key)
                else:
                    safe_set_local_optimizer_state(p, self._share(value, p), key)

    def _share(self, value: Tensor, p: Any) -> Tensor:
        """This process's part of a whole tensor: as many elements on each, zeros where the last has none."""
        n, rank, world = p.ds_tensor.numel(), self.engine.global_rank, self.engine.world_size
        return F.pad(value.flatten(), (0, n * world - value.numel()))[rank * n : (rank + 1) * n]


def settings(shape: Shape, stage: int, grad_clip: float) -> dict[str, Any]:
    """DeepSpeed's configuration. Batches and precision are ours: it counts none and sees fp32."""
    return {
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": 1,
        "managed_gradient_accumulation": False,  # a step ends when we say so
        "gradient_clipping": grad_clip,
        "zero_allow_untested_optimizer": True,
        "zero_optimization": {
            "stage": stage,
            "stage3_param_persistence_threshold": 4 * shape.n_embd,  # norms and biases stay whole
            "memory_efficient_linear": False,  # it would replace torch's linear layer for the whole program
        },
    }
