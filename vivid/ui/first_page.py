"""The page's HTML as it is sent, with a script that runs before Gradio's own.

`launch(head=)` comes only after Gradio has chosen a language.
"""

from __future__ import annotations

import gzip
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .strings import COOKIE

MOST_KEPT = 8
"""Addresses; a page takes 0.1 MB."""
LANGUAGE = f"""<script>
(() => {{
  // The visitor's own choice of language, else the browser's. Gradio reads navigator.language when it starts.
  let chosen = null;
  try {{ chosen = localStorage.getItem("{COOKIE}"); }} catch (error) {{ /* storage may be blocked */ }}
  const own = navigator.language || "en";
  const language = chosen || (own.toLowerCase().startsWith("zh") ? "zh" : null);
  if (language) {{
    const locale = language === "zh" ? (/tw|hk|hant/i.test(own) ? "zh-TW" : "zh-CN") : "en";
    Object.defineProperty(navigator, "language", {{ get: () => locale, configurable: true }});
    document.documentElement.lang = locale;
  }}
  window.vividKeepLanguage = (next) => {{
    try {{ localStorage.setItem("{COOKIE}", next); }} catch (error) {{ /* the cookie is enough for the server */ }}
    document.cookie = "{COOKIE}=" + next + "; path=/; max-age=31536000; SameSite=Lax";
    return next === "zh" ? (/tw|hk|hant/i.test(own) ? "zh-TW" : "zh-CN") : "en";
  }};
}})();
</script>"""


class FirstPage:
    """ASGI middleware for the page's HTML: LANGUAGE at the start of its head, made once for each address, compressed.

    Gradio writes 600 kB of configuration into it at every visit, which takes a tenth of a second of processor time and
    is the same for everybody; it compresses only files with an extension.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._kept: dict[tuple[Any, ...], bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the page if it is known, else pass on, and keep what is answered if that is a page."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        # The page names its own address, which follows from these.
        named = (headers.get(name) for name in ("host", "x-forwarded-host", "x-forwarded-proto"))
        address = (scope["scheme"], scope.get("root_path"), scope["path"], scope["query_string"], *named)
        packed = "gzip" in headers.get("accept-encoding", "")
        if address in self._kept:
            await _page(self._kept[address], packed)(scope, receive, send)
            return
        found = False
        body = b""

        async def keep(message: Message) -> None:
            nonlocal found, body
            if message["type"] == "http.response.start":
                kind = Headers(raw=message["headers"]).get("content-type", "")
                found = message["status"] == 200 and kind.startswith("text/html")
            elif found and message["type"] == "http.response.body":
                body += message.get("body", b"")
            if not found:
                await send(message)

        await self.app(scope, receive, keep)
        if found:
            if len(self._kept) == MOST_KEPT:
                self._kept.clear()
            self._kept[address] = gzip.compress(body.replace(b"<head>", b"<head>" + LANGUAGE.encode(), 1), 6, mtime=0)
            await _page(self._kept[address], packed)(scope, receive, send)


def _page(compressed: bytes, packed: bool) -> HTMLResponse:
    headers = {"vary": "accept-encoding"}
    if packed:
        return HTMLResponse(compressed, headers=headers | {"content-encoding": "gzip"})
    return HTMLResponse(gzip.decompress(compressed), headers=headers)
