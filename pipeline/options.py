"""Options that many commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from train.workspace import VARIABLE, Workspace

F = TypeVar("F", bound=Callable[..., Any])


def workspace_option(function: F) -> F:
    """The option --workspace; the command gets `workspace`, a Workspace."""
    return click.option(
        "--workspace",
        envvar=VARIABLE,
        show_envvar=True,
        metavar="DIR",
        callback=lambda context, parameter, value: Workspace.find(value),
        help="Where data/ and runs/ lie; the current folder unless told otherwise.",
    )(function)


def json_option(function: F) -> F:
    """The option --json; the command gets `as_json`, a bool."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")(function)


def picture_option(what: str) -> Callable[[F], F]:
    """The option --plot; the command gets `picture`, the path of a PNG or None."""
    return click.option(
        "--plot",
        "picture",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE.png",
        callback=check_picture,
        help=what,
    )


def check_picture(context: click.Context, parameter: click.Parameter, value: Path | None) -> Path | None:
    """Refuse another kind of picture than the one we write."""
    if value is not None and value.suffix.lower() != ".png":
        raise click.BadParameter(f"{str(value)!r} does not end in .png, and a PNG is what is written")
    return value
