"""Tables as in the paper: Markdown, CSV and LaTeX, with best and second marked, intervals, and reasons for gaps."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from .metrics import REGISTRY, TABLE_1, TABLE_2
from .protocol import MethodRow, Value

Marks = Mapping[str, tuple[float | None, float | None]]
"""Metric -> the best and the second value as they are printed."""


def columns_of(metrics: Sequence[str]) -> dict[str, list[str]]:
    """Title -> columns: the paper's two tables, and a further one for metrics in neither."""
    tables = {
        "Table 1": [key for key in TABLE_1 if key in metrics],
        "Table 2": [key for key in TABLE_2 if key in metrics],
        "Further numbers": [key for key in metrics if key not in {*TABLE_1, *TABLE_2}],
    }
    return {title: columns for title, columns in tables.items() if columns}


def printed(value: float) -> str:
    """Three digits after the point below ten, two above."""
    text = f"{value:.3f}" if abs(value) < 9.9995 else f"{value:.2f}"
    return text.removeprefix("-") if not text.strip("-0.") else text


def interval(value: Value) -> str:
    """The 95 % interval, as numbers; empty for one clip."""
    return "" if value.low is None or value.high is None else f"{printed(value.low)} to {printed(value.high)}"


def marks_of(rows: Sequence[MethodRow], keys: Sequence[str]) -> Marks:
    """Best and second among the methods that compete, compared as they are printed; none with one method."""
    marks: dict[str, tuple[float | None, float | None]] = {}
    for key in keys:
        direction = REGISTRY[key].direction
        values = {float(printed(row.values[key].value)) for row in rows if row.competes and key in row.values}
        order = sorted(values, reverse=direction == "higher")
        enough = direction is not None and len(order) > 1
        marks[key] = (order[0], order[1]) if enough else (None, None)
    return marks


def rank(row: MethodRow, key: str, marks: Marks) -> str:
    """ "best", "second" or ""."""
    if not row.competes or key not in row.values:
        return ""
    value = float(printed(row.values[key].value))
    return "best" if value == marks[key][0] else "second" if value == marks[key][1] else ""


def title_of(key: str) -> str:
    """Name, unit and arrow of a column."""
    metric = REGISTRY[key]
    return " ".join(part for part in (metric.name, f"({metric.unit})" if metric.unit else "", metric.arrow) if part)


def markdown(rows: Sequence[MethodRow], keys: Sequence[str]) -> str:
    """Bold is best, underlined (as HTML) second; "-" was not computed."""
    marks = marks_of(rows, keys)
    lines = ["| Method | " + " | ".join(map(title_of, keys)) + " |", "|---|" + "---|" * len(keys)]
    around = {"best": ("**", "**"), "second": ("<u>", "</u>"), "": ("", "")}
    for row in rows:
        cells = []
        for key in keys:
            if key not in row.values:
                cells.append("-")
                continue
            before, after = around[rank(row, key, marks)]
            spread = interval(row.values[key])
            cells.append(f"{before}{printed(row.values[key].value)}{after}" + (f" ({spread})" if spread else ""))
        lines.append(f"| {row.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def latex(rows: Sequence[MethodRow], keys: Sequence[str]) -> str:
    """A tabular for booktabs, without the intervals; bold is best, underlined second."""
    marks = marks_of(rows, keys)
    arrows = {"higher": r" $\uparrow$", "lower": r" $\downarrow$", None: ""}
    heads = [_escaped(REGISTRY[key].name) + arrows[REGISTRY[key].direction] for key in keys]
    lines = [r"\begin{tabular}{l" + "c" * len(keys) + "}", r"\toprule", " & ".join(["Method", *heads]) + r" \\"]
    lines.append(r"\midrule")
    around = {"best": r"\textbf{%s}", "second": r"\underline{%s}", "": "%s"}
    for row in rows:
        cells = [
            around[rank(row, key, marks)] % printed(row.values[key].value) if key in row.values else "--"
            for key in keys
        ]
        lines.append(" & ".join([_escaped(row.name), *cells]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _escaped(text: str) -> str:
    return "".join("\\" + letter if letter in "&%$#_{}" else letter for letter in text)


def as_csv(rows: Sequence[MethodRow], keys: Sequence[str]) -> str:
    """One line for each method and metric: everything there is, unrounded; the last column says why there is no
    value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["method", "metric", "name", "unit", "better", "value", "low_95", "high_95", "clips", "not_computed"]
    )
    for row in rows:
        for key in keys:
            metric, value = REGISTRY[key], row.values.get(key)
            numbers = ["", "", "", 0] if value is None else [value.value, value.low, value.high, value.clips]
            reason = row.missing.get(key, "") if value is None else ""
            writer.writerow([row.name, key, metric.name, metric.unit, metric.direction or "", *numbers, reason])
    return text.getvalue()


def notes(rows: Sequence[MethodRow], keys: Sequence[str], clips: int) -> list[str]:
    """Sentences under a table: what was not computed and why, over fewer clips, or not done at all."""
    reasons: dict[tuple[str, str], list[str]] = {}  # why, and of which methods -> names of metrics
    partly = []
    for key in keys:
        name = REGISTRY[key].name
        lacking: dict[str, list[str]] = {}
        for row in rows:
            if key in row.missing and (row.competes or not REGISTRY[key].compares):
                lacking.setdefault(row.missing[key], []).append(row.name)
            if key in row.values and row.values[key].clips < clips:
                partly.append(f"{name} of {row.name}: over {row.values[key].clips} of {clips} clips.")
        for reason, methods in lacking.items():
            nowhere = len(lacking) == 1 and not any(key in row.values for row in rows)
            reasons.setdefault((reason, "" if nowhere else f" of {', '.join(methods)}"), []).append(name)
    said = [f"{', '.join(names)}{where} not computed: {reason}." for (reason, where), names in reasons.items()] + partly
    for row in rows:
        said += [f"{row.name} has no {clip}: {reason}" for clip, reason in row.failed.items()]
    return said
