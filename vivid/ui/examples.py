"""Bundled examples: portraits, voices and gesture clips; a missing folder means no examples."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from ..pose.library import Motion, list_motions
from .strings import STRINGS, say

ROOT = Path(__file__).resolve().parents[2]
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
SOUNDS = (".wav", ".mp3", ".flac", ".ogg")

TITLES = {
    "hello_slt": "Hello · English",
    "story_rms": "A story · English",
    "morning_gb": "Good morning · British",
    "question_us": "A question · American",
    "hola_es": "Hola · Español",
    "nihao_zh": "你好 · 中文",
}
"""Titles of the bundled voices, each in its own language."""
MADE_OF = {"ada": ("hello_slt", "welcome"), "ben": ("story_rms", "count"), "emi": ("nihao_zh", "wave")}
"""Voice and motion of the videos in examples/videos, by the portrait's name."""


@dataclass(frozen=True)
class Example:
    """A bundled file and its title."""

    path: Path
    title: str


def _examples(folder: Path, suffixes: tuple[str, ...]) -> tuple[Example, ...]:
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in suffixes)
    return tuple(
        Example(path, TITLES.get(path.stem, path.stem.replace("_", " ").replace("-", " ").capitalize()))
        for path in paths
    )


@functools.cache
def portraits() -> tuple[Example, ...]:
    """Pictures in examples/portraits."""
    return _examples(ROOT / "examples" / "portraits", PICTURES)


@functools.cache
def voices() -> tuple[Example, ...]:
    """Speech in examples/voices."""
    return _examples(ROOT / "examples" / "voices", SOUNDS)


@functools.cache
def motions() -> tuple[Motion, ...]:
    """Gesture clips in assets/motions that can be shown (have a thumbnail)."""
    return tuple(motion for motion in list_motions() if motion.thumbnail.is_file())


def titles(request: gr.Request | None) -> list[str]:
    """The titles of `motions()` in the visitor's language."""
    return [say(key, request) if (key := f"clip_{motion.name}") in STRINGS else motion.title for motion in motions()]


@functools.cache
def _content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def which(path: str | Path, shipped: tuple[Example, ...]) -> int | None:
    """The index of the example with the same contents as a file, None if there is none."""
    content = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return next((index for index, example in enumerate(shipped) if _content(example.path) == content), None)


@dataclass(frozen=True)
class Finished:
    """A bundled video and its portrait, voice and motion."""

    path: Path
    portrait: Example
    voice: Example
    motion: str


@functools.cache
def finished() -> tuple[Finished, ...]:
    """Videos in examples/videos whose inputs are all available."""
    found = []
    for name, (voice, motion) in MADE_OF.items():
        path = ROOT / "examples" / "videos" / f"{name}.mp4"
        portrait = next((example for example in portraits() if example.path.stem == name), None)
        sound = next((example for example in voices() if example.path.stem == voice), None)
        if path.is_file() and portrait and sound and motion in [each.name for each in motions()]:
            found.append(Finished(path, portrait, sound, motion))
    return tuple(found)
