"""Every sentence of the page, in English and Chinese, and the three ways to put one on the page.

- `t(key)`: static labels; the browser translates (gr.I18n).
- `both(key, ...)`: sentences with values in them; HTML that holds both languages, the style sheet shows one.
- `say(key, request, ...)`: plain text in the visitor's language, for toasts, validators and tables.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

import gradio as gr
from gradio.i18n import I18nData

from .about import TABLE as ABOUT
from .animate import TABLE as ANIMATE
from .compare import TABLE as COMPARE
from .inspect import TABLE as INSPECT

STRINGS: dict[str, tuple[str, str]] = {**ABOUT, **ANIMATE, **INSPECT, **COMPARE}
"""key -> (English, Chinese)"""
COOKIE = "vivid_language"

CSS = """
.lang-zh { display: none; }
html[lang^="zh"] .lang-zh { display: inline; }
html[lang^="zh"] .lang-en { display: none; }
html:not([lang^="zh"]) .vivid-languages .lang-to-en, html[lang^="zh"] .vivid-languages .lang-to-zh {
  background: var(--vivid-accent-soft) !important; color: var(--vivid-accent-text) !important; font-weight: 600; }
"""


def translations() -> gr.I18n:
    """The tables as Gradio wants them, one a locale that Gradio's own page knows."""
    english = {key: pair[0] for key, pair in STRINGS.items()}
    chinese = {key: pair[1] for key, pair in STRINGS.items()}
    return gr.I18n(**{"en": english, "zh-CN": chinese, "zh-TW": chinese})


def t(key: str) -> I18nData:
    """A static text; KeyError for an unknown key."""
    STRINGS[key]
    return I18nData(key)


def both(key: str, **values: Any) -> str:
    """HTML with the sentence in both languages; values are escaped (a value (en, zh) differs by language)."""
    parts = []
    for index, language in enumerate(("en", "zh")):
        chosen = {name: html.escape(str(_pick(value, index))) for name, value in values.items()}
        parts.append(f'<span class="lang-{language}">{STRINGS[key][index].format(**chosen)}</span>')
    return "".join(parts)


def say(key: str, request: gr.Request | None = None, **values: Any) -> str:
    """Plain text in the visitor's language."""
    index = int(language_of(request) == "zh")
    return STRINGS[key][index].format(**{name: _pick(value, index) for name, value in values.items()})


def _pick(value: Any, index: int) -> Any:
    return value[index] if isinstance(value, tuple) else value


def parts(names: Iterable[str]) -> tuple[str, str]:
    """Parts of a model as people read them, as a value of `both`."""
    known = [STRINGS.get(f"part_{name}", (name.replace("_", " "),) * 2) for name in names]
    return ", ".join(english for english, _ in known), "、".join(chinese for _, chinese in known)


def language_of(request: gr.Request | None) -> str:
    """ "zh" or "en": what the visitor chose in the page, else the browser's first language."""
    headers: Any = getattr(request, "headers", None) or {}
    cookies: Any = getattr(request, "cookies", None) or {}
    chosen = cookies.get(COOKIE)
    if chosen in ("en", "zh"):
        return chosen
    first = str(headers.get("accept-language", "")).split(",")[0].strip().lower()
    return "zh" if first.startswith("zh") else "en"
