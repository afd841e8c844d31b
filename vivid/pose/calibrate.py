"""Pose calibration without training (PCT, section 3.2.3 of the paper).

A driving clip is fitted to a reference person: global scale, limb proportions, anchor, contact of the hands. The
directions of limbs and their motion in time stay those of the driver; lengths and place become those of the reference.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ..errors import InputError, Message
from .contact import keep_contact
from .joint_tree import JointTree, joint_tree_of
from .measures import BONES, HIPS_OF_BODY, PAIRED, SIDES, Array, joints_of, lengths_of, measure_clip
from .report import CalibrationOptions, CalibrationReport, Clamp, Fallback, Segment
from .skeleton import Pose, PoseClip, clip_of

LOWEST, HIGHEST = 0.5, 2.0
"""Bounds of every factor: r_x and r_y are bounded relative to the overall size, the segments' factors as they are."""
USUAL = {"upper_arm": 0.83, "forearm": 0.65, "hand": 0.28}
"""Usual lengths in shoulder widths, between key points of a person seen from the front."""
LEAST = {"upper_arm": 0.8, "forearm": 0.8, "hand": 0.95}
"""A limb that looks shorter than this share of the usual is foreshortened, not short; hands at rest are nearly always
foreshortened."""
EDGE = 0.03
"""A hip lies under clothes and flesh: this near to the picture's border, as a share of its side, it is not seen."""
OWN_ENOUGH = 0.95
"""A limb whose own length is at least this share of the length used counts as measured; others are reported."""

SEGMENTS = (*BONES, "neck_nose", "face")
SHAPES = ("left_hand", "right_hand", "face")
"""Parts that keep their own shape and get a single scale."""
_SCALED_BY = {"shoulders": "r_x", "torso": "r_y"}

Lengths = dict[str, float | None]


@dataclass
class _Notes:
    """Clamps and fallbacks on their way into the report, and which names they concern."""

    clamps: list[Clamp] = field(default_factory=list)
    fallbacks: list[Fallback] = field(default_factory=list)

    def clamp(self, name: str, value: float, about: float = 1.0) -> float:
        used = min(max(value, LOWEST * about), HIGHEST * about)
        if abs(used - value) > 1e-9 * about:  # differences from rounding do not count
            self.clamps.append(Clamp(name, value, used))
        return used

    def fall_back(self, part: str, reason: str) -> None:
        self.fallbacks.append(Fallback(part, reason))

    def state(self, name: str) -> str:
        if any(clamp.factor in (name, _SCALED_BY.get(name)) for clamp in self.clamps):
            return "clamped"
        return "fallback" if any(fallback.part == name for fallback in self.fallbacks) else "ok"


def calibrate(
    reference: Pose, clip: PoseClip, options: CalibrationOptions | None = None
) -> tuple[PoseClip, CalibrationReport]:
    """Fit a driving clip to a reference pose.

    Returns the clip on the reference's canvas (confidences unchanged, absent points zeros, points possibly outside
    the canvas) and the report. Raises InputError for a clip without frames.
    """
    options = options or CalibrationOptions()
    if len(clip) == 0:
        raise InputError("The motion has no frames: choose another one.")
    if options.smoothing:
        from .smooth import smooth_clip

        clip = smooth_clip(clip)
    placed, canvas_scale = place(clip, reference.canvas)
    still = clip_of(_without_guessed_hips(reference))
    notes = _Notes()
    wanted, own = lengths_of(still), lengths_of(placed)

    # Step 1: global scale about the centre of the driving torso.
    size = _size(wanted, own, notes)
    r = np.array(_global_scale(wanted, own, size, notes) if options.scale else (1.0, 1.0))
    even = float(np.sqrt(r.prod()))
    centres, goals = _centres(placed), _centres(still)
    kind = _common_centre(centres, goals, notes)
    raw = joint_tree_of(placed)
    tree = raw.mapped(r, centres[kind] * (1 - r))

    # Step 2: limb proportions. Hands and face are measured as they were before the unequal scale.
    stretched = lengths_of(tree.assemble(placed, reference.canvas))
    guessed: set[str] = set()
    target = _estimates(wanted, PAIRED, notes, "portrait", guessed)
    driving = _estimates(stretched, ("upper_arm", "forearm"), notes, "motion", guessed)
    shapes = _estimates(own, ("hand",), notes, "motion", guessed)
    driving |= {name: shapes[name] for name in SHAPES}
    neutral = {name: even if name in SHAPES else 1.0 for name in SEGMENTS}
    for name in guessed:  # fitting to a guess would deform: hands at rest in the portrait say nothing about raised ones
        length = driving[name]
        target[name] = None if length is None else neutral[name] * length
    factor = neutral
    if options.segments:
        factor = {name: _factor(name, target[name], driving[name], neutral[name], notes) for name in SEGMENTS}
    _stretch(tree, raw, factor, even, options.shapes)

    # Step 3: the torso's centre moves to the reference's.
    centre = _centres(tree.assemble(placed, reference.canvas))[kind]
    shift = goals[kind] - centre if options.anchor else np.zeros(2)
    tree = tree.mapped(np.ones(2), shift)

    # Step 4: hands that touch keep touching, hands that do not stay apart.
    contact = keep_contact(tree, raw, placed) if options.contact else None

    unit = wanted["shoulders"] or size * (own["shoulders"] or min(reference.canvas) / 3)
    if options.nudges.any:
        tree.nudge(options.nudges, centre + shift, unit)
    result = tree.assemble(placed, reference.canvas)

    segments = tuple(
        Segment(name, target[name], driving[name], factor[name], notes.state(name) if options.segments else "off")
        for name in SEGMENTS
    )
    believed = {name for name in BONES if notes.state(name) == "ok"}
    along = max(factor[name] for name in SEGMENTS if name not in SHAPES)
    report = CalibrationReport(
        frames=len(clip),
        canvas=reference.canvas,
        driving_canvas=clip.canvas,
        size=size * canvas_scale,
        r_x=float(r[0]) * canvas_scale,
        r_y=float(r[1]) * canvas_scale,
        segments=segments,
        centre=(float(goals[kind][0]), float(goals[kind][1])),
        shift=(float(shift[0]), float(shift[1])),
        unit=float(unit),
        largest_factor=float(max(r.max() * max(along, 1.0), *(factor[name] for name in SHAPES))),
        clamps=tuple(notes.clamps),
        fallbacks=tuple(notes.fallbacks),
        before=measure_clip(placed, target, believed),
        after=measure_clip(result, target, believed),
        options=options,
        contact=contact,
    )
    return result, report


def _without_guessed_hips(reference: Pose) -> Pose:
    """The pose without hips that its picture does not show: detectors put them somewhere below it, confidently."""
    hips = reference.body[HIPS_OF_BODY, :2] / np.array(reference.canvas, np.float32)
    if ((hips > EDGE) & (hips < 1 - EDGE)).all():
        return reference
    body = reference.body.copy()
    body[HIPS_OF_BODY] = 0
    return replace(reference, body=body)


def place(clip: PoseClip, canvas: tuple[int, int]) -> tuple[PoseClip, float]:
    """A clip as it would be used uncalibrated: its canvas fitted centrally into another; also the factor."""
    (width, height), (own_width, own_height) = canvas, clip.canvas
    factor = min(width, height) / min(own_width, own_height)
    shift = ((width - own_width * factor) / 2, (height - own_height * factor) / 2)
    return clip.map_points((factor, factor), shift, canvas), factor


def _size(wanted: Lengths, own: Lengths, notes: _Notes) -> float:
    """The reference's overall size over the driving person's: the median over all lengths known of both.

    The bounds of r_x and r_y are relative to this size: the ratio of two pictures' resolutions is not a property of
    bodies, and bounding it would deform anyone filmed from afar.
    """

    def longest(lengths: Lengths, part: str) -> float | None:
        return max((v for side in SIDES if (v := lengths[f"{side}_{part}"]) is not None), default=None)

    pairs = [(wanted[name], own[name]) for name in ("shoulders", "torso", "neck_nose", "face")]
    pairs += [(longest(wanted, part), longest(own, part)) for part in PAIRED]
    ratios = [a / b for a, b in pairs if a is not None and b is not None]
    if not ratios:
        notes.fall_back("size", "portrait and motion have no length in common: their pictures' sizes are compared")
        return 1.0
    return float(np.median(ratios))


def _global_scale(wanted: Lengths, own: Lengths, size: float, notes: _Notes) -> tuple[float, float]:
    """r_x from the shoulder width, r_y from the torso, else from neck to nose, else r_x; within bounds."""

    def ratio(name: str) -> float | None:
        above, below = wanted[name], own[name]
        return above / below if above is not None and below is not None else None

    across, down, up = ratio("shoulders"), ratio("torso"), ratio("neck_nose")
    if across is None:
        notes.fall_back("r_x", "the shoulders are not seen in both: the overall size is used")
        across = size
    r_x = notes.clamp("r_x", across, about=size)
    if down is None:
        nose, width = "neck to nose is used", "the width's factor is used"
        notes.fall_back("r_y", Message("the hips are not seen in both: {}", width if up is None else nose))
    return r_x, notes.clamp("r_y", next(each for each in (down, up, r_x) if each is not None), about=size)


def _centres(clip: PoseClip) -> dict[str, Array]:
    """Centres of a clip's person, the most trusted first: medians over the confident frames, (2,) each."""
    joints = joints_of(clip)
    tracks = {
        "torso": ((joints.neck + joints.hips) / 2, joints.sure["neck"] & joints.sure["hips"]),
        "neck": (joints.neck, joints.sure["neck"]),
        "nose": (joints.nose, joints.sure["nose"]),
        "hips": (joints.hips, joints.sure["hips"]),
    }
    found = {name: np.median(track[sure], axis=0) for name, (track, sure) in tracks.items() if sure.any()}
    return {**found, "picture": np.array(clip.canvas) / 2}


def _common_centre(centres: dict[str, Array], goals: dict[str, Array], notes: _Notes) -> str:
    """The most trusted centre that motion and portrait both have."""
    kind = next(name for name in ("torso", "neck", "nose", "hips", "picture") if name in centres and name in goals)
    if kind != "torso":
        notes.fall_back("centre", Message("the torso is not seen whole in both: the {} is used", kind))
    return kind


def _estimates(lengths: Lengths, parts: tuple[str, ...], notes: _Notes, whose: str, guessed: set[str]) -> Lengths:
    """Trusted lengths: both sides of the `parts` take the longer one, and never less than LEAST of the usual length.

    Arms and hands only ever look too short, in a portrait's one frame or in a clip whose hands rest towards the
    camera throughout. Where both sides do, their true length is unknown: their names go into `guessed`.
    """
    result = dict(lengths)
    shoulders = lengths["shoulders"]
    for part in parts:
        names = {side: f"{side}_{part}" for side in SIDES}
        seen = [value for name in names.values() if (value := lengths[name]) is not None]
        if not seen:
            continue  # its factor falls back
        usual = USUAL[part] * shoulders if shoulders is not None else 0.0
        used = max(*seen, LEAST[part] * usual)
        foreshortened = used > max(seen)
        for name in names.values():
            own = lengths[name]
            result[name] = used
            if foreshortened:
                guessed.add(name)
            if own is None:
                source = "the global factor" if foreshortened else "the other one's length"
                notes.fall_back(name, Message("not seen in the {}: {} is used", whose, source))
            elif foreshortened:
                share = own / usual
                notes.fall_back(
                    name,
                    Message(
                        "foreshortened in the {} ({} of the usual): the global factor is used", whose, f"{share:.0%}"
                    ),
                )
            elif own < OWN_ENOUGH * used:
                share = own / used
                notes.fall_back(
                    name, Message("foreshortened in the {} ({} of the other one, which is used)", whose, f"{share:.0%}")
                )
    return result


def _factor(name: str, target: float | None, driving: float | None, neutral: float, notes: _Notes) -> float:
    """Reference over driving length, within bounds; the neutral factor where either is unknown."""
    if target is None or driving is None:
        whose = "portrait" if target is None else "motion"
        notes.fall_back(name, Message("not seen in the {}: the global factor is used", whose))
        return neutral
    if any(clamp.factor == _SCALED_BY.get(name) for clamp in notes.clamps):
        return neutral  # otherwise step 2 would undo the bound of step 1
    return neutral * notes.clamp(name, target / driving / neutral)


def _stretch(tree: JointTree, raw: JointTree, factor: dict[str, float], even: float, shapes: bool) -> None:
    """Step 2 in place: each segment keeps its direction and is multiplied, children move with their parents."""
    neck, nose, hips, shoulders, elbows, wrists = (
        getattr(tree, name).copy() for name in ("neck", "nose", "hips", "shoulders", "elbows", "wrists")
    )
    per_side = {part: np.array([factor[f"{side}_{part}"] for side in SIDES])[:, None] for part in PAIRED}
    tree.nose = neck + factor["neck_nose"] * (nose - neck)
    tree.hips = neck + factor["torso"] * (hips - neck)
    tree.shoulders = neck[:, None] + factor["shoulders"] * (shoulders - neck[:, None])
    tree.elbows = tree.shoulders + per_side["upper_arm"] * (elbows - shoulders)
    tree.wrists = tree.elbows + per_side["forearm"] * (wrists - elbows)
    # A hand or face that keeps its shape comes from before the unequal scale; one that does not, from after it.
    source, divisor = (raw, 1.0) if shapes else (tree, even)
    tree.hands = source.hands * (per_side["hand"][..., None] / divisor)
    tree.face = source.face * (factor["face"] / divisor)
    tree.head = source.head * (factor["face"] / divisor)
