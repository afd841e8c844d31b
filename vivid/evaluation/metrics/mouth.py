"""Does the mouth move as the recording's does? For clips whose openness is labelled.

Openness: distance of the inner lips' middles (face points 62 and 66) over the distance of the eyes' centres, by the
detector's points; and read from the mouth's pixels (`evaluation/mouth.py`). A slope of 1 opens as far as the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from .base import Features, Metric, NotMeasuredError, Sample, Sets
from .networks import Networks

FURTHEST = 4
"""The largest lag looked at, in frames: a sixth of a second."""
SILENT_MOUTH = 0.01
"""Standard deviation of the true openness below which nobody speaks: the clip is left out."""

Curve = NDArray[np.floating]


def joined(curves: Sequence[Curve]) -> Curve:
    """Several clips' curves as one, each minus its mean, with gaps that no lag bridges."""
    gap = np.full(FURTHEST, np.nan)
    means = [np.nanmean(curve) if np.isfinite(curve).any() else 0.0 for curve in curves]
    return np.concatenate([part for curve, mean in zip(curves, means, strict=True) for part in (curve - mean, gap)])


def correlation_at(made: Curve, truth: Curve, lag: int) -> float:
    """Pearson correlation of two curves when `made` is `lag` frames late; 0 where one does not move, NaN left out."""
    a = made[lag:] if lag >= 0 else made[:lag]
    b = truth[: len(truth) - lag] if lag >= 0 else truth[-lag:]
    known = np.isfinite(a) & np.isfinite(b)
    a, b = a[known], b[known]
    if len(a) < 3 or a.std() < 1e-6 or b.std() < 1e-6:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def correlation_and_lag(made: Curve, truth: Curve, furthest: int = FURTHEST) -> tuple[float, int]:
    """Pearson correlation of two curves at lag 0, and the lag (frames, positive: made is late) where it is largest.

    NaN entries are left out; a curve that does not move has correlation 0.
    """
    values = {lag: correlation_at(made, truth, lag) for lag in range(-furthest, furthest + 1)}
    best = max(values, key=lambda lag: (values[lag], -abs(lag)))
    return values[0], best


def slope_of(made: Curve, truth: Curve) -> float:
    """How far one curve moves for each unit that the other does (regression of `made` on `truth`); NaN left out."""
    known = np.isfinite(made) & np.isfinite(truth)
    if known.sum() < 3 or truth[known].std() < 1e-6:
        return 0.0
    return float(np.polyfit(truth[known], made[known], 1)[0])


def detected(sample: Sample) -> Curve:
    """Openness (T) by detected face points, NaN where no face was found."""
    from ...training.clips import openness_of

    face = sample.found().face
    curve = openness_of(face)
    curve[(face[..., 2] <= 0).any(-1)] = np.nan
    return curve


def _read(sample: Sample) -> Curve:
    reader = sample.exact().reader
    if reader is None:
        raise NotMeasuredError("it needs training clips of the same person: name their folder with --training")
    return reader.read(sample.frames, sample.found())


def _beside_truth(curve: Callable[[Sample], Curve]) -> Callable[[Sample, Networks], Features]:
    """Features (T, 2) of a clip: the made curve and the true one."""

    def features(sample: Sample, networks: Networks) -> Features:
        labels = sample.exact()
        if labels.openness[sample.first :].std() < SILENT_MOUTH:
            raise NotMeasuredError("nobody speaks in the clip")
        return np.stack([curve(sample), labels.openness], 1)[sample.first :]

    return features


def _over_clips(measure: Callable[[Curve, Curve], float]) -> Callable[[Sets, Sets], float]:
    """Over all speaking clips together: a single clip of two seconds is too short."""

    def compute(made: Sets, truth: Sets) -> float:
        return measure(joined([pair[:, 0] for pair in made]), joined([pair[:, 1] for pair in made]))

    return compute


def _metrics(key: str, name: str, how: str, curve: Callable[[Sample], Curve]) -> tuple[Metric, ...]:
    features = _beside_truth(curve)
    what = f"of the mouth's openness {how} with the labelled one, all clips that speak together"
    return (
        Metric(
            key,
            f"Mouth r, {name}",
            "",
            "higher",
            "set of videos",
            f"correlation {what}",
            _over_clips(lambda made, truth: correlation_and_lag(made, truth)[0]),
            features,
        ),
        Metric(
            f"{key}_lag",
            f"Mouth lag, {name}",
            "frames",
            None,
            "set of videos",
            f"lag (positive: late) of the largest correlation {what}",
            _over_clips(lambda made, truth: float(correlation_and_lag(made, truth)[1])),
            features,
        ),
        Metric(
            f"{key}_slope",
            f"Mouth slope, {name}",
            "",
            None,
            "set of videos",
            f"slope {what}: 1 opens as far",
            _over_clips(slope_of),
            features,
        ),
    )


def _range(sample: Sample, networks: Networks) -> float:
    curve = detected(sample)
    if not np.isfinite(curve).any():
        raise NotMeasuredError("no face was found in the video")
    return float(np.nanstd(curve))


METRICS = (
    *_metrics("mouth_detected", "detected", "by detected lips", detected),
    *_metrics("mouth_read", "read", "read from pixels", _read),
    Metric(
        "mouth_range",
        "Mouth range",
        "",
        None,
        "video",
        "standard deviation over time of the mouth's openness by detected lips",
        _range,
    ),
)
