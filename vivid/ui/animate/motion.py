"""The motion card: bundled clips, a video, the webcam or a clip file; the calm clip by default."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from ...errors import InputError
from ...pose.clips import save_clip
from ...pose.library import DEFAULT_MOTION, read_clip, shipped_motion
from ...pose.skeleton import PoseClip
from .. import examples
from ..context import Context
from ..serving import PRIVATE, QUIET, SLOW_PREVIEW
from ..strings import STRINGS, both, say, t
from ..visitors import visitor_of
from ..widgets import PathFile, PathVideo, line, lines, said
from .cards import LONGEST_NAME, empty, folded, name_of, summary, thumbnail

CLIP_FILES = [".npz", ".tar.gz", ".tgz", ".tar", ".zip", ".json"]
VIDEO = "video"
"""The name of gestures taken from a visitor's video."""


@dataclass
class MotionCard:
    """The card's components: `state` holds a raw PoseClip or None, `chosen` what the browser stores about it."""

    state: gr.State
    chosen: gr.BrowserState
    video: gr.Video
    read: gr.State
    """Path of the last video that was read or refused; another one in `video` is still being read."""
    body: gr.Accordion
    gallery: gr.Gallery
    shown: list[Any]
    """The card's summary, its lines about the clip, and `changed`."""

    def outputs(self) -> list[Any]:
        """All components that `take` updates."""
        return [self.state, self.chosen, *self.shown, self.gallery]

    def take(self, clip: PoseClip, kept: dict[str, str], *more: str) -> dict[Any, Any]:
        """The updates for a chosen clip; `more` are lines about it."""
        head, verdict, changed = self.shown
        names = [motion.name for motion in examples.motions()]
        name = kept.get("example")
        index = names.index(name) if name in names else None
        return {
            self.state: clip, self.chosen: kept, head: describe(kept, clip), verdict: lines(*more),
            changed: time.time_ns(), self.gallery: gr.Gallery(selected_index=index),
        }  # fmt: skip


def default_clip() -> PoseClip | None:
    """The calm clip, or None if no clips are installed."""
    try:
        return shipped_motion(DEFAULT_MOTION)
    except InputError:
        return None


def describe(kept: Any, clip: PoseClip) -> str:
    """The card's heading for a clip; without a choice, for the calm one."""
    name = name_of(kept) or DEFAULT_MOTION
    shown = STRINGS.get(f"clip_{name}", name)
    key = "chosen_length" if name_of(kept) else "motion_unchosen"
    shipped = {motion.name for motion in examples.motions()}
    return summary(
        "motion", both(key, name=shown, seconds=f"{clip.seconds:.1f}"), _picture(name) if name in shipped else ""
    )


@functools.cache
def _picture(name: str) -> str:
    motion = next(motion for motion in examples.motions() if motion.name == name)
    return thumbnail(np.asarray(Image.open(motion.thumbnail).convert("RGB")))


def _pictures(request: gr.Request | None) -> list[tuple[str, str]]:
    """The gallery's animated thumbnails with their titles, which Gradio does not translate."""
    titles = examples.titles(request)
    return [(str(motion.thumbnail), title) for motion, title in zip(examples.motions(), titles, strict=True)]


def build_motion(context: Context, changed: gr.State) -> MotionCard:
    """Build the card; `changed` gets a new number whenever the motion changes."""
    shipped = examples.motions()
    first = default_clip()
    limit = context.options.limits.motion_seconds
    with gr.Column(elem_classes=["vivid-card", "va-card"], elem_id="card-motion", min_width=280):
        start = describe(None, first) if first is not None else empty("motion")
        head = gr.HTML(start, elem_id="motion-summary", padding=False)
        verdict = gr.HTML(elem_id="motion-verdict", padding=False)
        with folded("motion", opened=first is None) as body, gr.Tabs(elem_classes=["vivid-inner-tabs"]):
            with gr.Tab(t("motion_ready_made"), id="ready") as ready:
                if not shipped:
                    gr.HTML(lines(line("warn", "motion_none_installed")), padding=False)
                gallery = gr.Gallery(
                    _pictures(None),
                    show_label=False,
                    columns=4,
                    height="auto",
                    allow_preview=False,
                    object_fit="contain",
                    selected_index=next((i for i, m in enumerate(shipped) if m.name == DEFAULT_MOTION), None),
                    elem_id="motions",
                    elem_classes=["vivid-thumbs", "vivid-captions"],
                    interactive=False,
                    visible=bool(shipped),
                    buttons=[],
                )
            with gr.Tab(t("motion_video"), id="video") as from_video:
                video = PathVideo(
                    label=t("motion_video_label"),
                    show_label=False,
                    sources=["upload", "webcam"],
                    webcam_options=gr.WebcamOptions(mirror=False),
                    include_audio=False,
                    height=240,
                    elem_id="motion-video",
                    buttons=[],
                )
                gr.HTML(lines(line("info", "motion_video_hint", limit=f"{limit:g}")), padding=False)
            with gr.Tab(t("motion_clip"), id="clip") as from_clip:
                clip_file = PathFile(
                    label=t("motion_clip_label"), file_types=CLIP_FILES, height=130, elem_id="motion-clip"
                )
                gr.HTML(lines(line("info", "motion_clip_hint")), padding=False)
    chosen = gr.BrowserState(None, storage_key="vividanimator-motion", secret="not-a-secret")
    card = MotionCard(gr.State(first), chosen, video, gr.State(), body, gallery, [head, verdict, changed])
    outputs = card.outputs()

    def refuse(error: InputError, current: PoseClip | None) -> dict[Any, Any]:
        rest = line("info", "kept_previous_motion") if current is not None else ""
        return {verdict: lines(said("bad", error.message), rest)}

    def choose(event: gr.SelectData) -> dict[Any, Any]:
        name = shipped[int(event.index)].name
        return card.take(shipped_motion(name), {"example": name})

    gallery.select(choose, None, outputs, **QUIET)
    context.translate(_pictures, gallery)
    for tab, key in ((ready, "motion_ready_made"), (from_video, "motion_video"), (from_clip, "motion_clip")):
        context.translate(lambda request, key=key: gr.Tab(label=say(key, request)), tab)

    def watch(
        path: str | None, current: PoseClip | None, request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 (Gradio finds it by its default)
    ) -> dict[Any, Any]:  # fmt: skip
        finished: dict[Any, Any] = {card.read: path, changed: time.time_ns()}
        if path is None:
            return finished | {verdict: ""}

        def report(done: int, total: int) -> None:
            progress((done, max(total, done)), desc=say("motion_reading", request))

        from ...pose.detect import detect_video

        try:
            clip, found = detect_video(path, smooth=True, progress=report, limits=context.options.limits)
        except InputError as error:
            return finished | refuse(error, current)
        target = context.visitors.new_file(request, ".npz")
        save_clip(clip, target)
        told = [said("warn", text) for text in found.notices]
        return finished | card.take(clip, {"file": str(target), "name": VIDEO}, *told)

    video.change(watch, [video, card.state], [*outputs, card.read], show_progress_on=verdict, **SLOW_PREVIEW, **PRIVATE)

    def open_clip(path: str | None, current: PoseClip | None) -> dict[Any, Any]:
        if path is None:
            return {verdict: gr.skip()}
        try:
            clip, notices = read_clip(Path(path), limits=context.options.limits, videos=False)
        except InputError as error:
            return {**refuse(error, current), clip_file: None}
        kept = {"file": path, "name": Path(path).name[:LONGEST_NAME]}
        return card.take(clip, kept, *(said("warn", text) for text in notices))

    clip_file.upload(open_clip, [clip_file, card.state], [*outputs, clip_file], **QUIET)
    return card


def restored(context: Context, card: MotionCard, kept: Any, request: gr.Request) -> dict[Any, Any]:
    """The updates for the clip that a browser has stored; none if it no longer exists."""
    if not isinstance(kept, dict):
        return {}
    if kept.get("example") in [motion.name for motion in examples.motions()]:
        return card.take(shipped_motion(str(kept["example"])), {"example": str(kept["example"])})
    path = context.visitors.granted(visitor_of(request).owner, kept.get("file"))
    if path is None:
        return {card.chosen: None}
    try:
        clip, _ = read_clip(path, limits=context.options.limits, videos=False)
    except InputError:
        return {card.chosen: None}
    return card.take(clip, {"file": str(path), "name": name_of(kept)})
