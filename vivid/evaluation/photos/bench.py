"""Pairs of portrait, voice and motion through the command line, measured one by one; what is done is kept."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ... import __version__
from ...config import FPS
from ...errors import InputError
from ...inputs import load_motion, load_portrait, load_speech
from ...media.outputs import write_png, write_text
from ...media.provenance import read_provenance, sha256_of
from .background import measure_background
from .face import measure_face
from .hands import measure_hands
from .mouth import measure_mouth
from .observer import Observer, look
from .video import Video, load_video

COLUMNS = {
    "hand_found": "hands found ↑",
    "hand_error": "hand error ↓",
    "hand_confidence": "hand confidence ↑",
    "hand_sharpness": "hand sharpness →1",
    "face_found": "face found ↑",
    "face_ssim": "face SSIM ↑",
    "face_ssim_worst": "worst face SSIM ↑",
    "face_sharpness": "face sharpness →1",
    "mouth_r": "mouth r ↑",
    "mouth_lag": "lag →0",
    "mouth_quiet": "open when quiet ↓",
    "mouth_loud": "open when loud ↑",
    "background_change": "background ↓",
    "seconds_per_second": "s per s ↓",
}
"""Metric -> heading, with the direction that is better; units and definitions stand with the metrics."""
LONGEST_SECONDS = 3600
"""No single video may take longer."""
SHEET_COLUMNS, SHEET_SIDE = 8, 192

Make = Callable[[Sequence[str]], subprocess.CompletedProcess[str]]


@dataclass(frozen=True)
class Combination:
    """What one video is made of; motion: a file, a folder, or the name of a clip that ships."""

    portrait: Path
    voice: Path
    motion: str

    @property
    def name(self) -> str:
        """For people and file names."""
        return "__".join((self.portrait.stem, self.voice.stem, Path(self.motion).name.split(".")[0]))


@dataclass(frozen=True)
class VideoOptions:
    """How the videos are made; None leaves the choice to the program."""

    size: str | None = None
    seconds: float | None = 3.0
    model: str | None = None
    fps: float | None = None

    def arguments(self) -> list[str]:
        """For the command line."""
        given = {"--size": self.size, "--seconds": self.seconds, "--model": self.model, "--fps": self.fps}
        return [part for name, value in given.items() if value is not None for part in (name, str(value))]


def combinations_of(
    portraits: Sequence[Path], voices: Sequence[Path], motions: Sequence[str], every: bool
) -> list[Combination]:
    """Every combination, or each portrait, voice and motion at least once, in turn."""
    if every:
        return list(itertools.starmap(Combination, itertools.product(portraits, voices, motions)))
    count = max(len(portraits), len(voices), len(motions))
    turns = [itertools.islice(itertools.cycle(each), count) for each in (portraits, voices, motions)]
    return [Combination(*parts) for parts in zip(*turns, strict=True)]  # type: ignore[arg-type]


def measure_video(video: Video, observer: Observer) -> dict[str, float]:
    """All numbers of one finished video."""
    sight = look(video, observer)
    parts = (measure_hands, measure_face, measure_mouth, measure_background)
    return {name: value for part in parts for name, value in part(video, sight).items()}


def run_bench(
    combinations: Sequence[Combination],
    options: VideoOptions,
    folder: Path,
    open_observer: Callable[[], AbstractContextManager[Observer]],
    make: Make | None = None,
) -> Iterator[dict[str, Any]]:
    """Make and measure every combination; yields its row: `name`, `model`, `notices` about its motion (an assumed
    frame rate, gaps), the numbers of COLUMNS (None: not defined), or `name` and `failed`, one sentence.

    videos/, sheets/ and rows/ in `folder` hold what is done; a row is reused while its inputs' contents, the options
    and the program's version are the same, and a failed one is tried again.
    """
    for part in ("videos", "sheets", "rows"):
        (folder / part).mkdir(exist_ok=True)
    with open_observer() as observer:
        for inputs in combinations:
            yield _row(inputs, options, folder, observer, make or _animate)


def _row(inputs: Combination, options: VideoOptions, folder: Path, observer: Observer, make: Make) -> dict[str, Any]:
    try:
        key = _key(inputs, options)
        kept = folder / "rows" / f"{inputs.name}-{key}.json"
        if kept.is_file():
            row: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
            return row
        row, frames = _made(inputs, options, folder / "videos" / f"{inputs.name}-{key}.mp4", observer, make)
        write_png(folder / "sheets" / f"{inputs.name}-{key}.png", _sheet(inputs.name, frames))
        write_text(kept, json.dumps(row, indent=1) + "\n")
        return row
    except (InputError, OSError) as error:
        return {"name": inputs.name, "failed": str(error)}


def _made(
    inputs: Combination, options: VideoOptions, path: Path, observer: Observer, make: Make
) -> tuple[dict[str, Any], NDArray[np.uint8]]:
    """Numbers of a video that is made now, and the frames of its sheet."""
    path.unlink(missing_ok=True)  # one whose measuring was interrupted
    line = ["--portrait", str(inputs.portrait), "--audio", str(inputs.voice), "--motion", inputs.motion]
    started = time.monotonic()
    done = make([*line, *options.arguments(), "--out", str(path)])
    took = time.monotonic() - started
    if done.returncode:
        raise InputError(next(iter(done.stderr.strip().splitlines()[-1:]), f"exit code {done.returncode}"))
    notices: list[str] = []
    motion = load_motion(inputs.motion, notices.append, fps=options.fps)
    video = load_video(path, load_portrait(inputs.portrait), _speech(inputs, options), motion)
    numbers = measure_video(video, observer) | {"seconds_per_second": took / (len(video.frames) / FPS)}
    rounded = {name: round(value, 4) if math.isfinite(value) else None for name, value in numbers.items()}
    row = {"name": inputs.name, "model": read_provenance(path)["model"], "frames": len(video.frames)}
    row |= {"notices": notices, **rounded}
    picks = np.linspace(0, len(video.frames) - 1, SHEET_COLUMNS).round().astype(int)
    return row, np.stack([boxed(video.frames[index], SHEET_SIDE) for index in picks])


def _animate(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """The command that a user would type, with everything it loads."""
    line = [sys.executable, "-m", "vivid", "animate", *arguments]
    root = Path(__file__).resolve().parents[3]
    try:
        return subprocess.run(line, capture_output=True, text=True, cwd=root, timeout=LONGEST_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(line, 1, "", f"The video took longer than {LONGEST_SECONDS} seconds.")


def _speech(inputs: Combination, options: VideoOptions) -> Any:
    return (
        load_speech(inputs.voice) if options.seconds is None else load_speech(inputs.voice, options.seconds, cut=True)
    )


def _key(inputs: Combination, options: VideoOptions) -> str:
    """What decides a row, in 12 digits."""
    motion = Path(inputs.motion)
    files = sorted(path for path in motion.rglob("*") if path.is_file()) if motion.is_dir() else [motion]
    parts = [sha256_of(path) for path in (inputs.portrait, inputs.voice, *files) if path.is_file()]
    text = json.dumps([__version__, inputs.motion, options.arguments(), parts])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _sheet(name: str, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Frames (T, H, W, 3) in a row, with a name on the first."""
    sheet = np.concatenate(list(frames), 1)
    for ink, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(sheet, name, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, ink, width, cv2.LINE_AA)
    return sheet


def boxed(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A picture inside a grey square, for sheets on which portraits of any shape stand side by side."""
    height, width = picture.shape[:2]
    scale = side / max(width, height)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    square = np.full((side, side, 3), 128, np.uint8)
    top, left = (side - size[1]) // 2, (side - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return square


def mean_row(rows: Sequence[dict[str, Any]]) -> dict[str, float | None]:
    """Mean of each number over the combinations that have it; the worst face is the worst of all."""
    mean: dict[str, float | None] = {}
    for name in COLUMNS:
        known = [row[name] for row in rows if row.get(name) is not None]
        pick = min if name == "face_ssim_worst" else np.mean
        mean[name] = float(pick(known)) if known else None
    return mean


def table_of(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown: a row for each combination, their mean, and the combinations that failed with their sentence."""
    good = [row for row in rows if "failed" not in row]
    lines = ["| | " + " | ".join(COLUMNS.values()) + " |", "|---|" + "---|" * len(COLUMNS)]
    for name, row in [*((row["name"], row) for row in good), ("**mean**", mean_row(good))]:
        cells = ["" if row.get(column) is None else f"{row[column]:.3g}" for column in COLUMNS]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += [f"\n{row['name']}: {notice}" for row in good for notice in row.get("notices", ())]
    lines += [f"\n{row['name']} failed: {row['failed']}" for row in rows if "failed" in row]
    return "\n".join(lines) + "\n"
