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

from ..config import RunSettings
from ..errors import InputError
from ..pose.portrait import Portrait
from ..pose.skeleton import PoseClip
from ..speech.types import Speech
from . import results
from .context import AnimateInputs, Context
from .generation import line_up
from .jobs import DONE, Job, LineFullError, listen, settings_text
from .quality import QUALITIES, expected, sizes, steps_of
from .serving import EXPENSIVE, PREVIEW, PRIVATE, plainly
from .strings import both, say, t
from .widgets import duration, heading, line, lines, said

KEPT_RESULTS = 8
LARGEST_SEED = 2**31 - 1
OWN_SIZE = "own"
SWITCHES = ("head_stream", "codebook")


@dataclass
class Controls:
    """What decides a video, in the order of `read_settings`."""

    quality: gr.Radio
    steps: gr.Slider
    guidance_audio: gr.Slider
    guidance_image: gr.Slider
    seed: gr.Number
    size: gr.Dropdown
    head_stream: gr.Checkbox
    codebook: gr.Checkbox

    def all(self) -> list[Any]:
        """The components."""
        return [getattr(self, field.name) for field in dataclasses.fields(self)]


def read_settings(
    steps: float, audio: float, image: float, seed: float | None, size: str, head: bool, codebook: bool,
    calibrate: bool, mark: bool,
) -> RunSettings:  # fmt: skip
    """RunSettings from what the controls hold. Errors: InputError."""
    width, height = (None, None) if size == OWN_SIZE else (int(n) for n in size.split("x"))
    return RunSettings(
        width=width,
        height=height,
        steps=int(steps),
        guidance_audio=float(audio),
        guidance_image=float(image),
        seed=int(seed or 0),
        head_stream=head,
        codebook=codebook,
        calibrate=calibrate,
        mark=mark,
    )


def build_controls() -> tuple[Controls, gr.Button]:
    """Quality and the folded settings; the button rolls the seed's dice."""
    quality = gr.Radio(
        [(t(f"quality_{name}"), name) for name in QUALITIES],
        value="balanced",
        label=t("quality_label"),
        info=t("quality_info"),
        elem_id="quality",
    )
    with gr.Accordion(t("advanced"), open=False, elem_id="advanced"):
        steps = gr.Slider(2, 60, 20, step=1, label=t("steps_label"), info=t("steps_info"), buttons=[])
        with gr.Row():
            audio = gr.Slider(1, 6, 2.5, step=0.1, label=t("guidance_audio"), info=t("guidance_audio_info"), buttons=[])
            image = gr.Slider(1, 6, 2.5, step=0.1, label=t("guidance_image"), info=t("guidance_image_info"), buttons=[])
        with gr.Row(equal_height=True):
            seed = gr.Number(
                0, label=t("seed_label"), info=t("seed_info"), precision=0, minimum=0, maximum=LARGEST_SEED, scale=3
            )
            dice = gr.Button(t("seed_dice"), scale=1, min_width=110, elem_id="dice")
        size = gr.Dropdown([(t("size_own"), OWN_SIZE)], value=OWN_SIZE, label=t("size_label"), info=t("size_info"))
        head = gr.Checkbox(True, label=t("switch_head_stream"), info=t("switch_head_stream_info"))
        codebook = gr.Checkbox(True, label=t("switch_codebook"), info=t("switch_codebook_info"))
    return Controls(quality, steps, audio, image, seed, size, head, codebook), dice


def missing(portrait: Portrait | None, speech: Speech | None, motion: PoseClip | None) -> str:
    """Lines that say which steps are open, "" when none is."""
    open_steps = [
        line("info", key)
        for key, value in (("missing_portrait", portrait), ("missing_voice", speech), ("missing_motion", motion))
        if value is None
    ]
    return lines(*open_steps)


def build_generate_step(context: Context, inputs: AnimateInputs, named: gr.State, calibrate: gr.Checkbox) -> None:
    """The card of step 5, the last results, and what happens on load. Needs the surrounding Blocks' load event."""
    with gr.Column(elem_classes=["vivid-card"]):
        gr.HTML(heading(5, "step_generate", "step_generate_hint"), padding=False)
        with gr.Row(equal_height=False):
            with gr.Column(scale=4, min_width=300):
                controls, dice = build_controls()
                status = gr.HTML(elem_id="model-status", padding=False)
                gr.HTML(f'<p class="vivid-consent">{both("consent")}</p>', padding=False)
                todo = gr.HTML(missing(None, None, None), elem_id="todo", padding=False)
                with gr.Row(elem_classes=["vivid-actions"]):
                    start_button = gr.Button(t("generate"), variant="primary", size="lg", elem_id="generate", scale=3)
                    stop_button = gr.Button(
                        t("stop"), variant="stop", size="lg", elem_id="stop", visible=False, scale=1, min_width=110
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
        last = gr.Gallery(
            label=t("last_results"), columns=KEPT_RESULTS, height="auto", allow_preview=False, visible=False,
            interactive=False, object_fit="cover", elem_id="last-results", elem_classes=["vivid-thumbs"], buttons=[],
        )  # fmt: skip
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
            last: gr.Gallery(posters, visible=len(posters) > 0, selected_index=None),
            result_box: gr.Column(visible=done),
        }
        if job is not None and done:
            update |= {
                bar: "",
                video: str(job.output),
                about: results.finished_line(job),
                download: str(job.output),
                notes: str(job.output.with_suffix(".json")),
                details: settings_text(job),
            }
        elif job is not None:
            update[bar] = results.progress(job, context.jobs, context.engine.ready)
        return update

    outputs = [
        bar, preview, result_box, video, about, download, notes, details, last, start_button, stop_button,
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
            settings = read_settings(*values, calibrate=use_calibration, mark=context.options.mark)
            return submit((portrait, speech, motion, settings), motion_name, quality, names, request)
        except InputError as error:
            return refused(error)

    def refused(error: InputError) -> dict[Any, Any]:
        full = isinstance(error, LineFullError)
        text = line("bad", "line_full", limit=context.options.max_waiting) if full else said("bad", str(error))
        return {current: None, bar: lines(text)}

    def submit(
        parts: tuple[Any, ...], motion_name: str, quality: str, names: Any, request: gr.Request
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

    def resume(names: Any) -> str | None:
        jobs = [context.jobs.find(name) for name in (names if isinstance(names, list) else [])]
        return next((job.name for job in jobs if job is not None), None)

    root = gr.context.Context.root_block
    assert root is not None
    resumed = root.load(resume, kept, current, **quiet, **PREVIEW, **PRIVATE)
    resumed.then(plainly(watch), [current, kept], outputs, **quiet, **EXPENSIVE, **PRIVATE)
    dice.click(lambda: random.randint(0, LARGEST_SEED), None, controls.seed, **quiet, **PREVIEW, **PRIVATE)
    _keep_estimates(context, inputs, controls, calibrate, status, todo)


def _poster(job: Job) -> Path:
    return job.output.with_suffix(".jpg")


def _keep_estimates(
    context: Context, inputs: AnimateInputs, controls: Controls, calibrate: gr.Checkbox, status: gr.HTML, todo: gr.HTML
) -> None:
    """Expected times in the quality choices; switches and sizes as soon as the model is known."""
    timer = gr.Timer(1.5)
    known = gr.State(False)

    def estimate(
        request: gr.Request, portrait: Portrait | None, speech: Speech | None, motion: PoseClip | None, *values: Any
    ) -> tuple[Any, str]:
        todo_text = missing(portrait, speech, motion)
        labels = [say(f"quality_{name}", request) for name in QUALITIES]
        pipeline = context.engine.loaded
        if pipeline is not None and speech is not None:
            try:
                settings = read_settings(*values[1:], calibrate=True, mark=True)
            except InputError:
                return gr.skip(), todo_text
            for index, name in enumerate(QUALITIES):
                seconds = expected(context, speech.frames, settings, steps_of(pipeline, name))
                if seconds is not None:
                    labels[index] += say("quality_time", request, time=duration(seconds))
        return gr.Radio(choices=list(zip(labels, QUALITIES, strict=True))), todo_text

    gr.on(
        [inputs.changed.change, known.change, controls.size.input]
        + [slider.release for slider in (controls.guidance_audio, controls.guidance_image)],
        plainly(estimate),
        [inputs.portrait, inputs.speech, inputs.motion, *controls.all()],
        [controls.quality, todo],
        show_progress="hidden",
        trigger_mode="always_last",
        **PREVIEW,
        **PRIVATE,
    )

    def meet(request: gr.Request, portrait: Portrait | None, quality: str) -> dict[Any, Any]:
        engine = context.engine
        if engine.error is not None:
            return {status: lines(line("bad", "model_failed", reason=engine.error)), timer: gr.Timer(active=False)}
        pipeline = engine.loaded
        if pipeline is None:
            return {status: lines(line("info", "model_loading"))}
        info = pipeline.info
        update: dict[Any, Any] = {
            timer: gr.Timer(active=False),
            known: True,
            status: model_line(context),
            controls.steps: gr.Slider(value=steps_of(pipeline, quality)),
            controls.guidance_audio: info.guidance_audio,
            controls.guidance_image: info.guidance_image,
            controls.size: size_choices(portrait, request),
        }
        for name in SWITCHES:
            if name in pipeline.untrained:
                off = gr.Checkbox(False, interactive=False, info=say("switch_untrained", request))
                update[getattr(controls, name)] = off
        return update

    def size_choices(portrait: Portrait | None, request: gr.Request) -> Any:
        offered = sizes(context.engine.loaded, portrait.size if portrait is not None else None)
        choices = [
            (
                say("size_own", request) + f" ({w} × {h})" if index == 0 else f"{w} × {h}",
                OWN_SIZE if index == 0 else f"{w}x{h}",
            )
            for index, (w, h) in enumerate(offered)
        ]
        return gr.Dropdown(choices=choices, value=OWN_SIZE) if choices else gr.skip()

    outputs = [status, timer, known, *controls.all()[1:]]
    timer.tick(
        plainly(meet), [inputs.portrait, controls.quality], outputs, show_progress="hidden", **PREVIEW, **PRIVATE
    )
    inputs.changed.change(
        plainly(size_choices), inputs.portrait, controls.size, show_progress="hidden", **PREVIEW, **PRIVATE
    )
    controls.quality.input(
        lambda quality: steps_of(context.engine.loaded, quality), controls.quality, controls.steps,
        show_progress="hidden", **PREVIEW, **PRIVATE,
    )  # fmt: skip


def model_line(context: Context) -> str:
    """Which model is at work, where."""
    pipeline = context.engine.loaded
    if pipeline is None:
        return lines(line("info", "model_loading"))
    device = str(pipeline.device).split(":")[0].upper()
    return lines(line("ok", "model_ready", model=pipeline.info.name, device=device))
