"""The Animate tab: three cards beside one stage, and details for experts folded below."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ...speech.types import Speech
from ..context import AnimateInputs, Context
from ..report_table import report_table
from ..serving import QUIET
from ..strings import both, t
from .fit import Fitted, pictures, place_in, remembered
from .making import Shelf, build_dock, build_making, build_shelf
from .motion import build_motion
from .portrait import build_portrait, keep_crop
from .settings import build_controls, meet_model
from .stage import Inputs, build_stage, keep_example, keep_look
from .voice import build_voice


def build(context: Context, tab: gr.Tab) -> None:
    """Build the tab and set `context.inputs`."""
    changed, known, current = gr.State(0), gr.State(False), gr.State()
    cut = gr.Button(t("voice_cut"), visible=False, size="lg", elem_id="voice-cut", min_width=160, render=False)
    with gr.Row(elem_id="animate", equal_height=False):
        with gr.Column(elem_id="cards", min_width=300):
            inputs = Inputs(
                build_portrait(context, changed),
                build_voice(context, changed, cut),
                build_motion(context, changed),
                changed,
            )
            consent = both("consent" if context.options.mark else "consent_no_mark")
            gr.HTML(f'<p class="vivid-consent">{consent}</p>', padding=False)
        with gr.Column(elem_id="stage", elem_classes=["vivid-card"], min_width=300):
            stage = build_stage()
            dock = build_dock(cut)
    stage.below = (*dock.rows, dock.about, dock.todo)
    states = inputs.portrait.state, inputs.voice.state, inputs.motion.state
    context.inputs = AnimateInputs(*states, changed, inputs.chosen())
    opened = gr.State(False)
    with gr.Accordion(t("advanced"), open=False, elem_id="advanced") as details, gr.Row():
        with gr.Column(min_width=300, scale=2):
            gr.HTML(f'<h3 class="vivid-sub">{both("advanced_settings")}</h3>', padding=False)
            status = gr.HTML(elem_id="model-status", padding=False)
            controls = build_controls(dock.quality, inputs.portrait.crop)
            made = gr.HTML(elem_id="result-settings", padding=False)
            notes = gr.DownloadButton(t("download_settings"), size="sm", visible=False, elem_id="download-settings")
        with gr.Column(min_width=300, scale=3, elem_id="check-fit"):
            gr.HTML(f'<h3 class="vivid-sub">{both("check_fit")}</h3>', padding=False)
            slider = gr.ImageSlider(
                label=t("check_slider"), show_label=False, type="numpy", format="jpeg", interactive=False,
                max_height=460, elem_id="check-slider", buttons=["fullscreen"],
            )  # fmt: skip
            gr.HTML(
                f'<div class="vivid-beforeafter"><span>{both("check_before")}</span>'
                f"<span>{both('check_after')}</span></div>",
                padding=False,
            )
            table = gr.HTML(elem_id="check-table", padding=False)
            hands = gr.HTML(elem_id="check-hands", padding=False)
            codebook = gr.HTML(elem_id="check-codebook", padding=False)
    box, gallery = build_shelf()
    details.expand(lambda: True, None, opened, **QUIET)
    details.collapse(lambda: False, None, opened, **QUIET)

    keep_crop(context, inputs.portrait, changed, known, controls.size)
    keep_example(stage, inputs)
    meet_model(context, controls, known, status, dock.again, inputs.portrait.state, changed)
    fitted, drawings = keep_look(context, stage, inputs, controls, known, current, opened, hands)

    def explain(seen: bool, found: Fitted | None, voice: Speech | None, index: int) -> dict[Any, Any]:
        if not seen or found is None:
            return {slider: gr.skip()}
        last = (len(found.raw) if voice is None else max(voice.frames, 1)) - 1
        return {slider: pictures(found, place_in(found, index, last)), table: report_table(found.report)}

    for event in drawings:
        event.then(explain, [opened, fitted, inputs.voice.state, stage.frame], [slider, table], **QUIET)
    drawings[0].then(  # after the skeletons: the codebook takes longer
        lambda seen, found: remembered(context, found.person) if seen and found is not None else gr.skip(),
        [opened, fitted], codebook, **QUIET,
    )  # fmt: skip
    build_making(context, stage, dock, Shelf(made, notes, box, gallery), inputs, controls, known, current)
