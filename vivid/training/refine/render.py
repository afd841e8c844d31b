"""Makes pairs: a rendered clip, and layered frames from another moment of it, driven by the clip's true poses."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from ...config import FPS
from ...errors import InputError
from ...generators.layered.compose import Compositor
from ...generators.layered.drive import drive
from ...generators.layered.head_motion import FaceMotion, HeadAnimator
from ...generators.layered.person import Person, analyse
from ...pose.regions import head_box
from ...pose.skeleton import PoseClip, stacked, unstacked
from ...speech.types import Speech
from ...synthesis.background import make_background
from ...synthesis.character import Character
from ...synthesis.identity import JACKETS, PANTS, SHIRTS, linear_rgb, make_identity
from ...synthesis.labels import VISIBLE, GroundTruth
from ...synthesis.performance import Performance, perform
from ...synthesis.render import Renderer
from ...synthesis.scene import Scene, frame_camera
from ...synthesis.wardrobe import new_spec
from ..clips import HIDDEN_CONFIDENCE
from ..parsing.textures import Textures
from ..windows import NEAREST
from .pairs import Pairs, save_pairs

HEAD_MOTION = 0.3
"""How far heads and torsos move; the layers are told the head's motion, but not the torso's."""
EVERY = 4
"""Every n-th frame of a clip is drawn; neighbouring frames teach much the same."""
CLOSED_SHARE = 0.7
"""Share of portraits with a closed mouth, as in most photographs."""
TRIES = 4
"""Moments tried as the portrait, until both arms can be moved."""
HANDS_SHARE = 0.85
"""Share of portraits for which the moments that show the hands best are tried first."""
RIGID = {27: 168, 28: 6, 30: 4, 36: 33, 39: 133, 42: 362, 45: 263}
"""Points that move with the skull alone: in the 68 layout, and in the mesh of the layers' head."""


@dataclass(frozen=True)
class PairsJob:
    """The clips of one dressed person; see `make_pairs`."""

    path: Path  # without suffix and without the clip's number
    identity: Path
    seed: int
    clips: int
    size: int
    seconds: float
    split: str

    def done(self) -> bool:
        """Whether the last clip exists."""
        return self.path.with_name(f"{self.path.name}_{self.clips - 1}.npz").exists()

    def work(self, renderer: Renderer) -> None:
        """Renders and writes the clips."""
        made = make_pairs(renderer, self.identity, self.seed, self.clips, self.seconds, self.split)
        for number, pairs in made:
            save_pairs(self.path.with_name(f"{self.path.name}_{number}"), pairs)


def make_pairs(
    renderer: Renderer, identity: Path, seed: int, clips: int, seconds: float, split: str
) -> Iterator[tuple[int, Pairs]]:
    """Numbered clips of one body in looks, clothes and light that `seed` draws, each with its own room and camera.

    A clip whose portrait the layers refuse is left out.
    """
    rng = np.random.default_rng([seed, 51])
    person = Character(identity, spec=_looks(rng, bool(make_identity(int(identity.stem))["male"])))
    textures = Textures(seed, noises=4, rooms=2 * clips)
    renderer.load(person, make_background(seed))
    for number in range(clips):
        if rng.random() < 0.5:
            renderer.set_background(textures.room(rng, renderer.size).astype(np.uint8))
        else:
            renderer.set_background(make_background(int(rng.integers(1 << 30))))
        frame_camera(renderer, person, rng)
        performance = perform(rng, person, seconds, FPS, split=split, head_motion=HEAD_MOTION)
        made = _one_clip(renderer, person, performance, rng)
        if made is not None:
            yield number, replace(made, name=f"{seed}_{number}", identity=int(identity.stem))


def _looks(rng: np.random.Generator, male: bool) -> dict[str, Any]:
    """Skin, hair, light and coloured clothes of a random person of that sex."""
    if rng.random() < 0.5:
        while (spec := make_identity(int(rng.integers(1 << 30))))["male"] != male:
            pass
        return spec
    spec = new_spec(rng, male)  # all white
    colours = [linear_rgb(str(code)) for code in rng.choice(SHIRTS, 2, replace=False)]
    jacket, trousers = (linear_rgb(str(rng.choice(codes))) for codes in (JACKETS, PANTS))
    spec["look"] |= dict(cloth=colours[0], cloth2=colours[1], jcol=jacket, pants=trousers)
    return spec


def _one_clip(
    renderer: Renderer, person: Character, performance: Performance, rng: np.random.Generator
) -> Pairs | None:
    """The pairs of one performance, or None when the layers cannot move the person."""
    p, scene = performance, Scene(renderer, person)
    count = len(p.vectors)
    shifts = scene.smooth_shifts(p.vectors, p.head, p.torso, FPS, keep_inside=not p.leaving)

    def vertices(i: int, face: dict[str, float]) -> NDArray[Any]:
        shift = dict(L=shifts[i, 0], R=shifts[i, 1])
        return person.skin(scene.fixed_pose(p.vectors[i], p.head[i], p.torso[i], p.gaze[i], shift), face)

    speech = p.speech
    clip = _poses(renderer, person, [lambda i=i: vertices(i, p.face[i]) for i in range(count)])
    moments = rng.integers(count, size=TRIES)
    if rng.random() < HANDS_SHARE:
        hands = clip.hands[moments][..., :2]
        shown = ((hands > 0) & (hands < renderer.size)).all(-1).sum((1, 2))
        moments = moments[np.argsort(-shown)]
    for moment in moments.tolist():
        face = p.face[moment]
        if rng.random() < CLOSED_SHARE:
            kept = ("eyeBlink", "brow", "mouthSmile", "cheekSquint")
            face = {name: value for name, value in face.items() if name.startswith(kept)}
        face = {name: value for name, value in face.items() if not name.startswith("eyeBlink")}
        portrait = renderer.draw(vertices(moment, face))
        pose = _poses(renderer, person, [lambda m=moment, f=face: vertices(m, f)])
        try:
            layers = analyse(portrait, pose.frame(0), head_box(pose.frame(0)))
        except InputError:
            continue
        if any(layers.plan.still):
            continue
        compositor = _drive(layers, clip, pose, p, face, speech)
        chosen = [i for i in range(int(rng.integers(EVERY)), count, EVERY) if abs(i - moment) >= NEAREST]
        true = [renderer.draw(vertices(i, p.face[i])) for i in chosen]
        drawn = [compositor.frame(i) for i in chosen]
        both = unstacked(np.concatenate([stacked(pose), stacked(clip)[chosen]]), clip.canvas)
        return Pairs("", portrait, np.stack(drawn), np.stack(true), both, np.array(chosen), speech.samples, count, 0)
    return None


def _poses(renderer: Renderer, person: Character, frames: list[Any]) -> PoseClip:
    """True poses of frames, each given as a function without arguments that poses the person; covered points have half
    the confidence."""
    truth, rows = GroundTruth(person, renderer), []
    for pose_person in frames:
        renderer.dynamic.write(pose_person())
        xy, visibility = truth.keypoints()
        sure = np.where(visibility & VISIBLE, 1.0, HIDDEN_CONFIDENCE)
        rows.append(np.concatenate([xy, sure[:, None]], 1).astype(np.float32))
    return unstacked(np.array(rows), (renderer.size, renderer.size))


def _drive(
    layers: Person,
    clip: PoseClip,
    portrait: PoseClip,
    performance: Performance,
    portrait_face: dict[str, float],
    speech: Speech,
) -> Compositor:
    """The layers of all frames, with the mouth driven by the speech, and head, lids and brows as in the true frames:
    speech does not determine these, and a network that refines a frame must not be asked to move them."""
    faces = []
    for face, true in zip(drive(speech, len(clip), 0), performance.face, strict=True):
        units = dict(face.units)
        for name, of in (("browInnerUp", "browInnerUp"), ("browOuterUp", "browOuterUpLeft")):
            units[name] = true.get(of, 0.0) - portrait_face.get(of, 0.0)
        blink = float(np.clip(true.get("eyeBlinkLeft", 0.0), 0, 1))
        faces.append(replace(face, units=units, blink=blink, gaze=(0.0, 0.0)))
    faces = follow_head(layers, clip, portrait, faces)
    compositor = Compositor(layers, clip, clip, np.arange(len(clip), dtype=float), faces)
    # the layers' body sways as a whole, which the true head's motion does not include: remove it
    head = layers.head
    middle = head.points[list(RIGID.values()), :2].mean(0) + head.box[:2]
    still = []
    for index, face in enumerate(faces):
        away = compositor.sway.at(middle, index) / head.scale
        still.append(replace(face, shift=(face.shift[0] - float(away[0]), face.shift[1] - float(away[1]))))
    compositor.faces = still
    return compositor


def follow_head(layers: Person, clip: PoseClip, portrait: PoseClip, faces: list[FaceMotion]) -> list[FaceMotion]:
    """The same motions with turn and shift that bring the portrait's skull to where each frame of the clip has it."""
    animator = HeadAnimator(copy.copy(layers.head))
    points = layers.head.points[list(RIGID.values())]
    rigid = list(RIGID)
    follow = np.ones(len(points))
    guess, out = np.zeros(5), []
    for face, true in zip(faces, clip.face, strict=True):
        moved = true[rigid, :2] - portrait.face[0, rigid, :2]

        def motion(x: NDArray[np.float64], face: FaceMotion = face) -> FaceMotion:
            return replace(face, pitch=x[0], yaw=x[1], roll=x[2], shift=(float(x[3]), float(x[4])))

        def error(x: NDArray[np.float64], moved: NDArray[Any] = moved) -> NDArray[np.float64]:
            placed = animator.place(points, motion(x), follow)[:, :2] - points[:, :2]
            # a small penalty on turns: noise in nearly flat points must not turn the head
            return np.concatenate([(placed - moved).ravel() / layers.head.scale, 0.02 * x[:3]])

        guess = least_squares(error, guess, method="lm").x
        out.append(motion(guess))
    return out
