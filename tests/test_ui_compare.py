"""The Compare tab without a browser: settings, links, measures, and a comparison from start to table."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Iterator
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

from vivid.config import RunSettings
from vivid.errors import InputError
from vivid.events import Done, Result, Step
from vivid.media.video import VideoWriter
from vivid.pose.skeleton import PoseClip, clip_of
from vivid.ui import compare
from vivid.ui.compare.measures import pose_measures, used_motion, video_measures
from vivid.ui.compare.settings import (
    FIELDS,
    PRESETS,
    Comparison,
    Variant,
    differences,
    from_link,
    preset,
    table,
    to_csv,
)
from vivid.ui.context import Context

variants = st.builds(
    Variant,
    seed=st.integers(0, 2**31 - 1),
    steps=st.none() | st.integers(1, 100),
    guidance_audio=st.none() | st.floats(0, 10),
    calibrate=st.booleans(),
    codebook=st.booleans(),
    head_stream=st.booleans(),
)


@given(st.lists(variants, min_size=2, max_size=4), st.sampled_from(["animate", "anna", "a b&c=d"]))
def test_a_link_brings_back_the_settings(columns: list[Variant], portrait: str) -> None:
    comparison = Comparison(tuple(columns), portrait=portrait)
    assert from_link(comparison.to_link()) == comparison


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", '{"columns":[{}]}', '{"columns":[{},{},{},{},{}]}', '{"columns":[{"seed":-1},{}]}',
        '{"columns":[{"steps":1e9},{}]}', '{"columns":[{"mark":false},{}]}', '{"columns":[{"calibrate":"no"},{}]}',
        '{"columns":[{},{}],"portrait":["x"]}', '{"columns":[{},{}],"output":"/etc/x"}', "x" * 5000,
        '{"columns":[{"steps":2.5},{}]}', '{"columns":{"a":1,"b":2}}', '{"columns":[{"seed":NaN},{}]}',
    ],
)  # fmt: skip
def test_strange_links_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        from_link(text)


def test_presets_differ_in_what_they_say() -> None:
    assert {name: differences(preset(name)) for name in PRESETS} == {
        "calibrate": ["calibrate"],
        "codebook": ["codebook"],
        "head_stream": ["head_stream"],
        "ablations": ["calibrate", "codebook", "head_stream"],
        "seeds": ["seed"],
        "steps": ["steps"],
    }


def test_the_table_keeps_settings_and_measures_together() -> None:
    columns = preset("calibrate", seed=7)
    rows = table(columns, [{"flicker": 1.5, "model": 'a "b", c'}, {"flicker": None, "hkc": 0.5}])
    read = list(csv.DictReader(io.StringIO(to_csv(rows))))
    assert [row["calibrate"] for row in read] == ["True", "False"]
    assert read[0]["model"] == 'a "b", c'
    assert (read[1]["flicker"], read[1]["hkc"], read[1]["seed"]) == ("", "0.5", "7")
    assert to_csv([]) == ""


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
    assert used_motion(report, True)["bone_error"] == 1
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


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The tab's `compare` event with a model that paints grey, and the settings it was asked for."""
    asked: list[RunSettings] = []

    def generate(
        context: Any, portrait: Any, speech: Any, motion: Any, settings: RunSettings, output: Path
    ) -> Iterator[Any]:
        asked.append(settings)
        yield Step(1, 2, "denoise", 3.0)
        film(output, [80 + 20 * len(asked)] * 6)
        calibration = None
        if settings.calibrate:
            calibration = compare.calibrate(portrait.pose, motion)[1].to_dict()
        yield Done(Result(output, 6, 24, 1.0, settings.seed, "grey", (), 2**20, settings.to_dict(), calibration))

    monkeypatch.setattr(compare, "generate", generate)
    options = SimpleNamespace(limits=None, mark=True)
    engine = SimpleNamespace(capabilities=FakePipeline(untrained=("codebook",), steps=1).capabilities)
    numbers = iter(range(100))
    visitors = SimpleNamespace(new_file=lambda request, suffix: tmp_path / f"{next(numbers)}{suffix}")
    context = Context(options=options, engine=engine, visitors=visitors, jobs=None, previews=None)  # type: ignore[arg-type]
    with gr.Blocks() as page:
        state = gr.State()
        context.inputs = SimpleNamespace(portrait=state, speech=gr.State(), motion=gr.State())  # type: ignore[assignment]
        compare.build_compare(context)
    events = {event.name: event for event in page.fns.values()}
    return SimpleNamespace(asked=asked, events=events, page=page, engine=engine)


def controls(*columns: Variant) -> list[Any]:
    filled = [*columns, *[Variant()] * (4 - len(columns))]
    return [getattr(variant, name) for variant in filled for name in FIELDS]


def test_a_comparison_ends_in_a_player_and_a_table(made: Any) -> None:
    portrait = SimpleNamespace(pose=person())
    motion = clip_of(person(60.0)).take(np.zeros(8, int))
    event = made.events["compare"].fn
    updates = list(
        event(
            None, "animate", "animate", "animate", portrait, "speech", motion, False, 2,
            *controls(Variant(seed=3), Variant(seed=3, calibrate=False)),
        )
    )  # fmt: skip
    assert [settings.calibrate for settings in made.asked] == [True, False]
    assert all(settings.mark and settings.seed == 3 for settings in made.asked)
    players = [
        json.loads(value)
        for update in updates
        for component, value in update.items()
        if getattr(component, "elem_id", "") == "vivid-compare"
    ]
    assert [len(player["columns"]) for player in players] == [0, 1, 2]
    last = players[-1]
    assert last["differ"] == ["calibrate"]
    first, second = (column["measures"] for column in last["columns"])
    assert first["bone_error"] < second["bone_error"]
    assert first["difference"] is None
    assert second["difference"] == pytest.approx(20, abs=2)
    assert [row["column"] for row in csv.DictReader(io.StringIO(last["csv"]))] == ["A", "B"]
    for column in last["columns"]:
        assert Path(column["url"].removeprefix("gradio_api/file=")).is_file()


def test_equal_columns_and_missing_inputs_are_refused_before_anything_runs(made: Any) -> None:
    event = made.events["compare"].fn
    with pytest.raises(gr.Error, match="same settings"):
        list(event(None, "animate", "animate", "animate", 1, 1, 1, False, 2, *controls(Variant(), Variant())))
    with pytest.raises(gr.Error, match="Animate"):
        list(
            event(
                None, "animate", "animate", "animate", None, 1, 1, False, 2,
                *controls(Variant(), Variant(seed=1)),
            )
        )  # fmt: skip
    assert made.asked == []


def test_switches_without_weights_are_disabled_with_the_reason(made: Any) -> None:
    update = made.events["look_at_model"].fn()
    disabled = [value for value in update.values() if isinstance(value, gr.Checkbox)]
    assert len(disabled) == 4
    assert all(box.interactive is False and box.value is False for box in disabled)
    assert any("Hand codebook" in value for value in update.values() if isinstance(value, str))
    presets = next(value for value in update.values() if isinstance(value, gr.Dropdown))
    assert [name for _, name in presets.choices] == ["calibrate", "head_stream", "ablations"]


def test_a_model_of_one_step_offers_neither_seeds_nor_steps(made: Any) -> None:
    numbers = [value for value in made.events["look_at_model"].fn().values() if isinstance(value, gr.Number)]
    assert len(numbers) == 8
    assert all(number.interactive is False for number in numbers)


def test_what_a_generator_does_not_have_is_not_offered(made: Any) -> None:
    """The layered one: no networks to switch off, no steps, no guidance, but a seed."""
    made.engine.capabilities = dataclasses.replace(
        made.engine.capabilities, steps=None, most_steps=None, guidance=None, switches=("calibrate",), untrained=(),
        seeded=True,
    )  # fmt: skip
    update = made.events["look_at_model"].fn()
    hidden = [value for value in update.values() if isinstance(value, gr.Checkbox)]
    assert len(hidden) == 8 and all(box.visible is False and box.value is True for box in hidden)
    numbers = [value for value in update.values() if isinstance(value, gr.Number)]
    assert len(numbers) == 12 and all(number.interactive is False for number in numbers)
    presets = next(value for value in update.values() if isinstance(value, gr.Dropdown))
    assert [name for _, name in presets.choices] == ["calibrate", "seeds"]


def test_a_shared_link_fills_the_columns(made: Any) -> None:
    link = Comparison(preset("seeds", 5)).to_link()
    update = made.events["arrive"].fn(SimpleNamespace(query_params={"compare": link}))
    seeds = [
        value
        for component, value in update.items()
        if str(getattr(component, "elem_id", "")).startswith("compare-seed")
    ]
    assert seeds == [5, 6, 7]
    assert next(v for c, v in update.items() if getattr(c, "elem_id", "") == "compare-count") == 3
    with pytest.raises(gr.Error, match="cannot be read"):
        made.events["arrive"].fn(SimpleNamespace(query_params={"compare": "{"}))
