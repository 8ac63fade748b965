"""Options that many commands share."""

from collections.abc import Callable
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
