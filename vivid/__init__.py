"""VividAnimator: a portrait, a voice and a gesture clip become a video."""

from __future__ import annotations

import os
from typing import Any

__version__ = "0.1.0"

QUIET = {
    "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime: it stores a device id and reports to its makers unless told not to
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",  # huggingface-hub, and diffusers and transformers through it
    "DO_NOT_TRACK": "1",
}
"""No package that this program uses may call home. Packages read these when they are imported, and some import each
other, so this is the only place that is early enough in every process."""
os.environ.update(QUIET)

_PUBLIC = {
    "Done": "vivid.events",
    "InputError": "vivid.errors",
    "RunSettings": "vivid.config",
    "Step": "vivid.events",
    "VividPipeline": "vivid.pipeline",
    "load_motion": "vivid.inputs",
    "load_portrait": "vivid.inputs",
    "load_speech": "vivid.inputs",
}
"""Public name -> the module it lives in; imported when first asked for, so that `import vivid` stays quick."""


def __getattr__(name: str) -> Any:
    import importlib

    if name not in _PUBLIC:
        raise AttributeError(f"module 'vivid' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)
