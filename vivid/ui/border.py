"""The server's border: every HTTP request passes here before Gradio sees it."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
import secrets
from http.cookies import CookieError, SimpleCookie
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .visitors import NOBODY, SCOPE, Visitors

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
NOT_OFFERED = "There is nothing here."
NOT_YOURS = "This file is not here, or not yours."


class Border:
    """ASGI middleware: says who the visitor is, and lets through only what the page needs.

    A file is served to the visitors it was granted to; what is not there and what is not theirs look the same.
    """

    def __init__(self, app: ASGIApp, visitors: Visitors) -> None:
        self.app = app
        self.visitors = visitors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request, pass it on, and note which files it has brought."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # the page has no websockets
            return
        headers = Headers(scope=scope)
        token = _browser(headers)
        visitor = scope[SCOPE] = _name(token) if token else address_of(scope)
        path = scope["path"]
        start = path.find(API)
        route = path[start + len(API) :] if start >= 0 else None
        if route is None:
            prefix = scope.get("root_path", "")
            allowed = _PAGES.fullmatch(path.removeprefix(prefix) if prefix else path) is not None
        elif route.startswith(("file=", "file/")):
            if self.visitors.granted(visitor, route[len("file=") :]) is None:
                await _refuse(403, NOT_YOURS)(scope, receive, send)
                return
            allowed = scope["method"] in ("GET", "HEAD")
        else:
            allowed = _CALLS.fullmatch(route) is not None
        if not allowed:
            await _refuse(404, NOT_OFFERED)(scope, receive, send)
        elif route is not None and route.rstrip("/") == "upload" and scope["method"] == "POST":
            await self._upload(scope, receive, send, visitor)
        elif token is None and scope["method"] == "GET":
            await self.app(scope, receive, _naming_pages(scope, send))
        else:
            await self.app(scope, receive, send)

    async def _upload(self, scope: Scope, receive: Receive, send: Send, visitor: str) -> None:
        """Pass an upload on; the files that it was answered with are the visitor's."""
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
                        self.visitors.grant(visitor, path)
            await send(message)

        await self.app(scope, receive, note)


def address_of(scope: Scope) -> str:
    """The name of a visitor without our cookie: their address (of IPv6 the network, which one person has)."""
    client = scope.get("client")
    if not client:
        return NOBODY
    try:
        address = ipaddress.ip_address(client[0])
    except ValueError:
        return f"address {client[0]}"
    if address.version == 6:
        mapped = getattr(address, "ipv4_mapped", None)
        return f"address {mapped or ipaddress.ip_network((address, 64), strict=False)}"
    return f"address {address}"


def _browser(headers: Headers) -> str | None:
    """The value of our cookie, None when there is none that we could have set."""
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return morsel.value if morsel is not None and _TOKEN.fullmatch(morsel.value) else None


def _name(token: str) -> str:
    return "browser " + hashlib.sha256(token.encode()).hexdigest()[:24]


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
