"""The progress of a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..animate.progress import progress
from ..strings import both
from ..widgets import line, lines, plain_line
from .record import Record

if TYPE_CHECKING:
    from ..context import Context


def state_line(context: Context, record: Record) -> str:
    """The current state of a comparison, as HTML."""
    column = record.current
    if column is None:
        if record.stopped:
            return lines(line("info", "job_stopped"))
        if record.single:
            return lines(plain_line("ok", f'{both("compare_single")} <a href="?">{both("compare_single_next")}</a>'))
        return lines(line("ok", "compare_done") if record.finished else line("bad", "compare_none"))
    values = {"letter": column.letter, "count": len(record.columns)}
    job = context.jobs.find(column.job)
    if column.measuring:
        return lines(line("info", "compare_measuring", **values))
    if job is None or job.finished:
        return lines(line("info", "compare_waiting", **values))
    ready = context.engine_of(column.variant.model).loaded is not None
    return f'<p class="vc-at">{both("compare_working", **values)}</p>' + progress(job, context.jobs, ready)
