"""What stands before the pages and the API of `phon serve`: who may ask, from where, and how much."""

import asyncio
import http.cookies
import ipaddress
import json
import secrets
import socket
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any
from urllib.parse import parse_qs

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

LARGEST_BODY = 1 << 16
BODY_S = 10.0  # that a request's body may take to come
COOKIE = "phon-token"
SAFE = ("GET", "HEAD")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; media-src blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}


def problem(status: int, error: str, hint: str = "", **headers: str) -> tuple[int, Headers, bytes]:
    """An error as all are told: status, headers, JSON."""
    body = json.dumps({"error": error, "hint": hint}).encode()
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    sizes = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    return status, [*sizes, *named], body


class Refused(Exception):
    """A request that goes no further."""

    def __init__(self, status: int, error: str, hint: str = "", **headers: str) -> None:
        super().__init__(error)
        self.answer = problem(status, error, hint, **headers)


class Gate:
    """An ASGI application before another.

    Args:
        host: What the server is bound to.
        token: What every request must show; empty for nothing.
    """

    def __init__(self, app: App, host: str, token: str = "") -> None:
        self._app = app
        self._token = token
        self._names = names_of(host)
        self._is_local = is_loopback(host)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] != "http":
            raise RuntimeError("this serves HTTP alone")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name.lower() for name, _ in message.get("headers", ())}
                added = [(k.encode(), v.encode()) for k, v in SECURITY.items() if k.encode() not in own]
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        try:
            self._check_host(headers.get("host", ""))
            self._check_origin(scope["method"], headers)
            if self._token and not self._knows(headers) and not await self._enter(scope, guarded):
                raise Refused(
                    401,
                    "this needs the token that phon serve printed when it started",
                    "open the address that it printed, or send the header Authorization: Bearer TOKEN",
                    www_authenticate="Bearer",
                )
            if self._token and b"token=" in scope.get("query_string", b"") and await self._enter(scope, guarded):
                return
            receive = await whole(headers, receive)
        except Refused as refused:
            status, named, body = refused.answer
            closing = [*named, (b"connection", b"close")] if status in (408, 413) else named
            await guarded({"type": "http.response.start", "status": status, "headers": closing})
            await guarded({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
            return
        await self._app(scope, receive, guarded)

    def _check_host(self, given: str) -> None:
        """Refuse a name that is not this server's: another site's, which it had lead here (DNS rebinding)."""
        name = host_name(given)
        if name in self._names or (is_loopback(name) if self._is_local else is_address(name)):
            return
        raise Refused(403, "this server does not go by the name that was asked for", "open the address it printed")

    def _check_origin(self, method: str, headers: dict[str, str]) -> None:
        """Refuse what another site's page sends."""
        origin = headers.get("origin")
        is_own = origin is None or origin.partition("://")[2] == headers.get("host")
        if not is_own or (method not in SAFE and headers.get("sec-fetch-site", "none") not in ("none", "same-origin")):
            raise Refused(403, "this answers no other site's pages", "open the address that phon serve printed")

    def _knows(self, headers: dict[str, str]) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        jar = http.cookies.SimpleCookie()
        try:
            jar.load(headers.get("cookie", ""))
        except http.cookies.CookieError:
            jar.clear()
        shown = [given.strip()] if scheme.lower() == "bearer" else []
        shown += [jar[COOKIE].value] if COOKIE in jar else []
        return any(self._is_token(one) for one in shown)

    def _is_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode("utf-8", "surrogateescape"), self._token.encode())

    async def _enter(self, scope: Message, send: Send) -> bool:
        """Take the token from the address into a cookie, so that it stands in no history; whether it was there."""
        given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
        if scope["method"] != "GET" or scope["path"] != "/" or not self._is_token(given):
            return False
        cookie = f"{COOKIE}={self._token}; HttpOnly; SameSite=Strict; Path=/"
        headers = [(b"location", b"/"), (b"set-cookie", cookie.encode()), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return True


async def whole(headers: dict[str, str], receive: Receive) -> Receive:
    """Read a request's body; what hands it on, and then what comes after it.

    Raises:
        Refused: it is too large or too slow.
    """
    too_large = Refused(413, f"the body is larger than {LARGEST_BODY:,} bytes", "send less")
    given = headers.get("content-length", "0")
    if not given.isdecimal() or len(given) > 18 or int(given) > LARGEST_BODY:
        raise too_large
    body, more = b"", True
    try:
        async with asyncio.timeout(BODY_S):
            while more:
                message = await receive()
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if len(body) > LARGEST_BODY:
                    raise too_large
    except TimeoutError:
        raise Refused(408, f"the body took longer than {BODY_S:g} seconds", "send it again") from None
    first: Sequence[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    waiting = iter(first)

    async def go_on() -> Message:
        return next(waiting, None) or await receive()

    return go_on


def host_name(given: str) -> str:
    """The name in a Host header, without port and brackets."""
    name, bracket, _ = given.partition("]")
    return name[1:].lower() if bracket else given.partition(":")[0].lower().rstrip(".")


def names_of(host: str) -> set[str]:
    """The names that a server bound to `host` goes by."""
    if is_loopback(host):
        return {"localhost", host.lower()}
    own = socket.gethostname().lower()
    return {"localhost", host.lower(), own, f"{own}.local", socket.getfqdn().lower()} - {""}


def is_address(name: str) -> bool:
    """Whether it is an IP address, which no name server can make lead elsewhere."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(name: str) -> bool:
    """Whether it means this machine alone."""
    return name.lower() == "localhost" or (is_address(name) and ipaddress.ip_address(name).is_loopback)
