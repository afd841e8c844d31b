"""The pairs that a page may access: the server's folder, and visitors' uploads under secret names."""

from __future__ import annotations

import secrets
from collections import Counter, OrderedDict
from collections.abc import Sequence
from pathlib import Path

from ...errors import InputError
from ..visitors import Visitor, current
from .pairs import Pair, Source, folder_sources, match_pairs

FOLDER = "folder"
"""The collection given at the server's start; uploaded ones have unguessable names."""
MOST_COLLECTIONS = 500
MOST_OF_VISITOR = 20
"""Uploaded collections of one visitor; the oldest is dropped."""


class Collections:
    """Lists of pairs by name; pairs by the id of their contents."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._collections: OrderedDict[str, dict[str, Pair]] = OrderedDict()
        self.doubles: dict[str, list[str]] = {}
        """Collection -> names of pairs with the same content as another one."""
        self._visitors: dict[str, Visitor] = {}

    def collect(self, sources: Sequence[Source]) -> tuple[str, list[str]]:
        """Keep a visitor's uploaded files under a secret name; returns it and the names without a partner."""
        pairs, lonely = match_pairs(sources)
        if not pairs:
            raise InputError(
                "No portrait and clip belong together: name them alike (0001.png with 0001.npz), "
                "or give one portrait with several clips, or one clip with several portraits."
            )
        name = secrets.token_urlsafe(16)
        visitor = self._visitors[name] = current.get()
        self._keep(name, pairs)
        own = [other for other, whose in self._visitors.items() if visitor.known and whose.name == visitor.name]
        for other in own[:-MOST_OF_VISITOR]:
            self._forget(other)
        return name, lonely

    def pairs(self, name: str, again: bool = False) -> dict[str, Pair]:
        """The pairs of a collection; `again` rereads the server's folder. Errors: InputError."""
        if name == FOLDER and self._folder is not None and (again or FOLDER not in self._collections):
            self._keep(FOLDER, match_pairs(folder_sources(self._folder))[0])
        pairs = self._collections.get(name)
        if pairs is None:
            raise InputError("These files are no longer here: load them again. Your decisions are kept.")
        return pairs

    def known(self, name: str) -> dict[str, Pair]:
        """The same, but empty for a collection that no longer exists."""
        return self._collections.get(name, {})

    def _forget(self, name: str) -> None:
        for kept in (self._collections, self.doubles, self._visitors):
            kept.pop(name, None)  # type: ignore[attr-defined]

    def _keep(self, name: str, pairs: Sequence[Pair]) -> None:
        kept: dict[str, Pair] = {}
        doubles = []
        for pair in pairs:
            if kept.setdefault(pair.subject().id, pair) is not pair:
                doubles.append(pair.name)
        self._collections[name], self.doubles[name] = kept, doubles
        while len(self._collections) > MOST_COLLECTIONS:  # the visitor with most collections loses the oldest
            whose = {other: visitor.address or visitor.name for other, visitor in self._visitors.items()}
            most = Counter(whose.values()).most_common(1)[0][0]
            self._forget(next(other for other, group in whose.items() if group == most))
