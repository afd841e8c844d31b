"""Looks drawn from a second random stream, so that people baked earlier keep their shapes.

`identity.make_identity` draws what baking depends on; whatever was added later is drawn here.
"""

from __future__ import annotations

import numpy as np

from .transforms import Array

FACIAL_HAIR = {  # moustache, chin, jaw (0..1), length of the hairs in metres (0: stubble), share of men
    "none": (0.0, 0.0, 0.0, 0.0, 0.36),
    "stubble": (0.9, 0.9, 0.8, 0.0, 0.20),
    "moustache": (1.0, 0.0, 0.0, 0.0045, 0.15),
    "goatee": (1.0, 1.0, 0.0, 0.005, 0.12),
    "chin": (0.0, 1.0, 0.0, 0.006, 0.03),
    "short": (1.0, 1.0, 1.0, 0.0035, 0.08),
    "full": (1.0, 1.0, 1.0, 0.009, 0.06),
}
LIPSTICK = np.array(
    [[0.45, 0.08, 0.09], [0.50, 0.16, 0.15], [0.33, 0.06, 0.10], [0.42, 0.18, 0.13], [0.30, 0.10, 0.08]]
)


def vary(spec: dict) -> None:
    """Adds facial hair, lips, light, eyes and temperament to a description of a person, in place."""
    rng = np.random.default_rng([spec["seed"], 23])
    u = rng.uniform
    spec["liveliness"] = float(u(0.8, 1.25))
    look, male = spec["look"], spec["male"]
    _facial_hair(rng, spec)
    skin, tone = look["skin"], float(np.clip(1.2 - 2.2 * look["skin"].mean(), 0, 1))
    natural = skin * [0.88, 0.56, 0.57] + [0.030, 0.004, 0.008]
    if male:
        lip = natural * 0.68 + skin * 0.20
    else:
        paint = LIPSTICK[rng.integers(len(LIPSTICK))] * (1 - 0.35 * tone)
        strength = float(look["makeup"] * u(0.2, 0.9))
        lip = natural * (1 - strength) + paint * strength
    look["lip"] = np.maximum(lip, 0.006)
    look["skin"] = skin * (1 + rng.normal(0, 0.03, 3) * [0.6, 0.8, 1.2])
    look["iris"] = look["iris"] * u(0.55, 0.9) + 0.012
    look["blush"] = float(look["blush"] * u(0.7, 1.5))
    look["tired"] = float(u(0.15, 0.6) + 0.4 * look["age"])
    look["contour"] = float(u(0.5, 1.0))
    look["browd"] = float(min(1.1, look["browd"] + u(0.0, 0.3)))
    look |= _light(rng, skin)


def _facial_hair(rng: np.random.Generator, spec: dict) -> None:
    names = list(FACIAL_HAIR)
    share = np.array([FACIAL_HAIR[n][4] for n in names])
    name = str(rng.choice(names, p=share / share.sum())) if spec["male"] else "none"
    if spec["beard"] and rng.random() < 0.4:
        name = "full"
    moustache, chin, jaw, length, _ = FACIAL_HAIR[name]
    stubble = float(rng.uniform(0.2, 0.55)) if name == "stubble" else 0.0
    if spec["male"] and name != "stubble":
        stubble = float(rng.choice([0.0, 0.0, rng.uniform(0.05, 0.2)]))
    spec["facial_hair"], spec["beard"], spec["beard_length"] = name, length > 0, length
    look = spec["look"]
    look["whiskers"] = np.array([moustache, chin, jaw]) if length else np.array([0.9, 0.9, 0.8])
    look["stubble"] = max(stubble, 0.75 * (length > 0))


def _light(rng: np.random.Generator, skin: Array) -> dict:
    """A key from one side, a weak fill of another colour, ambient light, a rim; exposed for the skin."""
    u = rng.uniform
    azimuth = float(rng.choice([-1, 1])) * u(0.30, 1.0)
    elevation = u(0.35, 0.75)
    key = np.array([np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)])
    side = -np.sign(azimuth) * u(0.5, 1.2)
    rim = np.array([-key[0], 0.35, -0.8])
    fill = np.array([np.sin(side), 0.1, np.cos(side)])
    warmth = u(-0.4, 1.0)  # of the key light; the fill light is its opposite
    warm = np.array([1 + 0.06 * warmth, 1.0, 1 - 0.16 * warmth])
    cool = np.array([1 - 0.10 * warmth, 1.0, 1 + 0.14 * warmth])
    exposure = (0.28 / float(skin @ [0.2126, 0.7152, 0.0722])) ** 0.30 * u(0.92, 1.08)
    contrast = u(0.25, 1.2)
    return dict(
        keydir=key,
        keycol=warm * (1.02 + 0.42 * contrast) * exposure,
        filldir=fill / np.linalg.norm(fill),
        fillcol=cool * (0.30 - 0.18 * contrast) * exposure,
        rimdir=rim / np.linalg.norm(rim),
        rimcol=cool * u(0.2, 1.1),
        sky=cool * (0.40 - 0.13 * contrast) * exposure,
        ground=np.array([1.0, 0.93, 0.88]) * (0.26 - 0.09 * contrast) * exposure,
    )
