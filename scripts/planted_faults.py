"""Plant faults in rendered clips and count which of them `vivid data prepare` finds.

    python -m vivid synthesize people --out clips --count 8 --seconds 5.3 --size 320 --split held-out
    python scripts/planted_faults.py clips planted

Every clip goes in as it is and with one fault at a time; the table says, for each filter, how many of those that it
named had its fault (precision) and how many that had it were named (recall). Offsets of the sound count as found when
they are mended to within one frame.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vivid import cli
from vivid.config import FPS
from vivid.data.prepare import load_records
from vivid.data.record import Record
from vivid.media.sound import load_speech
from vivid.media.video import VideoWriter, read_frames
from vivid.speech.types import Speech

Frames = NDArray[np.uint8]
Fault = Callable[[Frames, Frames], Frames]
LINES = ("and this is what she told them", "before anybody came home", "it was far too late by then", "so we went on")
FILTER_OF = {
    "subtitles": "subtitles", "blur": "motion_blur", "shaking": "motion_blur", "small": "resolution", "cut": "length",
    "two": "one_person", "late3": "sync", "late5": "sync", "late10": "sync", "early5": "sync", "other": "sync",
}  # fmt: skip
"""Fault -> the filter that should find it."""
SHIFTS = {"late3": 3, "late5": 5, "late10": 10, "early5": -5}


def subtitles(frames: Frames, other: Frames) -> Frames:
    """Lines that change, white on black edges, as they are burnt in."""
    out = frames.copy()
    height, width = out.shape[1:3]
    for index, frame in enumerate(out):
        line, scale = LINES[index * len(LINES) // len(out)], width / 640
        (wide, _), _ = cv2.getTextSize(line, cv2.FONT_HERSHEY_DUPLEX, scale, 1)
        at = ((width - wide) // 2, round(0.92 * height))
        for colour, thick in (((0, 0, 0), 4), ((255, 255, 255), 1)):
            cv2.putText(frame, line, at, cv2.FONT_HERSHEY_DUPLEX, scale, colour, thick, cv2.LINE_AA)
    return out


def blur(frames: Frames, other: Frames) -> Frames:
    """Every frame blurred across by a thirtieth of the width."""
    return np.stack([cv2.blur(frame, (frame.shape[1] // 30, 1)) for frame in frames])


def shaking(frames: Frames, other: Frames) -> Frames:
    """Every other half second blurred, in one direction or the other."""
    out, wide = frames.copy(), frames.shape[2] // 25
    for index in range(len(out)):
        if index // 12 % 2:
            out[index] = cv2.blur(out[index], (wide, 1) if index // 24 % 2 else (1, wide))
    return out


def small(frames: Frames, other: Frames) -> Frames:
    """The person far away: the picture at a third of its size, within a still frame."""
    side = frames.shape[1] // 3 // 2 * 2
    out = np.full_like(frames, 127)
    corner = (frames.shape[1] - side) // 2
    for frame, source in zip(out, frames, strict=True):
        frame[corner : corner + side, corner : corner + side] = cv2.resize(source, (side, side), None, 0, 0, 3)
    return out


def cut(frames: Frames, other: Frames) -> Frames:
    """Another person's scene from the middle on."""
    half = len(frames) // 2
    return np.concatenate([frames[:half], other[half : len(frames)]])


def two(frames: Frames, other: Frames) -> Frames:
    """Another person beside the first."""
    count = min(len(frames), len(other))
    return np.concatenate([frames[:count], other[:count]], 2)


FAULTS: dict[str, Fault] = {f.__name__: f for f in (subtitles, blur, shaking, small, cut, two)}


def shifted(samples: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """The sound moved later by so many frames; silence where none is left."""
    moved, by = np.zeros_like(samples), frames * 16000 // FPS
    if by >= 0:
        moved[by:] = samples[: len(samples) - by]
    else:
        moved[:by] = samples[-by:]
    return moved


def plant(clips: list[Path], folder: Path) -> Iterator[str]:
    """Write every clip with every fault as NAME-FAULT.mp4; yields the names of what was written."""
    for number, path in enumerate(clips):
        other = clips[(number + 1) % len(clips)]
        frames, beside = (np.stack(list(read_frames(each))) for each in (path, other))
        samples, strange = load_speech(path).samples, load_speech(other).samples
        for fault in ("none", *FILTER_OF):
            target = folder / f"{path.stem}-{fault}.mp4"
            if target.exists():
                continue
            seen = FAULTS[fault](frames, beside) if fault in FAULTS else frames
            heard = strange if fault == "other" else shifted(samples, SHIFTS.get(fault, 0))
            with VideoWriter(target, (seen.shape[2], seen.shape[1]), speech=Speech(heard)) as writer:
                writer.write(seen)
            yield target.name


def fault_of(record: Record) -> str:
    """What was planted in the clip of a record."""
    return Path(record.source).stem.rpartition("-")[2]


def named_by(record: Record) -> set[str]:
    """The filters that found something in a clip."""
    return set(record.dropped) | set(record.mended)


def offset_found(record: Record) -> bool:
    """Whether the planted offset of the sound was measured to within a frame."""
    return abs(record.measures.get("lips_offset", 99) - SHIFTS[fault_of(record)]) <= 1


def table(records: list[Record]) -> str:
    """Markdown: precision and recall of each filter, and how well offsets were found."""
    lines = ["| filter | planted | named | precision | recall |", "|---|---|---|---|---|"]
    for name in sorted(set(FILTER_OF.values())):
        videos = {record.source for record in records if FILTER_OF.get(fault_of(record)) == name}
        named = {record.source for record in records if name in named_by(record)}
        right = len(videos & named)
        precision = f"{right / len(named):.2f}" if named else "-"
        lines.append(f"| {name} | {len(videos)} | {len(named)} | {precision} | {right / max(len(videos), 1):.2f} |")
    moved = [record for record in records if fault_of(record) in SHIFTS and "lips_offset" in record.measures]
    clean = [record for record in records if fault_of(record) == "none"]
    lines += ["", f"{sum(record.kept for record in clean)} of {len(clean)} clips without a fault are kept."]
    if moved:
        lines.append(f"{sum(map(offset_found, moved))} of {len(moved)} offsets are found to within a frame.")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Plant, prepare, count."""
    clips, folder = Path(sys.argv[1]), Path(sys.argv[2])
    footage, out = folder / "footage", folder / "out"
    footage.mkdir(parents=True, exist_ok=True)
    for name in plant(sorted(clips.glob("*.mp4")), footage):
        print(name, flush=True)
    cli.main(["data", "prepare", str(footage), "--out", str(out), "--no-fetch", *sys.argv[3:]])
    records = list(load_records(out))
    wrong = [r for r in records if named_by(r) - {FILTER_OF.get(fault_of(r), "")}]
    for record in wrong:
        print(record.source, json.dumps(record.dropped | record.mended))
    print(table(records))


if __name__ == "__main__":
    main()
