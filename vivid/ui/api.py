"""The three endpoints for programs: /check_portrait, /calibrate_pose, /animate."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from numpy.typing import NDArray

from ..config import RunSettings
from ..errors import InputError
from ..media.sound import load_speech
from ..pose.library import read_clip, shipped_motion
from ..pose.portrait import Portrait
from ..pose.skeleton import PoseClip
from .animate.fit import fit, pictures
from .animate.motion import default_clip
from .animate.settings import LARGEST_SEED
from .context import Context
from .generation import queue_video
from .jobs import DONE, Job, listen, settings_text
from .quality import QUALITIES, steps_of
from .serving import EXAMINE, EXPENSIVE
from .strings import say
from .verdicts import Verdict
from .widgets import PathAudio, PathFile, PathImage

CHECK_TEXT = """Look at a portrait: is one person there, are head, shoulders and hands visible, is it large enough.

portrait: picture file. Returns {"usable": bool, "findings": [{"level": ok | warn | bad | info, "about", "text"}],
"fix": null | {"kind": rotate | crop, "turns", "crop"}}."""
CALIBRATE_TEXT = """Fit a gesture clip to the person in a portrait.

portrait: picture file. motion: clip file (.npz, EchoMimicV2 .tar.gz, OpenPose .json) or null. motion_name: a clip
that ships, used when motion is null. frame: which frame is drawn. Returns the overlay before, the overlay after, the
fitted clip (.npz) and the calibration report, with sentences about the clip under "notices"."""
ANIMATE_TEXT = """Make a video.

portrait: picture file. voice: sound file. motion: clip file or null. motion_name: a clip that ships, used when motion
is null. quality: fast, balanced or best. steps, guidance_audio, guidance_image: 0 takes the model's own. seed: same
seed, same video. calibrate: fit the gestures to the person. Returns the video (mp4) and its settings, with sentences
about the clip under "motion_notices". Waits in one line with everybody else and reports its progress in the second
output; cancelling the job stops it within a step."""


def read_portrait(context: Context, path: str | None) -> Verdict:
    """A portrait from an uploaded file. Errors: InputError."""
    if path is None:
        raise InputError("No portrait was given: send a picture file.")
    return context.verdict(Path(path))


def usable_portrait(context: Context, path: str | None) -> Portrait:
    """The same, but refuse a portrait that no video can be made from. Errors: InputError."""
    verdict = read_portrait(context, path)
    if verdict.portrait is None:
        raise InputError(say(verdict.findings[0].key, None, **verdict.findings[0].values))
    return verdict.portrait


def read_motion(context: Context, path: str | None, name: str | None) -> tuple[PoseClip, tuple[str, ...]]:
    """The uploaded clip, else the bundled one of that name, else the calm one; and notices about it.

    Errors: InputError.
    """
    if path is not None:
        return read_clip(Path(path), limits=context.options.limits, videos=False)
    if name:
        return shipped_motion(str(name)), ()
    clip = default_clip()
    if clip is None:
        raise InputError("No gesture clip is installed on this server: send one.")
    return clip, ()


def number(name: str, value: Any, least: float = 0.0, most: float = LARGEST_SEED) -> float:
    """A number that a program has sent, 0 for null. Errors: InputError."""
    if value is None:
        return 0.0
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not usable or not least <= value <= most:
        raise InputError(f"{name} is {str(value)[:40]!r}: send a number from {least:.0f} to {most:.0f}, or 0.")
    return float(value)


def progress_numbers(job: Job) -> dict[str, Any]:
    """Step, steps and seconds left of a running job."""
    step = job.event
    if step is None or not hasattr(step, "phase"):
        return {}
    return {"phase": step.phase, "step": step.done, "steps": step.total, "seconds_left": round(step.seconds_left, 1)}


def build_api(context: Context) -> None:
    """Add the endpoints to the surrounding Blocks; their components are never shown."""
    # Each call examines a picture in a process of its own; the events themselves only wait and are not limited.
    preparing = CapacityLimiter(4)

    def check_portrait(portrait: str | None) -> dict[str, Any]:
        verdict = read_portrait(context, portrait)
        return {
            "usable": verdict.usable,
            "findings": [
                {"level": f.level, "about": f.key.removeprefix("portrait_"), "text": say(f.key, None, **f.values)}
                for f in verdict.findings
            ],
            "fix": None
            if verdict.fix is None
            else {"kind": verdict.fix.kind, "turns": verdict.fix.turns, "crop": verdict.fix.crop},
        }

    def calibrate_pose(
        request: gr.Request, portrait: str | None, motion: str | None, motion_name: str, frame: float
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8], str, dict[str, Any]]:
        from ..pose.clips import save_clip

        person = usable_portrait(context, portrait)
        gestures, notices = read_motion(context, motion, motion_name)
        found = fit(person, gestures)
        before, after = pictures(found, int(number("frame", frame)))
        target = context.visitors.new_file(request, ".npz")
        save_clip(found.full, target)
        return before, after, str(target), {**json.loads(found.report.to_json()), "notices": notices}

    def prepare(
        request: gr.Request, portrait: str | None, voice: str | None, motion: str | None, motion_name: str,
        quality: str, steps: float, guidance_audio: float, guidance_image: float, seed: float, calibrate: bool,
    ) -> Job:  # fmt: skip
        person = usable_portrait(context, portrait)
        if voice is None:
            raise InputError("No voice was given: send a sound file.")
        speech = load_speech(voice, limits=context.options.limits)
        clip, notices = read_motion(context, motion, motion_name)
        if not isinstance(quality, str) or quality not in QUALITIES:
            raise InputError(f"The quality is {str(quality)[:40]!r}: choose {', '.join(QUALITIES)}.")
        if not isinstance(calibrate, bool):
            raise InputError(f"calibrate is {str(calibrate)[:40]!r}: send true or false.")
        steps = number("steps", steps, most=1000)
        settings = RunSettings(
            steps=int(steps) if steps else steps_of(context.engine.pipeline().capabilities, quality),
            guidance_audio=number("guidance_audio", guidance_audio, most=20) or None,
            guidance_image=number("guidance_image", guidance_image, most=20) or None,
            seed=int(number("seed", seed)),
            calibrate=calibrate,
            mark=context.options.mark,
        )
        name = Path(motion).name if motion else motion_name or "calm"
        details = {"quality": quality, "motion": name, "motion_notices": notices}
        return queue_video(context, person, speech, clip, settings, context.visitors.new_file(request, ".mp4"), details)

    async def animate(
        request: gr.Request, portrait: str | None, voice: str | None, motion: str | None, motion_name: str,
        quality: str, steps: float, guidance_audio: float, guidance_image: float, seed: float, calibrate: bool,
    ) -> AsyncIterator[tuple[Any, Any]]:  # fmt: skip
        numbers = (steps, guidance_audio, guidance_image, seed)
        job = await run_sync(
            partial(prepare, request, portrait, voice, motion, motion_name, quality, *numbers, calibrate),
            limiter=preparing,
        )
        try:
            async for now in listen(job):
                if not now.finished:
                    yield None, {"state": now.state, "waiting": context.jobs.position(now), **progress_numbers(now)}
        finally:
            if not job.finished:  # the client has cancelled or disconnected
                context.jobs.stop(job)
        if job.state != DONE:
            raise InputError(job.error or "The video was stopped.")
        yield str(job.output), json.loads(settings_text(job))

    with gr.Column(visible=False):
        portrait = PathImage(type="filepath", label="portrait")
        voice = PathAudio(type="filepath", label="voice")
        motion = PathFile(label="motion", type="filepath")
        motion_name = gr.Textbox("calm", label="motion_name")
        frame = gr.Number(0, label="frame", precision=0)
        quality = gr.Radio(list(QUALITIES), value="balanced", label="quality")
        numbers = [gr.Number(0, label=name) for name in ("steps", "guidance_audio", "guidance_image", "seed")]
        calibrate_on = gr.Checkbox(True, label="calibrate")
        # Gradio's default, WebP, takes twenty times as long to encode
        before, after = gr.Image(label="before", format="jpeg"), gr.Image(label="after", format="jpeg")
        clip, report = gr.File(label="fitted clip"), gr.JSON(label="report")
        video, notes = gr.Video(label="video"), gr.JSON(label="settings")
        gr.Button().click(
            check_portrait, portrait, report, api_name="check_portrait", api_description=CHECK_TEXT, **EXAMINE
        )
        gr.Button().click(
            calibrate_pose,
            [portrait, motion, motion_name, frame],
            [before, after, clip, report],
            api_name="calibrate_pose",
            api_description=CALIBRATE_TEXT,
            **EXAMINE,
        )
        gr.Button().click(
            animate,
            [portrait, voice, motion, motion_name, quality, *numbers, calibrate_on],
            [video, notes],
            api_name="animate",
            api_description=ANIMATE_TEXT,
            **EXPENSIVE,
        )
