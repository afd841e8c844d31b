"""The seam behind which videos are made: one protocol for every generator, and the registry of generators.

The pipeline, the page and the commands know nothing about a generator beyond this module: what it can do
(`Capabilities`), how it takes one video's inputs (`Generator.prepare`) and how the frames come out (`Session.frames`).
A new generator is one new folder and one line in the registry.
"""

from __future__ import annotations

from collections.abc import Generator as Stream
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ..config import ResolvedSettings, RunSettings
from ..events import Step
from ..pose.regions import Boxes
from ..pose.skeleton import Pose, PoseClip
from ..speech.types import Speech

if TYPE_CHECKING:
    import torch

Frames = NDArray[np.uint8]
"""Finished pictures (n, H, W, 3), RGB."""


@dataclass(frozen=True)
class Capabilities:
    """What a page or a command must know about a generator; nothing here needs its weights.

    portraits: what it was made for; size_multiple: widths and heights are multiples of it; largest_side: in pixels;
    steps: its default number of sampling steps, None where there are none; most_steps: the most that it takes;
    guidance: its default scales (audio, image), None where there are none; switches: ablations that change something
    ("head_stream", "lip_stream", "codebook", "calibrate"); seeded: whether the seed changes the video; untrained: parts
    without trained weights, which stay at zero effect; instant: whether `Session.frame` draws any frame in a fraction
    of a second; size: its own width and height, None where they follow the portrait's; speech_encoder: the encoder
    whose states it reads; takes_layers: whether its sampling may start from layered frames
    (`RunSettings.from_layers`).
    """

    name: str
    portraits: Literal["any", "rendered"]
    size_multiple: int
    largest_side: int
    steps: int | None
    most_steps: int | None
    guidance: tuple[float, float] | None
    switches: tuple[str, ...]
    seeded: bool
    untrained: tuple[str, ...]
    instant: bool
    size: tuple[int, int] | None = None
    speech_encoder: str = "whisper-tiny.en"
    takes_layers: bool = False


@dataclass(frozen=True)
class Inputs:
    """Portrait and motion of one video of T frames, on the video's canvas (W, H).

    picture: (H, W, 3) RGB and its pose; head_box: (4,); clip: the calibrated, looped poses of all T frames; crops:
    (2, 256, 256, 3) of the hands from the portrait at its own resolution, left then right; crops_present: (2,);
    motion: the raw clip at 24 frames a second on its own canvas, not looped; positions: (T,), where in `motion` each
    frame lies (`pose.library.loop_positions`).
    """

    picture: NDArray[np.uint8]
    pose: Pose
    head_box: Boxes
    clip: PoseClip
    crops: NDArray[np.uint8]
    crops_present: NDArray[np.bool_]
    motion: PoseClip
    positions: NDArray[np.float64]


class Session(Protocol):
    """One video in the making. Two sessions of one generator share no state that a frame depends on."""

    size: tuple[int, int]
    notices: tuple[str, ...]
    """Sentences for the user: which parts of the portrait stay still, and why."""
    still: tuple[bool, bool]
    """Whether the left arm and the right arm stay as photographed."""

    def frames(self) -> Stream[Step | Frames, None, None]:
        """Steps of work before frames are finished, and blocks of finished frames in order, T in all.

        Closing the iterator stops within one step.
        """
        ...

    def frame(self, index: int) -> NDArray[np.uint8]:
        """Frame `index` (H, W, 3) of the video; only where `Capabilities.instant`."""
        ...


class Generator(Protocol):
    """Makes frames from a portrait, a speech and a calibrated motion."""

    capabilities: Capabilities

    @property
    def device(self) -> str:
        """Where it computes, such as "cpu" or "cuda:0"."""
        ...

    def resolve(self, settings: RunSettings, portrait_size: tuple[int, int]) -> ResolvedSettings:
        """The settings with this generator's own values where none were given. Errors: InputError for a value it does
        not accept (a size, a number of steps), in a sentence that says what it accepts (`settings.resolve`)."""
        ...

    def prepare(self, inputs: Inputs, speech: Speech, settings: ResolvedSettings) -> Session:
        """One video of len(inputs.clip) frames with resolved settings. Errors: InputError for portraits it refuses."""
        ...

    def measure_speed(self) -> None:
        """Time a short piece of work, so that `expected_seconds` has an estimate before the first run."""
        ...

    def expected_seconds(self, frames: int, settings: ResolvedSettings) -> float | None:
        """What a video of `frames` frames with resolved settings will take on this machine, from the last run or a
        short measurement; None before either."""
        ...

    def reconstruct_hands(self, crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What its hand codebook makes of hand crops (N, 256, 256, 3), same shape; only where `Capabilities.switches`
        names the codebook."""
        ...


GENERATORS = {"layered": "LayeredGenerator"}
"""Generators that come without a model folder: `NAME/generator.py` and the class in it."""


def ready() -> tuple[str, ...]:
    """Names that `load_generator` loads without a download; those made for a GPU only where there is one."""
    from ..weights.hub import FULL_MODELS, is_present, needs_gpu

    names = [*GENERATORS, *(name for name in ("compact", *FULL_MODELS) if is_present(name))]
    if any(map(needs_gpu, names)):
        import torch

        if not torch.cuda.is_available():
            names = [name for name in names if not needs_gpu(name)]
    return tuple(names)


def capabilities_of(name: str | Path) -> Capabilities:
    """What `load_generator(name)` will be able to do, from its files alone. Errors: InputError."""
    if str(name) in GENERATORS:
        return _shipped(str(name)).capabilities
    from ..weights.hub import model_folder
    from ..weights.store import read_info

    info = read_info(model_folder(name))
    if info.refines_layers:
        from .refined import generator as refined

        return refined.capabilities_of(info)
    from .diffusion import generator as diffusion

    return diffusion.capabilities_of(info)


def _shipped(name: str) -> type[Generator]:
    found: type[Generator] = getattr(import_module(f"{__name__}.{name}.generator"), GENERATORS[name])
    return found


def load_generator(
    name: str | Path = "layered", device: str | torch.device | None = None, dtype: torch.dtype | None = None
) -> Generator:
    """The generator `name`: one of GENERATORS, "compact", "full" or a model folder.

    device and dtype are for networks and default to the best this machine has. Errors: InputError.
    """
    if str(name) in GENERATORS:
        return _shipped(str(name))()
    from ..weights.hub import model_folder
    from ..weights.store import read_info

    folder = model_folder(name)
    if read_info(folder).refines_layers:
        from .refined.generator import RefinedGenerator

        return RefinedGenerator.load(folder, device, dtype)
    from .diffusion.generator import DiffusionGenerator

    return DiffusionGenerator.load(name, device, dtype)
