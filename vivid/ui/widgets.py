"""Small pieces that several steps use: file inputs that only hand on paths, and HTML built from sentences."""

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
    """Gradio's own kind of class, without the .pyi file that it would write beside this module."""

    def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> Any:
        """A class as Python makes it: our fields have no events of their own."""
        return ABCMeta.__new__(cls, name, bases, body)


def _path_of(self: Any, payload: Any) -> Any:
    """The uploaded file itself: our own readers, with their limits and messages, open it.

    Gradio would open and convert it first, with every decoder it has, and fail in its own words.
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
    """The same for HTML that is ready."""
    mark = LEVELS[level]
    spoken = f'<span class="vivid-spoken">{both(f"level_{level}")} </span>'
    badge = f'<span class="vivid-mark" aria-hidden="true">{mark}</span>{spoken}'
    return f'<li class="vivid-line vivid-{level}">{badge}<span>{inner_html}</span></li>'


def said(level: str, text: str) -> str:
    """The same for a sentence of a reader or the detector, with its Chinese where we know it."""
    return plain_line(level, both_of(text))


def tell_copied(copied: str, request: gr.Request) -> None:
    """Say whether a link was copied, as `vividCopy` has told."""
    gr.Info(say("copied" if copied else "copy_by_hand", request), title=say("take_link", request))


def lines(*items: str) -> str:
    """Lines as a list that screen readers announce when it changes."""
    return f'<ul class="vivid-lines" role="status">{"".join(items)}</ul>' if items else ""


def duration(seconds: float) -> tuple[str, str]:
    """A length of time for people: (English, Chinese)."""
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
    """A moment for people and programs alike."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


def figure(image: NDArray[np.uint8], key: str, side: int = 160) -> str:
    """A small picture (H, W, 3) with a caption, held by the HTML itself."""
    alt = html.escape(" / ".join(STRINGS[key]), quote=True)
    return (
        f'<figure><img src="{data_uri(image, side)}" alt="{alt}" width="{side}" height="{side}">'
        f"<figcaption>{both(key)}</figcaption></figure>"
    )
