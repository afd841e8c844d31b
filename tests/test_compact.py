"""The weights that ship, tested as a user would: example in, video out, and its mouth moves with the sound."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vivid.config import SAMPLE_RATE, RunSettings
from vivid.media.sound import load_speech, write_wav
from vivid.media.video import probe, read_frames
from vivid.speech.types import Speech

ROOT = Path(__file__).resolve().parents[1]
PORTRAIT = sorted((ROOT / "examples" / "portraits").glob("*.[jp][pn]g"))[0]
VOICE = sorted(p for p in (ROOT / "examples" / "voices").iterdir() if p.suffix in {".mp3", ".wav", ".ogg"})[0]
SECONDS = 1.0


@pytest.fixture(scope="module")
def pipeline():
    from vivid.pipeline import VividPipeline

    return VividPipeline.from_pretrained("compact", device="cpu")


def frames_of(pipeline, speech: Speech, motion, out: Path) -> np.ndarray:
    from vivid.inputs import load_portrait

    settings = RunSettings(seconds=SECONDS, mark=False)
    list(pipeline.animate(load_portrait(PORTRAIT), speech, motion, settings, out))
    return np.stack(list(read_frames(out))).astype(np.float32)


def changes(frames: np.ndarray, box: np.ndarray) -> float:
    """Mean standard deviation over time of the pixels inside a box (x0, y0, x1, y1)."""
    x0, y0, x1, y1 = np.round(box).astype(int)
    return float(frames[:, y0:y1, x0:x1].std(axis=0).mean())


def test_the_mouth_follows_the_sound_and_the_hands_the_gestures(pipeline, tmp_path):
    from vivid.inputs import load_motion, load_portrait

    speech, calm, wave = load_speech(VOICE), load_motion("calm"), load_motion("wave")
    # the first half second of a recording is often silent
    voice = Speech(speech.samples[SAMPLE_RATE // 2 :])
    silence = Speech(np.zeros_like(voice.samples))
    talking = frames_of(pipeline, voice, calm, tmp_path / "talking.mp4")
    silent = frames_of(pipeline, silence, calm, tmp_path / "silent.mp4")
    waving = frames_of(pipeline, silence, wave, tmp_path / "waving.mp4")
    assert talking.shape == (24, 256, 256, 3)

    portrait = load_portrait(PORTRAIT)
    scale = 256 / min(portrait.size)
    mouth = portrait.pose.face[48:68, :2] * scale
    box = np.concatenate([mouth.min(0) - 3, mouth.max(0) + 5])
    assert changes(talking, box) > 1.25 * changes(silent, box)

    hands = np.concatenate([portrait.hand_boxes[:, :2].min(0), portrait.hand_boxes[:, 2:].max(0)]) * scale
    hands = np.clip(hands, 0, 255)
    assert changes(waving, hands) > 1.5 * changes(silent, hands)
    # a static room stays as it is in the picture
    corner = np.array([2, 2, 40, 40])
    inputs = pipeline.prepare(portrait, voice, calm, RunSettings(seconds=SECONDS)).session.inputs
    picture = inputs.picture.astype(np.float32)
    assert changes(talking, corner) < 4
    assert np.abs(talking[:, 2:40, 2:40].mean(0) - picture[2:40, 2:40]).mean() < 12


def command(out: Path, voice: Path, *more: str) -> subprocess.CompletedProcess[str]:
    arguments = ["--portrait", PORTRAIT, "--audio", voice, "--motion", "explain", "--out", out, "--model", "compact"]
    line = [sys.executable, "-m", "vivid", "animate", *map(str, arguments), *more]
    return subprocess.run(line, capture_output=True, text=True, cwd=ROOT, check=False)


def test_the_readme_command_makes_a_video(tmp_path):
    out = tmp_path / "video.mp4"
    done = command(out, VOICE, "--seconds", "0.5", "--steps", "1")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.strip().splitlines()[-1])
    assert result["frames"] == 12 and result["model"] == "compact"
    assert probe(out).has_sound

    again = command(out, VOICE, "--seconds", "0.5", "--steps", "1")
    assert again.returncode == 2, "an earlier result is never overwritten"
    assert again.stderr.strip().count("\n") == 0 and "exists" in again.stderr


@pytest.mark.slow
def test_ten_seconds_take_hardly_more_memory_than_two(tmp_path):
    write_wav(tmp_path / "voice.wav", Speech(np.resize(load_speech(VOICE).samples, 10 * SAMPLE_RATE)))
    peaks = {}
    for frames in (48, 240):
        done = command(
            tmp_path / f"{frames}.mp4", tmp_path / "voice.wav", "--seconds", str(frames / 24), "--size", "128x128"
        )
        result = json.loads(done.stdout.strip().splitlines()[-1])
        assert result["frames"] == frames
        peaks[frames] = result["peak_memory"]
    assert peaks[240] < 1.1 * peaks[48], peaks
