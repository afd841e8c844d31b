"""What Compare compares: columns of settings, presets, links and tables. Knows nothing of Gradio."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...config import RunSettings
from ...errors import InputError

MOST = 4
LETTERS = "ABCD"
SWITCHES = ("calibrate", "codebook", "head_stream")
"""The paper's ablations: without PCT, without HCC, without the head stream."""
NUMBERS = {"seed": (0, 2**31 - 1), "steps": (0, 100), "guidance_audio": (0, 10), "guidance_image": (0, 10)}
"""Least and most of each number; where it is not the seed, 0 and None are the model's own."""
ANIMATE = "animate"
"""An input that is taken from the Animate tab."""
INPUTS = ("portrait", "voice", "motion")
LONGEST_LINK = 4000


@dataclass(frozen=True)
class Variant:
    """One column: everything that decides a video besides its inputs."""

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
                raise InputError(f"{name.replace('_', ' ')} is {repr(value)[:40]}: choose {least} to {most}.")
            whole = int if name in ("seed", "steps") else float
            if whole is int and value != int(value):
                raise InputError(f"{name} is {value!r}: choose a whole number.")
            object.__setattr__(self, name, whole(value) if value or name == "seed" else None)
        for name in SWITCHES:
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{name.replace('_', ' ')} is either on or off.")

    def settings(self, mark: bool) -> RunSettings:
        """As the pipeline takes them."""
        return RunSettings(**dataclasses.asdict(self), mark=mark)


FIELDS = tuple(field.name for field in dataclasses.fields(Variant))


@dataclass(frozen=True)
class Comparison:
    """Two to four columns and where the inputs come from: ANIMATE or the name of an example that ships."""

    variants: tuple[Variant, ...]
    portrait: str = ANIMATE
    voice: str = ANIMATE
    motion: str = ANIMATE

    def __post_init__(self) -> None:
        if not 2 <= len(self.variants) <= MOST:
            raise InputError(f"{len(self.variants)} columns cannot be compared: choose 2 to {MOST}.")

    def to_link(self) -> str:
        """JSON for the query parameter `compare`; only what differs from the defaults."""
        usual = dataclasses.asdict(Variant())
        columns = [
            {name: value for name, value in dataclasses.asdict(variant).items() if value != usual[name]}
            for variant in self.variants
        ]
        sources = {name: getattr(self, name) for name in INPUTS if getattr(self, name) != ANIMATE}
        return json.dumps({"columns": columns, **sources}, separators=(",", ":"))


def from_link(text: str) -> Comparison:
    """What `to_link` wrote. Anything else is refused: the text comes from whoever made the link."""
    try:
        if len(text) > LONGEST_LINK:
            raise ValueError("too long")
        data = json.loads(text)
        columns, sources = data["columns"], {name: data[name] for name in INPUTS if name in data}
        if not all(isinstance(source, str) and len(source) < 200 for source in sources.values()):
            raise ValueError("strange inputs")
        if not isinstance(columns, list) or set(data) - {"columns", *INPUTS}:
            raise ValueError("strange fields")
        return Comparison(tuple(Variant(**column) for column in columns), **sources)
    except InputError:
        raise
    except (ValueError, TypeError, KeyError, RecursionError):
        raise InputError("This link's settings cannot be read: ask for it again, or choose settings here.") from None


def preset(name: str, seed: int = 0) -> tuple[Variant, ...]:
    """The columns of a ready comparison; KeyError for an unknown name."""
    full = Variant(seed=seed)
    without = {switch: dataclasses.replace(full, **{switch: False}) for switch in SWITCHES}
    return {
        "calibrate": (full, without["calibrate"]),
        "codebook": (full, without["codebook"]),
        "head_stream": (full, without["head_stream"]),
        "ablations": (full, *without.values()),
        "seeds": tuple(dataclasses.replace(full, seed=seed + k) for k in range(3)),
        "steps": tuple(dataclasses.replace(full, steps=steps) for steps in (4, 8, 16)),
    }[name]


PRESETS = ("calibrate", "codebook", "head_stream", "ablations", "seeds", "steps")


def differences(variants: Sequence[Variant]) -> list[str]:
    """Names of the settings in which the columns differ."""
    return [name for name in FIELDS if len({getattr(variant, name) for variant in variants}) > 1]


def table(variants: Sequence[Variant], results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row a finished column: letter, settings as they were used, measures."""
    names = list(dict.fromkeys(name for result in results for name in result))
    rows = []
    for letter, variant, result in zip(LETTERS, variants, results, strict=False):
        measures = {name: result.get(name) for name in names}
        rows.append({"column": letter, **dataclasses.asdict(variant), **measures})
    return rows


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table as CSV (RFC 4180, empty for unknown)."""
    if not rows:
        return ""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
