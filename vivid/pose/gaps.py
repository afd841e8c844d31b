"""Gaps in a clip: short ones are closed, long ones named, and clips that show hardly anybody are refused."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..config import FPS
from ..errors import InputError
from .repair import fill_gaps, named_parts, runs
from .skeleton import PoseClip

FEWEST_SEEN = 0.5
"""Share of a clip's frames that must show the person."""
_MANY_GAPS = 6
"""Most stretches of missing frames listed in a sentence; the report has them all."""

Stretches = list[tuple[int, int]]


def close_gaps(clip: PoseClip, people: int, name: str) -> tuple[PoseClip, tuple[str, ...]]:
    """The clip with short gaps filled, and notices for the user. Raises InputError when hardly anybody is seen."""
    seen = _shows_body(clip)
    refuse_empty(seen, name)
    clip, _ = fill_gaps(clip)
    notices = list(notices_of(name, len(clip), people, absences(clip), clip.fps))
    filled = runs(_shows_body(clip) & ~seen)
    if filled:
        stretches = describe(filled, clip.fps)
        notices.append(f"Nobody is seen in {stretches} of {name}: the pose there is made from the frames around.")
    return clip, tuple(notices)


def _shows_body(clip: PoseClip) -> NDArray[np.bool_]:
    """The frames (T,) in which any point of the body is present."""
    return (clip.body[..., 2] > 0).any(1)


def refuse_empty(seen: NDArray[np.bool_], name: str) -> None:
    """Raise InputError where the person is seen in too few frames (T,) to be a gesture."""
    if not seen.any():
        raise InputError(
            f"No person was found in any of the {len(seen)} frames of {name}: "
            "film one person from the front, head to hips, in good light."
        )
    if seen.mean() < FEWEST_SEEN:
        raise InputError(
            f"A person is seen in only {int(seen.sum())} of the {len(seen)} frames of {name}: "
            "cut the rest out, or film one person from the front, head to hips, in good light."
        )


def absences(clip: PoseClip) -> dict[str, Stretches]:
    """For each part of the body, the stretches (first and last frame) in which none of it is present."""
    return {part: runs(~(points[..., 2] > 0).any(1)) for part, points in named_parts(clip).items()}


def notices_of(name: str, count: int, people: int, absent: dict[str, Stretches], fps: float = FPS) -> tuple[str, ...]:
    """One sentence for each thing the user should know: several people, and parts that are not seen."""
    notices = []
    if people > 1:
        notices.append(
            f"There are up to {people} people in {name}; the largest one near the middle is followed: "
            "film one person alone if that is not who you mean."
        )
    remedies = {
        "body": "cut this part out, or keep head and shoulders in the picture",
        "face": "cut this part out, or look towards the camera there",
        "left hand": "keep the hand in the picture if the gesture needs it",
        "right hand": "keep the hand in the picture if the gesture needs it",
    }
    for part, stretches in absent.items():
        if stretches == [(0, count - 1)]:
            notices.append(f"The {part} is not seen in {name}: {remedies[part]}.")
        elif stretches:
            notices.append(f"The {part} is not seen in {describe(stretches, fps)} of {name}: {remedies[part]}.")
    return tuple(notices)


def describe(stretches: Stretches, fps: float = FPS) -> str:
    """Stretches of frames in words: "frames 30-52 (1.2-2.2 s) and frame 60 (2.5 s)"."""
    words = [
        f"frame {first} ({first / fps:.1f} s)"
        if first == last
        else f"frames {first}-{last} ({first / fps:.1f}-{(last + 1) / fps:.1f} s)"
        for first, last in stretches[:_MANY_GAPS]
    ]
    if len(stretches) > _MANY_GAPS:
        words.append(f"{len(stretches) - _MANY_GAPS} more stretches")
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]
