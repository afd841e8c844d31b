"""Step 4: the gestures on this person, raw and fitted, before anything expensive is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from ..media.pictures import shrink
from ..pose.calibrate import calibrate, place
from ..pose.draw import overlay
from ..pose.portrait import Portrait
from ..pose.preview import preview_video
from ..pose.regions import hand_crops
from ..pose.report import CalibrationReport
from ..pose.skeleton import PoseClip
from ..speech.types import Speech
from .context import Context
from .options import on_zero_gpu
from .report_table import report_table
from .serving import PREVIEW, PRIVATE, SLOW_PREVIEW, Newest, plainly
from .strings import both, t
from .widgets import figure, heading, line, lines

SHOWN_SIDE = 640
"""Longest side of the pictures in this step; small enough for twenty visitors on two cores."""
PREVIEW_SECONDS = 6.0


@dataclass
class Fitted:
    """The clip before and after calibration on the canvas of a small portrait picture (H, W, 3), and the report.

    `full` is the fitted clip on the portrait's own canvas.
    """

    image: NDArray[np.uint8]
    raw: PoseClip
    calibrated: PoseClip
    full: PoseClip
    report: CalibrationReport


@dataclass
class CheckStep:
    """Components that later steps use: `calibrate` is the checkbox."""

    calibrate: gr.Checkbox


def fit(portrait: Portrait, clip: PoseClip) -> Fitted:
    """Calibrate `clip` to `portrait` and bring everything to the size that is shown."""
    calibrated, report = calibrate(portrait.pose, clip)
    image = shrink(portrait.image, SHOWN_SIDE)
    size = (image.shape[1], image.shape[0])
    scale = (size[0] / portrait.size[0], size[1] / portrait.size[1])
    return Fitted(
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


def hands(context: Context, portrait: Portrait) -> str:
    """Crops of the hands that the portrait shows, beside each what the hand codebook makes of it, as HTML."""
    found = hand_crops(portrait.image, portrait.pose)
    pipeline = context.engine.loaded
    rebuilt = None
    # On ZeroGPU no network may run outside the decorated function.
    if pipeline is not None and "codebook" in pipeline.capabilities.switches and not on_zero_gpu():
        rebuilt = pipeline.generator.reconstruct_hands(found.crops) if found.present.any() else None
    figures = []
    for side, name in enumerate(("left", "right")):
        if found.present[side]:
            figures.append(figure(found.crops[side], f"hand_{name}"))
            if rebuilt is not None:
                figures.append(figure(rebuilt[side], "hand_rebuilt"))
    if not figures:
        return ""
    title = both("check_hands_rebuilt" if rebuilt is not None else "check_hands")
    return f'<h3 class="vivid-sub">{title}</h3><div class="vivid-figures">{"".join(figures)}</div>'


def build_check_step(
    context: Context, portrait: gr.State, speech: gr.State, motion: gr.State, changed: gr.State, known: gr.State
) -> CheckStep:
    """The card of step 4; it redraws when `changed` does, the hands also when the model gets `known`."""
    empty = lines(line("info", "check_waiting"))
    with gr.Column(elem_classes=["vivid-card"]):
        gr.HTML(heading(4, "step_check", "step_check_hint"), padding=False)
        waiting = gr.HTML(empty, elem_id="check-waiting", padding=False)
        with gr.Row(visible=False, elem_id="check-row", equal_height=False) as row:
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
                frame = gr.Slider(0, 1, 0, step=1, label=t("check_frame"), elem_id="check-frame", buttons=[])
            with gr.Column(scale=4, min_width=300):
                calibrate_on = gr.Checkbox(
                    True, label=t("check_calibrate"), info=t("check_calibrate_info"), elem_id="check-calibrate"
                )
                table = gr.HTML(elem_id="check-table", padding=False)
                hand_pictures = gr.HTML(elem_id="check-hands", padding=False)
                preview_button = gr.Button(t("check_preview"), size="sm", elem_id="check-preview")
                preview = gr.Video(
                    visible=False, show_label=False, autoplay=True, loop=True, height=320, elem_id="check-video",
                    buttons=[],
                )  # fmt: skip
    fitted = gr.State()

    newest = Newest()

    def refresh(
        person: Portrait | None, clip: PoseClip | None, index: int, number: int, request: gr.Request
    ) -> dict[Any, Any]:
        newest.begin(request.session_hash, number)
        if person is None or clip is None:
            missing = "check_waiting" if person is None else "check_waiting_motion"
            return {
                fitted: None,
                row: gr.Row(visible=False),
                waiting: gr.HTML(lines(line("info", missing)), visible=True),
            }
        found = fit(person, clip)
        index = min(int(index), len(clip) - 1)
        update = {
            fitted: found,
            row: gr.Row(visible=True),
            waiting: gr.HTML(visible=False),
            slider: pictures(found, index),
            frame: gr.Slider(maximum=max(1, len(clip) - 1), value=index),
            table: report_table(found.report),
            preview: gr.Video(None, visible=False),
        }
        return {row: gr.skip()} if newest.outdated(request.session_hash, number) else update

    drawn = changed.change(
        plainly(refresh),
        [portrait, motion, frame, changed],
        [fitted, row, waiting, slider, frame, table, preview],
        show_progress="hidden",
        trigger_mode="multiple",
        **PREVIEW,
        **PRIVATE,
    )

    for event in (drawn.then, known.change):  # the skeletons first: the codebook takes longer than they do
        event(
            plainly(lambda person: gr.skip() if person is None else hands(context, person)),
            portrait, hand_pictures, show_progress="hidden", **PREVIEW, **PRIVATE,
        )  # fmt: skip

    def redraw(found: Fitted | None, index: int) -> Any:
        return gr.skip() if found is None else pictures(found, index)

    frame.input(
        plainly(redraw), [fitted, frame], slider, show_progress="hidden", trigger_mode="always_last",
        **PREVIEW, **PRIVATE,
    )  # fmt: skip

    def play(found: Fitted | None, use: bool, voice: Speech | None, request: gr.Request) -> Any:
        if found is None:
            return gr.skip()
        clip = found.calibrated if use else found.raw
        frames = min(len(clip), round(PREVIEW_SECONDS * clip.fps), voice.frames if voice is not None else len(clip))
        target = context.visitors.new_file(request, ".mp4")
        preview_video(found.image, clip.take(slice(max(frames, 1))), target)
        return gr.Video(str(target), visible=True)

    preview_button.click(plainly(play), [fitted, calibrate_on, speech], preview, **SLOW_PREVIEW, **PRIVATE)
    return CheckStep(calibrate_on)
