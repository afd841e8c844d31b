"""Sound from outside: every format, rate and channel count becomes 16 kHz mono; bad files get one sentence."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_files import ffmpeg, pitch, tone, video, wav

from vivid.config import Limits
from vivid.errors import InputError
from vivid.media import sound
from vivid.media.ffmpeg import describe
from vivid.media.sound import TooLongError, load_speech, mix, write_wav
from vivid.speech.types import Speech


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("sound.wav", []),
        ("sound.mp3", ["-b:a", "96k"]),
        ("sound.m4a", ["-c:a", "aac"]),
        ("sound.flac", []),
        ("sound.ogg", ["-c:a", "libvorbis"]),
        ("sound.opus", ["-c:a", "libopus"]),
        ("sound.webm", ["-c:a", "libopus"]),
        ("sound.mov", ["-c:a", "pcm_s16le"]),
    ],
)
def test_formats(tmp_path: Path, name: str, options: list[str]) -> None:
    source = wav(tmp_path / "source.wav", tone(1.0, 44_100), 44_100)
    ffmpeg("-i", source, *options, tmp_path / name)
    speech = load_speech(tmp_path / name)
    assert speech.samples.dtype == np.float32 and speech.samples.ndim == 1
    assert speech.seconds == pytest.approx(1.0, abs=0.06)
    assert pitch(speech.samples) == pytest.approx(440, abs=3)
    assert np.abs(speech.samples[2000:-2000]).max() == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_rates(tmp_path: Path, rate: int) -> None:
    speech = load_speech(wav(tmp_path / "a.wav", tone(0.5, rate), rate))
    assert len(speech.samples) == -(-len(tone(0.5, rate)) * 16_000 // rate)  # a sample that is half there counts
    assert pitch(speech.samples) == pytest.approx(440, abs=3)


def test_what_16_khz_cannot_hold_does_not_fold_back(tmp_path: Path) -> None:
    samples = load_speech(wav(tmp_path / "a.wav", tone(0.5, 48_000, 11_000), 48_000)).samples
    assert np.abs(samples[800:-800]).max() < 0.01


def test_16_khz_mono_passes_untouched(tmp_path: Path) -> None:
    samples = tone(0.5)
    assert (load_speech(wav(tmp_path / "a.wav", samples)).samples == samples).all()
    write_wav(tmp_path / "b.wav", Speech(samples))
    assert np.abs(load_speech(tmp_path / "b.wav").samples - samples).max() < 1e-4


def level(samples: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.square(samples, dtype=np.float64).mean()))


def test_a_voice_is_as_loud_in_one_channel_as_in_all(tmp_path: Path) -> None:
    voice, silence = tone(0.5), np.zeros(8_000, np.float32)
    noise = np.random.default_rng(0).normal(0, 0.02, 8_000).astype(np.float32)
    layouts = {
        "left": [voice, silence],
        "both": [voice, voice],
        "opposed": [voice, -voice],
        "centre": [silence, silence, voice, silence, silence, silence],
        "centre_and_bass": [noise, noise, voice, tone(0.5, hertz=40, level=0.9), noise, noise],
        "all_six": [voice] * 6,
    }
    for name, channels in layouts.items():
        for ending, options in (("wav", []), ("flac", []), ("m4a", ["-c:a", "aac", "-b:a", "256k"])):
            source = wav(tmp_path / f"{name}.wav", np.stack(channels, 1), subtype="PCM_16")
            path = tmp_path / f"{name}.{ending}"
            if ending != "wav":
                ffmpeg("-i", source, *options, path)
            samples = load_speech(path).samples[1_000:7_000]
            assert level(samples) == pytest.approx(level(voice), rel=0.05), path.name
            assert pitch(samples) == pytest.approx(440, abs=5), path.name
    assert (mix(np.stack([voice, voice], 1)) == voice).all()
    opposed = mix(np.stack([voice, -voice], 1))
    assert (opposed == voice).all()


def test_loud_stereo_is_not_cut_off_whatever_the_container(tmp_path: Path) -> None:
    voice = tone(0.5, 44_100, level=0.95)
    source = wav(tmp_path / "a.wav", np.stack([voice, voice], 1), 44_100, "PCM_16")
    ffmpeg("-i", source, "-b:a", "192k", tmp_path / "a.mp3")
    for name in ("a.wav", "a.mp3"):
        samples = load_speech(tmp_path / name).samples[2_000:6_000]
        assert level(samples) == pytest.approx(level(voice), rel=0.05) and np.abs(samples).max() < 1


def test_a_hundred_channels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="100 channels"):
        load_speech(wav(tmp_path / "a.wav", np.zeros((8_000, 100), np.float32)))


def test_the_sound_of_a_video(tmp_path: Path) -> None:
    source = wav(tmp_path / "s.wav", tone(1.0))
    ffmpeg("-f", "lavfi", "-i", "color=size=32x32:duration=1", "-i", source, "-c:a", "aac", tmp_path / "v.mp4")
    assert pitch(load_speech(tmp_path / "v.mp4").samples) == pytest.approx(440, abs=3)
    with pytest.raises(InputError, match="no sound"):
        load_speech(video(tmp_path / "mute.mp4"))


def test_silence_and_loud_sound_are_sound(tmp_path: Path) -> None:
    assert not load_speech(wav(tmp_path / "a.wav", np.zeros(8_000, np.float32))).samples.any()
    loud = load_speech(wav(tmp_path / "b.wav", tone(0.5, level=3.0))).samples
    assert np.abs(loud).max() == 1.0


def test_damaged_samples_are_silenced(tmp_path: Path) -> None:
    samples = tone(0.5, 44_100)
    samples[5_000:5_010] = np.nan
    samples[9_000] = np.inf
    speech = load_speech(wav(tmp_path / "a.wav", samples, 44_100))
    assert np.isfinite(speech.samples).all() and pitch(speech.samples) == pytest.approx(440, abs=3)
    with pytest.raises(InputError, match="no valid samples"):
        load_speech(wav(tmp_path / "b.wav", np.full(8_000, np.nan, np.float32)))


def long_wav(path: Path, hours: float, rate: int = 4_000) -> Path:
    """Hours of silence that take no disk space."""
    size = int(hours * 3600 * rate)
    header = b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, rate, rate, 1, 8)
    with path.open("wb") as file:
        file.write(header + b"data" + struct.pack("<I", size))
        file.truncate(44 + size)
    return path


def test_no_more_is_decoded_than_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ffmpeg("-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono", "-t", "120", "-c:a", "aac", tmp_path / "long.m4a")
    long_wav(tmp_path / "two_hours.wav", 2.0)
    decoded = []
    real = sound._decode
    monkeypatch.setattr(sound, "_decode", lambda *args: decoded.append(real(*args)) or decoded[-1])
    with pytest.raises(TooLongError, match="7200 seconds of sound, the limit is 60 seconds") as caught:
        load_speech(tmp_path / "two_hours.wav")
    assert caught.value.seconds == 7200
    with pytest.raises(TooLongError, match="120 seconds of sound, the limit is 60 seconds"):
        load_speech(tmp_path / "long.m4a")
    assert load_speech(tmp_path / "two_hours.wav", 1.5, cut=True).seconds == 1.5
    assert [len(samples) / 16_000 for samples in decoded] == [61, 61, 2.5]


def test_an_hour_in_a_small_file_takes_neither_memory_nor_time(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "anullsrc=r=48000:cl=mono", "-t", "600", "-frame_size", "65535", tmp_path / "long.flac")
    code = (
        "import resource, sys; from vivid.media.sound import load_speech\n"
        "assert load_speech(sys.argv[1], 60, cut=True).seconds == 60\n"
        "assert load_speech(sys.argv[1], 3600).seconds == 600\n"
        # the peak of this program alone: ru_maxrss would begin with that of the process which started it
        "own = next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "print(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "long.flac")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    own, children = (int(number) // 1024 for number in done.stdout.split())
    assert own < 250 and children < 200  # megabytes; the samples are 38 of them, before resampling 115


def test_how_long_a_sound_is_its_samples_say(tmp_path: Path) -> None:
    # A variable rate without a header that counts the frames: the first ones, of silence, let the rest look long.
    rng = np.random.default_rng(0)
    quiet, noise = np.zeros(30 * 16_000, np.float32), rng.normal(0, 0.2, 13 * 16_000).astype(np.float32)
    source = wav(tmp_path / "s.wav", np.concatenate([quiet, noise]), subtype="PCM_16")
    ffmpeg("-i", source, "-q:a", "9", "-write_xing", "0", "-id3v2_version", "0", tmp_path / "vbr.mp3")
    ffmpeg("-i", source, "-c:a", "aac", "-b:a", "64k", "-f", "adts", tmp_path / "a.aac")
    whole = bytearray(source.read_bytes())
    place = whole.index(b"data") + 4
    for name, size in (("none.wav", 0), ("stream.wav", 2**32 - 1)):
        whole[place : place + 4] = size.to_bytes(4, "little")
        (tmp_path / name).write_bytes(whole)
    assert describe(tmp_path / "vbr.mp3").seconds > 60  # what the header lets one guess
    for name in ("vbr.mp3", "a.aac", "none.wav", "stream.wav"):
        assert load_speech(tmp_path / name).seconds == pytest.approx(43, abs=0.2), name


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_a_sound_that_starts_late_stays_with_its_pictures(tmp_path: Path, name: str) -> None:
    source = wav(tmp_path / "s.wav", tone(1.0))
    picture = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=24:duration=2"]
    ffmpeg(*picture, "-itsoffset", "0.75", "-i", source, "-c:a", "aac", tmp_path / name)
    samples = load_speech(tmp_path / name).samples
    assert int(np.abs(samples).__gt__(0.1).argmax()) / 16_000 == pytest.approx(0.75, abs=0.05)
    ffmpeg("-itsoffset", "0.75", *picture, "-i", source, "-c:a", "aac", tmp_path / f"late_{name}")
    assert int(np.abs(load_speech(tmp_path / f"late_{name}").samples).__gt__(0.1).argmax()) < 0.1 * 16_000


def test_length_limits(tmp_path: Path) -> None:
    path = wav(tmp_path / "a.wav", tone(1.0))
    assert load_speech(path, max_seconds=1.0).seconds == 1.0
    with pytest.raises(InputError, match=r"limit is 0\.9 seconds"):
        load_speech(path, max_seconds=0.9)
    ffmpeg("-i", path, "-c:a", "libopus", "-f", "webm", "-live", "1", tmp_path / "stream.webm")  # tells no length
    with pytest.raises(InputError, match=r"limit is 0\.5 seconds"):
        load_speech(tmp_path / "stream.webm", max_seconds=0.5)
    with pytest.raises(InputError, match=r"at least 0\.2 seconds"):
        load_speech(wav(tmp_path / "b.wav", tone(0.15)))
    with pytest.raises(InputError, match="limit is 10 kB"):
        load_speech(path, limits=Limits(upload_bytes=10 * 1024))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.wav", b"Dear reader, this is a letter.\n" * 40),
        ("text.mp3", b"Dear reader, this is a letter.\n" * 40),
        ("header.wav", b"RIFF\xff\xff\xff\x7fWAVEfmt "),
        ("zeros.mp3", b"\0" * 5_000),
        ("page.ogg", b"OggS" + b"\0" * 30),
        ("none.wav", b""),
    ],
)
def test_what_is_no_sound(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        load_speech(tmp_path / name)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


def test_a_playlist_opens_nothing(tmp_path: Path) -> None:
    secret = wav(tmp_path / "secret.wav", tone(1.0))
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
        playlists = {
            "list.m3u8": f"#EXTM3U\n#EXTINF:10,\n{address}\n#EXT-X-ENDLIST\n",
            "list.wav": f"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10,\nfile://{secret}\n#EXT-X-ENDLIST\n",
            "list.mp3": f"ffconcat version 1.0\nfile {secret}\n",
            "list.mp4": f"ffconcat version 1.0\nfile '{address}'\n",
        }
        for name, text in playlists.items():
            (tmp_path / name).write_text(text)
            with pytest.raises(InputError):
                load_speech(tmp_path / name)
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize(
    "name",
    ["-y.m4a", "a b;'$(x).m4a", "concat:x|y.m4a", "%03d.m4a", "größe 声.m4a", os.fsdecode(b"\xca\xd6\xca\xc6.m4a")],
)
def test_odd_names(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = wav(tmp_path / "s.wav", tone(0.5))
    ffmpeg("-i", source, "-c:a", "aac", tmp_path / "plain.m4a")
    (tmp_path / "plain.m4a").rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert load_speech(name).seconds == pytest.approx(0.5, abs=0.06)


@settings(max_examples=12)
@given(data=st.data())
def test_damage_gives_sound_or_one_sentence(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    base = tmp_path_factory.getbasetemp()
    content = bytearray(wav(base / "whole.wav", tone(0.3)).read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, 90))] = data.draw(st.integers(0, 255))
    (base / "damaged.wav").write_bytes(content[: data.draw(st.integers(1, len(content)))])
    try:
        speech = load_speech(base / "damaged.wav")
        assert np.isfinite(speech.samples).all() and np.abs(speech.samples).max(initial=0) <= 1
    except InputError as error:
        assert str(error) and "\n" not in str(error)


def test_a_sound_of_no_length_is_called_empty(tmp_path: Path) -> None:
    write_wav(tmp_path / "zero.wav", Speech(np.zeros(0, np.float32)))
    with pytest.raises(InputError, match=r"^zero\.wav is empty or damaged"):
        load_speech(tmp_path / "zero.wav")
