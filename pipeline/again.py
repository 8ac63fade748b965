"""What it takes to make a sample again, and making it again."""

from dataclasses import fields
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipeline.asked import Constraints
from pipeline.errors import PipelineError
from pipeline.kept import FORMAT, Call, Facts, Kept
from pipeline.sampler import Judged, Sampler
from pipeline.trained import Source
from train.contract import NAME as CONTRACT
from train.files import WEIGHTS, digest, sha256_file
from train.folder import STAGE
from train.manifest import Manifest
from train.workspace import Workspace

CONFIG = "config.json"
LIBRARIES = ("phon", "torch")


def fingerprint(folder: Path) -> str:
    """What tells a model from any other: a hash of its weights, its shape and its contract."""
    manifest = Manifest.read(folder.parent)  # whose hashes `Sampler.open` has held the model to
    known = manifest.files if manifest and manifest.stage == STAGE else {}
    hashes = {}
    for name in (WEIGHTS, CONFIG, CONTRACT):
        entry = known.get(f"{folder.name}/{name}")
        hashes[name] = entry["sha256"] if entry else sha256_file(folder / name)
    return digest(hashes)


def gather(
    workspace: Workspace,
    source: Source,
    sampler: Sampler,
    n: int,
    seed: int,
    batch_size: int | None,
    type_name: str | None,
    prompt: str,
    valid: bool | None,
    constraints: Constraints,
) -> Facts:
    """How samples are made, for their record; all but the sampling."""
    from train.generate import fitting_batch  # imports torch

    folder, root = source.folder.resolve(), workspace.root.resolve()
    return Facts(
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        run=source.run,
        checkpoint=source.checkpoint,
        folder=str(folder.relative_to(root) if folder.is_relative_to(root) else folder),
        model=fingerprint(source.folder),
        n=n,
        seed=seed,
        batch_size=batch_size or fitting_batch(sampler.model.shape),
        type=type_name,
        prompt=prompt,
        valid=valid,
        constraints=constraints.asked(),
        versions={name: version(name) for name in LIBRARIES},
        device=sampler.model.device.type,
    )


class Again:
    """Makes samples of a call again.

    Raises:
        PipelineError: its model is gone, or a later version of phon wrote its record.

    Attributes:
        differs: What is not as it was then, and may make another sample; empty if nothing.
    """

    def __init__(self, workspace: Workspace, call: Call) -> None:
        from train.draw import Sampling  # imports torch

        facts = self._facts = call.facts
        known = [{field.name for field in fields(kind)} for kind in (Sampling, Constraints)]
        if facts.format != FORMAT or facts.sampling.keys() - known[0] or facts.constraints.keys() - known[1]:
            raise PipelineError(
                f"call {call.number} was made by phon {facts.versions.get('phon', '?')}, with settings unknown here",
                hint="install that version to make it again",
            )
        folder = workspace.root / facts.folder
        if not folder.is_dir():
            raise PipelineError(
                f"the model of call {call.number} is gone: there is no {folder}",
                hint="put it back; checkpoints go when newer ones come",
            )
        self._sampler = Sampler.open(folder)
        self._sampling = Sampling(**facts.sampling)  # type: ignore[arg-type]
        asked: dict[str, Any] = {
            key: tuple(one) if isinstance(one, list) else one for key, one in facts.constraints.items()
        }
        self._constraints = Constraints(**asked)
        now = {name: version(name) for name in LIBRARIES} | {"device": self._sampler.model.device.type}
        then = facts.versions | {"device": facts.device}
        changes = [f"{key} was {then.get(key, 'another')}, is {now[key]}" for key in now if then.get(key) != now[key]]
        if fingerprint(folder) != facts.model:
            changes.insert(0, f"the model in {folder} is another one now")
        self.differs = "; ".join(changes)

    def make(self, sample: Kept) -> Judged:
        """The sample as it comes out now.

        It is made alone, and if it is another then, once more among those that were made together with it: a sample
        depends on the others by the last bits of sums at most, and with them by nothing.
        """
        alone = self._make(sample, range(sample.index, sample.index + 1), sample.type)
        facts = self._facts
        if is_same(sample, alone) or self.differs or sample.given is not None:
            return alone
        start = sample.index - sample.index % facts.batch_size
        return self._make(sample, range(start, min(start + facts.batch_size, facts.n)), facts.type)

    def _make(self, sample: Kept, among: range, type_name: str | None) -> Judged:
        """One of several samples that are made together."""
        facts = self._facts
        _, made = self._sampler.samples(
            n=among.stop,
            first=among.start,
            sampling=self._sampling,
            seed=facts.seed,
            type_name=type_name,
            prompt_phones=facts.prompt or None,
            sources=[sample.given] if sample.given is not None else None,
            batch_size=len(among),
            valid=facts.valid,
            constraints=self._constraints,
        )
        return next(one for one in made if one.index == sample.index)


def is_same(sample: Kept, made: Judged) -> bool:
    """Whether a sample that was made again is the same, byte for byte."""
    return (sample.text, sample.type, sample.ended) == (made.text, made.type, made.ended)
