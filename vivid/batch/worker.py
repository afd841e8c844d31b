"""A worker: one loaded model that makes rows into videos, and knows which ones it need not make again."""

from __future__ import annotations

import json
import logging
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..cache import Cache
from ..errors import InputError
from ..media.outputs import NO_SPACE, BusyError, OutputError, reserve, write_text
from ..media.provenance import sha256_of
from .rows import Row

if TYPE_CHECKING:
    from ..pipeline import VividPipeline

log = logging.getLogger("vivid")

KEPT_PORTRAITS, KEPT_VOICES, KEPT_MOTIONS, KEPT_HASHES = 4, 4, 8, 256
"""How many inputs of each kind a worker keeps in memory; the generator keeps more of each portrait."""

BUSY_SECONDS = 0.2
"""Seconds between checks whether another worker has finished the same video."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of a row: its video, or the sentence that says why there is none. `video`: relative to the output
    folder; seconds, cpu_seconds: of making it, whenever that was; kept: whether an earlier run has made it."""

    number: int
    video: str = ""
    frames: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    kept: bool = False
    error: str = ""


class BatchWorker:
    """Makes videos into `folder` with one pipeline. Safe beside others: a row is locked while it is being made."""

    def __init__(self, folder: Path, pipeline: VividPipeline) -> None:
        self.folder, self.pipeline = folder, pipeline
        self._portraits, self._voices = Cache(KEPT_PORTRAITS), Cache(KEPT_VOICES)
        self._motions, self._hashes = Cache(KEPT_MOTIONS), Cache(KEPT_HASHES)

    @classmethod
    def load(cls, folder: Path, model: str, device: str | None = None) -> BatchWorker:
        """A worker with this model, and a detector that stays ready. Errors: InputError."""
        from ..devices import keep_memory
        from ..generators import GENERATORS
        from ..pipeline import VividPipeline
        from ..pose.detect import keep_detector

        keep_detector()
        if model not in GENERATORS:
            keep_memory()
        return cls(folder, VividPipeline.from_pretrained(model, device=device))

    def run(self, rows: tuple[Row, ...]) -> list[Outcome]:
        """One row after the other; an error in one does not affect the others, except for a full disk."""
        outcomes = []
        for row in rows:
            outcomes.append(self.make(row))
            if outcomes[-1].error == NO_SPACE:
                break
        return outcomes

    def make(self, row: Row) -> Outcome:
        """Make the video of a row, unless it exists already."""
        try:
            if row.error:
                raise InputError(row.error)
            return self._make(row)
        except InputError as error:
            return Outcome(row.number, error=str(error))
        except MemoryError:
            return Outcome(row.number, error="There is too little memory for this: choose a smaller size, or less.")
        except Exception as error:
            log.exception("Row %d failed", row.number)
            said = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            return Outcome(row.number, error=f"A fault of the program, not of this row's inputs ({said}): report it.")

    def _make(self, row: Row) -> Outcome:
        key, hashes = self.key(row)
        name = row.name or f"{key[:2]}/{_short(row.portrait.stem)}_{_short(row.audio.stem)}_{key[:12]}"
        video, record = self.folder / f"{name}.mp4", self.folder / f"{name}.json"
        while True:
            if (known := _read(record)) is not None and video.is_file():
                if known.get("key") != key:
                    raise InputError(f"{name}.mp4 was made from other inputs or settings: give this row another name.")
                return _outcome(row, name, known, kept=True)
            video.parent.mkdir(parents=True, exist_ok=True)  # names by hash keep the folders of a million small
            try:
                with reserve(video, ".mp4") as part:
                    made = self._animate(row, part)
                    made |= {"key": key, "inputs": self._named(row), "inputs_sha256": hashes, "version": __version__}
                    # Before the video, so that a video always has its record; without the video it counts for nothing.
                    write_text(record, json.dumps(made, indent=1, ensure_ascii=False, default=str))
                return _outcome(row, name, made, kept=False)
            except BusyError:  # another worker is making an equal row
                time.sleep(BUSY_SECONDS)
            except OutputError:
                if _read(record) is None or not video.is_file():  # else it has been finished meanwhile
                    raise

    def _animate(self, row: Row, part: Path) -> dict[str, Any]:
        from ..events import Done
        from ..inputs import load_motion, load_portrait, load_speech

        began, spent = time.perf_counter(), _cpu_seconds()
        portrait = self._portraits.get(_state(row.portrait), lambda: load_portrait(row.portrait))
        longest = row.settings.seconds
        voice = (_state(row.audio), longest)
        speech = self._voices.get(
            voice, lambda: load_speech(row.audio, _read_seconds(longest), cut=longest is not None)
        )
        clip = (row.motion, _state(Path(row.motion)), row.fps)
        motion = self._motions.get(clip, lambda: load_motion(row.motion, fps=row.fps))
        for event in self.pipeline.animate(portrait, speech, motion, row.settings, part):
            if isinstance(event, Done):
                result = event.result
        return {
            "model": result.model,
            "frames": result.frames,
            "seconds": round(time.perf_counter() - began, 3),
            "cpu_seconds": round(_cpu_seconds() - spent, 3),
            "settings": result.settings,
            "notices": [*portrait.notices, *result.notices],
            "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }

    def key(self, row: Row) -> tuple[str, dict[str, str]]:
        """What decides the video of a row: a hash of its inputs' contents, its settings and the generator. Also the
        hashes of the inputs. Errors: InputError for missing inputs."""
        hashes = {"portrait": self._hash(row.portrait), "audio": self._hash(row.audio)}
        motion = Path(row.motion)
        hashes["motion"] = self._hash(motion) if motion.exists() else row.motion
        what = {**hashes, "fps": row.fps, "model": self.pipeline.capabilities.name, "settings": asdict(row.settings)}
        return sha256_of(json.dumps(what, sort_keys=True).encode()), hashes

    def _hash(self, path: Path) -> str:
        if path.is_dir():
            parts = [(each.name, self._hash(each)) for each in sorted(path.iterdir()) if each.is_file()]
            return sha256_of(json.dumps(parts).encode())
        if not path.is_file():
            raise InputError(f"There is no file {path}: check the path.")
        return self._hashes.get(_state(path), lambda: sha256_of(path))

    @staticmethod
    def _named(row: Row) -> dict[str, str]:
        return {"portrait": str(row.portrait), "audio": str(row.audio), "motion": row.motion}


def _read_seconds(wanted: float | None) -> float:
    """How much of a recording to read: the limit applies to what is used."""
    from ..config import Limits

    longest = Limits().speech_seconds
    return longest if wanted is None else min(max(wanted, 1.0), longest)


def _state(path: Path) -> tuple[str, int, int]:
    """What tells a changed file from the same one: path, time of change and size; zeros where there is no file."""
    try:
        found = path.stat()
    except OSError:
        return str(path), 0, 0
    return str(path), found.st_mtime_ns, found.st_size


def _short(stem: str) -> str:
    return re.sub(r"[^\w-]+", "-", stem).strip("-")[:32] or "input"


def _read(record: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(record.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _outcome(row: Row, name: str, record: dict[str, Any], kept: bool) -> Outcome:
    return Outcome(
        row.number, f"{name}.mp4", record.get("frames", 0), record.get("seconds", 0), record.get("cpu_seconds", 0), kept
    )


def _cpu_seconds() -> float:
    """Processor time of this process, and of the encoders it has waited for."""
    try:
        import resource
    except ImportError:  # on Windows
        return time.process_time()
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)
