"""A figure taken apart, made up: plain colours, so that what is drawn on it can be measured."""

from __future__ import annotations

import numpy as np
from pose_people import CANVAS, Person, gestures

from vivid.generators.layered.figure import ArmOutline, Layers
from vivid.generators.layered.skin import Look

SKIN = np.array([0.78, 0.58, 0.47])


def figure(hem: float = 0.6, bare: bool = False, skin: np.ndarray = SKIN, person: Person | None = None) -> Layers:
    """Layers (768, 768) of a grey room, a blue torso, and sleeves that end at `hem`."""
    person = person or Person()
    width, height = CANVAS
    pose = gestures(person, 1).frame(0)
    rows, columns = np.mgrid[:height, :width].astype(float)
    plate = np.full((height, width, 3), 120, np.float32)
    neck = np.array(person.place)
    torso = ((np.abs(columns - neck[0]) < person.shoulders / 2) & (rows > neck[1])).astype(np.float32)
    plate[torso > 0] = (60, 80, 140)
    arms, sleeves = [], np.zeros((2, height, width), np.float32)
    for side, out in enumerate((1.0, -1.0)):
        shoulder = neck + [out * person.shoulders / 2, 0]
        elbow = shoulder + [out * 40.0, 0.8 * person.shoulders]
        wrist = elbow + [-out * 60.0, 0.6 * person.shoulders]
        half = np.full(10, 0.16 * person.shoulders)
        arms.append(ArmOutline(shoulder, elbow, wrist, hem, half, half.copy(), True, bare, 0.86 if bare else 9.0))
        v = elbow - shoulder
        along = ((columns - shoulder[0]) * v[0] + (rows - shoulder[1]) * v[1]) / (v @ v)
        beside = np.abs((columns - shoulder[0]) * v[1] - (rows - shoulder[1]) * v[0]) / np.linalg.norm(v)
        sleeves[side] = (along > -0.1) & (along < min(hem, 0.94)) & (beside < half[0])
    cloth = np.full((height, width, 3), (60, 80, 140), np.float32)
    return Layers(
        plate.astype(np.uint8), plate, cloth, sleeves, torso, torso, np.zeros((height, width), bool), pose, arms,
        Look(np.asarray(skin, float), grain=0.0, hem=None if bare or hem > 1.4 else hem), 0.28 * person.shoulders,
        person.shoulders,
    )  # fmt: skip
