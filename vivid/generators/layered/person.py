"""The one analysis of a portrait: everything that depends on the picture alone, not on speech or motion."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...pose.regions import Boxes
from ...pose.skeleton import Pose
from .face_mesh import CHIN, FaceFinder, FaceMesh, pupil_distance
from .figure import SHOULDERS, Floats, Layers
from .head import Head, analyse_head
from .ladder import Plan, decide
from .matte import person_matte, with_rim
from .take_apart import draped, find_figure, nothing_apart, take_apart

Picture = NDArray[np.uint8]

MOST_GREY = 10.0
"""Largest difference between the channels, in grey levels, of a picture without colours."""


@dataclass(frozen=True, eq=False)
class Person:
    """A portrait (H, W) as the compositor needs it.

    plan: what moves; layers: None when only the head does; head: the face; plain: (H, W, 3) without arms; room:
    (H, W, 3) without anybody; opacity: (H, W) uint8 of `plain` over `room`; shoulders: (2, 2) pixels, the person's left
    first; grey: whether the picture has no colours, so that nothing drawn may have any.
    """

    plan: Plan
    layers: Layers | None
    head: Head
    plain: Picture
    room: Picture
    opacity: NDArray[np.uint8]
    shoulders: Floats
    grey: bool


@cache
def _finder() -> FaceFinder:
    return FaceFinder()


def analyse(picture: Picture, pose: Pose, head_box: Boxes, shrunk: float = 1.0) -> Person:
    """Take a portrait (H, W, 3) apart. Raises InputError for a face that cannot speak.

    pose, head_box: on this picture; shrunk: how many pixels of the picture as it came make one here.
    """
    mesh = _finder().find(picture, head_box)
    if mesh is None:
        raise InputError("No face was found in the portrait: choose a picture that shows one face from the front.")
    plan = decide(picture, mesh, pose, shrunk)
    person = person_matte(picture, mesh)
    layers, plain, torso = None, picture, person
    if plan.entering:
        layers = nothing_apart(find_figure(picture, pose, person, (True, True)))
    elif not all(plan.still):
        figure = find_figure(picture, pose, person, (plan.still[0], plan.still[1]))
        sides = draped(figure)
        plan.keep_draped(sides)
        if any(sides) and not all(plan.still):
            figure = find_figure(picture, pose, person, (plan.still[0], plan.still[1]))
        if not all(plan.still):
            layers = take_apart(figure)
            plain, torso = layers.plate.round().clip(0, 255).astype(np.uint8), layers.torso
    head = analyse_head(picture, mesh, plain)
    opacity, room = with_rim(plain, torso, mesh)
    grey = float(np.percentile(np.ptp(picture[::4, ::4], axis=2), 99)) < MOST_GREY
    return Person(plan, layers, head, plain, room, opacity, _shoulders(pose, mesh), grey)


def _shoulders(pose: Pose, mesh: FaceMesh) -> Floats:
    """Shoulders (2, 2) in pixels; those of a usual build if they are not seen, or seen from the side."""
    unit = pupil_distance(mesh)
    found = pose.body[list(SHOULDERS)]
    if (found[:, 2] > 0.3).all():
        shoulders = found[:, :2].astype(float)
    else:
        shoulders = mesh.points[CHIN, :2] + unit * np.array([[2.6, 1.2], [-2.6, 1.2]])
    if abs(shoulders[0, 0] - shoulders[1, 0]) < 2.6 * unit:
        shoulders = shoulders.mean(0) + unit * np.array([[2.0, 0.0], [-2.0, 0.0]])
    return shoulders
