"""What readers, detector and calibration say is said in Chinese as well."""

import ast
import re
from pathlib import Path

import pytest

import vivid
from vivid.errors import InputError
from vivid.generators.layered.ladder import ARM_STAYS, HEAD_ONLY
from vivid.media.pictures import load_picture
from vivid.pose.library import shipped_motion
from vivid.ui.strings.sentences import TABLE, both_of, chinese

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
    "provenance.py", "onnx_detectors.py", "thumbnail.py", "report.py", "outputs.py", "cut.py",
}  # fmt: skip
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
    "Model {} was made with {}, not with {}: the features have the same shapes and another meaning.",
    "Model {} was not made to refine layered frames: choose another one.",
    "{} does not sample from noise in steps: leave the layers to start from out.",
    "The strength of noise on the layers is {}: choose 0 to 1.",
    "{}: {}",  # a file's name before a sentence
}


def template(node: ast.expr) -> str | None:
    """The sentence with {} for each value; None for what is put together elsewhere."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


def said(path: Path) -> set[str]:
    """Every sentence of an InputError, of a fallback and of a notice in a file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        owner = getattr(node.func, "value", None)
        listing = getattr(owner, "id", getattr(owner, "attr", ""))
        listed = name == "append" and listing in ("notices", "said", "sentences")
        if name in ("InputError", "LineFullError", "OutputError") or listed:
            found.add(template(node.args[0]))
        if name == "fall_back":
            found.add(template(node.args[1]))
    return {text for text in found if text is not None}


def test_every_sentence_a_visitor_can_meet_has_its_chinese() -> None:
    files = [path for part in REACHED for path in ([PACKAGE / part] if "." in part else (PACKAGE / part).rglob("*.py"))]
    sentences = {text for path in files if path.name not in NOT_IN_THE_PAGE for text in said(path)}
    assert len(sentences) > 100
    assert sorted(PROGRAMS_ONLY - sentences) == []
    assert sorted(sentences - set(TABLE) - PROGRAMS_ONLY) == []


@pytest.mark.parametrize("sentence", [*ARM_STAYS.values(), *HEAD_ONLY.values()])
def test_what_stays_still_is_said_in_chinese(sentence: str) -> None:
    told = chinese(sentence.format(side="left"))
    assert not re.search("[a-z]", told)
    assert ("左" in told) == ("{side}" in sentence)


def test_the_chinese_holds_the_same_values() -> None:
    for english, other in TABLE.items():
        numbers = {int(number) for number in re.findall(r"\{(\d)\}", other)}
        assert numbers == set(range(english.count("{}"))), english
        assert re.search("[一-鿿]", other), english


def test_real_refusals_are_translated(tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_text("not a picture")
    with pytest.raises(InputError) as caught:
        load_picture(tmp_path / "notes.png")
    assert chinese(str(caught.value)) == "notes.png 无法作为图片读取：请使用 JPEG、PNG 或 WebP 文件。"
    (tmp_path / "none.png").touch()
    with pytest.raises(InputError) as caught:
        load_picture(tmp_path / "none.png")
    assert chinese(str(caught.value)) == "图片 none.png 是空的：请另选一个。"
    with pytest.raises(InputError) as caught:
        shipped_motion("dance")
    assert chinese(str(caught.value)).startswith("没有名为 'dance' 的手势")


def test_values_within_a_sentence_are_translated_and_the_unknown_stays() -> None:
    assert chinese("not seen in the portrait: the other one's length is used") == "肖像中未见：使用另一侧的长度"
    assert (
        chinese("0001.npz: The motion has no frames: choose another one.") == "0001.npz：动作中没有任何帧：请另选一个。"
    )
    assert chinese("RuntimeError: something: else") == "RuntimeError: something: else"
    assert "<b>" not in both_of("<b> is damaged or incomplete: save or download it again.")
