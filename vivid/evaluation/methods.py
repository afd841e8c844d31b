"""What is compared: finished videos in a folder, generators with switches, and answers that need no generator."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import cast

import numpy as np

from .. import __version__
from ..config import RunSettings
from ..errors import InputError
from ..generators import GENERATORS
from ..media.video import read_frames
from ..pipeline import VividPipeline
from ..training.ablations import ABLATIONS
from ..training.clips import LIMITS, Clip
from ..weights.hub import FULL_MODELS, folder_of
from ..weights.store import INDEX, read_info
from .compare import Case, nearest_training_clip, still_portrait, through_latents
from .metrics.base import Frames
from .testset import VIDEOS

TRUTH = "truth"
STILL = "still portrait"
NEAREST = "nearest training clip"
LATENTS = "truth through the latents"


@dataclass(frozen=True)
class Method:
    """One row of the tables.

    frames: case -> its video; made_of: case -> what the video follows from, so that an old measurement is not taken for
    a new video's; competes: whether its numbers may be marked as best.
    """

    name: str
    frames: Callable[[Case], Frames]
    made_of: Callable[[Case], str]
    competes: bool = True


class Methods:
    """Methods from what a user writes, `NAME=WHAT` or `WHAT`, generators loaded once when they are first needed.

    WHAT: "still", "nearest", or "latents" (of the compact model; "latents,FOLDER" of another); a folder of finished
    videos, each with the name of its clip; or a generator or model folder, with ablations after commas:
    "compact,no-hcc". A model that was trained with an ablation has that row's title.
    """

    def __init__(self, out: Path, plain: RunSettings, training: list[Clip]) -> None:
        self.out, self.plain, self.training = out, plain, training
        self._pipelines: dict[str, VividPipeline] = {}

    def truth(self) -> Method:
        """The recordings themselves."""
        return Method(TRUTH, lambda case: np.array(case.clip.frames[: case.frames]), lambda case: "", competes=False)

    def parse(self, text: str) -> Method:
        """Errors: InputError."""
        name, separator, what = text.partition("=")
        what = what if separator else name
        generator, *switches = what.split(",")
        simple: dict[str, Callable[[], Method]] = {
            "still": lambda: Method(STILL, still_portrait, lambda case: "still"),
            "nearest": self._nearest,
            "latents": lambda: self._latents(switches[0] if switches else "compact"),
        }
        if generator in simple:
            method = simple[generator]()
            return replace(method, name=name) if separator else method
        folder = Path(generator)
        known = generator in (*GENERATORS, *FULL_MODELS, "compact") or (folder_of(generator) / INDEX).is_file()
        if not known and folder.is_dir():
            return self._finished(name if separator else folder.name, folder)
        if not known:
            raise InputError(
                f"{generator} is neither a generator nor a folder of videos: write NAME=FOLDER, or one of "
                f"{', '.join((*GENERATORS, 'compact', *FULL_MODELS))} or a model folder."
            )
        unknown = [switch for switch in switches if switch not in ABLATIONS]
        if unknown:
            raise InputError(f"There is no ablation {unknown[0]}: choose from {', '.join(ABLATIONS)}.")
        chosen = self.plain
        for switch in switches:
            chosen = replace(chosen, **ABLATIONS[switch].switches)
        own = " ".join([_title(folder_of(generator)) or folder.name, *(ABLATIONS[name].title for name in switches)])
        return self._generated(name if separator else own, generator, chosen)

    def pipeline(self, generator: str) -> VividPipeline:
        """The pipeline of a generator, loaded once."""
        if generator not in self._pipelines:
            self._pipelines[generator] = VividPipeline.from_pretrained(generator)
        return self._pipelines[generator]

    def _generated(self, name: str, generator: str, settings: RunSettings) -> Method:
        folder = self.out / "videos" / name.replace(" ", "-").replace("/", "-")

        def of(case: Case) -> RunSettings:
            # Pixels are compared with the clip's: a generator's own size would not do. Another person's portrait has
            # nothing to be compared with.
            width, height = case.portrait.size if case.own_portrait else (None, None)
            return replace(settings, width=width, height=height)

        def made_of(case: Case) -> str:
            return json.dumps([generator, of(case).to_dict(), case.frames, __version__])

        def frames(case: Case) -> Frames:
            path, note = folder / f"{case.name}.mp4", folder / f"{case.name}.json"
            if not path.exists() or not note.exists() or note.read_text() != made_of(case):
                folder.mkdir(parents=True, exist_ok=True)
                for _ in self.pipeline(generator).animate(case.portrait, case.speech, case.motion, of(case), path):
                    pass
                note.write_text(made_of(case))
            return _read(path, case)

        return Method(name, frames, made_of)

    def _finished(self, name: str, folder: Path) -> Method:
        def path_of(case: Case) -> Path:
            found = next((p for p in folder.iterdir() if p.stem == case.name and p.suffix.lower() in VIDEOS), None)
            if found is None:
                raise InputError(f"There is no {case.name}.mp4 in {folder}: name each video as its clip.")
            return found

        def made_of(case: Case) -> str:
            stat = path_of(case).stat()
            return f"{path_of(case).name} {stat.st_size} {stat.st_mtime_ns}"

        return Method(name, lambda case: _read(path_of(case), case), made_of)

    def _nearest(self) -> Method:
        if not self.training:
            raise InputError("The nearest training clip needs the training clips: name their folder with --training.")
        return Method(
            NEAREST,
            lambda case: nearest_training_clip(case, self.training),
            lambda case: " ".join(clip.name for clip in self.training),
        )

    def _latents(self, generator: str) -> Method:
        def frames(case: Case) -> Frames:
            decoded = through_latents(self.pipeline(generator), case)
            if decoded is None:
                raise InputError(f"{generator} has no autoencoder: leave its latents out.")
            return decoded

        return Method(LATENTS, frames, lambda case: f"{generator} {__version__}", competes=False)


def _title(folder: Path) -> str:
    """Of a model's row in a table of ablations, if it was trained with one."""
    return read_info(folder).ablation if (folder / INDEX).is_file() else ""


def _read(path: Path, case: Case) -> Frames:
    with closing(cast(Generator[Frames, None, None], read_frames(path, limits=LIMITS))) as stream:
        frames = list(islice(stream, case.frames))
    if len(frames) < case.frames - case.frames // 10:
        raise InputError(f"{path} has only {len(frames)} of {case.frames} frames: make it as long as the clip.")
    return np.stack(frames)
