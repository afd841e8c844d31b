"""Speech encoders behind one interface: samples in, 50 tokens for each video frame out, 384 wide (wav2vec2: 768).

`whisper-tiny.en` ships with the program, `whisper-tiny` (what the public base was trained on) and `wav2vec2` come from
the hub. They are not interchangeable: the shapes agree but the features differ, so a model names the encoder it was
trained with.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..config import SAMPLE_RATE
from ..errors import InputError
from ..weights.hub import SPEECH_REPOSITORIES, download
from ..weights.int8 import load_int8, load_state
from .mel import log_mel
from .whisper import WhisperEncoder
from .windows import LAYERS, STATE_RATE, WIDTH, gather, window_indices

if TYPE_CHECKING:
    from transformers import Wav2Vec2Model

ASSETS = Path(__file__).resolve().parents[2] / "assets" / "speech"
SHIPPED = "whisper-tiny.en"
SEGMENT_SECONDS = 30
SEGMENT_COLUMNS = SEGMENT_SECONDS * 100
SHORTEST_WAVE = 400
"""Samples that wav2vec2's convolutions need for one state."""

Samples = NDArray[np.float32]


class SpeechEncoder(ABC):
    """Turns speech into tokens."""

    name: str
    module: nn.Module

    @abstractmethod
    def states(self, samples: Samples) -> Tensor:
        """Mono samples (N,) at 16 kHz -> float32 (about N / 320, 5 layers, width) at 50 Hz, on the encoder's device."""

    def features(self, samples: Samples, frames: int) -> Tensor:
        """Tokens of every video frame, float32 (frames, 50, width): ten states x five layers."""
        return self.windows(samples, frames)(range(frames))

    def windows(self, samples: Samples, frames: int) -> Callable[[range], Tensor]:
        """The tokens of any window of a long video's frames, without holding all of them at once.

        The samples are encoded here; the returned function maps a range of n of the `frames` frames to (n, 50, width).
        """
        states = self.states(samples)
        indices = window_indices(len(states), frames)
        return lambda window: gather(states, indices[window.start : window.stop])

    def to(self, device: str | torch.device) -> Self:
        """Move the network."""
        self.module.to(device)
        return self

    @property
    def device(self) -> torch.device:
        """Where the encoder computes."""
        return next(self.module.parameters()).device


class WhisperSpeech(SpeechEncoder):
    """The five states of a Whisper-tiny encoder: after stem and positions, and after each of its four blocks."""

    def __init__(self, name: str, encoder: WhisperEncoder) -> None:
        self.name = name
        self.module = encoder.eval().requires_grad_(False)

    @torch.no_grad()
    def states(self, samples: Samples) -> Tensor:
        """See SpeechEncoder. The spectrogram is cut into 30-second segments, the last one padded with zeros."""
        mel = log_mel(samples)
        parts = []
        for start in range(0, max(mel.shape[1], 1), SEGMENT_COLUMNS):
            segment = mel[:, start : start + SEGMENT_COLUMNS]
            length = segment.shape[1]
            segment = nn.functional.pad(segment, (0, SEGMENT_COLUMNS - length)).to(self.device)
            # An odd column is dropped; a file of one column still has one state.
            count = max(length // 2, 1 if start == 0 else 0)
            parts.append(self.module(segment[None], count)[0].mT)  # (count, 5, 384)
        return torch.cat(parts).float()


class Wav2Vec2Speech(SpeechEncoder):
    """Hidden states 0, 3, 6, 9, 12 of wav2vec2-base in the place of Whisper's five, 768 wide.

    A model that uses it maps them to its own width, by a layer that is trained with the rest (`method.dsaa`).
    """

    chosen = (0, 3, 6, 9, 12)

    def __init__(self, model: Wav2Vec2Model) -> None:
        self.name = "wav2vec2"
        self.module = model.eval().requires_grad_(False)

    @torch.no_grad()
    def states(self, samples: Samples) -> Tensor:
        """See SpeechEncoder. Its 49.95 states a second are put on the 50-Hz grid by linear interpolation."""
        wave = torch.from_numpy(np.ascontiguousarray(samples, np.float32))
        wave = (wave - wave.mean()) / (wave.var(correction=0) + 1e-7).sqrt()  # over the whole file, as the mel is
        parts = []
        step = SEGMENT_SECONDS * SAMPLE_RATE
        for start in range(0, max(len(wave), 1), step):
            segment = wave[start : start + step]
            count = len(segment) * STATE_RATE // SAMPLE_RATE
            if count == 0 and start > 0:
                break
            segment = nn.functional.pad(segment, (0, max(SHORTEST_WAVE - len(segment), 0))).to(self.device)
            output = self.module(segment[None], output_hidden_states=True)
            layers = torch.stack([output.hidden_states[k] for k in self.chosen], dim=2)[0]  # (n, 5, 768)
            parts.append(_to_length(layers.float(), max(count, 1)))
        return torch.cat(parts)


def load_speech_encoder(name: str) -> SpeechEncoder:
    """The encoder `name`, in evaluation mode, float32, on the CPU.

    Errors: InputError for an unknown name, damaged files, or a hub that cannot be reached.
    """
    if name not in ENCODERS:
        raise InputError(f"There is no speech encoder {name!r}: choose one of {', '.join(ENCODERS)}.")
    return ENCODERS[name](name)


def _shipped(name: str) -> SpeechEncoder:
    folder = ASSETS / name
    config = json.loads((folder / "config.json").read_text()) if (folder / "config.json").is_file() else {}
    return WhisperSpeech(name, build_whisper(config, load_int8(folder)))


def _whisper(name: str) -> SpeechEncoder:
    config, state = _from_hub(name)
    prefix = "model.encoder." if any(key.startswith("model.encoder.") for key in state) else "encoder."
    encoder = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    return WhisperSpeech(name, build_whisper(config, encoder))


ENCODERS: dict[str, Callable[[str], SpeechEncoder]] = {
    SHIPPED: _shipped,
    "whisper-tiny": _whisper,
    "wav2vec2": lambda name: Wav2Vec2Speech(build_wav2vec2(*_from_hub(name))),
}
"""Names that `load_speech_encoder` accepts, the shipped one first, and what loads each."""


def build_whisper(config: dict[str, Any], state: dict[str, Tensor]) -> WhisperEncoder:
    """A WhisperEncoder with the given weights, by transformers' names in both.

    The positions may be missing (they are sinusoids); the final norm is not used.

    Errors: InputError when weights and configuration do not fit.
    """
    names = {
        "d_model": "width", "encoder_layers": "blocks", "encoder_attention_heads": "heads", "encoder_ffn_dim": "hidden",
        "num_mel_bins": "bands", "max_source_positions": "positions",
    }  # fmt: skip
    sizes = {"width": WIDTH, "blocks": LAYERS - 1} | {names[key]: config[key] for key in names if key in config}
    if (sizes["width"], sizes["blocks"]) != (WIDTH, LAYERS - 1):
        raise InputError("This is not a Whisper-tiny encoder: its width must be 384 and its layers 4.")
    encoder = WhisperEncoder(**sizes)
    used = {key: value for key, value in state.items() if not key.startswith("layer_norm.")}
    _assign(encoder, {"embed_positions.weight": encoder.embed_positions.weight} | used)
    return encoder


def build_wav2vec2(config: dict[str, Any], state: dict[str, Tensor]) -> Wav2Vec2Model:
    """transformers' Wav2Vec2Model with the given weights; heads of other tasks are left out.

    Errors: InputError when weights and configuration do not fit.
    """
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    model = Wav2Vec2Model(Wav2Vec2Config(**config))
    if model.config.num_hidden_layers < max(Wav2Vec2Speech.chosen):
        raise InputError("This wav2vec2 has too few layers: use the base model.")
    own = model.state_dict()
    renamed = {
        # torch renamed the two factors of a weight-normalised kernel.
        key.removeprefix("wav2vec2.")
        .replace("weight_g", "parametrizations.weight.original0")
        .replace("weight_v", "parametrizations.weight.original1"): value
        for key, value in state.items()
    }
    _assign(model, {"masked_spec_embed": own["masked_spec_embed"]} | {k: v for k, v in renamed.items() if k in own})
    return model


def _assign(module: nn.Module, state: dict[str, Tensor]) -> None:
    try:
        module.load_state_dict({key: value.float() for key, value in state.items()}, assign=True)
    except RuntimeError as error:
        raise InputError("The speech encoder's weights do not fit its configuration: download them again.") from error


def _to_length(states: Tensor, count: int) -> Tensor:
    """(n, layers, width) -> (count, layers, width), repeating the last state: none looks past its own window."""
    length = len(states)
    # State k covers the 400 samples from 320 k on, half a hop later than the grid's.
    places = (torch.arange(count, device=states.device) - (SHORTEST_WAVE - 320) / 2 / 320).clamp(0, length - 1)
    low = places.floor().long()
    high = (low + 1).clamp(max=length - 1)
    share = (places - low)[:, None, None]
    return states[low] * (1 - share) + states[high] * share


def _from_hub(name: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Configuration and weights of an encoder, from the local cache or the hub."""
    folder = download(SPEECH_REPOSITORIES[name])
    try:
        config = json.loads((folder / "config.json").read_text())
    except ValueError as error:
        raise InputError(f"The speech encoder in {folder} is damaged: delete it and fetch it again.") from error
    return config, load_state(folder)
