"""The final state of annotators' decisions, one row per pair, and the agreement between annotators."""

from __future__ import annotations

import csv
import io
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...errors import InputError
from .decisions import NUDGE_LIMITS, DecisionBook, Mark

Verdicts = dict[str, dict[str, str]]
"""Annotator -> pair id -> decision, without open ones."""
_SUBJECT = ("pair", "name", "portrait", "clip", "portrait_sha256", "clip_sha256")


def final_state(book: DecisionBook) -> list[dict[str, Any]]:
    """The final state of every pair that an annotator has worked on, in the order of first contact.

    seconds: total time spent; corrected_clip: its file within the decisions folder, "" for none.
    """
    rows: dict[str, dict[str, Any]] = {}
    for record in book.records():
        subject = {name: str(record.get(name, "")) for name in _SUBJECT}
        mark, key = Mark.of_record(record), record["pair"]
        spent = rows[key]["seconds"] if key in rows else 0.0
        row = (
            subject | asdict(mark) | {"time": str(record.get("time", "")), "seconds": round(spent + _spent(record), 1)}
        )
        row["corrected_clip"] = ""
        if mark.corrected and book.clip_path(key).is_file():
            row["corrected_clip"] = f"{book.clip_path(key).parent.name}/{key}.npz"
        rows[key] = row  # keeps its position in the dict
    return list(rows.values())


def _spent(record: Mapping[str, Any]) -> float:
    seconds = record.get("seconds", 0.0)
    return float(seconds) if isinstance(seconds, int | float) and 0 <= seconds < 1e6 else 0.0


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of `final_state` as CSV: tags joined by spaces, a column for each nudge, frames counted from 1, edits
    only as their number."""
    text = io.StringIO()
    state = ("decision", "tags", "frame", "note", "settled", "time", "seconds", "edits", "corrected_clip")
    columns = [*_SUBJECT, *state, *NUDGE_LIMITS]
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    for row in rows:
        cells = {name: row[name] for name in columns if name in row} | dict(row["nudges"])
        cells["tags"] = " ".join(row["tags"])
        cells["edits"] = len(row["edits"])
        cells["frame"] = "" if row["frame"] is None else row["frame"] + 1
        writer.writerow({name: inert(value) for name, value in cells.items()})
    return text.getvalue()


def inert(value: Any) -> Any:
    """Quote text that a spreadsheet would take for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def verdicts_in(folder: Path) -> Verdicts:
    """The decisions of all annotators in a folder, by their files' names. Errors: InputError where there are none."""
    found: Verdicts = {}
    for path in sorted(folder.glob("decisions-*.jsonl")):
        book = DecisionBook.at(path)
        names = [record.get("annotator") for record in itertools.islice(book.records(), 1)]
        name = str(names[0]) if names else path.stem
        decided = {pair: mark.decision for pair, mark in book.marks().items() if mark.decision}
        if decided:
            found[name if name not in found else path.stem] = decided
    if not found:
        raise InputError("There are no decisions in {}: name the folder that the server keeps them in.", folder)
    return found


def settled_in(folder: Path) -> dict[str, dict[str, str]]:
    """Pair id -> how a disagreement was settled, by whom and when; the latest record counts."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted(folder.glob("decisions-*.jsonl")):
        last = {record["pair"]: record for record in DecisionBook.at(path).records()}
        for pair, record in last.items():
            settled = Mark.of_record(record).settled
            said = {"decision": settled, "by": str(record.get("annotator")), "time": str(record.get("time", ""))}
            if settled and said["time"] >= found.get(pair, said)["time"]:
                found[pair] = said
    return found


def cohens_kappa(first: Sequence[str], second: Sequence[str]) -> float | None:
    """Agreement of two annotators on the same pairs beyond chance, 1 at most; None if chance alone explains all.

    Cohen, "A Coefficient of Agreement for Nominal Scales", 1960.
    """
    count = len(first)
    if not count:
        return None
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / count
    one, other = Counter(first), Counter(second)
    chance = sum(one[label] * other[label] for label in one) / count**2
    return None if chance >= 1 else (observed - chance) / (1 - chance)


def fleiss_kappa(pairs: Sequence[Sequence[str]]) -> float | None:
    """Agreement of any number of annotators on pairs, each with the decisions of those who decided about it.

    Fleiss, "Measuring Nominal Scale Agreement Among Many Raters", 1971; where pairs have different numbers of
    annotators, each pair counts once, and those with a single one not at all.
    """
    pairs = [pair for pair in pairs if len(pair) > 1]
    if not pairs:
        return None
    observed = sum(
        sum(n * (n - 1) for n in Counter(pair).values()) / (len(pair) * (len(pair) - 1)) for pair in pairs
    ) / len(pairs)
    shares: Counter[str] = Counter()
    for pair in pairs:
        for label, n in Counter(pair).items():
            shares[label] += n / len(pair)  # type: ignore[assignment]
    chance = sum((share / len(pairs)) ** 2 for share in shares.values())
    return None if chance >= 1 - 1e-12 else (observed - chance) / (1 - chance)


def agreement_of(found: Verdicts) -> dict[str, Any]:
    """Cohen's kappa of every two annotators, Fleiss' of all, and the pairs that they disagree about."""
    two = []
    for first, second in itertools.combinations(found, 2):
        shared = sorted(found[first].keys() & found[second].keys())
        kappa = cohens_kappa([found[first][pair] for pair in shared], [found[second][pair] for pair in shared])
        same = sum(found[first][pair] == found[second][pair] for pair in shared)
        two.append({"annotators": [first, second], "pairs": len(shared), "same": same, "cohens_kappa": _short(kappa)})
    by_pair: dict[str, dict[str, str]] = {}
    for name, decided in found.items():
        for pair, decision in decided.items():
            by_pair.setdefault(pair, {})[name] = decision
    return {
        "annotators": {name: dict(Counter(decided.values())) for name, decided in found.items()},
        "pairs": len(by_pair),
        "pairs_of_several": sum(len(decided) > 1 for decided in by_pair.values()),
        "fleiss_kappa": _short(fleiss_kappa([list(decided.values()) for decided in by_pair.values()])),
        "two": two,
        "disagreements": {pair: decided for pair, decided in by_pair.items() if len(set(decided.values())) > 1},
    }


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
