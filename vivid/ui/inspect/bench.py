"""The server side of the Inspect tab: pairs, poses, calibration, decisions. Independent of Gradio.

The page draws the skeletons itself, so a pair is sent once (picture, raw and calibrated points): stepping through its
frames and moving points needs no request; a nudge costs one calibration and sends the new points.
"""

from __future__ import annotations

import base64
import json
import re
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...config import Limits
from ...errors import InputError
from ...pose.clips import save_clip
from ...pose.edits import checked_edits
from ...pose.skeleton import PoseClip
from ..previews import Previews
from ..report_table import measures_table, parts_table
from ..visitors import ADDRESS_SHARES, Visitors, current
from .agreement import as_csv, final_state
from .annotators import Annotators
from .asked import Answer, Asked, answering, in_chinese, plain_function
from .decisions import ACTIONS, CLIP_STEP, Mark, checked_nudges, clean_name
from .fitting import Correction, Fitting, packed
from .overlap import Opinion, Tally, agreed, by_pair, first_pair, opinions_in, shared
from .pairs import Pair
from .uploads import FOLDER, Collections

MOST_NAMES = 10
"""Names that one visitor may claim while the server runs, since their total is limited (see annotators.py)."""


class Bench:
    """The server's side of Inspect. Public methods take what the page sent and return plain JSON values."""

    def __init__(
        self,
        decisions: Path,
        pairs: Path | None,
        limits: Limits | None = None,
        previews: Previews | None = None,
        overlap: int = 0,
        visitors: Visitors | None = None,
    ) -> None:
        """overlap: how many annotators are to decide about each pair of the folder; 0: everybody about all;
        visitors: stores files for download."""
        self._visitors = visitors
        self._overlap, self._tally = overlap, Tally(decisions)
        self._annotators = Annotators(decisions)
        self.collections = Collections(pairs)
        self._fitting = Fitting(limits or Limits(), previews or Previews())
        self._begun: Counter[str] = Counter()

    def _pair(self, asked: Asked) -> Pair:
        pair = self.collections.pairs(asked.text("collection")).get(asked.text("pair"))
        if pair is None:
            raise InputError("This pair is not in the list any more: reload the page.")
        return pair

    # -- what the page calls ---------------------------------------------------------------------------------------

    @answering
    def claim(self, asked: Asked) -> Answer:
        """name -> the name as stored, and its new secret."""
        visitor = current.get()
        shares = {visitor.name: MOST_NAMES} if visitor.known else {}
        if visitor.address is not None:
            shares[visitor.address] = MOST_NAMES * ADDRESS_SHARES
        for who, most in shares.items():
            if self._begun[who] >= most:
                raise InputError(
                    "{} names have been begun from here, which is the limit: go on under one of them.", most
                )
        name = clean_name(asked.text("name"))
        secret = self._annotators.claim(name)
        self._begun.update(list(shares))
        return {"name": name, "secret": secret}

    @answering
    def known(self, asked: Asked) -> Answer:
        """name, secret -> the name, if the secret is right."""
        return {"name": asked.book(self._annotators).name}

    @answering
    def open(self, asked: Asked) -> Answer:
        """collection, name, secret -> the list of pairs, with what this annotator has decided about each."""
        book, name = asked.book(self._annotators), asked.text("collection")
        pairs = self.collections.pairs(name, again=True)
        rows = {row["pair"]: row for row in final_state(book)}
        untouched = {**asdict(Mark()), "seconds": 0.0}
        listed = [
            {"id": key, "name": pair.name, **{field: rows.get(key, untouched)[field] for field in untouched}}
            for key, pair in pairs.items()
        ]
        overlap = self._overlap if name == FOLDER else 0
        own, everybody = opinions_in(book), self._tally.others(book.path) if overlap else {}
        if overlap:
            others, nothing = by_pair(everybody), Opinion(Mark(), "")
            for entry in listed:
                key = entry["id"]
                entry.update(shared(own.get(key, nothing), others.get(key, []), overlap))
        return {
            "name": book.name,
            "doubles": self.collections.doubles.get(name, []),
            "overlap": overlap,
            "first": first_pair(book.name, len(pairs)) if overlap else 0,
            "pairs": listed,
            "agreement": agreed(own, everybody, pairs, overlap) if overlap else None,
        }

    @answering
    def load(self, asked: Asked) -> Answer:
        """collection, pair, nudges, edits -> the picture, the poses and the report of one pair."""
        pair = self._pair(asked)
        portrait = self._fitting.portrait(pair.portrait)
        clip, said = self._fitting.clip(pair.clip)
        answer = self._fitted(pair, asked)
        notices = [*portrait.notices, *said]
        return answer | {
            "chinese": in_chinese(notices),
            "picture": self._fitting.picture(pair.portrait),
            "canvas": list(portrait.pose.canvas),
            "frames": len(clip),
            "fps": clip.fps,
            "reference": packed(portrait.pose),
            "raw": packed(self._fitting.raw(pair)),
            "notices": notices,
            "files": [pair.portrait.name, pair.clip.name],
        }

    @answering
    def fit(self, asked: Asked) -> Answer:
        """collection, pair, nudges, edits -> calibrated points and report."""
        return self._fitted(self._pair(asked), asked)

    def _fitted(self, pair: Pair, asked: Asked) -> Answer:
        """The page applies edits itself, so it gets unedited points, but the worst frames of the edited clip."""
        nudges = checked_nudges(asked.numbers("nudges"))
        correction = Correction.of(nudges, checked_edits(asked.items("edits")))
        _, report, worst = self._fitting.corrected(pair, correction)
        points = packed(self._fitting.calibrated(pair, nudges)[0])
        told = measures_table(report) + f"<div>{parts_table(report)}</div>"
        return {"calibrated": points, "report": told, "unit": report.unit, "centre": report.centre, "worst": worst}

    @answering
    def look(self, asked: Asked) -> Answer:
        """collection, pair, nudges, edits, frame -> that frame of the finished look and its position."""
        pair, frame = self._pair(asked), Mark(frame=asked.frame()).frame
        picture, box = self._fitting.look(pair, asked.correction(), frame or 0, current.get().name)
        return {"picture": picture, "box": box}

    @answering
    def survey(self, asked: Asked) -> Answer:
        """collection, pair -> how bad its worst frames are: {"worst": measure -> [frame, value]}, uncorrected."""
        return {"worst": self._fitting.surveyed(self._pair(asked))}

    @answering
    def record(self, asked: Asked) -> Answer:
        """collection, pair, name, secret, session, action and a mark -> the mark, now stored on disk."""
        book, pair = asked.book(self._annotators), self._pair(asked)
        mark = Mark(
            asked.text("decision"),
            asked.text("note", 0),
            asked.numbers("nudges"),
            asked.texts("tags"),
            asked.frame(),
            checked_edits(asked.items("edits")),
            asked.text("settled"),
        )
        action = asked.text("action")
        if action not in ACTIONS:
            raise InputError("The page sent a strange action: reload it.")
        clip, report, _ = self._fitting.corrected(pair, Correction.of(mark.nudges, mark.edits))
        subject = pair.subject()
        book.keep_clip(subject.id, clip if mark.corrected else None)
        book.add(subject, mark, report.to_dict(), asked.text("session"), action, asked.seconds())
        return {"pair": subject.id, **asdict(mark)}

    @answering
    def undo(self, asked: Asked) -> Answer:
        """name, secret, session -> what was undone: pair, superseded and the mark now; or {"pair": None}."""
        book = asked.book(self._annotators)
        undone = book.undo(asked.text("session"))
        if undone is None:
            return {"pair": None}
        mark, clip = undone.mark, None
        pair = self.collections.known(asked.text("collection")).get(undone.pair)
        if pair is not None and mark.corrected:
            clip = self._fitting.corrected(pair, Correction.of(mark.nudges, mark.edits))[0]
        book.keep_clip(undone.pair, clip)
        return {"pair": undone.pair, "superseded": undone.superseded, **asdict(mark)}

    @answering
    def export(self, asked: Asked) -> Answer:
        """name, secret -> the annotator's whole file as text, and the final state as CSV and JSON."""
        book = asked.book(self._annotators)
        rows = final_state(book)
        state = {"csv": as_csv(rows), "json": json.dumps(rows, indent=1, ensure_ascii=False)}
        return {"file": book.path.name, "text": book.export().decode("utf-8", "replace"), **state}

    @answering
    def clip(self, asked: Asked) -> Answer:
        """collection, pair, nudges, edits -> the corrected clip as a file: its name and contents in base64."""
        pair = self._pair(asked)
        return {"data": base64.b64encode(clip_file(self._fitting.corrected(pair, asked.correction())[0])).decode()}

    @answering
    def clips(self, asked: Asked) -> Answer:
        """name, secret -> the URL of a ZIP with all clips that this annotator has corrected."""
        book = asked.book(self._annotators)
        rows = [row for row in final_state(book) if row["corrected_clip"]]
        if not rows or self._visitors is None:
            raise InputError("You have corrected no clip yet: move a point or a slider, then it is kept.")
        path = self._visitors.file_of(
            current.get(),
            f"{book.clip_path('').parent.name}.zip",
            sum(book.clip_path(row["pair"]).stat().st_size for row in rows),
        )
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for row in rows:
                archive.write(book.clip_path(row["pair"]), f"{_plain(row['name'])}_{row['pair'][:8]}.npz")
        return {"url": f"gradio_api/file={path}", "file": path.name}

    @answering
    def progress(self, asked: Asked) -> Answer:
        """collection, pair -> how far the poses of the pair's video are read: {done, total}, zeros if not started."""
        done, total = self._fitting.watched(self._pair(asked).clip)
        return {"done": done, "total": total}

    @property
    def calls(self) -> list[Callable[[Any], Answer]]:
        """What a page may call, as plain functions (Gradio sets attributes on them, which methods do not allow)."""
        about_pairs = (self.open, self.load, self.fit, self.look, self.survey, self.progress, self.clip)
        methods = (self.claim, self.known, *about_pairs, self.record, self.undo, self.export, self.clips)
        return [plain_function(method) for method in methods]


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name)[:60]


def clip_file(clip: PoseClip) -> bytes:
    """The contents of a clip's file."""
    with tempfile.TemporaryDirectory() as folder:
        return save_clip(clip, Path(folder) / "clip.npz", CLIP_STEP).read_bytes()
