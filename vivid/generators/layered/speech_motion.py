"""From speech to a face: one small network on Whisper's states (the paper's dual-stream audio, 3.2.1, in small)."""

from __future__ import annotations

from functools import cache

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
FILE = "speech_motion.safetensors"


class SpeechMotion(nn.Module):
    """States (B, T, 1920) at 50 Hz -> lip stream (B, T, 16) at 50 Hz; hears 0.28 s to each side."""

    mean: Tensor
    deviation: Tensor
    scale: Tensor

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        states = LAYERS * WIDTH
        self.register_buffer("mean", torch.zeros(states))
        self.register_buffer("deviation", torch.ones(states))
        self.register_buffer("scale", torch.ones(len(LIP)))
        self.into = nn.Linear(states, width)
        self.drop = nn.Dropout(0.25)
        self.layers = nn.ModuleList(nn.Conv1d(width, width, 5, padding=2 * d, dilation=d) for d in (1, 2, 4))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.out = nn.Linear(width, len(LIP))

    def forward(self, states: Tensor) -> Tensor:
        """See the class."""
        h = self.into(self.drop((states - self.mean) / self.deviation))
        for layer, norm in zip(self.layers, self.norms, strict=True):
            h = h + nn.functional.gelu(layer(norm(h).transpose(1, 2)).transpose(1, 2))
        return self.out(self.drop(h)) * self.scale


@cache
def load_speech_motion() -> SpeechMotion:
    """The network that ships, in evaluation mode. Errors: InputError for missing or damaged weights."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    network = SpeechMotion()
    try:
        stored = load_file(ASSETS / FILE)
        network.load_state_dict({name: tensor.float() for name, tensor in stored.items()})
    except (OSError, SafetensorError, RuntimeError) as error:
        raise InputError(f"{FILE} is missing or damaged: install the program again.") from error
    return network.eval().requires_grad_(False)
