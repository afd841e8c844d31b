"""The voice card, with the length of the sound and the limit."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from ...config import Limits
from ...errors import InputError
from ...media.sound import TooLongError, load_speech, write_wav
from .. import examples
from ..context import Context
from ..serving import PREVIEW, PRIVATE, QUIET
from ..strings import both, t
from ..widgets import PathAudio, line, lines, said
from .cards import chosen_file, empty, folded, kept_name, summary, title_of

SILENT = 0.01
"""Peak below which a recording counts as silent."""


@dataclass
class VoiceCard:
    """The card's components: `state` holds a Speech or None, `chosen` what the browser stores about it, `problem` the
    message (HTML) about a sound that cannot be used."""

    audio: gr.Audio
    state: gr.State
    chosen: gr.BrowserState
    problem: gr.State
    read: gr.State
    """Path of the sound that `state` or `problem` comes from; another one in `audio` is still being read."""
    body: gr.Accordion


def shorten(path: str | Path, seconds: float, limits: Limits, target: Path) -> None:
    """Write the first `seconds` of the sound in `path` to `target` (WAV)."""
    write_wav(target, load_speech(path, seconds, limits, cut=True))


def build_voice(context: Context, changed: gr.State, cut: gr.Button) -> VoiceCard:
    """Build the card; `changed` gets a new number with every change; `cut` is shown for sounds that are too long."""
    limit = context.options.limits.speech_seconds
    shipped = examples.voices()
    nothing = empty("voice", limit=f"{limit:g}")
    with gr.Column(elem_classes=["vivid-card", "va-card"], elem_id="card-voice", min_width=280):
        head = gr.HTML(nothing, elem_id="voice-summary", padding=False)
        verdict = gr.HTML(elem_id="voice-verdict", padding=False)
        with folded("voice", opened=True) as body:
            audio = PathAudio(
                label=t("voice_label"),
                show_label=False,
                type="filepath",
                sources=["upload", "microphone"],
                editable=True,
                elem_id="voice",
                buttons=[],
            )
            picked = gr.Radio(
                [(example.title, example.path.stem) for example in shipped],
                label=t("voice_examples"),
                elem_id="voice-examples",
                elem_classes=["va-pills"],
                visible=bool(shipped),
            )
    state, problem, read, before_cut = gr.State(), gr.State(""), gr.State(), gr.State()
    chosen = gr.BrowserState(None, storage_key="vividanimator-voice", secret="not-a-secret")

    def listen(path: str | None, before: str | None, was: Any) -> dict[Any, Any]:
        update = {state: None, problem: "", read: path, changed: time.time_ns(), cut: gr.Button(visible=False)}
        if path is None:
            gone = {chosen: None, verdict: "", head: nothing, picked: None, body: gr.Accordion(open=True)}
            return update | gone
        index = examples.which(path, shipped)
        keep = chosen_file(Path(path), shipped, index, kept_name(path, before, was))
        update |= {chosen: keep, picked: None if index is None else shipped[index].path.stem}
        try:
            speech = load_speech(path, limits=context.options.limits)
        except TooLongError as error:
            length = f"{error.seconds:.0f}" if error.seconds is not None else f"> {limit:g}"
            poor = lines(line("bad", "voice_too_long", seconds=length, limit=f"{limit:g}"))
            update[cut] = gr.Button(visible=True)
        except InputError as error:
            poor = lines(said("bad", error.message))
        else:
            silent = float(np.abs(speech.samples).max(initial=0.0)) < SILENT
            words = both("chosen_length", name=title_of(keep, shipped), seconds=f"{speech.seconds:.1f}")
            return update | {
                state: speech,
                head: summary("voice", words),
                body: gr.Accordion(open=False),
                verdict: lines(line("warn", "voice_silent")) if silent else "",
            }
        return update | {problem: poor, verdict: poor, head: nothing, body: gr.Accordion(open=True)}

    audio.change(
        listen, [audio, before_cut, chosen],
        [state, problem, read, chosen, changed, verdict, head, body, picked, cut], **QUIET,
    )  # fmt: skip

    def cut_off(path: str | None, request: gr.Request) -> Any:
        if path is None:
            return gr.skip(), gr.skip()
        target = context.visitors.new_file(request, ".wav")
        shorten(path, limit, context.options.limits, target)
        return str(target), path

    cut.click(cut_off, audio, [audio, before_cut], **PREVIEW, **PRIVATE)

    def choose(name: str) -> str:
        return next(str(example.path) for example in shipped if example.path.stem == name)

    picked.input(choose, picked, audio, **QUIET)
    return VoiceCard(audio, state, chosen, problem, read, body)
