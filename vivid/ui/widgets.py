"""Small shared pieces: file inputs that pass on paths, and HTML built from texts."""

from __future__ import annotations

import html
import time
from abc import ABCMeta
from typing import Any

import gradio as gr
import numpy as np
from gradio.component_meta import ComponentMeta
from gradio.data_classes import ListFiles
from numpy.typing import NDArray

from .jpeg import data_uri
from .strings import STRINGS, both, both_of, say

LEVELS = {"ok": "✓", "warn": "!", "bad": "✕", "info": "i"}


class _Quiet(ComponentMeta):
    """Gradio's metaclass, without the .pyi file that it would write beside this module."""

    def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> Any:
        """Create an ordinary class: our fields have no additional events."""
        return ABCMeta.__new__(cls, name, bases, body)


def _path_of(self: Any, payload: Any) -> Any:
    """The path of the uploaded file, which our own readers open, with their limits and messages.

    Gradio would first convert the file with any decoder it has, and fail with its own messages.
    """
    if isinstance(payload, ListFiles):
        return [file.path for file in payload]
    return None if payload is None else payload.path


class PathImage(gr.Image, metaclass=_Quiet):
    """A picture field whose value is the path."""

    is_template, preprocess = True, _path_of


class PathAudio(gr.Audio, metaclass=_Quiet):
    """A sound field whose value is the path."""

    is_template, preprocess = True, _path_of


class PathVideo(gr.Video, metaclass=_Quiet):
    """A video field whose value is the path."""

    is_template, preprocess = True, _path_of


class PathFile(gr.File, metaclass=_Quiet):
    """A file field whose value is the path, or the paths."""

    is_template, preprocess = True, _path_of


PATH_FIELDS = (PathImage, PathAudio, PathVideo, PathFile)


def line(level: str, key: str, **values: Any) -> str:
    """One sentence with a mark in front; `level` is ok, warn, bad or info."""
    return plain_line(level, both(key, **values))


def plain_line(level: str, inner_html: str) -> str:
    """The same for ready HTML."""
    mark = LEVELS[level]
    spoken = f'<span class="vivid-spoken">{both(f"level_{level}")} </span>'
    badge = f'<span class="vivid-mark" aria-hidden="true">{mark}</span>{spoken}'
    return f'<li class="vivid-line vivid-{level}">{badge}<span>{inner_html}</span></li>'


def said(level: str, text: str) -> str:
    """The same for an error or notice, with its Chinese if known."""
    return plain_line(level, both_of(text))


def tell_copied(copied: str, request: gr.Request) -> None:
    """Tell the visitor whether a link was copied, as reported by `vividCopy`."""
    gr.Info(say("copied" if copied else "copy_by_hand", request), title=say("take_link", request))


def lines(*items: str) -> str:
    """Lines as a list that screen readers announce when it changes."""
    return f'<ul class="vivid-lines" role="status">{"".join(items)}</ul>' if items else ""


def duration(seconds: float) -> tuple[str, str]:
    """A duration for display: (English, Chinese)."""
    if seconds < 60:
        whole = max(1, round(seconds))
        return f"{whole} s", f"{whole} 秒"
    if seconds < 3600:
        minutes, rest = divmod(round(seconds / 5) * 5, 60)
        if seconds >= 600 or rest == 0:
            minutes = round(seconds / 60)
            return f"{minutes} min", f"{minutes} 分钟"
        return f"{minutes} min {rest} s", f"{minutes} 分 {rest} 秒"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min", f"{hours} 小时 {minutes} 分钟"


def when(seconds: float) -> str:
    """A point in time, readable by people and programs."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


def figure(image: NDArray[np.uint8], key: str, side: int = 160) -> str:
    """A small embedded picture (H, W, 3) with a caption, as HTML."""
    alt = html.escape(" / ".join(STRINGS[key]), quote=True)
    return (
        f'<figure><img src="{data_uri(image, side)}" alt="{alt}" width="{side}" height="{side}">'
        f"<figcaption>{both(key)}</figcaption></figure>"
    )
