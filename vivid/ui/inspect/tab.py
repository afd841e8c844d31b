"""The Inspect tab: annotators judge how gesture clips fit portraits, in long lists of pairs.

The work happens in one gr.HTML: the browser draws and handles input (main.js and the scripts after it), the server
detects poses, calibrates and stores decisions (bench.py). Only the upload field is a Gradio component.
"""

from __future__ import annotations

import colorsys
import json
from pathlib import Path
from typing import Any

import gradio as gr

from ...errors import InputError
from ...pose.edits import ARMS, BLEND, MOST_EDITS, OUTWARDS, STRAIGHT
from ...pose.regions import CONFIDENT
from ...pose.skeleton import BODY_COUNT, BODY_LIMBS, BODY_NAMES, HAND_BONES, HAND_COUNT
from ...pose.worst import MEASURES
from ..context import Context
from ..serving import PREVIEW, PRIVATE
from ..strings import both, t
from ..widgets import PathFile
from .bench import Bench
from .decisions import NUDGE_LIMITS, TAGS
from .markup import template
from .pairs import CLIPS, PICTURES, VIDEOS, Source, folder_sources, match_pairs
from .words import WORDS

HERE = Path(__file__).parent
SCRIPTS = ("main", "decide", "nudge", "edit", "list", "who", "work", "stage", "keys")
"""Joined in this order into one function."""
MOST_UPLOADS = 1000


def build(context: Context, tab: gr.Tab) -> None:
    """Build the tab inside the current gr.Tab."""
    options = context.options
    bench = Bench(options.decisions, options.pairs, options.limits, context.previews, options.overlap, context.visitors)
    count = len(match_pairs(folder_sources(options.pairs))[0]) if options.pairs else None

    page = gr.HTML(
        value="{}",
        html_template=template(count, options.persistent, options.overlap > 0),
        js_on_load=_script(count is not None),
        server_functions=bench.calls,
        head=f"<style>{(HERE / 'stage.css').read_text('utf-8')}</style>",  # launch(css=) would rewrite the selectors
        apply_default_css=False,
        elem_id="vivid-inspect",
    )
    with gr.Accordion(t("inspect_upload_more"), open=count is None, elem_classes="vi-files"):
        gr.HTML(both("inspect_upload"), padding=False)
        files = PathFile(
            label=t("inspect_upload"),
            show_label=False,
            file_count="multiple",
            file_types=[*PICTURES, *VIDEOS, *CLIPS],
            height=140,
            elem_id="vivid-inspect-files",
        )

    def load_files(paths: list[str] | None) -> str | dict[str, Any]:
        if not paths:
            return gr.skip()
        if len(paths) > MOST_UPLOADS:
            raise InputError("{} files are too many at once: load up to {}.", len(paths), MOST_UPLOADS)
        sources = [Source(Path(path), Path(path).name) for path in paths]
        collection, lonely = bench.collections.collect(sources)
        return json.dumps({"collection": collection, "lonely": lonely})

    files.upload(load_files, files, page, show_progress="minimal", **PREVIEW, **PRIVATE)


def _script(folder: bool) -> str:
    """The script, with its data about skeletons, nudges and texts."""
    setup = {
        "nudges": NUDGE_LIMITS,
        "limbs": [[*limb, _colour(k / len(BODY_LIMBS))] for k, limb in enumerate(BODY_LIMBS)],
        "bones": [
            [BODY_COUNT + hand * HAND_COUNT + a, BODY_COUNT + hand * HAND_COUNT + b, _colour(k / len(HAND_BONES))]
            for hand in range(2)
            for k, (a, b) in enumerate(HAND_BONES)
        ],
        "least": int(100 * CONFIDENT),
        "folder": folder,
        "tags": TAGS,
        "measures": MEASURES,
        "edits": {
            "most": MOST_EDITS,
            "blend": BLEND,
            "arms": ARMS,
            "outwards": OUTWARDS,
            "straight": STRAIGHT,
            "names": {joint: BODY_NAMES[joint] for arm in ARMS for joint in arm},
        },
    }
    code = "".join((HERE / f"{name}.js").read_text("utf-8") for name in SCRIPTS)
    return f"const SETUP = {json.dumps(setup)};\nconst TEXT = {json.dumps(WORDS, ensure_ascii=False)};\n{code}"


def _colour(hue: float) -> str:
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in colorsys.hsv_to_rgb(hue, 0.75, 1.0))
