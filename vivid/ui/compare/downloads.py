"""Downloads of a comparison: its numbers as CSV, its videos side by side, everything as a ZIP."""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import json
import re
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from ...media.beside import TALLEST, Drawn, write_beside
from ...media.outputs import write_text, written_whole
from ...media.pictures import shrink
from ...media.provenance import Provenance
from ...pose.draw import overlay
from ...pose.library import at_positions, loop_positions
from ...pose.portrait import Portrait
from ...pose.skeleton import PoseClip
from ..inspect.agreement import inert
from ..widgets import when
from .measures import QUANTITIES
from .record import Column, Record, new_file
from .settings import INPUTS, SETTINGS, differences
from .words import WORDS

if TYPE_CHECKING:
    from ..context import Context

Progress = Callable[[float], object]
KINDS = {"csv": "comparison.csv", "video": "side-by-side.mp4", "zip": "comparison.zip"}
"""Kind of download -> file name."""
TITLES = {"portrait": "Portrait", "motion": "Gestures", "video": "Video"}
SKELETON_HEIGHT = 480
SAVE = """(text) => {
  if (!text) return;
  const file = JSON.parse(text), link = document.createElement("a");
  link.href = file.url;
  link.download = file.name;
  document.body.append(link);
  link.click();
  link.remove();
}"""
"""Makes the browser save the file described by `to_save`."""


def to_save(path: Path) -> str:
    """A file in the form that SAVE expects."""
    return json.dumps({"url": f"gradio_api/file={path}", "name": path.name})


def path_of(record: Record, kind: str) -> Path:
    """The path of a download, whether it exists or not; that of a single video is named after it."""
    stem = f"{record.columns[0].output.stem}_" if record.single else ""
    return record.folder / f"{stem}{KINDS[kind]}"


def offered(record: Record) -> tuple[str, ...]:
    """The available KINDS; for a single video, the side-by-side one exists only if its owner has asked for it."""
    if record.single:
        return ("video", "zip") if path_of(record, "video").is_file() else ("zip",)
    return tuple(KINDS) if len(record.finished) > 1 else ("csv", "zip")


def make(context: Context, record: Record, kind: str, progress: Progress = lambda share: None) -> Path:
    """The file of a download, written on first request; it counts towards its owner's space. Errors: InputError."""
    if record.current is not None:
        raise InputError("The comparison is still being made: wait until it is done, or stop it.")
    if kind not in offered(record):
        raise InputError("Two finished videos are needed to stand side by side: wait for them, or compare again.")
    writers: dict[str, Callable[[Record, Path], None]]
    writers = {"csv": _write_csv, "video": partial(_write_video, progress=progress), "zip": _write_zip}
    return new_file(context, record.maker, _once(context, record, kind, writers[kind]))


def beside_inputs(
    context: Context, record: Record, portrait: Portrait, motion: PoseClip, progress: Progress = lambda share: None
) -> Path:
    """A single video beside its portrait and the skeleton of its gestures, written once. Errors: InputError."""

    def write(record: Record, path: Path) -> None:
        column = record.columns[0]
        assert column.result is not None
        size = motion.canvas[0] / motion.canvas[1]
        canvas = (round(SKELETON_HEIGHT * size), SKELETON_HEIGHT)
        positions = loop_positions(len(motion), column.result.frames)
        clip = at_positions(motion, positions).map_points(
            (canvas[0] / motion.canvas[0], canvas[1] / motion.canvas[1]), (0, 0), canvas
        )
        paper = np.full((canvas[1], canvas[0], 3), 24, np.uint8)
        image = shrink(portrait.image, TALLEST)
        captions = [f"{TITLES[kind]}: {record.names[kind]}" for kind in ("portrait", "motion")]
        used = used_settings(column)
        videos: list[Path | Drawn] = [
            Drawn((image.shape[1], image.shape[0]), itertools.repeat(image)),
            Drawn(canvas, (overlay(paper, clip.frame(k)) for k in range(len(clip)))),
            column.output,
        ]
        note = Provenance(model=used["model"], seed=column.variant.seed, settings=used)
        write_beside(videos, [*captions, f"{TITLES['video']}: {used['model']}"], path, note, progress)

    path = _once(context, record, "video", write)
    context.visitors.grant(record.maker.owner, path)
    return path


def _once(context: Context, record: Record, kind: str, write: Callable[[Record, Path], None]) -> Path:
    path = path_of(record, kind)
    with record.writing:
        if not path.is_file():
            context.visitors.check_room(record.maker, _expected(record, kind))
            write(record, path)
    return path


def _expected(record: Record, kind: str) -> int:
    sizes = sum(column.output.stat().st_size for column in record.finished)
    return sizes if kind == "zip" else 2 * sizes if kind == "video" else 0


def to_csv(record: Record) -> str:
    """A CSV row (RFC 4180) for each number of a comparison, with unit and direction, settings and inputs."""
    head = ["made", "version", *INPUTS, "column", "model", "width", "height", *SETTINGS]
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow([*head, "quantity", "name", "value", "unit", "better"])
    for column in record.finished:
        used = used_settings(column)
        values: list[Any] = [when(record.made), record.version, *(record.names[name] for name in INPUTS)]
        values += [column.letter, *(used.get(name) for name in head[len(values) + 1 :])]
        for name, quantity in QUANTITIES.items():
            number = column.numbers.get(name)
            if number is not None:
                title = WORDS[f"compare_row_{name}"][0]
                rows.writerow([*map(inert, values), name, title, number, quantity.unit, quantity.better or "neither"])
    return text.getvalue()


def used_settings(column: Column) -> dict[str, Any]:
    """Generator, size and settings of a finished video, without settings that have no effect on it."""
    assert column.result is not None
    found = {name: column.result.settings.get(name) for name in ("width", "height", *column.uses)}
    return {"model": column.result.model, **found}


def caption(record: Record, column: Column) -> str:
    """The caption of a column in the side-by-side video."""
    used = used_settings(column)
    found = []
    for name in differences([each.variant for each in record.finished]):
        value = used.get(name)
        if name == "model" or value is None:
            continue
        shown = WORDS["compare_on" if value else "compare_off"][0] if isinstance(value, bool) else f"{value:g}"
        found.append(f"{WORDS[f'compare_{name}'][0]}: {shown}")
    return "\n".join([f"{column.letter}  {used['model']}", *found])


def _plain(name: str) -> str:
    return re.sub(r"[^\w-]+", "-", name)


def _write_csv(record: Record, path: Path) -> None:
    write_text(path, to_csv(record))


def _write_video(record: Record, path: Path, progress: Progress) -> None:
    columns = record.finished
    settings = {column.letter: used_settings(column) for column in columns}
    models = ", ".join(dict.fromkeys(each["model"] for each in settings.values()))
    note = Provenance(model=models, seed=columns[0].variant.seed, settings=settings)
    captions = [caption(record, column) for column in columns]
    write_beside([column.output for column in columns], captions, path, note, progress)


def _write_zip(record: Record, path: Path) -> None:
    about = {
        "made": when(record.made),
        "version": record.version,
        **record.names,
        "columns": [
            {"column": column.letter, "settings": used_settings(column), "numbers": column.numbers}
            for column in record.finished
        ],
        "quantities": {name: dataclasses.asdict(quantity) for name, quantity in QUANTITIES.items()},
    }
    with written_whole(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for column in record.finished:
            archive.write(column.output, f"{column.letter}_{_plain(used_settings(column)['model'])}.mp4")
        beside = path_of(record, "video")
        if beside.is_file():
            archive.write(beside, beside.name)
        if not record.single:
            archive.writestr(KINDS["csv"], to_csv(record))
        archive.writestr("comparison.json", json.dumps(about, indent=2, ensure_ascii=False))
