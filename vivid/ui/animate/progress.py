"""HTML about a job: waiting, working, finished."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

from ..generation import is_cropped
from ..jobs import DONE, FAILED, RUNNING, STOPPED, WAITING, Job, JobRunner
from ..strings import STRINGS, both, say
from ..widgets import duration, line, lines, said


def progress_bar(share: float, text: str) -> str:
    """A bar with text under it; `share` in 0..1, negative if it is unknown."""
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
        share, left = job.read_clock()
        if job.cancelled.is_set():
            return progress_bar(share, both("job_stopping"))
        text = _doing(job.event)
        if left is not None and hasattr(job.event, "phase"):
            text += " " + both("job_left", time=duration(left))
        return progress_bar(share, text)
    if job.state == STOPPED:
        return lines(line("info", "job_stopped"))
    if job.state == FAILED:
        return lines(said("bad", job.error))
    return ""


def _doing(event: Any) -> str:
    """The current step of a run."""
    phase = getattr(event, "phase", None)
    if phase in ("decode", "denoise"):
        return both("job_decoding" if phase == "decode" else "job_step", done=event.done, total=event.total)
    return both("job_preparing" if event is None or phase is not None else "job_finishing")


def finished_line(job: Job) -> str:
    """The lines below a finished video: its length, and what stays still."""
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
    return lines(*items)


def caption(job: Job, request: gr.Request) -> str:
    """The caption of a poster, in the visitor's language."""
    motion = str(job.details.get("motion", ""))
    motion = say(f"clip_{motion}", request) if f"clip_{motion}" in STRINGS else motion
    return html.escape(" · ".join(filter(None, (job.details.get("portrait"), motion))))


def settings_table(job: Job) -> str:
    """How a video was made, as an HTML table; only what its model uses."""
    result = job.details.get("result", {})
    settings = result.get("settings", {})
    size = f"{settings.get('width')} × {settings.get('height')}" if settings.get("width") else None
    rows = {
        "row_made": job.details.get("made"),
        "step_portrait": job.details.get("portrait"),
        "step_voice": job.details.get("voice"),
        "row_motion": STRINGS.get(f"clip_{job.details.get('motion')}", job.details.get("motion")),
        "row_model": result.get("model"),
        "row_size": size,
        "row_crop": settings["crop"] if job.inputs and is_cropped(job.inputs[0], settings) else None,
        "steps_label": settings.get("steps"),
        "seed_label": result.get("seed"),
        "row_time": duration(float(result["seconds"])) if "seconds" in result else None,
    }
    told = [(key, value) for key, value in rows.items() if value not in (None, "")]
    cells = "".join(f"<tr><th>{both(key)}</th><td>{both('value', value=value)}</td></tr>" for key, value in told)
    return f'<table class="vivid-table vivid-about-table"><tbody>{cells}</tbody></table>' if told else ""


def listed(names: Any, runner: JobRunner) -> list[Job]:
    """The finished jobs among the names stored in this visitor's browser, newest first."""
    found = [runner.find(name) for name in (names if isinstance(names, list) else [])]
    return [job for job in found if job is not None and job.state == DONE and job.output.is_file()]
