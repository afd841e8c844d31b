"""What of a comparison can be taken along: its numbers as CSV, its videos side by side, everything as a ZIP."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ...media.beside import write_beside
from ...media.outputs import write_text, written_whole
from ...media.provenance import Provenance
from ..strings.compare import TABLE
from .measures import QUANTITIES
from .record import Column, Record, new_file, when
from .settings import FIELDS, INPUTS, differences

if TYPE_CHECKING:
    from ..context import Context

KINDS = {"csv": "comparison.csv", "video": "side-by-side.mp4", "zip": "comparison.zip"}
"""What is offered -> the name of its file."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def make(context: Context, record: Record, kind: str) -> Path:
    """The file of one of KINDS, made when it is first asked for; it counts as the maker's. Errors: InputError."""
    if record.current is not None:
        raise InputError("The comparison is still being made: wait until it is done, or stop it.")
    path = record.folder / KINDS[kind]
    with record.writing:
        if not path.is_file():
            context.visitors.check_room(record.maker, _expected(record, kind))
            {"csv": _write_csv, "video": _write_video, "zip": _write_zip}[kind](record, path)
    return new_file(context, record.maker, path)


def _expected(record: Record, kind: str) -> int:
    sizes = sum(column.output.stat().st_size for column in record.finished)
    return sizes if kind == "zip" else 2 * sizes if kind == "video" else 0


def to_csv(record: Record) -> str:
    """Every number of a comparison in a row of its own (RFC 4180), with its unit and which way is better, the settings
    that it was made with, and what everything was made from."""
    settings = [name for name in FIELDS if name != "model"]
    head = ["made", "version", *INPUTS, "column", "model", "width", "height", *settings]
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
                title = TABLE[f"compare_row_{name}"][0]
                rows.writerow([*map(_cell, values), name, title, number, quantity.unit, quantity.better or "neither"])
    return text.getvalue()


def used_settings(column: Column) -> dict[str, Any]:
    """Generator, size and settings that a finished video was made with; those that have no effect on it left out."""
    assert column.result is not None
    found = {name: column.result.settings.get(name) for name in ("width", "height", *column.heeds)}
    return {"model": column.result.model, **found}


def caption(record: Record, column: Column) -> str:
    """What is written above a column of the side-by-side video, in Latin letters: the letters that its font has."""
    used = used_settings(column)
    found = []
    for name in differences([each.variant for each in record.finished]):
        value = used.get(name)
        if name == "model" or value is None:
            continue
        shown = TABLE["compare_on" if value else "compare_off"][0] if isinstance(value, bool) else f"{value:g}"
        found.append(f"{TABLE[f'compare_{name}'][0]}: {shown}")
    return "\n".join([f"{column.letter}  {used['model']}", *found])


def _cell(value: Any) -> Any:
    """A name that a table program would take for a formula becomes a text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _plain(name: str) -> str:
    return re.sub(r"[^\w-]+", "-", name)


def _write_csv(record: Record, path: Path) -> None:
    write_text(path, to_csv(record))


def _write_video(record: Record, path: Path) -> None:
    columns = record.finished
    if len(columns) < 2:
        raise InputError("Two finished videos are needed to stand side by side: wait for them, or compare again.")
    settings = {column.letter: used_settings(column) for column in columns}
    models = ", ".join(dict.fromkeys(each["model"] for each in settings.values()))
    note = Provenance(model=models, seed=columns[0].variant.seed, settings=settings)
    write_beside([column.output for column in columns], [caption(record, column) for column in columns], path, note)


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
        beside = path.with_name(KINDS["video"])
        if beside.is_file():
            archive.write(beside, beside.name)
        archive.writestr(KINDS["csv"], to_csv(record))
        archive.writestr("comparison.json", json.dumps(about, indent=2, ensure_ascii=False))
