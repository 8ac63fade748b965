"""Sampling speed: our loop against transformers' `generate`, same weights, interleaved in one run.

Example: python benchmarks/generation.py --quick
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch

from benchmarks.machine import describe
from train.contract import Contract
from train.generate import Sampling, generate
from train.gpt2 import GPT2, Shape, hf_config

SHAPE = Shape(vocab_size=8192, seq_len=256, n_layer=4, n_head=4, n_embd=256, n_inner=1024)
PROMPT = [0, 10, 20, 30]
N_NEW = 192
TEMPERATURE, TOP_K = 0.7, 50
BATCHES = (1, 16, 64)


def measure(run: Callable[[], int], tokens: int) -> tuple[float, float]:
    """Seconds of one run: on the clock, and of CPU time over all threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    made = run()
    elapsed = time.perf_counter() - wall, time.process_time() - cpu
    assert made == tokens, f"{made} tokens instead of {tokens}"
    return elapsed


def ours(model: GPT2, batch: int) -> Callable[[], int]:
    # No token is the end: -1 is none of them, so that each sample is as long as the limit.
    contract = Contract({}, SHAPE.vocab_size, 0, -1, 0, {"": PROMPT[:1]}, {"": 1}, "")
    sampling = Sampling(temperature=TEMPERATURE, top_k=TOP_K, max_new_tokens=N_NEW)

    def run() -> int:
        samples = generate(model, contract, n=batch, prompt_ids=PROMPT[1:], sampling=sampling, batch_size=batch)
        return sum(len(sample.ids) - len(PROMPT[1:]) for sample in samples)

    return run


def theirs(model: GPT2, batch: int) -> Callable[[], int]:
    from transformers import GPT2Config, GPT2LMHeadModel  # slow to import

    config = GPT2Config(**hf_config(SHAPE, bos=0, eos=1, pad=2))
    other = GPT2LMHeadModel(config).eval()
    other.load_state_dict(model.weights(), strict=False)  # the head is the embedding
    other.generation_config.eos_token_id = None
    tokens = torch.tensor([PROMPT] * batch)
    mask = torch.ones_like(tokens)
    options = {"do_sample": True, "temperature": TEMPERATURE, "top_k": TOP_K, "max_new_tokens": N_NEW}

    def run() -> int:
        torch.manual_seed(0)
        made = other.generate(tokens, attention_mask=mask, **options)
        return int((made.shape[1] - len(PROMPT)) * batch)

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two rounds instead of five")
    parser.add_argument("--threads", type=int, default=1, help="of torch; more than one is noisy on a shared machine")
    arguments = parser.parse_args()
    rounds = 2 if arguments.quick else 5
    torch.set_num_threads(arguments.threads)

    model = GPT2(SHAPE)
    model.initialise(torch.Generator().manual_seed(0))
    print(f"{describe()}\n")
    print(
        f"Sampling {N_NEW} tokens from a {len(PROMPT)}-token prompt: {SHAPE.n_layer} layers, width {SHAPE.n_embd}, "
        f"vocabulary {SHAPE.vocab_size}, temperature {TEMPERATURE}, top-k {TOP_K}, fp32, {arguments.threads} "
        f"thread(s); medians of {rounds} interleaved rounds.\n"
    )
    print("| batch | transformers tok/s | phon tok/s | ratio | ratio of CPU time |")
    print("|---|---|---|---|---|")
    for batch in BATCHES:
        contestants = theirs(model, batch), ours(model, batch)
        tokens = batch * N_NEW
        for run in contestants:
            run()  # once for nothing: caches warm, memory taken
        times = [[measure(run, tokens) for run in contestants] for _ in range(rounds)]
        speeds = [tokens / median(row[who][0] for row in times) for who in (0, 1)]
        wall, cpu = (median(row[0][clock] / row[1][clock] for row in times) for clock in (0, 1))
        print(f"| {batch} | {speeds[0]:,.0f} | {speeds[1]:,.0f} | {wall:.2f} | {cpu:.2f} |", flush=True)


if __name__ == "__main__":
    main()
