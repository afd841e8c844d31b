"""Below the stage: the button, the progress bar, Stop, and what can be done with the finished video."""

from __future__ import annotations

import dataclasses
import random
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from ...config import RunSettings
from ...errors import InputError
from ...media.pictures import shrink
from ...pose.portrait import Portrait
from ...pose.skeleton import PoseClip
from ...speech.types import Speech
from .. import examples
from ..context import Context
from ..generation import expected_seconds, queue_video
from ..jobs import DONE, Job, LineFullError, listen
from ..quality import has_quality
from ..serving import FOLLOWING, PRIVATE, QUIET
from ..strings import both, t
from ..visitors import visitor_of
from ..widgets import duration, line, lines, said, when
from . import progress
from .cards import found_again, name_of, tidy
from .exports import Exports, build_export_buttons, build_exports, build_link
from .motion import restored
from .settings import LARGEST_SEED, Controls, build_quality, read_settings
from .stage import EXAMPLE, LIVE, LOOKING, RESULT, Inputs, Stage, shows

KEPT_RESULTS = 8
LIVE_EVERY = 0.3
"""Seconds between two preview frames sent to the page while a video is made."""
LIVE_SIDE = 640
MOTION_DEFAULT = "calm"


@dataclass
class Dock:
    """The controls below the stage; on a phone, at the bottom of the screen."""

    todo: gr.HTML
    bar: gr.HTML
    cut: gr.Button
    quality: gr.Radio
    start: gr.Button
    stop: gr.Button
    about: gr.HTML
    download: gr.DownloadButton
    other_motion: gr.Button
    other_voice: gr.Button
    again: gr.Button
    exports: Exports
    rows: tuple[gr.Row, gr.Row]
    """The row with the button, and the row for a finished video."""


@dataclass
class Shelf:
    """The video's details in the folded part, and the latest videos at the end of the page."""

    details: gr.HTML
    notes: gr.DownloadButton
    box: gr.Column
    gallery: gr.Gallery


def build_dock(cut: gr.Button) -> Dock:
    """Build the components in the current column; `cut` comes from the voice card."""
    with gr.Column(elem_id="dock"):
        about = gr.HTML(elem_id="result-line", padding=False)
        todo = gr.HTML(lines(line("info", "missing_both")), elem_id="todo", padding=False)
        bar = gr.HTML(elem_id="progress", padding=False)
        quality = build_quality()
        with gr.Row(elem_classes=["vivid-actions"]) as making:
            cut.render()
            start = gr.Button(t("generate"), size="lg", elem_id="generate", min_width=160)
            stop = gr.Button(t("stop"), variant="stop", size="lg", elem_id="stop", visible=False, min_width=110)
        with gr.Row(visible=False, elem_id="result", elem_classes=["vivid-actions"]) as made:
            download = gr.DownloadButton(t("download"), variant="primary", elem_id="download", min_width=140)
            taking = build_export_buttons()
            other_motion = gr.Button(t("other_motion"), elem_id="other-motion", min_width=120)
            other_voice = gr.Button(t("other_voice"), elem_id="other-voice", min_width=120)
            again = gr.Button(t("again"), elem_id="again", visible=False, min_width=120)
            exports = Exports(*taking, *build_link())
    rows = (making, made)
    return Dock(todo, bar, cut, quality, start, stop, about, download, other_motion, other_voice, again, exports, rows)


def build_shelf() -> tuple[gr.Column, gr.Gallery]:
    """Build the gallery of this browser's latest videos."""
    with gr.Column(visible=False, elem_id="last-results") as box:
        gr.HTML(f'<h2 class="vivid-sub">{both("last_results")}</h2>', padding=False)
        gallery = gr.Gallery(
            show_label=False, columns=8, height="auto", allow_preview=False, interactive=False, object_fit="cover",
            elem_classes=["vivid-thumbs", "vivid-captions"], buttons=[],
        )  # fmt: skip
    return box, gallery


def missing(
    person: Portrait | None, voice: Speech | None, clip: PoseClip | None, problems: tuple[str, str], level: str = "info"
) -> str:
    """What is still missing, as HTML, "" if nothing is; inputs that are there but unusable are named as such."""
    told = [
        problem or lines(line(level, key))
        for key, value, problem in (
            ("missing_portrait", person, problems[0]),
            ("missing_voice", voice, problems[1]),
            ("missing_motion", clip, ""),
        )
        if value is None
    ]
    if person is None and voice is None and not any(problems) and clip is not None:
        told = [lines(line(level, "missing_both"))]
    return "".join(told)


def build_making(
    context: Context, stage: Stage, dock: Dock, shelf: Shelf, inputs: Inputs, controls: Controls, known: gr.State,
    current: gr.State,
) -> None:  # fmt: skip
    """Wire up the dock, and restore its state when the page is reloaded. Must be called inside Blocks."""
    kept = gr.BrowserState([], storage_key="vividanimator-results", secret="not-a-secret")
    states = [inputs.portrait.state, inputs.voice.state, inputs.motion.state]
    problems = [inputs.portrait.problem, inputs.voice.problem]
    files = [inputs.portrait.image, inputs.voice.audio, inputs.motion.video]
    read = [inputs.portrait.read, inputs.voice.read, inputs.motion.read]
    promise_shown = gr.State()  # seconds: the estimate shown before the click, from which the run's clock starts
    waits = gr.State()  # the choices when the button was pressed before all files were received and read, or None

    def coming(request: gr.Request, values: tuple[Any, ...]) -> bool:
        """Whether what is missing of portrait, voice and motion, or replaces one of them, is being received or read."""
        paths, were, parts, told = values[:3], values[3:6], values[6:9], values[9:11]
        if parts[2] is None:
            return False
        if context.visitors.receives(visitor_of(request)):
            return True
        for path, was, part, problem in zip(paths, were, parts[:2], told, strict=False):
            if part is None and (path is None or (problem and path == was)):
                return False
        return paths != were

    def promise(request: gr.Request, asked: Any, *values: Any) -> tuple[str, Any, float | None, Any]:
        person, voice, clip, one, two, *chosen = values[6:14]
        told, seconds = missing(person, voice, clip, (one, two)), None
        waiting = asked is not None and coming(request, values)
        if not told and person is not None and voice is not None:
            told, seconds = promised(person, voice, values[14:])
            if asked is not None and not waiting and asked != [tidy(each) for each in chosen]:
                told += "<i data-make hidden></i>"  # the page then presses the button
        ready = seconds is not None or "vivid-ok" in told
        told = lines(line("info", "make_soon")) if waiting else told
        return told, gr.Button(variant="primary" if ready else "secondary"), seconds, asked if waiting else None

    def promised(person: Portrait, voice: Speech, values: tuple[Any, ...]) -> tuple[str, float | None]:
        can = context.engine.capabilities
        if context.engine.error is not None or can is None:
            return lines(line("info", "model_loading")), None
        try:
            settings = read_settings(can, *values, mark=context.options.mark)
            seconds = expected_seconds(context, voice.frames, settings, person.size)
        except InputError as error:
            return lines(said("bad", error.message)), None
        length = f"{voice.seconds:.1f}"
        if seconds is None:
            return lines(line("ok", "ready", length=length)), None
        return lines(line("ok", "expected_time", length=length, time=duration(seconds))), seconds

    gr.on(
        [inputs.changed.change, known.change, *(control.input for control in controls.all())],
        promise, [waits, *files, *read, *states, *problems, *inputs.chosen(), *controls.all()],
        [dock.todo, dock.start, promise_shown, waits],
        trigger_mode="always_last", **QUIET,
    )  # fmt: skip

    def shown_posters(request: gr.Request, names: Any) -> list[tuple[str, str]]:
        jobs = progress.listed(names, context.jobs)
        return [(str(poster(job)), progress.caption(job, request)) for job in jobs if poster(job).is_file()]

    context.language.click(shown_posters, kept, shelf.gallery, **QUIET)

    def reveal(request: gr.Request, job: Job | None, names: Any, person: Portrait | None) -> dict[Any, Any]:
        done = job is not None and job.state == DONE
        posters = shown_posters(request, names)
        update: dict[Any, Any] = {
            dock.start: gr.Button(visible=True),
            dock.stop: gr.Button(visible=False),
            shelf.gallery: gr.Gallery(posters, selected_index=None),
            shelf.box: gr.Column(visible=len(posters) > 0),
        }
        if job is None:
            return update
        update |= stage.show(RESULT if done else LOOKING if person is not None else EXAMPLE)
        update[dock.bar] = "" if done else progress.progress(job, context.jobs, context.engine.loaded is not None)
        if done:
            update |= dock.exports.forget() | {
                stage.result: gr.Video(str(job.output), visible=True),
                dock.about: gr.HTML(progress.finished_line(job), visible=True),
                dock.download: str(job.output),
                shelf.notes: gr.DownloadButton(value=str(notes(job)), visible=notes(job).is_file()),
                shelf.details: progress.settings_table(job),
            }
        return update

    outputs = [*stage.screens(), dock.bar, dock.start, dock.stop, dock.download]
    outputs += [shelf.notes, shelf.details, shelf.gallery, shelf.box, *dock.exports.forget()]

    async def watch(
        request: gr.Request, name: str | None, names: Any, person: Portrait | None
    ) -> AsyncIterator[dict[Any, Any]]:
        job = context.jobs.find(name)
        if job is None or job.finished:
            yield reveal(request, job, names, person)
            return
        look = gr.skip() if person is None else gr.Image(visible=True)
        update = stage.show(LIVE) | {stage.live: gr.skip(), stage.look: look}  # the still look, until there are frames
        update |= {dock.start: gr.Button(visible=False), dock.stop: gr.Button(visible=True)}  # also after a reload
        shown, last = None, 0.0
        async for now in listen(job):
            if now.finished:
                break
            update |= {dock.bar: progress.progress(now, context.jobs, context.engine.loaded is not None)}
            if now.preview is not None and now.preview is not shown and time.monotonic() - last > LIVE_EVERY:
                shown, last = now.preview, time.monotonic()
                update |= {stage.live: gr.Image(shrink(shown, LIVE_SIDE), visible=True)}
                update |= {stage.look: gr.Image(visible=False), stage.example: gr.Column(visible=False)}
            yield update
            update = {}
        yield reveal(request, job, names, person)

    def enlist(names: Any, job: Job) -> list[str]:
        old = [name for name in (names if isinstance(names, list) else []) if context.jobs.find(name) is not None]
        return [job.name, *old][:KEPT_RESULTS]

    def refused(error: InputError) -> dict[Any, Any]:
        full = isinstance(error, LineFullError)
        text = line("bad", "line_full", limit=context.options.max_waiting) if full else said("bad", error.message)
        return {dock.bar: lines(text)}

    def submit(
        request: gr.Request, parts: tuple[Portrait, Speech, PoseClip, RunSettings], chosen: list[Any], names: Any,
        quality: str, promised: float | None,
    ) -> dict[Any, Any]:  # fmt: skip
        words = [name_of(each) for each in chosen]
        words[2] = words[2] or MOTION_DEFAULT
        details: dict[str, Any] = {"made": when(time.time()), "portrait": words[0], "voice": words[1]}
        details |= {"motion": words[2], "speech_seconds": round(parts[1].seconds, 2)}
        can = context.engine.capabilities
        if can is not None and has_quality(can):
            details["quality"] = quality
        output = named_output(context, request, words[0], words[2])
        try:
            job = queue_video(context, *parts, output=output, details=details, chosen=chosen, promised=promised)
        except InputError:
            output.parent.rmdir()
            raise
        return {
            current: job.name, kept: enlist(names, job), dock.bar: progress.progress(job, context.jobs, True),
            dock.start: gr.Button(visible=False), dock.stop: gr.Button(visible=True),
        }  # fmt: skip

    # Gradio finds the request by its annotation, so it cannot be part of *values.
    def begin(request: gr.Request, *values: Any) -> dict[Any, Any]:
        (person, voice, clip), told, chosen = values[6:9], values[9:11], [tidy(each) for each in values[11:14]]
        names, seconds, *settled = values[14:]
        if coming(request, values):
            return {current: None, dock.todo: lines(line("info", "make_soon")), waits: chosen}
        if person is None or voice is None or clip is None:
            return {current: None, dock.todo: missing(person, voice, clip, told, "warn")}
        try:
            settings = read_settings(context.engine.capabilities, *settled, mark=context.options.mark)
            return submit(request, (person, voice, clip, settings), chosen, names, settled[0], seconds)
        except InputError as error:
            return {current: None} | refused(error)

    following = [current, kept, inputs.portrait.state]
    started = [current, kept, dock.bar, dock.todo, dock.start, dock.stop, waits]
    asked = [*files, *read, *states, *problems, *inputs.chosen(), kept, promise_shown, *controls.all()]
    queued = dock.start.click(begin, asked, started, **QUIET)
    queued.then(None, None, None, js="() => { vividMissing() || vividShow('stage'); }")
    watched = queued.then(watch, following, outputs, **FOLLOWING)

    def repeat(name: str | None, names: Any, request: gr.Request) -> dict[Any, Any]:
        job = context.jobs.find(name)
        if job is None or job.inputs is None:
            return {dock.bar: lines(line("info", "again_gone"))}
        fresh = random.randint(0, LARGEST_SEED)
        parts = (*job.inputs[:3], dataclasses.replace(job.inputs[3], seed=fresh))
        try:
            update = submit(request, parts, job.chosen, names, job.details.get("quality", ""), job.promised)
        except InputError as error:
            return refused(error)
        return update | {controls.seed: fresh}

    repeated = dock.again.click(repeat, [current, kept], [*started, controls.seed], **QUIET)
    rewatched = repeated.then(watch, following, outputs, **FOLLOWING)
    for event in (watched, rewatched):
        event.then(None, None, None, js="() => vividShow('stage')")

    def stop(name: str | None) -> Any:
        job = context.jobs.find(name)
        if job is None or job.finished:
            return gr.skip()
        context.jobs.stop(job)
        return progress.progress(job, context.jobs, True)

    dock.stop.click(stop, current, dock.bar, queue=False, show_progress="hidden", **PRIVATE)

    def pick(request: gr.Request, names: Any, person: Portrait | None, event: gr.SelectData) -> dict[Any, Any]:
        jobs = [job for job in progress.listed(names, context.jobs) if poster(job).is_file()]
        index = int(event.index)
        if index >= len(jobs):
            return {dock.bar: gr.skip()}
        return {current: jobs[index].name, **reveal(request, jobs[index], names, person)}

    picked = shelf.gallery.select(pick, [kept, inputs.portrait.state], [current, *outputs], **QUIET)
    picked.then(None, None, None, js="() => vividShow('stage')")

    for button, card, place in (
        (dock.other_motion, inputs.motion, "card-motion"), (dock.other_voice, inputs.voice, "card-voice"),
    ):  # fmt: skip
        button.click(
            lambda body=card.body: stage.show(LOOKING) | {body: gr.Accordion(open=True)}, None,
            [*stage.screens(), card.body], **QUIET,
        ).then(None, None, None, js=f"() => vividShow('{place}', 'nearest')")  # fmt: skip

    def come_back(request: gr.Request, names: Any, *chosen: Any) -> dict[Any, Any]:
        """Restore the choices made before a reload, and the job whose frames or video were on the stage."""
        found = [context.jobs.find(name) for name in (names if isinstance(names, list) else [])]
        job = next((job for job in found if job is not None), None)
        shown = job is not None and (not job.finished or shows(job, chosen))
        update: dict[Any, Any] = {current: job.name if job is not None and shown else None}
        files = (
            (inputs.portrait.image, chosen[0], examples.portraits()),
            (inputs.voice.audio, chosen[1], examples.voices()),
        )
        for component, choice, shipped in files:
            path = found_again(context, choice, shipped, request)
            if path is not None:
                update |= {component: path, stage.example: gr.Column(visible=False)}
        return update | restored(context, inputs.motion, chosen[2], request)

    build_exports(context, dock.exports, current)
    root = gr.context.Context.root_block
    assert root is not None
    back = [current, inputs.portrait.image, inputs.voice.audio, stage.example, *inputs.motion.outputs()]
    root.load(come_back, [kept, *inputs.chosen()], back, **QUIET).then(watch, following, outputs, **FOLLOWING)


def named_output(context: Context, request: gr.Request, portrait: str, motion: str) -> Path:
    """A path for a video with a descriptive name, in a folder of its own. Errors: InputError."""
    folder = context.visitors.new_file(request, "")
    folder.mkdir(mode=0o700)
    words = [re.sub(r"[^\w-]+", "-", Path(word).stem).strip("-")[:24] for word in (portrait, motion)]
    name = "_".join([word for word in words if word] + [time.strftime("%Y-%m-%d")])
    path = folder / f"{name}.mp4"
    context.visitors.grant(visitor_of(request).owner, path)
    return path


def notes(job: Job) -> Path:
    """The settings file beside a video."""
    return job.output.with_suffix(".json")


def poster(job: Job) -> Path:
    """The poster file beside a video."""
    return job.output.with_suffix(".jpg")
