"""Video in and out: limits before decoding, upright frames at 24 a second, one clean MP4 or nothing."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_files import ffmpeg, pitch, tone, video

from vivid.config import Limits
from vivid.errors import InputError
from vivid.media import children
from vivid.media.ffmpeg import describe, ffmpeg_program, parse_description
from vivid.media.provenance import Provenance
from vivid.media.sound import load_speech
from vivid.media.video import VideoWriter, probe, read_frames
from vivid.speech.types import Speech


def halves(count: int = 24, width: int = 96, height: int = 64) -> np.ndarray:
    """Red left, blue right, and a white bar that sinks a little every frame."""
    frames = np.zeros((count, height, width, 3), np.uint8)
    frames[:, :, : width // 2] = (200, 20, 30)
    frames[:, :, width // 2 :] = (20, 30, 200)
    for k in range(count):
        row = k * (height - 4) // max(count - 1, 1)
        frames[k, row : row + 4] = 255
    return frames


def bar(frame: np.ndarray) -> float:
    """The row of the white bar."""
    return float((frame.min(axis=2) > 150).mean(axis=1).argmax())


def write(path: Path, frames: np.ndarray, **options: object) -> Path:
    with VideoWriter(path, (frames.shape[2], frames.shape[1]), **options) as writer:  # type: ignore[arg-type]
        writer.write(frames[: len(frames) // 2])
        for frame in frames[len(frames) // 2 :]:
            writer.write(frame)
    return path


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    frames = halves()
    path = write(tmp_path / "new" / "folder" / "out.mp4", frames, speech=Speech(tone(1.0)))
    info = probe(path)
    assert (info.width, info.height, info.fps, info.has_sound) == (96, 64, 24, True)
    assert info.seconds == pytest.approx(1.0, abs=0.05)
    read = list(read_frames(path))
    assert len(read) == 24
    # Full colours survive: a wrong matrix or range would be off by ten and more.
    assert np.abs(read[12][40:60, 8:40].astype(int) - (200, 20, 30)).mean() < 5
    assert np.abs(read[12][40:60, 56:88].astype(int) - (20, 30, 200)).mean() < 5
    assert [bar(a) for a in read] == pytest.approx([bar(a) for a in frames], abs=1)
    assert pitch(load_speech(path).samples) == pytest.approx(440, abs=3)
    assert os.listdir(path.parent) == ["out.mp4"]


def test_the_file_is_what_players_want(tmp_path: Path) -> None:
    path = write(tmp_path / "out.mp4", halves(), speech=Speech(tone(1.0)), provenance=Provenance("m", 1))
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # faststart
    text = subprocess.run([ffmpeg_program(), "-i", path], capture_output=True, text=True, check=False).stderr
    assert "Video: h264" in text and "yuv420p(tv, bt709" in text and "Audio: aac" in text


def test_nothing_is_left_after_an_error_or_a_cancel(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"an earlier result")
    for error in (RuntimeError, KeyboardInterrupt, GeneratorExit):
        with pytest.raises(error), VideoWriter(path, (96, 64), speech=Speech(tone(1.0))) as writer:
            writer.write(halves(4))
            raise error
    with pytest.raises(ValueError, match="no frame"), VideoWriter(path, (96, 64)):
        pass
    with pytest.raises(ValueError, match="expected uint8"), VideoWriter(path, (96, 64)) as writer:
        writer.write(halves(4, width=64))
    assert os.listdir(tmp_path) == ["out.mp4"] and path.read_bytes() == b"an earlier result"


def test_a_dead_encoder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="ffmpeg"), VideoWriter(tmp_path / "out.mp4", (96, 64)) as writer:
        assert writer._writer is not None
        writer._writer.proc.kill()
        for _ in range(200):
            writer.write(halves(4))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("out.mp4", (95, 64), "must be even"),
        ("out.mp4", (96, 63), "must be even"),
        ("out.avi", (96, 64), r"\.mp4"),
        ("folder.mp4", (96, 64), "is a folder"),
        ("file/out.mp4", (96, 64), "choose another folder"),
    ],
)
def test_outputs_that_cannot_be(tmp_path: Path, name: str, size: tuple[int, int], message: str) -> None:
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=message), VideoWriter(tmp_path / name, size):
        pass


@pytest.mark.parametrize("rate", ["10", "24", "25", "30000/1001", "60"])
def test_any_rate_becomes_24(tmp_path: Path, rate: str) -> None:
    path = video(tmp_path / "a.mp4", rate=rate, seconds=2)
    assert len(list(read_frames(path))) == pytest.approx(48, abs=3)
    assert len(list(read_frames(path, fps=12))) == pytest.approx(24, abs=2)


def test_a_variable_rate_keeps_its_time(tmp_path: Path) -> None:
    source = write(tmp_path / "source.mp4", halves(48))
    # Of the first second only every sixth frame is kept; of the second one all.
    ffmpeg("-i", source, "-vf", "select='gte(t,1)+not(mod(n,6))'", "-fps_mode", "vfr", tmp_path / "vfr.mkv")
    rows = [bar(frame) for frame in read_frames(tmp_path / "vfr.mkv")]
    assert len(rows) == pytest.approx(48, abs=1)
    expected = [bar(frame) for frame in halves(48)]
    assert np.abs(np.array(rows[24:46]) - expected[24:46]).max() <= 3
    assert np.abs(np.array(rows[:24]) - expected[:24]).max() <= 9


def test_phones_turn_their_videos(tmp_path: Path) -> None:
    source = write(tmp_path / "source.mp4", halves())
    ffmpeg("-display_rotation:v:0", "90", "-i", source, "-c", "copy", tmp_path / "turned.mp4")
    info = probe(tmp_path / "turned.mp4")
    assert (info.width, info.height) == (64, 96)
    frame = next(iter(read_frames(tmp_path / "turned.mp4")))
    assert frame.shape == (96, 64, 3)
    assert frame[80, 40, 0] > 150 and frame[16, 40, 2] > 150  # red below, blue above


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", "-vf", "setsar=2")
    assert probe(path).width == 128
    assert next(iter(read_frames(path))).shape == (48, 128, 3)


@pytest.mark.parametrize("name", ["a.webm", "a.mkv", "a.avi", "a.mov"])
def test_containers(tmp_path: Path, name: str) -> None:
    path = video(tmp_path / name, *(["-c:v", "libvpx"] if name == "a.webm" else []))
    assert len(list(read_frames(path))) == pytest.approx(24, abs=1)


def test_large_frames_are_scaled_down(tmp_path: Path) -> None:
    frame = next(iter(read_frames(video(tmp_path / "a.mp4", size="320x200"), max_side=128)))
    assert frame.shape == (80, 128, 3)


def test_limits_hold_before_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ffmpeg("-f", "lavfi", "-i", "color=size=32x32:rate=0.05:duration=7200", tmp_path / "two_hours.mp4")
    large = video(tmp_path / "large.mp4", size="640x360")
    monkeypatch.setattr("vivid.media.video._decode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(InputError, match="limit is 60 seconds"):
        read_frames(tmp_path / "two_hours.mp4")
    with pytest.raises(InputError, match="megapixels"):
        read_frames(large, limits=Limits(picture_pixels=200_000))
    with pytest.raises(InputError, match="limit is 1 kB"):
        read_frames(large, limits=Limits(upload_bytes=1024))


def test_a_recording_without_a_length_stops_at_the_limit(tmp_path: Path) -> None:
    path = video(tmp_path / "live.webm", "-c:v", "libvpx", "-live", "1", seconds=3)
    assert probe(path).seconds is None
    count = 0
    with pytest.raises(InputError, match="longer"):
        for _ in read_frames(path, limits=Limits(motion_seconds=1.0)):
            count += 1
    assert count == 25


def test_closing_the_reader_ends_its_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def spy(*args: object, **kwargs: object) -> subprocess.Popen[bytes]:
        started.append(real(*args, **kwargs))  # type: ignore[call-overload]
        return started[-1]

    path = video(tmp_path / "a.mp4", size="320x240", seconds=5)
    frames = read_frames(path)
    monkeypatch.setattr(subprocess, "Popen", spy)
    next(frames)
    frames.close()  # type: ignore[attr-defined]
    assert len(started) == 1 and started[0].poll() is not None


@pytest.mark.parametrize(
    ("name", "content"),
    [("text.mp4", b"Not a video.\n" * 50), ("empty.mp4", b""), ("zeros.mp4", b"\0" * 4000), ("cut.mp4", None)],
)
def test_what_is_no_video(tmp_path: Path, name: str, content: bytes | None) -> None:
    if content is None:
        content = video(tmp_path / "whole.mp4").read_bytes()[:2000]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        list(read_frames(tmp_path / name))
    assert "\n" not in str(caught.value)


def test_sound_and_pictures_are_no_video(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine=duration=1", tmp_path / "a.mp3")
    with pytest.raises(InputError, match="no pictures in it"):
        probe(tmp_path / "a.mp3")
    video(tmp_path / "still.jpg", "-frames:v", "1")
    with pytest.raises(InputError, match="neither a sound nor a video"):
        probe(tmp_path / "still.jpg")


HEADERS = """Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'file:/a.mp4':
  Metadata:
    title           : x
                    :   Duration: 00:00:01.00
                    :   Stream #0:0: Video: h264, 8x8
  Duration: 01:02:03.50, start: 0.000000, bitrate: 1 kb/s
  Stream #0:0[0x1](und): Audio: aac (LC) (mp4a / 0x6134706D), 44100 Hz, stereo, fltp, 128 kb/s (default)
  Stream #0:1[0x2](und): Video: h264 (High) (avc1 / 0x31637661), yuv420p(tv), 1080x1920 [SAR 1:1 DAR 9:16], 29.97 fps
    Side data:
      displaymatrix: rotation of -90.00 degrees
At least one output file must be specified
"""


def test_headers_cannot_be_imitated_by_titles() -> None:
    info = parse_description(HEADERS, "a.mp4")
    assert (info.width, info.height, info.rotation, info.fps) == (1920, 1080, 270, 29.97)
    assert info.seconds == pytest.approx(3723.5) and info.has_sound


@settings(max_examples=50)
@given(st.text(alphabet="Stream #0:12Video:Audio,x9 fps\nDuration:N/A()[]", max_size=300))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        info = parse_description(text, "a")
    except InputError:
        return
    assert (info.width is None) == (info.height is None)


def test_describe_says_when_there_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"abc" * 100)
    with pytest.raises(InputError, match="WAV, MP3, M4A or MP4"):
        describe(tmp_path / "a.bin")


def moved_clock(path: Path, source: Path, expression: str) -> Path:
    """The packets of `source` with other times, in a container that keeps any and does not tell its length."""
    ffmpeg("-i", source, "-c", "copy", "-bsf:v", f"setts=ts='{expression}'", "-live", "1", path)
    return path


def used(path: Path) -> tuple[int, int]:
    """Frames of a video read at a side of 1280 or less, and the most megabytes that the decoder took."""
    code = (
        "import resource, sys; from vivid.media.video import read_frames; from vivid.errors import InputError\n"
        "count = 0\n"
        "try:\n    for frame in read_frames(sys.argv[1], max_side=1280): count += 1\n"
        "except InputError: count = -1\n"
        "print(count, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, check=True, timeout=60)
    count, memory = done.stdout.split()
    return int(count), int(memory)


def test_no_frames_are_invented_for_a_broken_clock(tmp_path: Path) -> None:
    source = video(tmp_path / "source.mkv", "-bf", "0", size="640x480", seconds=1)
    count, memory = used(moved_clock(tmp_path / "gap.mkv", source, "PTS+if(gte(N,12),172800000,0)"))  # two days
    assert count == pytest.approx(24, abs=2) and memory < 300
    content = bytearray(video(tmp_path / "source.mpg", "-bf", "0", "-f", "vob", size="640x480").read_bytes())
    packets = [found.start() for found in re.finditer(rb"\0\0\x01\xe0..[\x80-\x8f][\x80-\xff]", content, re.DOTALL)]
    content[packets[len(packets) // 2] + 9] ^= 0x08  # the highest bit of its time: thirteen hours
    (tmp_path / "one.mpg").write_bytes(content)
    count, memory = used(tmp_path / "one.mpg")
    assert count == pytest.approx(24, abs=2) and memory < 300
    count, memory = used(moved_clock(tmp_path / "minute.mkv", source, "PTS+if(gte(N,12),50000,0)"))  # what may be true
    assert count == pytest.approx(50 * 24 + 24, abs=2) and memory < 300
    count, memory = used(moved_clock(tmp_path / "late.mkv", source, "PTS+172800000"))
    assert count == pytest.approx(24, abs=2) and memory < 300


def test_pictures_that_start_after_the_sound_wait_for_their_time(tmp_path: Path) -> None:
    source = write(tmp_path / "source.mp4", halves(24))
    for name in ("a.mp4", "a.mkv"):
        sound = ["-f", "lavfi", "-i", "sine=duration=2"]
        ffmpeg("-itsoffset", "0.5", "-i", source, *sound, "-c:v", "copy", "-c:a", "aac", tmp_path / name)
        rows = [bar(frame) for frame in read_frames(tmp_path / name)]
        assert len(rows) == pytest.approx(36, abs=1)
        assert rows[:12] == [rows[0]] * 12 and np.abs(np.array(rows[12:36]) - [bar(a) for a in halves(24)]).max() <= 3


def test_a_recording_may_change_its_size(tmp_path: Path) -> None:
    for index, size in enumerate(("64x48", "128x96")):
        video(tmp_path / f"{index}.ts", size=size, seconds=1)
    joined = b"".join((tmp_path / f"{index}.ts").read_bytes() for index in (0, 1))
    (tmp_path / "a.ts").write_bytes(joined)
    frames = list(read_frames(tmp_path / "a.ts"))
    assert len(frames) == pytest.approx(48, abs=3) and {frame.shape for frame in frames} == {(48, 64, 3)}


def box(kind: bytes, content: bytes) -> bytes:
    """One of the parts that an MP4 file is made of."""
    return struct.pack(">I", len(content) + 8) + kind + content


def test_a_cover_picture_in_front_is_not_the_video(tmp_path: Path) -> None:
    whole = video(tmp_path / "source.mp4", "-bitexact").read_bytes()
    cover = video(tmp_path / "cover.jpg", "-frames:v", "1", size="600x600").read_bytes()
    place = whole.index(b"moov") - 4
    assert place + struct.unpack(">I", whole[place : place + 4])[0] == len(whole)  # last: no offset changes
    tag = box(b"ilst", box(b"covr", box(b"data", struct.pack(">II", 13, 0) + cover)))
    about = box(b"hdlr", b"\0" * 8 + b"mdirappl" + b"\0" * 9)
    front = box(b"udta", box(b"meta", b"\0" * 4 + about + tag))
    header = place + 8 + struct.unpack(">I", whole[place + 8 : place + 12])[0]  # behind mvhd
    (tmp_path / "a.mp4").write_bytes(whole[:place] + box(b"moov", whole[place + 8 : header] + front + whole[header:]))
    text = subprocess.run([ffmpeg_program(), "-i", tmp_path / "a.mp4"], capture_output=True, text=True, check=False)
    assert "Stream #0:0[0x0]: Video: mjpeg" in text.stderr and "(attached pic)" in text.stderr
    assert (probe(tmp_path / "a.mp4").width, len(list(read_frames(tmp_path / "a.mp4")))) == (64, 24)


def test_a_decoder_that_wants_too_much_memory_or_time_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = video(tmp_path / "a.mp4", size="640x480", seconds=1)
    monkeypatch.setattr(children.limit, "__defaults__", (None, 50 * 2**20))
    with pytest.raises(InputError, match=r"can be decoded|neither a sound nor a video"):
        list(read_frames(path))


def test_a_slow_decoder_is_ended_and_a_slow_reader_is_not() -> None:
    def late() -> InputError:
        return InputError("late")

    begun = time.monotonic()
    with children.Child([sys.executable, "-c", "import time; time.sleep(60)"], 0.3, late) as child:
        with pytest.raises(InputError, match="late"):
            child.read(1)
        assert child.process.wait(5) and time.monotonic() - begun < 10
    with children.Child([sys.executable, "-c", "print('x' * 100)"], 5.0, late) as child:
        first = child.read(1)
        child.left = min(child.left, 0.5)
        time.sleep(0.7)
        assert first + child.read(200) == b"x" * 100 + b"\n"
