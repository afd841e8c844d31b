"""Who sends a request, by cookie or address, and under which host name the server was reached."""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import re
import secrets
import socket
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Scope, Send

from .options import ServerOptions
from .visitors import ADDRESS, Visitor

COOKIE = "vivid_visitor"
"""A random token for each browser, which keeps visitors behind a shared address apart."""
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22,64}")


def proxied(options: ServerOptions) -> bool:
    """Whether the server is known to run behind a proxy."""
    return options.space or options.share or options.root_path is not None


def known_names(options: ServerOptions) -> frozenset[str] | None:
    """Host names that this server accepts besides IP addresses, None for any."""
    if proxied(options) or "*" in options.names:
        return None
    own = {"localhost", socket.gethostname(), socket.getfqdn(), options.host, *options.names}
    return frozenset(name.lower() for name in own)


def is_known(host: str, names: frozenset[str]) -> bool:
    """Whether a Host header is an IP address or one of the names; prevents DNS rebinding."""
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
    """The client's address (for IPv6 its /64 network, which usually belongs to one person).

    Pass `headers` only behind a known proxy: the last public address in X-Forwarded-For is then the one added by the
    proxy, not by the client.
    """
    client = scope.get("client")
    direct = _network(client[0]) if client else "unknown"
    forwarded = headers.get("x-forwarded-for", "").split(",") if headers is not None else []
    public = [address for part in forwarded if is_public(address := _network(part.strip()))]
    return public[-1] if public else direct


def visitor_from(scope: Scope, token: str | None, options: ServerOptions) -> Visitor:
    """The sender of a request, given the value of our cookie or None."""
    address = address_of(scope, Headers(scope=scope) if proxied(options) else None)
    owner = "browser " + hashlib.sha256(token.encode()).hexdigest()[:24] if token else f"{ADDRESS}{address}"
    return Visitor(owner, owner, address if is_public(address) else None)


def _network(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def is_public(address: str) -> bool:
    """Whether an address is public: behind a local one there may be a proxy, and any number of people."""
    try:
        return ipaddress.ip_network(address).is_global
    except ValueError:
        return False


def browser_token(headers: Headers) -> str | None:
    """The value of our cookie, None if it is missing or cannot be ours."""
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return morsel.value if morsel is not None and _TOKEN.fullmatch(morsel.value) else None


def naming_pages(scope: Scope, send: Send) -> Send:
    """Set the cookie with the first page that a browser gets."""

    async def change(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message["headers"])
            if headers.get("content-type", "").startswith("text/html"):
                # In a frame on another site, as on a Space, browsers send back only such a cookie.
                framed = "; SameSite=None; Secure; Partitioned" if _https(scope) else "; SameSite=Lax"
                headers.append("set-cookie", f"{COOKIE}={secrets.token_urlsafe(24)}; Path=/; HttpOnly{framed}")
        await send(message)

    return change


def _https(scope: Scope) -> bool:
    forwarded = Headers(scope=scope).get("x-forwarded-proto", "").split(",")[0].strip()
    return "https" in (forwarded, scope.get("scheme"))
