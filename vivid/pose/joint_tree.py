"""A clip as a tree of joints and their children, so that a limb can change its length and move the rest with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .measures import ELBOWS_OF_BODY, HIPS_OF_BODY, SHOULDERS_OF_BODY, WRISTS_OF_BODY, Array, joints_of, present
from .report import ArmNudge, Nudges
from .skeleton import LEFT, NECK, NOSE, RIGHT, PoseClip

_EYES_AND_EARS = [14, 15, 16, 17]
_BELOW = [*HIPS_OF_BODY, 9, 10, 12, 13]
_PLACES = ("neck", "nose", "hips", "shoulders", "elbows", "wrists")
_VECTORS = ("hands", "face", "head", "below")


@dataclass
class JointTree:
    """Places of the carrying joints and vectors from them, float64, never NaN.

    neck, nose, hips: (T, 2); shoulders, elbows, wrists: (T, 2 sides, 2). hands (T, 2, 21, 2): from the wrists; face
    (T, 68, 2) and head (T, 4, 2; eyes and ears): from the nose; below (T, 6, 2; hips and legs): from the hips' middle.
    """

    neck: Array
    nose: Array
    hips: Array
    shoulders: Array
    elbows: Array
    wrists: Array
    hands: Array
    face: Array
    head: Array
    below: Array

    def mapped(self, scale: Array, shift: Array) -> JointTree:
        """The tree after p * scale + shift, (2,) each, for every point p."""
        moved = {name: getattr(self, name) * scale + shift for name in _PLACES}
        return JointTree(**moved, **{name: getattr(self, name) * scale for name in _VECTORS})

    def nudge(self, nudges: Nudges, centre: Array, unit: float) -> None:
        """Apply an annotator's corrections; `unit` is the reference's shoulder width in pixels."""
        for side, arm in ((LEFT, nudges.left_arm), (RIGHT, nudges.right_arm)):
            self._nudge_arm(side, arm, unit)
        shift = np.array(nudges.offset) * unit
        for name in _PLACES:
            setattr(self, name, centre + nudges.scale * (getattr(self, name) - centre) + shift)
        for name in _VECTORS:
            setattr(self, name, getattr(self, name) * nudges.scale)

    def _nudge_arm(self, side: int, arm: ArmNudge, unit: float) -> None:
        cosine, sine = arm.turn
        if side == RIGHT:  # away from the body is the opposite direction
            sine = -sine
        turn = np.array([[cosine, -sine], [sine, cosine]])  # row vectors: (0, 1) becomes (sine, cosine)
        shoulder, elbow, wrist = self.shoulders[:, side], self.elbows[:, side], self.wrists[:, side]
        offset = np.array(arm.offset) * unit
        new_elbow = shoulder + (elbow - shoulder) @ turn * arm.length
        new_wrist = new_elbow + (wrist - elbow) @ turn * arm.length
        self.elbows[:, side] = new_elbow + offset / 2
        self.wrists[:, side] = new_wrist + offset
        self.hands[:, side] = self.hands[:, side] @ turn * arm.hand

    def assemble(self, like: PoseClip, canvas: tuple[int, int]) -> PoseClip:
        """The clip of these joints with the confidences of `like`; points absent there become zeros."""
        body, hands, face = (np.zeros((*part.shape[:-1], 2)) for part in (like.body, like.hands, like.face))
        body[:, NECK], body[:, NOSE] = self.neck, self.nose
        for places, indices in (
            (self.shoulders, SHOULDERS_OF_BODY),
            (self.elbows, ELBOWS_OF_BODY),
            (self.wrists, WRISTS_OF_BODY),
            (self.nose[:, None] + self.head, _EYES_AND_EARS),
            (self.hips[:, None] + self.below, _BELOW),
        ):
            body[:, indices] = places
        hands[:] = self.wrists[:, :, None] + self.hands
        face[:] = self.nose[:, None] + self.face

        def with_confidence(places: Array, original: np.ndarray) -> np.ndarray:
            points = np.concatenate([places, original[..., 2:]], axis=-1)
            return np.where(present(original)[..., None], points, 0.0).astype(np.float32)

        return PoseClip(
            with_confidence(body, like.body),
            with_confidence(hands, like.hands),
            with_confidence(face, like.face),
            canvas,
            like.fps,
        )


def joint_tree_of(clip: PoseClip) -> JointTree:
    """Take a clip apart. Joints missing for a while are interpolated, joints never seen come from their neighbours.

    This only affects the joints' children: an absent point stays absent when the clip is assembled again.
    """
    joints = joints_of(clip)
    unknown = np.full_like(joints.shoulders, np.nan)
    chains = np.array([unknown, joints.shoulders, joints.elbows, joints.wrists])  # (4 from the neck on, T, sides, 2)
    for link in chains[1:]:
        for side in (LEFT, RIGHT):
            link[:, side] = _bridged(link[:, side])
    nose = _bridged(joints.nose)
    neck = _bridged(joints.neck)
    if np.isnan(neck).any():
        neck = _substitute_neck(chains, nose)
    chains[0] = neck[:, None]
    for side in (LEFT, RIGHT):
        _fill_chain(chains[:, :, side])
    hips = _bridged(joints.hips)
    nose, hips = (np.where(np.isnan(each), neck, each) for each in (nose, hips))
    _, shoulders, elbows, wrists = chains

    def places(points: np.ndarray) -> Array:
        return np.where(present(points)[..., None], points[..., :2].astype(np.float64), 0.0)

    return JointTree(
        neck,
        nose,
        hips,
        shoulders,
        elbows,
        wrists,
        hands=places(clip.hands) - wrists[:, :, None],
        face=places(clip.face) - nose[:, None],
        head=places(clip.body[:, _EYES_AND_EARS]) - nose[:, None],
        below=places(clip.body[:, _BELOW]) - hips[:, None],
    )


def _bridged(track: Array) -> Array:
    """A track (T, 2) with its gaps filled linearly in time, its ends held; unchanged if it is all NaN."""
    known = ~np.isnan(track[:, 0])
    if known.all() or not known.any():
        return track
    frames = np.arange(len(track))
    return np.stack([np.interp(frames, frames[known], track[known, axis]) for axis in range(2)], axis=-1)


def _substitute_neck(chains: Array, nose: Array) -> Array:
    """A neck (T, 2) for a clip without one: the middle of where both arms begin, else the nose, else the origin."""
    starts = []
    for side in (LEFT, RIGHT):
        starts += [link for link in chains[1:, :, side] if not np.isnan(link).any()][:1]
    if starts:
        return np.mean(starts, axis=0)
    return np.nan_to_num(nose)


def _fill_chain(chain: Array) -> None:
    """Fill the never-seen links of one arm (4, T, 2) in place: evenly between known ones, else at the last known."""
    known = [k for k in range(4) if not np.isnan(chain[k]).any()]
    for k in set(range(4)) - set(known):
        before = max(j for j in known if j < k)  # the neck is always known
        after = min((j for j in known if j > k), default=before)
        share = (k - before) / (after - before) if after > before else 0.0
        chain[k] = chain[before] + share * (chain[after] - chain[before])
