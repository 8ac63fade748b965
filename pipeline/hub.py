"""Uploading a folder to the Hugging Face Hub, in one commit."""

import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from pipeline.errors import PipelineError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Kind = Literal["model", "space"]
T = TypeVar("T")

TRIES = 4
PAUSE_S = 1.0  # before the second try; twice as long before each one after
PASSING = {408, 425, 429, 500, 502, 503, 504}  # what may be gone a moment later
RIGHTS = 'make a token that may write at huggingface.co/settings/tokens, then run "hf auth login" or set HF_TOKEN'
# What else the Hub answers means to whoever pushes.
MEANINGS = {
    400: ("the Hub does not take this", "it says why; if it is the card, mend README.md's first lines"),
    401: ("the Hub does not know the token", RIGHTS),
    402: ("the Hub asks for payment", "a Space may need a plan: huggingface.co/pricing; its folder works anywhere"),
    403: ("the token may not do this", RIGHTS),
    404: ("the Hub has no such user, organisation or repository", "check the name: USER/NAME"),
    409: ("the Hub has something else there", "choose another name"),
    413: ("the Hub finds it too large", "push a smaller model"),
}


def push(
    folder: Path, files: list[str], name: str, *, kind: Kind = "model", private: bool = False, wait: float = PAUSE_S
) -> str:
    """Upload files of a folder as a repository, which is made if it is not there; the address.

    What a try before has uploaded is not uploaded again.

    Args:
        files: Their paths in the folder; what else is in it stays here.
        name: `USER/NAME`, or a name alone for the token's own user.
        private: Only for its owner. Of a repository that is there already it is checked, not changed.
        wait: Seconds before the second try.

    Raises:
        PipelineError: no token, no network, or the Hub refuses.
    """
    from huggingface_hub import CommitOperationAdd, HfApi, get_token  # takes a second
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if not re.fullmatch(r"(?:[\w.-]+/)?[\w.-]+", name, re.ASCII):
        raise PipelineError(f"--push {name!r} is no name on the Hub", hint="as in USER/NAME", exit_code=2)
    token = get_token()
    if token is None:
        raise PipelineError("there is no token of the Hugging Face Hub", hint=RIGHTS)
    if not sys.stderr.isatty():
        disable_progress_bars()
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=token)
    with explained(f"pushing to {name}"):
        sdk = "gradio" if kind == "space" else None
        made = retried(
            lambda: api.create_repo(name, repo_type=kind, private=private or None, exist_ok=True, space_sdk=sdk), wait
        )
        if private and not retried(lambda: is_private(api, made.repo_id, kind), wait):
            raise PipelineError(
                f"{made.repo_id} is there already, and public",
                hint="make it private on the Hub, or choose another name",
            )

        def commit() -> str:
            # What a commit that failed knows of its files does not serve another.
            operations = [CommitOperationAdd(path, str(folder / path)) for path in files]
            said = f"Upload {'a Space' if kind == 'space' else 'a model'} with phon"
            try:
                done = api.create_commit(made.repo_id, operations, commit_message=said, repo_type=kind)
            except RuntimeError as error:  # around what stopped one of several uploads
                raise error.__cause__ or error from error
            return str(done.repo_url)

        return retried(commit, wait)


def is_private(api: "HfApi", name: str, kind: Kind) -> bool:
    """Whether a repository is its owner's alone."""
    return bool(api.repo_info(name, repo_type=kind).private)


def retried(act: Callable[[], T], wait: float) -> T:
    """What an action gives, tried again while what stops it may pass."""
    from huggingface_hub import errors

    for number in range(1, TRIES + 1):
        try:
            return act()
        except errors.OfflineModeIsEnabled:
            raise
        except (errors.HTTPError, ConnectionError, TimeoutError) as error:  # type: ignore[attr-defined]
            status = status_of(error)
            if number == TRIES or (status is not None and status not in PASSING):
                raise
            time.sleep(wait * 2 ** (number - 1))
    raise AssertionError("the last try gives or raises")


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn what the Hub and the network say into one line."""
    from huggingface_hub import errors

    try:
        yield
    except errors.OfflineModeIsEnabled as error:
        raise PipelineError(f"{what}: HF_HUB_OFFLINE is set", hint="unset it") from error
    except (errors.HTTPError, ConnectionError, TimeoutError) as error:  # type: ignore[attr-defined]
        status = status_of(error)
        if status is None:
            raise PipelineError(
                f"{what}: the Hub cannot be reached: {brief(error)}",
                hint="check the network; the same command goes on from there",
            ) from error
        meaning, hint = MEANINGS.get(status, ("the Hub cannot do this now", "try again later"))
        said = getattr(error, "server_message", None)
        raise PipelineError(f"{what}: {meaning} ({status}{f': {said}' if said else ''})", hint=hint) from error
    except (ValueError, RuntimeError) as error:  # the checks of the library and of the Hub, and all that hf_xet raises
        raise PipelineError(f"{what}: {brief(error)}", hint="mend that and run the same command again") from error


def status_of(error: Exception) -> int | None:
    """The status that the Hub answered with, if it answered."""
    response = getattr(error, "response", None)
    return None if response is None else int(response.status_code)


def brief(error: Exception) -> str:
    """What it says, on one line."""
    return " ".join(str(error).split()) or type(error).__name__
