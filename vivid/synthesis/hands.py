"""Hand crops for the hand codebook: close-ups of a lone forearm and hand, and crops of full scenes."""

from __future__ import annotations

import functools
from pathlib import Path

import cv2
import numpy as np

from ..media.outputs import written_whole
from . import gestures
from .background import make_background
from .character import Character
from .contact import hand_points
from .identity import JACKETS, SHIRTS, linear_rgb
from .labels import LEFT_HAND, SUBPIXEL, TOLERANCE, project_visible
from .render import Renderer
from .rig import RigPose
from .scene import Scene, frame_camera
from .transforms import Array, euler, unit

PER_IDENTITY = 32  # images from one loaded character before the next one


@functools.lru_cache(128)
def _background(k: int) -> Array:
    return make_background(k)


def random_background(rng: np.random.Generator) -> Array:
    """One of 100 backgrounds kept in memory."""
    return _background(int(rng.integers(100)) + 10**6)


def random_fingers(rng: np.random.Generator) -> tuple[Array, float]:
    """A plausible finger pose: a blend of two library poses with correlated noise."""
    names = list(gestures.FINGERS)
    (a, sa), (b, sb) = (gestures.FINGERS[n] for n in rng.choice(names, 2, replace=False))
    t = rng.choice([0.0, rng.uniform(0, 1), rng.uniform(0, 0.4)])
    flexion = np.array(a) * (1 - t) + np.array(b) * t
    flexion[1:] += rng.normal(0, 0.10) + rng.normal(0, 0.07, (4, 1)) * [1, 0.9, 0.5]
    flexion[0] += rng.normal(0, 0.09, 3)
    flexion[1:] = np.clip(flexion[1:], [-0.12, 0, 0], [1.5, 1.8, 1.12])
    return flexion, float(np.clip(sa * (1 - t) + sb * t + rng.normal(0, 0.05), 0, 0.4))


def random_look(rng: np.random.Generator, look: dict) -> dict:
    """New sleeve colours and light for an identity (skin and nails stay)."""
    look = dict(look)
    look["cloth"], look["cloth2"] = (linear_rgb(str(c)) for c in rng.choice(SHIRTS, 2, replace=False))
    look["jcol"] = linear_rgb(str(rng.choice(JACKETS)))
    azimuth, height = rng.uniform(-1.2, 1.2), rng.uniform(0.1, 0.9)
    look["keydir"] = unit(
        np.array([np.sin(azimuth) * np.cos(height), np.sin(height), np.cos(azimuth) * np.cos(height)])
    )
    look["exposure"] = rng.uniform(0.8, 1.2)
    return look


class CloseUps:
    """Lone forearm and hand, any camera direction."""

    def __init__(self, renderer: Renderer, identity_file: Path, rng: np.random.Generator):
        self.renderer, self.rng = renderer, rng
        self.side = str(rng.choice(["L", "R"]))
        self.person = Character(identity_file, self.side)
        self.look = self.person.spec["look"]
        for key, gain in (("sky", 0.72), ("ground", 0.62), ("keycol", 1.2)):  # no baked occlusion: less ambient
            self.look[key] = self.look[key] * gain
        renderer.load(self.person, random_background(rng), bake_ao=False)
        renderer.occlusion.write(np.full(len(self.person.render_vertex), 0.92, "f4"))

    def image(self) -> tuple[Array, Array, Array]:
        """RGB crop, 21 key points (pixels), visibility bytes."""
        rng, rig, person, side = self.rng, self.person.rig, self.person, self.side
        if rng.random() < 0.25:
            self.renderer.set_look(random_look(rng, self.look))
            self.renderer.set_background(random_background(rng))
        flexion, spread = random_fingers(rng)
        relaxed = np.array(gestures.FINGERS["relaxed"][0])
        fingers = {s: flexion if s == side else relaxed for s in "LR"}
        bend = euler(rng.normal(0, 0.25), rng.normal(0, 0.15), rng.normal(0, 0.25))
        rig.solve(RigPose({f"wrist.{side}": bend}, {}, fingers, {s: spread for s in "LR"}))
        vertices = person.skin_solved({})
        points = hand_points(rig, side)
        centre = (points.min(0) + points.max(0)) / 2 + rng.normal(0, 0.008, 3)
        direction = unit(rng.normal(0, 1, 3))
        forearm = unit(rig.posed_head(f"lowerarm01.{side}") - rig.posed_head(f"wrist.{side}"))
        if direction @ forearm > 0.6:  # not from behind the elbow
            direction = unit(direction - 1.5 * forearm * (direction @ forearm))
        half = np.linalg.norm(points - centre, axis=1).max() * rng.uniform(1.05, 1.45)
        fov = np.radians(rng.uniform(14, 30))
        eye = centre + direction * half / np.tan(fov / 2)
        up_like = -forearm if rng.random() < 0.75 else unit(rng.normal(0, 1, 3))  # mostly fingers up
        self._aim(eye, centre, fov, unit(up_like + rng.normal(0, 0.45, 3)))
        self.renderer.shadow_view = (centre, 0.2)
        self.renderer.background_shift = tuple(rng.uniform(-0.05, 0.05, 2))
        image = self.renderer.draw(vertices)
        xy, visibility = project_visible(self.renderer, points, TOLERANCE[LEFT_HAND])
        return image, xy, visibility

    def _aim(self, eye: Array, centre: Array, fov: float, up: Array) -> None:
        """Camera with an arbitrary up vector; the light turns with it so that the lit side is seen."""
        r = self.renderer
        forward = unit(centre - eye)
        side = unit(np.cross(forward, up))
        true_up = np.cross(side, forward)
        r.camera(eye, centre, fov)
        r.view = np.eye(4)
        r.view[0, :3], r.view[1, :3], r.view[2, :3] = side, true_up, -forward
        r.view[:3, 3] = -r.view[:3, :3] @ eye
        r.view_projection = r.projection @ r.view
        base = getattr(self, "_light", None)
        if base is None or base[0] is not r.look:
            self._light = base = (r.look, {k: np.array(r.look[k]) for k in ("keydir", "filldir", "rimdir")})
        turned = {k: r.view[:3, :3].T @ v for k, v in base[1].items()}
        r.look.update(turned)
        for p in r.programs.values():
            for key, value in turned.items():
                if key in p:
                    p[key].value = tuple(value)


class ContextCrops:
    """Crops of both hands in the full scene, seen by the usual front camera."""

    def __init__(self, renderer: Renderer, identity_file: Path, rng: np.random.Generator):
        self.renderer, self.rng = renderer, rng
        self.person = Character(identity_file)
        renderer.shadow_view = (np.array([0.0, -0.02, 0.12]), 0.72)
        renderer.load(self.person, random_background(rng))
        renderer.set_look(random_look(rng, self.person.spec["look"]))
        self.scene = Scene(renderer, self.person)
        self.side = "L"

    def image(self) -> tuple[Array, Array, Array]:
        rng, r = self.rng, self.renderer
        frame_camera(r, self.person, rng)
        eye = r.eye.copy()
        vector = gestures.gesture_vector(str(rng.choice(gestures.NAMES)))
        vector[gestures.POSITIONS] += rng.normal(0, 0.06, 6)
        vector[[3, 4, 5, 6, 7, 8, 28, 29, 30, 31, 32, 33]] += rng.normal(0, 0.12, 12)
        for k in (9, 34):
            flexion, spread = random_fingers(rng)
            if rng.random() < 0.6:
                vector[k : k + 15], vector[k + 15] = flexion.ravel(), spread
        pose = self.scene.fixed_pose(vector, torso=rng.normal(0, 0.03, 3))
        vertices = self.person.skin(pose, {})
        self.side = str(rng.choice(["L", "R"]))
        points = hand_points(self.person.rig, self.side)
        centre = (points.min(0) + points.max(0)) / 2 + rng.normal(0, 0.008, 3)
        half = np.linalg.norm(points - centre, axis=1).max() * rng.uniform(1.1, 1.5)
        r.camera(eye, centre, 2 * np.arctan(half / np.linalg.norm(eye - centre)))
        image = r.draw(vertices)
        xy, visibility = project_visible(self.renderer, points, TOLERANCE[LEFT_HAND])
        return image, xy, visibility


def write_shard(path: Path, items: list[tuple]) -> None:
    """npz, complete or not at all: jpeg bytes + offset (N+1), kp int16 (N, 21, 2) 1/16 px, vis, side (0 left),
    identity, context.
    """
    streams = [cv2.imencode(".jpg", im[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 93])[1].ravel() for im, *_ in items]
    with written_whole(path) as file:
        np.savez(
            file,
            jpeg=np.concatenate(streams),
            offset=np.cumsum([0] + [len(s) for s in streams]).astype("i8"),
            kp=np.round(np.array([i[1] for i in items]) * SUBPIXEL).astype("i2"),
            vis=np.array([i[2] for i in items]),
            side=np.array([i[3] == "R" for i in items], "u1"),
            identity=np.array([i[4] for i in items], "i4"),
            context=np.array([i[5] for i in items], "u1"),
        )


def make_items(
    renderer: Renderer, files: list[Path], count: int, context: float, rng: np.random.Generator
) -> list[tuple]:
    """`count` tuples (image, xy, visibility, side, identity, is_context)."""
    out: list[tuple] = []
    while len(out) < count:
        file = files[rng.integers(len(files))]
        in_context = rng.random() < context
        source = (ContextCrops if in_context else CloseUps)(renderer, file, rng)
        for _ in range(min(PER_IDENTITY, count - len(out))):
            image, xy, visibility = source.image()
            out.append((image, xy, visibility, source.side, source.person.seed, in_context))
    return out


def write_hand_shard(renderer: Renderer, path: Path, files: list[Path], seed: int, count: int, context: float) -> None:
    """One shard of `count` crops, all drawn from `seed`; `context` is the share of crops of full scenes."""
    rng = np.random.default_rng([seed, 11])
    write_shard(path, make_items(renderer, files, count, context, rng))
