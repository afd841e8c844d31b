"""The controls of step 5: quality, expected times, and the folded settings."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ..config import RunSettings
from ..errors import InputError
from ..generators import Capabilities
from ..pose.portrait import Portrait
from ..pose.skeleton import PoseClip
from ..speech.types import Speech
from .context import AnimateInputs, Context
from .generation import expected_seconds
from .quality import QUALITIES, has_quality, sizes, steps_of
from .serving import PREVIEW, PRIVATE, Newest, plainly
from .strings import say, t
from .strings.sentences import in_both
from .widgets import duration, line, lines

LARGEST_SEED = 2**31 - 1
OWN_SIZE = "own"
SWITCHES = ("head_stream", "codebook")


@dataclass
class Controls:
    """What decides a video, in the order of `read_settings`."""

    quality: gr.Radio
    steps: gr.Slider
    guidance_audio: gr.Slider
    guidance_image: gr.Slider
    seed: gr.Number
    size: gr.Dropdown
    head_stream: gr.Checkbox
    codebook: gr.Checkbox

    def all(self) -> list[Any]:
        """The components."""
        return [getattr(self, field.name) for field in dataclasses.fields(self)]


def read_settings(
    can: Capabilities | None, steps: float, audio: float, image: float, seed: float | None, size: str, head: bool,
    codebook: bool, *, calibrate: bool, mark: bool,
) -> RunSettings:  # fmt: skip
    """RunSettings from what the controls hold, as far as it means something to a model that can do this.

    While nothing is known of it (None), they do not show its own numbers yet. Errors: InputError.
    """
    width, height = (None, None) if size == OWN_SIZE else (int(n) for n in size.split("x"))
    guided = can is not None and can.guidance is not None
    return RunSettings(
        width=width,
        height=height,
        steps=int(steps) if can is not None and has_quality(can) else None,
        guidance_audio=float(audio) if guided else None,
        guidance_image=float(image) if guided else None,
        seed=int(seed or 0),
        head_stream=head,
        codebook=codebook,
        calibrate=calibrate,
        mark=mark,
    )


def build_controls() -> tuple[Controls, gr.Button]:
    """Quality and the folded settings; the button rolls the seed's dice."""
    quality = gr.Radio(
        [(t(f"quality_{name}"), name) for name in QUALITIES],
        value="balanced",
        label=t("quality_label"),
        info=t("quality_info"),
        elem_id="quality",
    )
    with gr.Accordion(t("advanced"), open=False, elem_id="advanced"):
        steps = gr.Slider(2, 60, 20, step=1, label=t("steps_label"), info=t("steps_info"), buttons=[])
        with gr.Row():
            audio = gr.Slider(1, 6, 2.5, step=0.1, label=t("guidance_audio"), info=t("guidance_audio_info"), buttons=[])
            image = gr.Slider(1, 6, 2.5, step=0.1, label=t("guidance_image"), info=t("guidance_image_info"), buttons=[])
        with gr.Row(equal_height=True):
            seed = gr.Number(
                0, label=t("seed_label"), info=t("seed_info"), precision=0, minimum=0, maximum=LARGEST_SEED, scale=3
            )
            dice = gr.Button(t("seed_dice"), scale=1, min_width=110, elem_id="dice")
        size = gr.Dropdown([(t("size_own"), OWN_SIZE)], value=OWN_SIZE, label=t("size_label"), info=t("size_info"))
        head = gr.Checkbox(True, label=t("switch_head_stream"), info=t("switch_head_stream_info"))
        codebook = gr.Checkbox(True, label=t("switch_codebook"), info=t("switch_codebook_info"))
    return Controls(quality, steps, audio, image, seed, size, head, codebook), dice


def missing(portrait: Portrait | None, speech: Speech | None, motion: PoseClip | None) -> str:
    """Lines that say which steps are open, "" when none is."""
    open_steps = [
        line("info", key)
        for key, value in (("missing_portrait", portrait), ("missing_voice", speech), ("missing_motion", motion))
        if value is None
    ]
    return lines(*open_steps)


def keep_estimates(
    context: Context, inputs: AnimateInputs, known: gr.State, controls: Controls, status: gr.HTML, todo: gr.HTML,
    seeded: list[gr.Button],
) -> None:  # fmt: skip
    """Expected times in the quality choices; switches and sizes as soon as the model is known.

    `known` becomes True with the model; `seeded` are buttons that make sense only where the seed changes the video.
    """
    timer = gr.Timer(1.5)
    newest = Newest()

    def estimate(
        request: gr.Request, number: int, portrait: Portrait | None, speech: Speech | None,
        motion: PoseClip | None, *values: Any,
    ) -> tuple[Any, Any]:  # fmt: skip
        newest.begin(request.session_hash, number)
        todo_text = missing(portrait, speech, motion)
        can = context.engine.capabilities
        choices = gr.skip()
        if can is not None and speech is not None:
            size = portrait.size if portrait is not None else None
            try:
                settings = read_settings(can, *values[1:], calibrate=True, mark=True)
                times = {
                    name: expected_seconds(
                        context, speech.frames, dataclasses.replace(settings, steps=steps_of(can, name)), size
                    )
                    for name in (QUALITIES if has_quality(can) else ("balanced",))
                }
            except InputError:
                return gr.skip(), todo_text
            if has_quality(can):
                choices = gr.Radio(choices=[(label(name, seconds, request), name) for name, seconds in times.items()])
            elif not todo_text and (seconds := times["balanced"]) is not None:
                todo_text = lines(line("info", "expected_time", time=duration(seconds)))
        if newest.outdated(request.session_hash, number):
            return gr.skip(), gr.skip()
        return choices, todo_text

    def label(quality: str, seconds: float | None, request: gr.Request) -> str:
        time = "" if seconds is None else say("quality_time", request, time=duration(seconds))
        return say(f"quality_{quality}", request) + time

    gr.on(
        [inputs.changed.change, known.change, controls.size.input]
        + [slider.release for slider in (controls.guidance_audio, controls.guidance_image)],
        plainly(estimate),
        [inputs.changed, inputs.portrait, inputs.speech, inputs.motion, *controls.all()],
        [controls.quality, todo],
        show_progress="hidden",
        trigger_mode="multiple",
        **PREVIEW,
        **PRIVATE,
    )

    def meet(request: gr.Request, portrait: Portrait | None, quality: str, size: str) -> dict[Any, Any]:
        engine = context.engine
        if engine.error is not None:
            return {
                status: lines(line("bad", "model_failed", reason=in_both(engine.error))),
                timer: gr.Timer(active=False),
            }
        pipeline = engine.loaded
        if pipeline is None:
            return {status: lines(line("info", "model_loading"))}
        can = pipeline.capabilities
        update: dict[Any, Any] = {
            timer: gr.Timer(active=False),
            known: True,
            status: model_line(context),
            controls.size: size_choices(portrait, size, request),
        }
        if has_quality(can):
            update[controls.steps] = gr.Slider(value=steps_of(can, quality))
        else:
            update[controls.quality] = gr.Radio(value="balanced", visible=False)
            update[controls.steps] = gr.Slider(visible=False)
        for index, slider in enumerate((controls.guidance_audio, controls.guidance_image)):
            update[slider] = gr.Slider(visible=False) if can.guidance is None else can.guidance[index]
        if not can.seeded:
            update[controls.seed] = gr.Number(visible=False)
            update |= {button: gr.Button(visible=False) for button in seeded}
        for name in SWITCHES:
            if name in can.untrained:
                off = gr.Checkbox(False, interactive=False, info=say("switch_untrained", request))
                update[getattr(controls, name)] = off
            elif name not in can.switches:
                update[getattr(controls, name)] = gr.Checkbox(True, visible=False)
        return update

    def size_choices(portrait: Portrait | None, current: str, request: gr.Request) -> Any:
        pipeline = context.engine.loaded
        if pipeline is None:
            return gr.skip()
        can = pipeline.capabilities
        own = can.size
        if own is None and portrait is not None:
            run = pipeline.generator.resolve(RunSettings(), portrait.size)
            own = (run.width or 0, run.height or 0)
        label = say("size_own" if can.size else "size_portrait", request)
        choices = [(label if own is None else f"{label} ({own[0]} × {own[1]})", OWN_SIZE)]
        offered = sizes(can, portrait.size if portrait is not None else None)
        choices += [(f"{w} × {h}", f"{w}x{h}") for w, h in offered if (w, h) != own]
        kept = current if any(value == current for _, value in choices) else OWN_SIZE
        info = say("size_info" if can.size else "size_portrait_info", request)
        return gr.Dropdown(choices=choices, value=kept, info=info)

    outputs = [status, timer, known, *controls.all(), *seeded]
    timer.tick(
        plainly(meet),
        [inputs.portrait, controls.quality, controls.size],
        outputs,
        show_progress="hidden",
        **PREVIEW,
        **PRIVATE,
    )
    inputs.changed.change(
        plainly(size_choices),
        [inputs.portrait, controls.size],
        controls.size,
        show_progress="hidden",
        **PREVIEW,
        **PRIVATE,
    )
    controls.quality.input(
        lambda quality: steps_of(context.engine.capabilities, quality) or gr.skip(), controls.quality, controls.steps,
        show_progress="hidden", **PREVIEW, **PRIVATE,
    )  # fmt: skip


def model_line(context: Context) -> str:
    """Which model is at work, where."""
    pipeline = context.engine.loaded
    if pipeline is None:
        return lines(line("info", "model_loading"))
    device = pipeline.device.split(":")[0].upper()
    return lines(line("ok", "model_ready", model=pipeline.capabilities.name, device=device))
