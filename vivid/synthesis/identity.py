"""Random but reproducible people: shape, skin, hair, clothes, light.  Plain data, no geometry."""

from __future__ import annotations

import numpy as np

from .variety import vary

SKINS = ["edcfbe", "e6c0a6", "dbb091", "cfa083", "b98768", "a06f52", "845840", "694433", "523629"]
HAIR = {
    "black": "221a17",
    "dark brown": "3a281d",
    "brown": "513725",
    "light brown": "6b4a30",
    "dark blond": "8f6e45",
    "blond": "b8935c",
    "auburn": "6e3219",
    "grey": "8b8784",
    "white": "c4c0bb",
}
IRIS = ["3b2314", "4f2f1b", "6b4a22", "55683d", "5b7f95", "45709c", "6f7d80"]
SHIRTS = [
    "e9e7e2", "dfe6ee", "c9d8e8", "8fb0cf", "3f6ea5", "24385f", "1f2a44", "7b2a35", "b5523f", "d98f6c", "e3b7a0",
    "e7d3b1", "d2b04c", "7c9a6d", "3f6b52", "2c5f63", "5aa39b", "8a6aa3", "5b3f6b", "3a3a40", "6d7480", "b9bcc2",
]  # fmt: skip
JACKETS = ["1f2430", "2b3550", "3e4148", "55504a", "6b6258", "8a7d6d", "2f4a4a", "4a2f35", "3c4f6b", "7d8794"]
PANTS = ["1d212b", "2b3346", "3b3630", "30343a"]
# fmt: off
CAP = dict(vol=(.004, .006), layers=6, line='soft', side=.9, lump=0., freq=40.)
# per-hairstyle parameters of the scalp shells (metres); 'curtain' adds hanging hair (see hanging_hair.py)
STYLES: dict[str, dict] = {
    'short':    dict(vol=(.008, .022), comb=(0, -.2, -.8), side=.25, lean=.9),
    'sidepart': dict(vol=(.008, .026), comb=(-.9, -.1, -.35), side=.0, lean=1.0),
    'quiff':    dict(vol=(.006, .034), comb=(.1, .5, -.7), side=.1, lean=.7),
    'crop':     dict(vol=(.006, .014), comb=(0, -.1, .6), side=.2, lean=.7, freq=34.),
    'buzz':     dict(vol=(.003, .005), layers=7, freq=60., lean=.3),
    'curly':    dict(vol=(.018, .034), curl=1., freq=22., lean=.2, lump=.35),
    'afro':     dict(vol=(.045, .062), curl=1., freq=24., lean=.05, lump=.10, layers=18),
    'bun':      dict(vol=(.006, .011), comb=(0, .25, -1.), side=.35, freq=40., line='soft', bun=True),
    'bob':      dict(CAP, curtain=dict(end=6.15, wave=.1, bend=-.35)),
    'lob':      dict(CAP, curtain=dict(end=5.62, wave=.3, bend=-.12)),
    'long':     dict(CAP, curtain=dict(end=4.75, wave=.35, bend=0.)),
    'wavy':     dict(CAP, curtain=dict(end=5.25, wave=1., bend=.05)),
    'bald':     dict(vol=(0., 0.)),
}
# fmt: on


def linear_rgb(code: str) -> np.ndarray:
    """Hex sRGB to linear."""
    return (np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)]) / 255.0) ** 2.2


def _shape(rng: np.random.Generator, male: bool) -> tuple[dict, dict, np.ndarray]:
    """anny phenotype (gender 0 is male), local changes, (african, asian, caucasian) shares."""
    u = rng.uniform
    age = 0.64 + 0.30 * rng.beta(1.0, 1.9)  # anny: 2/3 young adult, 1 old
    mix = rng.dirichlet([0.7, 0.7, 0.7])
    phenotype = dict(
        gender=u(0.0, 0.06) if male else u(0.94, 1.0),
        age=age,
        muscle=u(0.45, 0.72) if male else u(0.3, 0.5),
        weight=u(0.32, 0.68),
        height=u(0.45, 0.6),
        proportions=u(0.35, 0.7),
        cupsize=u(0.35, 0.62),
        firmness=u(0.55, 0.8),
        african=mix[0],
        asian=mix[1],
        caucasian=mix[2],
    )
    centred = {
        "nose-scale-horiz-incr": 0.5,
        "nose-scale-vert-incr": 0.45,
        "nose-hump-incr": 0.5,
        "nose-point-up": 0.5,
        "nose-volume-incr": 0.4,
        "nose-width2-incr": 0.4,
        "nose-flaring-incr": 0.4,
        "mouth-trans-up": 0.25,
        "mouth-upperlip-volume-incr": 0.4,
        "mouth-lowerlip-volume-incr": 0.4,
        "mouth-cupidsbow-incr": 0.6,
        "chin-width-incr": 0.6,
        "chin-prominent-incr": 0.35,
        "chin-height-incr": 0.35,
        "chin-bones-incr": 0.5,
        "chin-jaw-drop-incr": 0.35,
        "chin-cleft-incr": 0.3,
        "head-fat-incr": 0.45,
        "head-scale-horiz-incr": 0.35,
        "head-scale-vert-incr": 0.25,
        "head-scale-depth-incr": 0.25,
        "forehead-scale-vert-incr": 0.35,
        "forehead-temple-incr": 0.4,
        "eyebrows-trans-up": 0.25,
        "eyebrows-angle-up": 0.2,
        "neck-scale-horiz-incr": 0.2,
        "torso-scale-horiz-incr": 0.25,
        "mouth-laugh-lines-out": 0.4,
    }
    local = {k: u(-a, a) for k, a in centred.items()}
    sided = {
        "cheek-bones-incr": 0.5,
        "cheek-volume-incr": 0.45,
        "cheek-inner-incr": 0.3,
        "eye-corner1-up": 0.3,
        "eye-corner2-up": 0.3,
        "eye-trans-out": 0.2,
        "eye-push1-out": 0.2,
        "ear-scale-incr": 0.3,
        "ear-wing-incr": 0.3,
    }
    for key, a in sided.items():
        local["l-" + key] = local["r-" + key] = u(-a, a)
    # large open eyes and a clearly readable mouth suit the small frame
    bias = {
        "l-eye-scale-incr": u(0.25, 0.6),
        "l-eye-height2-incr": u(0.2, 0.55),
        "l-eye-height3-incr": u(0.0, 0.3),
        "mouth-scale-horiz-incr": u(0.55, 1.0),
        "mouth-angles-up": u(0.1, 0.5),
        "l-eye-bag-incr": u(-0.5, 0.0),
        "l-ear-scale-incr": u(-0.45, 0.0),
    }
    if male:
        bias |= {
            "chin-width-incr": u(-0.1, 0.7),
            "chin-height-incr": u(0.0, 0.45),
            "eyebrows-trans-forward": u(0.0, 0.4),
            "neck-scale-horiz-incr": u(0.05, 0.4),
            "torso-vshape-incr": u(0.0, 0.3),
            "nose-scale-vert-incr": u(-0.2, 0.35),
        }
    else:
        bias |= {
            "chin-width-incr": u(-0.6, 0.1),
            "chin-height-incr": u(-0.4, 0.1),
            "mouth-upperlip-volume-incr": u(0.0, 0.6),
            "mouth-lowerlip-volume-incr": u(0.0, 0.6),
            "nose-scale-horiz-incr": u(-0.5, 0.1),
            "nose-volume-incr": u(-0.5, 0.0),
            "neck-scale-horiz-incr": u(-0.3, 0.05),
            "l-eye-scale-incr": u(0.35, 0.75),
            "measure-shoulder-dist-incr": u(-0.25, 0.05),
            "head-fat-incr": u(-0.3, 0.4),
            "nose-hump-incr": u(-0.6, 0.0),
            "nose-scale-vert-incr": u(-0.5, 0.1),
            "nose-scale-depth-incr": u(-0.5, 0.0),
            "nose-point-up": u(0.0, 0.5),
        }
    for key, value in bias.items():
        local[key] = value
        if key.startswith("l-"):
            local["r-" + key[2:]] = value
    for side in "lr":
        local[side + "-upperarm-fat-incr"] = local[side + "-upperarm-muscle-incr"] = u(-0.6, -0.2)
        local[side + "-upperarm-shoulder-muscle-incr"] = u(-0.6, -0.1)
    local["l-hand-scale-incr"] = local["r-hand-scale-incr"] = u(0.0, 0.25)
    return phenotype, local, mix


def _hair(rng: np.random.Generator, male: bool, age: float, mix: np.ndarray) -> dict:
    if male:
        names = ["short", "sidepart", "quiff", "crop", "buzz", "curly", "afro", "bald"]
        p = np.array([0.22, 0.2, 0.16, 0.12, 0.1, 0.1, 0.03 + 0.10 * mix[0], 0.04 + 0.10 * (age > 0.8)])
    else:
        names = ["bob", "lob", "long", "wavy", "bun", "sidepart", "curly", "afro"]
        p = np.array([0.2, 0.17, 0.17, 0.2, 0.13, 0.03, 0.06, 0.02 + 0.12 * mix[0]])
    style = str(rng.choice(names, p=p / p.sum()))
    hair = dict(
        style=style,
        seed=rng.uniform(0, 6),
        layers=12,
        freq=26.0,
        curl=0.0,
        lean=0.8,
        comb=(0, -0.3, -0.6),
        side=0.4,
        lump=0.15,
        line="std",
    )
    if male and age > 0.78 and rng.random() < 0.5:
        hair["line"] = "receding"
    hair |= {k: v for k, v in STYLES[style].items() if k != "curtain"}
    if "curtain" in STYLES[style]:
        c = dict(STYLES[style]["curtain"])
        c["end"] += rng.uniform(-0.12, 0.12)
        c["wave"] *= rng.uniform(0.7, 1.3)
        hair["curtain"] = c | dict(
            part=float(rng.choice([0.0, 0.25, -0.25, 0.4, -0.4])),
            volume=rng.uniform(0.8, 1.25),
            fringe=bool(rng.random() < 0.3),
        )
    return hair


def _clothes(rng: np.random.Generator, male: bool) -> dict:
    """Layers for the garment shells plus collar type; colours in linear RGB."""
    kind = str(
        rng.choice(
            ["tee", "vneck", "shirt", "hoodie", "blazer", "sweater", "turtle", "cardigan"],
            p=[0.16, 0.12, 0.2, 0.12, 0.18, 0.1, 0.06, 0.06],
        )
    )
    long_sleeve = kind not in ("tee", "vneck", "shirt") or rng.random() < (0.8 if kind == "shirt" else 0.3)
    sleeve = 1.90 if long_sleeve else rng.uniform(0.5, 0.75)
    inner = (
        str(rng.choice(["tee", "shirt", "vneck", "turtle"], p=[0.3, 0.45, 0.15, 0.1]))
        if kind in ("blazer", "cardigan")
        else kind
    )
    neck_y = {"turtle": 6.18, "shirt": 5.92, "hoodie": 5.86}.get(inner, 5.80)
    v_depth = {"vneck": rng.uniform(0.45, 0.9), "shirt": rng.uniform(0.35, 0.7)}.get(inner, 0.0)
    v_width = {"vneck": 0.62, "shirt": 0.34}.get(inner, 0.75)
    loose = {"tee": 0.6, "vneck": 0.5, "shirt": 0.7, "hoodie": 1.1, "sweater": 0.9, "turtle": 0.3}[inner]
    layers = [
        dict(
            part="cloth",
            offset=0.007 if inner in ("turtle", "vneck", "tee") else 0.010,
            sleeve=sleeve,
            loose=loose,
            flare=0.010 if sleeve < 1 else 0.001,
        )
    ]
    jacket = kind in ("blazer", "cardigan")
    if jacket:
        layers.append(dict(part="jacket", offset=0.019, sleeve=1.86, loose=0.8, flare=0.002))
    colours = [linear_rgb(SHIRTS[k]) for k in rng.choice(len(SHIRTS), 2, replace=False)]
    if inner == "shirt" and rng.random() < 0.6:
        colours[0] = linear_rgb(SHIRTS[rng.integers(0, 4)])
    pattern = {
        "shirt": rng.choice([3, 3, 5, 6]),
        "tee": rng.choice([0, 0, 0, 1]),
        "sweater": rng.choice([0, 1, 7]),
        "hoodie": 0,
        "turtle": rng.choice([0, 7]),
        "vneck": 0,
    }[inner]
    return dict(
        kind=kind,
        inner=inner,
        layers=layers,
        collar={"shirt": "shirt", "hoodie": "hood"}.get(inner, "none"),
        lapel=kind == "blazer",
        garm=[[sleeve, neck_y, v_depth, v_width], [1.86, 5.80, 0.0, 1.0]],
        has_garm=[1, int(jacket)],
        jopen=rng.uniform(0.42, 0.60) if jacket else 0.5,
        cloth=colours[0],
        cloth2=colours[1],
        jcol=linear_rgb(str(rng.choice(JACKETS))),
        pants=linear_rgb(str(rng.choice(PANTS))),
        pattern=float(pattern),
    )


def make_identity(seed: int) -> dict:
    """Full description of a person; the same seed always gives the same person."""
    rng = np.random.default_rng([seed, 2])
    u = rng.uniform
    male = bool(rng.random() < 0.5)
    phenotype, local, mix = _shape(rng, male)
    age = phenotype["age"]
    tone = float(np.clip(0.85 * mix[0] * u(0.8, 1.15) + 0.30 * mix[1] + 0.14 * mix[2] + rng.normal(0, 0.06), 0, 1))
    place = tone * (len(SKINS) - 1)
    i = int(min(place, len(SKINS) - 2))
    skin = linear_rgb(SKINS[i]) * (1 - (place - i)) + linear_rgb(SKINS[i + 1]) * (place - i)
    light_mix = mix[2] > 0.45
    shade = str(rng.choice(list(HAIR)[:7] if light_mix else list(HAIR)[:2]))
    if age > 0.80 and rng.random() < 0.6:
        shade = str(rng.choice(["grey", "white"])) if age > 0.84 else "grey"
    hair_rgb = linear_rgb(HAIR[shade])
    hair = _hair(rng, male, age, mix)
    clothes = _clothes(rng, male)
    makeup = 0.0 if male else u(0.1, 0.8)
    lip = skin * np.array([1.0, 0.60, 0.60]) * (1 - 0.08 * tone) + (
        0 if male else makeup * np.array([0.09, -0.004, 0.004])
    )
    beard = float(rng.choice([0.0, 0.10, 0.30, 1.0], p=[0.35, 0.2, 0.15, 0.3])) if male else 0.0
    look = dict(
        skin=skin,
        lip=np.maximum(lip, 0.005),
        iris=linear_rgb(IRIS[rng.integers(0, len(IRIS) if light_mix else 2)]),
        haircol=hair_rgb,
        hairtip=hair_rgb * 1.5 + 0.008,
        blush=u(0.3, 0.8) * (1 - 0.5 * tone),
        age=float(np.clip((age - 0.66) * 2.4, 0, 1)),
        stubble=min(beard, 0.55),
        makeup=makeup,
        rough=u(0.46, 0.56),
        browd=u(0.55, 1.0) if male else u(0.25, 0.6),
        browy=u(-0.005, 0.03),
        hairdens=1.0,
        hairfreq=hair["freq"],
        curl=hair["curl"],
        freck=u(0.3, 1.0) if (tone < 0.3 and rng.random() < 0.25) else 0.0,
        frame_col=linear_rgb(str(rng.choice(["1a1a1c", "3a2a20", "5a5e66", "7a5a3a", "24324a"]))),
    )
    look |= {k: clothes[k] for k in ("garm", "has_garm", "jopen", "cloth", "cloth2", "jcol", "pants", "pattern")}
    rng.random(11)  # the first light model drew these; what follows must not change
    glasses = str(rng.choice(["none", "round", "square"], p=[0.74, 0.13, 0.13]))
    spec = dict(
        seed=seed,
        male=male,
        age=age,
        phenotype=phenotype,
        local=local,
        hair=hair,
        hair_colour=shade,
        beard=beard >= 1.0,
        clothes=clothes,
        look=look,
        glasses=glasses,
        head_ratio=u(0.70, 0.76) if male else u(0.75, 0.81),
        smile=u(0.12, 0.35),
        background_seed=int(rng.integers(2**31)),
    )
    vary(spec)
    return spec
