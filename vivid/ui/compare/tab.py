"""The Compare tab: the same inputs made in two to four ways, watched in step, measured, and kept under a link."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import gradio as gr
from gradio.context import Context as Building

from ...errors import InputError
from ...pose.portrait import Portrait
from ...pose.skeleton import PoseClip
from ...speech.types import Speech
from ..animate.cards import name_of
from ..animate.portrait import kept_crop
from ..animate.progress import progress_bar
from ..context import Context
from ..engine import progress_of
from ..jobs import LineFullError
from ..serving import FOLLOWING, PRIVATE, QUIET, SLOW_PREVIEW
from ..strings import both, say, t
from ..visitors import visitor_of
from ..widgets import line, lines, tell_copied
from . import player
from .columns import build_column, wanted_variants
from .downloads import KINDS, SAVE, make, offered, path_of, to_save
from .inputs import choices, chosen, titled, titles
from .record import Records, start, stop
from .settings import (
    ANIMATE,
    FIELDS,
    INPUTS,
    MOST,
    OWN,
    PRESETS,
    Variant,
    differences,
    from_link,
    preset,
    presets_for,
)
from .status import state_line

ASK_AGAIN_SECONDS = 1.0
"""Interval at which an open page checks whether the model is loaded."""
LOOK_EVERY_SECONDS = 0.3
"""Interval at which a page checks the progress of its comparison."""
GONE = "This comparison is no longer kept here: compare again."
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")

_LINK = """async (portrait, voice, motion, one, two, three, crop, count, ...values) => {
  const fields = FIELDS, usual = USUAL, columns = [];
  for (let k = 0; k < count; k++) {
    const column = {};
    fields.forEach((name, f) => {
      const value = values[k * fields.length + f];
      if ((value || null) !== (usual[name] || null)) column[name] = value;
    });
    columns.push(column);
  }
  const settings = { columns }, kept = { portrait: one, voice: two, motion: three };
  Object.entries({ portrait, voice, motion }).forEach(([name, value]) => {
    const source = value === "animate" ? kept[name]?.example : value; // an upload is nobody else's
    if (source) settings[name] = source;
  });
  if (settings.portrait && crop !== null) settings.crop = crop;
  const url = new URL(location.href);
  url.search = "";
  url.hash = "";
  url.searchParams.set("compare", JSON.stringify(settings));
  return [url.href, await vividCopy(url.href)];
}"""
_COPY = """() => {
  const url = new URL(location.href);
  url.hash = "";
  return vividCopy(url.href);
}"""


def build(context: Context, tab: gr.Tab) -> None:
    """Build the tab inside the current gr.Tab and set `context.records`; needs the Animate tab (`context.inputs`)."""
    purpose = gr.HTML(f'<p class="vc-about">{both("compare_about")}</p>', padding=False)
    with gr.Accordion(t("compare_setup"), elem_id="compare-setup") as setup:
        with gr.Row():
            sources = [
                gr.Dropdown(
                    [(t("compare_from_animate"), ANIMATE), *choices(kind)],
                    value=ANIMATE, label=t(f"compare_{kind}"), elem_id=f"compare-{kind}", min_width=220,
                )
                for kind in INPUTS
            ]  # fmt: skip
            crop = gr.Number(
                None, label=t("compare_crop"), info=t("compare_crop_info"), step=0.01, visible=False,
                elem_id="compare-crop", min_width=220,
            )  # fmt: skip
        with gr.Row():
            wanted = gr.Dropdown(
                [(t(f"compare_preset_{name}"), name) for name in PRESETS],
                value="calibrate", label=t("compare_presets"), elem_id="compare-preset", scale=2, min_width=220,
            )  # fmt: skip
            count = gr.Radio([2, 3, 4], value=2, label=t("compare_count"), elem_id="compare-count", min_width=220)
        first = preset("calibrate")
        with gr.Row(equal_height=True, elem_classes="vc-columns"):
            columns = [build_column(k, first[k] if k < len(first) else Variant()) for k in range(MOST)]
        values = [control for column in columns for control in column.fields.values()]
        shown = [output for column in columns for output in column.outputs()]
        poses = gr.Checkbox(False, label=t("compare_poses"), info=t("compare_poses_info"))
    with gr.Row() as actions:
        run = gr.Button(t("compare_run"), variant="primary", elem_id="compare-run", scale=2, min_width=220)
        halt = gr.Button(t("stop"), variant="stop", elem_id="compare-stop", visible=False)
        share = gr.Button(t("compare_link"), elem_id="compare-share", min_width=220)
    link = gr.Textbox(
        label=t("compare_link"), interactive=False, visible=False, buttons=["copy"], elem_id="compare-link"
    )
    status = gr.HTML(padding=False, elem_id="compare-status")
    show = gr.HTML(
        value="", html_template=player.skeleton(), js_on_load=player.script(), head=player.style(),
        apply_default_css=False, elem_id="vivid-compare",
    )  # fmt: skip
    token, file = gr.State(), gr.Textbox(visible=False)
    with gr.Row(visible=False, elem_id="compare-keep") as keep:
        copy = gr.Button(t("compare_copy"), elem_id="compare-copy", min_width=220)
        saves = {kind: gr.Button(t(f"compare_save_{kind}"), elem_id=f"compare-{kind}", min_width=160) for kind in KINDS}
    context.records, inputs = Records(), context.inputs

    # Gradio finds the request by its annotation.
    def begin(
        request: gr.Request, portrait_name: str, voice_name: str, motion_name: str, portrait: Portrait | None,
        speech: Speech | None, motion: PoseClip | None, one: Any, two: Any, three: Any, at: float | None, look: bool,
        number: int, *given: Any,
    ) -> dict[Any, Any]:  # fmt: skip
        limits = context.options.limits
        variants = wanted_variants(context, number, given)
        if not differences(variants):
            raise InputError(say("compare_same", request))
        parts = (
            chosen("portrait", portrait_name, portrait, limits),
            chosen("voice", voice_name, speech, limits),
            chosen("motion", motion_name, motion, limits),
        )
        given_names = dict(zip(INPUTS, (portrait_name, voice_name, motion_name), strict=True))
        kept = dict(zip(INPUTS, map(name_of, (one, two, three)), strict=True))
        names = {kind: titled(kind, name, kept[kind]) for kind, name in given_names.items()}
        try:
            record = start(context, request, given_names, names, parts, variants, look, at)
        except LineFullError:
            return {status: lines(line("bad", "line_full", limit=context.options.max_waiting))}
        return {token: record.token, status: state_line(context, record)}

    async def watch(request: gr.Request, name: str | None) -> AsyncIterator[dict[Any, Any]]:
        record = context.records.find(name)
        if record is None:
            yield {run: gr.skip()}
            return
        mine = record.maker.owner == visitor_of(request).owner
        last: list[Any] = [None, None]
        while True:
            busy, text = record.current is not None, state_line(context, record)
            update: dict[Any, Any] = {}
            if last[0] != text:
                update[status] = text
            state = [(column.result is not None, column.error) for column in record.columns]
            if last[1] != (state, busy):
                update |= {
                    show: player.show(record, context.visitors.keep_seconds),
                    run: gr.Button(interactive=not (busy and mine)),
                    halt: gr.Button(visible=busy and mine),
                    keep: gr.Row(visible=not busy and bool(record.finished)),
                    **{button: gr.Button(visible=kind in offered(record)) for kind, button in saves.items()},
                }
            last = [text, (state, busy)]
            if update:
                yield update
            if not busy:
                return
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    watching = [status, show, run, halt, keep, *saves.values()]
    states = [inputs.portrait, inputs.speech, inputs.motion, *inputs.chosen]
    queued = run.click(begin, [*sources, *states, crop, poses, count, *values], [token, status], **QUIET)

    def end(request: gr.Request, name: str | None) -> None:
        record = context.records.find(name)
        if record is not None and record.maker.owner == visitor_of(request).owner:
            stop(context, record)

    halt.click(end, token, None, queue=False, show_progress="hidden", **PRIVATE)

    def save(kind: str, name: str | None) -> Iterator[dict[Any, Any]]:
        record = context.records.find(name)
        if record is None:
            raise InputError(GONE)
        for share in progress_of(lambda tell: make(context, record, kind, tell)):
            yield {status: progress_bar(share, both("take_beside_making"))}
        yield {status: state_line(context, record), file: to_save(path_of(record, kind))}

    for kind, button in saves.items():
        saved = button.click(
            partial(save, kind), token, [status, file], show_progress="hidden", **SLOW_PREVIEW, **PRIVATE
        )
        saved.success(None, file, None, js=SAVE)
        saved.failure(lambda: "", None, status, **QUIET)
    copied = gr.Textbox(visible=False)
    linked = copy.click(None, None, copied, js=_COPY, show_progress="hidden", **PRIVATE)
    linked.then(tell_copied, copied, None, **QUIET)

    def fill(variants: tuple[Variant, ...]) -> dict[Any, Any]:
        """Set the controls to these columns."""
        seed, models = variants[0].seed, context.models()
        name = next((name for name in PRESETS if preset(name, seed, models) == variants), None)
        update: dict[Any, Any] = {count: len(variants), wanted: name}
        for k, column in enumerate(columns):
            update[column.box] = gr.Column(visible=k < len(variants))
            if k < len(variants):
                update |= column.suit(context, variants[k].model, variants[k])
        return update

    filled = [count, wanted, *[column.box for column in columns], *shown]
    wanted.input(
        lambda name, seed: fill(preset(name, int(seed or 0), context.models())),
        [wanted, columns[0].fields["seed"]], filled, **QUIET,
    )  # fmt: skip
    count.input(
        lambda number: [gr.Column(visible=k < number) for k in range(MOST)], count,
        [column.box for column in columns], **QUIET,
    )  # fmt: skip
    for column in columns:

        def suit(model: str | None, column: Any = column) -> dict[Any, Any]:
            """Show the controls that the newly chosen generator uses."""
            return column.suit(context, model or OWN)

        column.fields["model"].input(suit, column.fields["model"], column.outputs(), **QUIET)
    usual = dataclasses.asdict(Variant())
    script = _LINK.replace("FIELDS", json.dumps(FIELDS)).replace("USUAL", json.dumps(usual))
    address = share.click(
        None,
        [*sources, *inputs.chosen, crop, count, *values],
        [link, copied],
        js=script,
        show_progress="hidden",
        **PRIVATE,
    )
    address.then(lambda: gr.Textbox(visible=True), None, link, **QUIET).then(tell_copied, copied, None, **QUIET)

    def cropped(source: str, kept: Any, linked: float | None = None) -> dict[Any, Any]:
        """Set the crop: the one from the Animate tab for its portrait, or the one from a link for an example."""
        at = kept_crop(kept) if source == ANIMATE else linked
        return {crop: gr.Number(at, visible=at is not None)}

    sources[0].input(cropped, [sources[0], inputs.chosen[0]], crop, **QUIET)
    inputs.chosen[0].change(
        lambda source, kept: cropped(source, kept) if source == ANIMATE else {crop: gr.skip()},
        [sources[0], inputs.chosen[0]], crop, **QUIET,
    )  # fmt: skip

    def arrive(request: gr.Request, kept: Any) -> dict[Any, Any]:
        """Load the comparison, or the settings, that a link refers to."""
        text = request.query_params.get("compare")
        if not text:
            return cropped(ANIMATE, kept)
        if _TOKEN.fullmatch(text):
            record = context.records.find(text)
            if record is None:
                hours = f"{context.options.keep_hours:g}"
                return {status: lines(line("warn", "compare_gone", hours=hours))}
            if record.single:  # whoever opens the link wants to see the video
                return {token: record.token, **{part: gr.update(visible=False) for part in (purpose, setup, actions)}}
            update = {token: record.token, setup: gr.Accordion(open=False)} | fill(
                tuple(column.variant for column in record.columns)
            )
            update |= {component: record.sources[kind] for kind, component in zip(INPUTS, sources, strict=True)}
            return update | cropped(record.sources["portrait"], kept, record.crop)
        comparison = from_link(text)
        update = fill(comparison.variants)
        for kind, component in zip(INPUTS, sources, strict=True):
            name = getattr(comparison, kind)
            if name == ANIMATE or name in titles(kind):
                update[component] = name
            else:
                update[status] = lines(line("warn", "compare_unknown_input", name=name))
        return update | cropped(update.get(sources[0], ANIMATE), kept, comparison.crop)

    root = Building.root_block
    assert root is not None, "build is called while a page is built"
    arrived = root.load(
        arrive, inputs.chosen[0], [token, purpose, setup, actions, status, *sources, crop, *filled], **QUIET
    )
    queued.success(None, None, None, js="() => vividShow('compare-status')")
    for event in (queued, arrived):
        event.success(watch, token, watching, **FOLLOWING)

    timer = gr.Timer(ASK_AGAIN_SECONDS, active=False)  # not earlier: it must not overwrite a link's update
    arrived.then(lambda: gr.Timer(active=True), None, timer, **QUIET)

    def look_at_model(name: str | None, *models: str | None) -> dict[Any, Any]:
        """Show the controls that have an effect once the model is loaded."""
        can = context.engine.capabilities
        if can is None:
            return {timer: gr.skip()}
        update: dict[Any, Any] = {timer: gr.Timer(active=False)}
        for column, model in zip(columns, models, strict=True):
            update |= column.suit(context, model or OWN)
        offered = presets_for(can, context.models())
        update[wanted] = gr.Dropdown(
            choices=[(t(f"compare_preset_{each}"), each) for each in offered], value=name if name in offered else None
        )
        return update

    timer.tick(
        look_at_model, [wanted, *(column.fields["model"] for column in columns)],
        [timer, wanted, *shown], show_progress="hidden", queue=False, **PRIVATE,
    )  # fmt: skip
