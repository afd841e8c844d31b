"""ASGI middleware that checks every HTTP request before Gradio sees it."""

from __future__ import annotations

import contextlib
import json
import logging
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import anyio
from gradio.route_utils import FnIndexInferError
from python_multipart.exceptions import MultipartParseError
from starlette.datastructures import Headers, MutableHeaders
from starlette.formparsers import MultiPartException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import InputError
from .callers import browser_token, is_known, known_names, naming_pages, visitor_from
from .jobs import OUR_FAULT
from .options import ServerOptions
from .visitors import SCOPE, Visitor, Visitors, current

log = logging.getLogger("vivid")

API = "/gradio_api/"
_PAGES = re.compile(
    r"/(config/?|theme\.css|favicon\.ico|robots\.txt|manifest\.json|pwa_icon(/\d+)?|(assets|static|svelte)/.*)?"
)
"""Paths that are served besides the API."""
_CALLS = re.compile(
    r"(info|openapi\.json|app_id|user|token|login_check|startup-events|theme\.css|queue/(join|data|status)|cancel|reset"
    r"|upload|upload_progress|component_server|heartbeat/[^/]+|(run|api)/[^/]+|call/(v2/)?[^/]+(/[^/]+)?)/?"
)
"""The part of Gradio's API that the page and its clients use. The rest (a proxy, screen recordings, deep links into
other sessions, an editor, usage statistics) is not exposed."""
BODY_BYTES = 2**20
MOST_VALUES = 50_000
DEEPEST = 64
AT_ONCE = {"upload": 3, "component_server": 4}
"""Requests of one visitor that are processed at a time, for routes that occupy a thread; further ones wait."""
MOST_WAITING = 64
MOST_OPEN = 256
"""Open requests of one visitor at a time, including event streams."""

NOT_OFFERED = "There is nothing here."
NOT_YOURS = "This file is not here, or not yours."
NO_LENGTH = "The request does not say how long it is: send it with a content-length."
TOO_LONG = f"The request is longer than {BODY_BYTES // 2**20} MB: files are uploaded first and then named."
TOO_NESTED = f"The request holds more than {MOST_VALUES} values, or more than {DEEPEST} lists within each other."
NOT_JSON = "The request cannot be read: send JSON in UTF-8."
NOT_UNDERSTOOD = "This request cannot be answered: the page's API description says what can be asked."
TOO_MANY = "More than {} requests of yours are open: send the next ones when these are answered."
FOREIGN_PAGE = "This server answers to its own page and to programs, not to other sites' pages in a browser."
FOREIGN_NAME = "This server is not reached under that name; whoever runs it allows more with --names."

_UNKNOWN = (KeyError, ValueError, TypeError, AttributeError, FnIndexInferError, MultiPartException, MultipartParseError)
"""What Gradio raises for unknown indices and names in a request."""

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_POLICY = (
    # Gradio's page has inline scripts and styles, and compiles the scripts of gr.HTML into functions.
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-src 'self'; "
    "frame-ancestors {ancestors}"
)
_FILE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; media-src 'self'; sandbox"


class Refusal(Exception):  # noqa: N818 (what a client gets, not what went wrong)
    """Answers the request with a status and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


class Border:
    """ASGI middleware: identifies the visitor, and lets through only what the page needs, within limits.

    A file is served only to visitors it was granted to; a missing file and a forbidden one get the same answer.
    """

    def __init__(self, app: ASGIApp, visitors: Visitors, options: ServerOptions | None = None) -> None:
        self.app = app
        self.visitors = visitors
        self.options = options or ServerOptions()
        self._names = known_names(self.options)
        self._gates: dict[tuple[str, str], anyio.CapacityLimiter] = {}
        self._present: Counter[tuple[str, str]] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request and pass it on, or refuse it with a sentence."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # the page uses no websockets
            return
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        outward = self._with_headers(scope, noting)
        try:
            await self._answer(scope, receive, outward)
        except Refusal as refusal:
            await _refuse(refusal.status, refusal.sentence)(scope, receive, outward)
        except _UNKNOWN as error:
            if started:
                raise
            log.warning("A request to %s ended in %s", scope["path"][:80], type(error).__name__)
            log.debug("", exc_info=error)
            await _refuse(400, NOT_UNDERSTOOD)(scope, receive, outward)
        except Exception:
            if started:
                raise
            log.exception("A request to %s failed", scope["path"][:80])
            await _refuse(500, OUR_FAULT)(scope, receive, outward)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if self._names is not None and not is_known(headers.get("host", ""), self._names):
            raise Refusal(421, FOREIGN_NAME)
        if self._names is not None and scope["method"] == "POST" and headers.get("sec-fetch-site") == "cross-site":
            raise Refusal(403, FOREIGN_PAGE)
        token = browser_token(headers)
        visitor = scope[SCOPE] = visitor_from(scope, token, self.options)
        current.set(visitor)
        route = self._route(scope, visitor)
        room: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
        if scope["method"] == "POST" and route == "upload":
            room = self._room(headers, visitor)
            send = self._granting(send, visitor)
        elif scope["method"] not in ("GET", "HEAD", "OPTIONS"):
            receive = await _small_body(headers, receive)
        if token is None and scope["method"] == "GET":
            send = naming_pages(scope, send)
        with room, self._counted((visitor.name, ""), MOST_OPEN):
            if route not in AT_ONCE:
                await self.app(scope, receive, send)
                return
            key = (visitor.name, route)
            with self._counted(key, MOST_WAITING):
                gate = self._gates.setdefault(key, anyio.CapacityLimiter(AT_ONCE[route]))
                async with gate:
                    await self.app(scope, receive, send)

    @contextlib.contextmanager
    def _counted(self, key: tuple[str, str], most: int) -> Iterator[None]:
        """Count an open request of its visitor and route. Errors: Refusal beyond `most`."""
        if self._present[key] >= most:
            raise Refusal(429, TOO_MANY.format(most))
        self._present[key] += 1
        try:
            yield
        finally:
            self._present[key] -= 1
            if not self._present[key]:
                del self._present[key]
                self._gates.pop(key, None)

    def _route(self, scope: Scope, visitor: Visitor) -> str:
        """The route within the API, "" for the page itself. Errors: Refusal for anything not exposed."""
        path = scope["path"]
        start = path.find(API)
        if start < 0:
            prefix = scope.get("root_path", "")
            if not _PAGES.fullmatch(path.removeprefix(prefix) if prefix else path):
                raise Refusal(404, NOT_OFFERED)
            return ""
        route = path[start + len(API) :]
        if route.startswith(("file=", "file/")):
            if self.visitors.granted(visitor.owner, route[len("file=") :]) is None:
                raise Refusal(403, NOT_YOURS)
            return "file"
        if not _CALLS.fullmatch(route):
            raise Refusal(404, NOT_OFFERED)
        return route.rstrip("/")

    @contextlib.contextmanager
    def _room(self, headers: Headers, visitor: Visitor) -> Iterator[None]:
        """Reserve disk space for an upload, besides others in progress. Errors: Refusal."""
        length = _length(headers)
        if length is None:
            raise Refusal(411, NO_LENGTH)
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(self.visitors.expecting(visitor, length))
            except InputError as error:
                raise Refusal(413, str(error)) from None
            yield

    def _granting(self, send: Send, visitor: Visitor) -> Send:
        """Grant the visitor the files named in the answer to an upload."""
        body = b""
        status = 0

        async def note(message: Message) -> None:
            nonlocal body, status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                body += message.get("body", b"")
                if status == 200 and not message.get("more_body"):
                    for path in _paths(body):
                        self.visitors.grant(visitor.owner, path)
            await send(message)

        return note

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        """Add the security headers to every response."""
        space = self.options.space
        policy = _POLICY.format(ancestors="'self' https://huggingface.co https://*.hf.space" if space else "'self'")
        if "/file=" in scope["path"]:
            policy = _FILE_POLICY

        async def change(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                for name, value in HEADERS.items():
                    headers[name] = value
                headers["content-security-policy"] = policy
                if not space:
                    headers["x-frame-options"] = "SAMEORIGIN"
            await send(message)

        return change


async def _small_body(headers: Headers, receive: Receive) -> Receive:
    """Read a body within the limits and replay it to the application. Errors: Refusal."""
    if (_length(headers) or 0) > BODY_BYTES:
        raise Refusal(413, TOO_LONG)
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":  # the client has disconnected
            return receive
        body += message.get("body", b"")
        if len(body) > BODY_BYTES:
            raise Refusal(413, TOO_LONG)
        if not message.get("more_body"):
            break
    if "multipart" not in headers.get("content-type", ""):
        _check_json(body)
    sent = False

    async def again() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _check_json(body: bytes) -> None:
    """Refuse what is not JSON or would take later parsers too long. Errors: Refusal."""
    if not body:
        return
    try:
        level = [json.loads(body)]
    except (ValueError, RecursionError):
        raise Refusal(400, NOT_JSON) from None
    count = 0
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict | list):
                inner.extend(value.values() if isinstance(value, dict) else value)
        count += len(inner)
        if not inner or count > MOST_VALUES:
            break
        level = inner
    else:
        raise Refusal(413, TOO_NESTED)
    if count > MOST_VALUES:
        raise Refusal(413, TOO_NESTED)


def _length(headers: Headers) -> int | None:
    text = headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else None


def _paths(body: bytes) -> list[str]:
    try:
        answer: Any = json.loads(body)
    except ValueError:
        return []
    return [path for path in answer if isinstance(path, str)] if isinstance(answer, list) else []


def _refuse(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"detail": sentence}, status_code=status)
