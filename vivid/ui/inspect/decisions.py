"""Annotators' decisions: one append-only file of JSON lines for each name.

Nothing is ever rewritten: every decision, note, nudge and undo appends a line, and the last line of a pair is its
current state. So two browser windows under one name lose nothing, and a crash loses at most one line.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import unicodedata
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from ...errors import InputError
from ...pose.clips import save_clip
from ...pose.edits import Edit, checked_edits
from ...pose.skeleton import PoseClip
from .ledger import append_line, locked

ACTIONS = ("decide", "note", "nudge", "edit", "tag", "frame", "settle")
DECISIONS = ("", "accept", "reject", "unsure")
TAGS = ("hands", "arms", "size", "place", "contact", "jump", "outside", "face", "portrait")
"""Reasons, in the order of their digit keys from 1 on."""
LAST_FRAME = 20_000
NAME_LENGTH = 60
NOTE_LENGTH = 4000
FILE_BYTES = 32 * 2**20
"""Per annotator: ten thousand decisions. The whole file is read to open a list of pairs and to undo."""
CLIP_BYTES = 64 * 2**20
"""Per annotator, of corrected clips: four hundred of ten seconds."""
CLIP_STEP = 1 / 64
"""Pixels to which corrected clips are rounded: their files are half as large."""
POINT_BYTES = 128 * 3 * 4
"""Per frame, uncompressed."""
NUDGE_LIMITS = {
    "offset_x": (-2.0, 2.0, 0.0),
    "offset_y": (-2.0, 2.0, 0.0),
    "scale": (0.5, 2.0, 1.0),
    "left_angle": (-90.0, 90.0, 0.0),
    "left_length": (0.5, 2.0, 1.0),
    "left_hand": (0.5, 2.0, 1.0),
    "right_angle": (-90.0, 90.0, 0.0),
    "right_length": (0.5, 2.0, 1.0),
    "right_hand": (0.5, 2.0, 1.0),
}
"""Name -> minimum, maximum, default. Offsets in shoulder widths of the portrait, angles in degrees, else factors; left
and right are the person's arms. Their meaning is documented in vivid.pose.report."""


@dataclass(frozen=True)
class Mark:
    """The state of one pair: one of DECISIONS ("" is open); a note; the nudges that are not defaults; reasons,
    from TAGS; the frame that shows the problem; points moved by hand; how a disagreement was settled."""

    decision: str = ""
    note: str = ""
    nudges: dict[str, float] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    frame: int | None = None
    edits: tuple[Edit, ...] = ()
    settled: str = ""

    def __post_init__(self) -> None:
        if self.decision not in DECISIONS or self.settled not in DECISIONS:
            raise InputError("{} is no decision: choose accept, reject or unsure.", repr(self.decision))
        if len(self.note) > NOTE_LENGTH:
            raise InputError("The note has {} characters: keep it under {}.", len(self.note), NOTE_LENGTH)
        if not set(self.tags) <= set(TAGS):
            raise InputError("There is no such reason: choose from {}.", ", ".join(TAGS))
        if self.frame is not None and (type(self.frame) is not int or not 0 <= self.frame <= LAST_FRAME):
            raise InputError("The frame is {}: choose one of the clip's.", str(self.frame)[:40])
        object.__setattr__(self, "nudges", checked_nudges(self.nudges))
        object.__setattr__(self, "tags", tuple(tag for tag in TAGS if tag in self.tags))
        object.__setattr__(self, "edits", checked_edits(self.edits))

    @property
    def corrected(self) -> bool:
        """Whether the clip differs from the calibrated one."""
        return bool(self.nudges or self.edits)

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Mark:
        """The mark in a record of the file."""
        note, nudges, tags, edits = (record.get(name) for name in ("note", "nudges", "tags", "edits"))
        marked = (dict(nudges or {}), tuple(tags or ()), record.get("frame"), edits or ())
        return cls(str(record["decision"]), str(note or ""), *marked, str(record.get("settled") or ""))


@dataclass(frozen=True)
class Subject:
    """The pair a decision is about: `id` from the content of both files, names and SHA-256 of each."""

    id: str
    name: str
    portrait: str
    clip: str
    portrait_sha256: str
    clip_sha256: str


@dataclass(frozen=True)
class Undone:
    """The result of an undo: the pair, its mark, and whether a later decision from another window was kept."""

    pair: str
    mark: Mark
    superseded: bool


def checked_nudges(nudges: Mapping[str, Any]) -> dict[str, float]:
    """Numbers within NUDGE_LIMITS, without default values; InputError for anything else."""
    checked = {}
    for name, value in nudges.items():
        if name not in NUDGE_LIMITS:
            raise InputError("There is no nudge {}: choose one of {}.", repr(name), ", ".join(NUDGE_LIMITS))
        least, most, untouched = NUDGE_LIMITS[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise InputError("The nudge {} is {}: choose {} to {}.", name, repr(value), f"{least:g}", f"{most:g}")
        if value != untouched:
            checked[name] = float(value)
    return checked


def clean_name(name: str) -> str:
    """The name for display: trimmed, without control characters; InputError if it is empty or too long."""
    text = unicodedata.normalize("NFKC", name)
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if not text:
        raise InputError("Enter your name first: your decisions are kept under it.")
    if len(text) > NAME_LENGTH:
        raise InputError("The name has {} characters: keep it under {}.", len(text), NAME_LENGTH)
    return text


def decisions_file(folder: Path, name: str) -> Path:
    """The file of one annotator inside `folder`; different names never share a file, whatever characters they contain.

    Names are case-insensitive, because some file systems are.
    """
    person = clean_name(name).casefold()
    slug = "".join(c if c.isalnum() or c in "-_" else "_" for c in person)
    if slug != person or re.search(r"-[0-9a-f]{8}$", slug):  # a plain name must not look like a hashed one
        slug += "-" + hashlib.sha256(person.encode()).hexdigest()[:8]
    return folder / f"decisions-{slug}.jsonl"


class DecisionBook:
    """One annotator's decisions on disk."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = clean_name(name)
        self.path = decisions_file(folder, name)

    @classmethod
    def at(cls, path: Path) -> DecisionBook:
        """The decisions in a given file."""
        book = cls(path.parent, "unnamed")
        book.path = path
        return book

    def clip_path(self, pair: str) -> Path:
        """Where the corrected clip of a pair is kept, if there is one."""
        return self.path.with_name(self.path.stem.replace("decisions-", "clips-", 1)) / f"{pair}.npz"

    def keep_clip(self, pair: str, clip: PoseClip | None) -> None:
        """Store a pair's corrected clip in place of an earlier one; None deletes it. Errors: InputError."""
        path = self.clip_path(pair)
        if clip is None:
            path.unlink(missing_ok=True)
            return
        others = sum(other.stat().st_size for other in path.parent.glob("*.npz") if other != path)
        if others + len(clip) * POINT_BYTES > CLIP_BYTES:
            raise InputError("Your corrected clips take all the room there is for them: go on under another name.")
        save_clip(clip, path, CLIP_STEP)

    def records(self) -> Iterator[dict[str, Any]]:
        """Every line, oldest first and one at a time; partial and damaged ones are skipped."""
        with contextlib.suppress(FileNotFoundError), self.path.open("rb") as file:
            yield from (record for _, record in _parsed(file))

    def marks(self) -> dict[str, Mark]:
        """Pair id -> its current mark."""
        return {record["pair"]: Mark.of_record(record) for record in self.records()}

    def add(
        self,
        subject: Subject,
        mark: Mark,
        report: Mapping[str, Any] | None,
        session: str,
        action: str,
        seconds: float = 0.0,
    ) -> str:
        """Write one record and return its id; it is on disk when this returns.

        `report` is the calibration report that was on screen; `session` names the browser window, for undo; `seconds`
        were spent on the pair since the record before.
        """
        if action not in ACTIONS:
            raise ValueError(f"unknown action {action!r}")
        with locked(self.path) as file:
            return self._append(
                file, asdict(subject), mark, report, session, {"action": action, "seconds": round(seconds, 1)}
            )

    def undo(self, session: str) -> Undone | None:
        """Undo this window's latest record that is not undone yet; None if there is none.

        If another window under the same name has since decided about the same pair, that decision is kept.
        """
        if not self.path.exists():  # nothing to undo, so do not create the file
            return None
        with locked(self.path) as file:
            last: dict[str, dict[str, Any]] = {}
            steps: list[tuple[dict[str, Any], dict[str, Any] | None]] = []
            for _, record in _parsed(file):
                if record.get("session") == session:
                    if record["action"] == "undo":
                        steps = [step for step in steps if step[0]["id"] != record.get("undoes")]
                    else:
                        steps.append((record, last.get(record["pair"])))
                if not record.get("superseded"):
                    last[record["pair"]] = record
            if not steps:
                return None
            step, before = steps[-1]
            current = last[step["pair"]]
            # After a few undos the pair's last line is the undo that led back to `step`, not `step` itself.
            superseded = current["id"] != step["id"] and current.get("session") != session
            holds = current if superseded else before
            mark = Mark.of_record(holds) if holds else Mark()
            subject = {"id": step["pair"], **{k: str(step.get(k, "")) for k in _SUBJECT_KEYS}}
            report = holds.get("report") if holds else None
            what: dict[str, Any] = {"action": "undo", "undoes": step["id"]}
            self._append(file, subject, mark, report, session, what | ({"superseded": True} if superseded else {}))
            return Undone(step["pair"], mark, superseded)

    def export(self) -> bytes:
        """The file as it is, whole lines only."""
        with contextlib.suppress(FileNotFoundError), self.path.open("rb") as file:
            return b"".join(line for line, _ in _parsed(file))
        return b""

    def _append(
        self,
        file: BinaryIO,
        subject: dict[str, Any],
        mark: Mark,
        report: Mapping[str, Any] | None,
        session: str,
        what: dict[str, Any],
    ) -> str:
        if file.seek(0, os.SEEK_END) > FILE_BYTES:
            raise InputError("Your decisions file is full: download it, then go on under another name.")
        record = {
            "version": 1,
            "id": uuid.uuid4().hex,
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "annotator": self.name,
            "session": session[:64],
            **what,
            "pair": subject["id"],
            **{key: subject[key] for key in _SUBJECT_KEYS},
            **asdict(mark),
            "report": _finite(report),
        }
        append_line(file, _line(record))
        return record["id"]


_SUBJECT_KEYS = ("name", "portrait", "clip", "portrait_sha256", "clip_sha256")


def _finite(value: Any) -> Any:
    """The same JSON value with null for numbers that JSON cannot write."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _line(record: Mapping[str, Any]) -> bytes:
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace")  # a browser may send an unpaired surrogate


def _parsed(lines: Iterable[bytes]) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Every whole line and the record in it."""
    for line in lines:
        try:
            record = json.loads(line)
            if all(isinstance(record[key], str) and record[key].isascii() for key in ("id", "pair", "action")):
                Mark.of_record(record)
                yield line, record
        except (InputError, ValueError, TypeError, KeyError, RecursionError):
            continue
