"""Numbers about videos: one file a metric or family, each with its `METRICS`; together they are the REGISTRY.

A new metric is a new `Metric` in a file of this folder; tables, options and pages take it from here.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from .base import Metric

REGISTRY: dict[str, Metric] = {
    metric.key: metric
    for module in iter_modules(__path__)
    for metric in getattr(import_module(f"{__name__}.{module.name}"), "METRICS", ())
}
"""Key -> metric. Importing it loads no network and no package that a metric needs."""

TABLE_1 = ("ssim", "psnr", "csim", "fid", "fvd", "hkc", "hyperiqa", "sync_c", "sync_d")
"""The columns of the paper's Table 1."""
TABLE_2 = ("hkc", "hkv", "hmv", "hyperiqa")
"""Those of Table 2."""
