"""What step 4 is about: the finished frame that the slider points at, its hands, and a few seconds in motion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ..errors import InputError
from ..pose.portrait import Portrait
from ..pose.skeleton import PoseClip
from ..speech.types import Speech
from .context import AnimateInputs, Context
from .controls import Controls, read_settings
from .previews import Preview, Wanted, preview_settings
from .serving import LOOK, PRIVATE, SLOW_PREVIEW, Newest, plainly
from .strings import STRINGS, both, t
from .widgets import figure, line, lines, said


@dataclass
class FinishedLook:
    """The components, prominent in step 4; `fitted` holds a Fitted or None."""

    status: gr.HTML
    picture: gr.Image
    video: gr.Video
    frame: gr.Slider
    play: gr.Button
    hands: gr.HTML
    notices: gr.HTML


def build_picture() -> tuple[gr.HTML, gr.Image, gr.Video, gr.Slider, gr.Button]:
    """Status, picture, video, frame slider and play button, one under the other."""
    status = gr.HTML(elem_id="check-status", padding=False)
    picture = gr.Image(
        show_label=False,
        visible=False,
        interactive=False,
        format="jpeg",
        height=520,
        elem_id="check-look",
        buttons=["fullscreen"],
        alt_text=" / ".join(STRINGS["check_look"]),  # Gradio translates no alternative text
    )
    video = gr.Video(
        visible=False, show_label=False, autoplay=True, loop=True, height=520, elem_id="check-video", buttons=[]
    )
    frame = gr.Slider(0, 1, 0, step=1, label=t("check_frame"), elem_id="check-frame", buttons=[])
    play = gr.Button(t("check_play"), size="md", elem_id="check-play")
    return status, picture, video, frame, play


def hand_figures(preview: Preview, picture: Any, index: int) -> str:
    """The hands of a finished frame as HTML, "" where none is to be seen."""
    shown = "".join(figure(crop, f"hand_{name}") for name, crop in preview.hands(picture, index).items())
    return f'<h3 class="vivid-sub">{both("check_hands")}</h3><div class="vivid-figures">{shown}</div>' if shown else ""


def keep_finished_look(
    context: Context,
    inputs: AnimateInputs,
    look: FinishedLook,
    fitted: gr.State,
    drawn: Any,
    known: gr.State,
    calibrate: gr.Checkbox,
    controls: Controls,
) -> None:
    """Draw the finished frame after `drawn`, the event that has fitted the motion, and when something else changes."""
    newest = Newest()

    def wanted(
        person: Portrait, clip: PoseClip, voice: Speech | None, found: Any, use: bool, seed: float | None, size: str
    ) -> Wanted:
        loaded = context.engine.loaded
        generator = context.previews.generator if loaded is None else loaded.generator
        asked = read_settings(
            None, 0, 0, 0, seed, size, True, True, calibrate=bool(use), mark=context.options.mark
        )  # fmt: skip
        settings = preview_settings(generator, person, asked)
        return Wanted(person, voice, clip, (found.full, found.report), settings)

    def draw(
        person: Portrait | None, clip: PoseClip | None, voice: Speech | None, number: int, found: Any, index: int,
        use: bool, seed: float | None, size: str, request: gr.Request,
    ) -> dict[Any, Any]:  # fmt: skip
        newest.begin(request.session_hash, number)
        if person is None or clip is None or found is None:
            context.previews.forget(request.session_hash)
            return {look.picture: gr.skip()}
        try:
            preview = context.previews.of(request.session_hash, wanted(person, clip, voice, found, use, seed, size))
            index = min(max(int(index), 0), preview.frames - 1)
            picture = preview.frame(index)
        except InputError as error:
            update = refused(str(error))
        else:
            update = {
                look.status: other_model(context),
                look.picture: gr.Image(picture, visible=True),
                look.video: gr.Video(None, visible=False),
                look.frame: gr.Slider(maximum=max(1, preview.frames - 1), visible=True),
                look.play: gr.Button(visible=True),
                look.hands: hand_figures(preview, picture, index),
                look.notices: lines(*(said("info", text) for text in preview.notices)),
            }
        return {look.picture: gr.skip()} if newest.outdated(request.session_hash, number) else update

    def refused(sentence: str) -> dict[Any, Any]:
        return {
            look.status: lines(said("bad", sentence)),
            look.picture: gr.Image(None, visible=False),
            look.video: gr.Video(None, visible=False),
            look.frame: gr.Slider(visible=False),
            look.play: gr.Button(visible=False),
            look.hands: "",
            look.notices: "",
        }

    decisive = [inputs.portrait, inputs.motion, inputs.speech, inputs.changed, fitted, look.frame, calibrate]
    decisive += [controls.seed, controls.size]
    outputs = [look.status, look.picture, look.video, look.frame, look.play, look.hands, look.notices]
    quiet: dict[str, Any] = {"show_progress": "hidden"}
    drawn.then(plainly(draw), decisive, outputs, **quiet, **LOOK, **PRIVATE)
    gr.on(
        [look.frame.input, calibrate.change, controls.seed.change, controls.size.change, known.change],
        plainly(draw),
        decisive,
        outputs,
        trigger_mode="always_last",
        **quiet,
        **LOOK,
        **PRIVATE,
    )

    def play(
        person: Portrait | None, clip: PoseClip | None, voice: Speech | None, number: int, found: Any, index: int,
        use: bool, seed: float | None, size: str, request: gr.Request,
    ) -> Iterator[dict[Any, Any]]:  # fmt: skip
        if person is None or clip is None or found is None:
            yield {look.video: gr.skip()}
            return
        yield {look.play: gr.Button(interactive=False)}
        update: dict[Any, Any] = {look.status: other_model(context)}
        try:
            preview = context.previews.of(request.session_hash, wanted(person, clip, voice, found, use, seed, size))
            target = context.visitors.new_file(request, ".mp4")
            for done, count in preview.film(int(index), target):
                if done % 12 == 0:
                    yield {look.status: lines(line("info", "job_decoding", done=done, total=count))}
            update |= {look.video: gr.Video(str(target), visible=True), look.picture: gr.Image(visible=False)}
        except InputError as error:
            update = {look.status: lines(said("bad", str(error)))}
        yield update | {look.play: gr.Button(interactive=True)}

    look.play.click(
        plainly(play), decisive, [look.status, look.picture, look.video, look.play], **quiet, **SLOW_PREVIEW, **PRIVATE
    )


def other_model(context: Context) -> str:
    """Says so where the video will be drawn by another model than its preview."""
    can = context.engine.capabilities
    if can is None or can.instant:
        return ""
    return lines(line("info", "check_other_model", model=can.name))
