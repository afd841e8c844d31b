"""The Compare tab: the same inputs with two to four settings, watched in step, measured, shared and saved."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.context import Context as Building

from ...errors import InputError
from ...events import Done, Result
from ...pose.calibrate import calibrate
from ...pose.portrait import Portrait
from ...pose.skeleton import PoseClip
from ...speech.types import Speech
from ..context import Context
from ..generation import generate
from ..quality import has_quality
from ..serving import EXPENSIVE, PREVIEW, PRIVATE, plainly
from ..strings import both, say, t
from ..strings.compare import TABLE
from ..widgets import line, lines
from .inputs import choices, chosen
from .measures import pose_measures, rounded, used_motion, video_measures
from .settings import (
    ANIMATE,
    FIELDS,
    INPUTS,
    LETTERS,
    MOST,
    NUMBERS,
    PRESETS,
    SWITCHES,
    Comparison,
    Variant,
    differences,
    from_link,
    preset,
    table,
    to_csv,
)

FOLDER = Path(__file__).parent
ASK_AGAIN_SECONDS = 1.0
"""How often an open page looks whether the model is loaded, until it is."""

_LINK = """(portrait, voice, motion, count, ...values) => {
  const fields = FIELDS, usual = USUAL, columns = [];
  for (let k = 0; k < count; k++) {
    const column = {};
    fields.forEach((name, f) => {
      const value = values[k * fields.length + f];
      if ((value || null) !== (usual[name] || null)) column[name] = value;
    });
    columns.push(column);
  }
  const settings = { columns };
  Object.entries({ portrait, voice, motion }).forEach(([name, value]) => {
    if (value !== "animate") settings[name] = value;
  });
  const url = new URL(location.href);
  url.search = "";
  url.hash = "";
  url.searchParams.set("compare", JSON.stringify(settings));
  if (navigator.clipboard) navigator.clipboard.writeText(url.href).catch(() => {});
  return url.href;
}"""


@dataclasses.dataclass
class Column:
    """The controls of one variant, in the order of FIELDS."""

    box: gr.Column
    controls: dict[str, Any]


def build_compare(context: Context) -> None:
    """Build the tab inside the current gr.Tab; the Animate tab must be there already (context.inputs)."""
    gr.HTML(f'<p class="vc-about">{both("compare_about")}</p>', padding=False)
    with gr.Row():
        sources = [
            gr.Dropdown(
                [(t("compare_from_animate"), ANIMATE), *choices(kind)],
                value=ANIMATE,
                label=t(f"compare_{kind}"),
                elem_id=f"compare-{kind}",
                min_width=180,
            )
            for kind in INPUTS
        ]
    with gr.Row():
        wanted = gr.Dropdown(
            [(t(f"compare_preset_{name}"), name) for name in PRESETS],
            value="calibrate",
            label=t("compare_presets"),
            elem_id="compare-preset",
            scale=2,
            min_width=180,
        )
        count = gr.Radio([2, 3, 4], value=2, label=t("compare_count"), elem_id="compare-count", min_width=160)
    start = preset("calibrate")
    with gr.Row(equal_height=True, elem_classes="vc-columns"):
        columns = [_build_column(k, start[k] if k < len(start) else Variant()) for k in range(MOST)]
    values = [control for column in columns for control in column.controls.values()]
    gr.HTML(f'<p class="vc-own">{both("compare_own")}</p>', padding=False)
    untrained = gr.HTML(padding=False, elem_id="compare-untrained")
    poses = gr.Checkbox(False, label=t("compare_poses"), info=t("compare_poses_info"))
    with gr.Row():
        run = gr.Button(t("compare_run"), variant="primary", elem_id="compare-run", scale=2)
        stop = gr.Button(t("compare_stop"), variant="stop", elem_id="compare-stop", visible=False)
        share = gr.Button(t("compare_link"), elem_id="compare-share")
    link = gr.Textbox(
        label=t("compare_link"), interactive=False, visible=False, buttons=["copy"], elem_id="compare-link"
    )
    status = gr.HTML(padding=False, elem_id="compare-status")
    player = gr.HTML(
        value="",
        html_template=_player(),
        js_on_load=_script(),
        head=f"<style>{(FOLDER / 'style.css').read_text('utf-8')}</style>",  # launch(css=) would rewrite the selectors
        apply_default_css=False,
        elem_id="vivid-compare",
    )
    inputs = context.inputs
    asked = [*sources, inputs.portrait, inputs.speech, inputs.motion, poses, count, *values]

    def compare(
        request: gr.Request, portrait_name: str, voice_name: str, motion_name: str, portrait: Portrait | None,
        speech: Speech | None, motion: PoseClip | None, look: bool, number: int, *given: Any,
    ) -> Iterator[dict[Any, Any]]:  # fmt: skip
        limits = context.options.limits
        variants = read_variants(number, given)
        if not differences(variants):
            raise InputError(say("compare_same", request))
        parts = (
            chosen("portrait", portrait_name, portrait, limits),
            chosen("voice", voice_name, speech, limits),
            chosen("motion", motion_name, motion, limits),
        )
        yield {run: gr.Button(interactive=False), stop: gr.Button(visible=True), status: "", player: show([], [])}
        done: list[dict[str, Any]] = []
        for letter, variant in zip(LETTERS, variants, strict=False):
            yield {status: lines(line("info", "compare_waiting", letter=letter))}
            output = context.visitors.new_file(request, ".mp4")
            settings = variant.settings(context.options.mark)
            for event in generate(context, *parts, settings, output):
                if isinstance(event, Done):
                    yield {status: lines(line("info", "compare_measuring", letter=letter))}
                    done.append(finished(event.result, parts, done, look))
                    yield {player: show(variants, done)}
                else:
                    yield {
                        status: lines(
                            line(
                                "info", "compare_working", letter=letter, count=len(variants), done=event.done,
                                total=event.total, left=max(1, round(event.seconds_left)),
                            )
                        )
                    }  # fmt: skip
        yield {
            status: lines(line("ok", "compare_done")),
            run: gr.Button(interactive=True),
            stop: gr.Button(visible=False),
        }

    def rest() -> dict[Any, Any]:
        return {run: gr.Button(interactive=True), stop: gr.Button(visible=False)}

    running = run.click(
        plainly(compare), asked, [run, stop, status, player], show_progress="hidden", **EXPENSIVE, **PRIVATE
    )
    running.failure(rest, None, [run, stop], **PREVIEW, **PRIVATE)
    stop.click(lambda: {**rest(), status: ""}, None, [run, stop, status], cancels=[running], queue=False, **PRIVATE)

    def fill(variants: tuple[Variant, ...]) -> dict[Any, Any]:
        """Put columns into the controls."""
        update: dict[Any, Any] = {count: len(variants)}
        for k, column in enumerate(columns):
            update[column.box] = gr.Column(visible=k < len(variants))
            if k < len(variants):
                update |= {control: _shown(getattr(variants[k], name)) for name, control in column.controls.items()}
        return update

    filled = [count, *[column.box for column in columns], *values]
    wanted.input(
        lambda name, seed: fill(preset(name, int(seed or 0))),
        [wanted, columns[0].controls["seed"]],
        filled,
        show_progress="hidden",
        **PREVIEW,
        **PRIVATE,
    )
    count.input(
        lambda number: [gr.Column(visible=k < number) for k in range(MOST)],
        count,
        [column.box for column in columns],
        show_progress="hidden",
        **PREVIEW,
        **PRIVATE,
    )
    usual = dataclasses.asdict(Variant())
    script = _LINK.replace("FIELDS", json.dumps(FIELDS)).replace("USUAL", json.dumps(usual))
    share.click(None, [*sources, count, *values], link, js=script, show_progress="hidden", **PRIVATE)
    share.click(lambda: gr.Textbox(visible=True), None, link, show_progress="hidden", queue=False, **PRIVATE)

    def arrive(request: gr.Request) -> dict[Any, Any]:
        """A shared link fills in its settings."""
        text = request.query_params.get("compare")
        if not text:
            return {status: gr.skip()}
        comparison = from_link(text)
        update = fill(comparison.variants)
        for kind, component in zip(INPUTS, sources, strict=True):
            name = getattr(comparison, kind)
            if name == ANIMATE or name in [known for _, known in choices(kind)]:
                update[component] = name
            else:
                update[status] = lines(line("warn", "compare_unknown_input", name=name))
        return update

    root = Building.root_block
    assert root is not None, "build_compare is called while a page is built"
    root.load(plainly(arrive), None, [status, *sources, *filled], show_progress="hidden", **PREVIEW, **PRIVATE)

    timer = gr.Timer(ASK_AGAIN_SECONDS)

    def look_at_model() -> dict[Any, Any]:
        """Switch off what the loaded model cannot do, with the reason."""
        can = context.engine.capabilities
        if can is None:
            return {timer: gr.skip()}
        missing = [name for name in SWITCHES if name in can.untrained]
        absent = [name for name in SWITCHES if name not in can.switches + can.untrained]
        fixed = ([] if can.seeded else ["seed"]) + ([] if has_quality(can) else ["steps"])
        fixed += ["guidance_audio", "guidance_image"] if can.guidance is None else []
        update: dict[Any, Any] = {timer: gr.Timer(active=False)}
        for column in columns:
            update |= {column.controls[name]: gr.Checkbox(False, interactive=False) for name in missing}
            update |= {column.controls[name]: gr.Checkbox(True, visible=False) for name in absent}
            update |= {column.controls[name]: gr.Number(interactive=False) for name in fixed}
        reasons = []
        if missing:
            reasons.append(line("warn", "compare_no_untrained", parts=_titles(missing)))
        if fixed:
            reasons.append(line("info", "compare_without_effect", parts=_titles(fixed)))
        gone = {
            *missing,
            *absent,
            *(["ablations"] if absent else []),
            *("seeds" if name == "seed" else name for name in fixed),
        }
        if gone:
            update[untrained] = lines(*reasons)
            update[wanted] = gr.Dropdown(
                choices=[(t(f"compare_preset_{name}"), name) for name in PRESETS if name not in gone]
            )
        return update

    timer.tick(look_at_model, None, [timer, untrained, wanted, *values], show_progress="hidden", queue=False, **PRIVATE)


def _build_column(k: int, variant: Variant) -> Column:
    with gr.Column(visible=k < 2, min_width=200, elem_classes="vivid-card vc-column") as box:
        gr.HTML(f'<b class="vc-letter">{LETTERS[k]}</b>', padding=False)
        controls: dict[str, Any] = {}
        with gr.Row():
            for name in ("seed", "steps"):
                least, most = NUMBERS[name]
                controls[name] = gr.Number(
                    _shown(getattr(variant, name)),
                    label=t(f"compare_{name}"),
                    precision=0,
                    minimum=least,
                    maximum=most,
                    min_width=80,
                    elem_id=f"compare-{name}-{LETTERS[k]}",
                )
        with gr.Row():
            for name in ("guidance_audio", "guidance_image"):
                least, most = NUMBERS[name]
                controls[name] = gr.Number(
                    _shown(getattr(variant, name)), label=t(f"compare_{name}"), minimum=least, maximum=most, step=0.1,
                    min_width=80,
                )  # fmt: skip
        for name in SWITCHES:
            controls[name] = gr.Checkbox(
                getattr(variant, name),
                label=t(f"compare_{name}"),
                container=False,
                elem_id=f"compare-{name}-{LETTERS[k]}",
            )
    return Column(box, {name: controls[name] for name in FIELDS})


def _titles(names: list[str]) -> tuple[str, str]:
    """The controls' labels, in English and Chinese."""
    english, chinese = zip(*(TABLE[f"compare_{name}"] for name in names), strict=True)
    return ", ".join(english), ", ".join(chinese)


def _shown(value: Any) -> Any:
    """Number fields show nothing chosen as 0."""
    return 0 if value is None else value


def read_variants(number: int, given: tuple[Any, ...]) -> tuple[Variant, ...]:
    """The first `number` columns from the values of all controls. Errors: InputError."""
    rows = [dict(zip(FIELDS, given[k * len(FIELDS) :], strict=False)) for k in range(int(number))]
    for row in rows:
        row["seed"] = row["seed"] or 0
    return Comparison(tuple(Variant(**row) for row in rows)).variants


def finished(
    result: Result, parts: tuple[Portrait, Speech, PoseClip], before: list[dict[str, Any]], look: bool
) -> dict[str, Any]:
    """What the player gets to know about one finished video."""
    portrait, _, motion = parts
    seconds = result.frames / result.fps
    calibrated = bool(result.settings.get("calibrate", True))
    report = result.calibration or calibrate(portrait.pose, motion)[1].to_dict()
    first = Path(before[0]["path"]) if before else None
    measures: dict[str, Any] = {
        "model": result.model,
        "frames": result.frames,
        "seconds": result.seconds,
        "per_second": result.seconds / max(seconds, 1e-9),
        "peak_memory_mb": round(result.peak_memory / 2**20),
        **used_motion(report, calibrated),
        **video_measures(result.path, first),
    }
    if look:
        from ...pose.detect import detect_video

        try:
            measures |= pose_measures(detect_video(result.path)[0])
        except InputError:  # nobody is recognised in the result: that is a result, too
            measures |= {"hkc": 0.0, "hkv": None, "hmv": None}
    return {"path": str(result.path), "measures": rounded(measures)}


def show(variants: tuple[Variant, ...] | list[Variant], done: list[dict[str, Any]]) -> str:
    """The player's value: JSON with each finished column, and the table as CSV."""
    rows = table(variants, [item["measures"] for item in done])
    return json.dumps(
        {
            "differ": differences(variants),
            "columns": [
                {
                    "letter": letter,
                    "url": f"gradio_api/file={item['path']}",
                    "settings": dataclasses.asdict(variant),
                    "measures": item["measures"],
                }
                for letter, variant, item in zip(LETTERS, variants, done, strict=False)
            ],
            "csv": to_csv(rows),
        }
    )


def _script() -> str:
    code = (FOLDER / "player.js").read_text("utf-8")
    return f"const TEXT = {json.dumps(TABLE, ensure_ascii=False)};\n{code}"


def _player() -> str:
    """The player's skeleton. Gradio reads it as a template: no backtick, no dollar sign."""
    speeds = "".join(
        f'<option value="{speed}"{" selected" if speed == 1 else ""}>× {speed}</option>' for speed in (0.25, 0.5, 1)
    )
    return f"""
<p class="vc-empty">{both("compare_empty")}</p>
<div class="vc-videos"></div>
<div class="vc-controls">
  <button type="button" class="vc-back" data-in-title="compare_back">‹</button>
  <button type="button" class="vc-play" data-in-title="compare_play">▶</button>
  <button type="button" class="vc-forward" data-in-title="compare_forward">›</button>
  <input type="range" class="vc-seek" min="0" max="1000" value="0" data-in-title="compare_seek">
  <span class="vc-time"></span>
  <select class="vc-speed" data-in-title="compare_speed">{speeds}</select>
  <select class="vc-sound"></select>
</div>
<div class="vc-results">
  <table class="vc-table"></table>
  <p class="vc-explained">{both("compare_explained")}</p>
  <button type="button" class="vc-csv">{both("compare_csv")}</button>
</div>
"""
