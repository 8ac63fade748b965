"""accelerate launch up to the moment before it starts processes: how many, where, in what environment."""

import os
import sys
import types
from typing import Any

import pytest


def launch(words: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[Any, dict[str, str]]:
    """What Accelerate makes of a command line, given without its first two words.

    Returns:
        The arguments of torch's launcher, and the environment of the processes where it differs from ours.
    """
    import torch.distributed.run
    from accelerate.commands import launch as accelerate

    started: list[tuple[Any, dict[str, str]]] = []
    before = dict(os.environ)

    def record(arguments: Any) -> None:
        now = {name: value for name, value in os.environ.items() if before.get(name) != value}
        started.append((arguments, now))

    with monkeypatch.context() as patch:
        patch.setattr(torch.distributed.run, "run", record)
        if not accelerate.is_deepspeed_available():  # Accelerate asks for one name of it
            patch.setattr(accelerate, "is_deepspeed_available", lambda: True)
            for name in ("deepspeed", "deepspeed.launcher", "deepspeed.launcher.runner"):
                patch.setitem(sys.modules, name, types.ModuleType(name))
            vars(sys.modules["deepspeed.launcher.runner"])["DEEPSPEED_ENVIRONMENT_NAME"] = "unused"
        # Its own port may be taken by a training on this machine: it finds a free one.
        arguments = accelerate.launch_command_parser().parse_args(["--main_process_port", "0", *words])
        accelerate.launch_command(arguments)
    ((arguments, environment),) = started
    return arguments, environment
