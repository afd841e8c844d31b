"""The example voices: short texts written for this project, spoken by synthesisers whose output may be shipped."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from ..config import SAMPLE_RATE
from ..media.ffmpeg import command
from ..media.outputs import reserve
from . import speech


@dataclass(frozen=True)
class ExampleVoice:
    """What is said by which voice (`speech.Voice` or an espeak-ng voice of another language)."""

    engine: str
    voice: str
    text: str


VOICES = {
    "hello_slt": ExampleVoice("flite", "slt", "Hello, and welcome. Let me show you how a picture learns to talk."),
    "story_rms": ExampleVoice("flite", "rms", "There are three things I would like to tell you before we start."),
    "morning_gb": ExampleVoice("espeak", "en-gb", "Good morning! The sun is out, so let us make the most of it."),
    "question_us": ExampleVoice("espeak", "en-us+f3", "Have you ever wondered what your old photographs would say?"),
    "hola_es": ExampleVoice("espeak", "es+f2", "Hola a todos. Hoy quiero contaros algo muy importante."),
    "nihao_zh": ExampleVoice(
        "espeak",
        "cmn-latn-pinyin+f4",
        "da4 jia1 hao3, hen3 gao1 xing4 jian4 dao4 ni3 men5. jin1 tian1 wo3 men5 lai2 liao2 yi4 liao2 tian1 qi4.",
    ),
}


def write_voice(path: Path, voice: ExampleVoice) -> None:
    """MP3, mono, 16 kHz, 48 kbit/s, with a short pause before and after; complete or not at all."""
    fixed = np.random.default_rng(0)
    samples, _ = speech.synthesise(voice.text, speech.Voice(voice.engine, voice.voice, False, 0), fixed)
    pause = np.zeros(SAMPLE_RATE // 5, np.int16)
    with reserve(path, replace=True) as mp3:
        wav = mp3.with_name("speech.wav")
        soundfile.write(wav, np.concatenate([pause, samples, pause]), SAMPLE_RATE)
        subprocess.run(command("-i", str(wav), "-b:a", "48k", "-fflags", "+bitexact", str(mp3)), check=True)
