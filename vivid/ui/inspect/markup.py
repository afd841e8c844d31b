"""The Inspect tab's skeleton, which the scripts fill."""

from __future__ import annotations

from ...pose.worst import MEASURES
from ..strings import both
from ..strings.inspect import TABLE
from .decisions import NOTE_LENGTH, NUDGE_LIMITS, TAGS


def _nudge(name: str, label: str) -> str:
    least, most, untouched = NUDGE_LIMITS[name]
    step = 1 if name.endswith("angle") else 0.01
    return (
        f'<label class="vi-nudge"><span>{both(label)}</span>'
        f'<input type="range" data-nudge="{name}" min="{least}" max="{most}" step="{step}" value="{untouched}">'
        f'<output data-value="{name}"></output>'
        f'<button type="button" data-reset="{name}" data-in-title="inspect_reset">↺</button></label>'
    )


def _english(key: str) -> str:
    """What stands there until the script has put the visitor's language."""
    return TABLE[key][0]


def template(count: int | None, lasting: bool) -> str:
    """The tab's skeleton; the script fills it. Gradio reads this as a template: no backtick, no dollar sign."""
    folder = (
        f'<button type="button" class="vi-main" data-is="folder">{both("inspect_folder", count=count)}</button>'
        if count is not None
        else ""
    )
    warning = "" if lasting else f'<p class="vi-warning" role="note">{both("inspect_not_lasting")}</p>'
    filters = "".join(
        f'<option value="{value}" data-in-text="{key}">{_english(key)}</option>'
        for value, key in (
            ("all", "inspect_all"),
            ("open", "inspect_open"),
            ("accept", "inspect_accepted"),
            ("reject", "inspect_rejected"),
            ("unsure", "inspect_unsures"),
            ("note", "inspect_noted"),
            ("tags", "inspect_tagged"),
            *((measure, f"inspect_only_{measure}") for measure in MEASURES),
        )
    )
    orders = "".join(
        f'<option value="{name}" data-in-text="inspect_order_{name}">{_english(f"inspect_order_{name}")}</option>'
        for name in ("place", *MEASURES)
    )
    kinds = "".join(
        f'<option value="{kind}" data-in-text="inspect_as_{kind}">{_english(f"inspect_as_{kind}")}</option>'
        for kind in ("text", "csv", "json")
    )
    tags = "".join(
        f'<button type="button" data-tag="{tag}">{both("inspect_tag_" + tag)} <kbd>{digit}</kbd></button>'
        for digit, tag in enumerate(TAGS, 1)
    )
    signs = {
        "pair": "← →", "frame": "↑ ↓", "play": "␣", "view": "V", "accept": "A", "reject": "R", "unsure": "S",
        "tags": "1 … 9", "bad": "B", "worst": "W", "note": "N", "undo": "U, Ctrl+Z", "help": "?",
    }  # fmt: skip
    every_key = "".join(
        f"<dt><kbd>{sign}</kbd></dt><dd>{both('inspect_key_' + name)}</dd>" for name, sign in signs.items()
    )
    views = "".join(
        f'<button type="button" data-view-button="{view}">{both("inspect_view_" + view)}</button>'
        for view in ("side", "slider", "both")
    )
    arms = "".join(
        f"<fieldset><legend>{both(f'inspect_{side}_arm')}</legend>"
        + "".join(_nudge(f"{side}_{what}", f"inspect_nudge_{what}") for what in ("angle", "length", "hand"))
        + "</fieldset>"
        for side in ("left", "right")
    )
    whole = "".join(_nudge(name, f"inspect_nudge_{name}") for name in ("offset_x", "offset_y", "scale"))
    columns = "".join(f"<th>{both('inspect_column_' + name)}</th>" for name in ("part", "reference", "driving"))
    columns += "".join(f"<th>{both('inspect_column_' + name)}</th>" for name in ("factor", "error"))
    keys = {
        name: f"<kbd>{sign}</kbd>"
        for name, sign in dict(left="←", right="→", up="↑", down="↓", a="A", r="R", s="S", u="U").items()
    }
    hints = "".join(
        f'<span class="lang-{language}">{text.format(**keys)}</span>'
        for language, text in zip(("en", "zh"), TABLE["inspect_keys"], strict=True)
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
<p class="vi-status" data-is="status" role="status" aria-live="polite"></p>
<div class="vi-work">
  <nav class="vi-list" data-in-aria-label="inspect_pairs">
    <select data-is="filter" data-in-aria-label="inspect_filter">{filters}</select>
    <select data-is="order" data-in-aria-label="inspect_order">{orders}</select>
    <ol data-is="list"></ol>
  </nav>
  <section class="vi-middle">
    <div class="vi-head">
      <button type="button" data-is="previous" data-in-title="inspect_previous">←</button>
      <h3 data-is="title"></h3>
      <button type="button" data-is="next" data-in-title="inspect_next">→</button>
      <div class="vi-progress"><span data-is="count"></span><div><i data-is="bar"></i></div></div>
    </div>
    <ul class="vi-notices" data-is="notices"></ul>
    <div class="vi-stage" data-is="stage"><p class="vi-busy-text" data-is="busy"></p></div>
    <div class="vi-scrub">
      <button type="button" data-is="play" data-in-title="inspect_play">▶</button>
      <input type="range" data-is="frame" min="0" max="0" value="0" data-in-aria-label="inspect_frame">
      <span data-is="time"></span>
    </div>
    <div class="vi-worst"><span>{both("inspect_worst")} <kbd>W</kbd></span><span data-is="worst"></span></div>
    <div class="vi-tools">
      <div class="vi-views" role="group" data-in-aria-label="inspect_view">{views}</div>
      <label><input type="checkbox" data-toggle="reference"> {both("inspect_reference")}</label>
      <label><input type="checkbox" data-toggle="face" checked> {both("inspect_face")}</label>
      <small data-is="files"></small>
    </div>
    <p class="vi-keys">{hints} <button type="button" data-is="help">{both("inspect_all_keys")} <kbd>?</kbd></button></p>
  </section>
  <aside class="vi-panel">
    <div class="vi-decide">
      <button type="button" class="accept" data-decide="accept">{both("inspect_accept")} <kbd>A</kbd></button>
      <button type="button" class="reject" data-decide="reject">{both("inspect_reject")} <kbd>R</kbd></button>
      <button type="button" class="unsure" data-decide="unsure">{both("inspect_unsure")} <kbd>S</kbd></button>
      <button type="button" data-is="undo">{both("inspect_undo")} <kbd>U</kbd></button>
      <span data-is="saved" role="status"></span>
    </div>
    <div class="vi-tags" role="group" data-in-aria-label="inspect_reasons">{tags}</div>
    <div class="vi-bad"><button type="button" data-is="bad"></button>
      <button type="button" data-is="show-bad" hidden>{both("inspect_bad_frame_go")}</button></div>
    <label class="vi-note"><span>{both("inspect_note")} <kbd>N</kbd></span>
      <textarea data-is="note" rows="2" maxlength="{NOTE_LENGTH}" data-in-placeholder="inspect_note_hint"></textarea>
    </label>
    <label class="vi-advance"><input type="checkbox" data-is="advance" checked> {both("inspect_advance")}</label>
    <details open><summary>{both("inspect_nudges")}
      <button type="button" data-reset="all">{both("inspect_reset_all")}</button></summary>
      <fieldset><legend>{both("inspect_whole")}</legend>{whole}</fieldset>
      {arms}
      <p class="vi-hint">{both("inspect_nudges_hint")}</p>
    </details>
  </aside>
  <details class="vi-report" open><summary>{both("inspect_report")}</summary>
    <div>
      <section>
        <table><thead><tr><th></th><th>{both("inspect_before")}</th><th>{both("inspect_after")}</th></tr></thead>
          <tbody data-is="measures"></tbody></table>
        <details class="vi-remarks"><summary data-is="remarked"></summary><ul data-is="remarks"></ul></details>
      </section>
      <table><thead><tr>{columns}<th></th></tr></thead><tbody data-is="segments"></tbody></table>
    </div>
  </details>
</div>
<dialog class="vi-help" data-is="keys"><h3>{both("inspect_all_keys")}</h3><dl>{every_key}</dl>
  <form method="dialog"><button>{both("inspect_close")}</button></form></dialog>
"""
