"""The calibration report as HTML: for the experts of the Animate tab, and for annotators."""

from __future__ import annotations

import html

from ..pose.report import CalibrationReport, Segment
from .strings import STRINGS, both, both_of
from .widgets import lines, plain_line

MEASURES = ("bone_error", "reach", "inside")


def measures_table(report: CalibrationReport) -> str:
    """How well the clip fitted the person before and after calibration."""
    rows = ""
    for name in MEASURES:
        tip = html.escape(" / ".join(STRINGS[f"report_{name}_tip"]), quote=True)  # attributes hold one language only
        cells = (f"<td>{_percent(getattr(each, name), 1)}</td>" for each in (report.before, report.after))
        rows += f'<tr title="{tip}"><th>{both(f"report_{name}")}</th>{"".join(cells)}</tr>'
    return _table(("", "before", "after"), rows)


def parts_table(report: CalibrationReport) -> str:
    """What was done to each part of the body, and remarks about it."""
    rows = f"<tr><th>{both('report_size')}</th><td></td><td></td><td>× {report.size:.2f}</td><td></td></tr>"
    rows += "".join(_row(segment, report.after.bones.get(segment.name)) for segment in report.segments)
    notes = [f"{_part(each.part)}: {both_of(each.reason)}" for each in report.fallbacks]
    for clamp in report.clamps:
        values = {"measured": f"{clamp.measured:.2f}", "used": f"{clamp.used:.2f}"}
        notes.append(f"{_part(clamp.factor)}: {both('report_clamp', **values)}")
    if report.contact is not None and report.contact.near > 0:
        notes.append(both("report_contact", share=f"{100 * report.contact.moved:.0f}"))
    table = _table(("part", "reference", "driving", "factor", "error"), rows)
    remarks = lines(*(plain_line("info", note) for note in notes))
    return table + _folded(both("report_remarks", count=len(notes)), remarks) if notes else table


def report_table(report: CalibrationReport) -> str:
    """Both, the second one folded."""
    return measures_table(report) + _folded(both("report_details"), parts_table(report))


def _folded(title: str, content: str) -> str:
    return f'<details class="vivid-details"><summary>{title}</summary>{content}</details>'


def _row(segment: Segment, error: float | None) -> str:
    mark = ""
    if segment.state != "ok":
        mark = f' <span class="vivid-limit">{both(f"report_{segment.state}")}</span>'
    lengths = ("–" if length is None else f"{length:.0f}" for length in (segment.reference, segment.driving))
    cells = [*lengths, f"× {segment.factor:.2f}", _percent(error, 1)]
    return f"<tr><th>{_part(segment.name)}{mark}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _table(columns: tuple[str, ...], rows: str) -> str:
    head = "".join(f"<th>{both(f'report_{name}') if name else ''}</th>" for name in columns)
    return f'<table class="vivid-table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _part(name: str) -> str:
    key = f"report_{name}"
    return both(key) if key in STRINGS else name.replace("_", " ")


def _percent(share: float | None, digits: int) -> str:
    return "–" if share is None else f"{100 * share:.{digits}f} %"
