"""The tabs of the page, in their order."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

TABS = ("animate", "inspect", "compare", "about")
"""Each is a folder here and an address of the page. Its `tab.py` has `build(context, tab)`; its `words.py` has WORDS
(key -> English and Chinese), `tab_` and its name among them, and SENTENCES (see strings); its `style.css`, if it has
one, is part of the page's."""


def module_of(tab: str, name: str) -> Any:
    """A module of a tab's folder."""
    return import_module(f".{tab}.{name}", __package__)


def styles() -> str:
    """The style sheets of all tabs."""
    paths = (Path(__file__).parent / tab / "style.css" for tab in TABS)
    return "".join(path.read_text(encoding="utf-8") for path in paths if path.is_file())
