"""Make assets/layered/face_units.npz: the face units of the project's own head, carried over to the face mesh.

    pip install -r requirements-train.txt
    python scripts/make_face_units.py

A person of `vivid.synthesis` is drawn close up with a slightly open mouth, Face Mesh looks at the picture, and every
mesh point is tied to the three head vertices nearest to it that face the camera. The head's face units (jawOpen,
mouthPucker ...) then are offsets of the 468 points: exact, in three dimensions, without noise of detection. The mean
of several people is made symmetric, and smooth along the lips. Unit: pupil distances; x right, y down, z away.
"""

from __future__ import annotations

import argparse
import sys
from itertools import combinations
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vivid.generators.layered import face_mesh as fm
from vivid.generators.layered.face_units import ASSETS
from vivid.synthesis import mesh
from vivid.synthesis.character import Character
from vivid.synthesis.gestures import gesture_vector
from vivid.synthesis.people import set_stage
from vivid.synthesis.render import Renderer
from vivid.synthesis.scene import Scene

PEOPLE = ASSETS.parent / "people"
PAIRED = (
    "mouthLowerDown", "mouthUpperUp", "mouthPress", "mouthStretch", "mouthSmile", "browOuterUp", "browDown",
    "cheekSquint", "eyeSquint", "mouthFrown",
)  # fmt: skip
SINGLE = (
    "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthRollLower", "mouthRollUpper", "mouthShrugLower",
    "mouthShrugUpper", "browInnerUp", "cheekPuff",
)  # fmt: skip
NEAREST = 3
CHAINS = (fm.UPPER_INNER, fm.LOWER_INNER, fm.UPPER_OUTER, fm.LOWER_OUTER)
FLIP = np.array([-1, 1, 1])


def look(identity: Path, finder: fm.FaceFinder, size: int = 768) -> tuple[dict[str, np.ndarray], np.ndarray] | None:
    """Offsets (468, 3) of each unit and rest points (468, 3) of one person, None where no face is found."""
    person, renderer = Character(identity), Renderer(size)
    set_stage(renderer, person, None)
    pose = Scene(renderer, person).fixed_pose(gesture_vector("belly"))
    face = person.full_rest[person.base.keypoints["face68"]]
    middle, distance = face.mean(0), 1.2
    view = 2 * np.arctan(np.ptp(face[:, 1]) * 2.1 / 2 / distance)
    renderer.camera(middle + [0, 0, distance], middle, view)
    found = finder.find(renderer.draw(person.skin(pose, {"jawOpen": 0.25})))
    if found is None:
        return None
    points, opened = found.points[: fm.POINTS, :2], person.vertices.copy()
    place, depth = renderer.project(opened)
    head = np.intersect1d(np.unique(person.render_vertex[person.part_of == 0]), person.head_vertices)
    towards = renderer.eye - opened
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    front = (mesh.vertex_normals(opened.astype("f4"), person.tri, person.incidence) * towards).sum(1) > 0.05
    use = head[front[head] & (depth[head] < np.median(depth[head[front[head]]]) + 1)]
    off = ((points[:, None] - place[use][None]) ** 2).sum(2)
    # Lips lie on each other: vertices that the jaw moves far belong to the lower one.
    person.skin(pose, {})
    moved = np.linalg.norm(opened - person.vertices, axis=1)
    pupils = [points[[33, 133]].mean(0), points[[263, 362]].mean(0)]
    near = (np.abs(place[use] - points[13]) < 0.6 * np.linalg.norm(pupils[0] - pupils[1])).all(1)
    is_lower = moved[use] > 0.5 * moved[use][near].max()
    for side, chains, wrong in (("upper", CHAINS[::2], is_lower), ("lower", CHAINS[1::2], ~is_lower)):
        bodies = [row for row, _ in fm.LIP_BODIES[side]]
        lip = np.concatenate([*(chain[1:-1] for chain in chains), *bodies])
        off[np.ix_(lip, np.flatnonzero(wrong))] = np.inf
    chosen = np.argsort(off, 1)[:, :NEAREST]
    weight = 1 / (np.take_along_axis(off, chosen, 1) + 0.5)
    weight /= weight.sum(1, keepdims=True)
    tied = use[chosen]

    def shape(units: dict[str, float]) -> np.ndarray:
        person.skin(pose, units)
        return (person.vertices[tied] * weight[:, :, None]).sum(1) * [1, -1, -1]

    rest = shape({})
    unit = np.linalg.norm(rest[[33, 133]].mean(0) - rest[[263, 362]].mean(0))
    offsets = {name: (shape({name: 1.0}) - rest) / unit for name in person.base.unit_names}
    return offsets, (rest - rest[[33, 133, 263, 362]].mean(0)) / unit


def symmetric(offsets: dict[str, np.ndarray], rest: np.ndarray) -> dict[str, np.ndarray]:
    """Left and right together, mirrored, smooth along the lips."""
    mirror = ((rest[:, None, :2] - (rest * FLIP)[None, :, :2]) ** 2).sum(2).argmin(1)
    for chain in CHAINS:  # exact where it matters
        mirror[list(chain)] = chain[::-1]
    out = {}
    for name in PAIRED + SINGLE:
        d = offsets[name] if name in offsets else offsets[name + "Left"] + offsets[name + "Right"]
        d = (d + d[mirror] * FLIP) / 2
        for chain in CHAINS:
            c = list(chain)
            for _ in range(4):
                d[c[1:-1]] = (d[c[:-2]] + 2 * d[c[1:-1]] + d[c[2:]]) / 4
        out[name] = d
    return out


def triangles() -> np.ndarray:
    """(T, 3) of the face mesh without the openings of eyes and mouth."""
    from mediapipe.python.solutions.face_mesh_connections import FACEMESH_TESSELATION

    near: dict[int, set[int]] = {}
    for a, b in FACEMESH_TESSELATION:
        near.setdefault(a, set()).add(b)
        near.setdefault(b, set()).add(a)
    found = {tuple(sorted((a, b, c))) for a in near for b, c in combinations(near[a], 2) if c in near[b]}
    holes = [set(fm.MOUTH)] + [{*eye.upper, *eye.lower} for eye in fm.EYES.values()]
    return np.array(sorted(t for t in found if not any(set(t) <= hole for hole in holes)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("people", type=int, nargs="*", default=range(0, 24, 4), help="numbers of assets/people")
    parser.add_argument("--out", type=Path, default=ASSETS / "face_units.npz")
    args = parser.parse_args()
    finder = fm.FaceFinder()
    looks = [seen for k in args.people if (seen := look(PEOPLE / f"{k:06d}.npz", finder)) is not None]
    rest = np.mean([r for _, r in looks], 0)
    units = symmetric({name: np.mean([o[name] for o, _ in looks], 0) for name in looks[0][0]}, rest)
    offsets = np.stack(list(units.values())).astype(np.float16)
    np.savez_compressed(
        args.out,
        names=np.array(list(units)),
        offsets=offsets,
        rest=rest.astype("f4"),
        triangles=triangles().astype("i2"),
    )
    print(f"{len(looks)} people, {len(units)} units, largest offset {np.abs(offsets).max():.2f} pupil distances")


if __name__ == "__main__":
    main()
