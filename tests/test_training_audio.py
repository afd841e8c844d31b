"""Where the audio path begins: the regression of faces on speech, and the alignment of heads it rests on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.dummies import dummy_models
from vivid.method.denoiser import Denoiser
from vivid.method.dsaa import AUDIO_DIM, AUDIO_TOKENS, SUMMARY, AudioTokens
from vivid.training.audio import align_heads, face_motion, fit_summary, start_audio_tokens
from vivid.training.prepare import HEAD_POINTS, PreparedClip

LIPS = slice(48, 68)


def clip_of(speech: np.ndarray, seed: int, scene: int = 0, move_head: bool = True) -> PreparedClip:
    """A clip whose lips follow `speech` (T,), hidden in noisy tokens, under a head that moves, turns and grows."""
    rng = np.random.default_rng(seed)
    frames = len(speech)
    code = np.random.default_rng(5).normal(size=(AUDIO_TOKENS, AUDIO_DIM))
    audio = np.random.default_rng(6).normal(size=(AUDIO_TOKENS, AUDIO_DIM)) + 0.05 * rng.normal(
        size=(frames, AUDIO_TOKENS, AUDIO_DIM)
    )
    audio += 0.05 * speech[:, None, None] * code
    person = np.random.default_rng(100 + scene).normal(size=(68, 2)) * 10 + 100
    face = np.repeat(person[None], frames, 0)
    face[:, LIPS, 1] += 3 * speech[:, None]
    if move_head:
        angle, scale = rng.uniform(-0.3, 0.3, frames), rng.uniform(0.8, 1.2, frames)
        turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], -1).reshape(-1, 2, 2)
        face = np.einsum("tij,tpj->tpi", turn * scale[:, None, None], face) + rng.uniform(-9, 9, (frames, 1, 2))
    nothing = np.zeros((frames, 1, 1), bool)
    return PreparedClip(
        latents=np.zeros((frames, 4, 1, 1), np.float16),
        audio=audio.astype(np.float16),
        hand_maps=np.zeros((frames, 8, 8, 3), np.uint8),
        hand_mask=nothing,
        mouth_mask=nothing,
        head_mask=nothing[:1],
        references=np.zeros(1, np.int64),
        hand_pictures=np.zeros((1, 2, 8, 8, 3), np.uint8),
        hand_indices=np.zeros((1, 2, 1, 1), np.int16),
        hand_present=np.zeros((1, 2), bool),
        face=face.astype(np.float32),
        scene=np.array(scene),
    )


@pytest.fixture
def denoiser() -> Denoiser:
    denoiser = dummy_models().denoiser
    denoiser.dsaa.embedding = AudioTokens()
    return denoiser


def features_of(denoiser: Denoiser, clip: PreparedClip) -> np.ndarray:
    embedding = denoiser.dsaa.embedding
    assert embedding is not None
    tokens = torch.nn.functional.layer_norm(torch.from_numpy(clip.audio).float(), (AUDIO_DIM,)).flatten(1)
    return (tokens @ embedding.summary.T - embedding.summary_mean).numpy()


def test_a_head_that_moves_leaves_the_same_face() -> None:
    speech = np.random.default_rng(1).normal(size=30)
    moving, still = clip_of(speech, 1), clip_of(speech, 1, move_head=False)
    target = still.head_points[0]
    np.testing.assert_allclose(align_heads(moving.face, target), still.face, atol=1e-3)
    np.testing.assert_allclose(moving.head_points, moving.face[:, HEAD_POINTS])


def test_faces_of_several_people_are_compared_with_their_own_mean() -> None:
    speech = np.random.default_rng(1).normal(size=40)
    alone = face_motion([clip_of(speech, 1, scene=0)])
    together = face_motion([clip_of(speech, 2, scene=3), clip_of(speech, 1, scene=0)])
    np.testing.assert_allclose(together[40:], alone, atol=0.02)
    lips = together.reshape(2, 40, 68, 2)[:, :, LIPS, 1].mean(2)
    assert min(np.corrcoef(one, speech)[0, 1] for one in lips) > 0.99


def test_the_summary_hears_what_moves_faces_in_clips_it_has_not_seen(denoiser: Denoiser) -> None:
    rng = np.random.default_rng(2)
    explained = fit_summary(denoiser, [clip_of(rng.normal(size=60), seed, scene=seed % 2) for seed in range(6)])
    assert explained > 0.6
    speech = rng.normal(size=60)
    first = features_of(denoiser, clip_of(speech, 50))[:, 0]
    assert abs(np.corrcoef(first, speech)[0, 1]) > 0.9
    assert 0.5 < first.std() < 2


def test_frames_without_a_face_are_left_out(denoiser: Denoiser) -> None:
    rng = np.random.default_rng(2)
    clips = [clip_of(rng.normal(size=60), seed) for seed in range(4)]
    for clip in clips:
        clip.face[::5, 3] = np.nan
    assert np.isnan(face_motion(clips)).any(1).all(1).sum() == 4 * 12
    assert fit_summary(denoiser, clips) > 0.6
    clips[0].face[:] = np.nan
    before = denoiser.state_dict()["dsaa.embedding.summary"].clone()
    assert fit_summary(denoiser, clips[:1]) == 0.0
    assert torch.equal(denoiser.state_dict()["dsaa.embedding.summary"], before)


def test_a_summary_reaches_every_token_and_is_not_trained(denoiser: Denoiser) -> None:
    embedding = denoiser.dsaa.embedding
    assert embedding is not None
    clips = [clip_of(np.random.default_rng(seed).normal(size=40), seed) for seed in range(3)]
    start_audio_tokens(denoiser, clips)
    tokens = torch.from_numpy(clips[0].audio).float()
    before = embedding(tokens)
    # normalised over time, as attention can tell sounds apart only then
    assert abs(float(before.detach().mean())) < 0.1 and 0.5 < float(before.detach().std(0).mean()) < 2
    fit_summary(denoiser, clips)
    change = (embedding(tokens) - before).detach()
    assert float(change.abs().mean()) > 1e-3
    torch.testing.assert_close(change, change[:, :1].expand_as(change), atol=1e-4, rtol=1e-4)
    embedding(tokens).square().mean().backward()
    assert embedding.spread.weight.grad is not None and embedding.summary.grad is None
    assert {"summary", "summary_mean"} <= set(embedding.state_dict()) and len(embedding.summary) == SUMMARY


def test_a_model_without_an_audio_embedding_is_left_alone() -> None:
    denoiser = dummy_models().denoiser
    denoiser.dsaa.embedding = None
    before = {name: value.clone() for name, value in denoiser.state_dict().items()}
    clips = [clip_of(np.zeros(8), 1)]
    start_audio_tokens(denoiser, clips)
    assert fit_summary(denoiser, clips) == 0.0
    assert all(torch.equal(before[name], value) for name, value in denoiser.state_dict().items())
