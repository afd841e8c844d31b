"""From speech to a face: one small network on Whisper's states (the paper's dual-stream audio, 3.2.1, in small)."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from ...errors import InputError
from ...speech.windows import LAYERS, WIDTH
from .face_units import ASSETS

MOUTH = (
    "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthLowerDown", "mouthUpperUp", "mouthPress",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthStretch", "mouthSmile", "tongueOut",
)  # fmt: skip
"""Face units of the lip stream."""
LIP = (*MOUTH, "speaking", "touch", "stress")
"""All channels of the lip stream: voice activity, lips that must touch (p b m, half of it f v), stressed vowels."""
RHYTHM = ("talk", "pace", "emphasis", "effort")
"""Channels of the head stream, over the second around each moment: share of it that is speech, syllables (8 a second
are 1), stressed syllables (4 a second are 1), vocal effort (0 whispered, 0.5 spoken, 1 shouted)."""
SECOND = 49
"""States of the head stream's mean: the second in which 24 video frames pass."""
FILE = "speech_motion.safetensors"


class SpeechMotion(nn.Module):
    """States (B, T, 1920) at 50 Hz -> both streams (B, T, 20) at 50 Hz, the channels of LIP, then those of RHYTHM.

    The lip stream is a temporal convolution that hears 0.28 s to each side; the head stream sees only the mean of the
    states over a second (at the ends, over those that exist).
    """

    mean: Tensor
    deviation: Tensor
    scale: Tensor

    def __init__(self, width: int = 96, head_width: int = 48) -> None:
        super().__init__()
        states = LAYERS * WIDTH
        self.register_buffer("mean", torch.zeros(states))
        self.register_buffer("deviation", torch.ones(states))
        self.register_buffer("scale", torch.ones(len(LIP) + len(RHYTHM)))
        self.into = nn.Linear(states, width)
        self.drop = nn.Dropout(0.25)
        self.layers = nn.ModuleList(nn.Conv1d(width, width, 5, padding=2 * d, dilation=d) for d in (1, 2, 4))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.out = nn.Linear(width, len(LIP))
        self.head_into = nn.Linear(states, head_width)
        self.head_out = nn.Linear(head_width, len(RHYTHM))

    def forward(self, states: Tensor) -> Tensor:
        """See the class."""
        x = self.drop((states - self.mean) / self.deviation)
        h = self.into(x)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            h = h + nn.functional.gelu(layer(norm(h).transpose(1, 2)).transpose(1, 2))
        lip = self.out(self.drop(h))
        # A linear layer commutes with the mean, and its output has forty times fewer values to average.
        around = nn.functional.avg_pool1d(
            self.head_into(x).transpose(1, 2), SECOND, 1, SECOND // 2, count_include_pad=False
        )
        head = self.head_out(nn.functional.silu(around.transpose(1, 2)))
        return torch.cat([lip, head], -1) * self.scale


@cache
def load_speech_motion(path: Path = ASSETS / FILE) -> SpeechMotion:
    """A network in evaluation mode, by default the shipped one. Errors: InputError for missing or damaged weights."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    network = SpeechMotion()
    try:
        network.load_state_dict({name: tensor.float() for name, tensor in load_file(path).items()})
    except (OSError, SafetensorError, RuntimeError) as error:
        raise InputError("{} is missing or damaged: install the program again.", path.name) from error
    return network.eval().requires_grad_(False)
