"""Step 3: the gestures, from the clips that ship, a video, the webcam or a clip file."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.context import Context as Building

from ..errors import InputError
from ..pose.library import DEFAULT_MOTION, read_clip, shipped_motion
from ..pose.skeleton import PoseClip
from . import examples
from .context import Context
from .serving import PREVIEW, PRIVATE, SLOW_PREVIEW, plainly
from .strings import STRINGS, language_of, say, t
from .widgets import hand_on_path, heading, line, lines, said

CLIP_FILES = [".npz", ".tar.gz", ".tgz", ".tar", ".zip", ".json"]


VIDEO = "video"
"""What gestures from a visitor's video are called."""


@dataclass
class MotionStep:
    """Components that later steps use: `state` holds a raw PoseClip or None, `named` what it is called."""

    state: gr.State
    named: gr.State
    verdict: gr.HTML
    gallery: gr.Gallery | None


def default_clip() -> PoseClip | None:
    """The calm clip, None on an installation without clips."""
    try:
        return shipped_motion(DEFAULT_MOTION)
    except InputError:
        return None


def describe(name: str | tuple[str, str], clip: PoseClip) -> str:
    """One line about the chosen clip; `name` is that of a clip that ships, "video", or a file's."""
    shown = STRINGS.get(f"clip_{name}", name)
    return line("ok", "motion_chosen", name=shown, seconds=f"{clip.seconds:.1f}", frames=len(clip))


def _pictures(request: gr.Request | None) -> list[tuple[str, str]]:
    """The gallery: moving pictures with titles, which Gradio does not translate itself."""
    titles = examples.titles(request)
    return [(str(motion.thumbnail), title) for motion, title in zip(examples.motions(), titles, strict=True)]


def build_motion_step(context: Context, changed: gr.State) -> MotionStep:
    """The card of step 3; `changed` gets a new number whenever the motion does."""
    shipped = examples.motions()
    first = default_clip()
    limit = context.options.limits.motion_seconds
    with gr.Column(elem_classes=["vivid-card"], min_width=300):
        gr.HTML(heading(3, "step_motion", "step_motion_hint"), padding=False)
        with gr.Tabs(elem_classes=["vivid-inner-tabs"]):
            with gr.Tab(t("motion_ready_made"), id="ready"):
                gallery = None
                if shipped:
                    gallery = gr.Gallery(
                        _pictures(None),
                        show_label=False,
                        columns=3,
                        height="auto",
                        allow_preview=False,
                        object_fit="contain",
                        selected_index=next((i for i, m in enumerate(shipped) if m.name == DEFAULT_MOTION), None),
                        elem_id="motions",
                        elem_classes=["vivid-thumbs", "vivid-captions"],
                        interactive=False,
                        buttons=[],
                    )
                else:
                    gr.HTML(lines(line("warn", "motion_none_installed")), padding=False)
            with gr.Tab(t("motion_video"), id="video"):
                video = hand_on_path(
                    gr.Video(
                        label=t("motion_video_label"),
                        show_label=False,
                        sources=["upload", "webcam"],
                        webcam_options=gr.WebcamOptions(mirror=False),
                        include_audio=False,
                        height=300,
                        elem_id="motion-video",
                        buttons=[],
                    )
                )
                gr.HTML(lines(line("info", "motion_video_hint", limit=f"{limit:g}")), padding=False)
            with gr.Tab(t("motion_clip"), id="clip"):
                clip_file = hand_on_path(
                    gr.File(label=t("motion_clip_label"), file_types=CLIP_FILES, height=150, elem_id="motion-clip")
                )
                gr.HTML(lines(line("info", "motion_clip_hint")), padding=False)
        start = lines(describe(DEFAULT_MOTION, first)) if first is not None else ""
        verdict = gr.HTML(start, elem_id="motion-verdict", padding=False)
    state = gr.State(first)
    named = gr.State(DEFAULT_MOTION if first is not None else "")
    outputs = [state, named, changed, verdict]

    def take(clip: PoseClip, name: str, *more: str) -> dict[Any, Any]:
        return {state: clip, named: name, changed: time.time_ns(), verdict: lines(describe(name, clip), *more)}

    def refuse(error: InputError, current: PoseClip | None) -> dict[Any, Any]:
        rest = line("info", "kept_previous_motion") if current is not None else ""
        return {verdict: lines(said("bad", str(error)), rest)}

    if gallery is not None:

        def in_language(request: gr.Request) -> Any:
            return _pictures(request) if language_of(request) == "zh" else gr.skip()

        root = Building.root_block
        assert root is not None, "build_motion_step is called while a page is built"
        root.load(in_language, None, gallery, show_progress="hidden", **PREVIEW, **PRIVATE)

        def choose(event: gr.SelectData) -> dict[Any, Any]:
            motion = shipped[int(event.index)]
            return take(shipped_motion(motion.name), motion.name)

        gallery.select(plainly(choose), None, outputs, show_progress="hidden", **PREVIEW, **PRIVATE)

    def watch(path: str | None, current: PoseClip | None, request: gr.Request, progress: gr.Progress) -> dict[Any, Any]:
        if path is None:
            return {verdict: lines(describe(STRINGS["motion_current"], current)) if current else ""}

        def report(done: int, total: int) -> None:
            progress((done, max(total, done)), desc=say("motion_reading", request))

        from ..pose.detect import detect_video

        try:
            clip, found = detect_video(path, smooth=True, progress=report, limits=context.options.limits)
        except InputError as error:
            return refuse(error, current)
        return take(clip, VIDEO, *(said("warn", text) for text in found.notices))

    def watch_event(
        path: str | None,
        current: PoseClip | None,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 (Gradio finds it by its default)
    ) -> dict[Any, Any]:
        return watch(path, current, request, progress)

    video.change(plainly(watch_event), [video, state], outputs, show_progress_on=verdict, **SLOW_PREVIEW, **PRIVATE)

    def open_clip(path: str | None, current: PoseClip | None) -> dict[Any, Any]:
        if path is None:
            return {verdict: gr.skip()}
        try:
            clip, notices = read_clip(Path(path), limits=context.options.limits, videos=False)
        except InputError as error:
            return {**refuse(error, current), clip_file: None}
        return take(clip, Path(path).name, *(said("warn", text) for text in notices))

    clip_file.upload(
        plainly(open_clip), [clip_file, state], [*outputs, clip_file], show_progress="hidden", **PREVIEW, **PRIVATE
    )
    return MotionStep(state, named, verdict, gallery)
