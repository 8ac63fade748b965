"""What this machine can do: its precision, its peak, and whether compiling repays itself here."""

import os
import sys
import time
from pathlib import Path

import torch

from train import cards
from train.config import TrainConfig
from train.environment import THREADS, usable_cores
from train.errors import TrainError

COMPILE_S = 60  # what a cold compile costs at worst, measured: 20 to 40 s on 2 cores
COMPILE_SAVES = 0.25  # of a step, at least; measured 0.25 to 0.31 on CPU in bf16
RATES = {("cpu", "bf16"): 120e9, ("cpu", "fp32"): 40e9, ("cuda", "bf16"): 60e12, ("cuda", "fp16"): 40e12}


def cpu_has_bf16() -> bool:
    """Whether the processor multiplies bf16 matrices itself (AVX512_BF16 or AMX); without, bf16 is slower."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def choose_precision(config: TrainConfig, device: torch.device) -> str:
    """The precision of the matrix products; weights and optimizer are fp32 always.

    Raises:
        TrainError: the device cannot do what was asked.
    """
    if config.precision == "auto":
        has_bf16 = torch.cuda.is_bf16_supported(False) if device.type == "cuda" else cpu_has_bf16()
        return "bf16" if has_bf16 else "fp32"
    if config.precision == "fp16" and device.type == "cpu":
        raise TrainError("fp16 needs a GPU", hint="pass train.precision=auto: bf16 where the processor has it")
    return config.precision


def threads() -> int:
    """CPU cores for this process: its share of those we may use, or what PHON_THREADS or OMP_NUM_THREADS says.

    Launchers set the latter to 1 where the user did not: that one is not believed.
    """
    if told := os.environ.get(THREADS):
        return int(told)
    said, launched = os.environ.get("OMP_NUM_THREADS"), {"ACCELERATE_MIXED_PRECISION", "TORCHELASTIC_RUN_ID"}
    if said and not (said == "1" and launched & os.environ.keys()):
        return int(said)
    return max(1, usable_cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def estimate_s(flops: float, device: torch.device, precision: str) -> float:
    """How long a run of `flops` a process would take without compiling, roughly: half the true rate or twice.

    From the hardware alone, not from a clock: a run that was killed decides again as it did before.
    """
    rate = RATES.get((device.type, precision), 20e12 if device.type == "cuda" else 40e9)
    return flops / (rate * (threads() if device.type == "cpu" else 1))


def decide_compile(config: TrainConfig, expected_s: float) -> tuple[bool, str]:
    """Whether to compile the step, and a line that says why."""
    if config.compile != "auto":
        return config.compile == "always", f"compile: {config.compile}, as train.compile says"
    saves_s = COMPILE_SAVES * expected_s
    if saves_s > 2 * COMPILE_S:
        return (
            True,
            f"compile: yes, it saves about {saves_s / 60:.0f} min of {expected_s / 60:.0f} for up to {COMPILE_S} s",
        )
    return False, f"compile: no, a run of about {max(1, expected_s):.0f} s does not repay it (train.compile=always)"


def peak_flops(device: torch.device, precision: str) -> float | None:
    """FLOP/s the device can reach: from a table on a GPU, measured on a CPU; None if not known."""
    if device.type == "cuda":
        if precision == "fp32":
            return None
        card = cards.find(torch.cuda.get_device_name(device))
        return card.flops if card else None
    if device.type != "cpu":
        return None
    n = 1024
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    a, b = torch.randn(n, n).to(dtype), torch.randn(n, n).to(dtype)
    best = float("inf")
    for _ in range(8):
        start = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - start)
    return 2 * n**3 / best


def peak_memory(device: torch.device) -> int:
    """Bytes this process has held at most so far: of the GPU's memory by tensors, on a CPU of main memory."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    import resource  # not on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def held_memory(device: torch.device) -> int:
    """Bytes this process holds now: of the GPU's memory by tensors, on a CPU of main memory."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    statm = Path("/proc/self/statm")  # Linux alone has it
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else peak_memory(device)
