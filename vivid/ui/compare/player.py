"""A comparison as shown on the page: synchronised videos, their inputs, and a table of numbers."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

from ..strings import both, both_of
from ..widgets import when
from .downloads import used_settings
from .inputs import in_both_languages
from .measures import QUANTITIES
from .record import Column, Record
from .settings import INPUTS, SETTINGS, differences
from .words import WORDS

FOLDER = Path(__file__).parent
ARROWS = {"higher": "↑", "lower": "↓", None: ""}
SPEEDS = (0.25, 0.5, 1)


def show(record: Record, keep_seconds: float) -> str:
    """The player's value: JSON with each column's video or error, and HTML for the rest."""
    differ = differences([column.variant for column in record.columns])
    return json.dumps(
        {
            "token": record.token,
            "single": record.single,
            "columns": [
                {
                    "letter": column.letter,
                    "url": f"gradio_api/file={column.output}" if column.result else "",
                    "caption": _caption(column, differ),
                    "error": both_of(column.error) if column.error else "",
                    "notices": "".join(f"<p>{both_of(text)}</p>" for text in column.result.notices)
                    if column.result
                    else "",
                }
                for column in record.columns
                if column.result or column.error
            ],
            "about": about(record, keep_seconds),
            "table": table(record),
        }
    )


def _caption(column: Column, differ: list[str]) -> str:
    """The settings in which this column differs from the others, as HTML."""
    used = used_settings(column) if column.result else {}
    found = [f"<b>{html.escape(str(used['model']))}</b>"] if used else []
    for name in differ:
        value = used.get(name, getattr(column.variant, name))
        if name != "model" and value is not None:
            found.append(f"{both(f'compare_{name}')}: <b>{_setting(value)}</b>")
    return "<br>".join(found)


def _setting(value: Any) -> str:
    if isinstance(value, bool):
        return both("compare_on" if value else "compare_off")
    return html.escape(f"{value:g}" if isinstance(value, int | float) else str(value))


def about(record: Record, keep_seconds: float) -> str:
    """Inputs, date, version and expiry, as HTML."""
    names = {kind: both("value", value=in_both_languages(kind, record.names[kind])) for kind in INPUTS}
    inputs = " · ".join(f"{both(f'compare_{kind}')}: <b>{name}</b>" for kind, name in names.items())
    made = both("compare_made", made=when(record.made), version=record.version)
    kept = both("compare_kept", until=when(record.made + keep_seconds))
    return f"<p>{inputs}</p><p>{made} {kept}</p>"


def table(record: Record) -> str:
    """Settings and numbers as an HTML table, without rows that are empty for all columns."""
    columns = record.finished
    if not columns:
        return ""
    head = "".join(f"<th>{column.letter}</th>" for column in columns)
    rows = [_row(both("compare_model"), [html.escape(column.result.model) for column in columns if column.result])]
    used = [used_settings(column) for column in columns]
    rows.append(_row(both("compare_row_size"), [f"{each['width']} × {each['height']}" for each in used]))
    for name in SETTINGS:
        values = [each.get(name) for each in used]
        if all(value is None for value in values):
            continue
        rows.append(_row(both(f"compare_{name}"), ["–" if value is None else _setting(value) for value in values]))
    for name, quantity in QUANTITIES.items():
        numbers = [column.numbers.get(name) for column in columns]
        if any(number is not None for number in numbers):
            better = both(f"compare_better_{quantity.better}") if quantity.better else ""
            arrow = f' <span class="vc-better" aria-hidden="true">{ARROWS[quantity.better]}</span>'
            spoken = f'<span class="vivid-spoken">{better}</span>' if better else ""
            unit = f' <span class="vc-unit">{both(f"compare_unit_{name}")}</span>' if quantity.unit else ""
            rows.append(_row(both(f"compare_row_{name}") + unit + arrow + spoken, [_number(each) for each in numbers]))
    return f"<thead><tr><th></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"


def _row(title: str, cells: list[str]) -> str:
    return f"<tr><th>{title}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return str(value) if isinstance(value, int) else f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def script() -> str:
    """The player's script, with the texts that it shows."""
    code = (FOLDER / "player.js").read_text("utf-8")
    return f"const TEXT = {json.dumps(WORDS, ensure_ascii=False)};\n{code}"


def style() -> str:
    """The tab's style sheet for the page's head: launch(css=) would rewrite its selectors."""
    return f"<style>{(FOLDER / 'player.css').read_text('utf-8')}</style>"


def skeleton() -> str:
    """The player's HTML. Gradio treats it as a template: no backticks, no dollar signs."""
    speeds = "".join(
        f'<option value="{speed}"{" selected" if speed == 1 else ""}>× {speed}</option>' for speed in SPEEDS
    )
    return f"""
<p class="vc-empty">{both("compare_empty")}</p>
<div class="vc-record"></div>
<div class="vc-videos"></div>
<div class="vc-controls">
  <button type="button" class="vc-back" data-in-title="compare_back">‹</button>
  <button type="button" class="vc-play" data-in-title="compare_play">▶</button>
  <button type="button" class="vc-forward" data-in-title="compare_forward">›</button>
  <input type="range" class="vc-seek" min="0" max="1000" value="0" data-in-title="compare_seek">
  <span class="vc-time"></span>
  <select class="vc-speed" data-in-title="compare_speed">{speeds}</select>
  <select class="vc-sound" data-in-title="compare_sound_from"></select>
</div>
<div class="vc-results">
  <table class="vc-table"></table>
  <p class="vc-explained">{both("compare_explained")}</p>
</div>
"""
