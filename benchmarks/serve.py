"""`phon serve` under load: many clients at once, what they are answered, how fast, and the server's memory.

python benchmarks/serve.py [--run NAME|PATH] [--clients 100] [--seconds 30]
"""

import argparse
import asyncio
import json
import random
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

HASTE_S = 0.25  # that a client waits at most before it asks again, whatever Retry-After says
READ_S = 90


class Load(NamedTuple):
    """What came of it: answers by status, seconds that each good one took, and samples received."""

    statuses: Counter[str]
    took_s: list[float]
    samples: int


async def ask(port: int, path: str, wish: Mapping[str, object]) -> tuple[str, int]:
    """One request on a connection of its own: its status, or what went wrong, and the samples that came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        body = json.dumps(wish).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = await asyncio.wait_for(reader.read(), READ_S)
    finally:
        writer.close()
    status = answer.split(b" ", 2)[1].decode() if answer else "nothing"
    whole = b'"event": "done"' in answer or b'"samples"' in answer
    if status == "200" and not whole:
        status = "cut off" if b'"event": "error"' not in answer else "error event"
    return status, answer.count(b'"ended"') if status == "200" else 0


async def load(port: int, clients: int, seconds: float) -> Load:
    """So many clients, each asking again as soon as it is answered."""
    found = Load(Counter(), [], 0)
    n_samples = 0
    until = time.monotonic() + seconds

    async def client(number: int) -> None:
        nonlocal n_samples
        chance = random.Random(number)
        while time.monotonic() < until:
            path = chance.choice(("/api/samples", "/api/samples/stream"))
            wish = {"n": 1, "max_new_tokens": chance.randint(8, 32), "prompt": chance.choice(("", "the people"))}
            began = time.monotonic()
            try:
                status, samples = await ask(port, path, wish)
            except (OSError, TimeoutError) as error:
                status, samples = type(error).__name__, 0
            found.statuses[status] += 1
            n_samples += samples
            if status == "200":
                found.took_s.append(time.monotonic() - began)
            await asyncio.sleep(chance.uniform(0, HASTE_S))

    await asyncio.gather(*map(client, range(clients)))
    return found._replace(samples=n_samples)


def memory_mib(process: int) -> float:
    """What a process and its children hold in memory; 0 where /proc is missing."""
    total = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue
        facts = dict(line.split(":", 1) for line in text.splitlines())
        if str(process) in (facts["Pid"].strip(), facts["PPid"].strip()):
            total += int(facts.get("VmRSS", "0 kB").split()[0])
    return total / 1024


async def watched(port: int, process: int, clients: int, seconds: float) -> tuple[Load, list[float]]:
    """The load, and the memory once a second."""
    held: list[float] = []

    async def look() -> None:
        while True:
            held.append(memory_mib(process))
            await asyncio.sleep(1)

    looking = asyncio.create_task(look())
    found = await load(port, clients, seconds)
    looking.cancel()
    return found, [*held, memory_mib(process)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--run")
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=30)
    asked = parser.parse_args()
    run = ["--run", asked.run] if asked.run else []
    server = subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", "serve", "--port", "0", *run], stderr=subprocess.PIPE, text=True
    )
    assert server.stderr is not None
    try:
        line = next((line for line in server.stderr if "http://" in line), "")
        found_port = re.search(r":(\d+)/", line)
        if not found_port:
            print("no server: train a model first, or pass --run")
            return
        port = int(found_port[1])
        asyncio.run(load(port, 4, 2))  # what is slow the first time
        found, held = asyncio.run(watched(port, server.pid, asked.clients, asked.seconds))
    finally:
        server.terminate()
        server.wait()
    took = sorted(found.took_s) or [0.0]
    tail = took[min(len(took) - 1, int(0.99 * len(took)))]
    print(f"{asked.clients} clients, {asked.seconds:g} s: {sum(found.statuses.values())} answers")
    print("  " + ", ".join(f"{status}: {count}" for status, count in sorted(found.statuses.items())))
    print(f"  {found.samples / asked.seconds:.1f} samples/s; median {statistics.median(took):.2f} s, 99 % {tail:.2f} s")
    shown = [f"{held[len(held) * place // 4 if place < 4 else -1]:.0f}" for place in range(5)]
    print(f"  memory, server and its process for constraints: {' → '.join(shown)} MiB")


if __name__ == "__main__":
    main()
