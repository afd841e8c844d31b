"""People in random clothes with the class of every pixel: training pictures for clothes parsing.

A second pass over the same scene writes classes instead of colours: one flat program per part, with that part's own
rules for what is cut away.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..media.outputs import written_whole
from . import character, shaders
from .gestures import ARMS, FINGERS, LEAVING, NAMES, arm_vector, gesture_vector
from .identity import make_identity
from .labels import GroundTruth
from .render import Renderer
from .scene import Scene
from .transforms import Array
from .wardrobe import new_spec

CLASSES = ("room", "hair", "face", "torso", "sleeve_left", "sleeve_right", "arm_left", "arm_right")
MATERIALS = ("shirt", "jacket", "collar", "trousers")
SIZE, RENDER_SIZE = 256, 384
POSES = 8
"""Pictures of one dressed person: building one takes as long as drawing several."""

_ARM = "(A > .05 && (C.y > 1.6 || abs(C.x) > 2.4))"
_CLOTH_SIDE = f"part = {_ARM} ? (C.x > 0. ? 4. : 5.) : 3.;"
_SKIN_SIDE = f"part = {_ARM} ? (C.x > 0. ? 6. : 7.) : (H > .5 ? 1. : 2.);"
_HAIR = """
  vec3 t = normalize(T); vec3 q = C + curl * .10 * vec3(noise(C * 5.), noise(C * 5. + 9.), noise(C * 5. + 5.));
  vec3 a = normalize(cross(t, vec3(.3, .1, .9))), b = cross(t, a);
  vec3 sp = vec3(dot(q, a) * hairfreq, dot(q, b) * hairfreq, dot(q, t) * hairfreq * mix(.06, .5, curl));
  float s = noise(sp) * .65 + noise(sp * 2.3) * .35;
  if (s < mix(.05, .72, L) * (2. - hairdens) + (1. - smoothstep(0., .85, H)) * .75) discard; part = 1.;"""
_BODIES = {  # the rest is the face
    "skin": "if (covered(0, C, A, .10) || covered(1, C, A, .10) || !gl_FrontFacing) discard; " + _SKIN_SIDE,
    "cloth": "CUT if (covered(1, C, A, mix(.40, .10, smoothstep(2.6, 4.0, C.y)))) discard; "
    "material = C.y < .55 ? 3. : 0.; " + _CLOTH_SIDE,
    "jacket": "CUT material = 1.; " + _CLOTH_SIDE,
    "collar": "part = 3.; material = 2.;",
    "hair": _HAIR,
    "curtain": "CUT part = 1.;",
    "lash": "discard;",
    "beard": "discard;",
}


def _label_program(part: str) -> str:
    body = _BODIES.get(part, "part = 2.;").replace("CUT", shaders.CUT.get(part, ""))
    return (
        "#version 330\n" + shaders.COMMON + "uniform float hairdens, hairfreq, curl; out vec4 label;\n"
        "void main() { float part = 0., material = 0.; " + body + " label = vec4(part, material, C.xy); }"
    )


class PartRenderer(Renderer):
    """Also draws which part of the person every pixel shows."""

    def __init__(self) -> None:
        super().__init__(SIZE, RENDER_SIZE, detail=True)
        c, shape = self.ctx, (RENDER_SIZE, RENDER_SIZE)
        self.label_programs: dict[str, Any] = {n: c.program(shaders.VERTEX, _label_program(n)) for n in character.PARTS}
        self.label_target = c.framebuffer([c.texture(shape, 4, dtype="f2")], c.depth_renderbuffer(shape))

    def load(
        self, character: character.Character, background: Array, look: dict | None = None, bake_ao: bool = True
    ) -> None:
        """See `Renderer.load`."""
        super().load(character, background, look, bake_ao)
        self.label_arrays = {
            part: self.ctx.vertex_array(self.label_programs[part], self.layout, self.index, skip_errors=True)
            for part, _, _ in character.ranges
        }
        self._owned += self.label_arrays.values()
        self._write_uniforms(self.label_programs.values())

    def labels(self) -> Array:
        """(RENDER_SIZE, RENDER_SIZE, 4) float16: class, material, canonical x and y of the mesh last drawn."""
        self.label_target.use()
        self.label_target.clear()
        data = self.view_projection.T.astype("f4").tobytes()
        for part, first, count in self.character.ranges:
            self.label_programs[part]["VP"].write(data)
            self.label_arrays[part].render(vertices=count, first=first)
        pixels = np.frombuffer(self.label_target.read(components=4, dtype="f2"), "f2")
        return pixels.reshape(RENDER_SIZE, RENDER_SIZE, 4)[::-1]


def _aim(renderer: PartRenderer, person: character.Character, rng: np.random.Generator) -> None:
    """A camera anywhere from head and shoulders to the hips, where the mesh ends."""
    u, base, rest = rng.uniform, person.base, person.full_rest
    body = np.unique(base.tri["body"])
    crown, chin, low = rest[body, 1].max(), rest[base.keypoints["face68"][8], 1], rest[body, 1].min()
    share = u(0.24, 0.40) if rng.random() < 0.75 else u(0.40, 0.60)
    height = (crown - chin) / share
    top = crown + u(0.0, 0.10) * height
    bottom = max(top - height, low + 0.12)
    height = top - bottom
    fov, yaw = np.radians(u(14, 34)), np.radians(np.clip(rng.normal(0, 11), -32, 32))
    target = np.array([rng.normal(0, 0.03), top - height / 2, 0.06])
    towards = np.array([np.sin(yaw), np.sin(u(-0.06, 0.14)), np.cos(yaw)])
    renderer.camera(target + height / 2 / np.tan(fov / 2) * towards, target, fov, rng.normal(0, 0.03))


def _gesture(rng: np.random.Generator) -> Array:
    """Library gestures, mixtures of their arms, with wrists displaced at random."""
    if rng.random() < 0.45:
        vector = gesture_vector(str(rng.choice(NAMES if rng.random() < 0.75 else LEAVING))).copy()
    else:
        arms, fingers = list(ARMS), list(FINGERS)
        one = (str(rng.choice(arms)), str(rng.choice(fingers)))
        other = one if rng.random() < 0.5 else (str(rng.choice(arms)), str(rng.choice(fingers)))
        vector = arm_vector(*one, *other)
    for k in (0, 25):
        vector[k : k + 3] += rng.normal(0, rng.choice([0.06, 0.18]), 3)
        vector[k + 3 : k + 9] += rng.normal(0, 0.10, 6)
    return vector


def draw_person(renderer: PartRenderer, file: Path, rng: np.random.Generator, poses: int = POSES) -> list[dict]:
    """Pictures of one body in new clothes, each a dict of

    rgba: (SIZE, SIZE, 4) uint8, premultiplied, white cloth, no room; classes, materials: (SIZE, SIZE) uint8; canon:
    (SIZE/2, SIZE/2, 2) float16, coordinates on cloth; points: (128, 3) float32, x, y and 1 where in the picture.
    """
    male = bool(make_identity(int(file.stem))["male"])
    person = character.Character(file, spec=new_spec(rng, male))
    renderer.load(person, np.zeros((8, 8, 3), np.uint8))
    scene, truth, out = Scene(renderer, person), GroundTruth(person, renderer), []
    for _ in range(poses):
        _aim(renderer, person, rng)
        pose = scene.fixed_pose(_gesture(rng), rng.normal(0, 0.14, 3), rng.normal(0, 0.07, 3), rng.normal(0, 0.1, 2))
        image = renderer.draw(person.skin(pose, dict(jawOpen=float(max(0.0, rng.normal(0, 0.2))))))
        full = renderer.labels()
        shares = [(full[..., 0] == k).astype(np.float32) for k in range(len(CLASSES))]
        shares = [cv2.resize(s, (SIZE, SIZE), interpolation=cv2.INTER_AREA) for s in shares]
        near = ((np.arange(SIZE) + 0.5) * RENDER_SIZE / SIZE).astype(int)
        small = full[near][:, near]
        alpha = ((1 - shares[0]) * 255).round().astype(np.uint8)
        xy, visibility = truth.keypoints()
        points = np.concatenate([xy, (visibility & 1)[:, None]], 1).astype(np.float32)
        out.append(
            dict(
                rgba=np.dstack([image, alpha]),
                classes=np.argmax(shares, 0).astype(np.uint8),
                materials=small[..., 1].astype(np.uint8),
                canon=small[::2, ::2, 2:].copy(),
                points=points,
            )
        )
    return out


def write_part_shard(renderer: PartRenderer, path: Path, files: list[Path], seed: int, count: int) -> None:
    """`count` pictures drawn from `seed` as one npz of stacked arrays (see `draw_person`), whole or not at all."""
    rng = np.random.default_rng([seed, 31])
    rows: list[dict] = []
    while len(rows) < count:
        file = files[int(rng.integers(len(files)))]
        rows += draw_person(renderer, file, rng, min(POSES, count - len(rows)))
    with written_whole(path) as shard:
        np.savez(shard, **{key: np.stack([row[key] for row in rows]) for key in rows[0]})
