"""Rendered people without rendering: identities, speech, motion, framing, the gesture clips that ship."""

from __future__ import annotations

import argparse
import ctypes.util
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy")

from vivid.commands import synthesize
from vivid.errors import InputError
from vivid.pose.clips import load_clip
from vivid.pose.skeleton import RIGHT, PoseClip
from vivid.synthesis import speech
from vivid.synthesis.basemesh import ASSETS, QUANTUM, load_base
from vivid.synthesis.camera import Camera
from vivid.synthesis.character import Character
from vivid.synthesis.identity import make_identity
from vivid.synthesis.labels import FACE, GroundTruth
from vivid.synthesis.motions import SCRIPTS, Script, make_motion
from vivid.synthesis.performance import allowed
from vivid.synthesis.rig import RigPose
from vivid.synthesis.scene import frame_camera
from vivid.synthesis.tracks import head_track, spoken_phrases
from vivid.synthesis.visemes import UNITS, Phone, mouth_curves
from vivid.synthesis.workers import PeopleJob, identity_files, render

GOLDEN = ["f2d8e5f547c7", "cae3bae000f9", "c50a69c9a590"]
MOTIONS = Path(__file__).parents[1] / "assets" / "motions"
IDENTITIES = sorted(ASSETS.glob("0*.npz"))
espeak = pytest.mark.skipif(ctypes.util.find_library("espeak-ng") is None, reason="espeak-ng is not installed")


def shape_digest(seed: int) -> str:
    spec = make_identity(seed)
    data = {k: spec[k] for k in ("phenotype", "local", "head_ratio")}
    return hashlib.sha256(json.dumps(data, default=float, sort_keys=True).encode()).hexdigest()[:12]


def test_baked_people_still_fit_their_descriptions() -> None:
    """A change of these numbers means that the identity files have to be baked again."""
    assert [shape_digest(k) for k in (0, 8, 23)] == GOLDEN
    assert [int(np.load(f)["seed"]) for f in IDENTITIES] == list(range(24))


def test_people_vary() -> None:
    specs = [make_identity(k) for k in range(60)]
    men = [s["facial_hair"] for s in specs if s["male"]]
    assert {"none", "stubble", "moustache", "goatee"} <= set(men)
    assert all(s["facial_hair"] == "none" for s in specs if not s["male"])
    assert np.ptp([s["look"]["skin"].mean() for s in specs]) > 0.35
    assert len({s["clothes"]["kind"] for s in specs}) >= 6


@pytest.mark.parametrize("file", IDENTITIES[::8], ids=lambda f: f.stem)
def test_framing(file: Path) -> None:
    """Crown to chin 28 to 35 % of the height, a mouth of about 20 pixels or more at 256, whatever the camera draws."""
    person, camera = Character(file), Camera(256)
    flat = np.zeros((5, 3))
    person.skin(RigPose({}, {}, dict(L=flat, R=flat), dict(L=0.1, R=0.1)), {})
    body = person.full_rest[np.unique(person.base.tri["body"])]
    crown = body[body[:, 1].argmax()]
    truth = GroundTruth(person, camera)
    for seed in range(4):
        frame_camera(camera, person, np.random.default_rng(seed))
        face = camera.project(truth.world()[FACE])[0]
        share = (face[8, 1] - camera.project(crown[None])[0][0, 1]) / 256
        assert 0.26 <= share <= 0.37
        assert np.linalg.norm(face[54] - face[48]) >= 19.5


def test_splits_share_nothing() -> None:
    train, held = allowed("train"), allowed("held-out")
    for one, other, everything in zip(train, held, allowed("all"), strict=True):
        assert other
        assert not {str(x) for x in one} & {str(x) for x in other}
        assert len(one) + len(other) == len(everything)


@espeak
def test_speech_has_ordered_phones_and_is_repeatable() -> None:
    voice = next(v for v in speech.voices() if v.name == "en-us")
    text = "We planted an apple tree."
    a, phones = speech.synthesise(text, voice, np.random.default_rng(3))
    speech.synthesise("Something else in between.", voice, np.random.default_rng(4))
    b, _ = speech.synthesise(text, voice, np.random.default_rng(3))
    assert np.array_equal(a, b)
    assert 0.8 < len(a) / speech.SAMPLE_RATE < 4
    starts = [p.start for p in phones]
    assert starts == sorted(starts)
    assert sum(p.stress for p in phones) >= 2
    assert "PP" in [p.viseme for p in phones]


def phone(start: float, end: float, viseme: str, stress: bool = False) -> Phone:
    symbol = {"aa": "ɑ", "PP": "p", "sil": ""}[viseme]
    return Phone(start, end, symbol, viseme, stress)


def test_head_nods_on_stress_and_rests_in_silence() -> None:
    phones = [phone(1.0, 1.2, "PP"), phone(1.2, 1.32, "aa", True), phone(1.32, 1.6, "PP")]
    count, fps = 96, 24.0
    spoken, quiet = (
        np.mean([head_track(np.random.default_rng(s), count, fps, p)[0][:, 0] for s in range(12)], 0)
        for p in (phones, [])
    )
    nod = spoken - quiet
    assert abs((20 + nod[20:48].argmax()) / fps - 1.29) < 0.15
    assert nod.max() > 0.03
    assert np.abs(quiet).max() < 0.02
    full, calm = (head_track(np.random.default_rng(0), count, fps, phones, scale=scale)[:2] for scale in (1.0, 0.25))
    assert all(np.allclose(0.25 * much, little) for much, little in zip(full, calm, strict=True))


def test_phrases_end_at_pauses() -> None:
    phones = [phone(0.2, 0.5, "aa"), phone(0.5, 0.9, "sil"), phone(0.9, 1.4, "aa"), phone(1.4, 1.6, "PP")]
    assert spoken_phrases(phones) == [(0.2, 0.5), (0.9, 1.6)]


def test_mouth_opens_for_vowels_closes_for_lips_and_silence() -> None:
    phones = [phone(0.5, 0.8, "aa"), phone(0.8, 0.95, "PP"), phone(0.95, 1.3, "aa")]
    jaw = mouth_curves(phones, 24, 48)[:, UNITS.index("jawOpen")]
    assert jaw[15] > 0.4
    assert jaw[20] < 0.5 * jaw[15]
    assert jaw[:9].max() < 0.02
    assert jaw[36:].max() < 0.02


def test_motion_is_repeatable_and_stays_in_the_picture() -> None:
    script = Script(0.125, SCRIPTS["calm"].keys)
    one, same, other = (make_motion(script, IDENTITIES[8], seed) for seed in (1, 1, 2))
    assert np.array_equal(one.hands, same.hands)
    assert not np.array_equal(one.hands, other.hands)
    assert (one.hands[..., :2] > 0).all()
    assert (one.hands[..., :2] < 512).all()


def shipped(name: str) -> PoseClip:
    return load_clip(MOTIONS / f"{name}.npz")


def test_the_scripts_ship_with_thumbnails() -> None:
    for name, script in SCRIPTS.items():
        clip = shipped(name)
        assert len(clip) == round(script.seconds * 24)
        assert (MOTIONS / f"{name}.webp").stat().st_size > 5000
        hands = clip.hands[..., :2]
        assert ((hands > 0) & (hands < 512)).all(-1).mean() > 0.99
        jumps = np.linalg.norm(np.diff(clip.hands[..., :2], axis=0), axis=-1)
        assert jumps.max() < 65, name  # pixels of 512 in a 24th of a second
    assert sum(p.stat().st_size for p in MOTIONS.iterdir()) < 3_000_000


def straight(hand: np.ndarray) -> list[bool]:
    """Index to little finger: the tip is much further from the wrist than the middle joint."""
    reach = np.linalg.norm(hand[:, :2] - hand[0, :2], axis=1)
    return [bool(reach[4 * k + 4] > 1.12 * reach[4 * k + 2]) for k in range(1, 5)]


def test_count_shows_one_two_three() -> None:
    hand = shipped("count").hands[:, RIGHT]
    assert [sum(straight(hand[round(t * 24)])) for t in (1.5, 2.7, 3.9)] == [1, 2, 3]


def test_wave_sways_above_the_elbow() -> None:
    clip = shipped("wave")
    tip = clip.hands[28:92, RIGHT, 12, 0]
    speed = np.sign(np.diff(tip - np.convolve(np.pad(tip, 12, mode="edge"), np.ones(25) / 25, "valid")))
    assert (np.diff(speed) != 0).sum() >= 8
    assert (clip.hands[28:92, RIGHT, 12, 1] < clip.body[28:92, 3, 1]).all()


def test_thumbs_up_has_the_thumb_on_top() -> None:
    hand = shipped("thumbs_up").hands[60, RIGHT, :, 1]
    assert hand[4] < np.delete(hand, [2, 3, 4]).min() - 10


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    synthesize.add_arguments(parser)
    return parser.parse_args(words)


def test_jobs_follow_seed_and_people(tmp_path: Path) -> None:
    args = arguments("people", "--out", str(tmp_path), "--count", "5", "--seed", "7", "--identities", "3,5-6")
    synthesize._check(args)
    jobs = synthesize.jobs_of(args)
    assert [j.path.name for j in jobs] == [f"{k:06d}" for k in range(7, 12)]
    assert [j.identity.stem for j in jobs] == ["000005", "000006", "000003", "000005", "000006"]


def test_finished_clips_are_not_done_again(tmp_path: Path) -> None:
    job = PeopleJob(tmp_path / "000001", IDENTITIES[0], 1, 64, 1.0, 24, "all", 0.5, 1.0)
    assert not job.done()
    (tmp_path / "000001.mp4").touch()
    assert not job.done()
    (tmp_path / "000001.npz").touch()
    assert list(render([job], 1)) == [(1, 1)], "no worker is started"


@pytest.mark.parametrize(
    "words", [["--size", "63"], ["--size", "101"], ["--seconds", "0"], ["--fps", "inf"], ["--count", "0"]]
)
def test_senseless_arguments_are_refused(words: list[str], tmp_path: Path) -> None:
    with pytest.raises(InputError):
        synthesize.run(arguments("people", "--out", str(tmp_path), *words))


def test_unknown_people_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no baked person 99"):
        identity_files(ASSETS, [99])
    with pytest.raises(InputError, match="no baked people"):
        identity_files(tmp_path)


def test_identity_files_are_small_and_plain() -> None:
    assert sum(p.stat().st_size for p in ASSETS.iterdir()) < 3_000_000
    base = load_base()
    with np.load(IDENTITIES[5], allow_pickle=False) as data:
        rest = data["rest"] * QUANTUM
    assert rest.shape == base.canon.shape
    assert 0.2 < np.ptp(rest[np.unique(base.tri["eyes"])][:, 1]) * 10 < 0.5
