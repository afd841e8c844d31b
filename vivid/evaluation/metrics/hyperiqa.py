"""HyperIQA (Su et al. 2020), as pyiqa has it, trained on KonIQ-10k: how good a picture looks, without a reference."""

from __future__ import annotations

import numpy as np

from .base import Metric, Sample
from .networks import Networks

EVERY = 12
"""Sampling interval in frames: two a second."""


def hyperiqa(sample: Sample, networks: Networks) -> float:
    """Mean score, 0 to 100."""
    look = networks.get("hyperiqa")
    return float(np.mean([look(frame[None]) for frame in sample.frames[sample.first :: EVERY]]))


METRICS = (
    Metric(
        "hyperiqa",
        "HyperIQA",
        "of 100",
        "higher",
        "video",
        "HyperIQA's score times 100, mean of two frames a second, 25 crops of 224 pixels each",
        hyperiqa,
        needs=("hyperiqa",),
    ),
)
