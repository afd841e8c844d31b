"""The three inputs of a comparison: from the Animate tab, or an example that ships, by its name."""

from __future__ import annotations

import functools
from typing import Any

from ...config import Limits
from ...errors import InputError
from ...inputs import load_portrait, load_speech
from ...pose.library import DEFAULT_MOTION, list_motions, shipped_motion
from .. import examples
from .settings import ANIMATE


def choices(kind: str) -> list[tuple[str, str]]:
    """(title, name) of the examples of a kind: portrait, voice or motion."""
    if kind == "motion":
        return [(motion.title, motion.name) for motion in list_motions()]
    shipped = examples.portraits() if kind == "portrait" else examples.voices()
    return [(example.title, example.path.stem) for example in shipped]


def chosen(kind: str, name: str, from_animate: Any, limits: Limits) -> Any:
    """The Portrait, Speech or PoseClip named `name`; a name is looked up, never opened as a path.

    Raises InputError for an unknown name, and when Animate has no such input yet.
    """
    if name == ANIMATE:
        if from_animate is None:
            raise InputError("Choose a portrait, a voice and a motion: here, or in the Animate tab.")
        return from_animate
    if name not in [known for _, known in choices(kind)]:
        raise InputError("There is no {} named {} here: choose another one.", kind, repr(name[:60]))
    if kind == "motion":
        return shipped_motion(name)
    shipped = examples.portraits() if kind == "portrait" else examples.voices()
    path = next(example.path for example in shipped if example.path.stem == name)
    return _portrait(str(path)) if kind == "portrait" else load_speech(path, max_seconds=limits.speech_seconds)


def titled(kind: str, name: str, kept: str) -> str:
    """What people call an input: an example by its title, what comes from Animate by what it is called there."""
    if name == ANIMATE:
        name = kept or (DEFAULT_MOTION if kind == "motion" else "")
    return next((title for title, known in choices(kind) if known == name), name) or "–"


@functools.lru_cache(maxsize=32)
def _portrait(path: str) -> Any:
    return load_portrait(path)
