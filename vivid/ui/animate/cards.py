"""What the three input cards share: a line about the current choice and a folded part for changing it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from ..context import Context
from ..examples import Example
from ..jpeg import data_uri
from ..strings import both, t
from ..visitors import PREFIX, visitor_of

THUMBNAIL = 144
"""Side of a card's thumbnail in pixels, twice its size on the page."""
LONGEST_NAME = 60
LONGEST_PATH = 500


@contextmanager
def folded(name: str, opened: bool) -> Iterator[gr.Accordion]:
    """The part of a card for choosing an input; open until one is chosen."""
    with gr.Accordion(t(f"{name}_change"), open=opened, elem_id=f"{name}-body", elem_classes=["va-body"]) as body:
        yield body


def summary(name: str, detail: str, picture: str = "", filled: bool = True) -> str:
    """A card's heading as HTML: thumbnail, title, and one line (HTML) about the current choice."""
    mark = " va-filled" if filled else ""
    image = picture or f'<span class="va-icon va-icon-{name}" aria-hidden="true"></span>'
    return (
        f'<div class="va-summary{mark}">{image}<div class="va-words"><h2>{both(f"step_{name}")}</h2>'
        f"<p>{detail}</p></div></div>"
    )


def empty(name: str, **values: str) -> str:
    """The heading while nothing is chosen; `values` are filled into its line."""
    return summary(name, both(f"step_{name}_hint", **values), filled=False)


def thumbnail(picture: NDArray[np.uint8], side: int = THUMBNAIL, over: str = "") -> str:
    """A picture (H, W, 3) as HTML, scaled to `side` pixels at most, with the HTML `over` on top."""
    return f'<span class="va-thumb"><img src="{data_uri(picture, side)}" alt="">{over}</span>'


def chosen_file(path: Path, shipped: tuple[Example, ...], index: int | None, name: str = "") -> dict[str, str]:
    """What the browser stores about a chosen file, for `found_again`."""
    if index is not None:
        return {"example": shipped[index].path.stem}
    return {"file": str(path), "name": (name or path.stem)[:LONGEST_NAME]}


def kept_name(path: str, before: str | None, was: Any) -> str:
    """The name of a file that a fix or a cut has made from another, which it keeps, also across a reload; else ""."""
    if isinstance(was, dict) and was.get("file") == path:
        return name_of(was)
    return Path(before).stem if before is not None and Path(path).parent.name.startswith(PREFIX) else ""


def found_again(context: Context, kept: Any, shipped: tuple[Example, ...], request: gr.Request) -> str | None:
    """The file that a browser has stored, if it is an example, or still exists and belongs to this visitor."""
    if not isinstance(kept, dict):
        return None
    for example in shipped:
        if example.path.stem == kept.get("example"):
            return str(example.path)
    path = context.visitors.granted(visitor_of(request).owner, kept.get("file"))
    return None if path is None else str(path)


def name_of(kept: Any) -> str:
    """The name of a stored choice, "" for none; not escaped."""
    if not isinstance(kept, dict):
        return ""
    return str(kept.get("example") or kept.get("name") or "")[:LONGEST_NAME]


def title_of(kept: Any, shipped: tuple[Example, ...]) -> str:
    """Its title as shown on the page; not escaped."""
    name = name_of(kept)
    return next((example.title for example in shipped if example.path.stem == name), name)


def tidy(kept: Any) -> dict[str, str] | None:
    """A stored choice in the form of `chosen_file`, whatever a browser sends; equal choices are equal inputs."""
    if not isinstance(kept, dict):
        return None
    return {
        key: kept[key]
        for key in ("example", "file", "name")
        if isinstance(kept.get(key), str) and len(kept[key]) < LONGEST_PATH
    }
