"""Plant faults, and things near them that are none, in rendered clips; count what `vivid data prepare` makes of them.

    python -m vivid synthesize people --out clips --count 6 --seconds 5.3 --size 320 --split held-out
    python scripts/planted_faults.py clips planted

Every clip goes in as it is, with one fault at a time, and with one near-miss at a time. The table says, for each
filter, how many of those that it named had its fault (precision) and how many that had it were named (recall), and how
many clips without any fault it named, near-misses among them. Offsets of the sound count as found when they are mended
to within one frame.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vivid import cli
from vivid.config import FPS
from vivid.data.prepare import load_records
from vivid.data.record import ClipRecord
from vivid.media.sound import load_speech
from vivid.media.video import VideoWriter, read_frames
from vivid.pose.skeleton import NECK
from vivid.speech.types import Speech
from vivid.synthesis.labels import SUBPIXEL

Frames = NDArray[np.uint8]


@dataclass(frozen=True)
class Scene:
    """A rendered clip: frames (T, H, W, 3), sound, and boxes (T, 4), (T, 2, 4) and neck (T, 2) in pixels."""

    frames: Frames
    samples: NDArray[np.float32]
    head: NDArray[np.floating]
    hands: NDArray[np.floating]
    neck: NDArray[np.floating]

    @classmethod
    def load(cls, path: Path) -> Scene:
        """A clip of `vivid synthesize people`, with its labels."""
        with np.load(path.with_suffix(".npz"), allow_pickle=False) as labels:
            head, hands, points = (labels[name] / SUBPIXEL for name in ("head_box", "hand_box", "kp"))
        return cls(np.stack(list(read_frames(path))), load_speech(path).samples, head, hands, points[:, NECK])


Change = Callable[[Scene, Scene], Frames]
LINES = ("and this is what she told them", "before anybody came home", "it was far too late by then", "so we went on")
FILTER_OF = {
    "subtitles": "subtitles", "blur": "motion_blur", "shaking": "motion_blur", "small": "resolution", "cut": "length",
    "two": "one_person", "late3": "sync", "late5": "sync", "late10": "sync", "early5": "sync", "other": "sync",
}  # fmt: skip
"""Fault -> the filter that should find it."""
NEAR = {
    "sign": "subtitles", "logo": "subtitles", "shirt": "subtitles", "pan": "motion_blur", "moment": "motion_blur",
    "rescaled": "motion_blur", "nearer": "resolution", "flash": "length", "lamp": "length", "shoulder": "one_person",
    "poster": "one_person", "late1": "sync", "early1": "sync", "noise": "sync",
}  # fmt: skip
"""Near-miss -> the filter that might take it for its fault, and should not."""
SHIFTS = {"late3": 3, "late5": 5, "late10": 10, "early5": -5, "late1": 1, "early1": -1}


def write_on(frame: Frames, text: str, middle: tuple[float, float], scale: float, edge: bool = True) -> None:
    """White letters, on black edges as they are burnt in or without."""
    (wide, high), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, scale, 1)
    at = (round(middle[0] - wide / 2), round(middle[1] + high / 2))
    for colour, thick in (((0, 0, 0), 4), ((245, 245, 245), 1))[0 if edge else 1 :]:
        cv2.putText(frame, text, at, cv2.FONT_HERSHEY_DUPLEX, scale, colour, thick, cv2.LINE_AA)


def subtitles(scene: Scene, other: Scene) -> Frames:
    """Lines that change."""
    out = scene.frames.copy()
    height, width = out.shape[1:3]
    for index, frame in enumerate(out):
        write_on(frame, LINES[index * len(LINES) // len(out)], (width / 2, 0.91 * height), width / 640)
    return out


def blur(scene: Scene, other: Scene) -> Frames:
    """Every frame blurred across by a thirtieth of the width."""
    return np.stack([cv2.blur(frame, (frame.shape[1] // 30, 1)) for frame in scene.frames])


def shaking(scene: Scene, other: Scene) -> Frames:
    """Every other half second blurred, in one direction or the other."""
    out, wide = scene.frames.copy(), scene.frames.shape[2] // 25
    for index in range(len(out)):
        if index // 12 % 2:
            out[index] = cv2.blur(out[index], (wide, 1) if index // 24 % 2 else (1, wide))
    return out


def reduced(frames: Frames, share: float) -> Frames:
    """The picture at a share of its size, within a still frame."""
    side = round(frames.shape[1] * share) // 2 * 2
    out = np.full_like(frames, 127)
    corner = (frames.shape[1] - side) // 2
    for frame, source in zip(out, frames, strict=True):
        small = cv2.resize(source, (side, side), interpolation=cv2.INTER_AREA)
        frame[corner : corner + side, corner : corner + side] = small
    return out


def small(scene: Scene, other: Scene) -> Frames:
    """The person far away."""
    return reduced(scene.frames, 1 / 3)


def cut(scene: Scene, other: Scene) -> Frames:
    """Another person's scene from the middle on."""
    half = len(scene.frames) // 2
    return np.concatenate([scene.frames[:half], other.frames[half : len(scene.frames)]])


def two(scene: Scene, other: Scene) -> Frames:
    """Another person beside the first."""
    count = min(len(scene.frames), len(other.frames))
    return np.concatenate([scene.frames[:count], other.frames[:count]], 2)


def sign(scene: Scene, other: Scene) -> Frames:
    """Large letters on the wall beside the head."""
    out = scene.frames.copy()
    side = out.shape[1]
    x = scene.head[:, 0].min() / 2
    for frame in out:
        for number, word in enumerate(("OPEN", "DAY", "2026")):
            write_on(frame, word, (x, side * (0.12 + 0.1 * number)), side / 500)
    return out


def logo(scene: Scene, other: Scene) -> Frames:
    """A channel's name in the lower right corner, half transparent."""
    out = scene.frames.copy()
    height, width = out.shape[1:3]
    for frame in out:
        marked = frame.copy()
        write_on(marked, "NEWS 24", (0.86 * width, 0.94 * height), width / 640)
        frame[:] = cv2.addWeighted(marked, 0.7, frame, 0.3, 0)
    return out


def shirt(scene: Scene, other: Scene) -> Frames:
    """Words printed on the clothes: they move with the body, and hands pass in front of them."""
    out, side = scene.frames.copy(), scene.frames.shape[1]
    for index, frame in enumerate(out):
        before = frame.copy()
        x, y = scene.neck[index]
        write_on(frame, "SURF CLUB", (x, y + 0.22 * side), side / 640, edge=False)
        for x0, y0, x1, y1 in np.clip(scene.hands[index], 0, side).astype(int):
            frame[y0:y1, x0:x1] = before[y0:y1, x0:x1]
    return out


def pan(scene: Scene, other: Scene) -> Frames:
    """A camera that turns slowly: the picture moves by 12 % of its width, each frame blurred along its way."""
    side = scene.frames.shape[1]
    inner, way = round(0.88 * side) // 2 * 2, 0.12 * side
    out = np.empty((len(scene.frames), inner, inner, 3), np.uint8)
    for index, frame in enumerate(scene.frames):
        at = way * index / len(scene.frames)
        steps = [np.float32([[1, 0, -at - part], [0, 1, -(side - inner) / 2]]) for part in (0, 0.5, 1)]
        moved = [cv2.warpAffine(frame, step, (inner, inner)).astype(float) for step in steps]
        out[index] = np.mean(moved, 0).round()
    return out


def moment(scene: Scene, other: Scene) -> Frames:
    """A strong blur, but for half a second."""
    out, middle = scene.frames.copy(), len(scene.frames) // 2
    for frame in out[middle : middle + 12]:
        frame[:] = cv2.blur(frame, (frame.shape[1] // 25, 1))
    return out


def rescaled(scene: Scene, other: Scene) -> Frames:
    """Made three quarters as large and enlarged again."""
    side = scene.frames.shape[1]
    low = [cv2.resize(frame, None, None, 0.75, 0.75, cv2.INTER_AREA) for frame in scene.frames]
    return np.stack([cv2.resize(frame, (side, side), interpolation=cv2.INTER_CUBIC) for frame in low])


def nearer(scene: Scene, other: Scene) -> Frames:
    """The person a little farther away."""
    return reduced(scene.frames, 0.85)


def flash(scene: Scene, other: Scene) -> Frames:
    """A photographer's flash, twice: two frames nearly white."""
    out = scene.frames.copy()
    for at in (len(out) // 3, len(out) // 2):
        for frame, strength in zip(out[at : at + 2], (0.85, 0.5), strict=True):
            frame[:] = cv2.addWeighted(frame, 1 - strength, np.full_like(frame, 255), strength, 0)
    return out


def lamp(scene: Scene, other: Scene) -> Frames:
    """From the middle on there is less light, within four frames."""
    half = len(scene.frames) // 2
    light = np.interp(np.arange(len(scene.frames)), (half, half + 4), (1, 0.6))
    return np.stack([cv2.convertScaleAbs(f, None, float(s)) for f, s in zip(scene.frames, light, strict=True)])


def shoulder(scene: Scene, other: Scene) -> Frames:
    """Somebody's shoulder at the edge for a second and a half, the head out of the picture."""
    out, side = scene.frames.copy(), scene.frames.shape[1]
    x, y = other.neck[0].astype(int)
    body = other.frames[0][y - side // 12 :, x : x + side // 3]
    begin, count = len(out) // 3, 36
    for index, frame in enumerate(out[begin : begin + count]):
        seen = round(0.2 * side * np.sin(np.pi * (index + 1) / (count + 1)))
        piece = body[: side - y, ::-1][:, -seen:] if seen else body[:0]
        frame[side - len(piece) :, side - piece.shape[1] :] = piece
    return out


def poster(scene: Scene, other: Scene) -> Frames:
    """A portrait of somebody on the wall."""
    out = scene.frames.copy()
    x0, y0, x1, y1 = (other.head[0] + (-12, -12, 12, 12)).clip(0, out.shape[1]).astype(int)
    wide = int(min(scene.head[:, 0].min(), (x1 - x0) * 0.7)) - 8
    face = cv2.resize(other.frames[0][y0:y1, x0:x1], (wide, wide * (y1 - y0) // (x1 - x0)), None, 0, 0, 3)
    out[:, 8 : 8 + len(face), 4 : 4 + wide] = face
    return out


CHANGES: dict[str, Change] = {
    f.__name__: f
    for f in (subtitles, blur, shaking, small, cut, two, sign, logo, shirt, pan, moment, rescaled, nearer, flash, lamp,
              shoulder, poster)
}  # fmt: skip


def heard(scene: Scene, other: Scene, change: str) -> NDArray[np.float32]:
    """The sound of a changed clip: another's, moved, or with the noise of a room 15 dB below it."""
    if change == "other":
        return other.samples
    if change == "noise":
        level = np.sqrt(np.mean(scene.samples**2)) * 10 ** (-15 / 20)
        noise = np.random.default_rng(0).normal(0, level, len(scene.samples))
        return (scene.samples + noise).clip(-1, 1).astype(np.float32)
    moved, by = np.zeros_like(scene.samples), SHIFTS.get(change, 0) * 16000 // FPS
    if by >= 0:
        moved[by:] = scene.samples[: len(moved) - by]
    else:
        moved[:by] = scene.samples[-by:]
    return moved


def plant(clips: list[Path], folder: Path) -> Iterator[str]:
    """Write every clip with every change as NAME-CHANGE.mp4; yields the names of what was written."""
    for number, path in enumerate(clips):
        scene, other = Scene.load(path), Scene.load(clips[(number + 1) % len(clips)])
        for change in ("none", *FILTER_OF, *NEAR):
            target = folder / f"{path.stem}-{change}.mp4"
            if target.exists():
                continue
            seen = CHANGES[change](scene, other) if change in CHANGES else scene.frames
            size = (seen.shape[2], seen.shape[1])
            with VideoWriter(target, size, speech=Speech(heard(scene, other, change))) as writer:
                writer.write(seen)
            yield target.name


def change_of(record: ClipRecord) -> str:
    """What was planted in the clip of a record."""
    return Path(record.source).stem.rpartition("-")[2]


def named_by(record: ClipRecord) -> set[str]:
    """The filters that found something in a clip."""
    return set(record.dropped) | set(record.mended)


def offset_found(record: ClipRecord) -> bool:
    """Whether the planted offset of the sound was measured to within a frame."""
    return abs(record.measures.get("lips_offset", 99) - SHIFTS[change_of(record)]) <= 1


def table(records: list[ClipRecord]) -> str:
    """Markdown: precision and recall of each filter, what it made of clips without faults, and how well offsets were
    found."""
    lines = [
        "| filter | faults | named | precision | recall | near-misses named | other clips without fault named |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in sorted(set(FILTER_OF.values())):
        videos = {record.source for record in records if FILTER_OF.get(change_of(record)) == name}
        near = {record.source for record in records if NEAR.get(change_of(record)) == name}
        sound = {record.source for record in records if change_of(record) not in FILTER_OF} - near
        named = {record.source for record in records if name in named_by(record)}
        right = len(videos & named)
        precision = f"{right / len(named):.2f}" if named else "-"
        lines.append(
            f"| {name} | {len(videos)} | {len(named)} | {precision} | {right / max(len(videos), 1):.2f} | "
            f"{len(near & named)} of {len(near)} | {len(sound & named)} of {len(sound)} |"
        )
    moved = [record for record in records if change_of(record) in FILTER_OF.keys() & SHIFTS.keys()]
    moved = [record for record in moved if "lips_offset" in record.measures]
    clean = [record for record in records if change_of(record) == "none"]
    lines += ["", f"{sum(record.kept for record in clean)} of {len(clean)} clips without a change are kept."]
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
    wrong = [r for r in records if named_by(r) - {FILTER_OF.get(change_of(r), "")}]
    for record in wrong:
        print(record.source, json.dumps(record.dropped | record.mended))
    print(table(records))


if __name__ == "__main__":
    main()
