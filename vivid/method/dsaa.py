"""DSAA, the dual-stream audio-aware module (paper, section 3.2.1).

The lip stream gives every token of a frame the frame's own 50 speech tokens; the head stream gives the tokens of the
head (M_head) the rhythm of the speech, pooled and made compact by a light projection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .attention import KeyValue, KeyValues, MaskedCrossAttention, attend

AUDIO_TOKENS = 50
"""Speech tokens a frame (paper, section 3.2.1: T)."""
AUDIO_DIM = 384
"""Width of a speech token (D)."""
HEAD_WINDOW = 24
"""Audio frames, about a second, that the head stream pools over (F)."""
SUMMARY = 8
"""Features that sum up what one frame's speech tokens say about the face."""


def pool_rhythm(audio: Tensor, frames: Iterable[int], window: int = HEAD_WINDOW) -> Tensor:
    """What the head stream reads for some frames: the mean over the `window` audio frames around each.

    audio: (T, 50, 384) of the whole speech, whichever frames are being denoised -> (n, 50, 384). At the ends the mean
    is over the frames that exist.
    """
    half = window // 2
    return torch.stack([audio[max(0, frame - half) : frame - half + window].float().mean(0) for frame in frames])


def stream_tokens(
    tokens: Callable[[range], Tensor], frames: range, total: int, window: int = HEAD_WINDOW
) -> tuple[Tensor, Tensor]:
    """What the lip stream and the head stream read for some frames of a speech: two (n, 50, 384).

    tokens: gives the speech features (m, 50, 384) of any m of the `total` frames; only those needed are asked for.
    """
    half = window // 2
    needed = range(max(0, frames.start - half), min(total, frames.stop - half + window - 1))
    audio = tokens(needed)
    own = range(frames.start - needed.start, frames.stop - needed.start)
    return audio[own.start : own.stop], pool_rhythm(audio, own, window)


class AudioKeyValues(NamedTuple):
    """Keys and values of both streams; None for a stream that needs none."""

    lip: KeyValues | None
    head: KeyValues | None


class AudioTokens(nn.Module):
    """Normalises speech tokens and adds their positions (0 to 49); for models that learn their audio from scratch.

    Each token also carries a summary of all 50: `SUMMARY` linear features of the frame's whole window, fitted once to
    what faces do (`training.audio.fit_summary`) and then fixed. Cross-attention would find the same after many thousand
    steps; this way it only has to read it. The summary is zero, and so without effect, until it is fitted.
    """

    summary: Tensor
    summary_mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(AUDIO_DIM)
        self.position = nn.Parameter(0.02 * torch.randn(AUDIO_TOKENS, AUDIO_DIM))
        self.spread = nn.Linear(SUMMARY, AUDIO_DIM, bias=False)
        self.register_buffer("summary", torch.zeros(SUMMARY, AUDIO_TOKENS * AUDIO_DIM))
        self.register_buffer("summary_mean", torch.zeros(SUMMARY))

    def forward(self, tokens: Tensor) -> Tensor:
        """(..., 50, 384) -> the same."""
        plain = nn.functional.layer_norm(tokens, self.norm.normalized_shape)
        features = plain.flatten(-2) @ self.summary.T - self.summary_mean
        return plain * self.norm.weight + self.norm.bias + self.position + self.spread(features)[..., None, :]


class DualStreamAudio(nn.Module):
    """DSAA outside of the blocks: from speech tokens to what the two streams attend to, and the projection G.

    embed_tokens: tokens are normalised, numbered and summed up first (`AudioTokens`); head_dim: width after G;
    head_window: audio frames over which the rhythm is averaged (`stream_tokens`); speech_width: of the speech encoder's
    tokens; where it is not 384, a linear layer that keeps silence at zero maps it to 384.
    """

    def __init__(
        self, embed_tokens: bool, head_dim: int, head_window: int = HEAD_WINDOW, speech_width: int = AUDIO_DIM
    ) -> None:
        super().__init__()
        self.head_window, self.speech_width = head_window, speech_width
        self.speech_projection = nn.Linear(speech_width, AUDIO_DIM, bias=False) if speech_width != AUDIO_DIM else None
        self.embedding = AudioTokens() if embed_tokens else None
        self.head_projection = nn.Sequential(
            nn.LayerNorm(AUDIO_DIM), nn.Linear(AUDIO_DIM, head_dim), nn.SiLU(), nn.Linear(head_dim, head_dim)
        )

    def lip_tokens(self, audio: Tensor) -> Tensor:
        """Speech tokens (..., 50, speech_width) -> what the lip stream attends to (..., 50, 384)."""
        if self.speech_projection is not None:
            audio = self.speech_projection(audio)
        return audio if self.embedding is None else self.embedding(audio)

    def head_tokens(self, rhythm: Tensor) -> Tensor:
        """Pooled speech tokens (..., 50, speech_width) -> what the head stream attends to (..., 50, head_dim)."""
        tokens: Tensor = self.head_projection(self.lip_tokens(rhythm))
        return tokens


class HeadStream(MaskedCrossAttention):
    """The head stream of one block: the tokens inside M_head attend to the rhythm."""


def lip_stream(attention: Any, states: Tensor, tokens: KeyValue | None, scale: float) -> Tensor:
    """The lip stream of one block: all tokens attend to their frame's speech tokens; None is silence.

    states: (B * F, tokens, C), normalised; returns what the stream adds, which broadcasts to the same shape.
    """
    if tokens is None:  # attention to zero values is zero: only the bias of its output remains
        silence: Tensor = scale * attention.to_out[0].bias
        return silence
    return scale * attend(attention, states, *tokens)
