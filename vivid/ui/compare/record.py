"""Kept comparisons and single videos: names of inputs, columns with videos and numbers, and the token of the link."""

from __future__ import annotations

import dataclasses
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from ... import __version__
from ...errors import InputError
from ...events import Result
from ...pose.portrait import Portrait
from ...pose.skeleton import PoseClip
from ...speech.types import Speech
from ..generation import is_cropped, queue_video
from ..jobs import DONE, FAILED, Job
from ..visitors import Visitor, visitor_of
from ..widgets import when
from .measures import measured
from .settings import FIELDS, INPUTS, LETTERS, Variant, settings_used_by

if TYPE_CHECKING:
    from ..context import Context

Parts = tuple[Portrait, Speech, PoseClip]


@dataclass
class Column:
    """One video: the requested settings, those that the generator uses, its job, and the result or error."""

    letter: str
    variant: Variant
    output: Path
    uses: tuple[str, ...]
    job: str = ""
    measuring: bool = False
    result: Result | None = None
    numbers: dict[str, float | None] = field(default_factory=dict)
    error: str = ""


@dataclass
class Record:
    """One comparison, or a single video. `sources`: its inputs as `inputs.chosen` takes them, and `names`: what they
    are called, both by INPUTS; `made`: seconds since 1970; `look`: whether the pose detector is run over the videos;
    `crop`: of the portrait, as in RunSettings. Whoever knows `token` may look at it; `maker` may stop it."""

    folder: Path
    maker: Visitor
    sources: dict[str, str]
    names: dict[str, str]
    columns: list[Column]
    look: bool
    crop: float | None = None
    version: str = __version__
    made: float = field(default_factory=time.time)
    stopped: bool = False
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    writing: threading.Lock = field(default_factory=threading.Lock)
    """Held while a download is written."""

    @property
    def single(self) -> bool:
        """Whether this is a single video from the Animate tab."""
        return len(self.columns) == 1

    @property
    def finished(self) -> list[Column]:
        """The columns with a finished video."""
        return [column for column in self.columns if column.result is not None]

    @property
    def current(self) -> Column | None:
        """The column that is being made, None if all is done or stopped."""
        if self.stopped:
            return None
        return next((column for column in self.columns if column.result is None and not column.error), None)


class Records:
    """All records whose files still exist, by token."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._guard = threading.Lock()

    def add(self, record: Record) -> None:
        """Keep it for as long as its folder is kept."""
        with self._guard:
            self._records = {token: old for token, old in self._records.items() if old.folder.is_dir()}
            self._records[record.token] = record

    def find(self, token: object) -> Record | None:
        """The record of that token, None if it does not exist (any more). Tokens are looked up, never used as paths."""
        with self._guard:
            record = self._records.get(token) if isinstance(token, str) else None
        return record if record is not None and record.folder.is_dir() else None

    def within(self, folder: Path) -> Record | None:
        """The record whose files lie in that folder."""
        with self._guard:
            return next((record for record in self._records.values() if record.folder == folder), None)


def record_of(context: Context, job: Job, names: dict[str, str]) -> Record:
    """The record of a finished job that has a folder of its own; created by the first call."""
    known = context.records.within(job.output.parent)
    if known is not None:
        return known
    result, can = job.event.result, context.engine.capabilities
    uses = FIELDS if can is None else settings_used_by(can)
    if job.inputs is not None and is_cropped(job.inputs[0], result.settings):
        uses += ("crop",)
    column = Column(LETTERS[0], Variant(seed=result.seed), job.output, uses, job.name, result=result)
    record = Record(job.output.parent, job.visitor, {}, names, [column], look=False, made=job.created)
    context.records.add(record)
    return record


def start(
    context: Context,
    request: gr.Request,
    sources: dict[str, str],
    names: dict[str, str],
    parts: Parts,
    variants: Sequence[Variant],
    look: bool,
    crop: float | None = None,
) -> Record:
    """Queue the first column; each of the others is queued when the one before is finished. Errors: InputError."""
    maker = visitor_of(request)
    powers = [context.capabilities_of(variant.model) for variant in variants]
    folder = context.visitors.new_file(request, "")
    folder.mkdir(mode=0o700)
    columns = []
    for letter, variant, can in zip(LETTERS, variants, powers, strict=False):
        output = new_file(context, maker, folder / f"{letter}.mp4")
        columns.append(Column(letter, variant, output, FIELDS if can is None else settings_used_by(can)))
    record = Record(folder, maker, sources, names, columns, look, crop)
    try:
        _queue_column(context, record, parts, 0)
    except InputError:
        folder.rmdir()
        raise
    context.records.add(record)
    return record


def new_file(context: Context, maker: Visitor, path: Path) -> Path:
    """Register a file of a record: it counts towards its owner's disk space, and anybody with the link may fetch it."""
    context.visitors.grant(maker.owner, path)
    context.visitors.share(path)
    return path


def _queue_column(context: Context, record: Record, parts: Parts, index: int) -> None:
    column = record.columns[index]
    portrait, _, motion = parts
    made: list[Result] = []

    def finish(result: Result) -> None:
        column.measuring = True
        before = record.finished
        device = context.engine_of(column.variant.model).pipeline().device
        first = before[0].output if before else None
        column.numbers = measured(result, portrait, motion, first, record.look, device.startswith("cuda"))
        if is_cropped(portrait, result.settings):
            column.uses += ("crop",)
        made.append(result)

    def then(job: Job) -> None:
        column.measuring = False
        if job.state == DONE:  # not before: if it is stopped until then, its video is discarded
            column.result = made[0]
        if job.state == FAILED:
            column.error = job.error
        for later in range(index + 1, len(record.columns)):
            if record.stopped:
                return
            try:
                _queue_column(context, record, parts, later)
                return
            except InputError as error:
                record.columns[later].error = error.message

    settings = dataclasses.replace(column.variant.settings(context.options.mark), crop=record.crop)
    details: dict[str, Any] = {name: record.names[name] for name in INPUTS}
    details |= {"made": when(record.made), "version": record.version}
    column.job = queue_video(
        context, *parts, settings, column.output, details, model=column.variant.model, finish=finish, then=then
    ).name


def stop(context: Context, record: Record) -> None:
    """Stop the comparison; finished videos are kept."""
    record.stopped = True
    for column in record.columns:
        job = context.jobs.find(column.job)
        if job is not None and not job.finished:
            context.jobs.stop(job)
