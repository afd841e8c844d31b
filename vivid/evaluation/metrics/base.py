"""What a metric is, what it sees of a video, and how it says that it was not measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...config import FPS
from ...pose.portrait import Portrait
from ...pose.skeleton import PoseClip
from ...speech.types import Speech

if TYPE_CHECKING:
    from ..mouth import MouthReader
    from .networks import Networks

Frames = NDArray[np.uint8]
Features = NDArray[np.floating]

Level = Literal["frame pair", "video", "set of videos"]
Direction = Literal["higher", "lower"]


class NotMeasuredError(Exception):
    """A metric has no value here; the sentence says why, and what to do about it where something can be done."""


class MissingNetworkError(NotMeasuredError):
    """The network that a metric looks with is not here: once it is, the video can be measured."""


@dataclass(frozen=True)
class Gallery:
    """Rendered people by `people.embeddings`: one vector each around `mean`, and which of them this clip shows."""

    vectors: dict[int, NDArray[np.float32]]
    mean: NDArray[np.float32]
    own: int


@dataclass(frozen=True)
class Labels:
    """Exact labels of a rendered clip: where hands, mouth and the still rest are, how open the mouth is, and who it is.

    hands, mouth: (T, H, W) bool; still: (H, W) bool; openness: (T); reader: of this person's mouth, if there were
    training clips to fit one.
    """

    hands: NDArray[np.bool_]
    mouth: NDArray[np.bool_]
    still: NDArray[np.bool_]
    openness: NDArray[np.floating]
    gallery: Gallery | None = None
    reader: MouthReader | None = None


@dataclass(frozen=True, eq=False)
class Sample:
    """One finished video as metrics see it: T frames (T, H, W, 3), RGB.

    truth: the recorded frames of the same person and motion, same shape; poses: what a detector finds in `frames`, in
    their pixels; portrait: the reference picture; speech: what is said. Each may be missing. first: frames before it
    are the portrait itself and left out where frames are compared with the truth. known: what metrics of one family
    compute once for all of them.
    """

    frames: Frames
    truth: Frames | None = None
    poses: PoseClip | None = None
    portrait: Portrait | None = None
    speech: Speech | None = None
    labels: Labels | None = None
    fps: float = FPS
    first: int = 0
    known: dict[str, Any] = field(default_factory=dict, repr=False)

    def pair(self) -> tuple[Frames, Frames]:
        """Frames and truth to be compared. Errors: NotMeasuredError."""
        if self.truth is None:
            raise NotMeasuredError("it compares with a recording of the same person, and there is none")
        if self.truth.shape != self.frames.shape:
            raise NotMeasuredError(
                f"the video is {_shape(self.frames)} and the recording {_shape(self.truth)}: make them alike"
            )
        return self.frames[self.first :], self.truth[self.first :]

    def found(self) -> PoseClip:
        """The detected poses. Errors: NotMeasuredError."""
        if self.poses is None:
            raise NotMeasuredError("the detector found nobody in the video")
        return self.poses

    def exact(self) -> Labels:
        """The labels. Errors: NotMeasuredError."""
        if self.labels is None:
            raise NotMeasuredError("it needs the exact labels of clips made by `vivid synthesize people`")
        return self.labels


def _shape(frames: Frames) -> str:
    return f"{len(frames)} frames of {frames.shape[2]} x {frames.shape[1]}"


@dataclass(frozen=True)
class Metric:
    """One number about videos.

    key: in files and options; name: in tables; direction: whether higher or lower is better, None where neither is;
    meaning: what exactly is measured, in one sentence; needs: networks it looks with (keys of `networks.NETWORKS`,
    which say how to get packages and weights); compares: with recordings, which then have no such number of their own.

    compute: (Sample, Networks) -> float where the level is "frame pair" or "video", averaged over clips; of a set of
    videos (features of each made clip, features of each true clip) -> float, with `features`: (Sample, Networks) ->
    (N, D). Both raise NotMeasuredError.
    """

    key: str
    name: str
    unit: str
    direction: Direction | None
    level: Level
    meaning: str
    compute: Callable[[Any, Any], float]
    features: Callable[[Sample, Networks], Features] | None = None
    needs: tuple[str, ...] = ()
    compares: bool = False

    @property
    def arrow(self) -> str:
        """The direction as tables show it."""
        return {"higher": "↑", "lower": "↓", None: ""}[self.direction]


Sets = Sequence[Features]
"""Features of each clip, (N_i, D) each."""
