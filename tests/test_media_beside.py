"""Videos beside each other: sizes, captions, sound, length."""

from pathlib import Path

import numpy as np
import pytest

from vivid.media import beside
from vivid.media.beside import GAP, PAPER, TALLEST, WIDEST, draw_caption, font_for, write_beside
from vivid.media.provenance import Provenance, read_provenance
from vivid.media.sound import load_speech
from vivid.media.video import VideoWriter, probe, read_frames
from vivid.speech.types import Speech


def film(path: Path, grey: int, size: tuple[int, int], frames: int = 12) -> Path:
    tone = 0.3 * np.sin(2 * np.pi * 220 * np.arange(frames * 16000 // 24) / 16000)
    with VideoWriter(path, size, 24, Speech(tone.astype(np.float32))) as writer:
        for _ in range(frames):
            writer.write(np.full((size[1], size[0], 3), grey, np.uint8))
    return path


def test_videos_of_different_sizes_stand_side_by_side_at_one_height(tmp_path: Path) -> None:
    one = film(tmp_path / "one.mp4", 200, (128, 128))
    other = film(tmp_path / "other.mp4", 90, (192, 256), frames=10)
    note = Provenance(model="layered, compact", seed=3)
    write_beside([one, other], ["A  layered", "B  compact"], tmp_path / "both.mp4", note)
    frames = list(read_frames(tmp_path / "both.mp4"))
    height, width = frames[0].shape[:2]
    assert len(frames) == 10
    assert width == 256 + GAP + 192 and height > 256
    assert np.abs(frames[5][-256:, :256].astype(int) - 200).max() < 8  # nothing but the first one's grey
    assert np.abs(frames[5][-256:, -192:].astype(int) - 90).max() < 8
    caption = frames[5][: height - 256]
    assert caption[:, :256].max() > 180 and caption[:, -192:].max() > 180
    assert np.abs(load_speech(tmp_path / "both.mp4").samples).max() > 0.2
    assert read_provenance(tmp_path / "both.mp4")["model"] == "layered, compact"


def test_four_wide_ones_stay_within_what_players_show(tmp_path: Path) -> None:
    videos = [film(tmp_path / f"{k}.mp4", 40 * k, (1280, TALLEST), frames=6) for k in range(4)]
    write_beside(videos, list("ABCD"), tmp_path / "four.mp4")
    info = probe(tmp_path / "four.mp4")
    assert WIDEST - 16 <= info.width <= WIDEST + 8


@pytest.mark.parametrize("width", [128, 720])
def test_a_long_caption_is_broken_and_never_cut(width: int) -> None:
    short, long = "A", "A layered\nPose calibration: on, Seed: 123456, Guidance: 2.5"
    few, many = draw_caption(short, width, 400), draw_caption(long, width, 400)
    assert many.shape[1] == width and len(many) > len(few)
    assert (many[:, -4:] == PAPER).all()


@pytest.mark.parametrize("installed", [True, False])
def test_no_caption_shows_a_letter_that_its_font_lacks(installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not installed:
        monkeypatch.setattr(beside, "FONTS", ("no-such-font.ttf",))
    text = "Portrait: Zoë 王小明 ǻ\nGestures: 挥手 \U0001f600"
    font, drawn = font_for(text, 20)
    assert drawn.startswith(("Portrait: Zoë ", "Portrait: Zoe "))
    assert "\U0001f600" not in drawn
    nothing = bytes(font.getmask("\U0010fffe"))
    assert all(bytes(font.getmask(letter)) != nothing for letter in drawn if letter.strip())
    if "王" not in drawn:
        assert drawn.splitlines()[1] == "Gestures"
    assert not (installed is False and "王" in drawn)


def test_chinese_is_drawn_and_broken_where_a_font_for_it_is_installed() -> None:
    font, drawn = font_for("王小明", 20)
    if drawn != "王小明":
        pytest.skip("no font with Chinese letters is installed")
    assert bytes(font.getmask("王")) != bytes(font.getmask("小"))
    one, many = draw_caption("王小明", 200, 400), draw_caption("王小明" * 20, 200, 400)
    assert len(many) > 3 * len(one)
    assert (many[:, -4:] == PAPER).all()
