"""The Inspect tab's HTML, which the scripts fill in."""

from __future__ import annotations

from collections.abc import Iterable

from ...pose.worst import MEASURES
from ..strings import both
from .decisions import NOTE_LENGTH, NUDGE_LIMITS, TAGS
from .words import WORDS

FILTERS = {
    "all": "inspect_all",
    "open": "inspect_open",
    "accept": "inspect_accepted",
    "reject": "inspect_rejected",
    "unsure": "inspect_unsures",
    "note": "inspect_noted",
    "tags": "inspect_tagged",
    "corrected": "inspect_corrected",
    **{measure: f"inspect_only_{measure}" for measure in MEASURES},
}
LAYERS = {"portrait": "P", "raw": "O", "calibrated": "C", "look": "L", "reference": "I", "face": "X"}
SHARED = {"mine": "inspect_mine", "split": "inspect_split"}
"""Additional filters for a folder shared by several annotators."""
EXTENTS = ("frame", "range", "clip")
CORNERS = (
    '<svg viewBox="0 0 12 12" width="12" height="12" fill="none" stroke="currentColor" stroke-width="1.6">'
    '<path d="M1 4V1h3M8 1h3v3M11 8v3H8M4 11H1V8"/></svg>'
)
KEYS = {
    "pair": "← →", "frame": "↑ ↓ , .", "play": "␣", "accept": "A", "reject": "R", "unsure": "S", "tags": "1 … 9",
    "bad": "B", "worst": "W", "note": "N", "undo": "U, Ctrl+Z", "redo": "Y, Ctrl+Shift+Z", "settle": "Shift+A, Shift+R",
    "layers": "P O C L I X",
    "zoom": "+ − 0", "full": "F", "joint": "J, Shift+J", "finger": "K, Shift+K", "push": "← → ↑ ↓", "extent": "E",
    "ends": "[ ]", "free": "G", "help": "?",
}  # fmt: skip


def _nudge(name: str, label: str) -> str:
    least, most, untouched = NUDGE_LIMITS[name]
    step = 1 if name.endswith("angle") else 0.01
    return (
        f'<label class="vi-nudge"><span>{both(label)}</span>'
        f'<input type="range" data-nudge="{name}" min="{least}" max="{most}" step="{step}" value="{untouched}">'
        f'<output data-value="{name}"></output>'
        f'<button type="button" data-reset="{name}" data-in-title="inspect_reset">↺</button></label>'
    )


def _options(texts: Iterable[tuple[str, str]]) -> str:
    """Options from (value, key), in English until the script sets the visitor's language."""
    return "".join(f'<option value="{value}" data-in-text="{key}">{WORDS[key][0]}</option>' for value, key in texts)


def _button(name: str, sign: str, title: str) -> str:
    return (
        f'<button type="button" data-is="{name}" data-in-title="{title}" data-in-aria-label="{title}">{sign}</button>'
    )


def template(count: int | None, lasting: bool, shared: bool) -> str:
    """The tab's HTML. Gradio treats it as a template: no backticks, no dollar signs.

    count: number of the server's own pairs, None without a folder; lasting: whether decisions survive a restart;
    shared: whether each pair is for some of the annotators only.
    """
    folder = (
        f'<button type="button" class="vi-main" data-is="folder">{both("inspect_folder", count=count)}</button>'
        if count is not None
        else ""
    )
    warning = "" if lasting else f'<p class="vi-warning" role="note">{both("inspect_not_lasting")}</p>'
    kinds = _options((kind, f"inspect_as_{kind}") for kind in ("text", "csv", "json", "clips"))
    keys = {
        name: f"<kbd>{sign}</kbd>"
        for name, sign in dict(left="←", right="→", up="↑", down="↓", a="A", r="R", s="S", u="U").items()
    }
    hints = "".join(
        f'<span class="lang-{language}">{text.format(**keys)}</span>'
        for language, text in zip(("en", "zh"), WORDS["inspect_keys"], strict=True)
    )
    every_key = "".join(
        f"<dt><kbd>{sign}</kbd></dt><dd>{both('inspect_key_' + name)}</dd>" for name, sign in KEYS.items()
    )
    return f"""
<p class="vi-about">{both("inspect_about")}</p>
<div class="vi-top">
  <div class="vi-who" data-is="stranger">
    <label class="vi-name"><span>{both("inspect_name")}</span>
      <input data-is="name" maxlength="60" autocomplete="name" data-in-placeholder="inspect_name_hint"></label>
    <button type="button" data-is="confirm">{both("inspect_confirm")}</button>
  </div>
  <div class="vi-who" data-is="known" hidden>
    <span>{both("inspect_you_are")} <b data-is="annotator"></b></span>
    <button type="button" data-is="mine">{both("inspect_link")}</button>
    <button type="button" data-is="switch">{both("inspect_switch")}</button>
  </div>
  {folder}
  <span class="vi-as"><button type="button" data-is="download">{both("inspect_download")}</button><select data-is="as"
    data-in-aria-label="inspect_as">{kinds}</select></span>
</div>
<div class="vi-secret" data-is="secret" hidden>
  <p data-is="hint"></p>
  <input data-is="link" type="text" readonly data-in-aria-label="inspect_link">
  <button type="button" data-is="copy">{both("inspect_copy")}</button>
  <button type="button" data-is="leave">{both("inspect_switch_now")}</button>
  <button type="button" data-is="stay">{both("inspect_close")}</button>
</div>
{warning}
<p class="vi-lonely" data-is="lonely"></p>
<p class="vi-lonely" data-is="doubles"></p>
<div class="vi-work" data-is="work">
  <p class="vi-status" data-is="status" role="status" aria-live="polite"></p>
{_list(shared)}
{_middle(hints)}
{_panel()}
{_report()}
</div>
<dialog class="vi-help" data-is="keys"><h3>{both("inspect_all_keys")}</h3><dl>{every_key}</dl>
  <form method="dialog"><button>{both("inspect_close")}</button></form></dialog>
"""


def _list(shared: bool) -> str:
    filters = _options([*FILTERS.items(), *(SHARED.items() if shared else ())])
    orders = _options((name, f"inspect_order_{name}") for name in ("place", *MEASURES))
    return f"""
  <nav class="vi-list" data-in-aria-label="inspect_pairs">
    <select data-is="filter" data-in-aria-label="inspect_filter">{filters}</select>
    <select data-is="order" data-in-aria-label="inspect_order">{orders}</select>
    <ol data-is="list"></ol>
  </nav>"""


def _middle(hints: str) -> str:
    """The stage and the controls for its current frame."""
    layers = "".join(
        f'<button type="button" data-layer="{name}">{both("inspect_layer_" + name)} <kbd>{sign}</kbd></button>'
        for name, sign in LAYERS.items()
    )
    extents = "".join(
        f'<button type="button" data-extent="{name}">{both("inspect_extent_" + name)}</button>' for name in EXTENTS
    )
    return f"""
  <section class="vi-middle">
    <div class="vi-head">
      {_button("previous", "←", "inspect_previous")}
      <h3 data-is="title"></h3>
      {_button("next", "→", "inspect_next")}
      <div class="vi-progress"><span data-is="count"></span><div><i data-is="bar"></i></div></div>
    </div>
    <p class="vi-agreement" data-is="agreement" hidden></p>
    <ul class="vi-notices" data-is="notices"></ul>
    <div class="vi-views vi-layers" role="group" data-in-aria-label="inspect_layers">{layers}</div>
    <div class="vi-stage" data-is="stage">
      <canvas data-is="canvas" role="img" data-in-aria-label="inspect_stage"></canvas>
      <div class="vi-views vi-zoom" role="group" data-in-aria-label="inspect_zoom">
        {_button("farther", "−", "inspect_farther")}{_button("zoomed", "100 %", "inspect_whole_picture")}
        {_button("nearer", "+", "inspect_nearer")}{_button("full", CORNERS, "inspect_full")}
      </div>
      <p class="vi-busy-text" data-is="busy"></p>
      <p class="vi-chip" data-is="chip" hidden>{both("inspect_drawing")}</p>
    </div>
    <div class="vi-scrub">
      {_button("play", "▶", "inspect_play")}
      <span class="vi-track"><i data-is="band" hidden></i><span class="vi-ticks" data-is="ticks"></span>
        <input type="range" data-is="frame" min="0" max="0" value="0" data-in-aria-label="inspect_frame"></span>
      <span data-is="time"></span>
    </div>
    <div class="vi-bar vi-correct" role="group" data-in-aria-label="inspect_nudges">
      <span>{both("inspect_moves")}</span>
      <div class="vi-views" role="group" data-in-aria-label="inspect_extent">{extents}</div>
      <span data-is="ends" hidden>{_button("begin", "[", "inspect_begin")} <b data-is="from"></b> – <b data-is="to"></b>
        {_button("end", "]", "inspect_end")}</span>
      <label><input type="checkbox" data-is="free"> {both("inspect_free")}</label>
      <span data-is="edits"></span>
      <button type="button" data-is="forget" hidden>{both("inspect_forget")}</button>
      <button type="button" data-is="clip">{both("inspect_clip")}</button>
      <small data-is="picked" role="status"></small>
    </div>
    <div class="vi-worst"><span>{both("inspect_worst")} <kbd>W</kbd></span><span data-is="worst"></span>
      <small data-is="files"></small></div>
    <p class="vi-keys">{hints} <button type="button" data-is="help">{both("inspect_all_keys")} <kbd>?</kbd></button></p>
  </section>"""


def _panel() -> str:
    """The decision with its reasons, and the sliders."""
    tags = "".join(
        f'<button type="button" data-tag="{tag}">{both("inspect_tag_" + tag)} <kbd>{digit}</kbd></button>'
        for digit, tag in enumerate(TAGS, 1)
    )
    decide = "".join(
        f'<button type="button" class="{name}" data-decide="{name}">'
        f"{both('inspect_' + name)} <kbd>{sign}</kbd></button>"
        for name, sign in (("accept", "A"), ("reject", "R"), ("unsure", "S"))
    )
    arms = "".join(
        f"<fieldset><legend>{both(f'inspect_{side}_arm')}</legend>"
        + "".join(_nudge(f"{side}_{what}", f"inspect_nudge_{what}") for what in ("angle", "length", "hand"))
        + "</fieldset>"
        for side in ("left", "right")
    )
    whole = "".join(_nudge(name, f"inspect_nudge_{name}") for name in ("offset_x", "offset_y", "scale"))
    return f"""
  <aside class="vi-panel">
    <div class="vi-decide">{decide}
      <span class="vi-views"><button type="button" data-is="undo">{both("inspect_undo")} <kbd>U</kbd></button>
        {_button("redo", "↷", "inspect_redo")}</span>
      <span data-is="saved" role="status"></span>
    </div>
    <div class="vi-together" data-is="together" hidden><p data-is="others"></p>
      <button type="button" data-settle="accept">{both("inspect_accept")} <kbd>⇧A</kbd></button>
      <button type="button" data-settle="reject">{both("inspect_reject")} <kbd>⇧R</kbd></button></div>
    <div class="vi-tags" role="group" data-in-aria-label="inspect_reasons">{tags}</div>
    <div class="vi-bad"><button type="button" data-is="bad"></button>
      <button type="button" data-is="show-bad" hidden>{both("inspect_bad_frame_go")}</button></div>
    <label class="vi-note"><span>{both("inspect_note")} <kbd>N</kbd></span>
      <textarea data-is="note" rows="2" maxlength="{NOTE_LENGTH}" data-in-placeholder="inspect_note_hint"></textarea>
    </label>
    <label class="vi-advance"><input type="checkbox" data-is="advance" checked> {both("inspect_advance")}</label>
    <details open><summary>{both("inspect_sliders")}
      <button type="button" data-reset="all">{both("inspect_reset_all")}</button></summary>
      <fieldset><legend>{both("inspect_whole")}</legend>{whole}</fieldset>
      {arms}
      <p class="vi-hint">{both("inspect_nudges_hint")}</p>
    </details>
  </aside>"""


def _report() -> str:
    return f"""
  <details class="vi-report" open><summary>{both("inspect_report")}</summary><div data-is="report"></div></details>"""
