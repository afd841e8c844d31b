"""The clips of a test set: a folder of videos, a list of stretches of longer videos, or EMTD's list.

A list is a CSV file. Ours has the columns `video` and, for a stretch of it, `start` and `end` (seconds or H:M:S). That
of EMTD (EchoMimicV2's test set) has `URL`, `Start Timecode`, `End Timecode`: each video is looked for by its id, and
three of its frames are left out at both ends, as in its authors' script. Nothing is downloaded here.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlparse

from ..errors import InputError
from ..media.cut import cut_video
from ..media.video import probe
from ..pose.clips import save_clip
from ..pose.detect import detect_video
from ..training.clips import LIMITS

VIDEOS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v")
EMTD_MARGIN = 3
"""Frames left out at both ends of a stretch of EMTD."""


@dataclass(frozen=True)
class Stretch:
    """One clip to be: a video, or its part from `start` to `end` in seconds; less `margin` frames at both ends."""

    name: str
    video: Path
    start: float | None = None
    end: float | None = None
    margin: int = 0


def read_test_set(source: Path, videos: Path | None = None) -> tuple[list[Stretch], list[str]]:
    """The clips that a folder or a list names, and a sentence for each that is not there.

    videos: where a list's videos lie (default: beside it). Errors: InputError.
    """
    if source.is_dir():
        found = sorted(path for path in source.rglob("*") if path.suffix.lower() in VIDEOS)
        if not found:
            raise InputError(f"There are no videos in {source}: name a folder with MP4 files, or a list of them.")
        return [Stretch(path.stem, path) for path in found], []
    if not source.is_file():
        raise InputError(f"There is no test set at {source}: name a folder of videos or a list of them (CSV).")
    with source.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    columns = set(rows[0]) if rows else set()
    if not ({"video"} <= columns or {"URL", "Start Timecode", "End Timecode"} <= columns):
        raise InputError(
            f"{source.name} is no list of clips: its first line names the columns video, start, end, or EMTD's URL, "
            "Start Timecode, End Timecode."
        )
    folder = source.parent if videos is None else videos
    stretches, missing = [], []
    for number, row in enumerate(rows, 1):
        emtd = "URL" in row
        title = _video_id(row["URL"]) if emtd else row["video"]
        path = _find(folder, title)
        if path is None:
            missing.append(f"{title} (line {number + 1}) is not in {folder}: download it first.")
            continue
        start, end = (
            seconds_of(row.get(column) or "", f"{source.name}, line {number + 1}")
            for column in (("Start Timecode", "End Timecode") if emtd else ("start", "end"))
        )
        name = path.stem if start is None and end is None else f"{path.stem}-{number:03d}"
        stretches.append(Stretch(name, path, start, end, EMTD_MARGIN if emtd else 0))
    if not stretches:
        raise InputError(f"None of the videos of {source.name} is in {folder}: name their folder with --videos.")
    return stretches, missing


def _video_id(address: str) -> str:
    """The name that a video of the list has on disk: its id."""
    return parse_qs(urlparse(address).query).get("v", [Path(urlparse(address).path).name])[0]


def _find(folder: Path, title: str) -> Path | None:
    if not re.fullmatch(r"[\w\-. /]+", title) or ".." in title:
        return None
    names = [title, *(title + ending for ending in VIDEOS)]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def seconds_of(text: str, where: str = "the list") -> float | None:
    """ "75.5", "1:15.5" or "00:01:15.500" in seconds; None for nothing. Errors: InputError."""
    if not text.strip():
        return None
    if not re.fullmatch(r"(\d+:){0,2}\d+(\.\d+)?", text.strip()):
        raise InputError(f"{text!r} ({where}) is no time: write seconds, or hours:minutes:seconds.")
    total = 0.0
    for part in text.strip().split(":"):
        total = total * 60 + float(part)
    return total


def ready_clip(
    stretch: Stretch, folder: Path, detector: str = "auto", report: Callable[[str], None] = lambda text: None
) -> Path:
    """The video of a clip with its poses beside it, cut and detected in `folder` where that has not been done.

    A whole video with labels beside it is used where it lies. Errors: InputError.
    """
    whole = stretch.start is None and stretch.end is None
    if whole and stretch.video.with_suffix(".npz").is_file():
        return stretch.video
    folder.mkdir(parents=True, exist_ok=True)
    clip = folder / f"{stretch.name}.mp4"
    if not clip.is_file():
        report(f"cutting {stretch.name}")
        _cut(stretch, clip)
    poses = clip.with_suffix(".npz")
    if not poses.is_file():
        report(f"looking for the person in {stretch.name}")
        save_clip(detect_video(clip, detector, limits=LIMITS)[0], poses)
    return clip


def _cut(stretch: Stretch, clip: Path) -> None:
    room = stretch.margin / (probe(stretch.video, LIMITS).fps or 24.0)
    start, end = stretch.start, stretch.end
    if room:
        start = (start or 0.0) + room
    cut_video(stretch.video, clip, start, None if end is None else end - room, limits=LIMITS)


@dataclass(frozen=True)
class Reference:
    """One reference portrait and what is known of who it shows, such as age, gender, skin tone."""

    picture: Path
    groups: dict[str, str]


def read_references(source: Path) -> list[Reference]:
    """Reference portraits: a folder of pictures, or a CSV file with the column `file` and one for each group."""
    if source.is_dir():
        endings = (".png", ".jpg", ".jpeg", ".webp")
        found = sorted(path for path in source.iterdir() if path.suffix.lower() in endings)
        if not found:
            raise InputError(f"There are no pictures in {source}: name a folder with PNG or JPEG files.")
        return [Reference(path, {}) for path in found]
    if not source.is_file():
        raise InputError(f"There are no portraits at {source}: name a folder of pictures or a list of them (CSV).")
    with source.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or "file" not in rows[0]:
        raise InputError(
            f"{source.name} is no list of portraits: its first line names the columns file, age, gender, ..."
        )
    references = []
    for row in rows:
        picture = source.parent / row["file"]
        if not picture.is_file():
            raise InputError(f"{source.name} names {row['file']}, which is not beside it: correct the list.")
        references.append(Reference(picture, {k: (v or "").strip() for k, v in row.items() if k and k != "file"}))
    return references


def balance(references: Sequence[Reference]) -> tuple[str, list[str]]:
    """A Markdown table of how many portraits each group and each combination of groups has, and what is out of balance.

    Balanced (the paper: "uniformly stratified by age, gender, and skin tone") means that no two groups of one kind, and
    no two combinations, differ by more than one portrait; combinations that nobody has count as 0.
    """
    kinds = list(references[0].groups) if references else []
    if not kinds:
        return "", ["The portraits have no groups: list them in a CSV file with file, age, gender, skin_tone."]
    lines, complaints = ["| | group | portraits |", "|---|---|---|"], []
    values = {kind: sorted({reference.groups[kind] for reference in references}) for kind in kinds}
    for kind in kinds:
        counts = {value: sum(r.groups[kind] == value for r in references) for value in values[kind]}
        lines += [f"| {kind} | {value or '(none given)'} | {count} |" for value, count in counts.items()]
        complaints += _uneven(kind, {value or "(none given)": count for value, count in counts.items()})
    cells = {"": 0}
    for kind in kinds:
        cells = {f"{cell}, {value}".lstrip(", "): 0 for cell in cells for value in values[kind]}
    for reference in references:
        cells[", ".join(reference.groups[kind] for kind in kinds).lstrip(", ")] += 1
    if len(kinds) > 1:
        complaints += _uneven("combinations", cells)
    return "\n".join(lines) + "\n", complaints


def _uneven(kind: str, counts: dict[str, int]) -> list[str]:
    most, least = max(counts, key=lambda k: counts[k]), min(counts, key=lambda k: counts[k])
    if counts[most] - counts[least] <= 1:
        return []
    return [f"{kind}: {most} has {counts[most]} portraits and {least} {counts[least]}."]
