"""Sentences of the Animate tab: key -> (English, Chinese)."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str]] = {}
