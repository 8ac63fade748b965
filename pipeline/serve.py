"""`phon serve`: a page and an API on this machine, where a model writes while one watches."""

import re
import secrets
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.errors import PipelineError
from pipeline.gate import is_loopback
from pipeline.options import workspace_option
from pipeline.show import printable, progress
from pipeline.trained import Source, find_model
from train.workspace import Workspace

if TYPE_CHECKING:
    import uvicorn

    from pipeline.api import Service

HOST, PORT = "127.0.0.1", 8000
PLACES, LIMIT_S = 8, 60.0
STOP_S = 5  # that answers may take to end when the server stops
MOST_CONNECTIONS = 1000
TOKEN = re.compile(r"[\w.~-]{16,}", re.ASCII)
INSTALL = "install it with: pip install 'phon[serve]'"


def open_service(workspace: Workspace, model: Source, *, places: int = PLACES, limit_s: float = LIMIT_S) -> "Service":
    """A model, loaded and ready to answer requests."""
    from pipeline.aloud import Aloud
    from pipeline.api import Service
    from pipeline.sampler import Sampler
    from pipeline.writer import Writer

    writer = Writer(Sampler.open(model.folder), model.run, workspace)
    writer.warm()
    folder = workspace.runs / model.run
    return Service(
        writer,
        Aloud(),
        name=Path(model.run).resolve().name,
        checkpoint=model.checkpoint,
        run=folder if folder.is_dir() else Path(model.run),
        places=places,
        limit_s=limit_s,
    )


def open_server(service: "Service", *, host: str = HOST, token: str = "") -> "uvicorn.Server":
    """What serves it; `run(sockets=[...])` until it is told to stop."""
    import uvicorn

    from pipeline.api import application
    from pipeline.gate import Gate

    class Server(uvicorn.Server):
        """One that gives up what is being written when it stops, so that nobody waits for it."""

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            """Stop."""
            service.close()
            await super().shutdown(sockets)

    return Server(
        uvicorn.Config(
            Gate(application(service), host, token),
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,  # it would show addresses, which may hold the token
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_graceful_shutdown=STOP_S,
        )
    )


def bind(host: str, port: int) -> socket.socket:
    """A socket to listen on.

    Raises:
        PipelineError: the address cannot be had.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
            bound.listen()  # who asks before the model is loaded waits
        except OSError:
            bound.close()
            raise
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise PipelineError(
            f"cannot listen on {host}, port {port}: {reason}", hint="pass another --port, or 0 for any that is free"
        ) from error
    return bound


def address_of(bound: socket.socket, host: str, token: str) -> str:
    """What to type into a browser."""
    port = bound.getsockname()[1]
    name = socket.gethostname() if host in ("0.0.0.0", "::") else host
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/{f'?token={token}' if token else ''}"


def choose_token(host: str, token: str | None) -> str:
    """The token that requests must show; empty for none.

    Raises:
        PipelineError: it could be guessed, or cannot stand in a header.
    """
    if token is not None and not TOKEN.fullmatch(token):
        raise PipelineError(
            "--token is too short, or holds other signs than letters, digits and . _ ~ -",
            hint="give 16 characters or more, or leave it out to have one made",
            exit_code=2,
        )
    return token or ("" if is_loopback(host) else secrets.token_urlsafe(24))


@click.command("serve")
@workspace_option
@click.option("--run", metavar="NAME|PATH", help="A run's name, or a folder of a run or model; else the newest run.")
@click.option("--host", default=HOST, show_default=True, help="Where to listen; beyond this machine with a token only.")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0 for any that is free.")
@click.option(
    "--token",
    envvar="PHON_TOKEN",
    show_envvar=True,
    help="What each request must show; made up if --host leads beyond this machine.",
)
@click.option(
    "--queue",
    "places",
    type=click.IntRange(0, 1000),
    default=PLACES,
    show_default=True,
    metavar="N",
    help="Requests that may wait while one is served.",
)
@click.option(
    "--timeout",
    "limit_s",
    type=click.FloatRange(0.1, 3600),
    default=LIMIT_S,
    show_default=True,
    metavar="S",
    help="Seconds that one may take, with its waiting.",
)
def command(
    workspace: Workspace, run: str | None, host: str, port: int, token: str | None, places: int, limit_s: float
) -> None:
    """Serve a page where a trained model writes while you watch, and a JSON API. Ctrl-C ends it.

    It needs FastAPI: pip install 'phon[serve]'.

    Example: phon serve --port 8000
    """
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise PipelineError("phon serve needs FastAPI and uvicorn", hint=INSTALL) from error
    token = choose_token(host, token)
    model = find_model(workspace, run)
    with bind(host, port) as bound:
        with progress() as tell:
            tell("loading the model")
            service = open_service(workspace, model, places=places, limit_s=limit_s)
        if model.checkpoint:
            click.echo(f"{model.run} has no finished model yet: serving its checkpoint {model.checkpoint}", err=True)
        if not is_loopback(host):
            click.echo("whoever has this address can use the model; what is sent is not encrypted", err=True)
        click.echo(f"{printable(model.run)} is at {address_of(bound, host, token)}   (Ctrl-C ends it)", err=True)
        sys.stderr.flush()
        try:
            open_server(service, host=host, token=token).run(sockets=[bound])
        except KeyboardInterrupt:
            pass
        finally:
            service.close()
    click.echo("stopped", err=True)
