"""Who sends a request: a browser by its cookie or an address, and the name under which the server was reached."""

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
"""A random name for a browser, so that its files are its own also behind an address that many share."""
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22,64}")


def proxied(options: ServerOptions) -> bool:
    """Whether requests come through a proxy that we know of."""
    return options.space or options.share or options.root_path is not None


def known_names(options: ServerOptions) -> frozenset[str] | None:
    """The names that this server may be reached under besides addresses, None for any."""
    if proxied(options) or "*" in options.names:
        return None
    own = {"localhost", socket.gethostname(), socket.getfqdn(), options.host, *options.names}
    return frozenset(name.lower() for name in own)


def is_known(host: str, names: frozenset[str]) -> bool:
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
    public = [address for part in forwarded if is_public(address := _network(part.strip()))]
    return public[-1] if public else direct


def visitor_from(scope: Scope, token: str | None, options: ServerOptions) -> Visitor:
    """Who sends a request, with this value of our cookie or None."""
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
    """Whether an address is one of the internet: what is behind a local one, a proxy perhaps, cannot be known."""
    try:
        return ipaddress.ip_network(address).is_global
    except ValueError:
        return False


def browser_token(headers: Headers) -> str | None:
    """The value of our cookie, None when there is none that we could have set."""
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return morsel.value if morsel is not None and _TOKEN.fullmatch(morsel.value) else None


def naming_pages(scope: Scope, send: Send) -> Send:
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
