"""All numbers of one video against the truth (and of the truth against itself, which shows what the measures can)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..pose.detect import detect_frames, open_detector
from ..pose.regions import hand_boxes, head_box
from ..pose.skeleton import PoseClip
from ..training.clips import openness_of
from .compare import PORTRAIT_FRAME, Case
from .metrics import hand_confidence, hand_variance, head_motion_variance
from .metrics.flicker import flicker
from .metrics.mouth import correlation_and_lag, slope_of
from .metrics.pixels import boxes_to_mask, psnr, ssim
from .mouth import MouthReader
from .people import aligned_face, embeddings

DETECTION_SCALE = 2
"""Frames are enlarged by this for the detector: mouths of 20 pixels are near its limit."""

SILENT_MOUTH = 0.01
"""A true mouth whose openness spreads less than this does not speak: the clip is left out of its correlation."""

Frames = NDArray[np.uint8]


@dataclass(frozen=True)
class Regions:
    """Where hands, mouth and the still rest are in the truth: (T, H, W) and (H, W) bool."""

    hands: NDArray[np.bool_]
    mouth: NDArray[np.bool_]
    still: NDArray[np.bool_]


def regions_of(case: Case) -> Regions:
    """From the exact labels of the held-out clip."""
    count, clip = case.frames, case.clip
    size = clip.pose.canvas
    moving = boxes_to_mask(hand_boxes(case.motion).boxes, size) | boxes_to_mask(head_box(case.motion), size)
    hands = boxes_to_mask(clip.hand_boxes[:count], size)
    return Regions(hands, boxes_to_mask(clip.mouth_boxes[:count], size), ~moving.any(0))


def detect(frames: Frames, detector: str) -> PoseClip:
    """Poses that the detector finds in frames, in the frames' own pixels."""
    height, width = frames.shape[1:3]
    if (frames == frames[:1]).all():  # a still needs to be looked at once
        count, frames = len(frames), frames[:1]
    else:
        count = 1
    large = (np.repeat(np.repeat(f, DETECTION_SCALE, 0), DETECTION_SCALE, 1) for f in frames)
    with open_detector(detector, video=False) as finder:
        clip, _ = detect_frames(large, finder, "the video")
    clip = clip.take(np.repeat(np.arange(len(clip)), count))
    return clip.map_points((1 / DETECTION_SCALE, 1 / DETECTION_SCALE), (0, 0), (width, height))


def openness(clip: PoseClip) -> NDArray[np.float32]:
    """Mouth openness (T) by detected face points, NaN where no face was found."""
    curve = openness_of(clip.face)
    curve[(clip.face[..., 2] <= 0).any(-1)] = np.nan
    return curve


def face_vectors(frames: Frames, clip: PoseClip, mean: NDArray[np.float32], every: int = 6) -> NDArray[np.float32]:
    """Embeddings (N, D) of every n-th frame in which a face was found."""
    faces = [aligned_face(frames[i], clip.frame(i)) for i in range(0, len(frames), every)]
    found = [face for face in faces if face is not None]
    return embeddings(found, mean) if found else np.zeros((0, 1), np.float32)


def measure(
    frames: Frames,
    case: Case,
    gallery: dict[int, NDArray[np.float32]],
    mean: NDArray[np.float32],
    detector: str = "auto",
    reader: MouthReader | None = None,
) -> tuple[dict[str, float], NDArray[np.float32]]:
    """Numbers of one video and its curve of detected openness.

    gallery: identity -> embedding of that person's portrait; mean: what the embeddings subtract; reader: of that
    person's mouth, if there are training clips to fit one. The portrait's own frame is left out of everything that is
    compared with the truth.
    """
    truth = np.array(case.clip.frames[: case.frames])
    after = slice(PORTRAIT_FRAME + 1, None)
    regions = regions_of(case)
    hands, mouth = regions.hands[after], regions.mouth[after]
    made, true = frames[after], truth[after]
    poses = detect(frames, detector)
    curve = openness(poses)
    spoken = case.clip.openness[: case.frames][after]
    correlation = lag = read = read_lag = slope = float("inf")
    if spoken.std() >= SILENT_MOUTH:
        correlation, lag = correlation_and_lag(curve[after], spoken)
        if reader is not None:
            seen = reader.read(frames, poses)[after]
            read, read_lag = correlation_and_lag(seen, spoken)
            slope = slope_of(seen, spoken)
    vectors = face_vectors(frames, poses, mean)
    similar = {
        identity: float((vectors @ own).mean()) if vectors.size > 1 else 0.0 for identity, own in gallery.items()
    }
    others = [value for identity, value in similar.items() if identity != case.clip.identity]
    numbers = {
        "psnr": psnr(made, true),
        "psnr_hands": psnr(made, true, hands),
        "psnr_mouth": psnr(made, true, mouth),
        "ssim": ssim(made, true),
        "ssim_hands": ssim(made, true, hands),
        "ssim_mouth": ssim(made, true, mouth),
        "mouth_correlation": correlation,
        "mouth_lag": float(lag),
        "mouth_read": read,
        "mouth_read_lag": float(read_lag),
        "mouth_read_slope": slope,
        "mouth_range": float(np.nanstd(curve)),
        "hkc": hand_confidence(poses),
        "hkv": hand_variance(poses),
        "hmv": head_motion_variance(poses),
        "identity_own": similar.get(case.clip.identity, 0.0),
        "identity_others": max(others) if others else 0.0,
        "flicker": flicker(frames, regions.still),
        "flicker_whole": flicker(frames),
    }
    return numbers, curve
