"""Talking clips with labels: NNNNNN.mp4 (H.264, AAC) and NNNNNN.npz (`clip_labels`), one pair a seed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..config import SAMPLE_RATE
from ..media.outputs import written_whole
from ..media.video import VideoWriter
from .background import make_background
from .character import Character
from .labels import SUBPIXEL, GroundTruth
from .performance import Performance, perform
from .render import Renderer
from .scene import Scene, frame_camera
from .transforms import Array
from .visemes import PHONE_NAMES, clean_symbol, frame_tracks

QUALITY = 17
"""x264's constant rate factor of rendered clips."""


def render_clip(
    renderer: Renderer, scene: Scene, performance: Performance, fps: float
) -> tuple[list[Array], dict[str, Array]]:
    """RGB frames (size, size, 3) uint8 and per-frame labels (unquantised)."""
    p, person = performance, scene.character
    truth = GroundTruth(person, renderer)
    shifts = scene.smooth_shifts(p.vectors, p.head, p.torso, fps, keep_inside=not p.leaving)
    frames: list[Array] = []
    rows: dict[str, list] = {k: [] for k in ("xy", "vis", "hand_box", "head_box", "head_rot", "mouth")}
    for i in range(len(p.vectors)):
        pose = scene.fixed_pose(p.vectors[i], p.head[i], p.torso[i], p.gaze[i], dict(L=shifts[i, 0], R=shifts[i, 1]))
        frames.append(renderer.draw(person.skin(pose, p.face[i])))
        xy, vis = truth.keypoints()
        hands, head = truth.boxes()
        for key, value in zip(rows, (xy, vis, hands, head, truth.head_angles(), truth.mouth()), strict=True):
            rows[key].append(value)
    return frames, {k: np.array(v) for k, v in rows.items()}


def clip_labels(
    raw: dict[str, Array], performance: Performance, person: Character, fps: float, size: int, camera: dict
) -> dict[str, Array]:
    """Compact arrays of one clip; T frames, P phones.

    kp int16 (T, 128, 2) in 1/16 pixel; vis uint8 (T, 128), bit 0 in frame, bit 1 visible; hand_box int16 (T, 2, 4)
    and head_box (T, 4) x0, y0, x1, y1 in 1/16 pixel; head_rot int16 (T, 3) yaw, pitch, roll in 1/100 degree;
    mouth uint8 (T, 2) lip opening and mouth width over eye distance, times 200; phone, viseme, stress uint8 (T);
    phones int32 (P, 4) start ms, end ms, phone, stress; meta a JSON string.
    """

    def pixels(a: Array) -> Array:
        return np.clip(np.round(a * SUBPIXEL), -32768, 32767).astype("i2")

    phone, shape, stress = frame_tracks(performance.phones, fps, len(raw["xy"]))
    meta = dict(
        fps=fps,
        size=size,
        identity=person.seed,
        voice=performance.voice.key,
        voice_name=performance.voice.name,
        male=person.spec["male"],
        text=performance.text,
        camera=camera,
        leaving=performance.leaving,
        sample_rate=SAMPLE_RATE,
    )
    phones = np.array(
        [
            [p.start * 1000, p.end * 1000, PHONE_NAMES.index(clean_symbol(p.symbol)), p.stress]
            for p in performance.phones
        ],
        "i4",
    ).reshape(-1, 4)
    return dict(
        kp=pixels(raw["xy"]),
        vis=raw["vis"],
        hand_box=pixels(raw["hand_box"]),
        head_box=pixels(raw["head_box"]),
        head_rot=np.round(raw["head_rot"] * 100).astype("i2"),
        mouth=np.clip(np.round(raw["mouth"] * 200), 0, 255).astype("u1"),
        phone=phone,
        viseme=shape,
        stress=stress,
        phones=phones,
        meta=np.array(json.dumps(meta)),
    )


def set_stage(renderer: Renderer, person: Character, clip_seed: int | None) -> dict[str, float]:
    """Loads person, room and camera: the person's own when `clip_seed` is None, otherwise random ones."""
    own = clip_seed is None
    rng = np.random.default_rng([person.seed, 41] if own else [clip_seed or 0, 6])
    room = person.spec["background_seed"] + (0 if clip_seed is None else 1 + clip_seed)
    renderer.load(person, make_background(room))
    return dict(frame_camera(renderer, person, rng), own=own)


def make_clip(
    renderer: Renderer,
    identity_file: Path,
    clip_seed: int,
    seconds: float,
    fps: float,
    text: str | None = None,
    gestures: Sequence[str] | None = None,
    split: str = "all",
    fixed_camera: float = 0.5,
    head_motion: float = 1.0,
) -> tuple[list[Array], dict[str, Array], Performance]:
    """One complete clip: frames, labels, performance; `fixed_camera` is the share of clips on the own stage.

    Other arguments are those of `perform`.
    """
    rng = np.random.default_rng([clip_seed, 5])
    person = Character(identity_file)
    camera = set_stage(renderer, person, None if rng.random() < fixed_camera else clip_seed)
    performance = perform(rng, person, seconds, fps, text, gestures, split, head_motion)
    frames, raw = render_clip(renderer, Scene(renderer, person), performance, fps)
    return frames, clip_labels(raw, performance, person, fps, renderer.size, camera), performance


def write_clip(path: Path, frames: list[Array], labels: dict[str, Array], performance: Performance, fps: float) -> None:
    """`path` without suffix; the labels come last, so a clip with labels is complete."""
    size = (frames[0].shape[1], frames[0].shape[0])
    with VideoWriter(path.with_suffix(".mp4"), size, fps, performance.speech, quality=QUALITY) as writer:
        for frame in frames:
            writer.write(frame)
    with written_whole(path.with_suffix(".npz")) as file:
        np.savez_compressed(file, **labels)
