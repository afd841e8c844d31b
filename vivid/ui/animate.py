"""The Animate tab: portrait, voice, motion, check, generate, one under the other, all visible."""

from __future__ import annotations

import gradio as gr

from .check_step import build_check_step
from .context import AnimateInputs, Context
from .finished_look import keep_finished_look
from .generate_step import Sources, build_generate_step
from .motion_step import build_motion_step
from .portrait_step import build_portrait_step
from .voice_step import build_voice_step


def build_animate(context: Context) -> None:
    """Build the tab and set `context.inputs`."""
    changed = gr.State(0)
    with gr.Row(equal_height=True, elem_classes=["vivid-inputs"]):
        portrait = build_portrait_step(context, changed)
        voice = build_voice_step(context, changed)
        motion = build_motion_step(context, changed)
    context.inputs = AnimateInputs(portrait.state, voice.state, motion.state, changed)
    known = gr.State(False)  # whether the page has met the model
    check = build_check_step(context, portrait.state, voice.state, motion.state, changed, known)
    sources = Sources(portrait.image, voice.audio, motion.verdict, motion.gallery)
    controls = build_generate_step(context, context.inputs, known, motion.named, check.calibrate, sources)
    keep_finished_look(context, context.inputs, check.look, check.fitted, check.drawn, known, check.calibrate, controls)
