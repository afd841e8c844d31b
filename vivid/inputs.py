"""The three inputs of a video, from files."""

from __future__ import annotations

from pathlib import Path

from .media.pictures import load_picture
from .media.sound import load_speech
from .pose.detect import detect_picture
from .pose.library import resolve_motion
from .pose.portrait import Portrait, make_portrait
from .pose.skeleton import PoseClip

__all__ = ["load_motion", "load_portrait", "load_speech"]


def load_portrait(path: str | Path, detector: str = "auto") -> Portrait:
    """A picture file with the pose of the person in it. Errors: InputError."""
    image = load_picture(path)
    found = detect_picture(image, detector=detector)
    return make_portrait(image, found.pose, tuple(found.notices))


def load_motion(motion: str | Path) -> PoseClip:
    """A gesture clip: a clip file, a folder, a video, or the name of a clip that ships. Errors: InputError."""
    return resolve_motion(motion)
