"""The stage: the one place that shows the result, as far as it exists.

An example while nothing is chosen, then any frame of the finished look, a few seconds of it in motion, frames of a
running job, and the finished video.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ...errors import InputError
from ...media.pictures import shrink
from ...pose.library import shipped_motion
from ...pose.portrait import Portrait
from ...pose.skeleton import PoseClip
from ...speech.types import Speech
from .. import examples
from ..context import Context
from ..jobs import DONE, Job
from ..previews import Preview, Wanted, preview_settings
from ..serving import LOOK, PREVIEW, PRIVATE, QUIET, SLOW_PREVIEW, Newest
from ..strings import STRINGS, both, t
from ..widgets import line, lines, said
from .cards import tidy
from .fit import SHOWN_SIDE, Fitted, fit, hand_figures, judge, telling_frame
from .motion import MotionCard
from .portrait import PortraitCard
from .progress import progress_bar
from .settings import Controls, read_settings
from .voice import VoiceCard

HIDDEN: dict[str, Any] = {"show_progress": "hidden"}
BREATH_SECONDS = 4.0
CHEAP_FRAME = 0.06
"""Seconds that a frame of an unrequested preview may take; if the server is too busy for that, it is abandoned."""
EXAMPLE, LOOKING, FILM, LIVE, RESULT = "example", "look", "film", "live", "result"


@dataclass
class Inputs:
    """The three cards; `changed` holds another number whenever one of them changes."""

    portrait: PortraitCard
    voice: VoiceCard
    motion: MotionCard
    changed: gr.State

    def chosen(self) -> list[gr.BrowserState]:
        """What the browser stores about the choices; equal values are equal inputs."""
        return [self.portrait.chosen, self.voice.chosen, self.motion.chosen]


@dataclass
class Stage:
    """The screens, of which `show` displays one at a time, and the controls below them."""

    example: gr.Column
    number: gr.State
    take_over: gr.Button
    look: gr.Image
    film: gr.Video
    live: gr.Image
    result: gr.Video
    tools: gr.Row
    frame: gr.Slider
    play: gr.Button
    status: gr.HTML
    verdict: gr.HTML
    below: tuple[Any, ...] = ()
    """From the dock: the button's row, the row and line for a finished video, and what is still missing."""

    def show(self, name: str) -> dict[Any, Any]:
        """Updates that show one of EXAMPLE, LOOKING, FILM, LIVE and RESULT and hide the others."""
        return {
            self.example: gr.Column(visible=name == EXAMPLE),
            self.look: gr.Image(visible=name == LOOKING),
            self.film: gr.Video(visible=name == FILM),
            self.live: gr.Image(visible=name == LIVE),
            self.result: gr.Video(visible=name == RESULT),
            self.tools: gr.Row(visible=name in (LOOKING, FILM)),
            self.verdict: gr.HTML(visible=name in (LOOKING, FILM)),
            self.below[0]: gr.Row(visible=name != RESULT),
            self.below[1]: gr.Row(visible=name == RESULT),
            self.below[2]: gr.HTML(visible=name == RESULT),
            self.below[3]: gr.HTML(visible=name not in (LIVE, RESULT)),
        }

    def screens(self) -> list[Any]:
        """All components that `show` updates."""
        screens = [self.example, self.look, self.film, self.live, self.result, self.tools, self.verdict]
        return [*screens, *self.below]


def build_stage() -> Stage:
    """Build the components in the current column."""
    shipped = examples.finished()
    with gr.Column(elem_id="screen"):
        with gr.Column(visible=bool(shipped), elem_id="example") as example:
            sample = gr.Video(
                str(shipped[0].path) if shipped else None,
                show_label=False, interactive=False, elem_id="example-video", elem_classes=["va-screen"], buttons=[],
            )  # fmt: skip
            with gr.Row(elem_classes=["va-examples"]):
                gr.HTML(f'<p class="va-caption">{both("example_made_of")}</p>', padding=False)
                people = [
                    gr.Button(each.portrait.title, icon=str(each.portrait.path), size="sm", min_width=60)
                    for each in shipped
                ]
                take_over = gr.Button(
                    t("example_take"), variant="primary", size="sm", elem_id="example-take", min_width=120
                )
        screen: dict[str, Any] = {"show_label": False, "interactive": False, "visible": False, "buttons": []}
        look = gr.Image(
            **{**screen, "buttons": ["fullscreen"]}, format="jpeg", elem_id="check-look", elem_classes=["va-screen"],
            alt_text=" / ".join(STRINGS["check_look"]),  # Gradio does not translate alternative texts
        )  # fmt: skip
        film = gr.Video(**screen, autoplay=True, elem_id="check-video", elem_classes=["va-screen"])
        live = gr.Image(
            **screen, format="jpeg", elem_id="preview", elem_classes=["va-screen"],
            alt_text=" / ".join(STRINGS["preview_label"]),
        )  # fmt: skip
        result = gr.Video(**screen, autoplay=True, elem_id="result-video", elem_classes=["va-screen"])
    with gr.Row(visible=False, elem_id="tools") as tools:
        frame = gr.Slider(0, 1, 0, step=1, label=t("check_frame"), elem_id="check-frame", buttons=[])
        play = gr.Button(t("check_play"), size="md", elem_id="check-play", min_width=130)
    status = gr.HTML(elem_id="check-status", padding=False)
    verdict = gr.HTML(elem_id="check-notices", padding=False)
    number = gr.State(0)
    for index, (button, each) in enumerate(zip(people, shipped, strict=True)):
        button.click(
            lambda path=str(each.path), index=index: (gr.Video(path, autoplay=True), index), None, [sample, number],
            **QUIET,
        )  # fmt: skip
    return Stage(example, number, take_over, look, film, live, result, tools, frame, play, status, verdict)


def keep_example(stage: Stage, inputs: Inputs) -> None:
    """Let the button load the inputs of the example on the stage."""

    def take_over(number: int) -> dict[Any, Any]:
        each = examples.finished()[number]
        files = {inputs.portrait.image: str(each.portrait.path), inputs.voice.audio: str(each.voice.path)}
        return files | inputs.motion.take(shipped_motion(each.motion), {"example": each.motion})

    outputs = [inputs.portrait.image, inputs.voice.audio, *inputs.motion.outputs()]
    taken = stage.take_over.click(take_over, stage.number, outputs, **QUIET)
    taken.then(None, None, None, js="() => vividSkip()")  # the button is gone, and the focus with it


def keep_look(
    context: Context, stage: Stage, inputs: Inputs, controls: Controls, known: gr.State, current: gr.State,
    opened: gr.State, hands: gr.HTML,
) -> tuple[gr.State, list[Any]]:  # fmt: skip
    """Redraw the finished look whenever its inputs change; returns the State of a Fitted and the events.

    current: the name of the job whose frames or video are shown; opened: whether the expert's part with the `hands`
    is open.
    """
    latest, played = Newest(), Newest()  # when the visitor's last picture was begun, and "Play" last pressed
    fitted = gr.State()
    breath = threading.Lock()

    def preview_of(
        found: Fitted, voice: Speech | None, values: tuple[Any, ...], request: gr.Request
    ) -> tuple[Preview, bool]:
        asked = read_settings(None, *values, mark=context.options.mark)
        settings = preview_settings(context.generator, found.person, asked)
        wanted = Wanted(found.person, voice, found.clip, (found.full, found.report), settings)
        return context.previews.of(request.session_hash, wanted), asked.calibrate

    def draw(
        request: gr.Request, on_purpose: bool, began: int, person: Portrait | None, clip: PoseClip | None,
        voice: Speech | None, before: Fitted | None, index: int, name: str | None, seen: bool, *rest: Any,
    ) -> dict[Any, Any]:  # fmt: skip
        latest.begin(request.session_hash, began)
        job = context.jobs.find(name)
        # Frames of a running job, and a video of these very inputs, stay on the stage.
        stays = job is not None and (not job.finished or (not on_purpose and shows(job, rest[:3])))
        if person is None or clip is None:
            context.previews.forget(request.session_hash)
            return {stage.status: "", fitted: None, **({} if stays else stage.show(EXAMPLE))}
        same = before is not None and before.person is person and before.clip is clip
        found = before if before is not None and same else fit(person, clip)
        update: dict[Any, Any] = {} if stays else stage.show(LOOKING)
        try:
            preview, use = preview_of(found, voice, rest[3:], request)
            other_gestures = before is not None and before.person is person and before.clip is not clip
            if on_purpose:
                preview.asked = int(index)
            shown = index
            if preview.asked is not None:  # perhaps while this event waited
                shown = preview.asked
            elif other_gestures:
                shown = telling_frame(found, preview.frames)
            shown = min(max(int(shown), 0), preview.frames - 1)
            picture = preview.frame(shown)
        except InputError as error:
            update = {} if stays else stage.show("") | {stage.verdict: gr.HTML("")}
            update |= {stage.status: lines(said("bad", error.message)), stage.look: gr.Image(None, visible=False)}
        else:
            told = [text for _, text in judge(found, use, preview.still)]
            told += [said("info", text) for text in preview.notices]
            # Do not set a value that is still valid: the slider may be being dragged.
            place: dict[str, int] = {"value": shown} if shown != int(index) else {}
            update |= {
                stage.status: other_model(context),
                stage.look: gr.Image(picture) if stays else gr.Image(picture, visible=True),
                stage.frame: gr.Slider(maximum=max(1, preview.frames - 1), **place),
                stage.verdict: gr.HTML(lines(*told)) if stays else gr.HTML(lines(*told), visible=True),
                hands: hand_figures(preview.hands(picture, shown)) if seen else gr.skip(),
            }
        update[fitted] = gr.skip() if same else found
        return {stage.status: gr.skip()} if latest.outdated(request.session_hash, began) else update

    def drawn(request: gr.Request, *values: Any) -> Iterator[dict[Any, Any]]:
        began = time.time_ns()  # a later event may overtake this one while it shows the portrait
        person, _, _, before, _, name = values[:6]
        job = context.jobs.find(name)
        free = job is None or (job.finished and not shows(job, values[7:10]))
        if person is not None and free and (before is None or before.person is not person):
            yield stage.show(LOOKING) | {
                stage.look: gr.Image(shrink(person.image, SHOWN_SIDE), visible=True),
                stage.status: lines(line("info", "check_taking_apart")),
                stage.tools: gr.Row(visible=False),
                stage.verdict: gr.HTML(visible=False),
            }
        yield draw(request, False, began, *values)

    def drawn_on_purpose(request: gr.Request, *values: Any) -> dict[Any, Any]:
        return draw(request, True, time.time_ns(), *values)

    decisive = [inputs.portrait.state, inputs.motion.state, inputs.voice.state, fitted, stage.frame]
    decisive += [current, opened, *inputs.chosen(), *controls.all()]
    outputs = [*stage.screens(), stage.status, stage.frame, fitted, hands]
    event = gr.on(
        # The crop that a reload restores may arrive after what has changed with it.
        [inputs.changed.change, known.change, opened.change, controls.crop.change], drawn, decisive, outputs,
        trigger_mode="multiple", **HIDDEN, **LOOK, **PRIVATE,
    )  # fmt: skip
    changing = [controls.calibrate.input, controls.seed.input, controls.size.input, controls.crop.input]
    moved, scrubbed = (  # frames of a prepared preview do not wait for others to be prepared
        gr.on(triggers, drawn_on_purpose, decisive, outputs, trigger_mode="always_last", **HIDDEN, **place, **PRIVATE)
        for triggers, place in ((changing, LOOK), ([stage.frame.input], PREVIEW))
    )

    def play(
        request: gr.Request, voice: Speech | None, found: Fitted | None, index: int, *values: Any
    ) -> Iterator[dict[Any, Any]]:
        if found is None:
            yield {stage.film: gr.skip()}
            return
        played.begin(request.session_hash, time.time_ns())
        yield {stage.play: gr.Button(interactive=False), stage.status: progress_bar(0, both("check_drawing"))}
        update: dict[Any, Any] = {stage.status: other_model(context)}
        try:
            preview, _ = preview_of(found, voice, values, request)
            target = context.visitors.new_file(request, ".mp4")
            for done, count in preview.film(int(index), target):
                if done % 12 == 0:
                    yield {stage.status: progress_bar(done / count, both("check_drawing"))}
            update |= stage.show(FILM) | {stage.film: gr.Video(str(target), visible=True)}
        except InputError as error:
            update = {stage.status: lines(said("bad", error.message))}
        yield update | {stage.play: gr.Button(interactive=True)}

    stage.play.click(
        play, [inputs.voice.state, fitted, stage.frame, *controls.all()],
        [*stage.screens(), stage.status, stage.play], **HIDDEN, **SLOW_PREVIEW, **PRIVATE,
    )  # fmt: skip

    def breathe(
        request: gr.Request, voice: Speech | None, found: Fitted | None, name: str | None, *values: Any
    ) -> dict[Any, Any]:
        """Play a few silent seconds of the person in motion, if the server is idle."""
        began = time.time_ns()
        job, nothing = context.jobs.find(name), {stage.film: gr.skip()}
        quiet = voice is None and found is not None and not context.jobs.busy and (job is None or job.finished)
        # One that is overtaken gives the lock back within a frame.
        if not quiet or found is None or not breath.acquire(timeout=0.3):
            return nothing
        try:
            preview, _ = preview_of(found, None, values, request)
            target = context.visitors.new_file(request, ".mp4")
            for done, _ in preview.film(0, target, BREATH_SECONDS):
                slow = time.time_ns() - began > max(1.0, done * CHEAP_FRAME) * 1e9
                if slow or latest.outdated(request.session_hash, began):
                    return nothing
        except InputError:
            return nothing
        finally:
            breath.release()
        if any(each.outdated(request.session_hash, began) for each in (latest, played)):
            return nothing
        return stage.show(FILM) | {stage.film: gr.Video(str(target), visible=True)}

    event.then(
        breathe, [inputs.voice.state, fitted, current, *controls.all()], stage.screens(),
        concurrency_id="breath", concurrency_limit=2, **HIDDEN, **PRIVATE,
    )  # fmt: skip
    return fitted, [event, moved, scrubbed]


def shows(job: Job, chosen: Sequence[Any]) -> bool:
    """Whether a finished job's video was made from these choices."""
    return job.state == DONE and job.chosen == [tidy(each) for each in chosen]


def other_model(context: Context) -> str:
    """A note, as HTML, if the video will be drawn by another model than its preview."""
    can = context.engine.capabilities
    if can is None or can.instant:
        return ""
    return lines(line("info", "check_other_model", model=can.name))
