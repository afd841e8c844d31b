"""Step 4: the finished look before anything expensive is done; below it how the gestures were fitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from ..media.pictures import shrink
from ..pose.calibrate import calibrate, place
from ..pose.draw import overlay
from ..pose.library import loop_positions
from ..pose.portrait import Portrait
from ..pose.regions import hand_crops
from ..pose.report import CalibrationReport
from ..pose.skeleton import PoseClip
from ..speech.types import Speech
from .context import Context
from .finished_look import FinishedLook, build_picture
from .options import on_zero_gpu
from .report_table import report_table
from .serving import PREVIEW, PRIVATE, Newest, plainly
from .strings import both, t
from .widgets import figure, heading, line, lines

SHOWN_SIDE = 640
"""Longest side of the pictures in this step; small enough for twenty visitors on two cores."""


@dataclass
class Fitted:
    """The clip before and after calibration on the canvas of a small picture (H, W, 3) of a person, and the report.

    `full` is the fitted clip on the portrait's own canvas.
    """

    person: Portrait
    image: NDArray[np.uint8]
    raw: PoseClip
    calibrated: PoseClip
    full: PoseClip
    report: CalibrationReport


@dataclass
class CheckStep:
    """What later steps use: `calibrate` is the checkbox, `fitted` holds a Fitted or None, `drawn` is the event that
    has fitted the gestures."""

    calibrate: gr.Checkbox
    look: FinishedLook
    fitted: gr.State
    drawn: Any


def fit(portrait: Portrait, clip: PoseClip) -> Fitted:
    """Calibrate `clip` to `portrait` and bring everything to the size that is shown."""
    calibrated, report = calibrate(portrait.pose, clip)
    image = shrink(portrait.image, SHOWN_SIDE)
    size = (image.shape[1], image.shape[0])
    scale = (size[0] / portrait.size[0], size[1] / portrait.size[1])
    return Fitted(
        portrait,
        image,
        place(clip, portrait.size)[0].map_points(scale, (0, 0), size),
        calibrated.map_points(scale, (0, 0), size),
        calibrated,
        report,
    )


def pictures(fitted: Fitted, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Overlays of frame `index` before and after calibration, each (H, W, 3)."""
    index = min(max(int(index), 0), len(fitted.raw) - 1)
    return overlay(fitted.image, fitted.raw.frame(index)), overlay(fitted.image, fitted.calibrated.frame(index))


def place_in(fitted: Fitted, index: int, last: int) -> int:
    """Which frame of the clip shows in frame `index` of a video whose frames are 0 to `last`."""
    return round(float(loop_positions(len(fitted.raw), last + 1)[min(max(int(index), 0), last)]))


def remembered(context: Context, portrait: Portrait) -> str:
    """The hands that the portrait shows, beside each what the model's hand codebook makes of it, as HTML."""
    pipeline = context.engine.loaded
    # On ZeroGPU no network may run outside the decorated function.
    if pipeline is None or "codebook" not in pipeline.capabilities.switches or on_zero_gpu():
        return ""
    found = hand_crops(portrait.image, portrait.pose)
    if not found.present.any():
        return ""
    rebuilt = pipeline.generator.reconstruct_hands(found.crops)
    figures = []
    for side, name in enumerate(("left", "right")):
        if found.present[side]:
            figures += [figure(found.crops[side], f"hand_{name}"), figure(rebuilt[side], "hand_rebuilt")]
    title = both("check_hands_rebuilt")
    return f'<h3 class="vivid-sub">{title}</h3><div class="vivid-figures">{"".join(figures)}</div>'


def build_check_step(
    context: Context, portrait: gr.State, speech: gr.State, motion: gr.State, changed: gr.State, known: gr.State
) -> CheckStep:
    """The card of step 4; what was fitted is drawn anew when `changed` changes (see finished_look for the rest)."""
    empty = lines(line("info", "check_waiting"))
    with gr.Column(elem_classes=["vivid-card"]):
        gr.HTML(heading(4, "step_check", "step_check_hint"), padding=False)
        waiting = gr.HTML(empty, elem_id="check-waiting", padding=False)
        with gr.Row(visible=False, elem_id="check-row", equal_height=False) as row:
            with gr.Column(scale=5, min_width=300):
                status, picture, video, frame, play = build_picture()
            with gr.Column(scale=4, min_width=300):
                calibrate_on = gr.Checkbox(
                    True, label=t("check_calibrate"), info=t("check_calibrate_info"), elem_id="check-calibrate"
                )
                notices = gr.HTML(elem_id="check-notices", padding=False)
                hand_pictures = gr.HTML(elem_id="check-hands", padding=False)
        with gr.Accordion(t("check_fit"), open=False, visible=False, elem_id="check-fit") as folded, gr.Row():
            with gr.Column(scale=5, min_width=300):
                slider = gr.ImageSlider(
                    label=t("check_slider"),
                    show_label=False,
                    type="numpy",
                    format="jpeg",
                    interactive=False,
                    max_height=520,
                    elem_id="check-slider",
                    buttons=["fullscreen"],
                )
                gr.HTML(
                    f'<div class="vivid-beforeafter"><span>{both("check_before")}</span>'
                    f"<span>{both('check_after')}</span></div>",
                    padding=False,
                )
            with gr.Column(scale=4, min_width=300):
                table = gr.HTML(elem_id="check-table", padding=False)
                codebook = gr.HTML(elem_id="check-codebook", padding=False)
    look = FinishedLook(status, picture, video, frame, play, hand_pictures, notices)
    fitted = gr.State()

    newest = Newest()

    def refresh(
        person: Portrait | None, clip: PoseClip | None, voice: Speech | None, index: int, number: int,
        before: Fitted | None, request: gr.Request,
    ) -> dict[Any, Any]:  # fmt: skip
        newest.begin(request.session_hash, number)
        if person is None or clip is None:
            missing = "check_waiting" if person is None else "check_waiting_motion"
            return {
                fitted: None,
                row: gr.Row(visible=False),
                folded: gr.Accordion(visible=False),
                waiting: gr.HTML(lines(line("info", missing)), visible=True),
            }
        found = fit(person, clip)
        last = (len(clip) if voice is None else max(voice.frames, 1)) - 1
        # A value that still holds is not set again: it would take the slider out of the hand that moves it.
        place: dict[str, int] = {"value": last} if int(index) > last else {}
        index = min(int(index), last)
        update = {
            fitted: found,
            row: gr.Row(visible=True),
            folded: gr.Accordion(visible=True),
            waiting: gr.HTML(visible=False),
            slider: pictures(found, place_in(found, index, last)),
            frame: gr.Slider(maximum=max(1, last), **place),
            table: report_table(found.report),
            status: lines(line("info", "check_drawing")),
            # nobody's finished look stands beside somebody else's gestures
            picture: gr.skip() if before is not None and before.person is person else gr.Image(None, visible=False),
        }
        return {row: gr.skip()} if newest.outdated(request.session_hash, number) else update

    drawn = changed.change(
        plainly(refresh),
        [portrait, motion, speech, frame, changed, fitted],
        [fitted, row, folded, waiting, slider, frame, table, status, picture],
        show_progress="hidden",
        trigger_mode="multiple",
        **PREVIEW,
        **PRIVATE,
    )

    for event in (drawn.then, known.change):  # the skeletons first: the codebook takes longer than they do
        event(
            plainly(lambda person: gr.skip() if person is None else remembered(context, person)),
            portrait, codebook, show_progress="hidden", **PREVIEW, **PRIVATE,
        )  # fmt: skip

    def redraw(found: Fitted | None, voice: Speech | None, index: int) -> Any:
        if found is None:
            return gr.skip()
        last = (len(found.raw) if voice is None else max(voice.frames, 1)) - 1
        return pictures(found, place_in(found, index, last))

    frame.input(
        plainly(redraw), [fitted, speech, frame], slider, show_progress="hidden", trigger_mode="always_last",
        **PREVIEW, **PRIVATE,
    )  # fmt: skip
    return CheckStep(calibrate_on, look, fitted, drawn)
