"""The finished look before a video is made: the very frames of the video, bounded in number, in motion with sound."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ui_fakes import FakeLook, FakePipeline, serve, standing_pose, waving_clip

from vivid.config import SAMPLE_RATE, RunSettings
from vivid.errors import InputError
from vivid.media.provenance import read_provenance, stamp
from vivid.media.sound import load_speech
from vivid.media.video import probe, read_frames
from vivid.pipeline import VividPipeline
from vivid.pose.calibrate import calibrate
from vivid.pose.portrait import Portrait, make_portrait
from vivid.speech.types import Speech
from vivid.ui import examples
from vivid.ui.previews import KEPT, PREVIEW_SIDE, Previews, Wanted, preview_settings


def portrait(width: int = 256, height: int = 256) -> Portrait:
    picture = np.full((height, width, 3), 90, np.uint8)
    picture[height // 2 :] = 180
    return make_portrait(picture, standing_pose(width, height))


def voice(frames: int) -> Speech:
    return Speech(np.full(-(-frames * SAMPLE_RATE // 24), 0.1, np.float32))


def wanted_of(person: Portrait, speech: Speech | None = None, frames: int = 48, **settings: object) -> Wanted:
    clip = waving_clip(frames)
    chosen = preview_settings(FakeLook(), person, RunSettings(**settings))  # type: ignore[arg-type]
    return Wanted(person, speech, clip, calibrate(person.pose, clip), chosen)


@pytest.fixture
def look() -> FakeLook:
    return FakeLook()


@pytest.fixture
def previews(look: FakeLook) -> Previews:
    return Previews(lambda: VividPipeline(look))


def test_equal_previews_of_several_visitors_are_prepared_once(previews: Previews, look: FakeLook) -> None:
    mine, yours = (previews.of(name, wanted_of(portrait())) for name in ("me", "you"))
    assert look.made == 1 and mine is not yours
    mine.asked = 7
    assert yours.asked is None
    previews.forget("me")
    assert np.array_equal(previews.of("me", wanted_of(portrait())).frame(3), yours.frame(3)) and look.made == 1


def test_previews_are_prepared_two_at_a_time_one_of_a_visitor_and_ready_ones_do_not_wait(
    previews: Previews, look: FakeLook, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = wanted_of(portrait())
    previews.of("ready", ready)
    running: list[int] = []
    go, usual = threading.Event(), look.prepare

    def slow(inputs: Any, *rest: Any) -> Any:
        running.append(rest[-1].seed)
        assert go.wait(60)
        return usual(inputs, *rest)

    monkeypatch.setattr(look, "prepare", slow)
    wanted = [("one", 1), ("one", 2), ("two", 3), ("two", 3), ("three", 4)]
    threads = [
        threading.Thread(target=previews.of, args=(name, wanted_of(portrait(), seed=seed))) for name, seed in wanted
    ]
    for thread in threads:
        thread.start()
        time.sleep(0.05)
    while len(running) < 2:
        time.sleep(0.01)
    assert previews.of("ready", ready).frames == 48
    assert previews.of("another", ready).frames == 48
    time.sleep(0.2)
    assert sorted(running) == [1, 3]
    go.set()
    for thread in threads:
        thread.join()
    assert sorted(running) == [1, 2, 3, 4]


def test_a_preview_is_made_once_and_again_when_anything_changes(previews: Previews, look: FakeLook) -> None:
    wanted = wanted_of(portrait())
    assert previews.of("me", wanted) is previews.of("me", replace(wanted)) and look.made == 1
    changes: list[Callable[[Wanted], Wanted]] = [
        lambda old: replace(old, settings=replace(old.settings, seed=2)),
        lambda old: replace(old, settings=replace(old.settings, calibrate=False)),
        lambda old: replace(old, voice=voice(30)),
        lambda old: replace(old, motion=waving_clip(20)),
        lambda old: replace(old, portrait=portrait(260)),
    ]
    for made, change in enumerate(changes, 2):
        wanted = change(wanted)
        previews.of("me", wanted)
        assert look.made == made


def test_it_is_as_long_as_the_voice_and_without_one_as_the_motion(previews: Previews) -> None:
    assert previews.of("me", wanted_of(portrait())).frames == 48
    assert previews.of("me", wanted_of(portrait(), voice(31))).frames == 31


def test_one_preview_is_kept_for_each_of_the_last_visitors(previews: Previews, look: FakeLook) -> None:
    wanted = wanted_of(portrait())
    for number in range(KEPT + 1):
        previews.of(f"visitor {number}", wanted)
        previews.of(f"visitor {number}", replace(wanted, voice=voice(24)))
    assert len(previews._kept) == KEPT and "visitor 0" not in previews._kept
    made = look.made
    assert previews.of("visitor 0", wanted).frames == 48 and look.made == made + 1
    previews.forget("visitor 0")
    assert "visitor 0" not in previews._kept


def test_gestures_are_fitted_only_where_that_is_wanted(previews: Previews) -> None:
    person, clip = portrait(), waving_clip()
    clip.body[:, 3, 0] -= 60  # longer arms than the portrait's
    wanted = replace(wanted_of(person), motion=clip, calibrated=calibrate(person.pose, clip))
    fitted = previews.of("me", wanted).prepared.inputs.clip
    assert np.abs(fitted.body[10] - wanted.calibrated[0].body[10]).max() < 1
    raw = previews.of("me", replace(wanted, settings=replace(wanted.settings, calibrate=False))).prepared.inputs.clip
    assert np.abs(fitted.body - raw.body).max() > 5


def test_previews_are_small_and_have_the_shape_of_the_video() -> None:
    tall = preview_settings(FakeLook(), portrait(900, 1200), RunSettings(seed=3, calibrate=False, mark=False))
    assert (tall.width, tall.height) == (PREVIEW_SIDE, 682)
    assert (tall.seed, tall.calibrate, tall.mark) == (3, False, False)
    chosen = preview_settings(FakeLook(), portrait(900, 1200), RunSettings(width=1024, height=768))
    assert (chosen.width, chosen.height) == (682, PREVIEW_SIDE)
    square = preview_settings(FakePipeline(), portrait(900, 1200), RunSettings())  # type: ignore[arg-type]
    assert (square.width, square.height) == (128, 128), "the model that makes the video decides"
    assert square.steps is None


def test_hands_are_cut_from_where_they_will_be(previews: Previews, look: FakeLook) -> None:
    preview = previews.of("me", wanted_of(portrait()))
    pose = preview.prepared.inputs.clip.frame(6)
    picture = np.zeros((256, 256, 3), np.uint8)
    x, y = pose.hands[1, :, :2].mean(0).round().astype(int)
    picture[y - 3 : y + 4, x - 3 : x + 4] = 255
    found = preview.hands(picture, 6)
    assert set(found) == {"left", "right"}
    side = len(found["right"])
    assert found["right"].shape == (side, side, 3) and 10 < side < 200
    middle = slice(side // 2 - side // 4, side // 2 + side // 4)
    assert found["right"][middle, middle].max() == 255
    look.still = (False, True)
    still = previews.of("other", wanted_of(portrait(), seed=2)).hands(picture, 6)
    own = preview.prepared.inputs.pose.hands[1, :, 1].mean()
    assert abs(own - y) > 5 and not np.array_equal(still["right"], found["right"]), "that hand stays where it is"


def test_a_film_has_the_frames_the_mark_and_the_sound(previews: Previews, tmp_path: Path) -> None:
    tone = Speech((0.3 * np.sin(np.arange(8 * SAMPLE_RATE) * 0.1)).astype(np.float32))
    wanted = wanted_of(portrait(), tone)
    preview = previews.of("me", wanted)
    steps = list(preview.film(1000, tmp_path / "film.mp4"))
    assert steps[-1] == (144, 144)
    info = probe(tmp_path / "film.mp4")
    assert (info.width, info.height, info.has_sound) == (256, 256, True)
    frames = list(read_frames(tmp_path / "film.mp4"))
    assert len(frames) == 144
    last = stamp(preview.frame(191)[None])[0]
    assert np.abs(frames[-1].astype(int) - last).mean() < 4, "the last seconds of the video"
    assert read_provenance(tmp_path / "film.mp4")["model"] == "look"
    assert load_speech(tmp_path / "film.mp4").seconds == pytest.approx(6.0, abs=0.1)
    silent = previews.of("me", wanted_of(portrait(), frames=30))
    assert list(silent.film(0, tmp_path / "silent.mp4"))[-1] == (30, 30)
    assert np.abs(load_speech(tmp_path / "silent.mp4").samples).max() < 1e-3


def test_a_refusal_is_a_sentence_and_keeps_nothing(previews: Previews, look: FakeLook) -> None:
    previews.of("me", wanted_of(portrait()))
    look.refusal = "The mouth is hidden."
    with pytest.raises(InputError, match="mouth is hidden"):
        previews.of("me", wanted_of(portrait(260)))
    assert not previews._kept


def test_the_pipeline_is_loaded_once_however_many_ask() -> None:
    loaded = []

    def load() -> VividPipeline:
        loaded.append(1)
        threading.Event().wait(0.05)
        return VividPipeline(FakeLook())

    previews = Previews(load)
    threads = [threading.Thread(target=lambda: previews.generator) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loaded) == 1


def test_the_layered_generator_shows_the_very_frames_of_the_video() -> None:
    from vivid.media.pictures import load_picture, shrink
    from vivid.pose.library import shipped_motion
    from vivid.ui.verdicts import examine

    person = examine(shrink(load_picture(examples.portraits()[0].path))).portrait
    assert person is not None
    motion, speech, previews = shipped_motion("calm"), voice(10), Previews()
    settings = preview_settings(previews.generator, person, RunSettings(width=256, height=256, seed=4))
    wanted = Wanted(person, speech, motion, calibrate(person.pose, motion), settings)
    preview = previews.of("me", wanted)
    ninth = preview.frame(9)
    made = VividPipeline.from_pretrained("layered").prepare(person, speech, motion, settings)
    frames = np.concatenate(list(made.session.frames()))  # type: ignore[arg-type]
    np.testing.assert_array_equal(ninth, frames[9])
    np.testing.assert_array_equal(preview.frame(2), frames[2])


def test_what_only_the_portrait_decides_begins_at_once_and_one_at_a_time(previews: Previews, look: FakeLook) -> None:
    go, begun, prepare = threading.Event(), [], look.prepare

    def slow(*args: object) -> object:
        begun.append(args)
        go.wait(10)
        return prepare(*args)  # type: ignore[arg-type]

    look.prepare = slow  # type: ignore[method-assign]
    previews.expect(portrait())
    previews.expect(portrait())  # not while the first one is under way
    go.set()
    for thread in [thread for thread in threading.enumerate() if thread.name == "expect"]:
        thread.join(10)
    assert len(begun) == 1
    previews.expect(portrait())
    for thread in [thread for thread in threading.enumerate() if thread.name == "expect"]:
        thread.join(10)
    assert len(begun) == 2


def test_a_portrait_is_taken_apart_once_though_two_ask_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from vivid.generators.layered import generator

    person, made, go = portrait(), [], threading.Event()

    def analyse(*args: object) -> object:
        made.append(args)
        go.wait(10)
        return object()

    monkeypatch.setattr(generator, "analyse", analyse)
    layered = generator.LayeredGenerator()
    inputs = SimpleNamespace(picture=person.image, pose=person.pose, head_box=person.head_box)
    found: list[object] = []
    asking = [threading.Thread(target=lambda: found.append(layered._person(inputs))) for _ in range(3)]  # type: ignore[arg-type]
    for thread in asking:
        thread.start()
    go.set()
    for thread in asking:
        thread.join(10)
    assert len(made) == 1 and len(set(map(id, found))) == 1 and len(found) == 3


def test_a_late_answer_shows_the_frame_that_was_asked_for_meanwhile(tmp_path: Path) -> None:
    person = make_portrait(np.full((64, 64, 3), 90, np.uint8), standing_pose(64, 64))
    clip = waving_clip()
    with serve(tmp_path) as server:
        drawing = [event for event in server.page.fns.values() if getattr(event.fn, "__name__", "").startswith("drawn")]
        (slider,) = [part for part in drawing[0].inputs if part.elem_id == "check-frame"]
        scrubbed = next(event for event in drawing if (slider._id, "input") in event.targets)
        chosen = next(event for event in drawing if event.fn.__name__ == "drawn")
        settings = [part.value for part in scrubbed.inputs[10:]]
        visitor = SimpleNamespace(session_hash="visitor")

        def values(index: int) -> list[Any]:
            return [person, clip, None, None, index, None, False, None, None, None, *settings]

        scrubbed.fn(visitor, *values(20))
        *_, update = chosen.fn(visitor, *values(0))  # sent before, answered later
    assert update[slider].value == 20
