"""Step 1: the portrait, looked at as soon as it arrives."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from ..errors import InputError
from ..media.pictures import load_picture, shrink
from . import examples
from .context import Context
from .serving import PREVIEW, PRIVATE, plainly
from .strings import both, say, t
from .verdicts import Fix, Verdict, examine
from .widgets import hand_on_path, heading, line, lines, said


@dataclass
class PortraitStep:
    """Components that later steps use: `state` holds a Portrait or None."""

    image: gr.Image
    state: gr.State
    verdict: gr.HTML


def describe(verdict: Verdict, notice: bool = False) -> str:
    """The findings as HTML; `notice` adds that the model is made for rendered characters."""
    items = [line(f.level, f.key, **f.values) for f in verdict.findings]
    if notice:
        items.append(line("warn", "portrait_photograph"))
    return lines(*items)


def build_portrait_step(context: Context, changed: gr.State) -> PortraitStep:
    """The card of step 1; `changed` gets a new number whenever the portrait does."""
    with gr.Column(elem_classes=["vivid-card"], min_width=300):
        gr.HTML(heading(1, "step_portrait", "step_portrait_hint"), padding=False)
        image = hand_on_path(
            gr.Image(
                label=t("portrait_label"),
                show_label=False,
                type="filepath",
                sources=["upload", "webcam", "clipboard"],
                webcam_options=gr.WebcamOptions(mirror=False),
                height=340,
                elem_id="portrait",
                buttons=["fullscreen"],
                placeholder=t("portrait_placeholder"),
                alt_text=t("portrait_label"),
            )
        )
        refusal = gr.HTML(elem_id="portrait-refusal", padding=False)
        verdict = gr.HTML(elem_id="portrait-verdict", padding=False)
        with gr.Row(elem_classes=["vivid-actions"]):
            fix_button = gr.Button(visible=False, size="sm", variant="primary", elem_id="portrait-fix")
            undo_button = gr.Button(t("portrait_undo"), visible=False, size="sm", elem_id="portrait-undo")
        shipped = examples.portraits()
        gallery = None
        if shipped:
            gr.HTML(f'<p class="vivid-or">{both("portrait_examples")}</p>', padding=False)
            gallery = gr.Gallery(
                [(str(example.path), example.title) for example in shipped],
                show_label=False,
                columns=len(shipped) if len(shipped) <= 4 else 4,
                height="auto",
                allow_preview=False,
                object_fit="cover",
                elem_id="portrait-examples",
                elem_classes=["vivid-thumbs"],
                interactive=False,
                buttons=[],
            )
    state = gr.State()
    fix_state = gr.State()
    kept = gr.State()  # path of the last picture that could be read
    before_fix = gr.State()

    def look(path: str | None, last: str | None, request: gr.Request) -> dict[Any, Any]:
        # After a refusal the last good picture (or none) comes back through here: its sentence must stay.
        back = path is None if last is None else path is not None and Path(path).name == Path(last).name
        told = gr.skip() if back else ""
        if path is None:
            return {
                refusal: told, state: None, fix_state: None, kept: None, verdict: "", changed: time.time_ns(),
                fix_button: gr.Button(visible=False), undo_button: gr.Button(visible=False),
            }  # fmt: skip
        try:
            picture = shrink(load_picture(path, context.options.limits))
        except InputError as error:
            rest = line("info", "kept_previous") if last else ""
            return {image: last, refusal: lines(said("bad", str(error)), rest), undo_button: gr.Button(visible=False)}
        found = examine(picture)
        can = context.engine.capabilities
        rendered_only = can is not None and can.portraits == "rendered"
        notice = found.usable and rendered_only and not examples.is_shipped(Path(path))
        label = say(f"portrait_fix_{found.fix.kind}", request) if found.fix else ""
        return {
            refusal: told,
            state: found.portrait,
            fix_state: found.fix,
            kept: path,
            verdict: describe(found, notice),
            changed: time.time_ns(),
            fix_button: gr.Button(label, visible=found.fix is not None),
        }

    outputs = [image, refusal, state, fix_state, kept, verdict, changed, fix_button, undo_button]
    image.change(plainly(look), [image, kept], outputs, show_progress="hidden", **PREVIEW, **PRIVATE)

    def apply_fix(path: str | None, fix: Fix | None, request: gr.Request) -> dict[Any, Any]:
        if path is None or fix is None:
            return {fix_button: gr.Button(visible=False)}
        target = context.visitors.new_file(request, ".png")
        Image.fromarray(fix.apply(shrink(load_picture(path, context.options.limits)))).save(target)
        return {image: str(target), before_fix: path, undo_button: gr.Button(visible=True)}

    fix_button.click(
        plainly(apply_fix), [image, fix_state], [image, before_fix, undo_button, fix_button], **PREVIEW, **PRIVATE
    )
    undo_button.click(
        lambda path: (path, gr.Button(visible=False)),
        before_fix,
        [image, undo_button],
        **PREVIEW,
        **PRIVATE,
    )
    image.upload(lambda: gr.Button(visible=False), None, undo_button, **PREVIEW, **PRIVATE)
    if gallery is not None:

        def choose(event: gr.SelectData) -> tuple[str, Any]:
            return str(shipped[int(event.index)].path), gr.Button(visible=False)

        gallery.select(choose, None, [image, undo_button], show_progress="hidden", **PREVIEW, **PRIVATE)
    return PortraitStep(image, state, verdict)
