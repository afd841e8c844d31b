"""The conditions of one video: what is computed once, and what is built for each window of frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor

from .media.pictures import fit_picture
from .models.autoencoder import ShortcutAutoencoderKL
from .models.blocks import KeyValues
from .models.conditions import Conditions
from .models.detail import PictureDetails, hands_from_pixels
from .pose.draw import hand_map
from .pose.portrait import Portrait
from .pose.regions import box_mask, hand_boxes, hand_crops
from .pose.skeleton import Pose, PoseClip
from .pose.warp import Arms, cut_arms, hands_beside

if TYPE_CHECKING:
    from .pipeline import VividPipeline

WINDOW_CACHE_BYTES = 48 * 2**20
"""Windows whose conditions are kept between steps; what does not fit is built again, so memory stays flat."""


def to_unit(images: NDArray[np.uint8], device: torch.device, dtype: torch.dtype) -> Tensor:
    """Pictures (N, H, W, 3) uint8 -> (N, 3, H, W) in -1..1."""
    tensor = torch.from_numpy(np.ascontiguousarray(images)).to(device)
    return rearrange(tensor, "n h w c -> n c h w").to(dtype) / 127.5 - 1


def from_unit(pictures: Tensor) -> NDArray[np.uint8]:
    """(N, 3, H, W) in -1..1 -> (N, H, W, 3) uint8, rounded and clipped."""
    pixels = (pictures.float() * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)
    return rearrange(pixels, "n c h w -> n h w c").cpu().numpy()


def encode_picture(vae: Any, pictures: Tensor) -> Tensor:
    """Scaled latents (N, C, H/8, W/8) of pictures (N, 3, H, W) in -1..1: the mean of the posterior, no noise."""
    return vae.encode(pictures).latent_dist.mean * vae.config.scaling_factor


@dataclass(frozen=True)
class Remembered:
    """What decoding keeps of the portrait: the details that latents lose, and its arms and hands."""

    details: PictureDetails
    arms: Arms


def remember(
    vae: Any, picture: NDArray[np.uint8], pose: Pose, device: torch.device, dtype: torch.dtype
) -> Remembered | None:
    """What `decode_pictures` takes from a portrait (H, W, 3); None for autoencoders that have no place for it."""
    if not isinstance(vae, ShortcutAutoencoderKL):
        return None
    details = vae.details_of(to_unit(picture[None], device, dtype))
    return None if details is None else Remembered(details, cut_arms(picture, pose))


def decode_pictures(vae: Any, latents: Tensor, portrait: Remembered | None, clip: PoseClip) -> NDArray[np.uint8]:
    """Pictures (N, H, W, 3) of scaled latents (N, C, h, w).

    clip: the poses that the N frames show, in the portrait's pixels, to which its hands are carried.
    """
    if portrait is None:
        return from_unit(vae.decode(latents / vae.config.scaling_factor).sample)
    hands = [hands_beside(portrait.arms, clip.frame(i)) for i in range(len(clip))]
    pixels = torch.from_numpy(np.stack(hands)).to(latents.device)
    return from_unit(vae.decode_beside(latents, portrait.details, hands_from_pixels(pixels).to(latents.dtype)))


@dataclass(frozen=True)
class FramedInputs:
    """Portrait and motion on the video's canvas.

    picture: (H, W, 3) and its pose; head_box: (4,); clip: the calibrated poses of all frames; crops: (2, 256, 256, 3)
    from the portrait at its own resolution, left then right; crops_present: (2,).
    """

    picture: NDArray[np.uint8]
    pose: Pose
    head_box: NDArray[np.float32]
    clip: PoseClip
    crops: NDArray[np.uint8]
    crops_present: NDArray[np.bool_]


def frame_inputs(portrait: Portrait, clip: PoseClip, size: tuple[int, int]) -> FramedInputs:
    """Fit the portrait to (width, height) around the person and carry the clip, which is in the portrait's pixels."""
    picture, fit = fit_picture(portrait.image, size, centre=_person_centre(portrait))
    crops = hand_crops(portrait.image, portrait.pose)
    shift = (-fit.corner[0] * fit.scale, -fit.corner[1] * fit.scale)
    head_box = fit.map_points(portrait.head_box.reshape(2, 2)).reshape(4)
    scale = (fit.scale, fit.scale)
    pose, framed = portrait.pose.map_points(scale, shift, size), clip.map_points(scale, shift, size)
    return FramedInputs(picture, pose, head_box, framed, crops.crops, crops.present)


def _person_centre(portrait: Portrait) -> tuple[float, float]:
    """The middle of head and hands: what a crop must keep."""
    boxes = np.concatenate([portrait.head_box[None], portrait.hand_boxes[portrait.hand_present]])
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    x, y = (low + high) / 2
    return float(x), float(y)


class Conditioner:
    """Builds `Conditions` window by window for one video.

    features: speech features (T, 50, 384). The reference bank with its keys and values, the reference latents, the
    portrait's details and the codebook tokens are computed here once; hand features, audio and masks for each window,
    kept as far as a fixed budget goes if windows are `reused` in another sampling step.
    """

    def __init__(
        self, pipeline: VividPipeline, inputs: FramedInputs, features: Tensor, codebook: bool, reused: bool = True
    ) -> None:
        self.denoiser, self.hand_encoder = pipeline.denoiser, pipeline.hand_encoder
        self.device, self.dtype = pipeline.execution_device, pipeline.weights_dtype
        self.inputs, self.features = inputs, features
        self.single_frames = pipeline.info.window == 1
        self.size = inputs.clip.canvas
        self.grid = (self.size[1] // 8, self.size[0] // 8)
        picture = to_unit(inputs.picture[None], self.device, self.dtype)
        self.reference_latents = encode_picture(pipeline.vae, picture)
        self.portrait = remember(pipeline.vae, inputs.picture, inputs.pose, self.device, self.dtype)
        self.reference = self.denoiser.project_reference(pipeline.reference.bank(self.reference_latents))
        self.codes: KeyValues | None = None
        self.code_mask: Tensor | None = None
        if codebook and inputs.crops_present.any():
            left, right = to_unit(inputs.crops, self.device, self.dtype)
            tokens = pipeline.codebook.tokens(left[None], right[None])
            present = torch.from_numpy(inputs.crops_present).to(self.device)
            self.codes = self.denoiser.project_codes(tokens)
            self.code_mask = pipeline.codebook.token_mask(present[None])
        self._budget = WINDOW_CACHE_BYTES if reused else 0
        self._kept: dict[tuple[int, int], Conditions] = {}
        self._kept_bytes = 0

    def window(self, frames: range) -> Conditions:
        """The conditions of the frames start..stop-1: one video, or for models of single frames as many of one each."""
        key = (frames.start, frames.stop)
        if key in self._kept:
            return self._kept[key]
        conditions = self._build(frames)
        size = conditions.window_bytes()
        if self._kept_bytes + size <= self._budget:
            self._kept[key] = conditions
            self._kept_bytes += size
        return conditions

    def _build(self, frames: range) -> Conditions:
        clip = self.inputs.clip.take(slice(frames.start, frames.stop))
        maps = np.stack([hand_map(clip.frame(i)) for i in range(len(clip))])
        pixels = rearrange(torch.from_numpy(maps).to(self.device), "f h w c -> f c h w").to(self.dtype) / 255
        hand_features = self.hand_encoder(pixels)
        found = hand_boxes(clip)
        hands = box_mask(np.where(found.present[..., None], found.boxes, 0), self.size, self.grid).any(axis=1)
        head = np.broadcast_to(box_mask(self.inputs.head_box, self.size, self.grid), hands.shape)
        audio = self.features[frames.start : frames.stop].to(self.device, self.dtype)
        videos = (len(frames), 1) if self.single_frames else (1, len(frames))
        return self.denoiser.prepare(
            Conditions(
                audio=audio.unflatten(0, videos),
                hand_features=hand_features.unflatten(0, videos).transpose(1, 2),
                reference=self.reference,
                reference_latents=self.reference_latents,
                hand_tokens=self.codes,
                hand_token_mask=self.code_mask,
                head_mask=torch.from_numpy(head.copy()).to(self.device).unflatten(0, videos),
                hand_mask=torch.from_numpy(hands).to(self.device).unflatten(0, videos),
            )
        )
