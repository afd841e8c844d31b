"""Exports of a finished video: side by side with its inputs, and under a link."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from ...errors import InputError
from ..compare.downloads import SAVE, beside_inputs, path_of, to_save
from ..compare.inputs import titled
from ..compare.record import new_file, record_of
from ..compare.settings import ANIMATE, INPUTS
from ..context import Context
from ..engine import progress_of
from ..jobs import DONE, Job
from ..serving import PRIVATE, QUIET, SLOW_PREVIEW
from ..strings import STRINGS, both, t
from ..visitors import visitor_of
from ..widgets import line, lines, tell_copied, when
from .cards import name_of
from .progress import progress_bar

if TYPE_CHECKING:
    from ..compare.record import Record

NOT_YOURS = "There is no finished video of yours to take along: make one."
_LINK = """async (token) => {
  if (!token) return ["", ""];
  const url = new URL(location.href);
  url.hash = "";
  url.search = "";
  url.searchParams.set("compare", token);
  return [url.href, await vividCopy(url.href)];
}"""


@dataclass
class Exports:
    """Two buttons beside the download, and what the second one shows: the link, and how long it is valid."""

    beside: gr.Button
    share: gr.Button
    told: gr.HTML
    link: gr.Textbox

    def forget(self) -> dict[Any, Any]:
        """The updates for another video."""
        return {self.told: "", self.link: gr.Textbox("", visible=False)}


def build_export_buttons() -> tuple[gr.Button, gr.Button]:
    """Build the buttons in the current row."""
    beside = gr.Button(t("take_beside"), elem_id="take-beside", min_width=120)
    return beside, gr.Button(t("take_link"), elem_id="take-link", min_width=120)


def build_link() -> tuple[gr.HTML, gr.Textbox]:
    """Build what the second button shows, below the row."""
    told = gr.HTML(elem_id="taken", padding=False)
    link = gr.Textbox(
        visible=False,
        max_lines=1,
        show_label=False,
        label=t("take_link"),
        interactive=False,
        buttons=["copy"],
        elem_id="taken-link",
    )
    return told, link


def own_job(context: Context, request: gr.Request, name: str | None) -> Job:
    """The finished job of that name, for its owner only. Errors: InputError for anybody else."""
    job = context.jobs.find(name)
    yours = job is not None and job.visitor.owner == visitor_of(request).owner
    if job is None or not yours or job.state != DONE or not job.output.is_file():
        raise InputError(NOT_YOURS)
    return job


def build_exports(context: Context, exports: Exports, current: gr.State) -> None:
    """Wire up the buttons for the job named `current`; only its owner may use them."""
    token, file, copied = (gr.Textbox(visible=False) for _ in range(3))

    def kept(job: Job) -> Record:
        names = [name_of(each) for each in job.chosen]
        return record_of(
            context, job, {kind: titled(kind, ANIMATE, name) for kind, name in zip(INPUTS, names, strict=True)}
        )

    def make(request: gr.Request, name: str | None) -> Iterator[dict[Any, Any]]:
        job = own_job(context, request, name)
        if job.inputs is None:
            raise InputError(STRINGS["again_gone"][0])
        record, (person, _, clip, *_) = kept(job), job.inputs
        for share in progress_of(lambda tell: beside_inputs(context, record, person, clip, tell)):
            yield {exports.told: progress_bar(share, both("take_beside_making"))}
        yield {exports.told: "", file: to_save(path_of(record, "video"))}

    waiting = exports.beside.click(
        lambda: (gr.Button(interactive=False), progress_bar(-1, both("take_beside_making"))), None,
        [exports.beside, exports.told], queue=False, show_progress="hidden", **PRIVATE,
    )  # fmt: skip
    made = waiting.then(make, current, [exports.told, file], show_progress="hidden", **SLOW_PREVIEW, **PRIVATE)
    made.success(None, file, None, js=SAVE)
    made.failure(lambda: "", None, exports.told, **QUIET)
    made.then(lambda: gr.Button(interactive=True), None, exports.beside, **QUIET)

    def share(request: gr.Request, name: str | None) -> dict[Any, Any]:
        record = kept(own_job(context, request, name))
        new_file(context, record.maker, record.columns[0].output)
        until = when(record.made + context.visitors.keep_seconds)
        return {token: record.token, exports.told: lines(line("info", "take_kept", until=until))}

    shared = exports.share.click(share, current, [token, exports.told], **QUIET)
    linked = shared.success(None, token, [exports.link, copied], js=_LINK)
    linked.then(lambda: gr.Textbox(visible=True), None, exports.link, **QUIET).then(tell_copied, copied, None, **QUIET)
