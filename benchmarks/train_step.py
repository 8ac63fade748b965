"""Training speed: our whole loop against transformers' Trainer and a hand-tuned Accelerate loop, interleaved.

Each contender is a process of its own that trains the same GPT-2 (4 layers, width 256, 4 heads, 256 tokens, vocabulary
8,192, 8 rows) on the same shards and waits at the end of every few steps for its turn, so that all meet the same
machine. Ours is the real `train.loop` with everything switched on: Accelerate, clipping, schedule, log, data loading.

Example: python benchmarks/train_step.py --quick
"""

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.machine import describe

V, T, B = 8192, 256, 8
L, H, C = 4, 4, 256
LR, WARMUP = 6e-4, 10
FLOPS_PER_TOKEN = 6 * (12 * L * C * C + V * C) + 6 * L * T * C  # attention counted causally, as in the ceiling

Turn = Callable[[], None]  # called after each step


def turns(pipe: Connection) -> Turn:
    """A function that, called at the end of each step, hands over the figures of a turn and waits for the next."""
    left, cpu, wall, started = 0, 0.0, 0.0, False

    def step() -> None:
        nonlocal left, cpu, wall, started
        left -= 1
        if left > 0:
            return
        if started:
            pipe.send((time.process_time() - cpu, time.perf_counter() - wall))
        started = True
        left = pipe.recv()
        if not left:
            os._exit(0)
        cpu, wall = time.process_time(), time.perf_counter()

    return step


def hf_model(attention: str) -> Any:
    """The same model by transformers, no dropout."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=V, n_positions=T, n_embd=C, n_layer=L, n_head=H, embd_pdrop=0, attn_pdrop=0, resid_pdrop=0,
        bos_token_id=0, eos_token_id=1, pad_token_id=2, use_cache=False,
    )  # fmt: skip
    config._attn_implementation = attention
    return GPT2LMHeadModel(config)


def rows(place: Path) -> Any:
    """The packed rows, read back as ours reads them."""
    from train.data import Rows, pack_rows
    from train.shards import open_split

    shards = open_split(place / "data" / "shards", "train", verify=False)
    return Rows(shards, pack_rows(shards, "stream", T), pad=2)


def trainer(place: Path, step: Turn, tuned: bool) -> None:
    """transformers' Trainer: its defaults (fused AdamW among them), or bf16, torch.compile and eager attention too."""
    import torch
    from transformers import Trainer, TrainerCallback, TrainingArguments

    source = rows(place)

    class Data(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
        def __len__(self) -> int:
            return int(source.packing.n_rows)

        def __getitem__(self, row: int) -> dict[str, torch.Tensor]:
            ids = torch.from_numpy(source.read([row])[0][0])
            return {"input_ids": ids, "labels": ids}

    class Wait(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *arguments: Any, **options: Any) -> None:
            step()

    options: dict[str, Any] = {"bf16": True, "torch_compile": True} if tuned else {}
    arguments = TrainingArguments(
        output_dir=str(place / "trainer"), per_device_train_batch_size=B, max_steps=100_000, learning_rate=LR,
        warmup_steps=WARMUP, save_strategy="no", report_to=[], disable_tqdm=True, use_cpu=True, logging_steps=10,
        **options,
    )  # fmt: skip
    model = hf_model("eager" if tuned else "sdpa")
    Trainer(model, arguments, train_dataset=Data(), callbacks=[Wait()]).train()


def accelerate(place: Path, step: Turn) -> None:
    """A loop tuned by hand: Accelerate, bf16, torch.compile, fused AdamW, eager attention, clipping, cosine."""
    import torch
    from accelerate import Accelerator

    source = rows(place)
    accelerator = Accelerator(mixed_precision="bf16", cpu=True)
    model: Any = torch.compile(hf_model("eager"))
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 100_000)
    model, optimizer, schedule = accelerator.prepare(model, optimizer, schedule)
    for start in range(0, 10**9, B):
        ids = torch.from_numpy(source.read([(start + i) % source.packing.n_rows for i in range(B)])[0])
        loss = model(input_ids=ids, labels=ids).loss
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        step()


def train(place: Path, config: str, settings: tuple[str, ...], step: Turn) -> None:
    """Our whole training, with `step` called after each step that is logged; what it says is left out."""
    from train import log, session

    class Waiting(log.Display):
        def step(self, record: dict[str, Any]) -> None:
            step()

        def say(self, text: str) -> None:
            pass

    class Never:
        is_training = False

        def __call__(self) -> bool:
            return False

    session.choose_display = lambda **options: Waiting()  # type: ignore[attr-defined]
    session.train_run(session.Request(config, "never", str(place), settings), Never())


def ours(place: Path, step: Turn, compile: str, optimizer: str = "adamw", family: str = "gpt2") -> None:
    """phon, as `accelerate launch train/run.py` runs it; by default with the optimizer of the others."""
    settings = (
        f"model.family={family}",
        f"model.n_layer={L}", f"model.n_head={H}", f"model.n_embd={C}", "model.dropout=0", f"data.seq_len={T}",
        "data.packing=stream", f"train.global_batch={B * T}", f"train.micro_batch={B}", "train.max_steps=100000",
        f"optim.name={optimizer}", f"optim.lr={LR}", f"optim.warmup_steps={WARMUP}", "log.log_every=1",
        "log.eval_every=0", "log.sample_every=0", "log.save_every=0", f"train.compile={compile}",
        f"log.name=bench-{compile}-{optimizer}-{family}",
    )  # fmt: skip
    train(place, "tiny", settings, step)


CONTENDERS: dict[str, Callable[[Path, Turn], None]] = {
    "transformers Trainer, defaults": lambda place, step: trainer(place, step, tuned=False),
    "transformers Trainer, bf16 + compile + fused": lambda place, step: trainer(place, step, tuned=True),
    "Accelerate loop, bf16 + compile + fused, eager attention": accelerate,
    "phon, not compiled (short runs)": lambda place, step: ours(place, step, "never"),
    "phon, compiled (long runs)": lambda place, step: ours(place, step, "auto"),
    "phon, compiled, Muon in place of AdamW": lambda place, step: ours(place, step, "auto", "muon"),
    "phon, compiled, the same model by the decoder family": lambda place, step: ours(
        place, step, "auto", family="decoder"
    ),
}


def compete(name: str, place: Path, pipe: Connection, threads: int) -> None:
    """Be one contender until told to end."""
    os.environ.update(OMP_NUM_THREADS=str(threads), TOKENIZERS_PARALLELISM="false")
    import torch

    torch.set_num_threads(threads)
    CONTENDERS[name](place, turns(pipe))


def make_shards(
    place: Path, *, vocab_size: int = V, lengths: Any = None, n_tokens: int = 400_000, text: Any = None
) -> None:
    """A workspace of random tokens, as `phon tokenizer` would leave one: one document, or some of these lengths.

    Args:
        text: Split -> ids and original bytes of one document, in place of random ones.
    """
    import numpy as np

    from train.contract import BOS, EOS, PAD, Contract
    from train.files import sha256_file, write_text
    from train.manifest import Manifest, describe_files
    from train.shards import ShardWriter

    tokenizer, shards = place / "data" / "tokenizer", place / "data" / "shards"
    tokens = [BOS, EOS, PAD, *(f"<{i}>" for i in range(3, vocab_size))]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    model = {"type": "BPE", "vocab": vocabulary, "merges": []}
    write_text(tokenizer / "tokenizer.json", json.dumps({"version": "1.0", "model": model}))
    write_text(tokenizer / "tokenizer_config.json", "{}")
    digest = sha256_file(tokenizer / "tokenizer.json")
    notation = {"name": "text", "version": "1", "options": {}}
    Contract(notation, vocab_size, 0, 1, 2, {"": [0]}, {"": 1}, digest).write(tokenizer)
    kept = describe_files(tokenizer, sorted(path.name for path in tokenizer.iterdir()))
    Manifest("tokenizer", [], {}, {}, {}, kept).write(tokenizer)
    files: dict[str, dict[str, Any]] = {}
    for split, n in (("train", n_tokens), ("validation", 2_000)):
        each = np.array([n]) if lengths is None or split == "validation" else lengths
        writer = ShardWriter(shards / split, vocab_size=vocab_size)
        n_bytes, ids = each, np.random.default_rng(0).integers(3, vocab_size, each.sum())
        if text:
            ids, n_bytes = text[split][0], np.array([text[split][1]])
            each = np.array([len(ids)])
        writer.add(ids, each, n_bytes, [""] * len(each))
        names = writer.close()
        files |= {f"{split}/{k}": v for k, v in describe_files(shards / split, names).items()}
    Manifest("pack", [], {}, {}, {"tokenizer_sha256": digest, "vocab_size": vocab_size}, files).write(shards)


def ceiling() -> float:
    """Tokens/s if all of a step's multiplications ran at the best bf16 rate of one of its matrix products."""
    import torch

    best = 0.0
    for k, n in ((C, 3 * C), (C, 4 * C), (4 * C, C), (C, V)):
        a, b = torch.randn(B * T, k).bfloat16(), torch.randn(k, n).bfloat16()
        for _ in range(10):
            start = time.perf_counter()
            a @ b
            best = max(best, 2 * B * T * k * n / (time.perf_counter() - start))
    return best / FLOPS_PER_TOKEN


def loading(place: Path) -> float:
    """Seconds of CPU time that reading one step's rows takes."""
    source, seen = rows(place), []
    for start in range(100):
        begin = time.process_time()
        source.read([(start * B + i) % source.packing.n_rows for i in range(B)])
        seen.append(time.process_time() - begin)
    return median(seen)


def main() -> None:
    """Run the contenders in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of each contender (default 1)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=6, help="steps of a turn")
    parser.add_argument("--quick", action="store_true", help="two rounds of three steps")
    parser.add_argument("--only", default="", help="contenders whose names hold this")
    options = parser.parse_args()
    contenders = [name for name in CONTENDERS if options.only in name]
    n_rounds, n_steps = (2, 3) if options.quick else (options.rounds, options.steps)
    import torch

    torch.set_num_threads(options.threads)
    print(describe())
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    # Should one contender fail, the others still write while the folder is taken away.
    with tempfile.TemporaryDirectory(prefix="phon-bench-", ignore_cleanup_errors=True) as place:
        make_shards(Path(place))
        load_s = loading(Path(place))
        context = multiprocessing.get_context("spawn")
        running = {}
        for name in contenders:
            pipe, end = context.Pipe()
            process = context.Process(target=compete, args=(name, Path(place), end, options.threads), daemon=True)
            process.start()
            end.close()  # so that waiting for a contender that failed ends in an error
            pipe.send(3)  # warm up: compiles, allocates
            pipe.recv()
            running[name] = pipe, process
        for _ in range(n_rounds):
            for name, (pipe, _) in running.items():
                pipe.send(n_steps)
                seen[name].append(pipe.recv())
        for pipe, process in running.values():
            pipe.send(0)
            process.join()
    rate = {name: n_steps * B * T / median(cpu for cpu, _ in figures) for name, figures in seen.items()}
    clock = {name: n_steps * B * T / median(wall for _, wall in figures) for name, figures in seen.items()}
    top, base = ceiling(), rate[contenders[0]]
    print(f"\n{options.threads} thread(s), median of {n_rounds} interleaved turns of {n_steps} steps\n")
    print("| trainer | tokens/s (CPU time) | tokens/s (clock) | against the first | share of ceiling |")
    print("|---|---|---|---|---|")
    for name in contenders:
        share = rate[name] * options.threads / top
        print(f"| {name} | {rate[name]:,.0f} | {clock[name]:,.0f} | {rate[name] / base:.2f}x | {100 * share:.0f} % |")
    print(f"| bf16 matrix products alone (ceiling) | | {top:,.0f} | | 100 % |")
    share = load_s * max(rate.values()) / (B * T)
    print(f"\nReading a step's rows takes {1e3 * load_s:.2f} ms: {100 * share:.2f} % of the fastest's step.")


if __name__ == "__main__":
    main()
