"""The table of jobs: one video a row, read as it is needed, however long it is."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path, PurePosixPath

from ..config import RunSettings
from ..errors import InputError

PARTS = ("portrait", "audio", "motion")
NUMBERS = {"seed": int, "steps": int, "seconds": float, "guidance_audio": float, "guidance_image": float,
           "from_layers": float, "crop": float}  # fmt: skip
SWITCHES = {
    "no_head_stream": "head_stream",
    "no_codebook": "codebook",
    "no_calibration": "calibrate",
    "no_mark": "mark",
}
COLUMNS = (*PARTS, "name", "fps", "size", *NUMBERS, *SWITCHES)
"""Named as the options of `animate`, with - or _; `voice` is another name of `audio`."""
TOGETHER = 8
"""Rows of one portrait that a worker gets at a time, at most: the portrait is taken apart once for them."""
_YES, _NO = ("1", "yes", "true", "on"), ("", "0", "no", "false", "off")
LONGEST_NAME = 180


@dataclass(frozen=True)
class Row:
    """One video to make: row `number` of the table, counted from 1 below the head. `motion`: a path, or the name of a
    clip that ships; `name`: of the video, without ending, "" for one made of the inputs' names and the hash.

    error: why this row cannot be made, "" when it can; with an error the other fields are meaningless.
    """

    number: int
    portrait: Path = Path()
    audio: Path = Path()
    motion: str = "calm"
    fps: float | None = None
    name: str = ""
    settings: RunSettings = field(default_factory=RunSettings)
    error: str = ""


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a CSV file (UTF-8, with a head); relative paths are relative to it.

    Errors: InputError for a file that cannot be read or a head that is wrong; an error in a row is stored in the row.
    """
    base = path.absolute().parent
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            head = _columns(next(reader, []), path)
            for number, values in enumerate((values for values in reader if any(map(str.strip, values))), start=1):
                try:
                    yield _row(number, head, values, base)
                except InputError as error:
                    yield Row(number, error=str(error))
    except OSError as error:
        raise InputError(f"{path} cannot be read: give the path of a CSV file.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is no table that can be read: save it as CSV in UTF-8.") from error


def chunks(rows: Iterator[Row]) -> Iterator[tuple[Row, ...]]:
    """Groups of neighbouring rows with the same portrait, at most TOGETHER in each."""
    for _, same in groupby(rows, key=lambda row: row.portrait):
        while chunk := tuple(islice(same, TOGETHER)):
            yield chunk


def _columns(head: list[str], path: Path) -> list[str]:
    names = [name.strip().lower().replace("-", "_") for name in head]
    names = ["audio" if name == "voice" else name for name in names]
    if unknown := [name for name in names if name not in COLUMNS]:
        shown = unknown[0][:40]
        hint = " (separate columns by commas)" if ";" in shown or "\t" in shown else ""
        raise InputError(f"{path.name} has a column {shown!r}: there are {', '.join(COLUMNS)}{hint}.")
    if missing := [name for name in ("portrait", "audio") if name not in names]:
        raise InputError(f"{path.name} has no column {missing[0]}: its first line names the columns.")
    if len(set(names)) < len(names):
        raise InputError(f"{path.name} names a column twice: leave one out.")
    return names


def _row(number: int, head: list[str], values: list[str], base: Path) -> Row:
    if len(values) > len(head):
        raise InputError(f"The row has {len(values)} values for {len(head)} columns: put what has commas in quotes.")
    given = {name: value.strip() for name, value in zip(head, values, strict=False)}
    for name in ("portrait", "audio"):
        if not given.get(name):
            raise InputError(f"The row names no {name}: give a path.")
    numbers = {name: _number(name, given[name], kind) for name, kind in NUMBERS.items() if given.get(name)}
    switches = {field: not _flag(name, given.get(name, "")) for name, field in SWITCHES.items()}
    size = {}
    if given.get("size"):
        from ..commands.animate import parse_size

        size = dict(zip(("width", "height"), parse_size(given["size"]), strict=True))
    motion = given.get("motion") or "calm"
    if (base / motion).exists():
        motion = str(base / motion)
    return Row(
        number,
        base / given["portrait"],
        base / given["audio"],
        motion,
        _number("fps", given["fps"], float) if given.get("fps") else None,
        _name(given.get("name", "")),
        RunSettings(**numbers, **switches, **size),  # type: ignore[arg-type]
    )


def _number(name: str, text: str, kind: type[int] | type[float]) -> float:
    try:
        return kind(text)
    except ValueError:
        raise InputError(f"{name} is {text[:40]!r}: write a number.") from None


def _flag(name: str, text: str) -> bool:
    if text.lower() not in (*_YES, *_NO):
        raise InputError(f"{name} is {text[:40]!r}: write yes, or leave it empty.")
    return text.lower() in _YES


def _name(text: str) -> str:
    """A name, perhaps with folders, that stays within the output folder. Errors: InputError."""
    path = PurePosixPath(text.removesuffix(".mp4"))
    if text and (path.is_absolute() or any(part.startswith(".") for part in path.parts) or "\\" in text):
        raise InputError(f"The name {text[:60]!r} leads out of the output folder: give one without dots in front.")
    if len(text) > LONGEST_NAME:
        raise InputError(f"The name {text[:40]!r}... is too long: give one of at most {LONGEST_NAME} letters.")
    return str(path) if text else ""
