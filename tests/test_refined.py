"""The refined generator: layered frames, and what the networks add to them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.dummies import DummySpeech, dummy_generator, dummy_refiner
from tests.test_generators import layered, pictures
from tests.test_pipeline import tone
from vivid.errors import InputError
from vivid.generators import load_generator
from vivid.generators.refined.generator import RefinedGenerator
from vivid.generators.refined.refiner import FrameRefiner
from vivid.pipeline import VividPipeline
from vivid.weights.store import save_model


@pytest.mark.parametrize("size", [(256, 256), (300, 400)])
def test_untrained_networks_leave_the_layered_frames_as_they_are(size: tuple[int, int]) -> None:
    harness = layered()
    settings = dataclasses.replace(harness.settings, width=size[0], height=size[1])
    alone = pictures(harness.session(3, settings))
    harness.pipeline = VividPipeline(dummy_refiner(trained=False))
    np.testing.assert_array_equal(pictures(harness.session(3, settings)), alone)


def test_above_the_training_size_the_difference_is_scaled_up(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = layered()
    settings = dataclasses.replace(harness.settings, width=512, height=640)
    alone = pictures(harness.session(2, settings)).astype(int)
    harness.pipeline = VividPipeline(dummy_refiner(trained=False))
    seen = []

    def brighter(vae, denoiser, small, hand_maps, conditions):  # type: ignore[no-untyped-def]
        seen.append((tuple(small.shape), tuple(hand_maps.shape), tuple(conditions.head_mask.shape)))
        return small + 0.1, None

    monkeypatch.setattr("vivid.generators.refined.refiner.refine", brighter)
    made = pictures(harness.session(2, settings)).astype(int)
    assert seen[0] == ((1, 3, 320, 256), (1, 3, 320, 256), (1, 1, 40, 32))
    dark = alone < 240
    np.testing.assert_array_equal((made - alone)[dark], 13)


def test_networks_are_not_told_of_hands_that_stay_still() -> None:
    harness = layered()
    inputs = harness.pipeline.prepare(harness.portrait, tone(3), harness.motion, harness.settings).inputs
    models = dummy_refiner(trained=False).models
    told = []
    for still in ((False, False), (True, False), (True, True)):
        refiner = FrameRefiner(
            models, inputs, lambda frames: torch.zeros(len(frames), 50, 384), harness.settings, still
        )
        one = range(1, 2)
        conditions, hands = refiner.conditioner.window(one), refiner.conditioner.hand_maps(one)
        told.append((int(conditions.hand_mask.sum()), float(hands.sum())))
    assert told[0][0] > told[1][0] > told[2][0] == 0
    assert told[0][1] > told[1][1] > told[2][1] == 0


def test_a_folder_says_that_its_model_refines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = dummy_refiner(trained=True)
    save_model(generator.models, generator.info, tmp_path, quantise=True)
    monkeypatch.setattr("vivid.generators.refined.generator.load_speech_encoder", DummySpeech)
    loaded = load_generator(tmp_path, "cpu")
    assert isinstance(loaded, RefinedGenerator) and loaded.info == generator.info
    assert (loaded.capabilities.name, loaded.capabilities.untrained) == ("refined", ("motion",))


def test_other_networks_are_refused() -> None:
    other = dummy_generator()
    with pytest.raises(InputError, match="not made to refine"):
        RefinedGenerator(other.models, other.speech_encoder, other.info)
