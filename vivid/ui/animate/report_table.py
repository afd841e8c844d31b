"""The calibration report as HTML tables."""

from __future__ import annotations

from ...pose.report import CalibrationReport
from ..strings import STRINGS, both, both_of
from ..widgets import lines, plain_line

NOTABLE = 0.02
"""Smaller changes are shown as unchanged."""


def _change(factor: float) -> str:
    percent = round(100 * (factor - 1))
    if abs(factor - 1) < NOTABLE:
        return f'<td class="vivid-same">{both("report_same")}</td>'
    return f"<td>{percent:+d} %</td>"


def _part(name: str) -> str:
    key = f"report_{name}"
    return both(key) if key in STRINGS else name.replace("_", " ")


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} %"


def report_table(report: CalibrationReport) -> str:
    """The report as HTML: size, what was done to each body part, and the measures before and after."""
    rows = [f"<tr><th>{both('report_size')}</th><td>× {report.size:.2f}</td></tr>"]
    for segment in report.segments:
        mark = ""
        if segment.state in ("clamped", "fallback"):
            mark = f' <span class="vivid-limit">{both(f"report_{segment.state}")}</span>'
        # Factors of hands and faces are relative to the raw clip, all others to the scaled one.
        whole = segment.name == "face" or segment.name.endswith("hand")
        factor = segment.factor / report.size if whole else segment.factor
        rows.append(f"<tr><th>{_part(segment.name)}{mark}</th>{_change(factor)}</tr>")
    if report.contact is not None and report.contact.near > 0:
        rows.append(f"<tr><th>{both('report_contact')}</th><td>{100 * report.contact.moved:.0f} %</td></tr>")
    before, after = report.before, report.after
    measures = "".join(
        f"<tr><th>{both(key)}</th><td>{_percent(first)}</td><td>{_percent(second)}</td></tr>"
        for key, first, second in (
            ("report_bones", before.bone_error, after.bone_error),
            ("report_reach", before.reach, after.reach),
            ("report_inside", before.inside, after.inside),
        )
    )
    notes = [plain_line("info", f"{_part(fallback.part)}: {both_of(fallback.reason)}") for fallback in report.fallbacks]
    return (
        f'<table class="vivid-table"><thead><tr><th></th><th>{both("report_before")}</th>'
        f"<th>{both('report_after')}</th></tr></thead><tbody>{measures}</tbody></table>"
        f'<details class="vivid-details"><summary>{both("report_details")}</summary>'
        f'<table class="vivid-table"><tbody>{"".join(rows)}</tbody></table>{lines(*notes)}</details>'
    )
