"""What readers, detector and calibration say is said in Chinese as well."""

import ast
import copy
import json
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import vivid
from vivid.errors import InputError, Message
from vivid.generators.layered.ladder import ARM_STAYS, HEAD_ONLY
from vivid.media.pictures import load_picture
from vivid.pose.gaps import describe_stretches
from vivid.pose.library import read_clip, shipped_motion
from vivid.ui.strings import CHINESE, SENTENCES, STRINGS, both, both_of, chinese

PACKAGE = Path(vivid.__file__).parent
REACHED = (
    "media",
    "pose",
    "ui",
    "generators",
    "config.py",
    "framing.py",
    "pipeline.py",
)
"""What a visitor's files and clicks run through."""
NOT_IN_THE_PAGE = {
    # commands and their files only
    "provenance.py", "onnx_detectors.py", "thumbnail.py", "outputs.py", "cut.py",
}  # fmt: skip
MESSAGES = ("InputError", "LineFullError", "OutputError", "NoMediaError", "Message", "_refusal")
PROGRAMS_ONLY = {
    "No portrait was given: send a picture file.",
    "No voice was given: send a sound file.",
    "No gesture clip is installed on this server: send one.",
    "The quality is {}: choose {}.",
    "{} is {}: send a number from {} to {}, or 0.",
    "calibrate is {}: send true or false.",
    "layered has no hand codebook: choose a diffusion model to look at one.",  # the page asks only who has one
    # arrays, folders, names and options that only code and commands pass
    "The picture is an array of shape {}: give (height, width, 3).",
    "The picture is an array of floats outside 0..1: scale it, or give uint8.",
    "The picture is an array of {}: give uint8, uint16 or floats in 0..1.",
    "A video of {} x {} cannot be written: width and height must be even.",
    "The video is an MP4 file: let the name {} end in .mp4.",
    "{} is a folder: give the name of a file in it.",
    "A pose clip is written as .npz: give {} that ending.",
    "The rounding step is {}: choose a positive number of pixels.",
    "There is no detector {}: choose one of {}.",
    "{} already holds files: choose a new folder, or a name that ends in .json.",
    "The folder {} cannot be read: check its permissions.",
    "{} is a video, which tells its own frames a second: leave out --fps.",
    "The speed is {}: choose 0.25 to 4.",
    "Nothing is left from {} to {} seconds: the clip lasts {} seconds.",
    "There is no file, folder or gesture clip {}: check its name.",
    "The correction {} is {}: give two numbers, across and down.",
    "The stored corrections of {} cannot be read: known are {}.",
    "The calibration's options cannot be read: each step is either true or false.",
    "The report has version {}: this program reads {}.",
    "The file is no calibration report: choose one that `calibrate` has written.",
    "Model {} was made with {}, not with {}: the features have the same shapes and another meaning.",
    "Model {} was not made to refine layered frames: choose another one.",
    "{} does not sample from noise in steps: leave the layers to start from out.",
    "The strength of noise on the layers is {}: choose 0 to 1.",
}


def template(node: ast.expr) -> str | None:
    """The sentence, with {} for each value of an f-string; None for what is put together elsewhere."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


def said(path: Path) -> Iterator[tuple[str, ast.expr, list[ast.expr]]]:
    """(template, its node, its values) of every error and message in a file, and of notices that are neither."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        owner = getattr(node.func, "value", None)
        listing = getattr(owner, "id", getattr(owner, "attr", ""))
        listed = name == "append" and listing in ("notices", "said", "sentences")
        arguments = node.args[name == "fall_back" :]
        if name in MESSAGES or listed or name == "fall_back":
            text = template(arguments[0])
            if text is not None:
                yield text, arguments[0], arguments[1:]


def reached() -> Iterator[Path]:
    for part in REACHED:
        found = [PACKAGE / part] if "." in part else (PACKAGE / part).rglob("*.py")
        yield from (path for path in found if path.name not in NOT_IN_THE_PAGE)


def test_every_sentence_a_visitor_can_meet_has_its_chinese() -> None:
    sentences = {text for path in reached() for text, _, _ in said(path)}
    assert len(sentences) > 100
    assert sorted(PROGRAMS_ONLY - sentences) == []
    assert sorted(sentences - set(CHINESE) - PROGRAMS_ONLY) == []


def test_the_catalogue_holds_nothing_that_nobody_says() -> None:
    paths = [
        path
        for path in PACKAGE.rglob("*.py")
        if path.parent.name != "strings" and path.name not in ("words.py", "sentences.py")
    ]
    nodes = (node for path in paths for node in ast.walk(ast.parse(path.read_text("utf-8"))))
    said = {node.value for node in nodes if isinstance(node, ast.Constant)}
    assert sorted(set(SENTENCES) - said) == []
    assert sorted(set(SENTENCES) & {english for english, _ in STRINGS.values()}) == []


def test_messages_keep_their_values_apart() -> None:
    """An f-string would be a sentence of its own, with every value, that no catalogue holds."""
    for path in reached():
        for text, node, values in said(path):
            where = f"{path.name}:{node.lineno}: {text}"
            assert isinstance(node, ast.Constant) or text in PROGRAMS_ONLY or "{}" not in text, where
            if isinstance(node, ast.Constant) and text not in PROGRAMS_ONLY:
                assert len(values) == text.count("{}"), where


@pytest.mark.parametrize("sentence", [*ARM_STAYS.values(), *HEAD_ONLY.values()])
def test_what_stays_still_is_said_in_chinese(sentence: str) -> None:
    told = chinese(Message(sentence, *["left"] * sentence.count("{}")))
    assert not re.search("[a-z]", told)
    assert ("左" in told) == ("{}" in sentence)


def test_the_chinese_holds_the_same_values() -> None:
    for english, other in SENTENCES.items():
        numbers = {int(number) for number in re.findall(r"\{(\d)\}", other)}
        assert numbers == set(range(english.count("{}"))), english
        assert re.search("[一-鿿：、]", other), english


def test_real_refusals_are_translated(tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_text("not a picture")
    with pytest.raises(InputError) as caught:
        load_picture(tmp_path / "notes.png")
    assert chinese(caught.value.message) == "notes.png 无法作为图片读取：请使用 JPEG、PNG 或 WebP 文件。"
    (tmp_path / "none.png").touch()
    with pytest.raises(InputError) as caught:
        load_picture(tmp_path / "none.png")
    assert chinese(caught.value.message) == "图片 none.png 是空的：请另选一个。"
    with pytest.raises(InputError) as caught:
        shipped_motion("dance")
    assert chinese(caught.value.message).startswith("没有名为 'dance' 的手势")


def test_values_within_a_sentence_are_translated_and_the_unknown_stays() -> None:
    missing = Message("not seen in the {}: {} is used", "portrait", "the other one's length")
    assert missing == "not seen in the portrait: the other one's length is used"
    assert chinese(missing) == "肖像中未见：使用另一侧的长度"
    no_frames = Message("{}: {}", "0001.npz", "The motion has no frames: choose another one.")
    assert chinese(no_frames) == "0001.npz：动作中没有任何帧：请另选一个。"
    gaps = describe_stretches([(3, 3), (5, 30), (40, 41)])
    assert gaps == "frame 3 (0.1 s), frames 5-30 (0.2-1.3 s) and frames 40-41 (1.7-1.8 s)"
    assert chinese(gaps) == "第 3 帧（0.1 秒）、第 5–30 帧（0.2–1.3 秒）和第 40–41 帧（1.7–1.8 秒）"
    assert chinese("RuntimeError: something: else") == "RuntimeError: something: else"
    assert both("model_failed", reason=no_frames).count("0001.npz") == 2
    assert "<b>" not in both_of(Message("{} is damaged or incomplete: save or download it again.", "<b>"))


def test_a_message_is_its_english_and_survives_copies_processes_and_json() -> None:
    inner = Message("frame {} of {}", 3, "a {0} {name}.json")
    error = InputError("The canvas changes in {}: export the clip again in one size.", inner)
    english = "The canvas changes in frame 3 of a {0} {name}.json: export the clip again in one size."
    assert str(error) == english
    assert f"{error}" == english
    for again in (
        pickle.loads(pickle.dumps(error)).message,
        copy.deepcopy(error.message),
        Message.unpacked(json.loads(json.dumps(error.message.packed()))),
    ):
        assert again == english
        assert (
            chinese(again)
            == chinese(error.message)
            == "a {0} {name}.json 的第 3 帧 的画布尺寸有变化：请以同一尺寸重新导出。"
        )
    assert str(InputError("no {values}")) == "no {values}"


def test_what_is_refused_in_another_process_keeps_its_values(tmp_path: Path) -> None:
    (tmp_path / "clip.json").write_text("{}")
    with pytest.raises(InputError) as caught:
        read_clip(tmp_path / "clip.json")
    assert "clip.json" in chinese(caught.value.message)
    assert re.search("[一-鿿]", chinese(caught.value.message))
