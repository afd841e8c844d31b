"""The settings that are compared: columns, presets and links. Independent of Gradio."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...config import RunSettings
from ...errors import InputError
from ...generators import Capabilities
from ..quality import has_quality

MOST = 4
LETTERS = "ABCD"
SWITCHES = ("calibrate", "codebook", "head_stream")
"""The paper's ablations: without PCT, without HCC, without the head stream."""
NUMBERS = {"seed": (0, 2**31 - 1), "steps": (0, 100), "guidance_audio": (0, 10), "guidance_image": (0, 10)}
"""Minimum and maximum of each number; except for the seed, 0 and None mean the model's default."""
ANIMATE = "animate"
"""An input that is taken from the Animate tab."""
INPUTS = ("portrait", "voice", "motion")
OWN = ""
"""The server's own generator."""
_MODEL = re.compile(r"[a-z0-9-]{0,40}")
LONGEST_LINK = 4000


@dataclass(frozen=True)
class Variant:
    """One column: all settings of a video that can be compared. `model` is one that `Context.engine_of` knows."""

    model: str = OWN
    seed: int = 0
    steps: int | None = None
    guidance_audio: float | None = None
    guidance_image: float | None = None
    calibrate: bool = True
    codebook: bool = True
    head_stream: bool = True

    def __post_init__(self) -> None:
        for name, (least, most) in NUMBERS.items():
            value = getattr(self, name)
            if value is None and name != "seed":
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
                raise InputError("{} is {}: choose {} to {}.", name.replace("_", " "), repr(value)[:40], least, most)
            whole = int if name in ("seed", "steps") else float
            if whole is int and value != int(value):
                raise InputError("{} is {}: choose a whole number.", name, repr(value))
            object.__setattr__(self, name, whole(value) if value or name == "seed" else None)
        if not isinstance(self.model, str) or not _MODEL.fullmatch(self.model):
            raise InputError("There is no generator {}: choose one that is offered here.", repr(self.model)[:40])
        for name in SWITCHES:
            if not isinstance(getattr(self, name), bool):
                raise InputError("{} is either on or off.", name.replace("_", " "))

    def settings(self, mark: bool) -> RunSettings:
        """The settings as the pipeline expects them."""
        values = dataclasses.asdict(self)
        del values["model"]
        return RunSettings(**values, mark=mark)

    def reduced_to(self, can: Capabilities) -> Variant:
        """The same, with settings that the generator does not use reset to their defaults."""
        usual = Variant()
        ignored = {
            name: getattr(usual, name) for name in FIELDS if name != "model" and name not in settings_used_by(can)
        }
        return dataclasses.replace(self, **ignored)


FIELDS = tuple(field.name for field in dataclasses.fields(Variant))
SETTINGS = (*(name for name in FIELDS if name != "model"), "crop")
"""The settings listed in a record, in this order."""


def settings_used_by(can: Capabilities) -> tuple[str, ...]:
    """Fields that have an effect on that generator's videos."""
    numbers: tuple[str, ...] = ("seed",) if can.seeded else ()
    numbers += ("steps",) if has_quality(can) else ()
    numbers += ("guidance_audio", "guidance_image") if can.guidance is not None else ()
    return (*numbers, *(name for name in SWITCHES if name in can.switches and name not in can.untrained))


@dataclass(frozen=True)
class Comparison:
    """Two to four columns, where the inputs come from (ANIMATE or the name of an example that ships), and the crop of
    the portrait, as in RunSettings."""

    variants: tuple[Variant, ...]
    portrait: str = ANIMATE
    voice: str = ANIMATE
    motion: str = ANIMATE
    crop: float | None = None

    def __post_init__(self) -> None:
        RunSettings(crop=self.crop)  # validates it
        if not 2 <= len(self.variants) <= MOST:
            raise InputError("{} columns cannot be compared: choose 2 to {}.", len(self.variants), MOST)


def from_link(text: str) -> Comparison:
    """Parse the settings that the page writes into a link (see tab.py); they are untrusted. Errors: InputError."""
    try:
        if len(text) > LONGEST_LINK:
            raise ValueError("too long")
        data = json.loads(text)
        columns, sources = data["columns"], {name: data[name] for name in INPUTS if name in data}
        if not all(isinstance(source, str) and len(source) < 200 for source in sources.values()):
            raise ValueError("strange inputs")
        if not isinstance(columns, list) or set(data) - {"columns", "crop", *INPUTS}:
            raise ValueError("strange fields")
        return Comparison(tuple(Variant(**column) for column in columns), **sources, crop=data.get("crop"))
    except InputError:
        raise
    except (ValueError, TypeError, KeyError, RecursionError):
        raise InputError("This link's settings cannot be read: ask for it again, or choose settings here.") from None


def preset(name: str, seed: int = 0, models: Sequence[str] = ()) -> tuple[Variant, ...]:
    """The columns of a preset; `models` are the generators besides the server's own. KeyError for an unknown name."""
    full = Variant(seed=seed)
    without = {
        "calibrate": dataclasses.replace(full, calibrate=False),
        "codebook": dataclasses.replace(full, codebook=False),
        "head_stream": dataclasses.replace(full, head_stream=False),
    }
    return {
        "models": tuple(dataclasses.replace(full, model=model) for model in (OWN, *models))[:MOST],
        "calibrate": (full, without["calibrate"]),
        "codebook": (full, without["codebook"]),
        "head_stream": (full, without["head_stream"]),
        "ablations": (full, *without.values()),
        "seeds": tuple(dataclasses.replace(full, seed=seed + k) for k in range(3)),
        "steps": tuple(dataclasses.replace(full, steps=steps) for steps in (4, 8, 16)),
    }[name]


PRESETS = ("models", "calibrate", "codebook", "head_stream", "ablations", "seeds", "steps")


def presets_for(can: Capabilities, models: Sequence[str]) -> tuple[str, ...]:
    """The presets that make a difference, given the own generator's capabilities and the others' names."""
    used = settings_used_by(can)
    useful = {name: name in used for name in SWITCHES}
    useful |= {"models": bool(models), "seeds": "seed" in used, "steps": "steps" in used}
    useful["ablations"] = all(name in used for name in SWITCHES)
    return tuple(name for name in PRESETS if useful[name])


def differences(variants: Sequence[Variant]) -> list[str]:
    """Names of the settings in which the columns differ."""
    return [name for name in FIELDS if len({getattr(variant, name) for variant in variants}) > 1]
