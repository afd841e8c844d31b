"""Step 2: the voice, with its length and the limit."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from ..config import Limits
from ..errors import InputError
from ..media.sound import TooLongError, load_speech, write_wav
from . import examples
from .context import Context
from .serving import PREVIEW, PRIVATE, plainly
from .strings import both, say, t
from .widgets import hand_on_path, heading, line, lines, said

QUIET = 0.01
"""Peak below which a recording is called silent."""


@dataclass
class VoiceStep:
    """Components that later steps use: `state` holds a Speech or None."""

    audio: gr.Audio
    state: gr.State


def shorten(path: str | Path, seconds: float, limits: Limits, target: Path) -> None:
    """Write the first `seconds` of the sound in `path` to `target` (WAV)."""
    write_wav(target, load_speech(path, seconds, limits, cut=True))


def build_voice_step(context: Context, changed: gr.State) -> VoiceStep:
    """The card of step 2; `changed` gets a new number whenever the voice does."""
    limit = context.options.limits.speech_seconds
    with gr.Column(elem_classes=["vivid-card"], min_width=300):
        gr.HTML(heading(2, "step_voice", "step_voice_hint"), padding=False)
        audio = hand_on_path(
            gr.Audio(
                label=t("voice_label"),
                show_label=False,
                type="filepath",
                sources=["upload", "microphone"],
                editable=True,
                elem_id="voice",
                buttons=[],
            )
        )
        resting = lines(line("info", "voice_limit", limit=f"{limit:g}"))
        verdict = gr.HTML(resting, elem_id="voice-verdict", padding=False)
        with gr.Row(elem_classes=["vivid-actions"]):
            cut = gr.Button(visible=False, size="sm", variant="primary", elem_id="voice-cut")
        shipped = examples.voices()
        buttons = []
        if shipped:
            gr.HTML(f'<p class="vivid-or">{both("voice_examples")}</p>', padding=False)
            with gr.Row(elem_classes=["vivid-voices"]):
                buttons = [
                    gr.Button(example.title, size="sm", min_width=90, elem_classes=["vivid-voice"])
                    for example in shipped
                ]
    state = gr.State()

    def listen(path: str | None, request: gr.Request) -> dict[Any, Any]:
        nothing = {state: None, changed: time.time_ns(), cut: gr.Button(visible=False)}
        if path is None:
            return {**nothing, verdict: resting}
        try:
            speech = load_speech(path, limits=context.options.limits)
        except TooLongError as error:
            limit_text = f"{limit:g}"
            length = f"{error.seconds:.1f}" if error.seconds is not None else f"> {limit_text}"
            return {
                **nothing,
                verdict: lines(line("warn", "voice_too_long", seconds=length, limit=limit_text)),
                cut: gr.Button(say("voice_cut", request, limit=limit_text), visible=True),
            }
        except InputError as error:
            return {**nothing, verdict: lines(said("bad", str(error)))}
        items = [line("ok", "voice_fine", seconds=f"{speech.seconds:.1f}", frames=speech.frames, limit=f"{limit:g}")]
        if float(np.abs(speech.samples).max(initial=0.0)) < QUIET:
            items.append(line("warn", "voice_silent"))
        return {state: speech, changed: time.time_ns(), verdict: lines(*items), cut: gr.Button(visible=False)}

    audio.change(plainly(listen), audio, [state, changed, verdict, cut], show_progress="hidden", **PREVIEW, **PRIVATE)

    def cut_off(path: str | None, request: gr.Request) -> Any:
        if path is None:
            return gr.skip()
        target = context.visitors.new_file(request, ".wav")
        shorten(path, limit, context.options.limits, target)
        return str(target)

    cut.click(plainly(cut_off), audio, audio, **PREVIEW, **PRIVATE)
    for button, example in zip(buttons, shipped, strict=True):
        button.click(lambda path=str(example.path): path, None, audio, show_progress="hidden", **PREVIEW, **PRIVATE)
    return VoiceStep(audio, state)
