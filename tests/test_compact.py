"""The weights that ship, tested as a user would: example in, video out, and its mouth moves with the sound."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vivid import cli
from vivid.config import SAMPLE_RATE, RunSettings
from vivid.media.sound import load_speech, write_wav
from vivid.media.video import probe, read_frames
from vivid.speech.types import Speech

ROOT = Path(__file__).resolve().parents[1]
PORTRAIT = sorted((ROOT / "examples" / "portraits").glob("*.[jp][pn]g"))[0]
VOICE = sorted(p for p in (ROOT / "examples" / "voices").iterdir() if p.suffix in {".mp3", ".wav", ".ogg"})[0]
SECONDS = 0.5


@pytest.fixture(scope="module")
def pipeline():
    from vivid.pipeline import VividPipeline

    return VividPipeline.from_pretrained("compact", device="cpu")


def frames_of(pipeline, portrait, speech: Speech, motion, out: Path) -> np.ndarray:
    list(pipeline.animate(portrait, speech, motion, RunSettings(seconds=SECONDS, mark=False), out))
    return np.stack(list(read_frames(out))).astype(np.float32)


def changes(frames: np.ndarray, box: np.ndarray) -> float:
    """Mean standard deviation over time of the pixels inside a box (x0, y0, x1, y1)."""
    x0, y0, x1, y1 = np.round(box).astype(int)
    return float(frames[:, y0:y1, x0:x1].std(axis=0).mean())


def test_the_mouth_follows_the_sound_and_the_hands_the_gestures(pipeline, tmp_path):
    from vivid.inputs import load_motion, load_portrait

    portrait = load_portrait(PORTRAIT)
    speech, calm, wave = load_speech(VOICE), load_motion("calm"), load_motion("wave")
    # the first half second of a recording is often silent
    voice = Speech(speech.samples[SAMPLE_RATE // 2 :])
    silence = Speech(np.zeros_like(voice.samples))
    talking = frames_of(pipeline, portrait, voice, calm, tmp_path / "talking.mp4")
    waving = frames_of(pipeline, portrait, silence, wave, tmp_path / "waving.mp4")
    assert talking.shape == (12, 256, 256, 3)

    scale = 256 / min(portrait.size)
    mouth = portrait.pose.face[48:68, :2] * scale
    box = np.concatenate([mouth.min(0) - 3, mouth.max(0) + 5])
    assert changes(talking, box) > 3 * changes(waving, box)

    hands = np.concatenate([portrait.hand_boxes[:, :2].min(0), portrait.hand_boxes[:, 2:].max(0)]) * scale
    hands = np.clip(hands, 0, 255)
    assert changes(waving, hands) > 2 * changes(talking, hands)
    # a static room stays as it is in the picture
    corner = np.array([2, 2, 40, 40])
    inputs = pipeline.prepare(portrait, voice, calm, RunSettings(seconds=SECONDS)).session.inputs
    picture = inputs.picture.astype(np.float32)
    assert changes(talking, corner) < 4
    assert np.abs(talking[:, 2:40, 2:40].mean(0) - picture[2:40, 2:40]).mean() < 12


def arguments(out: Path, voice: Path, *more: str) -> list[str]:
    given = ["--portrait", PORTRAIT, "--audio", voice, "--motion", "explain", "--out", out, "--model", "compact"]
    return ["animate", *map(str, given), *more]


def command(line: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "vivid", *line], capture_output=True, text=True, cwd=ROOT, check=False)


def test_the_readme_command_makes_a_video(tmp_path, capsys):
    out = tmp_path / "video.mp4"
    line = arguments(out, VOICE, "--seconds", "0.5", "--steps", "1")
    done = command(line)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.strip().splitlines()[-1])
    assert result["frames"] == 12 and result["model"] == "compact"
    assert probe(out).has_sound

    assert cli.main(line) == 2, "an earlier result is never overwritten"
    said = capsys.readouterr().err.strip()
    assert said.count("\n") == 0 and "exists" in said


@pytest.mark.slow
def test_ten_seconds_take_hardly_more_memory_than_two(tmp_path):
    write_wav(tmp_path / "voice.wav", Speech(np.resize(load_speech(VOICE).samples, 10 * SAMPLE_RATE)))
    peaks = {}
    for frames in (48, 240):
        seconds = str(frames / 24)
        voice = tmp_path / "voice.wav"
        done = command(arguments(tmp_path / f"{frames}.mp4", voice, "--seconds", seconds, "--size", "128x128"))
        result = json.loads(done.stdout.strip().splitlines()[-1])
        assert result["frames"] == frames
        peaks[frames] = result["peak_memory"]
    assert peaks[240] < 1.1 * peaks[48], peaks
