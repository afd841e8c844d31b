"""Clothes parsing: which pixels of a person are hair, face, torso, sleeves and bare arms.

A small U-Net that this project trained on people it renders (`vivid/training/parsing`). Key points tell the network
where the arms are and which is the left one; the soft mask of the person tells it where the room is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate, pixel_shuffle, pixel_unshuffle

from ...errors import InputError
from ...pose.skeleton import HAND_BONES, LEFT_SHOULDER, RIGHT_SHOULDER, Pose
from ...weights.store import assets_folder

CLASSES = ("room", "hair", "face", "torso", "sleeve_left", "sleeve_right", "arm_left", "arm_right")
"""The face reaches down to the neckline; arms are bare and include the hands; left and right are the person's own."""
ROOM, HAIR, FACE, TORSO, SLEEVES, ARMS = 0, 1, 2, 3, slice(4, 6), slice(6, 8)
SIZE = 256
"""Side in pixels of the square picture that the network sees."""
MAPS = 6
"""Input maps at half that size: left arm, right arm, left hand, right hand, head and trunk, mask of the person."""
CONFIDENT = 0.1
"""Points with less confidence are not drawn."""
SURE_ROOM = 0.7
"""Inside the person's mask, only pixels with at least this probability of room are opened (gaps under the arms)."""
WEIGHTS = "clothes_parser.safetensors"

Floats = NDArray[np.float32]
_BODY_LINES = (((5, 6), (6, 7)), ((2, 3), (3, 4)))
_ARM_POINTS = np.array([3, 4, 6, 7, *range(18, 60)])
_TRUNK_LINES = ((2, 5), (1, 0), (14, 15), (0, 14), (0, 15), (14, 16), (15, 17), (2, 8), (5, 11))


@dataclass(frozen=True)
class Parsing:
    """Class probabilities (8, H, W) float32 of a picture in the order of CLASSES; they add up to 1."""

    probabilities: Floats

    def resized(self, size: tuple[int, int]) -> Parsing:
        """The same probabilities for the picture at another size (width, height)."""
        layers = [cv2.resize(layer, size, interpolation=cv2.INTER_AREA) for layer in self.probabilities]
        return Parsing(np.stack(layers))

    @property
    def room(self) -> Floats:
        """(H, W): everything that is not the person."""
        return self.probabilities[ROOM]

    @property
    def hair(self) -> Floats:
        """(H, W)."""
        return self.probabilities[HAIR]

    @property
    def face(self) -> Floats:
        """(H, W): skin of face, neck and whatever the neckline shows."""
        return self.probabilities[FACE]

    @property
    def torso(self) -> Floats:
        """(H, W): cloth of the trunk."""
        return self.probabilities[TORSO]

    @property
    def sleeves(self) -> Floats:
        """(2, H, W): cloth of the person's left and right arm."""
        return self.probabilities[SLEEVES]

    @property
    def arms(self) -> Floats:
        """(2, H, W): bare skin of the left and right arm with its hand."""
        return self.probabilities[ARMS]


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class ClothesParser(nn.Module):
    """A U-Net at half size on a pixel-unshuffled picture and MAPS maps, refined at full size by two convolutions.

    widths: channels from half size downwards, each level half as large as the one before.
    """

    def __init__(self, widths: Sequence[int] = (32, 64, 96, 128, 128)):
        super().__init__()
        pairs = list(pairwise(widths))
        self.stem = nn.Sequential(_conv(12 + MAPS, widths[0]), _conv(widths[0], widths[0]))
        self.down = nn.ModuleList(nn.Sequential(_conv(a, b, 2), _conv(b, b)) for a, b in pairs)
        self.up = nn.ModuleList(nn.Sequential(nn.Conv2d(b + a, a, 1), _conv(a, a)) for a, b in pairs)
        self.head = nn.Conv2d(widths[0], 4 * len(CLASSES), 1)
        self.fine = nn.Sequential(_conv(3 + len(CLASSES), 16), nn.Conv2d(16, len(CLASSES), 3, 1, 1))

    def forward(self, picture: Tensor, maps: Tensor) -> Tensor:
        """Logits (B, 8, S, S) of picture (B, 3, S, S) in -1..1 and maps (B, MAPS, S/2, S/2) in 0..1."""
        x = self.stem(torch.cat([pixel_unshuffle(picture, 2), maps], 1))
        skips = []
        for down in self.down:
            skips.append(x)
            x = down(x)
        for up, skip in zip(reversed(self.up), reversed(skips), strict=True):
            x = up(torch.cat([interpolate(x, scale_factor=2.0, mode="nearest"), skip], 1))
        coarse = pixel_shuffle(self.head(x), 2)
        return coarse + self.fine(torch.cat([coarse, picture], 1))


def load_parser(path: Path) -> ClothesParser:
    """The network with the weights of a safetensors file, for use. Errors: InputError when the file does not fit."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    network = ClothesParser()
    try:
        state = load_file(path)
        network.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})
    except (OSError, SafetensorError, RuntimeError):
        raise InputError("{} holds no weights of the clothes parser: restore it from the repository.", path) from None
    return network.eval().to(memory_format=torch.channels_last)


@lru_cache(maxsize=1)
def shipped_parser() -> ClothesParser:
    """The network that ships (assets/layered)."""
    return load_parser(assets_folder() / "layered" / WEIGHTS)


def key_points(pose: Pose) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(128, 2) positions (body, left hand, right hand, face) and whether each is there."""
    points = np.concatenate([pose.body, *pose.hands, pose.face])
    return points[:, :2].astype(np.float64), points[:, 2] > CONFIDENT


def network_inputs(
    picture: NDArray[np.uint8], points: NDArray[np.float64], seen: NDArray[np.bool_], mask: Floats | None
) -> tuple[Tensor, Tensor]:
    """(3, SIZE, SIZE) and (MAPS, SIZE/2, SIZE/2) of a picture (SIZE, SIZE, 3), its (128, 2) key points in its pixels,
    which of them are there, and the mask (SIZE, SIZE) of the person (None: unknown)."""
    half = SIZE // 2
    maps = np.zeros((MAPS, half, half), np.uint8)
    fixed = np.rint(np.clip(points, -1000, 1000) * 8 - 4).astype(int)  # half size, four bits of fraction

    def line(channel: int, a: int, b: int, width: int) -> None:
        if seen[a] and seen[b]:
            start, end = fixed[a].tolist(), fixed[b].tolist()
            cv2.line(maps[channel], start, end, (255,), width, cv2.LINE_AA, 4)

    for side in (0, 1):
        for a, b in _BODY_LINES[side]:
            line(side, a, b, 3)
        for a, b in HAND_BONES:
            line(2 + side, 18 + 21 * side + a, 18 + 21 * side + b, 2)
    for a, b in _TRUNK_LINES:
        line(4, a, b, 2)
    drawn = np.stack([cv2.GaussianBlur(m, (0, 0), 1.5) for m in maps[:-1]]).astype(np.float32) / 255
    small = np.zeros((half, half), np.float32) if mask is None else cv2.resize(mask, (half, half), None, 0, 0, 3)
    colours = picture.transpose(2, 0, 1).astype(np.float32) / 127.5 - 1
    return torch.from_numpy(colours), torch.from_numpy(np.concatenate([drawn, small[None]]))


def view_of(pose: Pose, size: tuple[int, int]) -> tuple[float, float, float]:
    """Left, top and side of the square around the upper body that the network looks at, in pixels of a picture of
    `size` (width, height); it may reach over the picture's edges."""
    width, height = size
    points, seen = key_points(pose)
    seen &= (points >= 0).all(1) & (points <= [width, height]).all(1)
    face, arms = points[60:][seen[60:]], points[_ARM_POINTS][seen[_ARM_POINTS]]
    trunk = points[[LEFT_SHOULDER, RIGHT_SHOULDER]][seen[[LEFT_SHOULDER, RIGHT_SHOULDER]]]
    body = np.concatenate([face, trunk])
    largest = float(max(width, height))
    if not len(body):
        return 0.0, 0.0, largest
    face_height = float(np.ptp(face[:, 1])) if len(face) else 0.0
    shoulders = float(np.linalg.norm(trunk[0] - trunk[1])) if len(trunk) == 2 else 0.0
    top = max(0.0, float(body[:, 1].min()) - 0.6 * face_height)
    start, stop = np.concatenate([body, arms]).min(0), np.concatenate([body, arms]).max(0)
    # a turned person has narrow shoulders, and a bowed head a low face
    side = max(2.6 * shoulders, 5.2 * face_height, 1.1 * (stop[0] - start[0]), 1.05 * (stop[1] - top))
    side = min(float(side), largest)
    top = min(top, max(0.0, height - side))
    middle = float(trunk[:, 0].mean() if len(trunk) else face[:, 0].mean())
    left = float(np.clip(middle - side / 2, *sorted((stop[0] + 0.05 * side - side, start[0] - 0.05 * side))))
    left = float(np.clip(left, min(0.0, width - side), max(0.0, width - side)))
    return left, top, side


def parse(picture: NDArray[np.uint8], person: Floats, pose: Pose, network: ClothesParser | None = None) -> Parsing:
    """Tell clothes, skin and hair of one person apart.

    picture: (H, W, 3) RGB; person: (H, W) soft mask 0..1; pose: in the picture's pixels; network: the one that ships
    if None. The room is what the mask leaves, plus the gaps of which the network is sure.
    """
    height, width = picture.shape[:2]
    network = network or shipped_parser()
    left, top, side = view_of(pose, (width, height))
    scale = side / SIZE
    # pixel centres lie at half integers of the view's coordinates
    to_picture = np.array([[scale, 0, left + scale / 2 - 0.5], [0, scale, top + scale / 2 - 0.5]])
    points, seen = key_points(pose)
    inverse = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    blurred = cv2.GaussianBlur(picture, (0, 0), 0.35 * scale) if scale > 1.3 else picture
    view = cv2.warpAffine(blurred, to_picture, (SIZE, SIZE), flags=inverse, borderValue=(128, 128, 128))
    mask = cv2.warpAffine(person, to_picture, (SIZE, SIZE), flags=inverse)
    colours, maps = network_inputs(view.astype(np.uint8), (points - [left, top]) / scale, seen, mask)
    with torch.inference_mode():
        logits = network(colours[None].to(memory_format=torch.channels_last), maps[None])
        small = logits[0].softmax(0).numpy()
    large = np.dstack(
        [
            cv2.warpAffine(c, to_picture, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for c in small
        ]
    )
    radius = max(2, round(1.5 * scale))
    subsampling = 0.5 if radius >= 4 else 1.0  # the filter's own fast variant; no visible difference at such radii
    guide = cv2.ximgproc.createGuidedFilter(picture.astype(np.float32) / 255, radius, 1e-4, subsampling)
    for k in range(len(CLASSES)):
        large[..., k] = guide.filter(np.ascontiguousarray(large[..., k]))
    return Parsing(_within(np.ascontiguousarray(large.transpose(2, 0, 1)), person))


def _within(probabilities: Floats, person: Floats) -> Floats:
    """The class probabilities (8, H, W), redistributed inside the person's mask."""
    probabilities = np.clip(probabilities, 0, 1)
    probabilities /= probabilities.sum(0) + 1e-6
    present = person * np.clip((1 - probabilities[ROOM]) / (1 - SURE_ROOM), 0, 1)
    inner = probabilities[1:] + 1e-4
    return np.concatenate([1 - present[None], inner / inner.sum(0) * present]).astype(np.float32)
