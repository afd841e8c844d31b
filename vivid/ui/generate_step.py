"""Step 5: quality and settings, then the video."""

from __future__ import annotations

import dataclasses
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from ..config import RunSettings
from ..errors import InputError
from ..media.sound import write_wav
from ..pose.portrait import Portrait
from ..pose.skeleton import PoseClip
from ..speech.types import Speech
from . import examples, results
from .context import AnimateInputs, Context
from .controls import LARGEST_SEED, Controls, build_controls, keep_estimates, missing, read_settings
from .generation import line_up
from .jobs import DONE, Job, LineFullError, listen, settings_text
from .motion_step import describe as describe_motion
from .serving import EXPENSIVE, PREVIEW, PRIVATE, plainly
from .strings import both, t
from .widgets import heading, line, lines, said

KEPT_RESULTS = 8


@dataclass
class Sources:
    """Where a reloaded page gets its inputs back."""

    image: gr.Image
    audio: gr.Audio
    motion_verdict: gr.HTML
    motions: gr.Gallery | None


def build_generate_step(
    context: Context, inputs: AnimateInputs, known: gr.State, named: gr.State, calibrate: gr.Checkbox, sources: Sources
) -> Controls:
    """The card of step 5, the last results, and what happens on load. Needs the surrounding Blocks' load event."""
    with gr.Column(elem_classes=["vivid-card"]):
        gr.HTML(heading(5, "step_generate", "step_generate_hint"), padding=False)
        with gr.Row(equal_height=False):
            with gr.Column(scale=4, min_width=300):
                controls, dice = build_controls()
                status = gr.HTML(elem_id="model-status", padding=False)
                gr.HTML(
                    f'<p class="vivid-consent">{both("consent" if context.options.mark else "consent_no_mark")}</p>',
                    padding=False,
                )
                todo = gr.HTML(missing(None, None, None), elem_id="todo", padding=False)
                with gr.Row(elem_classes=["vivid-actions"]):
                    start_button = gr.Button(t("generate"), variant="primary", size="lg", elem_id="generate", scale=3)
                    stop_button = gr.Button(
                        t("stop"), variant="stop", size="lg", elem_id="stop", visible=False, scale=1, min_width=110
                    )
                with gr.Column(visible=False, elem_id="last-results") as last_box:
                    gr.HTML(f'<h3 class="vivid-sub">{both("last_results")}</h3>', padding=False)
                    last = gr.Gallery(
                        show_label=False,
                        columns=4,
                        height="auto",
                        allow_preview=False,
                        interactive=False,
                        object_fit="cover",
                        elem_classes=["vivid-thumbs"],
                        buttons=[],
                    )
            with gr.Column(scale=5, min_width=300):
                bar = gr.HTML(
                    f'<div class="vivid-empty">{both("result_empty")}</div>', elem_id="progress", padding=False
                )
                preview = gr.Image(
                    visible=False, show_label=False, interactive=False, height=420, elem_id="preview", buttons=[],
                    format="jpeg",
                    alt_text=t("preview_label"),
                )  # fmt: skip
                with gr.Column(visible=False, elem_id="result") as result_box:
                    video = gr.Video(show_label=False, height=480, elem_id="result-video", buttons=[], loop=True)
                    about = gr.HTML(elem_id="result-line", padding=False)
                    with gr.Row(elem_classes=["vivid-actions"]):
                        download = gr.DownloadButton(t("download"), variant="primary", size="sm", elem_id="download")
                        notes = gr.DownloadButton(t("download_settings"), size="sm", elem_id="download-settings")
                        again = gr.Button(t("again"), size="sm", elem_id="again")
                    with gr.Accordion(t("result_settings"), open=False):
                        details = gr.Code(language="json", show_label=False, interactive=False, buttons=["copy"])
    kept = gr.BrowserState([], storage_key="vividanimator-results", secret="not-a-secret")
    current = gr.State()

    def reveal(job: Job | None, names: Any, request: gr.Request) -> dict[Any, Any]:
        done = job is not None and job.state == DONE
        jobs = results.listed(names, context.jobs)
        posters = [(str(_poster(other)), results.caption(other)) for other in jobs if _poster(other).is_file()]
        update: dict[Any, Any] = {
            start_button: gr.Button(interactive=True),
            stop_button: gr.Button(visible=False),
            preview: gr.Image(None, visible=False),
            last: gr.Gallery(posters, selected_index=None),
            last_box: gr.Column(visible=len(posters) > 0),
            result_box: gr.Column(visible=done),
        }
        if job is not None and done:
            update |= {
                bar: "",
                video: str(job.output),
                about: results.finished_line(job),
                download: str(job.output),
                notes: str(_notes(job)) if _notes(job).is_file() else None,
                details: settings_text(job),
            }
        elif job is not None:
            update[bar] = results.progress(job, context.jobs, context.engine.ready)
        return update

    outputs = [
        bar, preview, result_box, video, about, download, notes, details, last, last_box, start_button, stop_button,
    ]  # fmt: skip

    async def watch(name: str | None, names: Any, request: gr.Request) -> AsyncIterator[dict[Any, Any]]:
        job = context.jobs.find(name)
        if job is None:
            yield {start_button: gr.skip()}  # a generator without a yield would empty its outputs
            return
        yield {
            start_button: gr.Button(interactive=False),
            stop_button: gr.Button(visible=True),
            result_box: gr.Column(visible=False),
            bar: results.progress(job, context.jobs, context.engine.ready),
        }
        shown = None
        async for now in listen(job):
            if now.finished:
                break
            update: dict[Any, Any] = {bar: results.progress(now, context.jobs, context.engine.ready)}
            if now.preview is not None and now.preview is not shown:
                shown = now.preview
                update[preview] = gr.Image(shown, visible=True)
            yield update
        yield reveal(job, names, request)

    def enlist(names: Any, job: Job) -> list[str]:
        old = [name for name in (names if isinstance(names, list) else []) if context.jobs.find(name) is not None]
        return [job.name, *old][:KEPT_RESULTS]

    def begin(
        portrait: Portrait | None, speech: Speech | None, motion: PoseClip | None, motion_name: str,
        use_calibration: bool, names: Any, quality: str, *values: Any, request: gr.Request,
    ) -> dict[Any, Any]:  # fmt: skip
        if portrait is None or speech is None or motion is None:
            return {current: None, bar: missing(portrait, speech, motion)}
        try:
            can = context.engine.capabilities
            settings = read_settings(can, *values, calibrate=use_calibration, mark=context.options.mark)
            return submit((portrait, speech, motion, settings), motion_name, quality, names, request)
        except InputError as error:
            return refused(error)

    def refused(error: InputError) -> dict[Any, Any]:
        full = isinstance(error, LineFullError)
        text = line("bad", "line_full", limit=context.options.max_waiting) if full else said("bad", str(error))
        return {current: None, bar: lines(text)}

    def submit(
        parts: tuple[Portrait, Speech, PoseClip, RunSettings],
        motion_name: str,
        quality: str,
        names: Any,
        request: gr.Request,
    ) -> dict[Any, Any]:
        details = {
            "made": time.strftime("%Y-%m-%d %H:%M:%S"),
            "quality": quality,
            "motion": motion_name,
            "speech_seconds": round(parts[1].seconds, 2),
        }
        job = line_up(context, *parts, output=context.visitors.new_file(request, ".mp4"), details=details)
        return {current: job.name, kept: enlist(names, job), bar: results.progress(job, context.jobs, True)}

    # Gradio passes the request by annotation, which *values would hide from it.
    def begin_event(request: gr.Request, *values: Any) -> dict[Any, Any]:
        return begin(*values, request=request)

    values = [inputs.portrait, inputs.speech, inputs.motion, named, calibrate, kept, *controls.all()]
    started = [current, kept, bar]
    quiet: dict[str, Any] = {"show_progress": "hidden"}
    lined_up = start_button.click(plainly(begin_event), values, started, **quiet, **PREVIEW, **PRIVATE)
    lined_up.then(plainly(watch), [current, kept], outputs, **quiet, **EXPENSIVE, **PRIVATE)

    def repeat(name: str | None, names: Any, request: gr.Request) -> dict[Any, Any]:
        job = context.jobs.find(name)
        if job is None or job.inputs is None:
            return {bar: lines(line("info", "again_gone"))}
        fresh = random.randint(0, LARGEST_SEED)
        parts = (*job.inputs[:3], dataclasses.replace(job.inputs[3], seed=fresh))
        try:
            update = submit(parts, job.details.get("motion", ""), job.details.get("quality", ""), names, request)
        except InputError as error:
            return refused(error) | {current: name}
        return update | {controls.seed: fresh}

    repeated = again.click(plainly(repeat), [current, kept], [*started, controls.seed], **quiet, **PREVIEW, **PRIVATE)
    repeated.then(plainly(watch), [current, kept], outputs, **quiet, **EXPENSIVE, **PRIVATE)

    def stop(name: str | None) -> str:
        job = context.jobs.find(name)
        if job is not None:
            context.jobs.stop(job)
        return results.progress_bar(-1, both("job_stopping"))

    stop_button.click(stop, current, bar, queue=False, **quiet, **PRIVATE)

    def pick(names: Any, request: gr.Request, event: gr.SelectData) -> dict[Any, Any]:
        jobs = [job for job in results.listed(names, context.jobs) if _poster(job).is_file()]
        index = int(event.index)
        if index >= len(jobs):
            return {bar: gr.skip()}
        return {current: jobs[index].name, **reveal(jobs[index], names, request)}

    last.select(plainly(pick), kept, [current, *outputs], **quiet, **PREVIEW, **PRIVATE)

    def resume(names: Any, request: gr.Request) -> dict[Any, Any]:
        found = [context.jobs.find(name) for name in (names if isinstance(names, list) else [])]
        job = next((job for job in found if job is not None), None)
        if job is None:
            return {current: None}
        update: dict[Any, Any] = {current: job.name}
        if job.inputs is not None:
            person, voice, clip, settings = job.inputs
            picture, sound = context.visitors.new_file(request, ".png"), context.visitors.new_file(request, ".wav")
            Image.fromarray(person.image).save(picture, compress_level=1)
            write_wav(sound, voice)
            name = job.details.get("motion", "")
            update |= {
                sources.image: str(picture),
                sources.audio: str(sound),
                sources.motion_verdict: lines(describe_motion(name, clip)),
                inputs.motion: clip,
                named: name,
                inputs.changed: time.time_ns(),
                controls.seed: settings.seed,
            }
            if sources.motions is not None:
                names = [motion.name for motion in examples.motions()]
                update[sources.motions] = gr.Gallery(selected_index=names.index(name) if name in names else None)
        return update

    root = gr.context.Context.root_block
    assert root is not None
    restored: list[Any] = [sources.image, sources.audio, sources.motion_verdict, inputs.motion, named, inputs.changed]
    restored += [sources.motions] if sources.motions is not None else []
    resumed = root.load(plainly(resume), kept, [current, *restored, controls.seed], **quiet, **PREVIEW, **PRIVATE)
    resumed.then(plainly(watch), [current, kept], outputs, **quiet, **EXPENSIVE, **PRIVATE)
    dice.click(lambda: random.randint(0, LARGEST_SEED), None, controls.seed, **quiet, **PREVIEW, **PRIVATE)
    keep_estimates(context, inputs, known, controls, status, todo, [dice, again])
    return controls


def _notes(job: Job) -> Path:
    return job.output.with_suffix(".json")


def _poster(job: Job) -> Path:
    return job.output.with_suffix(".jpg")
