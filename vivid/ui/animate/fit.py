"""How well gestures fit a person: calibrated once, drawn before and after, and judged by the measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...media.pictures import shrink
from ...pose.calibrate import calibrate, place
from ...pose.draw import overlay
from ...pose.library import loop_positions
from ...pose.portrait import Portrait
from ...pose.regions import hand_crops
from ...pose.report import CalibrationReport
from ...pose.skeleton import PoseClip
from ..context import Context
from ..options import on_zero_gpu
from ..strings import both
from ..widgets import figure, line

SHOWN_SIDE = 640
"""Longer side of the skeleton pictures; small enough for twenty visitors on two cores."""
OUTSIDE_SOME, OUTSIDE_MOST = 0.15, 0.6
"""Share of the video with the hands outside the picture: above the first a warning, above the second an error."""
STRETCHED, MISSHAPEN = 0.1, 0.25
"""Errors of limb lengths from which arms may look wrong, and certainly do."""
OUT_OF_REACH = 0.05
"""Share of the video with a wrist out of the arm's reach, from which it is reported."""


@dataclass
class Fitted:
    """A clip before and after calibration on the canvas of a small picture (H, W, 3) of a person, and the report.

    `clip` is the raw clip, `full` the fitted one on the portrait's own canvas.
    """

    person: Portrait
    clip: PoseClip
    image: NDArray[np.uint8]
    raw: PoseClip
    calibrated: PoseClip
    full: PoseClip
    report: CalibrationReport


def fit(portrait: Portrait, clip: PoseClip) -> Fitted:
    """Calibrate `clip` to `portrait` and scale everything to the displayed size."""
    calibrated, report = calibrate(portrait.pose, clip)
    image = shrink(portrait.image, SHOWN_SIDE)
    size = (image.shape[1], image.shape[0])
    scale = (size[0] / portrait.size[0], size[1] / portrait.size[1])
    return Fitted(
        portrait,
        clip,
        image,
        place(clip, portrait.size)[0].map_points(scale, (0, 0), size),
        calibrated.map_points(scale, (0, 0), size),
        calibrated,
        report,
    )


def pictures(fitted: Fitted, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Overlays of frame `index` before and after calibration, each (H, W, 3)."""
    index = min(max(int(index), 0), len(fitted.raw) - 1)
    return overlay(fitted.image, fitted.raw.frame(index)), overlay(fitted.image, fitted.calibrated.frame(index))


def place_in(fitted: Fitted, index: int, last: int) -> int:
    """The clip's frame that is shown in frame `index` of a video whose frames are 0 to `last`."""
    return round(float(loop_positions(len(fitted.raw), last + 1)[min(max(int(index), 0), last)]))


def telling_frame(fitted: Fitted, frames: int) -> int:
    """The frame of a video of so many frames in which a hand is highest."""
    hands = fitted.calibrated.hands
    heights = np.where(hands[..., 2] > 0, hands[..., 1], np.inf).min(axis=(1, 2))  # (T,)
    return int(heights[loop_positions(len(heights), frames).round().astype(int)].argmin())


def hands_outside(clip: PoseClip, still: tuple[bool, bool] = (False, False)) -> float:
    """Share of frames in which a visible hand lies mostly outside the canvas, over both hands.

    still: hands (left, right) that stay as photographed, which do not count.
    """
    x, y, confidence = np.moveaxis(clip.hands.astype(np.float64), -1, 0)  # each (T, 2, 21)
    there = confidence > 0
    inside = there & (x >= 0) & (x < clip.canvas[0]) & (y >= 0) & (y < clip.canvas[1])
    counts = there.any(axis=-1) & ~np.array(still)  # (T, 2)
    out = counts & (inside.sum(axis=-1) < 0.5 * there.sum(axis=-1))
    return float(out.sum() / max(counts.sum(), 1))


def judge(found: Fitted, use: bool = True, still: tuple[bool, bool] = (False, False)) -> list[tuple[str, str]]:
    """Remarks on the fit, worst first: (level: ok, warn or bad, line of HTML); never empty.

    use: whether the gestures are fitted; still: arms (left, right) that cannot be moved in this portrait.
    """
    measures = found.report.after if use else found.report.before
    if all(still):
        return [("warn", line("warn", "fit_head_only"))]
    told = []
    outside = hands_outside(found.calibrated if use else found.raw, still)
    if outside >= OUTSIDE_SOME:
        told.append(("bad" if outside >= OUTSIDE_MOST else "warn", "fit_outside", outside))
    error, far = measures.bone_error or 0.0, 0.0 if measures.reach is None else 1 - measures.reach
    if error >= STRETCHED:
        told.append(("bad" if error >= MISSHAPEN else "warn", "fit_stretched" if use else "fit_not_fitted", error))
    elif far >= OUT_OF_REACH:
        told.append(("warn", "fit_reach", far))
    told.sort(key=lambda each: each[0] != "bad")
    found_lines = [(level, line(level, key, share=f"{100 * share:.0f}")) for level, key, share in told]
    return found_lines or [("ok", line("ok", "fit_good"))]


def remembered(context: Context, portrait: Portrait) -> str:
    """The hands in the portrait, each beside its reconstruction from the hand codebook, as HTML."""
    pipeline = context.engine.loaded
    # On ZeroGPU no network may run outside the decorated function.
    if pipeline is None or "codebook" not in pipeline.capabilities.switches or on_zero_gpu():
        return ""
    found = hand_crops(portrait.image, portrait.pose)
    if not found.present.any():
        return ""
    rebuilt = pipeline.generator.reconstruct_hands(found.crops)
    figures = []
    for side, name in enumerate(("left", "right")):
        if found.present[side]:
            figures += [figure(found.crops[side], f"hand_{name}"), figure(rebuilt[side], "hand_rebuilt")]
    return figures_of("check_hands_rebuilt", figures)


def figures_of(title: str, figures: list[str]) -> str:
    """Figures under a title as HTML, "" if there are none."""
    if not figures:
        return ""
    return f'<h3 class="vivid-sub">{both(title)}</h3><div class="vivid-figures">{"".join(figures)}</div>'


def hand_figures(hands: dict[str, Any]) -> str:
    """The hands of a finished frame (side -> (H, W, 3)) as HTML, "" if none is visible."""
    return figures_of("check_hands", [figure(crop, f"hand_{name}") for name, crop in hands.items()])
