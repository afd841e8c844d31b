"""The settings of a video; only those that the loaded model uses are shown."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ...config import RunSettings
from ...generators import Capabilities
from ...pose.portrait import Portrait
from ..context import Context
from ..quality import QUALITIES, has_quality, sizes, steps_of
from ..serving import QUIET
from ..strings import parts, say, t
from ..widgets import line, lines

LARGEST_SEED = 2**31 - 1
OWN_SIZE = "own"
SWITCHES = ("head_stream", "codebook")


@dataclass
class Controls:
    """The settings, in the order of `read_settings`."""

    quality: gr.Radio
    steps: gr.Slider
    guidance_audio: gr.Slider
    guidance_image: gr.Slider
    seed: gr.Number
    size: gr.Dropdown
    head_stream: gr.Checkbox
    codebook: gr.Checkbox
    calibrate: gr.Checkbox
    crop: gr.Number

    def all(self) -> list[Any]:
        """All components."""
        return [getattr(self, field.name) for field in dataclasses.fields(self)]


def read_settings(
    can: Capabilities | None, quality: str, steps: float, audio: float, image: float, seed: float | None, size: str,
    head: bool, codebook: bool, calibrate: bool, crop: float | None, *, mark: bool,
) -> RunSettings:  # fmt: skip
    """RunSettings from the values of the controls, as far as a model with these capabilities uses them.

    `can` is None until the model is loaded: the controls do not show its defaults yet. Errors: InputError.
    """
    guided = can is not None and can.guidance is not None
    return dataclasses.replace(
        sized(size),
        steps=int(steps) if can is not None and has_quality(can) else None,
        guidance_audio=float(audio) if guided else None,
        guidance_image=float(image) if guided else None,
        seed=int(seed or 0),
        head_stream=head,
        codebook=codebook,
        calibrate=calibrate,
        crop=crop,
        mark=mark,
    )


def sized(size: str) -> RunSettings:
    """RunSettings with only the size set, from "own" or, for example, "512x768"."""
    width, height = (None, None) if size == OWN_SIZE else (int(n) for n in size.split("x"))
    return RunSettings(width=width, height=height)


def build_quality() -> gr.Radio:
    """Build the choice of quality beside the button, hidden until the model is known to have one."""
    return gr.Radio(
        [(t(f"quality_{name}"), name) for name in QUALITIES],
        value="balanced",
        label=t("quality_label"),
        show_label=False,
        visible=False,
        elem_id="quality",
    )


def build_controls(quality: gr.Radio, crop: gr.Number) -> Controls:
    """Build the other controls, for the folded part; hidden until the model is known to use them."""
    calibrate = gr.Checkbox(
        True, label=t("check_calibrate"), info=t("check_calibrate_info"), visible=False, elem_id="check-calibrate"
    )
    size = gr.Dropdown([(t("size_own"), OWN_SIZE)], value=OWN_SIZE, label=t("size_label"), elem_id="size")
    seed = gr.Number(
        0, label=t("seed_label"), info=t("seed_info"), precision=0, minimum=0, maximum=LARGEST_SEED, visible=False,
        elem_id="seed",
    )  # fmt: skip
    steps = gr.Slider(2, 60, 20, step=1, label=t("steps_label"), info=t("steps_info"), visible=False, buttons=[])
    audio, image = (
        gr.Slider(
            1, 6, 2.5, step=0.1, label=t(f"guidance_{name}"), info=t(f"guidance_{name}_info"), visible=False, buttons=[]
        )
        for name in ("audio", "image")
    )
    head, codebook = (
        gr.Checkbox(True, label=t(f"switch_{name}"), info=t(f"switch_{name}_info"), visible=False) for name in SWITCHES
    )
    return Controls(quality, steps, audio, image, seed, size, head, codebook, calibrate, crop)


def meet_model(
    context: Context, controls: Controls, known: gr.State, status: gr.HTML, seeded: gr.Button, portrait: gr.State,
    changed: gr.State,
) -> None:  # fmt: skip
    """Show the controls that the model uses as soon as it is loaded, and set `known` to True.

    seeded: a button that is useful only if the seed changes the video.
    """
    timer = gr.Timer(1.0)
    kept = gr.BrowserState(None, storage_key="vividanimator-settings", secret="not-a-secret")

    def meet(request: gr.Request, person: Portrait | None, was: Any) -> dict[Any, Any]:
        if context.engine.error is not None:
            reason = line("bad", "model_failed", reason=context.engine.error)
            return {status: lines(reason), timer: gr.Timer(active=False), known: True}
        pipeline = context.engine.loaded
        if pipeline is None:
            return {status: lines(line("info", "model_loading"))}
        can = pipeline.capabilities
        update: dict[Any, Any] = {
            timer: gr.Timer(active=False),
            known: True,
            status: model_line(context),
            controls.size: size_choices(request, person, str(kept_value(was, "size", OWN_SIZE))),
            controls.calibrate: gr.Checkbox(
                value=kept_value(was, "calibrate", True), visible="calibrate" in can.switches
            ),
            controls.seed: gr.Number(value=kept_value(was, "seed", 0, LARGEST_SEED), visible=can.seeded),
            seeded: gr.Button(visible=can.seeded),
        }
        if has_quality(can):
            quality = kept_value(was, "quality", "balanced")
            quality = quality if quality in QUALITIES else "balanced"
            update[controls.quality] = gr.Radio(value=quality, visible=True)
            steps = kept_value(was, "steps", steps_of(can, quality), 60)
            update[controls.steps] = gr.Slider(value=steps, visible=True)
        for index, name in enumerate(("guidance_audio", "guidance_image")):
            if can.guidance is not None:
                value = kept_value(was, name, can.guidance[index], 6)
                update[getattr(controls, name)] = gr.Slider(value=value, visible=True)
        for name in SWITCHES:
            used = name in can.switches and name not in can.untrained
            value = kept_value(was, name, True) if used else name not in can.untrained
            update[getattr(controls, name)] = gr.Checkbox(value=value, visible=used)
        return update

    def size_choices(request: gr.Request, person: Portrait | None, current: str) -> Any:
        pipeline = context.engine.loaded
        if pipeline is None:
            return gr.skip()
        can = pipeline.capabilities
        own = can.size
        if own is None and person is not None:
            run = pipeline.generator.resolve(RunSettings(), person.size)
            own = (run.width or 0, run.height or 0)
        label = say("size_own" if can.size else "size_portrait", request)
        choices = [(label if own is None else f"{label} ({own[0]} × {own[1]})", OWN_SIZE)]
        offered = sizes(can, person.size if person is not None else None)
        choices += [(f"{w} × {h}, {shape_of(w, h, request)}", f"{w}x{h}") for w, h in offered if (w, h) != own]
        kept = current if any(value == current for _, value in choices) else OWN_SIZE
        return gr.Dropdown(choices=choices, value=kept)

    outputs = [status, timer, known, seeded, *controls.all()]
    timer.tick(meet, [portrait, kept], outputs, **QUIET)
    names = [field.name for field in dataclasses.fields(controls)]
    gr.on(
        [control.input for control in controls.all()], lambda *values: dict(zip(names, values, strict=True)),
        controls.all(), kept, trigger_mode="always_last", **QUIET,
    )  # fmt: skip
    gr.on(
        [changed.change, context.language.click], size_choices, [portrait, controls.size], controls.size,
        trigger_mode="multiple", **QUIET,
    )  # fmt: skip
    controls.quality.input(
        lambda quality: steps_of(context.engine.capabilities, quality) or gr.skip(), controls.quality, controls.steps,
        **QUIET,
    )  # fmt: skip


def shape_of(width: int, height: int, request: gr.Request) -> str:
    """The typical use of a video of that size, in a few words."""
    return say("size_square" if width == height else "size_wide" if width > height else "size_tall", request)


def kept_value(kept: Any, name: str, default: Any, most: float = 1) -> Any:
    """A setting that a browser has stored, if it has the default's type and, for numbers, lies in 0 to `most`."""
    value = kept.get(name) if isinstance(kept, dict) else None
    if isinstance(default, bool) or isinstance(value, bool):
        return value if isinstance(value, bool) and isinstance(default, bool) else default
    if isinstance(default, int | float):
        return value if isinstance(value, int | float) and 0 <= value <= most else default
    return value if isinstance(value, type(default)) else default


def model_line(context: Context) -> str:
    """The loaded model, its device and its untrained parts, as HTML."""
    pipeline = context.engine.loaded
    if pipeline is None:
        return lines(line("info", "model_loading"))
    can = pipeline.capabilities
    device = pipeline.device.split(":")[0].upper()
    rest = [line("info", "job_untrained", parts=parts(can.untrained))] if can.untrained else []
    return lines(line("ok", "model_ready", model=can.name, device=device), *rest)
