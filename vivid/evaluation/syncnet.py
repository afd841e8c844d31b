"""SyncNet (Chung and Zisserman, Out of time, 2016), with the tensor names of its authors' `syncnet_v2.model`."""

from __future__ import annotations

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor, nn

WIDTH = 1024


def _conv2d(into: int, out: int, size: tuple[int, int], padding: int) -> list[nn.Module]:
    return [nn.Conv2d(into, out, size, padding=padding), nn.BatchNorm2d(out), nn.ReLU()]


def _conv3d(
    into: int, out: int, size: tuple[int, int, int], stride: int, padding: tuple[int, int, int]
) -> list[nn.Module]:
    conv = nn.Conv3d(into, out, size, stride=(1, stride, stride), padding=padding)
    return [conv, nn.BatchNorm3d(out), nn.ReLU()]


def _head() -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, WIDTH))


class SyncNet(nn.Module):
    """Embeds five frames of a face and 0.2 s of sound in one space of 1024 dimensions."""

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_conv2d(1, 64, (3, 3), 1),
            nn.MaxPool2d((1, 1), (1, 1)),
            *_conv2d(64, 192, (3, 3), 1),
            nn.MaxPool2d((3, 3), (1, 2)),
            *_conv2d(192, 384, (3, 3), 1),
            *_conv2d(384, 256, (3, 3), 1),
            *_conv2d(256, 256, (3, 3), 1),
            nn.MaxPool2d((3, 3), (2, 2)),
            *_conv2d(256, 512, (5, 4), 0),
        )
        self.netfcaud = _head()
        self.netcnnlip = nn.Sequential(
            *_conv3d(3, 96, (5, 7, 7), 2, (0, 0, 0)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_conv3d(96, 256, (1, 5, 5), 2, (0, 1, 1)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *_conv3d(256, 256, (1, 3, 3), 1, (0, 1, 1)),
            *_conv3d(256, 256, (1, 3, 3), 1, (0, 1, 1)),
            *_conv3d(256, 256, (1, 3, 3), 1, (0, 1, 1)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_conv3d(256, 512, (1, 6, 6), 1, (0, 0, 0)),
        )
        self.netfclip = _head()

    def _embed(self, body: nn.Module, head: nn.Module, inputs: Tensor) -> NDArray[np.float32]:
        with torch.no_grad():
            place = next(self.parameters())
            return head(body(inputs.to(place.device, place.dtype)).flatten(1)).float().cpu().numpy()

    def lips(self, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embeddings (N, 1024) of RGB face crops (N, 5, 224, 224, 3)."""
        pictures = torch.from_numpy(np.ascontiguousarray(windows[..., ::-1]))  # it was trained on BGR, 0 to 255
        return self._embed(self.netcnnlip, self.netfclip, rearrange(pictures, "n t h w c -> n c t h w"))

    def sound(self, windows: NDArray[np.floating]) -> NDArray[np.float32]:
        """Embeddings (N, 1024) of MFCC columns (N, 20, 13)."""
        columns = torch.from_numpy(windows)
        return self._embed(self.netcnnaud, self.netfcaud, rearrange(columns, "n t c -> n 1 c t"))
