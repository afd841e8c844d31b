"""The Compare tab without a browser: settings, links, measures, what is offered for which generator."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ui_fakes import FakePipeline
from ui_people import person

from vivid.config import Limits
from vivid.errors import InputError
from vivid.generators import Capabilities
from vivid.media.video import VideoWriter
from vivid.pose.skeleton import PoseClip, clip_of
from vivid.ui import context as contexts
from vivid.ui.compare import tab as compare
from vivid.ui.compare.columns import read_variants
from vivid.ui.compare.measures import pose_measures, used_motion, video_measures
from vivid.ui.compare.settings import (
    FIELDS,
    PRESETS,
    Comparison,
    Variant,
    differences,
    from_link,
    preset,
    presets_for,
    settings_used_by,
)
from vivid.ui.context import AnimateInputs, Context

variants = st.builds(
    Variant,
    model=st.sampled_from(["", "compact", "full-acc"]),
    seed=st.integers(0, 2**31 - 1),
    steps=st.none() | st.integers(1, 100),
    guidance_audio=st.none() | st.floats(0, 10),
    calibrate=st.booleans(),
    codebook=st.booleans(),
    head_stream=st.booleans(),
)


def link_to(comparison: Comparison) -> str:
    """As the page writes it: the columns, and what is not as usual of the rest."""
    given = {name: value for name, value in dataclasses.asdict(comparison).items() if value not in ("animate", None)}
    return json.dumps(given | {"columns": given.pop("variants")})


@given(
    st.lists(variants, min_size=2, max_size=4), st.sampled_from(["animate", "anna", "a b&c=d"]),
    st.none() | st.floats(0, 1),
)  # fmt: skip
def test_a_link_brings_back_the_settings(columns: list[Variant], portrait: str, crop: float | None) -> None:
    comparison = Comparison(tuple(columns), portrait=portrait, crop=crop)
    assert from_link(link_to(comparison)) == comparison


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", '{"columns":[{}]}', '{"columns":[{},{},{},{},{}]}', '{"columns":[{"seed":-1},{}]}',
        '{"columns":[{"steps":1e9},{}]}', '{"columns":[{"mark":false},{}]}', '{"columns":[{"calibrate":"no"},{}]}',
        '{"columns":[{},{}],"portrait":["x"]}', '{"columns":[{},{}],"output":"/etc/x"}', "x" * 5000,
        '{"columns":[{"steps":2.5},{}]}', '{"columns":[{"model":"../etc"},{}]}', '{"columns":[{"model":["full"]},{}]}',
        '{"columns":[{},{}],"crop":1.5}', '{"columns":[{},{}],"crop":"0.5"}', '{"columns":[{},{}],"crop":NaN}',
        '{"columns":{"a":1,"b":2}}', '{"columns":[{"seed":NaN},{}]}',
    ],
)  # fmt: skip
def test_strange_links_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        from_link(text)


def test_presets_differ_in_what_they_say() -> None:
    assert {name: differences(preset(name, models=["compact"])) for name in PRESETS} == {
        "models": ["model"],
        "calibrate": ["calibrate"],
        "codebook": ["codebook"],
        "head_stream": ["head_stream"],
        "ablations": ["calibrate", "codebook", "head_stream"],
        "seeds": ["seed"],
        "steps": ["steps"],
    }


def film(path: Path, values: list[int], size: tuple[int, int] = (64, 64)) -> Path:
    """A video whose frames are plain grey."""
    with VideoWriter(path, size, 24) as writer:
        writer.write(np.stack([np.full((size[1], size[0], 3), value, np.uint8) for value in values]))
    return path


def test_flicker_is_told_from_steady_change(tmp_path: Path) -> None:
    steady = film(tmp_path / "steady.mp4", list(range(60, 108, 4)))
    nervous = film(tmp_path / "nervous.mp4", [60, 100] * 6)
    calm, jumpy = video_measures(steady), video_measures(nervous, steady)
    assert calm["motion"] == pytest.approx(4, abs=0.5)
    assert calm["flicker"] < 1.5  # the codec rounds
    assert calm["difference"] is None
    assert jumpy["flicker"] == pytest.approx(40, abs=2)
    assert jumpy["difference"] == pytest.approx(np.abs(np.arange(60, 108, 4) - [60, 100] * 6).mean(), abs=1)
    other = film(tmp_path / "wide.mp4", [60] * 3, (128, 64))
    assert video_measures(other, steady)["difference"] is None


def test_pose_measures_know_still_from_moving_and_absent() -> None:
    pose = person()
    clip = clip_of(pose).take(np.zeros(20, int))
    still = pose_measures(clip)
    assert still == pytest.approx({"hkc": 1.0, "hkv": 0.0, "hmv": 0.0}, abs=1e-6)
    hands = clip.hands.copy()
    hands[..., 0] += 4 * np.where(np.arange(20) % 2, 1, -1)[:, None, None]  # 1 % of 400 pixels to either side
    moving = PoseClip(clip.body, hands, clip.face, clip.canvas)
    assert pose_measures(moving)["hkv"] == pytest.approx(1.0, rel=1e-3)
    hands[..., 2] = 0
    assert pose_measures(PoseClip(clip.body, hands, clip.face, clip.canvas))["hkv"] is None


def test_the_measures_of_the_motion_are_those_of_the_one_that_was_used() -> None:
    report = {name: {"bone_error": k, "reach": k, "inside": k} for k, name in enumerate(("before", "after"))}
    assert used_motion(report, True)["bone_error"] == 100  # per cent
    assert used_motion(report, False)["bone_error"] == 0


def test_an_unknown_input_is_refused_and_never_opened() -> None:
    from vivid.config import Limits
    from vivid.ui.compare.inputs import chosen

    for kind in ("portrait", "voice", "motion"):
        with pytest.raises(InputError, match="choose another one"):
            chosen(kind, "/etc/passwd", None, Limits())
        with pytest.raises(InputError, match="Animate"):
            chosen(kind, "animate", None, Limits())
        assert chosen(kind, "animate", "given", Limits()) == "given"


LAYERED = Capabilities(
    name="layered", portraits="any", size_multiple=2, largest_side=1920, steps=None, most_steps=None, guidance=None,
    switches=("calibrate",), seeded=True, untrained=(), instant=True,
)  # fmt: skip
"""No networks to switch off, no steps, no guidance, but a seed."""


def test_a_generator_is_only_asked_what_it_heeds() -> None:
    one_step = FakePipeline(untrained=("codebook",), steps=1).capabilities
    assert settings_used_by(LAYERED) == ("seed", "calibrate")
    assert settings_used_by(one_step) == ("guidance_audio", "guidance_image", "calibrate", "head_stream")
    assert settings_used_by(FakePipeline().capabilities)[:2] == ("seed", "steps")
    hidden = Variant(model="compact", seed=4, steps=9, calibrate=False, codebook=False, head_stream=False)
    assert hidden.reduced_to(LAYERED) == Variant(model="compact", seed=4, calibrate=False)
    assert hidden.reduced_to(one_step) == Variant(model="compact", calibrate=False, head_stream=False)


def test_only_comparisons_that_compare_something_are_offered() -> None:
    assert presets_for(LAYERED, ()) == ("calibrate", "seeds")
    assert presets_for(LAYERED, ("compact",)) == ("models", "calibrate", "seeds")
    assert "steps" in presets_for(FakePipeline().capabilities, ())


@pytest.fixture
def tab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The tab's events with a model that is loaded, and the layered generator beside it."""
    pipeline = FakePipeline(untrained=("codebook",), steps=1)
    engine = SimpleNamespace(capabilities=pipeline.capabilities, pipeline=lambda timeout=None: pipeline)
    monkeypatch.setattr(contexts, "ready", lambda: ("layered",))
    options = SimpleNamespace(limits=Limits(), mark=True, keep_hours=24.0, device=None)
    context = Context(options=options, engine=engine, visitors=None, jobs=None, previews=None)  # type: ignore[arg-type]
    with gr.Blocks() as page, gr.Tab() as place:
        states = [gr.State() for _ in range(4)]
        context.inputs = AnimateInputs(*states, [gr.BrowserState() for _ in range(3)])  # type: ignore[arg-type]
        compare.build(context, place)
    events = {event.name: event for event in page.fns.values()}
    return SimpleNamespace(events=events, engine=engine, context=context)


def controls(*columns: Variant) -> list[Any]:
    filled = [*columns, *[Variant()] * (4 - len(columns))]
    return [getattr(variant, name) for variant in filled for name in FIELDS]


def named(update: dict[Any, Any]) -> dict[str, Any]:
    """The updates of components that have a name."""
    return {str(component.elem_id): value for component, value in update.items() if component.elem_id}


def look(tab: Any, *columns: Variant) -> dict[str, Any]:
    models = [column.model for column in columns] + [""] * (4 - len(columns))
    return named(tab.events["look_at_model"].fn("codebook", *models))


def test_controls_without_effect_are_not_shown(tab: Any) -> None:
    update = look(tab, Variant(), Variant(model="layered"))
    shown = {name: value.get("visible") for name, value in update.items() if isinstance(value, dict)}
    assert [shown[f"compare-{name}-A"] for name in FIELDS] == [True, False, False, True, True, True, False, True]
    assert [shown[f"compare-{name}-B"] for name in FIELDS] == [True, True, False, False, False, True, False, False]
    assert "hand codebook" in update["compare-note-A"]["value"] and update["compare-note-B"]["value"] == ""
    assert [name for _, name in update["compare-preset"].choices] == ["models", "calibrate", "head_stream"]
    assert update["compare-preset"].value is None  # what was chosen is not offered


def test_another_generator_in_a_column_changes_its_controls_alone(tab: Any) -> None:
    update = named(tab.events["suit"].fn("layered"))
    assert {name[-1] for name in update} == {"D"}  # the last column's event has that name
    assert update["compare-seed-D"]["visible"] and "value" not in update["compare-seed-D"]
    with pytest.raises(InputError, match="not ready on this server"):
        tab.events["suit"].fn("full")


def begin(tab: Any, *columns: Variant, portrait: Any = 1) -> Any:
    inputs = ["animate"] * 3 + [portrait, 1, 1, None, None, None, None, False, len(columns)]
    return tab.events["begin"].fn(None, *inputs, *controls(*columns))


def test_equal_columns_and_missing_inputs_are_refused_before_anything_runs(tab: Any) -> None:
    with pytest.raises(InputError, match="same settings"):
        begin(tab, Variant(), Variant())
    with pytest.raises(InputError, match="same settings"):  # neither uses what differs
        begin(tab, Variant(steps=3), Variant(seed=7, codebook=False))
    with pytest.raises(InputError, match="Animate"):
        begin(tab, Variant(), Variant(calibrate=False), portrait=None)
    with pytest.raises(InputError, match="not ready on this server"):
        begin(tab, Variant(), Variant(model="full"))


def test_a_shared_link_fills_the_columns(tab: Any) -> None:
    arrive = tab.events["arrive"].fn
    update = named(arrive(SimpleNamespace(query_params={"compare": link_to(Comparison(preset("seeds", 5)))}), None))
    assert [update[f"compare-seed-{letter}"]["value"] for letter in "ABC"] == [5, 6, 7]
    assert update["compare-count"] == 3
    with pytest.raises(InputError, match="cannot be read"):
        arrive(SimpleNamespace(query_params={"compare": "{"}), None)


def test_a_link_to_what_is_gone_says_so_in_a_sentence(tab: Any) -> None:
    update = named(tab.events["arrive"].fn(SimpleNamespace(query_params={"compare": "A" * 32}), None))
    assert list(update) == ["compare-status"]
    assert "no longer here: results are kept for 24 hours" in update["compare-status"]


def test_values_of_hidden_controls_may_be_empty() -> None:
    values = controls(Variant(), Variant())
    values[FIELDS.index("seed")] = None
    values[FIELDS.index("model")] = None
    assert read_variants(2, tuple(values)) == (Variant(), Variant())
