"""Rendering in several processes: one OpenGL context each, finished files are skipped, progress is yielded."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ..errors import InputError
from ..workers import Processes, run_jobs
from .basemesh import ASSETS

if TYPE_CHECKING:
    from .render import Renderer

DIED = "the processes that rendered it died: look into the system's log"


class _Job:
    path: Path
    endings: ClassVar[tuple[str, ...]] = ()
    """Of the files that it writes beside each other, where there are several."""

    def done(self) -> bool:
        """Whether its files exist: each is renamed into place when it is complete."""
        return all(self.path.with_suffix(ending).exists() for ending in self.endings or (self.path.suffix,))


@dataclass(frozen=True)
class PeopleJob(_Job):
    """One clip to render; see `people.make_clip`."""

    endings = (".mp4", ".npz")
    path: Path  # without suffix
    identity: Path
    seed: int
    size: int
    seconds: float
    fps: float
    split: str
    fixed_camera: float
    head_motion: float

    def work(self, renderer: Renderer) -> None:
        """Renders and writes the clip."""
        from .people import make_clip, write_clip

        frames, labels, performance = make_clip(
            renderer, self.identity, self.seed, self.seconds, self.fps, split=self.split,
            fixed_camera=self.fixed_camera, head_motion=self.head_motion,
        )  # fmt: skip
        write_clip(self.path, frames, labels, performance, self.fps)


@dataclass(frozen=True)
class HandsJob(_Job):
    """One shard of hand crops; see `hands.write_hand_shard`."""

    path: Path
    identities: tuple[Path, ...]
    seed: int
    size: int
    count: int
    context: float

    def work(self, renderer: Renderer) -> None:
        """Renders and writes the shard."""
        from .hands import write_hand_shard

        write_hand_shard(renderer, self.path, list(self.identities), self.seed, self.count, self.context)


@dataclass(frozen=True)
class ClothesJob(_Job):
    """One shard of people in random clothes; see `parts.write_part_shard`."""

    path: Path
    identities: tuple[Path, ...]
    seed: int
    count: int
    size: int = 256

    def work(self, renderer: Renderer) -> None:
        """Renders and writes the shard."""
        from .parts import PartRenderer, write_part_shard

        assert isinstance(renderer, PartRenderer)
        write_part_shard(renderer, self.path, list(self.identities), self.seed, self.count)


@dataclass(frozen=True)
class PortraitJob(_Job):
    """One portrait; see `portraits.render_portrait`."""

    endings = (".jpg", ".npz")
    path: Path  # without suffix
    identity: Path
    size: int

    def work(self, renderer: Renderer) -> None:
        """Renders and writes the portrait."""
        from .portraits import render_portrait, write_portrait

        write_portrait(self.path, *render_portrait(renderer, self.identity))


@dataclass(frozen=True)
class MotionJob(_Job):
    """One gesture clip that ships, with its moving thumbnail; see `motions.make_motion`. Needs no renderer."""

    endings = (".npz", ".webp")
    path: Path  # .npz
    identity: Path
    name: str
    seed: int

    def work(self, renderer: Renderer | None) -> None:
        """Plays the script and writes clip and thumbnail."""
        from ..pose.clips import save_clip
        from ..pose.thumbnail import thumbnail
        from .motions import SCRIPTS, make_motion

        clip = make_motion(SCRIPTS[self.name], self.identity, self.seed)
        save_clip(clip, self.path, step=1 / 8)
        thumbnail(clip, self.path.with_suffix(".webp"))


@dataclass(frozen=True)
class VoiceJob(_Job):
    """One example voice; see `example_voices.write_voice`. Needs no renderer."""

    path: Path  # .mp3
    name: str

    def work(self, renderer: Renderer | None) -> None:
        """Speaks and writes."""
        from .example_voices import VOICES, write_voice

        write_voice(self.path, VOICES[self.name])


RenderJob = PeopleJob | HandsJob | ClothesJob | PortraitJob | MotionJob | VoiceJob

_renderers: dict[tuple[str, int], Renderer] = {}


def identity_files(folder: Path = ASSETS, chosen: Sequence[int] | None = None) -> list[Path]:
    """Baked identities of a folder in order, or those with the chosen seeds."""
    files = {int(p.stem): p for p in sorted(folder.glob("[0-9]*.npz"))}
    if not files:
        raise InputError(f"There are no baked people in {folder}: bake some with `python -m vivid.synthesis.bake`.")
    missing = [k for k in chosen or () if k not in files]
    if missing:
        raise InputError(f"There is no baked person {missing[0]}: choose from {min(files)} to {max(files)}.")
    return [files[k] for k in chosen] if chosen else list(files.values())


def run_job(job: RenderJob) -> None:
    """Does one job in this process; the renderer is kept for the next job of the same kind and size."""
    if isinstance(job, MotionJob | VoiceJob):
        job.work(None)
        return
    key = (type(job).__name__, job.size)
    if key not in _renderers:
        from .render import Renderer

        if isinstance(job, HandsJob):
            _renderers[key] = Renderer(job.size, job.size * 5 // 4, detail=True)
        elif isinstance(job, ClothesJob):
            from .parts import PartRenderer

            _renderers[key] = PartRenderer()
        elif isinstance(job, PortraitJob):
            _renderers[key] = Renderer(job.size, job.size * 2, shadow=1024)
        else:
            _renderers[key] = Renderer(job.size, job.size * 3 // 2)  # the best quality for its cost
    job.work(_renderers[key])


class Rendering:
    """A worker that renders, for `vivid.workers`. Made in the process that it runs in, whose threads it limits."""

    def __init__(self) -> None:
        import cv2

        cv2.setNumThreads(1)
        os.environ["LP_NUM_THREADS"] = "0"  # llvmpipe's own threads would cost half the time

    def run(self, jobs: Sequence[RenderJob]) -> list[str]:
        """Do the jobs; a sentence where one cannot be done."""
        return [self._said(job) for job in jobs]

    @staticmethod
    def _said(job: RenderJob) -> str:
        try:
            run_job(job)
        except InputError as error:
            return str(error)
        return ""


def render(jobs: Sequence[RenderJob], workers: int) -> Iterator[tuple[int, int]]:
    """Do the jobs that are not done yet, in processes of their own; yields (done, total) at the start and after each
    job. Errors: InputError."""
    waiting = [job for job in jobs if not job.done()]
    done = len(jobs) - len(waiting)
    yield done, len(jobs)
    if not waiting:
        return
    with closing(Processes(Rendering, min(workers, len(waiting)), 1)) as pool:
        for _, said in run_jobs(((job,) for job in waiting), pool, lambda job: f"{job.path.name}: {DIED}"):
            if said:
                raise InputError(said)
            done += 1
            yield done, len(jobs)
