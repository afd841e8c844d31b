"""The server's border: every HTTP request passes here before Gradio sees it."""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import json
import logging
import os
import re
import secrets
import socket
from collections import Counter
from collections.abc import Iterator
from http.cookies import CookieError, SimpleCookie
from typing import Any

import anyio
from gradio import route_utils
from gradio.route_utils import FnIndexInferError
from python_multipart.exceptions import MultipartParseError
from starlette.datastructures import Headers, MutableHeaders
from starlette.formparsers import MultiPartException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import InputError
from .jobs import OUR_FAULT
from .options import ServerOptions
from .visitors import ADDRESS, SCOPE, Visitor, Visitors, current

log = logging.getLogger("vivid")

API = "/gradio_api/"
COOKIE = "vivid_visitor"
"""A random name for a browser, so that its files are its own also behind an address that many share."""
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22,64}")
_PAGES = re.compile(
    r"/(config/?|theme\.css|favicon\.ico|robots\.txt|manifest\.json|pwa_icon(/\d+)?|(assets|static|svelte)/.*)?"
)
"""What is served besides the API."""
_CALLS = re.compile(
    r"(info|openapi\.json|app_id|user|token|login_check|startup-events|theme\.css|queue/(join|data|status)|cancel|reset"
    r"|upload|upload_progress|component_server|heartbeat/[^/]+|(run|api)/[^/]+|call/(v2/)?[^/]+(/[^/]+)?)/?"
)
"""What of Gradio's API the page and its clients use. The rest (a proxy, screen recordings, links to other people's
sessions, an editor, figures about visitors) is not offered to strangers."""
BODY_BYTES = 2**20
MOST_VALUES = 50_000
DEEPEST = 64
FIELD_BYTES = 2**16
"""Of a form field that is no file; Gradio keeps those in memory."""
AT_ONCE = {"upload": 3, "component_server": 4}
"""Requests of one visitor that are worked on at a time, of those that take a thread; the next ones wait."""
MOST_WAITING = 64
MOST_OPEN = 256
"""Requests of one visitor that are open at a time, streams of progress among them."""

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
"""What Gradio raises when it looks up whatever numbers and names it is sent."""

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_POLICY = (
    # Gradio's page brings inline scripts and styles, and makes functions of the scripts in gr.HTML.
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-src 'self'; "
    "frame-ancestors {ancestors}"
)
_FILE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; media-src 'self'; sandbox"


class Refusal(Exception):  # noqa: N818 (what a client gets, not what went wrong)
    """A request is answered with a status and a sentence, and goes no further."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


class Border:
    """ASGI middleware: says who the visitor is, and lets through only what the page needs, in bearable amounts.

    A file is served to the visitors it was granted to; what is not there and what is not theirs look the same.
    """

    def __init__(self, app: ASGIApp, visitors: Visitors, options: ServerOptions | None = None) -> None:
        self.app = app
        self.visitors = visitors
        self.options = options or ServerOptions()
        self._names = _known_names(self.options)
        self._gates: dict[tuple[str, str], anyio.CapacityLimiter] = {}
        self._present: Counter[tuple[str, str]] = Counter()
        route_utils.GradioMultiPartParser = TidyParser  # type: ignore[misc]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request and pass it on, or refuse it with a sentence."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # the page has no websockets
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
        if self._names is not None and not _known(headers.get("host", ""), self._names):
            raise Refusal(421, FOREIGN_NAME)
        if self._names is not None and scope["method"] == "POST" and headers.get("sec-fetch-site") == "cross-site":
            raise Refusal(403, FOREIGN_PAGE)
        token = _browser(headers)
        visitor = scope[SCOPE] = self._visitor(scope, headers, token)
        current.set(visitor)
        route = self._route(scope, visitor)
        room: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
        if scope["method"] == "POST" and route == "upload":
            room = self._room(headers, visitor)
            send = self._granting(send, visitor)
        elif scope["method"] not in ("GET", "HEAD", "OPTIONS"):
            receive = await _small_body(headers, receive)
        if token is None and scope["method"] == "GET":
            send = _naming_pages(scope, send)
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
        """Count a request among those of its visitor and kind. Errors: Refusal past `most`."""
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

    def _visitor(self, scope: Scope, headers: Headers, token: str | None) -> Visitor:
        address = address_of(scope, headers if _proxied(self.options) else None)
        owner = "browser " + hashlib.sha256(token.encode()).hexdigest()[:24] if token else f"{ADDRESS}{address}"
        return Visitor(owner, owner, address if _public(address) else None)

    def _route(self, scope: Scope, visitor: Visitor) -> str:
        """The request's place within the API, "" for the page itself. Errors: Refusal for what is not offered."""
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
        """Room for an upload, also beside others that are under way. Errors: Refusal."""
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
        """The files that an upload is answered with are the visitor's."""
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
        """Put the security headers on every answer."""
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


class TidyParser(route_utils.GradioMultiPartParser):
    """Gradio's reader of uploads, which keeps no long text fields in memory and leaves no half files."""

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """The same for what is no file, up to FIELD_BYTES. Errors: MultiPartException."""
        part = self._current_part
        if part.file is None and len(part.data) + end - start > FIELD_BYTES:
            raise MultiPartException(f"A field is longer than {FIELD_BYTES} bytes: send files as files.")
        super().on_part_data(data, start, end)

    async def parse(self) -> Any:
        """The same; whatever ends it early, nothing stays on the disk."""
        try:
            return await super().parse()
        except BaseException:
            for file in self._files_to_close_on_error:
                with contextlib.suppress(OSError):
                    file.close()
                with contextlib.suppress(OSError):
                    os.unlink(file.name)
            raise


async def _small_body(headers: Headers, receive: Receive) -> Receive:
    """Read a body within the limits and hand it on. Errors: Refusal."""
    if (_length(headers) or 0) > BODY_BYTES:
        raise Refusal(413, TOO_LONG)
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":  # the client has gone
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
    """Refuse what is no JSON or would keep the parsers behind us busy. Errors: Refusal."""
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


def _proxied(options: ServerOptions) -> bool:
    """Whether requests come through a proxy that we know of."""
    return options.space or options.share or options.root_path is not None


def _known_names(options: ServerOptions) -> frozenset[str] | None:
    """The names that this server may be reached under besides addresses, None for any."""
    if _proxied(options) or "*" in options.names:
        return None
    own = {"localhost", socket.gethostname(), socket.getfqdn(), options.host, *options.names}
    return frozenset(name.lower() for name in own)


def _known(host: str, names: frozenset[str]) -> bool:
    """Whether a Host header is an address or one of the names.

    Another site's name that its owner lets point at this machine (DNS rebinding) is neither.
    """
    name = host.lower()
    if found := re.fullmatch(r"\[([0-9a-f:.]+)\](:\d+)?", name):
        name = found[1]
    else:
        name = name.rsplit(":", 1)[0] if name.count(":") == 1 else name
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(name)
        return True
    own = {*names, *(f"{known}.local" for known in names), *(f"{known}.localhost" for known in names)}
    return name.rstrip(".") in own or name.endswith(".localhost")


def address_of(scope: Scope, headers: Headers | None = None) -> str:
    """The address that a request comes from (of IPv6 the network, which one person has).

    `headers` are given where a proxy is known to stand in front: the last public address of X-Forwarded-For is the
    one that it was not told by the client.
    """
    client = scope.get("client")
    direct = _network(client[0]) if client else "unknown"
    forwarded = headers.get("x-forwarded-for", "").split(",") if headers is not None else []
    public = [address for part in forwarded if _public(address := _network(part.strip()))]
    return public[-1] if public else direct


def _network(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def _public(address: str) -> bool:
    """Whether an address is one of the internet: what is behind a local one, a proxy perhaps, cannot be known."""
    try:
        return ipaddress.ip_network(address).is_global
    except ValueError:
        return False


def _browser(headers: Headers) -> str | None:
    """The value of our cookie, None when there is none that we could have set."""
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return morsel.value if morsel is not None and _TOKEN.fullmatch(morsel.value) else None


def _naming_pages(scope: Scope, send: Send) -> Send:
    """Give a browser its name with the first page that it gets."""

    async def change(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message["headers"])
            if headers.get("content-type", "").startswith("text/html"):
                # Within another site's frame, as on a Space, only such a cookie comes back.
                framed = "; SameSite=None; Secure; Partitioned" if _https(scope) else "; SameSite=Lax"
                headers.append("set-cookie", f"{COOKIE}={secrets.token_urlsafe(24)}; Path=/; HttpOnly{framed}")
        await send(message)

    return change


def _https(scope: Scope) -> bool:
    forwarded = Headers(scope=scope).get("x-forwarded-proto", "").split(",")[0].strip()
    return "https" in (forwarded, scope.get("scheme"))


def _paths(body: bytes) -> list[str]:
    try:
        answer: Any = json.loads(body)
    except ValueError:
        return []
    return [path for path in answer if isinstance(path, str)] if isinstance(answer, list) else []


def _refuse(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"detail": sentence}, status_code=status)
