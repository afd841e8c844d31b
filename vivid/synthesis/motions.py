"""Gesture clips that ship: scripts of key gestures, performed by one person, recorded by one camera as key points.

Run `python -m vivid synthesize motions --out assets/motions` to write them again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..config import FPS
from ..generators.layered.geometry import smootherstep
from ..pose.skeleton import PoseClip, unstacked
from .camera import Camera
from .character import Character
from .gestures import ARMS, arm_vector
from .labels import GroundTruth
from .scene import Scene, frame_camera
from .transforms import Array, frame, rotation, rotation_vector, value_noise

CANVAS = 512
LEFT, RIGHT = 0, 25
"""Where the numbers of an arm start in a gesture vector."""

Extra = Callable[[Array, Array], None]
"""Changes the track (T, 50) in place, given the time of every frame in seconds (T,)."""


@dataclass(frozen=True)
class Script:
    """Key gestures as (second when reached, seconds it takes, left arm, left fingers, right arm, right fingers)."""

    seconds: float
    keys: tuple[tuple[float, float, str, str, str, str], ...]
    extra: Extra | None = None
    bold: float = 0.0  # how far the head takes part, radians


def _window(time: Array, start: float, end: float, ramp: float = 0.25) -> Array:
    """1 between `start` and `end`, eased."""
    return smootherstep((time - start) / ramp) * (1 - smootherstep((time - end) / ramp))


def _wave(time: Array, track: Array) -> None:
    swing = np.sin(2 * np.pi * 1.9 * (time - 0.9)) * _window(time, 0.9, 3.9, 0.35)
    track[:, RIGHT] += 0.09 * swing
    track[:, RIGHT + 6] += 0.42 * swing  # fingers sway outwards and back


def _beats(*at: float, size: float = 0.06, arms: tuple[int, ...] = (LEFT, RIGHT)) -> Extra:
    """Short downward strokes at the given seconds."""

    def extra(time: Array, track: Array) -> None:
        for moment in at:
            stroke = np.exp(-(((time - moment + 0.14) / 0.10) ** 2)) - np.exp(-(((time - moment - 0.03) / 0.08) ** 2))
            for arm in arms:
                track[:, arm + 1] += size * stroke
                track[:, arm + 2] += 0.5 * size * stroke

    return extra


def _breath(time: Array, track: Array) -> None:
    for arm in (LEFT, RIGHT):
        track[:, arm + 1] += 0.010 * np.sin(2 * np.pi * 0.28 * time)


BELLY, RELAXED = "belly", "relaxed"
SHOWN = ARMS | {
    "box": ((0.32, -0.48, 0.68), *ARMS["box"][1:]),
    "offer": ((0.32, -0.56, 0.66), *ARMS["offer"][1:]),
    "small": ((0.20, -0.48, 0.58), *ARMS["small"][1:]),
    "wide": ((0.84, -0.48, 0.46), *ARMS["wide"][1:]),
    "broad": ((0.84, -0.36, 0.46), *ARMS["broad"][1:]),
}
"""Arms as these clips hold them: hands away from their own elbows, where a forearm would point at the camera."""
SCRIPTS: dict[str, Script] = {
    "calm": Script(5.0, ((0.0, 0.1, BELLY, RELAXED, BELLY, RELAXED),), _breath, 0.02),
    "explain": Script(
        6.0,
        (
            (0.0, 0.1, "box", "soft", "box", "soft"),
            (1.3, 0.6, "offer", "soft", "offer", "soft"),
            (2.6, 0.6, "small", "pinch", "offer", "soft"),
            (3.8, 0.6, "box", "open", "box", "open"),
            (5.4, 0.7, "box", "soft", "box", "soft"),
        ),
        _beats(0.6, 1.9, 3.1, 4.3, 4.8),
        0.05,
    ),
    "count": Script(
        5.5,
        (
            (0.0, 0.1, BELLY, RELAXED, BELLY, RELAXED),
            (0.9, 0.7, BELLY, RELAXED, "up", "one"),
            (2.1, 0.35, BELLY, RELAXED, "up", "two"),
            (3.3, 0.35, BELLY, RELAXED, "up", "three"),
            (5.2, 0.8, BELLY, RELAXED, BELLY, RELAXED),
        ),
        _beats(2.1, 3.3, arms=(RIGHT,)),
        0.03,
    ),
    "point": Script(
        4.5,
        (
            (0.0, 0.1, BELLY, RELAXED, BELLY, RELAXED),
            (1.0, 0.7, BELLY, RELAXED, "across", "point"),
            (2.8, 0.6, BELLY, RELAXED, "upside", "point"),
            (4.3, 0.8, BELLY, RELAXED, BELLY, RELAXED),
        ),
        _beats(1.5, 1.9, size=0.03, arms=(RIGHT,)),
        0.06,
    ),
    "wave": Script(
        5.0,
        (
            (0.0, 0.1, BELLY, RELAXED, BELLY, RELAXED),
            (0.9, 0.8, BELLY, RELAXED, "wave", "open"),
            (4.8, 0.8, BELLY, RELAXED, BELLY, RELAXED),
        ),
        _wave,
        0.04,
    ),
    "welcome": Script(
        5.0,
        (
            (0.0, 0.1, BELLY, RELAXED, BELLY, RELAXED),
            (1.1, 0.9, "wide", "open", "wide", "open"),
            (3.0, 0.8, "offer", "soft", "offer", "soft"),
            (4.6, 1.0, BELLY, RELAXED, BELLY, RELAXED),
        ),
        None,
        0.05,
    ),
    "hands_together": Script(
        5.0,
        (
            (0.0, 0.1, BELLY, RELAXED, BELLY, RELAXED),
            (1.0, 0.8, "steeple", "soft", "steeple", "soft"),
            (2.6, 0.7, "press", "flat", "press", "flat"),
            (4.7, 0.9, BELLY, RELAXED, BELLY, RELAXED),
        ),
        _beats(1.7, size=0.03),
        0.03,
    ),
    "thumbs_up": Script(
        4.5,
        (
            (0.0, 0.1, BELLY, RELAXED, BELLY, RELAXED),
            (1.0, 0.7, BELLY, RELAXED, "thumbup", "thumb"),
            (4.2, 0.8, BELLY, RELAXED, BELLY, RELAXED),
        ),
        _beats(1.6, 2.1, size=0.05, arms=(RIGHT,)),
        0.05,
    ),
    "stop": Script(
        4.0,
        (
            (0.0, 0.1, BELLY, RELAXED, BELLY, RELAXED),
            (1.1, 0.8, BELLY, RELAXED, "up", "flat"),
            (3.7, 0.8, BELLY, RELAXED, BELLY, RELAXED),
        ),
        _beats(1.5, size=0.04, arms=(RIGHT,)),
        0.04,
    ),
    "heart": Script(
        4.5,
        (
            (0.0, 0.1, BELLY, RELAXED, BELLY, RELAXED),
            (1.1, 0.9, BELLY, RELAXED, "heart", "flat"),
            (4.2, 0.9, BELLY, RELAXED, BELLY, RELAXED),
        ),
        _breath,
        0.05,
    ),
    "ok_sign": Script(
        4.5,
        (
            (0.0, 0.1, BELLY, RELAXED, BELLY, RELAXED),
            (1.0, 0.7, BELLY, RELAXED, "up", "ok"),
            (4.2, 0.8, BELLY, RELAXED, BELLY, RELAXED),
        ),
        _beats(1.6, 2.2, size=0.04, arms=(RIGHT,)),
        0.04,
    ),
    "big_and_small": Script(
        5.5,
        (
            (0.0, 0.1, "box", "soft", "box", "soft"),
            (1.2, 0.7, "broad", "open", "broad", "open"),
            (3.0, 0.8, "narrow", "flat", "narrow", "flat"),
            (4.9, 0.8, "box", "soft", "box", "soft"),
        ),
        None,
        0.03,
    ),
}


def script_track(script: Script, seed: int) -> Array:
    """(T, 50) gesture vectors at 24 frames a second, with small random movements from `seed`."""
    count = round(script.seconds * FPS)
    time = np.arange(count) / FPS
    current = arm_vector(*script.keys[0][2:], arms=SHOWN)
    track = np.tile(current, (count, 1))
    for at, duration, *arms in script.keys[1:]:
        target = arm_vector(*arms, arms=SHOWN)
        share = smootherstep((time - at + duration) / duration)[:, None]
        arc = np.sin(np.pi * np.clip((time - at + duration) / duration, 0, 1))
        blend = current + (target - current) * share
        for arm in (LEFT, RIGHT):
            blend[:, arm + 3 : arm + 9] = _turned(current[arm + 3 : arm + 9], target[arm + 3 : arm + 9], share[:, 0])
            if np.abs(target - current)[arm : arm + 3].max() > 0.12:
                blend[:, arm + 2] += 0.10 * arc  # hands come forward on their way
        track = np.where((time >= at - duration)[:, None], blend, track)
        current = target
    if script.extra is not None:
        script.extra(time, track)
    rng = np.random.default_rng([seed, 61])
    for arm in (LEFT, RIGHT):
        track[:, arm : arm + 3] += 0.008 * value_noise(rng, count, FPS, 0.9, 3)
        track[:, arm + 9 : arm + 24] += 0.02 * value_noise(rng, count, FPS, 0.8, 15)
    return track


def _turned(start: Array, end: Array, share: Array) -> Array:
    """(T, 6) palm and finger directions of a hand that turns evenly, by shares (T,), without snapping over."""
    first, last = (frame(v[3:], v[:3]) for v in (start, end))  # columns: fingers, across, palm
    turn = rotation_vector(last @ first.T)
    angle = float(np.linalg.norm(turn))
    hands = [rotation(turn, angle * s) @ first if angle > 1e-6 else first for s in share]
    return np.array([np.concatenate([h[:, 2], h[:, 0]]) for h in hands])


def head_of(script: Script, count: int, seed: int) -> tuple[Array, Array]:
    """Slow head and torso angles (T, 3) in radians."""
    rng = np.random.default_rng([seed, 62])
    head = value_noise(rng, count, FPS, 0.5, 3) * [0.4, 0.8, 0.4] * script.bold
    return head, 0.3 * value_noise(rng, count, FPS, 0.3, 3) * [0.3, 0.8, 0.3] * script.bold


def make_motion(script: Script, identity: Path, seed: int = 0) -> PoseClip:
    """Exact key points of a script; legs are absent, hips are where the rest pose has them. Needs no OpenGL."""
    person, camera = Character(identity), Camera(CANVAS)
    frame_camera(camera, person)
    scene, truth = Scene(camera, person), GroundTruth(person, camera)
    track = script_track(script, seed)
    head, torso = head_of(script, len(track), seed)
    shifts = scene.smooth_shifts(track, head, torso, FPS)
    points = []
    for k in range(len(track)):
        pose = scene.fixed_pose(track[k], head[k], torso[k], shift=dict(L=shifts[k, 0], R=shifts[k, 1]))
        person.skin(pose, {})
        points.append(camera.project(truth.world())[0])
    xy = np.concatenate([np.array(points), np.ones((len(points), 128, 1))], 2).astype(np.float32)  # (T, 128, 3)
    xy[:, [9, 10, 12, 13], 2] = 0  # knees and ankles were never posed
    return unstacked(xy, (CANVAS, CANVAS))
