"""The table (JSON and Markdown) and the contact sheet of an evaluation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..media.outputs import write_png, write_text

COLUMNS = {
    "psnr": "PSNR",
    "psnr_hands": "hands",
    "psnr_mouth": "mouth",
    "ssim": "SSIM",
    "ssim_hands": "hands",
    "ssim_mouth": "mouth",
    "mouth_correlation": "openness r",
    "mouth_lag": "lag",
    "mouth_correlation_joined": "joined r",
    "mouth_lag_joined": "lag",
    "mouth_range": "range",
    "mouth_read": "read r",
    "mouth_read_lag": "lag",
    "mouth_read_slope": "slope",
    "hkc": "HKC",
    "hkv": "HKV",
    "hmv": "HMV",
    "identity_own": "id own",
    "identity_others": "id others",
    "flicker": "flicker still",
    "flicker_whole": "flicker all",
}


def average(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of each number over videos; infinite ones (equal pictures, silent clips) are left out."""
    result = {}
    for name in rows[0]:
        values = np.array([row[name] for row in rows], float)
        finite = values[np.isfinite(values)]
        result[name] = float(finite.mean()) if len(finite) else float("inf")
    return result


def write_table(results: Mapping[str, Mapping[str, float]], details: Mapping[str, Any], folder: Path) -> str:
    """Write table.json and table.md; returns the Markdown. Rows are answers (model, truth, still portrait, ...)."""
    write_text(folder / "table.json", json.dumps({"mean": results, **details}, indent=2) + "\n")
    lines = ["| | " + " | ".join(COLUMNS.values()) + " |", "|---|" + "---|" * len(COLUMNS)]
    for name, row in results.items():
        lines.append(f"| {name} | " + " | ".join(f"{row[column]:.3g}" for column in COLUMNS) + " |")
    text = "\n".join(lines) + "\n"
    write_text(folder / "table.md", text)
    return text


def contact_sheet(
    rows: Sequence[tuple[str, NDArray[np.uint8]]], path: Path, columns: int = 8, size: int | None = None
) -> None:
    """One PNG: for each (name, frames (T, H, W, 3)) a row of evenly spread frames."""
    strips = []
    for name, frames in rows:
        picks = np.linspace(0, len(frames) - 1, columns).round().astype(int)
        shown = [frames[i] if size is None else cv2.resize(frames[i], (size, size)) for i in picks]
        strip = np.ascontiguousarray(np.concatenate(shown, 1))
        cv2.putText(strip, name, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.putText(strip, name, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
        strips.append(strip)
    write_png(path, np.concatenate(strips, 0))
