"""The portrait card: pictures are examined on arrival, and fixes offered where they help."""

from __future__ import annotations

import html
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from ...errors import InputError
from ...framing import crop_box
from ...media.pictures import load_picture, shrink
from ...pose.portrait import Portrait
from .. import examples
from ..context import Context
from ..serving import EXAMINE, PRIVATE, QUIET
from ..strings import both, t
from ..verdicts import Fix, Verdict, crop_to, person_at
from ..widgets import PathImage, line, lines, said
from .cards import THUMBNAIL, chosen_file, empty, folded, kept_name, summary, thumbnail, tidy, title_of
from .settings import OWN_SIZE, sized

WHOLE = 0.98
"""Visible share of a portrait above which the crop is not shown."""


_PICK = """element.addEventListener("click", (event) => {
  const person = event.target.closest("[data-person]");
  if (person) trigger("click", { person: Number(person.dataset.person) });
});"""

_MOVE = Path(__file__).with_name("crop.js").read_text(encoding="utf-8")


@dataclass
class PortraitCard:
    """The card's components: `state` holds a Portrait or None, `chosen` what the browser stores about it, `problem` the
    message (HTML) about a picture that cannot be used."""

    image: gr.Image
    state: gr.State
    chosen: gr.BrowserState
    problem: gr.State
    read: gr.State
    """Path of the picture that `state` was read from; another one in `image` is still being examined."""
    body: gr.Accordion
    part: gr.HTML
    crop: gr.Number
    """Position of the video's crop, 0 to 1; None for the default."""


def describe(verdict: Verdict, notice: bool = False) -> str:
    """The findings as HTML, good ones folded; `notice` adds that the model is made for rendered characters."""
    poor = [line(f.level, f.key, **f.values) for f in verdict.findings if f.level != "ok"]
    fine = [line(f.level, f.key, **f.values) for f in verdict.findings if f.level == "ok"]
    if notice:
        poor.append(line("warn", "portrait_photograph"))
    shown = lines(*(poor or [line("ok", "portrait_fine")]))
    if not fine or not verdict.usable:
        return shown
    return f'{shown}<details class="vivid-details"><summary>{both("portrait_seen")}</summary>{lines(*fine)}</details>'


def show_people(portrait: Portrait) -> str:
    """A picture of several people with a button around each head, as HTML; "" for a single person."""
    count = len(portrait.people)
    if count < 2:
        return ""
    buttons = []
    for number, index in enumerate(portrait.people[:, 0].argsort(), 1):
        x0, y0, x1, y1 = portrait.people[index].astype(float)
        across, down = 0.25 * (x1 - x0), 0.25 * (y1 - y0)  # face boxes do not include the hair
        low = np.clip(np.array([x0 - across, y0 - 2 * down]) / portrait.size, 0, 1) * 100
        high = np.clip(np.array([x1 + across, y1 + down]) / portrait.size, 0, 1) * 100
        place = f"left:{low[0]:.1f}%;top:{low[1]:.1f}%;width:{high[0] - low[0]:.1f}%;height:{high[1] - low[1]:.1f}%"
        pressed = "true" if index == person_at(portrait) else "false"
        name = both("portrait_one_of", number=number, count=count)
        buttons.append(
            f'<button type="button" data-person="{index}" aria-pressed="{pressed}" style="{place}">'
            f'<b aria-hidden="true">{number}</b><span class="vivid-spoken">{name}</span></button>'
        )
    return f'<div class="va-people">{thumbnail(portrait.image, 4 * THUMBNAIL)}{"".join(buttons)}</div>'


def build_portrait(context: Context, changed: gr.State) -> PortraitCard:
    """Build the card; `changed` gets a new number whenever the portrait changes."""
    shipped = examples.portraits()
    with gr.Column(elem_classes=["vivid-card", "va-card"], elem_id="card-portrait", min_width=280):
        head = gr.HTML(empty("portrait"), elem_id="portrait-summary", padding=False)
        refusal = gr.HTML(elem_id="portrait-refusal", padding=False)
        verdict = gr.HTML(elem_id="portrait-verdict", padding=False)
        people = gr.HTML(elem_id="portrait-people", padding=False, js_on_load=_PICK)
        part = gr.HTML(elem_id="portrait-crop-part", padding=False, js_on_load=_MOVE)
        crop = gr.Number(None, visible="hidden", elem_id="crop-at")
        with gr.Row(elem_classes=["vivid-actions"]):
            fixes = {
                kind: gr.Button(
                    t(f"portrait_fix_{kind}"), visible=False, size="sm", variant="primary", elem_id=f"portrait-{kind}"
                )
                for kind in ("rotate", "crop")
            }
            undo = gr.Button(t("portrait_undo"), visible=False, size="sm", elem_id="portrait-undo")
        with folded("portrait", opened=True) as body:
            image = PathImage(
                label=t("portrait_label"),
                show_label=False,
                type="filepath",
                sources=["upload", "webcam", "clipboard"],
                webcam_options=gr.WebcamOptions(mirror=False),
                height=150,
                elem_id="portrait",
                buttons=["fullscreen"],
                alt_text=t("portrait_label"),
            )
            gallery = gr.Gallery(
                [(str(example.path), example.title) for example in shipped],
                show_label=False,
                columns=6,
                height="auto",
                allow_preview=False,
                object_fit="cover",
                elem_id="portrait-examples",
                elem_classes=["vivid-thumbs", "va-row"],
                interactive=False,
                visible=bool(shipped),
                buttons=[],
            )
    state, problem, fix_state = gr.State(), gr.State(""), gr.State()
    read, before_fix = gr.State(), gr.State()  # paths: of the last readable picture, and of the picture before a fix
    chosen = gr.BrowserState(None, storage_key="vividanimator-portrait", secret="not-a-secret")

    def hidden() -> dict[Any, Any]:
        return {button: gr.Button(visible=False) for button in fixes.values()}

    def look(path: str | None, last: str | None, before: str | None, was: Any) -> dict[Any, Any]:
        # After a refusal the last good picture (or none) comes through here again: keep the message.
        back = path is None if last is None else path is not None and Path(path).name == Path(last).name
        told = gr.skip() if back else ""
        if path is None:
            return hidden() | {
                refusal: told, state: None, problem: "", fix_state: None, read: None, chosen: None, verdict: "",
                people: "", head: empty("portrait"), body: gr.Accordion(open=True), undo: gr.Button(visible=False),
                gallery: gr.Gallery(selected_index=None), changed: time.time_ns(),
            }  # fmt: skip
        try:
            found = context.verdict(Path(path))
            picture = found.portrait.image if found.portrait else shrink(load_picture(path, context.options.limits))
        except InputError as error:
            rest = line("info", "kept_previous") if last else ""
            return {image: last, refusal: lines(said("bad", error.message), rest), undo: gr.Button(visible=False)}
        if found.portrait is not None:
            context.previews.expect(found.portrait)
        can = context.engine.capabilities
        index = examples.which(path, shipped)
        notice = found.usable and can is not None and can.portraits == "rendered" and index is None
        keep = chosen_file(Path(path), shipped, index, kept_name(path, before, was))
        at = kept_crop(was) if tidy(was) == keep else None  # another picture starts with the default crop
        words = html.escape(title_of(keep, shipped))
        return hidden() | {
            refusal: told,
            state: found.portrait,
            problem: "" if found.usable else describe(found),
            fix_state: found.fix,
            read: path,
            chosen: keep if at is None else {**keep, "crop": at},
            crop: at,
            verdict: describe(found, notice),
            people: "" if found.portrait is None else show_people(found.portrait),
            head: summary("portrait", words, thumbnail(picture)),
            body: gr.Accordion(open=not found.usable),
            gallery: gr.Gallery(selected_index=index),
            changed: time.time_ns(),
            **({fixes[found.fix.kind]: gr.Button(visible=True)} if found.fix is not None else {}),
        }

    outputs = [image, refusal, state, problem, fix_state, read, chosen, crop, changed]
    outputs += [verdict, people, head, body, gallery, undo, *fixes.values()]
    image.change(look, [image, read, before_fix, chosen], outputs, show_progress="hidden", **EXAMINE, **PRIVATE)

    def apply_fix(path: str | None, fix: Fix | None, request: gr.Request) -> dict[Any, Any]:
        if path is None or fix is None:
            return {undo: gr.skip()}
        target = context.visitors.new_file(request, ".png")
        Image.fromarray(fix.apply(shrink(load_picture(path, context.options.limits)))).save(target)
        return {image: str(target), before_fix: path, undo: gr.Button(visible=True)}

    for button in fixes.values():
        button.click(apply_fix, [image, fix_state], [image, before_fix, undo], **EXAMINE, **PRIVATE)

    def pick(path: str | None, portrait: Portrait | None, request: gr.Request, event: gr.EventData) -> dict[Any, Any]:
        index: Any = event._data.get("person") if isinstance(event._data, dict) else None
        if path is None or portrait is None or index not in range(len(portrait.people)):
            return {undo: gr.skip()}
        target = context.visitors.new_file(request, ".png")
        Image.fromarray(crop_to(portrait, int(index)).apply(portrait.image)).save(target)
        return {image: str(target), before_fix: path, undo: gr.Button(visible=True)}

    people.click(pick, [image, state], [image, before_fix, undo], **EXAMINE, **PRIVATE)
    undo.click(lambda path: (path, gr.Button(visible=False)), before_fix, [image, undo], **QUIET)
    image.upload(lambda: gr.Button(visible=False), None, undo, **QUIET)

    def choose(event: gr.SelectData) -> tuple[str, Any]:
        return str(shipped[int(event.index)].path), gr.Button(visible=False)

    gallery.select(choose, None, [image, undo], **QUIET)
    return PortraitCard(image, state, chosen, problem, read, body, part, crop)


def keep_crop(context: Context, card: PortraitCard, changed: gr.State, known: gr.State, size: gr.Dropdown) -> None:
    """Show which part of the portrait the video will show, unless it is all of it, and store where it is moved."""

    def draw(person: Portrait | None, size: str, crop: float | None) -> str:
        return "" if person is None else show_crop(context, person, size, crop)

    gr.on(
        [changed.change, known.change, size.input], draw, [card.state, size, card.crop], card.part,
        trigger_mode="multiple", **QUIET,
    )  # fmt: skip

    def keep(kept: Any, crop: float | None) -> Any:
        return {**kept, "crop": crop} if isinstance(kept, dict) else gr.skip()

    card.crop.input(keep, [card.chosen, card.crop], card.chosen, trigger_mode="always_last", **QUIET)


def kept_crop(kept: Any) -> float | None:
    """The crop position that a browser has stored; None if it is invalid or the default."""
    crop = kept.get("crop") if isinstance(kept, dict) else None
    return float(crop) if isinstance(crop, int | float) and 0 <= crop <= 1 else None


def show_crop(context: Context, portrait: Portrait, size: str, crop: float | None) -> str:
    """The portrait as HTML with the part that a video of that size shows highlighted and movable; "" if the video shows
    all of it, or while no model is loaded."""
    pipeline = context.engine.loaded
    if pipeline is None:
        return ""
    try:
        run = pipeline.generator.resolve(sized(size), portrait.size)
        usual, ends = crop_box(portrait, (run.width, run.height))
        box, _ = crop_box(portrait, (run.width, run.height), kept_crop({"crop": crop}))
    except InputError:
        return ""
    part, low, high = (np.array(each) / (portrait.size * 2) * 100 for each in (box, ends[:2] * 2, ends[2:] * 2))
    if (part[2] - part[0]) * (part[3] - part[1]) > WHOLE * 100**2 and size == OWN_SIZE:
        return ""
    axis = int(np.argmax(high - low)) % 2
    movable, moved = high[axis] - low[axis] > 1, box != usual
    place = "".join(f"{name}:{value:.2f}%;" for name, value in zip(("left", "top"), part, strict=False))
    place += f"width:{part[2] - part[0]:.2f}%;height:{part[3] - part[1]:.2f}%"
    handle = ""
    if movable:
        now, first, last = part[axis], low[axis], high[axis]
        handle = (
            f'data-side="{("left", "top")[axis]}" data-low="{first:.3f}" data-high="{last:.3f}" data-now="{now:.3f}" '
            f'data-usual="{usual[axis] / portrait.size[axis] * 100:.3f}" role="slider" tabindex="0" '
            f'aria-orientation="{("horizontal", "vertical")[axis]}" aria-labelledby="crop-words" aria-valuemin="0" '
            f'aria-valuemax="100" aria-valuenow="{100 * (now - first) / (last - first):.0f}"'
        )
    words = both("portrait_crop_move" if movable else "portrait_crop_shown")
    reset = f'<button type="button" data-reset{"" if moved else " hidden"}>{both("portrait_crop_usual")}</button>'
    picture = thumbnail(portrait.image, 4 * THUMBNAIL, f'<i class="va-crop" style="{place}" {handle}></i>')
    return (
        f'<div class="va-people va-cropper">{picture}</div>'
        f'<p class="va-crop-words"><span id="crop-words">{words}</span> {reset}</p>'
    )
