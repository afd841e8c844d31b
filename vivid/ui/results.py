"""What a job shows while it waits and works, and its result."""

from __future__ import annotations

import html
from typing import Any

from .jobs import DONE, FAILED, RUNNING, STOPPED, WAITING, Job, JobRunner
from .strings import both, parts
from .widgets import duration, line, lines, said


def progress_bar(share: float, text: str) -> str:
    """A bar with text under it; `share` in 0..1, negative for work without a known end."""
    width = 100 * min(max(share, 0.0), 1.0)
    busy = " vivid-busy" if share < 0 else ""
    now = "" if share < 0 else f' aria-valuenow="{width:.0f}"'
    return (
        f'<div class="vivid-progress{busy}" role="progressbar" aria-valuemin="0" aria-valuemax="100"{now}>'
        f'<div style="width:{width:.1f}%"></div></div><p class="vivid-progress-text" role="status">{text}</p>'
    )


def progress(job: Job, runner: JobRunner, model_ready: bool) -> str:
    """The state of a job as HTML."""
    if job.state == WAITING:
        before = runner.position(job)
        return progress_bar(-1, both("job_waiting", before=before) if before else both("job_next"))
    if job.state == RUNNING:
        if not model_ready:
            return progress_bar(-1, both("job_loading"))
        if job.cancelled.is_set():
            return progress_bar(-1, both("job_stopping"))
        step = job.event
        if step is None or not hasattr(step, "phase"):
            return progress_bar(
                0.0 if step is None else 1.0, both("job_preparing" if step is None else "job_finishing")
            )
        key = "job_decoding" if step.phase == "decode" else "job_step"
        share = _share(step, job.sampled)
        left = both("job_left", time=duration(step.seconds_left)) if step.seconds_left is not None else ""
        return progress_bar(share, f"{both(key, done=step.done, total=step.total)} {left}")
    if job.state == STOPPED:
        return lines(line("info", "job_stopped"))
    if job.state == FAILED:
        return lines(said("bad", job.error))
    return ""


def _share(step: Any, sampled: bool) -> float:
    """Of the whole work: where there is sampling it is most of it, else painting the frames is all."""
    part = step.done / max(step.total, 1)
    if not sampled:
        return part
    return 0.9 * part if step.phase != "decode" else 0.9 + 0.1 * part


def finished_line(job: Job) -> str:
    """What stands under the video: its length, what of the portrait stays still, what the model lacks."""
    result = job.details.get("result", {})
    items = [
        line(
            "ok",
            "job_done",
            seconds=f"{result.get('frames', 0) / max(result.get('fps', 24), 1):.1f}",
            time=duration(float(result.get("seconds", 0.0))),
            seed=result.get("seed", 0),
        )
    ]
    items += [said("info", text) for text in result.get("notices") or ()]
    if result.get("untrained"):
        items.append(line("info", "job_untrained", parts=parts(result["untrained"])))
    return lines(*items)


def caption(job: Job) -> str:
    """What stands under a poster."""
    result = job.details.get("result", {})
    return html.escape(f"{job.details.get('motion', '')} · {result.get('seed', '')}".strip(" ·"))


def listed(names: Any, runner: JobRunner) -> list[Job]:
    """This visitor's finished jobs, newest first, of the names their browser keeps."""
    found = [runner.find(name) for name in (names if isinstance(names, list) else [])]
    return [job for job in found if job is not None and job.state == DONE and job.output.is_file()]
