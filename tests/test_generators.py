"""What every generator must do, whatever it is made of: one set of tests for all of them."""

from __future__ import annotations

import dataclasses
import gc
import os
import random
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.dummies import dummy_pipeline, dummy_refiner
from tests.test_pipeline import gestures, portrait, tone
from vivid.config import RunSettings
from vivid.errors import InputError
from vivid.events import Done, Step
from vivid.generators import Session
from vivid.generators.drawing import AHEAD, BLOCK, draw_blocks
from vivid.generators.layered import generator as layered_generator
from vivid.inputs import load_motion, load_portrait
from vivid.media.video import read_frames
from vivid.pipeline import VividPipeline
from vivid.pose.portrait import Portrait
from vivid.pose.skeleton import PoseClip


@dataclass
class Harness:
    """A generator with inputs that suit it.

    settings: quick ones, `side` x `side`; other: settings that give another video of the same length; growth: bytes
    that memory may grow by for each frame more (poses, sound, latents), well below a finished frame of 128 x 128.
    """

    pipeline: VividPipeline
    portrait: Portrait
    motion: PoseClip
    settings: RunSettings
    other: RunSettings
    side: int = 64
    growth: int = 20_000

    @cached_property
    def alone(self) -> tuple[np.ndarray, np.ndarray]:
        """The frames of ten-frame videos by `settings` and by `other`, each made by itself."""
        return pictures(self.session(10)), pictures(self.session(10, self.other))

    def session(self, frames: int, settings: RunSettings | None = None) -> Session:
        """A prepared video of so many frames."""
        return self.pipeline.prepare(self.portrait, tone(frames), self.motion, settings or self.settings).session

    def animate(self, frames: int, output: Path, settings: RunSettings | None = None) -> Iterator[Step | Done]:
        """The events of a whole run."""
        return self.pipeline.animate(self.portrait, tone(frames), self.motion, settings or self.settings, output)


def diffusion() -> Harness:
    """The dummy networks: two steps, two windows for ten frames or more."""
    settings = RunSettings(width=64, height=64, steps=2, seed=3)
    other = RunSettings(width=64, height=64, steps=3, seed=4, guidance_audio=1.0, head_stream=False, codebook=False)
    return Harness(dummy_pipeline(), portrait(), gestures(), settings, other)


def single_frames() -> Harness:
    """The same, made for one step and single frames."""
    pipeline = dummy_pipeline(window=1, overlap=0, steps=1, noise_clamp=0.0, untrained=("motion",))
    settings = RunSettings(width=64, height=64)
    return Harness(pipeline, portrait(), gestures(), settings, dataclasses.replace(settings, guidance_audio=1.0))


def layered() -> Harness:
    """The real thing on a rendered person: it is quick enough, and its networks ship."""
    person = load_portrait(Path(__file__).parents[1] / "examples" / "portraits" / "ada.jpg")
    settings = RunSettings(width=192, height=192, seed=3)
    other = dataclasses.replace(settings, seed=4, calibrate=False)
    return Harness(VividPipeline.from_pretrained("layered"), person, load_motion("wave"), settings, other, 192)


def refined() -> Harness:
    """The layers with dummies on top that change every frame."""
    real = layered()
    return dataclasses.replace(
        real,
        pipeline=VividPipeline(dummy_refiner(trained=True)),
        other=dataclasses.replace(real.settings, head_stream=False, codebook=False),
    )


HARNESSES: dict[str, Callable[[], Harness]] = {
    "diffusion": diffusion,
    "single frames": single_frames,
    "layered": layered,
    "refined": refined,
}


@pytest.fixture(scope="module", params=HARNESSES)
def harness(request: pytest.FixtureRequest) -> Harness:
    return HARNESSES[request.param]()


def pictures(session: Session) -> np.ndarray:
    """All frames of a session, (T, H, W, 3)."""
    return np.concatenate([part for part in session.frames() if not isinstance(part, Step)])


def test_events_rise_to_their_total_and_end_with_the_result(harness: Harness, tmp_path: Path) -> None:
    *steps, last = harness.animate(10, tmp_path / "video.mp4")
    assert isinstance(last, Done) and all(isinstance(step, Step) for step in steps)
    phases = list(dict.fromkeys(step.phase for step in steps))
    assert [step.phase for step in steps] == sorted((s.phase for s in steps), key=phases.index), "one after the other"
    for phase in phases:
        part = [step for step in steps if step.phase == phase]
        done = [step.done for step in part]
        assert len({step.total for step in part}) == 1
        assert done == sorted(set(done)) and done[-1] == part[-1].total
    assert all(step.seconds_left >= 0 for step in steps) and steps[-1].seconds_left == 0
    result, can = last.result, harness.pipeline.capabilities
    assert result.frames == 10 and (result.model, result.untrained) == (can.name, can.untrained)
    assert all(isinstance(notice, str) for notice in result.notices)
    assert np.stack(list(read_frames(result.path))).shape == (10, harness.side, harness.side, 3)


def test_cancelling_stops_within_one_step_and_leaves_no_file(harness: Harness, tmp_path: Path) -> None:
    for phase in ("first", "decode"):
        asked = []
        generator = harness.pipeline.generator

        class Counting(VividPipeline):
            def prepare(self, *args, **options):  # type: ignore[no-untyped-def]
                prepared = super().prepare(*args, **options)
                frames = prepared.session.frames

                def counted():  # type: ignore[no-untyped-def]
                    for part in frames():
                        asked.append(part)  # noqa: B023
                        yield part

                prepared.session.frames = counted
                return prepared

        stream = Counting(generator).animate(
            harness.portrait, tone(10), harness.motion, harness.settings, tmp_path / "x.mp4"
        )
        seen = [next(stream)]
        while phase == "decode" and seen[-1].phase != phase:
            seen.append(next(stream))
        stream.close()
        assert len(asked) == len(seen), "nothing is asked of the generator any more"
        assert not list(tmp_path.iterdir())


def test_the_same_inputs_give_the_same_frames_and_others_do_not(harness: Harness) -> None:
    frames, other = harness.alone
    assert frames.dtype == np.uint8 and frames.shape == (10, harness.side, harness.side, 3)
    assert np.array_equal(frames, pictures(harness.session(10)))
    assert not np.array_equal(frames, other)


def test_interleaved_runs_give_exactly_what_each_gives_alone(harness: Harness) -> None:
    sessions = [harness.session(10, settings) for settings in (harness.settings, harness.other)]
    streams = [session.frames() for session in sessions]
    blocks: list[list[np.ndarray]] = [[], []]
    running = [0, 1]
    while running:
        for k in list(running):
            part = next(streams[k], None)
            if part is None:
                running.remove(k)
            elif not isinstance(part, Step):
                blocks[k].append(part)
    for expected, found in zip(harness.alone, blocks, strict=True):
        assert np.array_equal(np.concatenate(found), expected)


def process_state() -> dict[str, object]:
    """What other code in this process would notice."""
    return {
        "random": random.getstate(),
        "numpy": str(np.random.get_state()),
        "torch": torch.get_rng_state().tolist(),
        "threads": (torch.get_num_threads(), cv2.getNumThreads()),
        "modes": (torch.is_grad_enabled(), torch.get_default_dtype(), torch.are_deterministic_algorithms_enabled()),
        "environment": dict(os.environ),
    }


def test_a_run_leaves_the_process_as_it_was(harness: Harness) -> None:
    next(harness.session(2).frames())  # networks that load at the first need of them are initialised at random
    before = process_state()
    assert len(pictures(harness.session(2))) == 2
    assert process_state() == before


def held() -> int:
    """Bytes of Python's memory, arrays included, and of all tensors alive that were not there before a gc.freeze()."""
    import torch

    tensors = {}
    for thing in gc.get_objects():
        if type(thing) is torch.Tensor:
            storage = thing.untyped_storage()
            tensors[storage.data_ptr()] = storage.nbytes()
    return tracemalloc.get_traced_memory()[0] + sum(tensors.values())


def test_memory_does_not_grow_with_the_length(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    # What is kept between steps has a budget of its own (tests/test_pipeline.py), which dummies do not exhaust.
    monkeypatch.setattr("vivid.generators.diffusion.conditioner.WINDOW_CACHE_BYTES", 0)
    # Frames on which threads work at a step differ from step to step; how many they may be has a test of its own.
    monkeypatch.setattr("vivid.generators.drawing.AHEAD", BLOCK)
    once = None if harness.pipeline.capabilities.steps is None else 1
    side = max(harness.side, 128)
    settings = dataclasses.replace(harness.settings, width=side, height=side, steps=once)
    pictures(harness.session(2, settings))  # whatever is kept for good is there from now on
    most = []
    gc.freeze()  # and need not be looked through each time
    tracemalloc.start()
    try:
        for frames in (12, 20):
            gc.collect()
            before = held()
            most.append(max(held() - before for _ in harness.session(frames, settings).frames()))
    finally:
        tracemalloc.stop()
        gc.unfreeze()
    assert most[1] - most[0] < (20 - 12) * harness.growth, most


def refused(harness: Harness, folder: Path, **changes: object) -> str:
    """The sentence by which settings are refused."""
    settings = dataclasses.replace(harness.settings, **changes)  # type: ignore[arg-type]
    with pytest.raises(InputError) as caught:
        next(harness.animate(10, folder / "x.mp4", settings))
    assert not list(folder.iterdir())
    return str(caught.value)


def test_settings_it_cannot_take_are_refused_in_a_sentence(harness: Harness, tmp_path: Path) -> None:
    can = harness.pipeline.capabilities
    wrong_size = {"width": can.size_multiple * 2 + 1}, {"height": can.largest_side + can.size_multiple}
    for size in wrong_size:
        assert str(can.largest_side) in refused(harness, tmp_path, **size)
    if can.most_steps is None:
        assert "no sampling steps" in refused(harness, tmp_path, steps=4)
    else:
        assert str(can.most_steps + 1) in refused(harness, tmp_path, steps=can.most_steps + 1)
    if can.guidance is None:
        assert "Guidance" in refused(harness, tmp_path, guidance_audio=2.0)
    for name in {"head_stream", "lip_stream", "codebook"} - set(can.switches + can.untrained):
        assert "leave it out" in refused(harness, tmp_path, **{name: False})
    resolved = harness.pipeline.generator.resolve(RunSettings(seed=9), harness.portrait.size)
    assert resolved.seed == 9 and resolved.width and resolved.height
    assert (resolved.steps, resolved.guidance_audio) == (can.steps, can.guidance[0] if can.guidance else None)


def test_every_size_that_it_allows_is_made(harness: Harness) -> None:
    can = harness.pipeline.capabilities
    side = -(-harness.side // can.size_multiple) * can.size_multiple
    for size in ((side, side), (3 * side, 2 * side), (side, 2 * side)):
        settings = dataclasses.replace(harness.settings, width=size[0], height=size[1])
        session = harness.session(2, settings)
        assert session.size == size and pictures(session).shape == (2, size[1], size[0], 3)


def test_a_single_frame_is_that_frame_of_the_video(harness: Harness) -> None:
    session = harness.session(10)
    for index in (7, 0) if harness.pipeline.capabilities.instant else (7,):
        assert np.array_equal(session.frame(index), harness.alone[0][index])


def test_frames_come_in_order_and_only_a_few_are_drawn_ahead() -> None:
    drawn: list[int] = []

    def draw(index: int) -> np.ndarray:
        time.sleep(0.002 * (index % 3))
        drawn.append(index)
        return np.full((2, 2, 3), index, np.uint8)

    blocks = list(draw_blocks(draw, range(5, 16)))
    assert [len(block) for block in blocks] == [BLOCK, BLOCK, 3]
    assert np.concatenate(blocks)[:, 0, 0, 0].tolist() == list(range(5, 16)) and sorted(drawn) == list(range(5, 16))
    assert list(draw_blocks(draw, range(0))) == []
    drawn.clear()
    stream = draw_blocks(draw, range(1000))
    next(stream)
    time.sleep(0.1)
    stream.close()
    assert len(drawn) <= AHEAD
    with pytest.raises(ZeroDivisionError):
        list(draw_blocks(lambda index: np.full((2, 2, 3), 1 // index, np.uint8), range(3)))


def test_the_layers_promise_follows_what_the_last_run_took(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(layered_generator, "PACE", layered_generator.Pace())
    harness = layered()
    settings, session = harness.settings, harness.session(12)
    monkeypatch.setattr(session, "_compositor", Slow(session))
    before = harness.pipeline.expected_seconds(48, settings)
    for _ in session.frames():
        pass
    after = harness.pipeline.expected_seconds(48, settings)
    assert before is not None and after is not None and after > 1.5 * before
    session.frame(0)
    assert harness.pipeline.expected_seconds(48, settings) == after, "a run knows more than a frame"


class Slow:
    """Draws nothing, slowly."""

    def __init__(self, session: Session) -> None:
        self.faces, self.size = range(12), session.size

    def frame(self, index: int) -> np.ndarray:
        """A grey frame."""
        time.sleep(0.15)
        return np.full((self.size[1], self.size[0], 3), 128, np.uint8)
