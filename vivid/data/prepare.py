"""Videos in, records and shards out: every clip once, in any order, by as many workers as wanted.

OUT/scenes has the cuts of every video; OUT/records/NAME.json says of every clip whether it was kept; OUT/clips holds
kept ones until they are packed; OUT/pictures shows a few frames of each. A clip whose record is there is not looked at
again, so a killed run loses the clips it was at, and the same command goes on.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..evaluation.metrics.networks import Networks
from ..media.cut import cut_video
from ..media.outputs import write_jpeg, write_text
from ..media.sound import load_speech
from ..media.video import VideoWriter, probe, read_frames
from ..pose.clips import save_clip
from ..pose.detect import detect_frames, open_detector
from ..pose.draw import strip_of
from ..pose.skeleton import PoseClip
from ..speech.encoder import SHIPPED, SpeechEncoder, load_speech_encoder
from ..speech.states import save_states
from ..speech.types import Speech
from ..training.clips import LIMITS
from ..workers import Pool, run_jobs
from . import filters
from .cuts import find_scenes, pieces_of
from .people import Counting
from .record import UNKNOWN, ClipRecord

LOOKED_AT = 960
"""Longer side at which people are looked for."""
MARGIN = 1.15
"""The crop is this many times as large as what the person fills."""
TOO_SHORT = "length"
DIED = "the processes that looked at it died, perhaps for want of memory"
PARTIAL = ".clip-"
SHEET = 24
"""Clips on a contact sheet."""
Scenes = Callable[[Path], list[tuple[float, float]]]


@dataclass(frozen=True)
class PrepareOptions:
    """size: most pixels of a clip's side, which is square and never scaled up; rights: video -> (licence, consent)."""

    size: int = 512
    detector: str = "auto"
    weights_dir: Path | None = None
    fetch: bool = False
    speech_encoder: str = SHIPPED
    rights: tuple[tuple[str, str, str], ...] = ()


@cache
def _tools(options: PrepareOptions) -> tuple[filters.Reader | None, Networks, SpeechEncoder]:
    """What each process opens once."""
    networks = Networks(options.weights_dir, options.fetch)
    return filters.open_reader(), networks, load_speech_encoder(options.speech_encoder)


def stem_of(video: Path, root: Path) -> str:
    """A name for a source's clips: its path below `root` in letters, digits and -, and eight digits of its hash."""
    path = video.relative_to(root).as_posix()
    return f"{re.sub(r'[^0-9A-Za-z]+', '-', path)[:60].strip('-')}-{hashlib.sha256(path.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class Piece:
    """A stretch of a video, in seconds; `short`: too short for a clip."""

    video: Path
    start: float
    end: float
    short: bool = False


def find_pieces(video: Path, root: Path, out: Path, scenes: Scenes = find_scenes) -> list[Piece]:
    """The stretches of a video between its cuts, which OUT/scenes keeps. Errors: InputError."""
    kept = out / "scenes" / f"{stem_of(video, root)}.json"
    if not kept.is_file():
        write_text(kept, json.dumps(scenes(video)))
    pieces, short = pieces_of(json.loads(kept.read_text("utf-8")))
    return sorted(
        [Piece(video, *each) for each in pieces] + [Piece(video, *each, True) for each in short],
        key=lambda piece: piece.start,
    )


def clip_name(piece: Piece, root: Path) -> str:
    """The name of a clip."""
    return f"{stem_of(piece.video, root)}-{round(piece.start * 1000):08d}"


def new_record(piece: Piece, root: Path, options: PrepareOptions) -> ClipRecord:
    """A record in which nothing has been looked at yet."""
    licence, consent = {name: rest for name, *rest in options.rights}.get(piece.video.name, (UNKNOWN, UNKNOWN))
    source, times = piece.video.relative_to(root).as_posix(), (round(piece.start, 3), round(piece.end, 3))
    return ClipRecord(clip_name(piece, root), source, *times, licence=licence, consent=consent)


def prepare_piece(piece: Piece, root: Path, out: Path, options: PrepareOptions) -> None:
    """Make a clip's record, and its files when it is kept, unless the record is there."""
    if (out / "records" / f"{clip_name(piece, root)}.json").is_file():
        return
    record = new_record(piece, root, options)
    if piece.short:
        record.dropped[TOO_SHORT] = f"the scene lasts {piece.end - piece.start:.1f} seconds"
    else:
        try:
            _prepare(piece.video, record, out, options)
        except InputError as error:
            record.dropped["unreadable"] = str(error)
    record.save(out / "records")


def _prepare(video: Path, record: ClipRecord, out: Path, options: PrepareOptions) -> None:
    """One clip through all filters; its files are in OUT/clips when it is kept."""
    reader, networks, encoder = _tools(options)
    info = probe(video, LIMITS)
    with TemporaryDirectory(prefix=PARTIAL, dir=out) as folder:
        raw, clip = Path(folder) / "raw.mp4", Path(folder) / f"{record.name}.mp4"
        cut_video(video, raw, record.start, record.end, limits=LIMITS)
        try:
            poses, people = _look(raw, options.detector)
        except InputError as error:
            record.dropped["one_person"] = str(error)
            return
        canvas = (info.width, info.height)
        poses = poses.map_points((canvas[0] / poses.canvas[0], canvas[1] / poses.canvas[1]), (0, 0), canvas)
        x, y, side = crop_of(poses)
        size = min(side, options.size) // 2 * 2
        place = {"box": (x, y, side, side), "size": (size, size), "limits": LIMITS}
        cut_video(video, clip, record.start, record.end, **place)  # type: ignore[arg-type]
        frames = np.stack(list(read_frames(clip, limits=LIMITS)))
        count, scale = min(len(frames), len(poses)), size / side
        poses = poses.map_points((scale, scale), (-x * scale, -y * scale), (size, size)).take(slice(0, count))
        speech = load_speech(clip, limits=LIMITS, cut=True) if info.has_sound else None
        view = filters.CroppedClip(frames[:count], poses, people[:count], speech)
        filters.one_person(view, record)
        upscaler = filters.resolution(view, record, networks)
        filters.subtitles(view, record, reader)
        shift = 0.0
        if record.kept:  # text over a hand, another's face or too few pixels would pass for blur, or for other words
            filters.motion_blur(view, record)
            shift = filters.sync(view, record, networks)
        filters.motion_kind(view, record)
        write_jpeg(out / "pictures" / f"{record.name}.jpg", strip_of(view.frames))
        if not record.kept:
            return
        if shift:
            cut_video(video, clip, record.start, record.end, sound_shift=shift, **place)  # type: ignore[arg-type]
            speech = load_speech(clip, limits=LIMITS, cut=True)
        if upscaler is not None:
            poses = _enlarge(clip, poses, upscaler, speech, options.size)
        kept = out / "clips"
        kept.mkdir(exist_ok=True)
        save_clip(poses, kept / f"{record.name}.npz")
        if speech is not None:
            save_states(encoder.states(speech.samples), encoder.name, kept / clip.name)
        clip.replace(kept / clip.name)  # last: a video without poses is none


def _enlarge(clip: Path, poses: PoseClip, upscaler: filters.Upscaler, speech: Speech | None, most: int) -> PoseClip:
    """Super-resolve a square clip in place, to `most` pixels a side at most; returns its poses there."""
    before = poses.canvas[0]
    after = min(before * upscaler.scale, most) // 2 * 2
    with VideoWriter(clip.with_name("larger.mp4"), (after, after), speech=speech) as writer:
        for frame in read_frames(clip, limits=LIMITS):
            writer.write(cv2.resize(upscaler(frame), (after, after), interpolation=cv2.INTER_AREA))
    writer.path.replace(clip)
    return poses.map_points((after / before, after / before), (0, 0), (after, after))


class Preparer:
    """A worker for videos, whose pieces it finds, and for pieces; see `vivid.workers`."""

    def __init__(self, root: Path, out: Path, options: PrepareOptions) -> None:
        self.root, self.out, self.options = root, out, options

    def run(self, jobs: Sequence[Path | Piece]) -> list[list[Piece] | str]:
        """The pieces of each video; of each piece none. A sentence where a video cannot be used."""
        return [self._do(job) for job in jobs]

    def _do(self, job: Path | Piece) -> list[Piece] | str:
        try:
            if isinstance(job, Path):
                return find_pieces(job, self.root, self.out)
            prepare_piece(job, self.root, self.out, self.options)
        except InputError as error:
            return str(error)
        return []


def prepare_all(
    videos: Sequence[Path], root: Path, out: Path, options: PrepareOptions, pool: Pool, report: Callable[[str], None]
) -> int:
    """Let the pool's workers find the pieces of all videos and make clips of them; returns how many videos failed.

    A piece that two workers have died at is dropped.
    """
    for left in out.glob(f"{PARTIAL}*"):  # by a run that was killed
        shutil.rmtree(left, ignore_errors=True)
    pieces: list[Piece] = []
    failed = 0

    def died(job: Path | Piece) -> str:
        if isinstance(job, Piece):
            record = new_record(job, root, options)
            record.dropped["unreadable"] = DIED
            record.save(out / "records")
        return f"{(job if isinstance(job, Path) else job.video).name}: {DIED}"

    for done, (_, found) in enumerate(run_jobs(((video,) for video in videos), pool, died), 1):
        if isinstance(found, str):
            failed += 1
            report(f"{done}/{len(videos)} {found}")
        else:
            pieces += found
    todo = [piece for piece in sorted(pieces, key=str) if not _known(piece, root, out)]
    report(f"{len(videos)} videos have {len(pieces)} scenes and clips, {len(todo)} of them to look at")
    for done, (piece, said) in enumerate(run_jobs(((piece,) for piece in todo), pool, died), 1):
        report(f"{done}/{len(todo)} {clip_name(piece, root)} {said or ''}".rstrip())
    return failed


def _known(piece: Piece, root: Path, out: Path) -> bool:
    return (out / "records" / f"{clip_name(piece, root)}.json").is_file()


def _look(clip: Path, detector: str) -> tuple[PoseClip, NDArray[np.integer]]:
    """Poses (on the canvas of the frames looked at) and the number of people in each frame."""
    with open_detector(detector, video=True) as finder:
        counting = Counting(finder)
        poses, _ = detect_frames(read_frames(clip, limits=LIMITS, max_side=LOOKED_AT), counting, "the clip")  # type: ignore[arg-type]
    return poses, counting.counts()


def crop_of(poses: PoseClip) -> tuple[int, int, int]:
    """x, y and side of the square around head, shoulders, arms and hands of the whole clip, the face in its middle
    across; as much of the picture as there is, even numbers."""
    width, height = poses.canvas
    points = np.concatenate([poses.body[:, :8], poses.hands.reshape(len(poses), -1, 3), poses.face], 1).reshape(-1, 3)
    seen = points[points[:, 2] > 0, :2]
    face = poses.face[poses.face[..., 2] > 0]
    if not len(seen) or not len(face):
        raise InputError("no face was found")
    low, high = np.percentile(seen, (2, 98), axis=0)
    middle, top = float(np.median(face[:, 0])), float(np.percentile(face[:, 1], 2))
    forehead = 0.6 * float(np.percentile(face[:, 1], 98) - top)  # key points begin at the brows
    reach = 2 * max(middle - low[0], high[0] - middle)
    side = int(min(max(reach, high[1] - (top - forehead)) * MARGIN, width, height)) // 2 * 2
    x = int(np.clip(middle - side / 2, 0, width - side)) // 2 * 2
    y = int(np.clip(top - forehead - (MARGIN - 1) / 2 * side, 0, height - side)) // 2 * 2
    return x, y, side


def load_records(out: Path) -> Iterator[ClipRecord]:
    """All records, in the order of their names."""
    for path in sorted((out / "records").glob("*.json")):
        yield ClipRecord.load(path)


def write_sheets(records: Sequence[ClipRecord], out: Path) -> None:
    """kept.jpg and dropped.jpg: a row of frames of each clip (of SHEET at most, evenly spread), and why it went."""
    for name, chosen in (("kept", [r for r in records if r.kept]), ("dropped", [r for r in records if r.dropped])):
        paths = [(record, out / "pictures" / f"{record.name}.jpg") for record in chosen]
        shown = [(record, cv2.imread(str(path))) for record, path in paths if path.exists()]
        if not shown:
            continue
        picks = np.linspace(0, len(shown) - 1, min(SHEET, len(shown))).round().astype(int)
        rows = []
        for record, strip in (shown[i] for i in picks):
            label = np.full((24, strip.shape[1], 3), 32, np.uint8)
            text = f"{record.name}  {', '.join(record.dropped) or record.motion}"
            cv2.putText(label, text, (6, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (235, 235, 235), 1, cv2.LINE_AA)
            rows += [label, strip]
        width = max(row.shape[1] for row in rows)
        sheet = np.concatenate([np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0))) for row in rows])
        write_jpeg(out / f"{name}.jpg", np.ascontiguousarray(sheet[..., ::-1]))


def report_of(records: Sequence[ClipRecord]) -> str:
    """Markdown: how many clips and hours were kept, what the others were dropped for, and how measures spread."""
    kept = [record for record in records if record.kept]
    hours = {kind: sum(r.end - r.start for r in kept if r.motion == kind) / 3600 for kind in ("subtle", "large")}
    lines = [f"{len(kept)} of {len(records)} clips are kept: " + ", ".join(f"{v:.3f} h {k}" for k, v in hours.items())]
    for title, field in (("dropped for", "dropped"), ("mended", "mended"), ("not checked", "not_checked")):
        lines += ["", f"| {title} | clips | such as |", "|---|---|---|"]
        for name in sorted({name for record in records for name in getattr(record, field)}):
            said = [getattr(record, field)[name] for record in records if name in getattr(record, field)]
            lines.append(f"| {name} | {len(said)} | {said[0]} |")
    lines += ["", "| measure | clips | least | | most |", "|---|---|---|---|---|"]
    for name in sorted({name for record in records for name in record.measures}):
        values = np.array([record.measures[name] for record in records if name in record.measures])
        counts = np.histogram(values, 12)[0]
        bars = "".join(" ▁▂▃▄▅▆▇█"[int(np.ceil(8 * c / max(counts.max(), 1)))] for c in counts)
        lines.append(f"| {name} | {len(values)} | {values.min():.3g} | `{bars}` | {values.max():.3g} |")
    return "\n".join(lines) + "\n"
