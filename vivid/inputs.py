"""The three inputs of a video, from files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .media.files import kind_of
from .media.pictures import load_picture, shrink
from .media.provenance import sha256_of
from .media.sound import load_speech
from .pose.clips import load_clip
from .pose.detect import detect_picture
from .pose.library import read_motion
from .pose.portrait import Portrait, make_portrait, stands
from .pose.skeleton import Pose, PoseClip

__all__ = ["load_motion", "load_portrait", "load_speech", "portrait_of"]

EXAMPLE_PORTRAITS = Path(__file__).resolve().parents[1] / "examples" / "portraits"


def load_portrait(path: str | Path, detector: str = "auto") -> Portrait:
    """A picture file with the pose of the person in it. Errors: InputError."""
    image = load_picture(path)
    try:
        portrait = portrait_of(image, detector)
        if kind_of(Path(path)) != "moving picture":
            return portrait
        moves = f"{Path(path).name} is a moving picture: the portrait is its first frame."
        return replace(portrait, notices=(moves, *portrait.notices))
    except InputError as error:
        if turns := upright_turns(image):
            name, degrees = Path(path).name, 90 * turns
            raise InputError("{} does not stand upright: turn it by {} degrees to the left.", name, degrees) from error
        raise


def upright_turns(image: NDArray[np.uint8]) -> int:
    """Quarter turns to the left that bring the person in a picture (H, W, 3) upright; 0 when none helps."""
    small = shrink(image, 512)
    for turns in (1, 3, 2):
        try:
            pose = portrait_of(np.ascontiguousarray(np.rot90(small, turns))).pose
        except InputError:
            continue
        if stands(pose):
            return turns
    return 0


def portrait_of(image: NDArray[np.uint8], detector: str = "auto") -> Portrait:
    """A picture (H, W, 3) with the pose of the person in it. Errors: InputError.

    The rendered example portraits come with their exact pose, and `auto` uses it: a detector made for photographs puts
    the shoulders of rendered people a few pixels too high.
    """
    exact = _example_poses().get(sha256_of(image)) if detector == "auto" else None
    if exact is not None:
        return make_portrait(image, exact)
    found = detect_picture(image, detector=detector)
    return make_portrait(image, found.pose, tuple(found.notices), found.boxes)


def load_motion(
    motion: str | Path, notice: Callable[[str], object] | None = None, detector: str = "auto", fps: float | None = None
) -> PoseClip:
    """A gesture clip: a clip file, a folder, a video, or the name of a clip that ships. Errors: InputError.

    `notice` is called with each sentence that the user should read: several people, hands that were not found.
    `detector` finds the poses in a video; `fps` is the rate of a clip that does not state it or states a wrong one.
    """
    clip, notices = read_motion(motion, detector, fps=fps)
    if notice is not None:
        for sentence in notices:
            notice(sentence)
    return clip


@cache
def _example_poses() -> dict[str, Pose]:
    """Hash of an example picture's pixels -> its pose, for the pictures that have one beside them."""
    poses = {}
    for path in sorted(EXAMPLE_PORTRAITS.glob("*.npz")):
        for picture in sorted(path.parent.glob(f"{path.stem}.[jp][pn]g")):
            poses[sha256_of(load_picture(picture))] = load_clip(path).frame(0)
    return poses
