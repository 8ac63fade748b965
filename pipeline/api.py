"""The application behind `phon serve`: its page, its JSON, its stream, as routes of FastAPI."""

import asyncio
import base64
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from phonetic.errors import PhoneticError
from pipeline import gate
from pipeline.aloud import Aloud
from pipeline.errors import PipelineError
from pipeline.messages import About, Answer, Done, Event, Failed, Saying, Start, Trouble, Wish, Written
from pipeline.page import STYLE, element, page
from pipeline.report import report
from pipeline.say import phones_of
from pipeline.worker import Full, Job, Worker
from pipeline.writer import Writer
from train.errors import TrainError
from train.history import History, read_history
from train.log import LOG

WEB = Path(__file__).with_name("web")
FILES = {"/": "page.html", "/page.css": "page.css", "/page.js": "page.js", "/icon.svg": "icon.svg"}
MOST_SAYINGS = 4  # that may wait for the voice
T = TypeVar("T")
NDJSON = "application/x-ndjson"
# Pages made by page.py carry their style, which is allowed by its checksum alone.
STYLED = gate.POLICY.replace(
    "style-src 'self'", f"style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
).replace("img-src 'self'", "img-src data:")
TROUBLES = {
    400: "The model cannot do this",
    401: "The token is missing",
    403: "Asked from another site, or under another name",
    408: "The body was too slow",
    413: "The body is too large",
    422: "A field is wrong",
    429: "Too many wait already: the header Retry-After says for how many seconds",
    503: "The model was busy all the time, or the server is stopping",
    504: "It took too long",
}


class Service:
    """What the routes answer with. Close it.

    Args:
        run: The folder of the run, for the page on its training; None for a model that came alone.
        places: Requests that may wait for the model.
        limit_s: Seconds that one may take, with its waiting.
    """

    def __init__(
        self,
        writer: Writer,
        aloud: Aloud,
        *,
        name: str,
        checkpoint: str | None = None,
        run: Path | None = None,
        places: int,
        limit_s: float,
    ) -> None:
        self._writer = writer
        self._aloud = aloud
        self._worker = Worker(places)
        self._limit_s = limit_s
        self._run = run if run and (run / LOG).is_file() else None
        self._name = name
        self._checkpoint = checkpoint
        self._sayings = 0
        self._speaking = asyncio.Lock()
        self._reporting = asyncio.Lock()
        self._reported: tuple[object, str] = (None, "")

    def close(self) -> None:
        """End all work."""
        self._worker.close()
        self._aloud.close()
        self._writer.close()

    def about(self) -> About:
        """The model, and what may be asked of it."""
        sampler = self._writer.sampler
        sounds = getattr(sampler.notation, "sounds", None)
        return About(
            run=self._name,
            checkpoint=self._checkpoint,
            notation={"name": sampler.notation.name, "options": dict(sampler.notation.options)},
            types=sorted(filter(None, sampler.contract.openings)),
            context=sampler.model.shape.seq_len,
            parameters=sampler.model.shape.n_parameters,
            pairs=sampler.contract.pairs is not None,
            verse=sounds is not None,
            stress=sounds is not None and sounds().has_stress,
            speech=not self._aloud.silence,
            silence=self._aloud.silence,
            report=self._run is not None,
            waiting=self._worker.waiting,
        )

    @contextlib.asynccontextmanager
    async def written(self, wish: Wish, *, tokens: bool) -> AsyncIterator[AsyncIterator[Event]]:
        """What is told of a wish; leaving gives it up.

        Raises:
            Full: no place is free.
        """
        job = Job(lambda job: self._writer.write(wish, job, tokens=tokens), self._limit_s)
        self._worker.take(job)
        try:
            yield job.events()
        finally:
            self._worker.drop(job)

    async def wav(self, saying: Saying) -> bytes:
        """The sound of some lines.

        Raises:
            Full: too many wait for the voice.
        """
        if self._sayings >= MOST_SAYINGS:
            raise Full(1)
        self._sayings += 1
        try:
            async with self._speaking:
                return await asyncio.to_thread(self._say, saying)
        finally:
            self._sayings -= 1

    def _say(self, saying: Saying) -> bytes:
        given = saying.text.split("\n")
        is_sample = saying.what == "sample"
        return self._aloud.wav(map(self._writer.phones, given) if is_sample else phones_of(given, saying.what))

    async def report(self) -> str:
        """The page on the run's training, made anew where its log has grown.

        Raises:
            PipelineError: the model came without its run.
        """
        run = self._run
        if run is None:
            raise PipelineError("this model came without its run: there is nothing to report")
        async with self._reporting:
            facts = (run / LOG).stat()
            seen = (facts.st_mtime_ns, facts.st_size)
            if self._reported[0] != seen:
                history: History = await asyncio.to_thread(read_history, run)
                self._reported = (seen, await asyncio.to_thread(report, history))
            return self._reported[1]


class Stream(Response):
    """Events, a line of JSON each, for as long as somebody reads them."""

    media_type = NDJSON

    def __init__(self, service: Service, wish: Wish) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._service = service
        self._wish = wish

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them."""
        try:
            await unless_gone(receive, self._send(send))
        except Full as full:
            await busy(full)(scope, receive, send)

    async def _send(self, send: Send) -> None:
        async with self._service.written(self._wish, tokens=True) as events:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async for event in events:
                line = (json.dumps(event.model_dump()) + "\n").encode()
                await send({"type": "http.response.body", "body": line, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def unless_gone(receive: Receive, work: Coroutine[Any, Any, T]) -> T | None:
    """What `work` comes to; it is cancelled, and None, once the client has gone."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    tasks = [asyncio.create_task(work), asyncio.create_task(gone())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return tasks[0].result() if tasks[0].done() else None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answer(message: Any, status: int = 200) -> Response:
    """A message as JSON, in ASCII: what is no character cannot break it."""
    return Response(json.dumps(message.model_dump(by_alias=True)), status, media_type="application/json")


def refusal(status: int, error: str, hint: str = "", **headers: str) -> Response:
    """An error as JSON."""
    status, named, body = gate.problem(status, error, hint, **headers)
    return Response(body, status, {name.decode(): value.decode() for name, value in named})


def busy(full: Full) -> Response:
    """That too many wait."""
    return refusal(429, "too many requests wait already", "try again in a while", retry_after=str(full.after_s))


def troubles(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Statuses that a route may answer with, for its description."""
    found: dict[int | str, dict[str, Any]] = {s: {"model": Trouble, "description": TROUBLES[s]} for s in statuses}
    if 429 in found:
        found[429]["headers"] = {"Retry-After": {"schema": {"type": "integer", "minimum": 1}}}
    return found


def application(service: Service) -> FastAPI:
    """The routes."""
    app = FastAPI(
        title="phon",
        version=version("phon"),
        summary="Samples of a model of phonetic English.",
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
        responses=troubles(401, 403, 408, 413),
    )

    for path, name in FILES.items():
        app.add_api_route(path, serving(WEB / name), methods=["GET", "HEAD"], include_in_schema=False)

    @app.get("/report", include_in_schema=False)
    async def on_training() -> Response:
        try:
            status, text = 200, await service.report()
        except (PipelineError, TrainError, OSError) as error:
            status, text = 404, page("No report", element("h1", "No report"), element("p", error))
        return Response(text, status, {"content-security-policy": STYLED}, "text/html")

    @app.get("/api/model", response_model=About, operation_id="model")
    async def model() -> Response:
        """The model, and what may be asked of it."""
        return answer(service.about())

    @app.post(
        "/api/samples",
        response_model=Answer,
        operation_id="samples",
        responses=troubles(400, 422, 429, 503, 504),
    )
    async def samples(wish: Wish, request: Request) -> Response:
        """Samples, all at once."""
        try:
            found = await unless_gone(request.receive, gathered(service, wish))
        except Full as full:
            return busy(full)
        return found or refusal(503, "the client has gone")

    @app.post(
        "/api/samples/stream",
        operation_id="stream",
        response_class=Response,
        responses={
            **troubles(400, 422, 429),
            200: {"description": "Events, a JSON object a line", "content": {NDJSON: {"schema": {"type": "string"}}}},
        },
    )
    async def stream(wish: Wish) -> Response:
        """Samples as they are written: events `queued`, `start`, `tokens`, `sample`, at the end `done` or `error`."""
        return Stream(service, wish)

    @app.post(
        "/api/say",
        operation_id="say",
        response_class=Response,
        responses={
            **troubles(400, 422, 429, 503),
            200: {"description": "A WAV", "content": {"audio/wav": {"schema": {"type": "string", "format": "binary"}}}},
        },
    )
    async def say(saying: Saying, request: Request) -> Response:
        """Phones or English aloud."""
        if service.about().silence:
            return refusal(503, service.about().silence)
        try:
            sound = await unless_gone(request.receive, service.wav(saying))
        except Full as full:
            return busy(full)
        except (PhoneticError, PipelineError) as error:
            return refusal(400, str(error), error.hint)
        return Response(sound or b"", media_type="audio/wav")

    @app.exception_handler(RequestValidationError)
    async def wrong(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if part != "body")
        return refusal(422, f"{place}: {first['msg']}" if place else first["msg"], "see /openapi.json")

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> Response:
        named = {name.lower().replace("-", "_"): value for name, value in (error.headers or {}).items()}
        return refusal(error.status_code, str(error.detail), **named)

    return app


def serving(path: Path) -> Callable[[], Coroutine[Any, Any, FileResponse]]:
    """A route that answers with a file."""

    async def serve() -> FileResponse:
        return FileResponse(path)

    return serve


async def gathered(service: Service, wish: Wish) -> Response:
    """A wish's samples in one answer."""
    start: Start | None = None
    found: list[Written] = []
    async with service.written(wish, tokens=False) as events:
        async for event in events:
            match event:
                case Start():
                    start = event
                case Written():
                    found.append(event)
                case Failed():
                    return refusal(event.status, event.error, event.hint)
                case Done() if start:
                    facts = {**start.model_dump(exclude={"event"}), **event.model_dump(exclude={"event"})}
                    return answer(Answer(samples=found, **facts))
    return refusal(503, "the server is stopping")
