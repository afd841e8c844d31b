"""Annotators: a name belongs to whoever claimed it first, and is protected by a secret.

The decisions folder holds the secrets' hashes in one append-only file of JSON lines. To free a name whose secret is
lost, whoever runs the server deletes its line; its decisions stay.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from ...errors import InputError
from .decisions import DecisionBook, clean_name
from .ledger import append_line, locked

log = logging.getLogger("vivid")

FILE = "annotators.jsonl"
MOST_NAMES = 500
"""Per server: anybody who reaches it can claim a name."""


class Annotators:
    """The names in one decisions folder, and access to the decisions made under them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def claim(self, name: str) -> str:
        """Claim a free name; returns its new secret. Errors: InputError if it is taken or invalid, or with too many."""
        book = DecisionBook(self.folder, name)
        secret = secrets.token_urlsafe(24)
        with locked(self.folder / FILE) as file:
            hashes = _hashes_in(file)
            if book.path.name in hashes:
                raise InputError(
                    "The name {} belongs to somebody already: open the link that was shown with it, or "
                    "choose another name.",
                    book.name,
                )
            names = {*hashes, *(path.name for path in self.folder.glob("decisions-*.jsonl"))}
            if len(names | {book.path.name}) > MOST_NAMES:
                raise InputError(
                    "{} people have decisions here, which is the limit: ask whoever runs this server.", MOST_NAMES
                )
            record = {"name": book.name, "file": book.path.name, "sha256": _hash(secret)}
            record["time"] = datetime.now(UTC).isoformat(timespec="seconds")
            append_line(file, json.dumps(record, ensure_ascii=False).encode())
        if book.path.exists():
            log.warning("The decisions of %s had no secret: whoever asked first has them now.", book.name)
        return secret

    def book(self, name: str, secret: str) -> DecisionBook:
        """The decisions under a name, for whoever knows its secret. Errors: InputError."""
        book = DecisionBook(self.folder, name)
        known = self._hashes().get(book.path.name, "")
        if not hmac.compare_digest(known, _hash(secret)):
            raise InputError(
                "This browser does not hold the secret of the name {}: open the link that was shown with "
                "it, or switch to another name.",
                clean_name(name),
            )
        return book

    def _hashes(self) -> dict[str, str]:
        try:
            with (self.folder / FILE).open("rb") as file:
                return _hashes_in(file)
        except FileNotFoundError:
            return {}


def _hashes_in(lines: Iterable[bytes]) -> dict[str, str]:
    """Decisions file -> hash of its secret; the first claim counts."""
    found: dict[str, str] = {}
    for line in lines:
        try:
            record = json.loads(line)
            if isinstance(record["file"], str) and isinstance(record["sha256"], str):
                found.setdefault(record["file"], record["sha256"])
        except (ValueError, TypeError, KeyError, RecursionError):
            continue  # a partial line, written by a server that was killed
    return found


def _hash(secret: str) -> str:
    """Secrets are random and long: nobody guesses one from its hash."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
