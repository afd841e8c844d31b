"""Portraits: a person at rest in their own room, as the first frame of a clip filmed there would show them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..media.outputs import write_jpeg
from ..pose.clips import save_clip
from ..pose.skeleton import PoseClip, unstacked
from .character import Character
from .gestures import gesture_vector
from .labels import IN_FRAME, GroundTruth
from .people import set_stage
from .render import Renderer
from .scene import Scene
from .transforms import Array

PORTRAIT_GESTURE = "belly"


def render_portrait(renderer: Renderer, identity_file: Path) -> tuple[Array, PoseClip]:
    """RGB picture (size, size, 3) with both hands at rest and the mouth closed, and its exact pose (one frame)."""
    person = Character(identity_file)
    set_stage(renderer, person, None)
    smile = float(person.spec["smile"])
    face = {f"mouthSmile{side}": smile for side in ("Left", "Right")}
    face |= {f"cheekSquint{side}": 0.5 * smile for side in ("Left", "Right")}
    pose = Scene(renderer, person).fixed_pose(gesture_vector(PORTRAIT_GESTURE))
    image = renderer.draw(person.skin(pose, face))
    xy, visibility = GroundTruth(person, renderer).keypoints()
    confidence = (visibility & IN_FRAME > 0).astype(np.float32)
    points = np.concatenate([xy, confidence[:, None]], 1)[None].astype(np.float32)  # (1, 128, 3)
    return image, unstacked(points, (renderer.size, renderer.size))


def write_portrait(path: Path, image: Array, pose: PoseClip) -> None:
    """`path` without suffix: a JPEG picture, complete or not at all, and its pose as npz."""
    write_jpeg(path.with_suffix(".jpg"), image)
    save_clip(pose, path.with_suffix(".npz"))
