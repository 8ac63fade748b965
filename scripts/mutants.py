"""Seeds bugs, one at a time, into a copy of the repository, and tells which of them the tests catch.

    python scripts/mutants.py [WORD]...

Each must be caught by the tests named with it; words choose the bugs whose names hold one of them.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = ("runs", "demo", "data")  # of the repository's own folders
UNIT, WHOLE = "tests/unit/train", "tests/integration"


class Bug(NamedTuple):
    """A change that must not go unnoticed: in `file`, `text` (which stands there once) becomes `other`."""

    name: str
    file: str
    text: str
    other: str
    tests: str  # as pytest takes them


BUGS = [
    Bug(
        "rows of a step are those of the next",
        "train/data.py",
        "np.arange(step * self.rows_per_step, (step + 1) * self.rows_per_step",
        "np.arange((step + 1) * self.rows_per_step, (step + 2) * self.rows_per_step",
        f"{UNIT}/test_data.py",
    ),
    Bug(
        "rows are skipped between steps",
        "train/data.py",
        "np.arange(step * self.rows_per_step, (step + 1) * self.rows_per_step",
        "np.arange(step * self.rows_per_step + step, (step + 1) * self.rows_per_step + step",
        f"{UNIT}/test_data.py",
    ),
    Bug(
        "every epoch has the same order",
        "train/data.py",
        "Order(self.n_rows, self.seed, epoch)",
        "Order(self.n_rows, self.seed, 0)",
        f"{UNIT}/test_data.py",
    ),
    Bug(
        "the order does not depend on the seed",
        "train/order.py",
        'f"phon rows {n} {seed} {epoch}"',
        'f"phon rows {n} {epoch}"',
        f"{UNIT}/test_order.py",
    ),
    Bug(
        "dropout is the same in every step",
        "train/step.py",
        "predictions, draw(t.work.config.train.seed, step, i))",
        "predictions, draw(t.work.config.train.seed, 0, i))",
        f"{UNIT}/test_step.py",
    ),
    Bug(
        "dropout goes on from whatever was drawn before",
        "train/step.py",
        "    torch.manual_seed(seed)\n",
        "",
        f"{UNIT}/test_step.py",
    ),
    Bug(
        "a document sees the one before it",
        "train/attention.py",
        "sees = sees & (own == self.pieces[:, None, None, k[0]])",
        "sees = sees & (own <= self.pieces[:, None, None, k[0]] + 1)",
        f"{UNIT}/test_gpt2.py",
    ),
    Bug(
        "a token sees the one after it",
        "train/attention.py",
        "sees = q >= k if self.causal",
        "sees = q + 1 >= k if self.causal",
        f"{UNIT}/test_gpt2.py",
    ),
    Bug(
        "the end of a document is not packed",
        "pipeline/pack.py",
        "    packed[ends - 1] = eos\n",
        "    packed[ends - 1] = 0\n",
        "tests/unit/pipeline/test_pack.py",
    ),
    Bug(
        "a sample goes on after its end",
        "train/generate.py",
        "ends = written[:, seen : step + 1] == contract.eos",
        "ends = written[:, seen : step + 1] == contract.pad",
        f"{UNIT}/test_generate.py",
    ),
    Bug(
        "a sample starts otherwise than training documents",
        "train/generate.py",
        "prefixes = {name: [*contract.opening(name), *prompt_ids]",
        "prefixes = {name: [contract.bos, *prompt_ids]",
        f"{UNIT}/test_generate.py",
    ),
    Bug(
        "a file is written under its own name",
        "train/files.py",
        "    aside = path.with_name(ASIDE + path.name)\n    try:\n        with _named(path):",
        "    aside = path\n    try:\n        with _named(path):",
        f"{WHOLE}/test_durability.py {WHOLE}/test_crash.py",
    ),
    Bug(
        "a file takes its name before it is on disk",
        "train/files.py",
        "                file.flush()\n                os.fsync(file.fileno())\n",
        "                file.flush()\n",
        f"{WHOLE}/test_durability.py {WHOLE}/test_crash.py",
    ),
    Bug(
        "a checkpoint is written under its own name",
        "train/checkpoint.py",
        '    aside = folder / f"{ASIDE}{final.name}"\n',
        "    aside = final\n    globals().update(replace_folder=lambda aside, final: None)\n",
        f"{WHOLE}/test_durability.py",
    ),
    Bug(
        "LATEST moves before its checkpoint is there",
        "train/checkpoint.py",
        "    replace_folder(aside, final)\n    write_text(folder / LATEST, final.name)\n",
        "    write_text(folder / LATEST, final.name)\n    replace_folder(aside, final)\n",
        f"{WHOLE}/test_durability.py",
    ),
    Bug(
        "an old checkpoint is deleted piece by piece under its name",
        "train/checkpoint.py",
        "            discard_folder(old)\n",
        "            remove(old)\n",
        f"{WHOLE}/test_durability.py",
    ),
    Bug(
        "leftovers stay",
        "train/checkpoint.py",
        "    remove_asides(folder)\n",
        "",
        f"{UNIT}/test_checkpoint.py",
    ),
    Bug(
        "checkpoints are not held to their checksums",
        "train/checkpoint.py",
        "        if sha256_file(path / name) != expected:\n",
        "        if not expected:\n",
        f"{UNIT}/test_checkpoint.py",
    ),
    Bug(
        "shards are not held to their checksums",
        "train/shards.py",
        'if verify and sha256_file(path) != facts["sha256"]:',
        'if verify and not facts["sha256"]:',
        f"{UNIT}/test_shards.py",
    ),
    Bug(
        "JSON files are not held to their checksums",
        "train/files.py",
        'facts.pop("checksum", None) != digest(facts)',
        'not facts.pop("checksum", None)',
        f"{WHOLE}/test_artefacts.py -k manifest.json",
    ),
    Bug(
        "a shard that shrinks is read on",
        "train/shards.py",
        "if len(content) != size:",
        "if len(content) > size:",
        f"{WHOLE}/test_resume.py -k shard",
    ),
    Bug(
        "the lock is not taken",
        "train/files.py",
        "            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)\n",
        "            pass\n",
        "tests/unit/pipeline/test_pack.py",
    ),
    Bug(
        "gradients are counted twice after memory ran out",
        "train/step.py",
        '    """Give back what a failed pass held: its gradients too, so that none is counted twice."""\n'
        "    t.optimizer.zero_grad()\n",
        '    """Give back what a failed pass held: its gradients too, so that none is counted twice."""\n',
        f"{WHOLE}/test_processes.py -k memory",
    ),
    Bug(
        "the loss is a mean of means",
        "train/step.py",
        "backward(loss * ((t.world if t.is_sharded else 1) / predictions))",
        "backward(loss / int((batch[1] != -100).sum()) / (t.work.rows_per_step // len(rows)))",
        f"{WHOLE}/test_training.py -k parts",
    ),
    Bug(
        "the optimizer forgets how many steps it took",
        "train/checkpoint.py",
        "            optimizer.state[p][key] = like(value, p)\n",
        '            optimizer.state[p][key] = like(value, p) * (key != "step")\n',
        f"{UNIT}/test_checkpoint.py",
    ),
    Bug(
        "the average of the weights starts anew",
        "train/checkpoint.py",
        "            p.data.copy_(value)\n",
        "            pass\n",
        f"{WHOLE}/test_resume.py",
    ),
    Bug(
        "a run goes on a step late",
        "train/assemble.py",
        "        state = checkpoint.read_state(newest)\n",
        "        state = checkpoint.read_state(newest)\n        state.step += 1\n",
        f"{WHOLE}/test_resume.py",
    ),
    Bug(
        "the learning rate after going on is that of another step",
        "train/assemble.py",
        "        checkpoint.load_optimizer(model, base, newest)\n",
        "        checkpoint.load_optimizer(model, base, newest)\n"
        '        config.optim.__dict__["warmup_steps"] += 1\n',
        f"{WHOLE}/test_resume.py",
    ),
    Bug(
        "the log keeps what comes again",
        "train/log.py",
        "for record in _lines(self.path)[:kept] if",
        "for record in _lines(self.path) if",
        f"{WHOLE}/test_resume.py",
    ),
    Bug(
        "a checkpoint counts on records that are not on disk",
        "train/loop.py",
        "        t.log.sync()\n",
        "",
        f"{WHOLE}/test_resume.py -k operation_goes_on",
    ),
    Bug(
        "a measurement that two stops put off is lost",
        "train/loop.py",
        "    stopping = not look(t)  # what a stop put off",
        "    stopping = look(t) is None  # what a stop put off",
        f"{WHOLE}/test_resume.py -k two_stops",
    ),
    Bug(
        "a loss that is no number reaches the weights",
        "train/step.py",
        "    is_finite = math.isfinite(mean) and",
        "    is_finite = True or math.isfinite(mean) and",
        f"{WHOLE}/test_training.py -k number",
    ),
    Bug(
        "the best checkpoint is deleted with the old ones",
        "train/checkpoint.py",
        "        if old.name != name(state.best_step):\n",
        "        if old.name:\n",
        f"{WHOLE}/test_training.py -k best",
    ),
    Bug(
        "what lies beside a checkpoint's files goes into the model",
        "train/checkpoint.py",
        '    for file in sorted(read_checked(path / STATE)["sha256"]):',
        '    for file in sorted(p.name for p in path.iterdir() if p.name != STATE):',
        f"{WHOLE}/test_malice.py -k pickles",
    ),
]  # fmt: skip


def main(words: list[str]) -> int:
    """Try the bugs whose names hold one of `words`, or all; 1 if any survives."""
    chosen = [bug for bug in BUGS if not words or any(word in bug.name for word in words)]
    survived = []
    with tempfile.TemporaryDirectory(prefix="phon-mutants-") as scratch:
        copy = Path(scratch, "phon")
        shutil.copytree(ROOT, copy, ignore=left_out, symlinks=True)
        for bug in chosen:
            is_caught = try_out(bug, copy)
            print(f"{'caught  ' if is_caught else 'SURVIVED'}  {bug.name}", flush=True)
            if not is_caught:
                survived.append(bug)
    print(f"{len(chosen) - len(survived)} of {len(chosen)} bugs caught")
    return bool(survived)


def left_out(folder: str, names: list[str]) -> set[str]:
    """What of a folder is not copied."""
    own = LEFT_OUT if Path(folder) == ROOT else ()
    return {name for name in names if name.startswith(".") or name == "__pycache__" or name in own}


def try_out(bug: Bug, copy: Path) -> bool:
    """Whether the tests fail with the bug in the copy, which is as before afterwards."""
    path = copy / bug.file
    honest = path.read_text(encoding="utf-8")
    assert honest.count(bug.text) == 1, f"{bug.name}: its text stands {honest.count(bug.text)} times in {bug.file}"
    path.write_text(honest.replace(bug.text, bug.other), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "--quiet", "--exitfirst", "-p", "no:cacheprovider", *bug.tests.split()]
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    finally:
        path.write_text(honest, encoding="utf-8")
    if done.returncode not in (0, 1):  # 1: tests failed; others: they could not run
        raise SystemExit(f"{bug.name}: pytest ended with {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.returncode == 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
