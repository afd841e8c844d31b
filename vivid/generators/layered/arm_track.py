"""A calibrated clip applied to a portrait: the joints of both arms in every frame, and how the hands are turned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...pose.library import at_positions
from ...pose.skeleton import PoseClip
from .figure import ELBOWS, SHOULDERS, WRISTS, ArmOutline, Layers
from .hand_track import HandTrack

Floats = NDArray[np.float64]

FOREARM = 2.45
"""Length of a forearm in palms."""
OVERLAP = 2.0
"""Distance between the middles of the palms, in palms, below which one hand may partly cover the other."""
CALM_FRAMES = 15
"""Frames over which it is decided which arm is in front."""

BEYOND = 0.25
"""Shoulder widths below the picture's edge at which elbows stay when forearms enter from below."""


@dataclass(frozen=True)
class Track:
    """Both arms (the person's left first) over T frames, in pixels of the portrait.

    shoulder, elbow, wrist: (2, T, 3) with depth towards the camera, the wrist's 0; palm: (2, T); turn: (2, T, 3, 3) and
    fingers: (2, T, 5, 3, 3, 3) of the hands; goal: the calibrated clip, moved so that its shoulders lie on the
    portrait's; front: (T,) the side that is drawn last.
    """

    shoulder: Floats
    elbow: Floats
    wrist: Floats
    palm: Floats
    turn: Floats
    fingers: Floats
    goal: PoseClip
    front: NDArray[np.int64]

    def __len__(self) -> int:
        return self.wrist.shape[1]


def place_clip(
    layers: Layers, clip: PoseClip, motion: PoseClip, track: HandTrack, positions: Floats, shoulders: Floats
) -> Track:
    """Attach the hands fitted to the driving clip to the calibrated `clip` of T frames, in the portrait's pixels.

    motion, track: the driving clip and its hands, and `positions` (T,) in them; shoulders: (T, 2, 2), the portrait's
    own, which sway. What a frame does not show is interpolated from its neighbours; an arm that no frame shows hangs as
    in the portrait.
    """
    count = len(clip)
    front = front_side(motion, track)[np.round(positions).astype(int)]
    motion, track = at_positions(motion, positions), track.at(positions)
    body = clip.body.astype(float)
    seen = (body[:, list(SHOULDERS), 2] > 0).all(1)
    shift = _carried((shoulders - body[:, list(SHOULDERS), :2]).mean(1), seen)  # (T, 2)
    goal = clip.map_points((1.0, 1.0), (0.0, 0.0), clip.canvas)
    for points in (goal.body, goal.face):
        points[..., :2] += shift[:, None]
    goal.hands[..., :2] += shift[:, None, None]
    height, width = layers.plate.shape[:2]
    wrists, elbows, tops, palms = [], [], [], []
    for side, arm in enumerate(layers.arms):
        scale = _scale(goal, motion, side, layers.shoulders)
        palm = (np.median(track.palm[side]) + track.palm[side]) / 2 * scale
        if np.isnan(track.error[side]).all():  # the clip never shows this hand
            palm = np.full(count, layers.palm)
        wrist = _wrist(goal, motion, track.place[side], scale, side, arm)
        wrist = wrist.clip(-1.0 * np.array([width, height]), 2.0 * np.array([width, height]))
        palm = palm.clip(0.2 * layers.palm, 3.0 * layers.palm)
        length = FOREARM * float(np.median(palm))
        there = goal.body[:, ELBOWS[side]].astype(float)
        wish = np.where(there[:, 2:] > 0, there[:, :2], shoulders[:, side] + arm.elbow - arm.shoulder)
        elbow = calm_elbow(shoulders[:, side], wish, wrist, arm, length)
        if layers.entering:  # nothing is drawn above an elbow, so elbows must stay out of sight
            elbow[:, 1] = np.maximum(elbow[:, 1], height + BEYOND * layers.shoulders)
        depth = -np.sqrt(np.maximum(length**2 - ((elbow - wrist) ** 2).sum(1), 0))
        wrists.append(np.column_stack([wrist, np.zeros(count)]))
        elbows.append(np.column_stack([elbow, depth]))
        tops.append(np.column_stack([shoulders[:, side], depth]))
        palms.append(palm)
    shoulder, elbow, wrist, palm = (np.array(part) for part in (tops, elbows, wrists, palms))
    return Track(shoulder, elbow, wrist, palm, track.turn, track.fingers(), goal, front)


def _carried(values: Floats, known: NDArray[np.bool_]) -> Floats:
    """Values (T, K) with those of unknown frames interpolated; zeros where none is known."""
    if known.all() or not known.any():
        return values if known.all() else np.zeros_like(values)
    frames = np.arange(len(values))
    return np.stack([np.interp(frames, frames[known], column[known]) for column in values.T], 1)


def _scale(goal: PoseClip, motion: PoseClip, side: int, width: float) -> float:
    """Pixels of the portrait per pixel of the driving clip, from the hand's size, else from the shoulder width."""
    both = (goal.hands[:, side, :, 2] > 0).all(1) & (motion.hands[:, side, :, 2] > 0).all(1)
    raw, new = (_extent(clip.hands[both, side, :, :2].astype(float)) for clip in (motion, goal))
    sure = raw > 1e-6
    if sure.any():
        return float(np.median(new[sure] / raw[sure]))
    body = motion.body[(motion.body[:, list(SHOULDERS), 2] > 0).all(1)].astype(float)
    across = np.linalg.norm(body[:, SHOULDERS[0], :2] - body[:, SHOULDERS[1], :2], axis=1)
    return width / float(np.median(across)) if len(across) and np.median(across) > 1e-6 else 1.0


def _extent(hand: Floats) -> Floats:
    """(T,) summed distances of the points (T, 21, 2) from their middle."""
    return np.linalg.norm(hand - hand.mean(1, keepdims=True), axis=2).sum(1)


def _wrist(goal: PoseClip, motion: PoseClip, place: Floats, scale: float, side: int, arm: ArmOutline) -> Floats:
    """(T, 2): where the wrist fitted at `place` (T, 2) in the driving clip belongs on the portrait."""
    there, raw = goal.hands[:, side, 0].astype(float), motion.hands[:, side, 0]
    known = (there[:, 2] > 0) & (raw[:, 2] > 0)
    if not known.any():
        there, raw = goal.body[:, WRISTS[side]].astype(float), motion.body[:, WRISTS[side]]
        known = (there[:, 2] > 0) & (raw[:, 2] > 0)
    if not known.any():
        return np.tile(arm.wrist, (len(place), 1))
    return place * scale + _carried(there[:, :2] - raw[:, :2] * scale, known)


def calm_elbow(shoulder: Floats, elbow: Floats, wrist: Floats, arm: ArmOutline, length: float) -> Floats:
    """(T, 2) elbows moved towards the portrait's own; all points (T, 2), length: of the forearm in pixels.

    A difference of less than about 25 degrees mostly comes from the other person's build, and a sleeve cut from a
    photograph cannot be turned far. The hands stay where they are; the elbow moves as far as the forearm can reach.
    """
    own = arm.elbow - arm.shoulder
    v = elbow - shoulder
    angle = np.arctan2(v[:, 1], v[:, 0]) - np.arctan2(own[1], own[0])
    angle = (angle + np.pi) % (2 * np.pi) - np.pi
    u = np.clip((np.abs(np.degrees(angle)) - 25) / 40, 0, 1)
    angle = angle * (0.35 + 0.65 * u * u * (3 - 2 * u))
    size = np.linalg.norm(v, axis=1) + 1e-6
    size = size * np.clip(np.linalg.norm(own) / size, 0.85, 1.15)
    c, q = np.cos(angle), np.sin(angle)
    way = own / np.linalg.norm(own)
    wish = shoulder + size[:, None] * np.stack([c * way[0] - q * way[1], q * way[0] + c * way[1]], 1)
    most = np.maximum(length, np.linalg.norm(elbow - wrist, axis=1)) + 1e-6
    share = np.ones(len(elbow))
    for k in np.linspace(0, 1, 11):  # the smallest step back that the forearm can reach
        bridged = np.linalg.norm(wrist - (wish + k * (elbow - wish)), axis=1) <= most
        share = np.where(bridged & (share == 1.0), k, share)
    kernel = np.exp(-0.5 * (np.arange(-6, 7) / 2.0) ** 2)
    share = np.convolve(np.pad(share, 6, mode="edge"), kernel / kernel.sum(), "valid")[:, None]
    return wish + share * (elbow - wish)


COVERED = 0.03
"""Confidence that a detector loses in a hand which another one covers, at least, compared with the other one's."""


def front_side(motion: PoseClip, track: HandTrack) -> NDArray[np.int64]:
    """(T,) the side whose forearm reaches further towards the camera; of hands that overlap, the one not covered.

    Read from the driving clip: which arm is in front must not depend on the portrait.
    """
    reach = []
    for side in range(2):
        flat = np.linalg.norm(motion.body[:, ELBOWS[side], :2] - track.place[side], axis=1)
        length = FOREARM * float(np.median(track.palm[side]))
        seen = (motion.body[:, ELBOWS[side], 2] > 0) & (motion.hands[:, side, 0, 2] > 0)
        reach.append(np.where(seen, np.sqrt(np.maximum(length**2 - flat**2, 0)), 0.0))
    half = CALM_FRAMES // 2
    lead = np.pad(reach[1] - reach[0], half, mode="edge")
    lead = np.array([np.median(lead[t : t + CALM_FRAMES]) for t in range(len(motion))])
    # nothing changes while one hand covers the other: what the detector is less sure of than elsewhere is covered, and
    # where it is equally sure, the mean lead over that time decides
    middle = motion.hands[:, :, [0, 9], :2].astype(float).mean(2)
    gap = np.linalg.norm(middle[:, 0] - middle[:, 1], axis=1)
    near = (motion.hands[:, :, [0, 9], 2] > 0).all((1, 2)) & (gap < OVERLAP * float(np.median(track.palm)))
    sure = motion.hands[..., 2].astype(float).mean(2)
    usual = np.median(sure[~near], 0) if (~near).any() else sure.mean(0)
    edges = np.flatnonzero(np.diff(near, prepend=False, append=False))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        covered = usual - sure[start:end].mean(0)
        doubt = covered[0] - covered[1]
        lead[start:end] = doubt if abs(doubt) > COVERED else lead[start:end].mean()
    return (lead >= 0).astype(np.int64)
