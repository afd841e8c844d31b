"""What is known of one clip: where it is from, whether it is kept and why not, and every measure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..media.outputs import write_text

UNKNOWN = "unknown"


@dataclass
class ClipRecord:
    """One clip of a source video, from `start` to `end` in seconds.

    dropped: filter -> why it was dropped, in a sentence; not_checked: filter -> what it would take; mended: what was
    put right; measures: every number of every filter; motion: "subtle" or "large"; licence and consent: as the owner
    states them, carried along.
    """

    name: str
    source: str
    start: float
    end: float
    dropped: dict[str, str] = field(default_factory=dict)
    not_checked: dict[str, str] = field(default_factory=dict)
    mended: dict[str, str] = field(default_factory=dict)
    measures: dict[str, float] = field(default_factory=dict)
    motion: str = ""
    licence: str = UNKNOWN
    consent: str = UNKNOWN

    @property
    def kept(self) -> bool:
        """Whether no filter dropped it."""
        return not self.dropped

    def save(self, folder: Path) -> None:
        """Write NAME.json into `folder`."""
        write_text(folder / f"{self.name}.json", self.to_json())

    def to_json(self) -> str:
        """Everything, with `kept`."""
        return json.dumps({"kept": self.kept, **asdict(self)}, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def load(cls, path: Path) -> ClipRecord:
        """Read what `save` wrote."""
        stored = json.loads(path.read_text("utf-8"))
        stored.pop("kept")
        return cls(**stored)
