"""Sampling speed: our loop against transformers' `generate`, same weights, interleaved in one run.

Example: python benchmarks/generation.py --quick
         python benchmarks/generation.py --device cuda
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch

from benchmarks.machine import describe
from train.contract import Contract
from train.draw import Sampling
from train.generate import generate
from train.gpt2 import GPT2, Shape, hf_config

SHAPES = {
    "4 layers, width 256": Shape(vocab_size=8192, seq_len=256, n_layer=4, n_head=4, n_embd=256, n_inner=1024),
    "gpt2-125m": Shape(vocab_size=50257, seq_len=1024, n_layer=12, n_head=12, n_embd=768, n_inner=3072),
}
PROMPT = [0, 10, 20, 30]
TEMPERATURE = 0.7
CASES = {  # shape, batch, new tokens, rounds
    "cpu": (
        ("4 layers, width 256", 1, 192, 9),
        ("4 layers, width 256", 16, 192, 5),
        ("4 layers, width 256", 64, 192, 5),
        ("gpt2-125m", 1, 48, 5),
    ),
    "cuda": (
        ("4 layers, width 256", 1, 192, 9),
        ("4 layers, width 256", 64, 192, 9),
        ("gpt2-125m", 1, 512, 5),
        ("gpt2-125m", 64, 512, 5),
    ),
}


def measure(run: Callable[[], int], tokens: int) -> tuple[float, float]:
    """Seconds of one run: on the clock, and of CPU time over all threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    made = run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    elapsed = time.perf_counter() - wall, time.process_time() - cpu
    assert made == tokens, f"{made} tokens instead of {tokens}"
    return elapsed


def ours(model: GPT2, batch: int, new: int, top_k: int) -> Callable[[], int]:
    # No token is the end: -1 is none of them, so that each sample is as long as the limit.
    contract = Contract({}, model.shape.vocab_size, 0, -1, 0, {"": PROMPT[:1]}, {"": 1}, "")
    sampling = Sampling(temperature=TEMPERATURE, top_k=top_k or None, max_new_tokens=new)
    reader = model.reader()

    def run() -> int:
        samples = generate(reader, contract, n=batch, prompt_ids=PROMPT[1:], sampling=sampling, batch_size=batch)
        return sum(len(sample.ids) - len(PROMPT[1:]) for sample in samples)

    return run


def theirs(model: GPT2, batch: int, new: int, top_k: int) -> Callable[[], int]:
    from transformers import GPT2Config, GPT2LMHeadModel  # slow to import

    config = GPT2Config(**hf_config(model.shape, bos=0, eos=1, pad=2))
    other = GPT2LMHeadModel(config).eval()
    other.load_state_dict(model.weights(), strict=False)  # the head is the embedding
    other.generation_config.eos_token_id = None
    other.to(model.device)
    tokens = torch.tensor([PROMPT] * batch, device=model.device)
    mask = torch.ones_like(tokens)
    options = {"do_sample": True, "temperature": TEMPERATURE, "top_k": top_k, "max_new_tokens": new}

    def run() -> int:
        torch.manual_seed(0)
        made = other.generate(tokens, attention_mask=mask, **options)
        return int((made.shape[1] - len(PROMPT)) * batch)

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two rounds of each")
    parser.add_argument("--threads", type=int, default=1, help="of torch; more than one is noisy on a shared machine")
    parser.add_argument("--device", choices=list(CASES), default="cpu")
    parser.add_argument("--only", metavar="WORD", default="", help="the models with this in their name")
    parser.add_argument("--top-k", type=int, default=50, help="as transformers has it by default; 0 for none")
    arguments = parser.parse_args()
    if arguments.top_k < 0:
        parser.error("--top-k is a number of tokens, or 0 for all")
    if arguments.device == "cuda" and not torch.cuda.is_available():
        parser.error("there is no CUDA device here")
    torch.set_num_threads(arguments.threads)

    card = f", {torch.cuda.get_device_name()}" if arguments.device == "cuda" else ""
    print(f"{describe()}{card}\n")
    print(
        f"A {len(PROMPT)}-token prompt, temperature {TEMPERATURE}, top-k {arguments.top_k or 'none'}, fp32, "
        f"{arguments.device}, {arguments.threads} thread(s); medians of interleaved rounds.\n"
    )
    print("| model | batch | new tokens | transformers tok/s | phon tok/s | ratio | ratio of CPU time |")
    print("|---|---|---|---|---|---|---|")
    for name, batch, new, rounds in CASES[arguments.device]:
        if arguments.only not in name:
            continue
        model = GPT2(SHAPES[name])
        model.initialise(torch.Generator().manual_seed(0))
        model.to(arguments.device)
        contestants = [make(model, batch, new, arguments.top_k) for make in (theirs, ours)]
        tokens = batch * new
        for run in contestants:
            run()  # once for nothing: caches warm, memory taken
        times = [[measure(run, tokens) for run in contestants] for _ in range(2 if arguments.quick else rounds)]
        speeds = [tokens / median(row[who][0] for row in times) for who in (0, 1)]
        wall, cpu = (median(row[0][clock] / row[1][clock] for row in times) for clock in (0, 1))
        said = f"{speeds[0]:,.0f} | {speeds[1]:,.0f} | {wall:.2f} | {cpu:.2f}"
        print(f"| {name} | {batch} | {new} | {said} |", flush=True)


if __name__ == "__main__":
    main()
