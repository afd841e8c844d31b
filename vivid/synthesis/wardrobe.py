"""Clothes drawn at random: every sleeve length and neckline, loose and tight, jackets, dresses, bare shoulders.

All cloth is white: training gives it a new colour each time it uses a picture.
"""

from __future__ import annotations

import numpy as np

from .identity import make_identity

SLEEVES = {  # share of the clothes; end on the arm (0 shoulder, 1 elbow, 2 wrist)
    "straps": (0.10, 0.0, 0.0),
    "none": (0.08, 0.0, 0.08),
    "cap": (0.07, 0.10, 0.35),
    "short": (0.26, 0.35, 0.95),
    "elbow": (0.08, 0.95, 1.15),
    "three-quarter": (0.12, 1.15, 1.70),
    "long": (0.29, 1.70, 1.97),
}
NECKS = {"crew": 0.24, "turtle": 0.07, "v": 0.16, "round": 0.24, "boat": 0.09, "collar": 0.14, "low": 0.06}
WHITE = np.full(3, 0.6)
"""Linear reflectance of white cloth; leaves room for highlights."""


def new_spec(rng: np.random.Generator, male: bool) -> dict:
    """Looks of a random person of that sex, the hair of another person, and random clothes; see
    `identity.make_identity`."""
    while (spec := make_identity(int(rng.integers(1 << 30))))["male"] != male:
        pass
    hair = make_identity(int(rng.integers(1 << 30)))["hair"]
    if rng.random() < 0.5:
        spec["hair"] = hair
        spec["look"] |= dict(hairfreq=hair["freq"], curl=hair["curl"])
    _dress(rng, spec)
    return spec


def _choice(rng: np.random.Generator, shares: dict[str, float]) -> str:
    weights = np.array(list(shares.values()))
    return str(rng.choice(list(shares), p=weights / weights.sum()))


def _dress(rng: np.random.Generator, spec: dict) -> None:
    u = rng.uniform
    sleeves = _choice(rng, {name: row[0] for name, row in SLEEVES.items()})
    sleeve = float(u(*SLEEVES[sleeves][1:]))
    neck = _choice(rng, NECKS)
    neck_y, v_depth, v_width, depth, width = u(5.76, 5.92), 0.0, 0.75, 0.0, 0.0
    if neck == "turtle":
        neck_y = u(6.08, 6.24)
    elif neck == "v":
        v_depth, v_width = u(0.3, 1.4), u(0.35, 0.85)
    elif neck == "round":
        depth, width = u(0.1, 1.0), u(0.5, 1.15)
    elif neck == "boat":
        depth, width = u(0.02, 0.3), u(0.95, 1.35)
    elif neck == "collar":
        neck_y, v_depth, v_width = 5.92, u(0.2, 0.9), u(0.3, 0.45)
    elif neck == "low":  # off the shoulders, or a tube
        neck_y, depth, width = u(4.55, 5.1), u(0.0, 0.3), u(0.5, 1.2)
        sleeve = float(rng.choice([0.0, u(0.5, 1.95)]))
    strap = float(u(0.62, 1.3)) if sleeves == "straps" and neck != "low" else 0.0
    if strap:
        width = min(width, strap - 0.2)
    jacket = rng.random() < 0.25
    layers = [
        dict(
            part="cloth",
            offset=float(rng.choice([u(0.005, 0.010), u(0.010, 0.022)])),
            sleeve=sleeve,
            loose=float(u(0.2, 1.6)),
            flare=_flare(rng),
        )
    ]
    garments = [[sleeve, neck_y, v_depth, v_width], [1.86, 5.80, 0.0, 1.0]]
    scoops = [[depth, width, strap], [0.0, 0.0, 0.0]]
    if jacket:
        end = float(rng.choice([u(1.65, 1.95), u(0.5, 1.6), 0.0], p=[0.75, 0.15, 0.10]))
        layers.append(
            dict(part="jacket", offset=u(0.018, 0.030), sleeve=end, loose=u(0.4, 1.3), flare=0.5 * _flare(rng))
        )
        garments[1] = [end, u(5.7, 5.85), float(rng.choice([0.0, u(0.2, 1.2)])), u(0.5, 1.0)]
        if end == 0 and rng.random() < 0.5:  # a waistcoat, an apron, dungarees
            scoops[1] = [u(0.0, 0.5), 0.5, u(0.7, 1.3)]
    collar = "shirt" if neck == "collar" else "hood" if neck in ("crew", "round") and rng.random() < 0.25 else "none"
    clothes = spec["clothes"]
    clothes |= dict(
        layers=layers,
        collar=collar,  # the hood serves as a scarf
        lapel=bool(jacket and rng.random() < 0.5),
        garm=garments,
        scoop=scoops,
        has_garm=[1, int(jacket)],
        jopen=float(rng.choice([u(0.15, 0.6), u(0.6, 1.3)])),
    )
    shared = {key: clothes[key] for key in ("garm", "scoop", "has_garm", "jopen")}
    spec["look"] |= shared | dict(cloth=WHITE, cloth2=WHITE, jcol=WHITE, pants=WHITE)
    spec["look"]["pattern"] = float(rng.choice([0, 3, 5, 7], p=[0.6, 0.2, 0.1, 0.1]))


def _flare(rng: np.random.Generator) -> float:
    """How far sleeves stand off the arm at their ends, in metres."""
    u = rng.uniform
    return float(rng.choice([u(0, 0.012), u(0.012, 0.03), u(0.03, 0.055)], p=[0.6, 0.28, 0.12]))
