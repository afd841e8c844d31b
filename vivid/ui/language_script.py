"""A script that runs before Gradio's own: `launch(head=)` comes only after Gradio has chosen a language."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .strings import COOKIE

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


class LanguageScript:
    """ASGI middleware that inserts LANGUAGE at the start of every HTML page's head."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass responses on, with the script inserted into HTML pages."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        start: Message | None = None
        body = b""

        async def change(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                if headers.get("content-type", "").startswith("text/html"):
                    start = message
                    return
            elif start is not None and message["type"] == "http.response.body":
                body += message.get("body", b"")
                if message.get("more_body"):
                    return
                page = body.replace(b"<head>", b"<head>" + LANGUAGE.encode(), 1)
                MutableHeaders(raw=start["headers"])["content-length"] = str(len(page))
                await send(start)
                message = {"type": "http.response.body", "body": page}
            await send(message)

        await self.app(scope, receive, change)
