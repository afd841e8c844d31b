"""Several annotators on one folder: who still has to judge a pair, and where they disagree."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .agreement import cohens_kappa, fleiss_kappa
from .decisions import DecisionBook, Mark

EVERY_SECONDS = 3.0
"""Minimum interval between checks of the other annotators' files."""


@dataclass(frozen=True)
class Opinion:
    """One annotator's mark of a pair, and its time (ISO 8601)."""

    mark: Mark
    time: str


def opinions_in(book: DecisionBook) -> dict[str, Opinion]:
    """Pair id -> opinion, for pairs that are decided or settled."""
    held = {record["pair"]: Opinion(Mark.of_record(record), str(record.get("time", ""))) for record in book.records()}
    return {pair: opinion for pair, opinion in held.items() if opinion.mark.decision or opinion.mark.settled}


class Tally:
    """The opinions of everybody in one decisions folder; files are read again when they have changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, tuple[tuple[int, int], dict[str, Opinion]]] = {}
        self._looked = float("-inf")
        self._guard = threading.Lock()

    def others(self, own: Path) -> dict[str, dict[str, Opinion]]:
        """Annotator's file -> pair id -> opinion, for everybody but the owner of the file `own`."""
        with self._guard:
            if time.monotonic() - self._looked > EVERY_SECONDS:
                self._look()
                self._looked = time.monotonic()
            return {name: opinions for name, (_, opinions) in self._read.items() if name != own.name}

    def _look(self) -> None:
        present = {}
        for path in sorted(self._folder.glob("decisions-*.jsonl")):
            stat = path.stat()
            state = (stat.st_size, stat.st_mtime_ns)
            known = self._read.get(path.name)
            fresh = known is not None and known[0] == state
            present[path.name] = known if known is not None and fresh else (state, opinions_in(DecisionBook.at(path)))
        self._read = present


def by_pair(held: dict[str, dict[str, Opinion]]) -> dict[str, list[Opinion]]:
    """Pair id -> everybody's opinions."""
    found: dict[str, list[Opinion]] = {}
    for opinions in held.values():
        for pair, opinion in opinions.items():
            found.setdefault(pair, []).append(opinion)
    return found


def agreed(
    own: dict[str, Opinion], others: dict[str, dict[str, Opinion]], pairs: Iterable[str], overlap: int
) -> dict[str, Any]:
    """Agreement on those of `pairs` that enough annotators have decided, so that nobody is influenced.

    pairs: how many those are; kappa: Fleiss' over everybody; two: for each other annotator the pairs in common, how
    many were decided alike, and Cohen's kappa. Kappas are None if chance alone explains all.
    """
    decided = [
        {pair: opinion.mark.decision for pair, opinion in held.items() if opinion.mark.decision}
        for held in (own, *others.values())
    ]
    every = {pair: [held[pair] for held in decided if pair in held] for pair in pairs}
    full = {pair: verdicts for pair, verdicts in every.items() if len(verdicts) >= max(overlap, 2)}
    two = []
    for held in decided[1:]:
        both = [(decided[0][pair], held[pair]) for pair in full if pair in decided[0] and pair in held]
        if both:
            kappa = cohens_kappa(*zip(*both, strict=True))
            two.append({"pairs": len(both), "same": sum(one == other for one, other in both), "kappa": kappa})
    return {"pairs": len(full), "kappa": fleiss_kappa(list(full.values())), "two": two}


def shared(own: Opinion, others: list[Opinion], overlap: int) -> dict[str, Any]:
    """What an annotator is told about a pair that `overlap` people are to decide.

    enough: whether so many others have decided; others: their decisions and reasons, shown once enough people have
    decided, so that nobody is influenced; split: whether they differ and are not settled; settled: the latest outcome.
    """
    decided = [opinion for opinion in others if opinion.mark.decision]
    verdicts = [opinion.mark.decision for opinion in (*decided, own) if opinion.mark.decision]
    settled = max((each for each in (*others, own) if each.mark.settled), key=lambda each: each.time, default=None)
    full = len(verdicts) >= overlap
    return {
        "enough": len(decided) >= overlap,
        "others": [{"decision": each.mark.decision, "tags": each.mark.tags} for each in decided] if full else [],
        "split": full and len(set(verdicts)) > 1 and settled is None,
        "verdict": settled.mark.settled if settled else "",
    }


def first_pair(name: str, pairs: int) -> int:
    """Where an annotator starts in a list of pairs: at different places, or all would decide the same ones."""
    return zlib.crc32(name.casefold().encode()) % max(pairs, 1)
