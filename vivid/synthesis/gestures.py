"""Key gestures and how they pose the rig.

A gesture vector has 50 numbers, 25 per arm (left first): wrist (out, up, forward) in shoulder widths from the
point between the shoulders, palm direction, finger direction (x outwards), 5x3 finger flexion, finger spread.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .rig import Rig, RigPose
from .transforms import Array, Vector, euler, rotation

Direction = tuple[float, float, float]
ArmPose = tuple[Direction, Direction, Direction]

# fmt: off
FINGERS: dict[str, tuple[list, float]] = {      # five fingers x three flexions, spread
    'relaxed': ([[.15, .15, .15], [.30, .40, .22], [.38, .48, .26], [.45, .52, .30], [.50, .55, .30]], .10),
    'soft': ([[.05, .10, .10], [.14, .22, .12], [.20, .28, .15], [.25, .32, .18], [.28, .35, .2]], .16),
    'open': ([[-.12, 0, 0], [.02, .06, .03], [.03, .08, .04], [.05, .10, .05], [.06, .12, .06]], .28),
    'flat': ([[.12, .08, .02], [.04, .06, .04], [.05, .07, .04], [.06, .08, .04], [.08, .1, .05]], .02),
    'cup': ([[.10, .20, .2], [.32, .28, .18], [.36, .30, .2], [.40, .32, .2], [.42, .34, .2]], .10),
    'fist': ([[.40, .60, .80], [1.42, 1.75, 1.1], [1.45, 1.78, 1.1], [1.45, 1.75, 1.1], [1.42, 1.7, 1.]], 0),
    'point': ([[.42, .6, .75], [.03, .08, .05], [1.45, 1.78, 1.1], [1.45, 1.75, 1.1], [1.42, 1.70, 1.0]], .0),
    'two': ([[.55, .68, .75], [.02, .05, .03], [.02, .05, .03], [1.45, 1.75, 1.1], [1.42, 1.70, 1.0]], .34),
    'one': ([[.55, .68, .75], [.02, .05, .03], [1.45, 1.78, 1.1], [1.45, 1.75, 1.1], [1.42, 1.70, 1.0]], .0),
    'four': ([[.60, .75, .75], [.02, .05, .03], [.0, .05, .03], [.04, .06, .03], [.06, .08, .04]], .30),
    'three': ([[.55, .72, .75], [.02, .05, .03], [.0, .05, .03], [.04, .06, .03], [1.42, 1.70, 1.0]], .30),
    'thumb': ([[-.4, -.1, 0], [1.42, 1.75, 1.1], [1.45, 1.78, 1.1], [1.45, 1.75, 1.1], [1.42, 1.7, 1.]], 0),
    'pinch': ([[.34, .27, .34], [.75, .72, .41], [.42, .45, .25], [.36, .40, .22], [.30, .35, .2]], .14),
    'ok': ([[.33, .29, .42], [.83, .72, .39], [.18, .22, .12], [.10, .15, .1], [.05, .1, .06]], .26),
    'claw': ([[.05, .25, .25], [.22, .55, .35], [.22, .58, .35], [.25, .58, .35], [.28, .58, .35]], .26),
}
ARMS: dict[str, ArmPose] = {      # wrist (out, up, forward), palm direction, finger direction; x outwards from the body
    'belly':   ((.40, -.76, .62), (-.45, -.25, -.80), (-.85, .12, .45)),
    'rest':    ((.46, -.72, .68), (-.75, -.45, -.30), (-.55, .15, .80)),
    'box':     ((.46, -.58, .80), (-.95, .05, .15), (-.10, .42, .85)),
    'offer':   ((.46, -.66, .78), (-.25, .92, .35), (.15, .20, .90)),
    'wide':    ((.66, -.60, .66), (-.30, .85, .45), (.45, .25, .70)),
    'openhi':  ((.62, -.40, .60), (-.40, .35, .85), (.22, .85, .30)),
    'chop':    ((.40, -.55, .82), (-.98, -.10, .0), (-.12, .50, .82)),
    'up':      ((.62, -.34, .52), (-.30, .0, .95), (-.05, 1., .10)),
    'upside':  ((.58, -.42, .60), (-.95, .0, .30), (-.10, .95, .25)),
    'wave':    ((.66, -.22, .46), (-.15, .0, 1.), (.15, 1., .05)),
    'heart':   ((.30, -.42, .44), (-.05, -.05, -1.), (-.88, .40, -.02)),
    'steeple': ((.27, -.66, .66), (-.92, -.05, -.25), (-.48, .72, .42)),
    'over':    ((.32, -.66, .68), (-.10, -.30, -.95), (-.95, .18, .10)),
    'under':   ((.30, -.72, .54), (-.10, .10, -1.), (-.95, .12, .10)),
    'small':   ((.34, -.58, .70), (-.60, .30, .70), (-.30, .75, .55)),
    'hang':    ((.62, -1.42, .14), (-.95, .0, -.20), (.0, -1., .15)),
    'aside':   ((1.25, -.78, .40), (-.30, .60, .60), (.75, -.10, .60)),
    'high':    ((.74, .02, .40), (-.15, .0, 1.), (.10, 1., .05)),
    'fore':    ((.36, -.30, .72), (-.95, -.05, .20), (-.05, .98, .15)),
    'front':   ((.30, -.46, .86), (-.80, -.15, .50), (-.10, .60, .78)),
    'across':  ((.10, -.40, .74), (-.10, -.85, -.30), (-.95, .24, .15)),
    'thumbup': ((.50, -.40, .70), (-.30, .0, -.95), (-.90, .02, .35)),
    'press':   ((.12, -.56, .70), (-1., .0, .0), (.05, .96, .28)),
    'broad':   ((.84, -.48, .58), (-.90, .10, .40), (.05, .55, .80)),
    'narrow':  ((.17, -.50, .80), (-.98, .0, .10), (-.05, .55, .80)),
    'clasp':   ((.13, -.70, .74), (-.96, -.10, -.15), (-.22, .55, .78)),
}
GESTURES = {  # left arm, left fingers, right arm, right fingers
    'belly': ('belly', 'relaxed', 'belly', 'relaxed'), 'rest': ('rest', 'relaxed', 'rest', 'relaxed'),
    'steeple': ('steeple', 'soft', 'steeple', 'soft'), 'folded': ('under', 'flat', 'over', 'flat'),
    'folded2': ('over', 'flat', 'under', 'flat'), 'box': ('box', 'soft', 'box', 'soft'),
    'boxwide': ('box', 'open', 'box', 'open'), 'offer': ('offer', 'soft', 'offer', 'soft'),
    'wide': ('wide', 'open', 'wide', 'open'), 'openhi': ('openhi', 'open', 'openhi', 'open'),
    'stopR': ('belly', 'relaxed', 'up', 'flat'), 'pointR': ('belly', 'relaxed', 'upside', 'point'),
    'pointL': ('upside', 'point', 'belly', 'relaxed'), 'waveR': ('belly', 'relaxed', 'wave', 'open'),
    'twoL': ('up', 'two', 'belly', 'relaxed'), 'twoR': ('rest', 'relaxed', 'up', 'two'),
    'threeR': ('belly', 'relaxed', 'up', 'three'), 'chopR': ('belly', 'relaxed', 'chop', 'flat'),
    'chopL': ('chop', 'flat', 'rest', 'relaxed'), 'heartR': ('belly', 'relaxed', 'heart', 'soft'),
    'heartL': ('heart', 'soft', 'belly', 'relaxed'), 'offerL': ('offer', 'cup', 'belly', 'relaxed'),
    'offerR': ('belly', 'relaxed', 'offer', 'cup'), 'pinchR': ('belly', 'relaxed', 'small', 'pinch'),
    'pinch2': ('small', 'pinch', 'small', 'pinch'), 'okR': ('belly', 'relaxed', 'up', 'ok'),
    'okL': ('up', 'ok', 'rest', 'relaxed'), 'thumbR': ('belly', 'relaxed', 'chop', 'thumb'),
    'fists': ('chop', 'fist', 'chop', 'fist'), 'claw': ('box', 'claw', 'box', 'claw'),
    'openL': ('openhi', 'open', 'belly', 'relaxed'), 'mixed': ('offer', 'soft', 'small', 'pinch'),
    # added after the first set; new ones go to the end, so that the order of NAMES stays
    'oneR': ('belly', 'relaxed', 'up', 'one'), 'oneL': ('up', 'one', 'belly', 'relaxed'),
    'fourR': ('belly', 'relaxed', 'up', 'four'), 'thumbL': ('chop', 'thumb', 'belly', 'relaxed'),
    'thumbs': ('chop', 'thumb', 'chop', 'thumb'), 'frontR': ('belly', 'relaxed', 'front', 'point'),
    'clasp': ('clasp', 'flat', 'clasp', 'flat'), 'waveL': ('wave', 'open', 'belly', 'relaxed'),
    'stopL': ('up', 'flat', 'belly', 'relaxed'),
    # hands that leave the picture
    'hangL': ('hang', 'relaxed', 'belly', 'relaxed'), 'hangR': ('belly', 'relaxed', 'hang', 'relaxed'),
    'hang2': ('hang', 'relaxed', 'hang', 'relaxed'), 'asideL': ('aside', 'open', 'belly', 'relaxed'),
    'asideR': ('belly', 'relaxed', 'aside', 'open'), 'aside2': ('aside', 'open', 'aside', 'open'),
}
# fmt: on
RESTING = ("belly", "rest", "steeple", "folded", "folded2", "box")
LEAVING = ("hangL", "hangR", "hang2", "asideL", "asideR", "aside2")
"""Gestures that take a hand out of the picture."""
NAMES = tuple(name for name in GESTURES if name not in LEAVING)
HELD_OUT = ("threeR", "heartL", "okL", "openL", "chopL", "twoR")
"""Gestures that training clips never show (see `performance.Split`)."""
POSITIONS = np.array([0, 1, 2, 25, 26, 27])


def arm_vector(
    left_arm: str, left_fingers: str, right_arm: str, right_fingers: str, *, arms: Mapping[str, ArmPose] = ARMS
) -> Array:
    """50 numbers of two arms, by their names in `arms`, and their fingers (FINGERS)."""
    out: list[float] = []
    for arm, finger in ((left_arm, left_fingers), (right_arm, right_fingers)):
        wrist, palm, direction = arms[arm]
        flexion, spread = FINGERS[finger]
        out += [*wrist, *palm, *direction, *np.ravel(flexion), spread]
    return np.array(out, float)


def gesture_vector(name: str) -> Array:
    """50 numbers of a key gesture."""
    return arm_vector(*GESTURES[name])


def make_pose(
    rig: Rig,
    vector: Array,
    head: Vector = (0, 0, 0),
    torso: Vector = (0, 0, 0),
    gaze: Vector = (0, 0),
    shift: dict[str, Array] | None = None,
) -> RigPose:
    """Gesture vector and head/torso/eye angles to rig targets; `shift` moves wrists (metres)."""
    rotations = {n: euler(*(np.asarray(torso) / 3)) for n in ("spine03", "spine02", "spine01")}
    rotations |= {n: euler(*(np.asarray(head) * 0.2)) for n in ("neck01", "neck02", "neck03")}
    rotations["head"] = euler(*(np.asarray(head) * 0.4))
    torso_rotation = euler(*torso)
    arms, fingers, spread = {}, {}, {}
    for side, k in (("L", 0), ("R", 25)):
        v = vector[k : k + 25]
        sign = 1 if side == "L" else -1
        mirror = np.array([sign, 1, 1])
        rotations[f"eye.{side}"] = rotation((0, 1, 0), gaze[0]) @ rotation((1, 0, 0), gaze[1])
        wrist = rig.shoulder_centre + torso_rotation @ (v[:3] * mirror * rig.shoulder_width)
        if shift is not None:
            wrist = wrist + shift[side]
        hint = np.array([sign * (0.42 + 0.35 * max(v[1] + 0.3, 0.0)), -0.85, -0.38])
        arms[side] = (
            wrist,
            torso_rotation @ hint,
            torso_rotation @ (v[3:6] * mirror),
            torso_rotation @ (v[6:9] * mirror),
        )
        fingers[side], spread[side] = v[9:24].reshape(5, 3), v[24]
        rotations[f"clavicle.{side}"] = rotation((0, 0, 1), sign * np.clip((v[1] + 0.6) * 0.18, 0, 0.2))
    return RigPose(rotations, arms, fingers, spread)
