"""Initialises the audio path of a model that learns its audio from scratch, by statistics and least squares.

A speech encoder's states are nearly constant: only a small part of them tells one sound from another. Attention over 50
tokens takes thousands of steps to find that part, a regression on all frames at once takes seconds.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ..method.denoiser import Denoiser
from ..method.dsaa import SUMMARY
from .prepare import HEAD_POINTS, PreparedClip

RIDGE = 0.5
"""Penalty of the regression, as a share of a frame's mean squared norm."""
MOST_FRAMES = 8192
"""Most frames used, evenly spread: the regression solves a system of that size."""


@torch.no_grad()
def start_audio_tokens(denoiser: Denoiser, clips: list[PreparedClip]) -> None:
    """Set the audio embedding so that speech tokens have mean 0 and deviation 1 over time on the training clips.

    For models with `audio_token_embedding`; the others are left alone.
    """
    embedding = denoiser.dsaa.embedding
    if embedding is None:
        return
    tokens = _tokens(clips, _spread(torch.arange(sum(map(len, clips)))))
    deviation = tokens.std(0).mean(0).clamp(min=0.02)  # (384,)
    embedding.norm.weight.copy_(1 / deviation)
    embedding.norm.bias.zero_()
    embedding.position.copy_(-tokens.mean(0) / deviation)


@torch.no_grad()
def fit_summary(denoiser: Denoiser, clips: list[PreparedClip]) -> float:
    """Fit the audio embedding's summary: the linear features of a frame's tokens that best predict its face.

    Reduced-rank ridge regression of the face points, moved to the person's mean head, on all 50 tokens; each feature
    has mean 0 and deviation 1 on the clips. Returns the share of the faces' variance that the features explain on these
    clips. For models with `audio_token_embedding`; the others are left alone.
    """
    embedding = denoiser.dsaa.embedding
    if embedding is None:
        return 0.0
    faces = torch.from_numpy(face_motion(clips)).flatten(1)  # (frames, 136)
    used = _spread(torch.isfinite(faces).all(1).nonzero()[:, 0])
    if not len(used):
        return 0.0
    tokens, faces = _tokens(clips, used).flatten(1), faces[used]  # (frames, 50 * 384)
    faces = faces - faces.mean(0)
    mean, deviation = tokens.mean(0), tokens.std(0).clamp(min=1e-3)
    inputs = (tokens - mean) / deviation
    products = inputs @ inputs.T
    penalty = RIDGE * products.diagonal().mean()
    solved = torch.linalg.solve(products + penalty * torch.eye(len(products)), faces)
    fitted = products @ solved
    directions = torch.linalg.svd(fitted, full_matrices=False).Vh[:SUMMARY]
    features = fitted @ directions.T
    scale = features.std(0).clamp(min=1e-6)
    weight = (inputs.T @ (solved @ directions.T)) / scale / deviation[:, None]  # (50 * 384, SUMMARY)
    embedding.summary.copy_(weight.T)
    embedding.summary_mean.copy_(mean @ weight)
    left = faces - features @ directions
    return float(1 - left.square().sum() / faces.square().sum())


def _spread(frames: Tensor) -> Tensor:
    """At most MOST_FRAMES of the frames, evenly spread."""
    return frames[:: max(1, -(-len(frames) // MOST_FRAMES))]


def _tokens(clips: list[PreparedClip], frames: Tensor) -> Tensor:
    """Normalised speech tokens (n, 50, 384) of some frames, numbered through all clips in rising order."""
    parts, first = [], 0
    for clip in clips:
        here = frames[(frames >= first) & (frames < first + len(clip))] - first
        parts.append(torch.from_numpy(clip.audio[here.numpy()]).float())
        first += len(clip)
    tokens = torch.cat(parts)
    return F.layer_norm(tokens, tokens.shape[-1:])


def face_motion(clips: list[PreparedClip]) -> NDArray[np.float32]:
    """Face points (frames, 68, 2) of all clips as differences to their scene's mean face, with head motion removed.

    Unit: the spread of the skull's points. Each frame's head is moved, turned and scaled onto the mean of its scene.
    NaN where a face was not seen whole.
    """
    scenes = np.concatenate([np.full(len(clip), clip.scene) for clip in clips])
    faces = np.concatenate([clip.face for clip in clips])
    seen = np.isfinite(faces).all((1, 2))
    moved = np.full_like(faces, np.nan)
    for scene in np.unique(scenes[seen]):
        here = seen & (scenes == scene)
        head = faces[here][:, HEAD_POINTS].mean(0)
        still = align_heads(faces[here], head)
        size = np.sqrt(((head - head.mean(0)) ** 2).sum(1).mean())
        moved[here] = (still - still.mean(0)) / max(size, 1e-6)
    return moved


def align_heads(faces: NDArray[np.float32], target: NDArray[np.float32]) -> NDArray[np.float32]:
    """Face points (T, 68, 2) after the similarity that takes each frame's head points to `target` (11, 2)."""
    face = faces[..., 0] + 1j * faces[..., 1]
    head = face[:, HEAD_POINTS]
    goal = target[:, 0] + 1j * target[:, 1]
    middle = head.mean(1, keepdims=True)
    centred = head - middle
    # a similarity in the plane is one complex factor: least squares from head to goal
    factor = (centred.conj() * (goal - goal.mean())).sum(1) / np.maximum((abs(centred) ** 2).sum(1), 1e-6)
    moved = factor[:, None] * (face - middle) + goal.mean()
    return np.stack([moved.real, moved.imag], -1).astype(np.float32)
