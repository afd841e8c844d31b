"""VividAnimator: a portrait, a voice and a gesture clip become a video."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

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
