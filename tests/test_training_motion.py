"""Training of speech to motion: synthetic speech with known mouths in three languages."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from vivid.config import SAMPLE_RATE
from vivid.generators.layered.speech_motion import LIP, RHYTHM, SpeechMotion, load_speech_motion
from vivid.speech.windows import STATE_RATE
from vivid.synthesis.visemes import VISEMES, Phone
from vivid.training.motion import languages
from vivid.training.motion.evaluation import CASES, closures, evaluate_motion, held_out_recordings
from vivid.training.motion.recordings import Recording, RecordingConditions, random_conditions, record, targets

needs_voices = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
SHORT = 6.0
STATES = int(SHORT * STATE_RATE)


def channel(goals: np.ndarray, name: str) -> np.ndarray:
    return goals[:, (*LIP, *RHYTHM).index(name)]


def test_sentences_and_voices_that_are_held_out_are_not_trained_on() -> None:
    for language in languages.LANGUAGES:
        for of in (languages.texts, languages.voices_of):
            kept, used = of(language, True), of(language, False)
            assert kept and len(used) > 5 * len(kept)
            assert not [one for one in kept if one in used]


def test_sounds_of_other_languages_have_mouths() -> None:
    for symbol in "βɣɲʎʝ":
        (phone,) = languages.visemes_of("spanish", [Phone(0, 0.1, symbol, "sil")])
        assert phone.viseme in VISEMES and phone.viseme != "sil"
    parts = languages.visemes_of("mandarin", [Phone(0.0, 0.3, "uei", "U"), Phone(0.3, 0.33, "", "sil")])
    assert [p.viseme for p in parts] == ["U", "E", "I"]
    assert parts[-1].end == 0.33  # syllables are linked


def test_goals_close_lips_on_what_is_spoken_with_them() -> None:
    phones = [Phone(1.0, 1.1, "m", "PP"), Phone(1.1, 1.3, "a", "aa", True), Phone(1.3, 1.4, "β", "PP")]
    goals = targets(Recording(np.zeros(1, np.float32), phones, RecordingConditions("spanish")), 150)
    touch, jaw = channel(goals, "touch"), channel(goals, "jawOpen")
    assert touch[50:54].max() > 0.95 and touch[59:61].max() < 0.15
    assert 0.4 < touch[65:69].max() < 0.6  # nearly
    assert jaw[58:61].max() > 0.3 > jaw[:45].max()
    assert channel(goals, "talk")[60] == pytest.approx(0.4, abs=0.15)
    assert channel(goals, "talk")[140] == 0


@needs_voices
@pytest.mark.parametrize("language", languages.LANGUAGES)
def test_a_recording_is_drawn_from_its_seed_and_says_when_it_speaks(language: str) -> None:
    one, same = (
        record(np.random.default_rng(5), RecordingConditions(language, noise=30.0), seconds=SHORT) for _ in range(2)
    )
    np.testing.assert_array_equal(one.samples, same.samples)
    assert one.samples.dtype == np.float32 and len(one.samples) == SHORT * SAMPLE_RATE
    goals = targets(one, STATES)
    assert np.isfinite(goals).all()
    level = np.sqrt(np.square(one.samples.reshape(STATES, -1)).mean(1))
    speaking = channel(goals, "speaking")
    assert np.median(level[speaking > 0.9]) > 5 * np.median(level[speaking < 0.02])
    assert {p.viseme for p in one.phones} >= {"PP", "aa", "I"}
    assert max(p.start for p in one.phones) < SHORT


@needs_voices
def test_manners_change_the_voice_and_not_the_mouth() -> None:
    spoken, whispered = (
        record(np.random.default_rng(3), RecordingConditions("english", manner), seconds=SHORT)
        for manner in ("spoken", "whispered")
    )
    np.testing.assert_array_equal(targets(spoken, STATES)[:, : len(LIP)], targets(whispered, STATES)[:, : len(LIP)])
    loud, soft = (channel(targets(r, STATES), "effort").max() for r in (spoken, whispered))
    assert loud == 0.5 and soft == 0.0

    def voicing(samples: np.ndarray) -> float:
        """Strongest correlation of a stretch with itself a pitch period later, as the median over the recording."""
        found = []
        for start in range(0, len(samples) - 1024, 4096):
            part = samples[start : start + 1024] - samples[start : start + 1024].mean()
            if part.std() > 0.02:
                whole = np.correlate(part, part, "full")[1023:]
                found.append(whole[40:320].max() / whole[0])
        return float(np.median(found))

    assert voicing(whispered.samples) < voicing(spoken.samples) - 0.2


def test_conditions_cover_languages_manners_and_silence() -> None:
    drawn = [random_conditions(np.random.default_rng(k)) for k in range(300)]
    assert {c.language for c in drawn} == {*languages.LANGUAGES, None}
    assert {c.manner for c in drawn} == {"spoken", "whispered", "shouted", "sung"}
    assert any(c.music for c in drawn) and any(c.noise for c in drawn) and any(c.room for c in drawn)


def test_measures_know_false_closures() -> None:
    found, false = closures(np.array([1.0, 0, 1, 0]), np.array([1.0, 1, 0, 0]))
    assert (found, false) == (0.5, 0.5)


@needs_voices
@pytest.mark.slow
def test_what_ships_follows_speech_that_it_never_heard() -> None:
    """The whole table is printed by `python -m vivid train motion --steps 0 --init assets/layered --out DIR`."""
    numbers = evaluate_motion(load_speech_motion(), held_out_recordings(every=False))
    assert set(numbers) == {f"{language}, clean" for language in languages.LANGUAGES}
    for row in numbers.values():
        assert row["jawOpen r"] > 0.75 and row["mouthPucker r"] > 0.7 and abs(row["lag"]) <= 1
        assert row["driven jaw r"] > 0.6 and abs(row["driven lag"]) <= 1
        assert row["found"] > 0.7 and row["false"] < 0.05 and row["driven quiet"] < 0.02


@needs_voices
def test_a_short_training_writes_weights_that_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vivid.training.loop import Trainer
    from vivid.training.motion import stage
    from vivid.training.presets import with_budget

    config = stage.MotionConfig(recordings=1, batch=2)
    loop = with_budget(config.loop, None, 3, 0, None)
    recordings = stage.encode_recordings(config, tmp_path / "cache", lambda _: None)
    again = stage.encode_recordings(config, tmp_path / "cache", lambda _: None)
    np.testing.assert_array_equal(recordings[0].states, again[0].states)
    monkeypatch.setattr(stage, "evaluate_motion", lambda network: {"english, clean": {"jawOpen r": 0.5}})
    Trainer(stage.MotionStage(config, recordings), loop, tmp_path / "run").run(lambda _: None)
    written = load_speech_motion(tmp_path / "run" / "weights" / "speech_motion.safetensors")
    assert isinstance(written, SpeechMotion)
    assert json.loads((tmp_path / "run" / "weights" / "evaluation.json").read_text())["english, clean"]


def test_every_case_of_the_evaluation_is_a_condition() -> None:
    for case in CASES.values():
        RecordingConditions("english", **case)
