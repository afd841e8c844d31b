"""A stand-in for the model, quick and deterministic, so that the page can be tested without networks."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image

from vivid.config import FPS, RunSettings
from vivid.errors import InputError
from vivid.events import Done, Result, Step
from vivid.generators import Capabilities, Inputs
from vivid.generators.settings import resolve
from vivid.media.sound import write_wav
from vivid.media.video import VideoWriter
from vivid.pipeline import VividPipeline
from vivid.pose.detect import DetectedPose
from vivid.pose.portrait import Portrait
from vivid.pose.skeleton import Pose, PoseClip
from vivid.speech.types import Speech
from vivid.ui.context import Context, make_context
from vivid.ui.engine import Engine
from vivid.ui.guard import GuardedBlocks
from vivid.ui.options import ServerOptions
from vivid.ui.page import build_page, launch_arguments
from vivid.ui.previews import Previews

SIZE = (128, 128)


class FakePipeline:
    """Answers like VividPipeline; a "video" is the portrait, shrunk.

    `pause` seconds pass in every step; none begins while `go` is cleared.
    """

    device = "cpu"

    def __init__(
        self, pause: float = 0.0, untrained: tuple[str, ...] = (), fail: Exception | None = None, steps: int = 8
    ) -> None:
        self.pause, self.fail = pause, fail
        trained = tuple(name for name in ("head_stream", "codebook") if name not in untrained)
        self.capabilities = Capabilities(
            name="fake",
            portraits="rendered",
            size_multiple=64,
            largest_side=1024,
            steps=steps,
            most_steps=1000 if steps > 1 else 1,
            guidance=(2.5, 2.5),
            switches=(*trained, "calibrate"),
            seeded=steps > 1,
            untrained=untrained,
            instant=False,
            size=SIZE,
        )
        self.seconds_a_step = 0.001
        self.generator = self
        self.go = threading.Event()
        self.go.set()
        self.running = 0
        self.most_running = 0
        self.steps_done = 0

    def reconstruct_hands(self, crops: np.ndarray) -> np.ndarray:
        """The crops, a little darker."""
        return (crops * 0.9).astype(np.uint8)

    def resolve(self, settings: RunSettings, portrait_size: tuple[int, int]) -> RunSettings:
        """As every generator does."""
        return resolve(self.capabilities, settings, SIZE)

    def expected_seconds(
        self, frames: int, settings: RunSettings, portrait_size: tuple[int, int] = SIZE
    ) -> float | None:
        """So much for every frame and step; None before anything was measured."""
        steps = self.resolve(settings, SIZE).steps or 1
        return frames * steps * self.seconds_a_step if self.seconds_a_step else None

    def animate(
        self, portrait: Portrait, speech: Speech, motion: PoseClip, settings: RunSettings, output: Path,
        calibrated: Any = None,
    ) -> Iterator[Any]:  # fmt: skip
        """Steps with a preview, then a real mp4 with sound."""
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            if self.fail is not None:
                raise self.fail
            total = settings.steps or 8
            picture = np.ascontiguousarray(portrait.image[: SIZE[1], : SIZE[0]])
            picture = np.pad(picture, ((0, SIZE[1] - picture.shape[0]), (0, SIZE[0] - picture.shape[1]), (0, 0)))
            for done in range(1, total + 1):
                time.sleep(self.pause)
                self.go.wait(60)
                self.steps_done += 1
                yield Step(done, total, "denoise", (total - done) * self.pause, picture)
            frames = min(speech.frames, 24)
            with VideoWriter(output, SIZE, FPS, Speech(speech.samples[: frames * 16000 // 24])) as writer:
                writer.write(np.repeat(picture[None], frames, 0))
            report = calibrated[1].to_dict() if calibrated else None
            can = self.capabilities
            settings_used = self.resolve(settings, SIZE).to_dict()
            yield Done(
                Result(output, frames, FPS, 0.1, settings.seed, can.name, can.untrained, 0, settings_used, report)
            )
        finally:
            self.running -= 1


class FakeLook:
    """A generator for previews, at once: frame i is the portrait with a patch that tells i and the seed.

    `refusal`: a sentence it refuses every portrait with; `made`: how many videos were prepared.
    """

    device = "cpu"
    capabilities = Capabilities(
        name="look", portraits="any", size_multiple=2, largest_side=1920, steps=None, most_steps=None, guidance=None,
        switches=("calibrate",), seeded=True, untrained=(), instant=True,
    )  # fmt: skip

    def __init__(self) -> None:
        self.refusal: str | None = None
        self.notices: tuple[str, ...] = ()
        self.still = (False, False)
        self.made = 0

    def resolve(self, settings: RunSettings, portrait_size: tuple[int, int]) -> RunSettings:
        """As every generator does."""
        return resolve(self.capabilities, settings, portrait_size)

    def prepare(self, inputs: Inputs, speech: Speech, settings: RunSettings) -> Any:
        """A session of these inputs."""
        if self.refusal is not None:
            raise InputError(self.refusal)
        self.made += 1

        def frame(index: int) -> np.ndarray:
            picture = inputs.picture.copy()
            height, width = picture.shape[:2]
            picture[: height // 4, : width // 4] = (5 * index) % 256, 60 * settings.seed % 256, 128
            return picture

        size = (settings.width, settings.height)
        return SimpleNamespace(size=size, notices=self.notices, still=self.still, frame=frame)


def standing_pose(width: int, height: int, scale: float = 1.0) -> Pose:
    """An upright person in the middle of a picture, both hands before the belly; `scale` 1 fills the picture."""
    body, hands, face = (np.zeros(shape, np.float32) for shape in ((18, 3), (2, 21, 3), (68, 3)))
    span = 0.36 * width * scale
    middle, top = width / 2, height * (0.5 - 0.38 * scale)

    def put(points: np.ndarray, index: int, x: float, y: float) -> None:
        points[index] = (middle + x * span, top + y * span, 1.0)

    joints = {0: (0, 0.35), 1: (0, 1.0), 2: (-0.5, 1.0), 3: (-0.62, 1.7), 4: (-0.3, 2.0), 5: (0.5, 1.0), 6: (0.62, 1.7)}
    joints |= {7: (0.3, 2.0), 8: (-0.3, 2.3), 11: (0.3, 2.3), 14: (-0.1, 0.25), 15: (0.1, 0.25)}
    joints |= {16: (-0.22, 0.3), 17: (0.22, 0.3)}
    for index, (x, y) in joints.items():
        put(body, index, x, y)
    for index in range(68):
        angle = 2 * np.pi * index / 68
        put(face, index, 0.22 * np.cos(angle), 0.35 + 0.3 * np.sin(angle))
    for side, x in ((0, 0.3), (1, -0.3)):
        for finger in range(5):
            for joint in range(4):
                put(hands[side], 1 + 4 * finger + joint, x + 0.05 * (finger - 2), 2.05 + 0.05 * (joint + 1))
        put(hands[side], 0, x, 2.0)
    return Pose(body, hands, face, (width, height))


def waving_clip(frames: int = 48) -> PoseClip:
    """A clip of the standing person on another canvas whose right hand goes up and down."""
    pose = standing_pose(400, 400)
    body = np.repeat(pose.body[None], frames, 0)
    hands = np.repeat(pose.hands[None], frames, 0)
    lift = 40 * np.sin(np.linspace(0, 4 * np.pi, frames)).astype(np.float32)
    body[:, 4, 1] -= lift
    hands[:, 1, :, 1] -= lift[:, None]
    return PoseClip(body, hands, np.repeat(pose.face[None], frames, 0), pose.canvas)


def detect_standing(image: np.ndarray, detector: str = "auto") -> DetectedPose:
    """In the place of detect_picture: a person in every colourful picture, nobody in a grey one."""
    if image.std() < 1:
        raise InputError("No person was found in the picture: use one that shows head, shoulders and arms.")
    return DetectedPose(standing_pose(image.shape[1], image.shape[0]), (), "fake")


def detect_waving(frames: Iterable[np.ndarray], *args: Any) -> tuple[PoseClip, SimpleNamespace]:
    """In the place of detect_frames: the waving person in any video that can be decoded."""
    return waving_clip(sum(1 for _ in frames)), SimpleNamespace(notices=())


def write_portrait(path: Path, side: int = 512, seed: int = 0) -> Path:
    """A colourful picture file."""
    noise = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


def write_voice(path: Path, seconds: float = 1.0) -> Path:
    """A tone as a WAV file."""
    samples = 0.3 * np.sin(2 * np.pi * 220 * np.arange(int(seconds * 16000)) / 16000)
    write_wav(path, Speech(samples.astype(np.float32)))
    return path


@dataclass
class Server:
    """A page that runs, its address and what is behind it."""

    url: str
    context: Context
    pipeline: FakePipeline
    look: FakeLook
    page: GuardedBlocks


@contextlib.contextmanager
def serve(folder: Path, pipeline: FakePipeline | None = None, **options: Any) -> Iterator[Server]:
    """The page on a free port, with the fakes in the place of the model and of what draws previews."""
    pipeline, look = pipeline or FakePipeline(), FakeLook()
    previews = Previews(lambda: VividPipeline(look))
    chosen = ServerOptions(data=folder / "data", decisions=folder / "decisions", **options)
    context = make_context(chosen, Engine(lambda: pipeline), previews)  # type: ignore[arg-type, return-value]
    page = build_page(context)
    arguments = launch_arguments(chosen) | {"allowed_paths": [], "quiet": True, "inline": False}
    _app, url, _share = page.launch(prevent_thread_lock=True, **arguments)
    context.engine.start()
    try:
        yield Server(url, context, pipeline, look, page)
    finally:
        page.close()
        context.visitors.close()
