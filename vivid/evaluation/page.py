"""The report as one page: tables, intervals as small plots, and pictures as in the paper's figures 4 to 6."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from ..media.outputs import write_text
from ..training.ablations import ABLATIONS
from .metrics import REGISTRY
from .protocol import PORTRAIT, MethodRow, file_name
from .tables import columns_of, interval, marks_of, notes, printed, rank, title_of

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1e26; --soft: #5d6270; --line: #d9dce4; --paper: #fff; --panel: #f5f6f9;
  --best: #3d4fd0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e9ee; --soft: #a3a8b6; --line: #363a46; --paper: #15171d;
  --panel: #1e2129; --best: #9aa8ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 1.5rem 1rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; font-weight: 600; }
p, li { color: var(--soft); max-width: 75ch; } p.lead { margin-top: 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; white-space: nowrap; }
th, td { padding: .35rem .75rem; text-align: right; border-bottom: 1px solid var(--line); vertical-align: top; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: var(--paper); }
th { font-weight: 600; } th small, td small { display: block; color: var(--soft); font-weight: 400; font-size: .75rem; }
.best { font-weight: 700; color: var(--best); } .second { text-decoration: underline; text-underline-offset: 3px; }
.apart td { color: var(--soft); }
ul { padding-left: 1.2rem; margin: .5rem 0; font-size: .875rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); gap: 1rem; }
.plots figure { margin: 0; background: var(--panel); border-radius: 8px; padding: .75rem; }
figcaption { font-weight: 600; font-size: .875rem; margin-bottom: .25rem; }
svg { width: 100%; height: auto; display: block; } svg text { font: 11px system-ui, sans-serif; fill: var(--soft); }
svg .value { fill: var(--ink); text-anchor: end; } svg line { stroke: var(--line); }
svg .bar { stroke: var(--soft); stroke-width: 2; } svg circle { fill: var(--best); }
.case { display: grid; grid-template-columns: 9rem 1fr; gap: .25rem .75rem; align-items: center; }
.case span { font-size: .875rem; color: var(--soft); } .case img { display: block; max-width: 100%; height: auto;
  border-radius: 4px; }
@media (max-width: 640px) { .case { grid-template-columns: 1fr; } .case span { margin-top: .5rem; } }
"""


def write_page(
    rows: Sequence[MethodRow],
    metrics: Sequence[str],
    clips: Sequence[str],
    lead: Sequence[str],
    extra: Sequence[tuple[str, str]],
    folder: Path,
) -> None:
    """index.html in `folder`, beside pictures/. lead: sentences on what was measured; extra: (title, Markdown)."""
    body = ["<h1>Measured videos</h1>", *(f'<p class="lead">{escape(line)}</p>' for line in lead)]
    for title, keys in columns_of(metrics).items():
        shown = [key for key in keys if any(key in row.values for row in rows)]
        body += [f"<h2>{title}</h2>", _table(rows, keys)]
        if said := notes(rows, keys, len(clips)):
            body.append("<ul>" + "".join(f"<li>{escape(note)}</li>" for note in said) + "</ul>")
        if shown:
            body.append('<div class="plots">' + "".join(_plot(rows, key) for key in shown) + "</div>")
    for title, text in extra:
        body += [f"<h2>{escape(title)}</h2>", f"<pre>{escape(text)}</pre>"]
    body.append("<h2>Pictures</h2><p>The portrait and the motion that drives it; then frames of each video.</p>")
    for clip in clips:
        body += [f"<h3>{escape(clip)}</h3>", _pictures([row.name for row in rows], clip, folder, portrait=True)]
    body += _pairs(rows, clips, folder)
    body.append("<h2>What the numbers are</h2><ul>")
    body += [f"<li><b>{escape(REGISTRY[key].name)}</b>: {escape(REGISTRY[key].meaning)}.</li>" for key in metrics]
    body.append("</ul>")
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    head += f"<title>Measured videos</title><style>{_STYLE}</style>"
    text = "\n".join(body)
    write_text(
        folder / "index.html", f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>{text}</body></html>\n'
    )


def _table(rows: Sequence[MethodRow], keys: Sequence[str]) -> str:
    marks = marks_of(rows, keys)
    heads = []
    for key in keys:
        metric = REGISTRY[key]
        unit = f"<small>{escape(metric.unit)}</small>" if metric.unit else ""
        heads.append(f"<th>{escape(metric.name)} {metric.arrow}{unit}</th>")
    lines = ["<tr><th>Method</th>" + "".join(heads) + "</tr>"]
    for row in rows:
        cells = []
        for key in keys:
            if key not in row.values:
                cells.append(f'<td title="{escape(row.missing.get(key, ""), quote=True)}">-</td>')
                continue
            value = row.values[key]
            spread = f"<small>{interval(value)}</small>" if value.low is not None else ""
            cells.append(f'<td><span class="{rank(row, key, marks)}">{printed(value.value)}</span>{spread}</td>')
        kind = "" if row.competes else ' class="apart"'
        lines.append(f"<tr{kind}><td>{escape(row.name)}</td>" + "".join(cells) + "</tr>")
    return '<div class="wide"><table>' + "".join(lines) + "</table></div>"


def _plot(rows: Sequence[MethodRow], key: str) -> str:
    """A dot for each method's value and a bar for its interval."""
    shown = [row for row in rows if key in row.values]
    ends = [end for row in shown for v in (row.values[key],) for end in (v.value, v.low, v.high) if end is not None]
    low, high = min(ends), max(ends)
    room = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
    low, high = low - room, high + room
    left, right, step = 118.0, 300.0, 22

    def place(value: float) -> float:
        return left + (value - low) / (high - low) * (right - left)

    parts = []
    for number, row in enumerate(shown):
        y, value = 14 + number * step, row.values[key]
        name = row.name if len(row.name) <= 18 else row.name[:17] + "…"
        parts.append(f'<text x="0" y="{y + 4}">{escape(name)}<title>{escape(row.name)}</title></text>')
        parts.append(f'<line x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>')
        if value.low is not None and value.high is not None:
            ends_of = f'x1="{place(value.low):.1f}" x2="{place(value.high):.1f}"'
            parts.append(f'<line class="bar" {ends_of} y1="{y}" y2="{y}"/>')
        parts.append(f'<circle cx="{place(value.value):.1f}" cy="{y}" r="4"/>')
        parts.append(f'<text class="value" x="358" y="{y + 4}">{printed(value.value)}</text>')
    height = 8 + len(shown) * step
    caption = f"<figcaption>{escape(title_of(key))}</figcaption>"
    label = escape(f"{REGISTRY[key].name} of each method", quote=True)
    drawing = "".join(parts)
    return f'<figure>{caption}<svg viewBox="0 0 360 {height}" role="img" aria-label="{label}">{drawing}</svg></figure>'


def _pictures(names: Sequence[str], clip: str, folder: Path, portrait: bool = False) -> str:
    cells = []
    for name in (*([PORTRAIT] if portrait else []), *names):
        path = Path("pictures") / file_name(name) / f"{clip}.jpg"
        if (folder / path).exists():
            alt = escape(f"{name}, {clip}", quote=True)
            cells.append(f'<span>{escape(name)}</span><img loading="lazy" src="{path.as_posix()}" alt="{alt}">')
    return f'<div class="case">{"".join(cells)}</div>'


def _pairs(rows: Sequence[MethodRow], clips: Sequence[str], folder: Path) -> list[str]:
    """With and without a part, one below the other: like the paper's figure 6 for the pose calibration."""
    names = {row.name for row in rows}
    body = []
    for ablation in ABLATIONS.values():
        ending = " " + ablation.title
        for name in sorted(name for name in names if name.endswith(ending) and name.removesuffix(ending) in names):
            part = ablation.title.removeprefix("w/o ")
            body.append(f"<h2>{escape(name.removesuffix(ending))} with and without {escape(part)}</h2>")
            for clip in clips:
                body += [f"<h3>{escape(clip)}</h3>", _pictures([name.removesuffix(ending), name], clip, folder)]
    return body
