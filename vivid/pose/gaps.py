"""Gaps in a clip: short ones are closed, long ones named, and clips that show hardly anybody are refused."""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.typing import NDArray

from ..config import FPS
from ..errors import InputError, Message
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
        stretches = describe_stretches(filled, clip.fps)
        notices.append(
            Message("Nobody is seen in {} of {}: the pose there is made from the frames around.", stretches, name)
        )
    return clip, tuple(notices)


def _shows_body(clip: PoseClip) -> NDArray[np.bool_]:
    """The frames (T,) in which any point of the body is present."""
    return (clip.body[..., 2] > 0).any(1)


def refuse_empty(seen: NDArray[np.bool_], name: str) -> None:
    """Raise InputError where the person is seen in too few frames (T,) to be a gesture."""
    if not seen.any():
        raise InputError(
            "No person was found in any of the {} frames of {}: film one person from the front, head "
            "to hips, in good light.",
            len(seen),
            name,
        )
    if seen.mean() < FEWEST_SEEN:
        raise InputError(
            "A person is seen in only {} of the {} frames of {}: cut the rest out, or film one "
            "person from the front, head to hips, in good light.",
            int(seen.sum()),
            len(seen),
            name,
        )


def absences(clip: PoseClip) -> dict[str, Stretches]:
    """For each part of the body, the stretches (first and last frame) in which none of it is present."""
    return {part: runs(~(points[..., 2] > 0).any(1)) for part, points in named_parts(clip).items()}


def notices_of(name: str, count: int, people: int, absent: dict[str, Stretches], fps: float = FPS) -> tuple[str, ...]:
    """One sentence for each thing the user should know: several people, and parts that are not seen."""
    notices = []
    if people > 1:
        notices.append(
            Message(
                "There are up to {} people in {}; the largest one near the middle is followed: film one "
                "person alone if that is not who you mean.",
                people,
                name,
            )
        )
    remedies = {
        "body": "cut this part out, or keep head and shoulders in the picture",
        "face": "cut this part out, or look towards the camera there",
        "left hand": "keep the hand in the picture if the gesture needs it",
        "right hand": "keep the hand in the picture if the gesture needs it",
    }
    for part, stretches in absent.items():
        if stretches == [(0, count - 1)]:
            notices.append(Message("The {} is not seen in {}: {}.", part, name, remedies[part]))
        elif stretches:
            notices.append(
                Message(
                    "The {} is not seen in {} of {}: {}.",
                    part,
                    describe_stretches(stretches, fps),
                    name,
                    remedies[part],
                )
            )
    return tuple(notices)


def describe_stretches(stretches: Stretches, fps: float = FPS) -> Message:
    """Stretches of frames in words: "frames 30-52 (1.2-2.2 s) and frame 60 (2.5 s)"."""
    words = [
        Message("frame {} ({} s)", first, f"{first / fps:.1f}")
        if first == last
        else Message("frames {}-{} ({}-{} s)", first, last, f"{first / fps:.1f}", f"{(last + 1) / fps:.1f}")
        for first, last in stretches[:_MANY_GAPS]
    ]
    if len(stretches) > _MANY_GAPS:
        words.append(Message("{} more stretches", len(stretches) - _MANY_GAPS))
    most = reduce(lambda some, more: Message("{}, {}", some, more), words[:-1]) if words[1:] else None
    return words[0] if most is None else Message("{} and {}", most, words[-1])
