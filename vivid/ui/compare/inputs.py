"""The three inputs of a comparison: from the Animate tab, or an example that ships, by its name."""

from __future__ import annotations

import functools
from typing import Any

from ...config import Limits
from ...errors import InputError
from ...inputs import load_portrait, load_speech
from ...pose.library import DEFAULT_MOTION, list_motions, shipped_motion
from .. import examples
from ..strings import STRINGS, t
from .settings import ANIMATE


def titles(kind: str) -> dict[str, str]:
    """Name -> English title of the examples of a kind: portrait, voice or motion."""
    if kind == "motion":
        return {motion.name: motion.title for motion in list_motions()}
    shipped = examples.portraits() if kind == "portrait" else examples.voices()
    return {example.path.stem: example.title for example in shipped}


def choices(kind: str) -> list[tuple[Any, str]]:
    """(title, name) of the same for a dropdown, gestures in the visitor's language."""
    return [
        (t(f"clip_{name}") if kind == "motion" and f"clip_{name}" in STRINGS else title, name)
        for name, title in titles(kind).items()
    ]


def in_both_languages(kind: str, title: str) -> str | tuple[str, str]:
    """A title from `titled`, as a value for `both`."""
    name = next((name for name, known in titles(kind).items() if known == title), "")
    return STRINGS.get(f"clip_{name}", title) if kind == "motion" else title


def chosen(kind: str, name: str, from_animate: Any, limits: Limits) -> Any:
    """The Portrait, Speech or PoseClip named `name`; a name is looked up, never opened as a path.

    Raises InputError for an unknown name, or if the Animate tab has no such input yet.
    """
    if name == ANIMATE:
        if from_animate is None:
            raise InputError("Choose a portrait, a voice and a motion: here, or in the Animate tab.")
        return from_animate
    if name not in titles(kind):
        raise InputError("There is no {} named {} here: choose another one.", kind, repr(name[:60]))
    if kind == "motion":
        return shipped_motion(name)
    shipped = examples.portraits() if kind == "portrait" else examples.voices()
    path = next(example.path for example in shipped if example.path.stem == name)
    return _portrait(str(path)) if kind == "portrait" else load_speech(path, max_seconds=limits.speech_seconds)


def titled(kind: str, name: str, kept: str) -> str:
    """The title of an input: of an example its title, of an input from the Animate tab its name there."""
    if name == ANIMATE:
        name = kept or (DEFAULT_MOTION if kind == "motion" else "")
    return titles(kind).get(name, name) or "–"


@functools.lru_cache(maxsize=32)
def _portrait(path: str) -> Any:
    return load_portrait(path)
