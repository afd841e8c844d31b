"""A cache of fitted hands: a fit depends on the clip alone, so it is made once per clip.

The fits of the clips that ship are in one file, which `python -m vivid.generators.layered.hand_fit` rewrites.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...cache import Cache
from ...pose.library import list_motions, shipped_motion
from ...pose.skeleton import PoseClip
from .figure import ELBOWS, WRISTS
from .hand_solver import fit_clip
from .hand_track import ANGLES, HandTrack, quaternions, turns_of

FILE = Path(__file__).resolve().parents[3] / "assets" / "layered" / "hands.npz"
STEPS = np.array([2.0**-14] * 4 + [2.0**-12] * ANGLES + [2.0**-12] * 3 + [2.0**-14])
"""The value of one unit of the stored integers: quaternion, angles, place and logarithm of the palm, error."""
_tracks = Cache(32)


def fit_hands(motion: PoseClip) -> HandTrack:
    """The hands of a clip of T frames: from memory, from the file that ships, else fitted (about a second)."""
    key = content_key(motion)

    def make() -> HandTrack:
        stored = _shipped().get(key)
        return fit_clip(motion) if stored is None else unpack(stored, motion)

    return _tracks.get(key, make)  # type: ignore[no-any-return]


def content_key(motion: PoseClip) -> str:
    """A hash of everything in a clip that its fit depends on."""
    parts = (motion.hands, motion.body[:, [*ELBOWS, *WRISTS]])
    return hashlib.sha256(b"".join(np.ascontiguousarray(part, np.float32).tobytes() for part in parts)).hexdigest()[:32]


def pack(track: HandTrack, motion: PoseClip) -> NDArray[np.int32]:
    """A fit as integers (2, T, 29), stored as differences in time, which compress well; see STEPS."""
    q = quaternions(track.turn)
    sign = np.sign((q[:, 1:] * q[:, :-1]).sum(-1))
    q[:, 1:] *= np.cumprod(np.where(sign == 0, 1, sign), 1)[..., None]
    wrist = np.swapaxes(motion.hands[:, :, 0, :2], 0, 1)
    place = (track.place - wrist) / track.palm[..., None]
    error = np.nan_to_num(track.error, nan=-1.0)
    values = np.concatenate([q, track.angles, place, np.log(track.palm)[..., None], error[..., None]], -1)
    counts = np.round(values / STEPS).astype(np.int64)
    return np.diff(counts, axis=1, prepend=0).astype(np.int32)


def unpack(stored: NDArray[np.int32], motion: PoseClip) -> HandTrack:
    """A fit from the integers of `pack`, for the clip that it was made for."""
    values = np.cumsum(stored.astype(np.int64), axis=1) * STEPS
    place, palm = values[..., 4 + ANGLES : 6 + ANGLES], np.exp(values[..., 6 + ANGLES])
    wrist = np.swapaxes(motion.hands[:, :, 0, :2], 0, 1)
    error = np.where(values[..., -1] < 0, np.nan, values[..., -1])
    return HandTrack(
        turns_of(values[..., :4]), values[..., 4 : 4 + ANGLES], wrist + place * palm[..., None], palm, error
    )


@lru_cache(1)
def _shipped() -> dict[str, NDArray[np.int32]]:
    if not FILE.exists():
        return {}
    with np.load(FILE, allow_pickle=False) as data:
        return {key: data[key] for key in data.files}


def main() -> None:
    """Fit every clip that ships and write the file."""
    clips = [shipped_motion(motion.name) for motion in list_motions()]
    FILE.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(FILE, **{content_key(clip): pack(fit_clip(clip), clip) for clip in clips})
    print(f"{FILE}: {len(clips)} clips, {FILE.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
