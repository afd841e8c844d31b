"""The About tab: the loaded model, what happens to uploads, how to cite."""

from __future__ import annotations

import html
import os

import gradio as gr

from ... import __version__
from ..context import Context
from ..serving import QUIET
from ..strings import both, parts
from ..widgets import line, lines

CITATION = f"""@misc{{vividanimator-paper,
  title        = {{VividAnimator: An End-to-End Audio and Pose-driven Half-Body Human Animation Framework}},
  author       = {{Huang, Donglin and Li, Yongyuan and Liu, Tianhang and Huang, Junming and Yang, Xiaoda and Wang, Chi
                  and Xu, Weiwei}},
  organization = {{Zhejiang University and Image Derivative Inc}},
  note         = {{The method}}
}}
@software{{vividanimator,
  title   = {{VividAnimator: an independent implementation}},
  author  = {{{{The VividAnimator developers}}}},
  year    = {{2026}},
  version = {{{__version__}}},
  license = {{Apache-2.0}}
}}"""


WEIGHTS = "https://huggingface.co/BadToBest/EchoMimicV2"
PAPER = "https://arxiv.org/search/?searchtype=title&query=VividAnimator"
LICENCE = "https://www.apache.org/licenses/LICENSE-2.0"


def links() -> str:
    """Links for further reading, as HTML; on a Space also the source, the model card and contact."""
    space = os.environ.get("SPACE_ID", "")
    found = [("about_paper", PAPER), ("about_licence", LICENCE), ("about_weights", WEIGHTS)]
    if space:
        source = f"https://huggingface.co/spaces/{space}"
        found[:0] = [
            ("about_source", f"{source}/tree/main"),
            ("about_card", f"{source}/blob/main/assets/layered/README.md"),
            ("about_contact", f"{source}/discussions"),
        ]
    items = [f'<a href="{html.escape(url)}" target="_blank" rel="noopener">{both(key)}</a>' for key, url in found]
    return " · ".join(items)


def runs(context: Context) -> str:
    """The loaded model and the limits, as an HTML table."""
    engine, options = context.engine, context.options
    if engine.error is not None:
        return lines(line("bad", "model_failed", reason=engine.error))
    pipeline = engine.loaded
    if pipeline is None:
        return lines(line("info", "model_loading"))
    can = pipeline.capabilities
    size = both("about_size_portrait") if can.size is None else f"{can.size[0]} × {can.size[1]}"
    limits = options.limits
    rows = [
        ("about_model", can.name),
        ("about_device", pipeline.device.upper()),
        ("about_size", f"{size}, 24 fps"),
        ("about_speech", can.speech_encoder),
        ("about_domain", both("about_domain_rendered" if can.portraits == "rendered" else "about_domain_any")),
        ("about_untrained", both("value", value=parts(can.untrained)))
        if can.untrained
        else ("about_trained", both("about_all_trained")),
        (
            "about_limits",
            both(
                "about_limits_text",
                mb=limits.upload_bytes // 2**20,
                mp=round(limits.picture_pixels / 1e6),
                speech=f"{limits.speech_seconds:g}",
                motion=f"{limits.motion_seconds:g}",
                waiting=options.max_waiting,
            ),
        ),
    ]
    body = "".join(f"<tr><th>{both(key)}</th><td>{value}</td></tr>" for key, value in rows)
    return f'<table class="vivid-table vivid-about-table"><tbody>{body}</tbody></table>'


def method(context: Context) -> str:
    """How the loaded model makes a video, as HTML."""
    can = context.engine.capabilities
    return section("about_method", both(f"about_method_{'layered' if can is None or can.steps is None else 'text'}"))


def section(title: str, *texts: str) -> str:
    """A heading and paragraphs as HTML."""
    return f"<h3>{both(title)}</h3>" + "".join(f"<p>{text}</p>" for text in texts)


def build(context: Context, tab: gr.Tab) -> None:
    """The tab's content; what depends on the model is filled in when the tab is opened."""
    uploads = both("about_uploads_text", hours=f"{context.options.keep_hours:g}")
    with gr.Column(elem_classes=["vivid-card", "vivid-about"]):
        table = gr.HTML(elem_id="about-runs", padding=False)
        how = gr.HTML(padding=False)
        for text in (
            section("about_uploads", uploads, both("about_annotations")),
            section("about_fair", both("about_fair_text" if context.options.mark else "about_fair_no_mark")),
            section("about_api", both("about_api_text")),
            section("about_links", links()),
            section("about_cite"),
        ):
            gr.HTML(text, padding=False)
        gr.Code(CITATION, language=None, show_label=False, interactive=False, buttons=["copy"])
    tab.select(lambda: (section("about_runs") + runs(context), method(context)), None, [table, how], **QUIET)
