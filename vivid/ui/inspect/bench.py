"""What the Inspect tab asks of the server: pairs, poses, calibration, decisions. Knows nothing of Gradio.

The page draws the skeletons itself, so a pair travels once (picture, raw and calibrated points) and after that a
nudge costs one calibration and the new points.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import secrets
import threading
import zlib
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...config import Limits
from ...errors import InputError
from ...media.kinds import kind_of
from ...media.pictures import load_picture
from ...pose.calibrate import calibrate, place
from ...pose.detect import detect_picture
from ...pose.library import read_clip
from ...pose.nudges import ArmNudge, Nudges
from ...pose.portrait import make_portrait
from ...pose.report import CalibrationOptions
from ...pose.skeleton import Pose, PoseClip, clip_of
from ...pose.worst import worst_frames
from ..engine import gently
from ..strings.sentences import chinese
from ..visitors import ADDRESS_SHARES, Visitor, current
from .agreement import as_csv, final_state
from .annotators import Annotators
from .asked import Answer, Asked, answering, plain_function
from .cache import Cache
from .decisions import ACTIONS, Mark, checked_nudges, clean_name
from .pairs import Pair, Source, file_sha256, folder_sources, match_pairs

log = logging.getLogger("vivid")

FOLDER = "folder"
"""The collection that the server was started with; uploaded ones have names that cannot be guessed."""
SHOWN_SIDE = 1024
"""Longer side, in pixels, of the picture that the page gets."""
MOST_COLLECTIONS = 500
MOST_OF_VISITOR = 20
"""Uploaded collections of one visitor; the oldest gives way."""
MOST_NAMES = 10
"""Annotators that one visitor may begin while the server runs: there is room for so many (see annotators.py)."""


@dataclass(frozen=True)
class Portrayed:
    """A portrait as the tab needs it: its pose and what to say about it."""

    pose: Pose
    notices: tuple[str, ...]


class Bench:
    """The server's side of Inspect. Public methods take what the page sent and return plain JSON values."""

    def __init__(self, decisions: Path, pairs: Path | None, limits: Limits | None = None) -> None:
        self._annotators = Annotators(decisions)
        self._folder = pairs
        self._limits = limits or Limits()
        self._collections: OrderedDict[str, dict[str, Pair]] = OrderedDict()
        self._doubles: dict[str, list[str]] = {}
        self._visitors: dict[str, Visitor] = {}
        self._portraits = Cache(1000)
        self._clips = Cache(64)
        self._calibrated = Cache(32)
        self._surveyed = Cache(10_000)
        self._begun: Counter[str] = Counter()
        self._in_picture = threading.Lock()
        self._in_video = threading.Lock()
        self._watching: dict[str, tuple[int, int]] = {}

    # -- collections ---------------------------------------------------------------------------------------------

    def collect(self, sources: Sequence[Source]) -> tuple[str, list[str]]:
        """Keep a visitor's uploaded files under a secret name; returns it and the names without a partner."""
        pairs, lonely = match_pairs(sources)
        if not pairs:
            raise InputError(
                "No portrait and clip belong together: name them alike (0001.png with 0001.npz), "
                "or give one portrait with several clips, or one clip with several portraits."
            )
        name = secrets.token_urlsafe(16)
        visitor = self._visitors[name] = current.get()
        self._keep(name, pairs)
        own = [other for other, whose in self._visitors.items() if visitor.known and whose.name == visitor.name]
        for other in own[:-MOST_OF_VISITOR]:
            self._forget(other)
        return name, lonely

    def _forget(self, name: str) -> None:
        for kept in (self._collections, self._doubles, self._visitors):
            kept.pop(name, None)  # type: ignore[attr-defined]

    def _keep(self, name: str, pairs: Sequence[Pair]) -> None:
        kept: dict[str, Pair] = {}
        doubles = []
        for pair in pairs:
            if kept.setdefault(pair.subject().id, pair) is not pair:
                doubles.append(pair.name)
        self._collections[name], self._doubles[name] = kept, doubles
        while len(self._collections) > MOST_COLLECTIONS:  # whoever has most loses the oldest one
            whose = {other: visitor.address or visitor.name for other, visitor in self._visitors.items()}
            most = Counter(whose.values()).most_common(1)[0][0]
            self._forget(next(other for other, group in whose.items() if group == most))

    def _collection(self, name: str, again: bool = False) -> dict[str, Pair]:
        """The pairs of a collection; `again` looks into the server's folder anew."""
        if name == FOLDER and self._folder is not None and (again or FOLDER not in self._collections):
            self._keep(FOLDER, match_pairs(folder_sources(self._folder))[0])
        pairs = self._collections.get(name)
        if pairs is None:
            raise InputError("These files are no longer here: load them again. Your decisions are kept.")
        return pairs

    def _pair(self, asked: Asked) -> Pair:
        pair = self._collection(asked.text("collection")).get(asked.text("pair"))
        if pair is None:
            raise InputError("This pair is not in the list any more: reload the page.")
        return pair

    # -- what the page calls ---------------------------------------------------------------------------------------

    @answering
    def claim(self, asked: Asked) -> Answer:
        """name -> the name as it is kept, and the secret that it belongs to from now on."""
        visitor = current.get()
        shares = {visitor.name: MOST_NAMES} if visitor.known else {}
        if visitor.address is not None:
            shares[visitor.address] = MOST_NAMES * ADDRESS_SHARES
        for who, most in shares.items():
            if self._begun[who] >= most:
                raise InputError(
                    f"{most} names have been begun from here, which is the limit: go on under one of them."
                )
        name = clean_name(asked.text("name"))
        secret = self._annotators.claim(name)
        self._begun.update(list(shares))
        return {"name": name, "secret": secret}

    @answering
    def known(self, asked: Asked) -> Answer:
        """name, secret -> the name, if that is its secret."""
        return {"name": asked.book(self._annotators).name}

    @answering
    def open(self, asked: Asked) -> Answer:
        """collection, name, secret -> the list of pairs, with what this annotator has decided about each."""
        book = asked.book(self._annotators)
        pairs = self._collection(asked.text("collection"), again=True)
        marks = book.marks()
        return {
            "name": book.name,
            "doubles": self._doubles.get(asked.text("collection"), []),
            "pairs": [{"id": key, "name": pair.name, **_plain(marks.get(key, Mark()))} for key, pair in pairs.items()],
        }

    @answering
    def load(self, asked: Asked) -> Answer:
        """collection, pair, nudges -> the picture, the poses and the report of one pair."""
        pair = self._pair(asked)
        nudges = checked_nudges(asked.numbers("nudges"))
        portrait = self._portrait(pair.portrait)
        clip, said = self._clip(pair.clip)
        notices = [*portrait.notices, *said]
        calibrated, report, worst = self._calibrate(pair, nudges)
        return {
            "picture": self._picture(pair.portrait),
            "canvas": list(portrait.pose.canvas),
            "frames": len(clip),
            "fps": clip.fps,
            "reference": packed(clip_of(portrait.pose)),
            "raw": packed(place(clip, portrait.pose.canvas)[0]),
            "calibrated": packed(calibrated),
            "report": report,
            "worst": worst,
            "notices": notices,
            "chinese": _in_chinese(report, notices),
            "files": [pair.portrait.name, pair.clip.name],
        }

    @answering
    def nudge(self, asked: Asked) -> Answer:
        """collection, pair, nudges -> calibrated points and report."""
        calibrated, report, worst = self._calibrate(self._pair(asked), checked_nudges(asked.numbers("nudges")))
        return {"calibrated": packed(calibrated), "report": report, "worst": worst, "chinese": _in_chinese(report)}

    @answering
    def survey(self, asked: Asked) -> Answer:
        """collection, pair -> how bad its worst frames are: {"worst": measure -> [frame, value]}, uncorrected.

        Videos are left out until somebody has opened them: finding poses takes seconds for each of theirs.
        """
        pair = self._pair(asked)
        video = kind_of(pair.clip.path) in ("media", "moving picture")
        if video and not self._clips.holds(file_sha256(pair.clip.path)):
            return {"worst": None}
        key = (file_sha256(pair.portrait.path), file_sha256(pair.clip.path))
        return {"worst": self._surveyed.get(key, lambda: self._calibrate(pair, {})[2])}

    @answering
    def record(self, asked: Asked) -> Answer:
        """collection, pair, name, secret, session, action and a mark -> the same mark, now on disk."""
        book, pair = asked.book(self._annotators), self._pair(asked)
        mark = Mark(
            asked.text("decision"), asked.text("note", 0), asked.numbers("nudges"), asked.texts("tags"), asked.frame()
        )
        action = asked.text("action")
        if action not in ACTIONS:
            raise InputError("The page sent a strange action: reload it.")
        report = self._calibrate(pair, mark.nudges)[1]
        book.add(pair.subject(), mark, report, asked.text("session"), action)
        return {"pair": pair.subject().id, **_plain(mark)}

    @answering
    def undo(self, asked: Asked) -> Answer:
        """name, secret, session -> what was taken back: pair, superseded and its mark now; or {"pair": None}."""
        undone = asked.book(self._annotators).undo(asked.text("session"))
        if undone is None:
            return {"pair": None}
        return {"pair": undone.pair, "superseded": undone.superseded, **_plain(undone.mark)}

    @answering
    def export(self, asked: Asked) -> Answer:
        """name, secret -> the annotator's whole file as text, and what holds in the end as CSV and JSON."""
        book = asked.book(self._annotators)
        rows = final_state(book)
        state = {"csv": as_csv(rows), "json": json.dumps(rows, indent=1, ensure_ascii=False)}
        return {"file": book.path.name, "text": book.export().decode("utf-8", "replace"), **state}

    @answering
    def progress(self, asked: Asked) -> Answer:
        """collection, pair -> how far the poses of the pair's video are read: {done, total}, zeros when not begun."""
        done, total = self._watching.get(file_sha256(self._pair(asked).clip.path), (0, 0))
        return {"done": done, "total": total}

    @property
    def calls(self) -> list[Callable[[Any], Answer]]:
        """What a page may call, as plain functions (Gradio marks them, which methods do not allow)."""
        about_names, about_pairs = (self.claim, self.known), (self.open, self.load, self.nudge, self.survey)
        return [
            plain_function(method)
            for method in (*about_names, *about_pairs, self.progress, self.record, self.undo, self.export)
        ]

    # -- poses -----------------------------------------------------------------------------------------------------

    def _portrait(self, source: Source) -> Portrayed:
        def make() -> Portrayed:
            with self._in_picture:
                return self._find(source)

        return self._portraits.get(file_sha256(source.path), make)

    def _find(self, source: Source) -> Portrayed:
        image = load_picture(source.path, self._limits)
        with _naming(source):
            found = detect_picture(image)
            return Portrayed(found.pose, make_portrait(image, found.pose, found.notices).notices)

    def _clip(self, source: Source) -> tuple[PoseClip, tuple[str, ...]]:
        """The clip and what to say about it."""
        key = file_sha256(source.path)

        def make() -> tuple[PoseClip, tuple[str, ...]]:
            with _naming(source):
                if kind_of(source.path) not in ("media", "moving picture"):
                    return read_clip(source.path, limits=self._limits)
                try:
                    with self._in_video:
                        return gently(read_clip)(source.path, progress=watch, limits=self._limits)
                finally:
                    self._watching.pop(key, None)

        def watch(done: int, total: int) -> None:
            self._watching[key] = (done, total)

        return self._clips.get(key, make)

    def _calibrate(self, pair: Pair, nudges: dict[str, float]) -> tuple[PoseClip, Answer, Answer]:
        """The fitted clip, the report, and its worst frames."""
        key = (file_sha256(pair.portrait.path), file_sha256(pair.clip.path), tuple(sorted(nudges.items())))

        def make() -> tuple[PoseClip, Answer, Answer]:
            portrait, (clip, _) = self._portrait(pair.portrait), self._clip(pair.clip)
            calibrated, report = calibrate(portrait.pose, clip, CalibrationOptions(nudges=nudges_of(nudges)))
            lengths = {segment.name: segment.reference for segment in report.segments}
            return calibrated, report.to_dict(), dict(worst_frames(calibrated, lengths, report.unit))

        return self._calibrated.get(key, make)

    def _picture(self, source: Source) -> str:
        image = Image.fromarray(load_picture(source.path, self._limits))
        image.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=85)
        return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()


@contextmanager
def _naming(source: Source) -> Iterator[None]:
    """Among two hundred files, a message must say which one it means."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{source.name}: {error}") from None


def _plain(mark: Mark) -> Answer:
    return asdict(mark)


def _in_chinese(report: Answer, notices: Sequence[str] = ()) -> dict[str, str]:
    """Every sentence of an answer -> the same in Chinese."""
    reasons = [fallback["reason"] for fallback in report["fallbacks"]]
    return {text: chinese(text) for text in (*reasons, *notices)}


def nudges_of(flat: dict[str, float]) -> Nudges:
    """The sliders' values as calibration takes them."""
    arms = {
        side: ArmNudge(
            angle=flat.get(f"{side}_angle", 0.0),
            length=flat.get(f"{side}_length", 1.0),
            hand=flat.get(f"{side}_hand", 1.0),
        )
        for side in ("left", "right")
    }
    offset = flat.get("offset_x", 0.0), flat.get("offset_y", 0.0)
    return Nudges(offset, flat.get("scale", 1.0), arms["left"], arms["right"])


def packed(clip: PoseClip) -> str:
    """All points (T, 128, 3) small enough to send again at every nudge: base64 of zlib of int16.

    Planes x, y, confidence, each (T, 128), differences from frame to frame; x and y in units of 1 / 4096 of the
    canvas' longer side, confidence in 1 / 100.
    """
    points = np.concatenate([clip.body, clip.hands.reshape(len(clip), -1, 3), clip.face], axis=1)  # (T, 128, 3)
    unit = np.array([4096 / max(clip.canvas)] * 2 + [100.0])
    whole: NDArray[np.int16] = np.clip(np.nan_to_num(points) * unit, -30_000, 30_000).round().astype(np.int16)
    steps = np.diff(whole, axis=0, prepend=np.zeros_like(whole[:1]))  # wraps around like the sum in the page
    return base64.b64encode(zlib.compress(steps.transpose(2, 0, 1).astype("<i2").tobytes(), 1)).decode()
