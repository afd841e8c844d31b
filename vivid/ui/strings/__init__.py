"""All texts of the page in English and Chinese, and functions to render them.

- `t(key)`: static labels; the browser translates (gr.I18n).
- `both(key, ...)`: sentences with values, as HTML in both languages, of which the style sheet shows one.
- `say(key, request, ...)`: plain text in the visitor's language, for toasts, validators and tables.
- `told(message)`, `both_of(message)`: the same for errors and notices, given as a `Message` or in English.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

import gradio as gr
from gradio.context import LocalContext
from gradio.i18n import I18nData

from ...errors import Message
from ..tabs import TABS, module_of
from . import common, inputs, runs

STRINGS: dict[str, tuple[str, str]] = dict(common.WORDS)
"""key -> (English, Chinese)"""
SENTENCES: dict[str, str] = {**inputs.SENTENCES, **runs.SENTENCES}
"""Errors and notices: English template -> Chinese"""
for _tab in TABS:
    STRINGS |= module_of(_tab, "words").WORDS
    SENTENCES |= module_of(_tab, "words").SENTENCES
CHINESE: dict[str, str] = {**dict(STRINGS.values()), **SENTENCES}
"""English template -> Chinese"""
COOKIE = "vivid_language"

CSS = """
.lang-zh { display: none; }
html[lang^="zh"] .lang-zh { display: inline; }
html[lang^="zh"] .lang-en { display: none; }
html:not([lang^="zh"]) .vivid-languages .lang-to-en, html[lang^="zh"] .vivid-languages .lang-to-zh {
  background: var(--vivid-accent-soft) !important; color: var(--vivid-accent-text) !important; font-weight: 600; }
"""


def translations() -> gr.I18n:
    """The texts for Gradio, by locales that its frontend knows; it fills no values in."""
    english, chinese = ({key: pair[k] for key, pair in STRINGS.items() if "{" not in pair[k]} for k in range(2))
    return gr.I18n(**{"en": english, "zh-CN": chinese, "zh-TW": chinese})


def t(key: str) -> I18nData:
    """A static text, translated by the browser; KeyError for an unknown key."""
    STRINGS[key]
    return I18nData(key)


def both(key: str, **values: Any) -> str:
    """HTML with the sentence in both languages; values are escaped; messages and pairs (en, zh) differ."""
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
    if isinstance(value, Message):
        return (str, chinese)[index](value)
    return value[index] if isinstance(value, tuple) else value


def chinese(text: str) -> str:
    """A message and its values in Chinese; unchanged if it is in no catalogue."""
    message = Message(text)
    template = CHINESE.get(message.template, message.template)
    return template.format(*map(chinese, message.values)) if message.values else template


def told(text: str, request: gr.Request | None = None) -> str:
    """A message in the visitor's language, by default of the current request; programs get English."""
    return chinese(text) if language_of(request or LocalContext.request.get(None)) == "zh" else text


def both_of(text: str) -> str:
    """HTML with a message in both languages, escaped."""
    english, other = html.escape(text), html.escape(chinese(text))
    return f'<span class="lang-en">{english}</span><span class="lang-zh">{other}</span>'


def parts(names: Iterable[str]) -> tuple[str, str]:
    """Titles of a model's parts, as a value for `both`."""
    known = [STRINGS.get(f"part_{name}", (name.replace("_", " "),) * 2) for name in names]
    return ", ".join(english for english, _ in known), "、".join(chinese for _, chinese in known)


def language_of(request: gr.Request | None) -> str:
    """ "zh" or "en": the visitor's choice on the page, else the browser's first language."""
    headers: Any = getattr(request, "headers", None) or {}
    cookies: Any = getattr(request, "cookies", None) or {}
    chosen = cookies.get(COOKIE)
    if chosen in ("en", "zh"):
        return chosen
    first = str(headers.get("accept-language", "")).split(",")[0].strip().lower()
    return "zh" if first.startswith("zh") else "en"
