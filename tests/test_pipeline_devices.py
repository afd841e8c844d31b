"""What small machines need, on tiny networks: half precision, networks fetched when used, decoding in parts."""

import dataclasses

import numpy as np
import pytest
import torch
from test_pipeline import run

from tests.dummies import dummy_pipeline
from vivid.config import RunSettings

SETTINGS = RunSettings(width=128, height=64, steps=1, guidance_audio=1.0, guidance_image=1.0)


def preview(events) -> np.ndarray:
    """The decoded middle frame, before a video's coding blurs small differences."""
    return next(event.preview for event in events if event.preview is not None).astype(int)


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    return run(dummy_pipeline(), tmp_path_factory.mktemp("usual") / "video.mp4", settings=SETTINGS)


@pytest.mark.parametrize(("dtype", "share"), [(torch.bfloat16, 0.1), (torch.float16, 0.02)])
def test_half_precision_gives_nearly_the_same_pictures(usual, dtype, share, tmp_path):
    pipeline = dummy_pipeline()
    pipeline.generator.to(dtype=dtype)
    assert pipeline.generator.weights_dtype == dtype
    events, _ = run(pipeline, tmp_path / "video.mp4", settings=SETTINGS)
    others, _ = run(pipeline, tmp_path / "other.mp4", settings=dataclasses.replace(SETTINGS, seed=1))
    wanted = preview(usual[0])
    assert np.abs(preview(events) - wanted).mean() < share * np.abs(preview(others) - wanted).mean()


def test_offloaded_networks_give_the_same_video(usual, tmp_path):
    pipeline = dummy_pipeline()
    pipeline.generator.enable_model_cpu_offload(device="cpu")
    events, frames = run(pipeline, tmp_path / "video.mp4", settings=SETTINGS)
    assert frames.shape == usual[1].shape
    # Another copy of the networks rounds differently: a value between two grey levels may fall to either side.
    assert np.abs(preview(events) - preview(usual[0])).max() <= 1


def test_frames_are_decoded_one_by_one_or_in_tiles_when_asked(usual, tmp_path):
    pipeline = dummy_pipeline()
    vae = pipeline.generator.models.vae
    decoded = []
    vae.decoder.register_forward_hook(lambda module, inputs, out: decoded.append(out))
    run(pipeline, tmp_path / "together.mp4", settings=SETTINGS)
    together = torch.cat(decoded)
    assert max(map(len, decoded)) > 1
    decoded.clear()
    vae.enable_slicing()
    run(pipeline, tmp_path / "slices.mp4", settings=SETTINGS)
    assert {len(out) for out in decoded} == {1}
    torch.testing.assert_close(torch.cat(decoded), together, atol=1e-4, rtol=0)
    decoded.clear()
    vae.enable_tiling()
    _, frames = run(pipeline, tmp_path / "tiles.mp4", settings=SETTINGS)
    assert frames.shape == usual[1].shape and max(out.shape[-1] for out in decoded) == 64
