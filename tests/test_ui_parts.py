"""Options, visitors' folders, strings, verdicts, the report table: everything that needs no server."""

import ast
import dataclasses
import os
import re
import string
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from ui_fakes import FakePipeline, detect_standing, standing_pose, waving_clip

import vivid
from vivid import inputs
from vivid.config import Limits, RunSettings
from vivid.errors import InputError
from vivid.events import Step
from vivid.generators import load_generator
from vivid.media.pictures import shrink
from vivid.pipeline import VividPipeline
from vivid.pose.calibrate import calibrate
from vivid.pose.detect import DetectedPose
from vivid.pose.portrait import make_portrait
from vivid.pose.skeleton import Pose
from vivid.ui import engine as engines
from vivid.ui import quality, strings, verdicts
from vivid.ui.animate import progress
from vivid.ui.animate.cards import tidy
from vivid.ui.animate.fit import fit, hands_outside, judge, telling_frame
from vivid.ui.animate.settings import kept_value, read_settings
from vivid.ui.animate.voice import shorten
from vivid.ui.guard import GuardedBlocks
from vivid.ui.jobs import RUNNING, Job, JobRunner
from vivid.ui.options import read_options
from vivid.ui.report_table import report_table
from vivid.ui.serving import Newest
from vivid.ui.visitors import Visitors
from vivid.ui.widgets import PathImage, duration, said
from vivid.weights import hub


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_sentence_exists_in_both_languages_with_the_same_values() -> None:
    for key, (english, chinese) in strings.STRINGS.items():
        assert english.strip() and chinese.strip(), key
        assert placeholders(english) == placeholders(chinese), key
        assert not re.search("[\u4e00-\u9fff]", english), key


def test_every_key_used_in_the_code_exists() -> None:
    folder = Path(strings.__file__).parents[1]
    used = set()
    for path in folder.rglob("*.py"):
        used |= set(re.findall(r"(?<![f\w])(?:t|both|say)\(\"(\w+)\"[,)]", path.read_text(encoding="utf-8")))
        used |= set(re.findall(r"\bline\(\"\w+\", \"(\w+)\"", path.read_text(encoding="utf-8")))
    assert len(used) > 50
    assert used <= set(strings.STRINGS)


def test_language_comes_from_the_cookie_then_from_the_browser() -> None:
    def request(cookie: str | None, header: str) -> SimpleNamespace:
        return SimpleNamespace(cookies={strings.COOKIE: cookie} if cookie else {}, headers={"accept-language": header})

    assert strings.language_of(request(None, "zh-CN,zh;q=0.9")) == "zh"
    assert strings.language_of(request(None, "de,zh;q=0.5")) == "en"
    assert strings.language_of(request("en", "zh-CN")) == "en"
    assert strings.language_of(request("<script>", "")) == "en"
    assert strings.language_of(None) == "en"


def test_values_are_escaped() -> None:
    assert "<img" not in strings.both("chosen_length", name="<img src=x>", seconds="1", frames=2)
    assert "<img" not in said("bad", "<img src=x>")


def test_options_from_flags_and_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SPACE_ID", raising=False)
    monkeypatch.setenv("VIVID_MAX_WAITING", "3")
    monkeypatch.setenv("VIVID_MARK", "off")
    options = read_options(["--port", "7000", "--max-megapixels", "2", "--pairs", str(tmp_path)])
    assert (options.port, options.max_waiting, options.mark) == (7000, 3, False)
    assert options.limits.picture_pixels == 2_000_000
    assert options.limits.speech_seconds == Limits().speech_seconds == 60
    assert options.pairs == tmp_path
    assert options.persistent
    with pytest.raises(SystemExit):
        read_options(["--max-waiting", "-1"])
    with pytest.raises(SystemExit):
        read_options(["--mark", "perhaps"])


def test_a_shared_cpu_space_allows_shorter_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SPACES_ZERO_GPU", "NVIDIA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SPACE_ID", "someone/vivid")
    options = read_options([])
    assert options.limits.speech_seconds == 20
    assert options.host == "0.0.0.0"
    assert options.space
    monkeypatch.setenv("NVIDIA_VISIBLE_DEVICES", "0")
    assert read_options([]).limits.speech_seconds == 60
    monkeypatch.delenv("NVIDIA_VISIBLE_DEVICES")
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert read_options([]).limits.speech_seconds == 60


def test_visitors_have_folders_of_their_own_that_are_cleaned(tmp_path: Path) -> None:
    visitors = Visitors(tmp_path, keep_hours=1)
    one, two = SimpleNamespace(session_hash="one"), SimpleNamespace(session_hash="two")
    assert visitors.folder(one) != visitors.folder(two)
    assert "one" not in visitors.folder(one).name
    old, new = visitors.new_file(one, ".mp4"), visitors.new_file(two, ".mp4")
    assert visitors.new_file(one, ".mp4") != old
    for path in (old, new):
        path.write_bytes(b"x")
    past = time.time() - 7200
    os.utime(old, (past, past))
    os.utime(old.parent, (past, past))
    stranger = tmp_path / "something-else"
    stranger.mkdir()
    os.utime(stranger, (past, past))
    assert visitors.clean() == 1
    assert not old.exists() and new.exists() and stranger.exists()


def test_the_engine_loads_once_in_the_background_and_says_why_it_failed() -> None:
    calls = []

    def load() -> FakePipeline:
        calls.append(1)
        time.sleep(0.05)
        return FakePipeline()

    engine = engines.Engine(load)  # type: ignore[arg-type]
    assert engine.loaded is None
    engine.start()
    engine.start()
    assert engine.pipeline().capabilities.name == "fake" and engine.capabilities is not None
    assert calls == [1]

    def broken() -> FakePipeline:
        raise InputError("No weights are installed.")

    failed = engines.Engine(broken)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="No weights"):
        failed.pipeline()
    slow = engines.Engine(lambda: time.sleep(1))  # type: ignore[arg-type, return-value]
    with pytest.raises(InputError, match="still loading"):
        slow.pipeline(timeout=0.01)


def test_auto_is_the_layered_generator_where_no_full_model_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    for weights, cuda, chosen in ((False, False, "layered"), (False, True, "layered"), (True, False, "layered")):
        monkeypatch.setattr(hub, "is_present", lambda name, weights=weights: weights)
        monkeypatch.setattr(torch.cuda, "is_available", lambda cuda=cuda: cuda)
        assert engines.choose_model("auto") == chosen
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert engines.choose_model("auto") == "full"
    assert engines.choose_model("compact") == "compact"

    def unreadable(name: str, device: str | None = None, dtype: object = None) -> VividPipeline:
        if name == "full":
            raise InputError("The weights are damaged.")
        return VividPipeline(load_generator(name))

    monkeypatch.setattr(VividPipeline, "from_pretrained", unreadable)
    assert engines.load_pipeline("auto", None).capabilities.name == "layered"
    with pytest.raises(InputError, match="damaged"):
        engines.load_pipeline("full", None)


def job_of(tmp_path: Path, **result: object) -> Job:
    job = Job(work=lambda: iter(()), output=tmp_path / "x.mp4")
    job.details["result"] = {"frames": 48, "fps": 24, "seconds": 3.0, "seed": 1, **result}
    return job


def test_what_stays_still_is_said_under_the_video(tmp_path: Path) -> None:
    notice = "The body is turned away in this picture, so only the head moves."
    told = progress.finished_line(job_of(tmp_path, notices=(notice,)))
    assert notice in told and "因此只有头部会动" in told
    assert "moves" not in progress.finished_line(job_of(tmp_path))


def test_one_clock_from_the_promise_to_the_end_never_runs_backwards(tmp_path: Path) -> None:
    runner, job = JobRunner(1), job_of(tmp_path)
    assert job.read_clock(100.0) == (0.0, None)
    job.promised = 20.0
    assert job.read_clock(100.0) == (0.0, 20.0), "what was promised, while it waits"
    job.state, job.started = RUNNING, 100.0
    assert job.read_clock(105.0) == (0.25, 15.0)
    told = []
    phases = [
        ("denoise", 4, 30.0),
        ("denoise", 8, 16.0),
        ("decode", 12, 15.0),
        ("decode", 40, 3.0),
        ("decode", 48, 0.0),
    ]
    for place, (phase, done, rest) in enumerate(phases):
        job.event = Step(done, 48 if phase == "decode" else 8, phase, rest)
        told.append(job.read_clock(110.0 + 3 * place))
    assert [share for share, _ in told] == sorted(share for share, _ in told)
    assert [left for _, left in told] == sorted((left for _, left in told), reverse=True)
    assert told[-1] == (0.99, 0.0), "all frames are there, not yet the file"
    job.event = Step(1, 48, "decode", 600.0)
    assert job.read_clock(130.0) == (0.99, 600 / 16), "a promise far too small is corrected, the bar stays"
    job.event = Step(48, 48, "decode", 0.0)
    shown = progress.progress(job, runner, True)
    assert 'aria-valuenow="99"' in shown and "Frame 48 of 48" in shown and "Step" not in shown


def verdict(still: tuple[bool, bool] = (False, False), down: float = 0.0, error: float = 0.0) -> list[tuple[str, str]]:
    """That over gestures whose hands are moved down by so many heights of the picture."""
    found = fit(make_portrait(picture(), standing_pose(512, 512)), waving_clip())
    found.calibrated.hands[..., 1] += down * found.calibrated.canvas[1]
    after = dataclasses.replace(found.report.after, bone_error=error, reach=1.0)
    return judge(dataclasses.replace(found, report=dataclasses.replace(found.report, after=after)), True, still)


def test_the_verdict_over_a_fit_comes_from_its_own_numbers() -> None:
    assert [level for level, _ in verdict()] == ["ok"]
    ((level, text),) = verdict(down=1.0)
    assert level == "bad" and "outside of the picture for 100 % of the video" in text and "below the chest" in text
    assert [level for level, _ in verdict(still=(True, True), down=1.0)] == ["warn"], "then no hand is moved there"
    assert [level for level, _ in verdict(error=0.15)] == ["warn"]
    assert [level for level, _ in verdict(error=0.5)] == ["bad"]
    assert [level for level, _ in verdict(down=1.0, error=0.15)] == ["bad", "warn"], "the worst first"


def test_hands_outside_are_counted_over_the_frames_in_which_they_are_there() -> None:
    clip = waving_clip(40)
    assert hands_outside(clip) == 0
    clip.hands[:10, 0, :, 0] = -50
    assert hands_outside(clip) == pytest.approx(10 / 80)
    clip.hands[20:, 0, :, 2] = 0
    assert hands_outside(clip) == pytest.approx(10 / 60)
    assert hands_outside(clip, (True, False)) == 0


def picture(width: int = 512, height: int = 512) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)


def use_pose(monkeypatch: pytest.MonkeyPatch, make: object) -> None:
    monkeypatch.setattr(inputs, "detect_picture", make)


def keys(verdict: verdicts.Verdict) -> dict[str, str]:
    return {finding.key: finding.level for finding in verdict.findings}


def test_a_good_portrait_is_all_right(monkeypatch: pytest.MonkeyPatch) -> None:
    use_pose(monkeypatch, detect_standing)
    found = keys(verdicts.examine(picture()))
    assert set(found) == {
        "portrait_person", "portrait_head", "portrait_shoulders", "portrait_hands", "portrait_size",
    }  # fmt: skip
    assert set(found.values()) == {"ok"}


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_right_hand(image: np.ndarray, detector: str) -> DetectedPose:
        pose = standing_pose(image.shape[1], image.shape[0])
        pose.hands[1, :, 2] = 0
        return DetectedPose(pose, (), "fake")

    use_pose(monkeypatch, without_right_hand)
    small = keys(verdicts.examine(picture(200, 200)))
    assert small["portrait_left_only"] == small["portrait_small"] == small["portrait_head_tiny"] == "warn"


def test_a_small_person_gets_a_crop_that_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    use_pose(
        monkeypatch,
        lambda image, detector: DetectedPose(standing_pose(image.shape[1], image.shape[0], 0.4), (), "fake"),
    )
    image = picture(1400, 1400)
    verdict = verdicts.examine(image)
    assert verdict.fix is not None and verdict.fix.kind == "crop"
    cropped = verdict.fix.apply(image)
    assert cropped.shape[0] < 1000 and cropped.shape[1] < 1000
    x0, y0, x1, y1 = verdict.fix.crop or (0, 0, 0, 0)
    body = standing_pose(1400, 1400, 0.4).body
    seen = body[body[:, 2] > 0]
    assert (seen[:, 0] >= x0).all() and (seen[:, 0] <= x1).all() and (seen[:, 1] >= y0).all()
    assert y1 <= 1400


def test_a_turned_picture_is_offered_upright(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = picture(600, 400)
    wide[:, :60] = 255  # its left edge is the top
    upright = np.ascontiguousarray(np.rot90(wide, 3))

    def only_upright(image: np.ndarray, detector: str) -> DetectedPose:
        if image[:20].mean() < 250:
            raise InputError("No person was found.")
        return DetectedPose(standing_pose(image.shape[1], image.shape[0]), (), "fake")

    use_pose(monkeypatch, only_upright)
    verdict = verdicts.examine(wide)
    assert not verdict.usable
    assert verdict.fix is not None and verdict.fix.kind == "rotate"
    assert np.array_equal(verdict.fix.apply(wide), upright)


def test_a_person_who_is_found_lying_is_offered_upright(monkeypatch: pytest.MonkeyPatch) -> None:
    lying = picture(600, 600)
    lying[:, :60] = 255  # its left edge is the top

    def as_it_lies(image: np.ndarray, detector: str) -> DetectedPose:
        pose = standing_pose(image.shape[1], image.shape[0])
        if image[:20].mean() < 250:
            pose.body[:, :2] = image.shape[0] - pose.body[:, :2]  # on the head, like everybody that is not upright here
        return DetectedPose(pose, (), "fake")

    use_pose(monkeypatch, as_it_lies)
    verdict = verdicts.examine(lying)
    assert keys(verdict)["portrait_upside_down"] == "warn"
    assert verdict.fix is not None and np.array_equal(verdict.fix.apply(lying), np.rot90(lying, 3))
    assert keys(verdicts.examine(verdict.fix.apply(lying)))["portrait_person"] == "ok"


def test_a_picture_too_small_for_the_generator_is_refused_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    use_pose(monkeypatch, detect_standing)

    def resolve(settings: RunSettings, size: tuple[int, int]) -> None:
        if min(size) < 128:
            raise InputError("The size is {} x {}: choose another.", *size)

    generator: Any = SimpleNamespace(resolve=resolve)
    assert verdicts.examine(picture(), generator).usable
    verdict = verdicts.examine(picture(90, 200), generator)
    assert not verdict.usable and keys(verdict) == {"portrait_too_small": "bad"}


def test_the_frame_that_tells_gestures_apart_has_a_hand_up() -> None:
    fitted = fit(make_portrait(picture(), standing_pose(512, 512)), waving_clip())
    assert telling_frame(fitted, 48) in (6, 30)  # its hand is highest twice
    assert telling_frame(fitted, 5) == 4  # a short speech ends before


def test_nobody_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    use_pose(monkeypatch, detect_standing)
    verdict = verdicts.examine(np.full((300, 300, 3), 128, np.uint8))
    assert not verdict.usable and verdict.fix is None
    assert [finding.level for finding in verdict.findings] == ["bad"]


def test_large_pictures_are_scaled_down_in_proportion() -> None:
    assert shrink(picture(3000, 1500)).shape == (768, 1536, 3)
    small = picture(100, 50)
    assert shrink(small) is small


def test_the_report_table_names_parts_and_measures() -> None:
    pose = standing_pose(512, 512)
    clip = waving_clip()
    clip.body[:, 3, 0] -= 60  # longer arms than the portrait's
    _, report = calibrate(pose, clip)
    html = report_table(report)
    for part in ("Right upper arm", "Left hand", "右上臂", "Error of limb lengths"):
        assert part in html
    assert "report_" not in html


def test_qualities_and_sizes() -> None:
    can = FakePipeline().capabilities
    assert [quality.steps_of(can, name) for name in quality.QUALITIES] == [4, 8, 16]
    single = FakePipeline(steps=1).capabilities
    assert [quality.steps_of(single, name) for name in quality.QUALITIES] == [None] * 3
    found = quality.sizes(dataclasses.replace(can, size=(256, 256)), (600, 900))
    assert found == [(256, 256), (192, 320), (384, 384)]
    assert all(side % 64 == 0 for size in found for side in size)
    assert quality.sizes(dataclasses.replace(can, size=None), (600, 900)) == list(quality.SHAPES)


def test_controls_say_only_what_means_something_to_the_model() -> None:
    held = ("balanced", 8, 2.0, 3.0, 5, "192x320", True, True, True, None)
    can = FakePipeline().capabilities
    full = read_settings(can, *held, mark=True)
    assert (full.steps, full.guidance_audio, full.guidance_image) == (8, 2.0, 3.0)
    without = dataclasses.replace(can, steps=None, guidance=None)
    for unknown in (None, without):
        settings = read_settings(unknown, *held, mark=True)
        assert (settings.steps, settings.guidance_audio, settings.guidance_image) == (None, None, None)
        assert (settings.seed, settings.width, settings.height) == (5, 192, 320)


def test_speech_is_shortened(tmp_path: Path) -> None:
    from ui_fakes import write_voice

    from vivid.media.sound import load_speech

    shorten(write_voice(tmp_path / "long.wav", 3.0), 1.5, Limits(), tmp_path / "short.wav")
    assert load_speech(tmp_path / "short.wav").seconds == pytest.approx(1.5)


def test_an_answer_that_was_overtaken_is_known() -> None:
    newest = Newest()
    newest.begin("one", 5)
    newest.begin("one", 7)
    newest.begin("two", 1)
    assert newest.outdated("one", 5)
    assert not newest.outdated("one", 7)
    assert not newest.outdated("two", 1)
    newest.begin("one", 5)  # starts late: still the older one
    assert newest.outdated("one", 5)


def test_times_are_readable() -> None:
    assert duration(0.2) == ("1 s", "1 秒")
    assert duration(61)[0] == "1 min"
    assert duration(127)[0] == "2 min 5 s"
    assert duration(3700)[0] == "1 h 2 min"


def test_only_what_is_the_users_fault_is_told_and_in_the_language_of_whoever_is_served() -> None:
    guard = object.__new__(GuardedBlocks)
    wrong = InputError("The seed is {}: choose a whole number from 0 on.", -1)
    chinese: Any = SimpleNamespace(cookies={}, headers={"accept-language": "zh-CN"})
    assert guard._told(wrong, None).message == "The seed is -1: choose a whole number from 0 on."
    assert guard._told(wrong, chinese).message.startswith("种子为 -1")
    ours = guard._told(KeyError("/home/secret"), None).message
    assert "secret" not in ours and "nothing of yours is lost" in ours


def test_an_input_hands_on_its_path_even_after_an_event_has_changed_it() -> None:
    from gradio.data_classes import ImageData

    component = PathImage(type="filepath", height=300)
    again = type(component)(**{**component.constructor_args, "render": False})  # as Gradio does for every update
    assert component.get_block_name() == again.get_block_name() == "image"
    assert again.height == 300
    assert again.preprocess(ImageData(path="/nowhere/notes.png")) == "/nowhere/notes.png"


def test_no_gradio_object_is_given_another_class() -> None:
    """Neither `__class__` nor a name in Gradio's modules: what differs is a subclass that is made as one."""
    for path in Path(vivid.__file__).parent.joinpath("ui").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            target = getattr(node, "targets", [None])[0]
            assert not (isinstance(target, ast.Attribute) and target.attr == "__class__"), path
    assert not list(Path(vivid.__file__).parent.rglob("*.pyi")), "Gradio writes them beside classes of its own kind"


def test_fakes_are_people(tmp_path: Path) -> None:
    image = picture()
    Image.fromarray(image).save(tmp_path / "x.png")
    portrait = make_portrait(image, standing_pose(512, 512))
    assert portrait.hand_present.all()
    assert isinstance(portrait.pose, Pose)


def test_settings_that_a_browser_has_kept_are_taken_only_where_they_make_sense() -> None:
    kept = {"seed": 7, "size": "512x768", "calibrate": False, "steps": 1e9, "quality": 3, "guidance_audio": True}
    assert kept_value(kept, "seed", 0, 100) == 7
    assert kept_value(kept, "seed", 0, 5) == 0
    assert kept_value(kept, "size", "own") == "512x768"
    assert kept_value(kept, "calibrate", True) is False
    assert kept_value(kept, "steps", 8, 60) == 8
    assert kept_value(kept, "quality", "balanced") == "balanced"
    assert kept_value(kept, "guidance_audio", 2.5, 6) == 2.5
    for strange in (None, [], "x", {"seed": float("nan")}, {"seed": -1}, {"seed": None}):
        assert kept_value(strange, "seed", 0, 100) == 0


def test_what_a_browser_sends_as_kept_choices_is_tidied() -> None:
    assert tidy({"example": "ada"}) == {"example": "ada"}
    assert tidy({"file": "/x", "name": "me", "more": "y" * 10_000, "example": ["z"]}) == {"file": "/x", "name": "me"}
    assert tidy({"file": "x" * 10_000}) == {}
    assert [tidy(strange) for strange in (None, [], "x", 3)] == [None] * 4
