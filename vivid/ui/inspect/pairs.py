"""Portraits and gesture clips, matched into pairs by name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path, PurePath

from ...errors import InputError
from .decisions import Subject

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
VIDEOS = (".mp4", ".mov", ".webm", ".mkv", ".avi", ".m4v")
CLIPS = (".npz", ".json", ".tar.gz", ".tgz", ".tar")
MOST_FILES = 5000
MOST_PAIRS = 5000

_WORDS = "portrait|image|photo|picture|reference|ref|clip|pose|motion|gesture|video|driving"
_ROLE = re.compile(rf"(^|[-_. ])({_WORDS})s?$")


@dataclass(frozen=True)
class Source:
    """A file and the name it is known by: a path relative to the folder, or the name it was uploaded under."""

    path: Path
    name: str


@dataclass(frozen=True)
class Pair:
    """One portrait and one clip to judge together."""

    name: str
    portrait: Source
    clip: Source

    def subject(self) -> Subject:
        """The pair's identity in the decisions file, independent of names and paths of its files."""
        portrait, clip = file_sha256(self.portrait.path), file_sha256(self.clip.path)
        identity = hashlib.sha256(f"{portrait} {clip}".encode()).hexdigest()[:24]
        return Subject(identity, self.name, self.portrait.name, self.clip.name, portrait, clip)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's contents, cached until the file changes."""
    try:
        stat = path.stat()
        return _sha256(path, stat.st_size, stat.st_mtime_ns)
    except FileNotFoundError:
        raise InputError("These files have been cleaned away: load them again. Your decisions are kept.") from None


@lru_cache(maxsize=20_000)
def _sha256(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_sources(folder: Path) -> list[Source]:
    """Everything usable under `folder`, without hidden files and links that lead out of it."""
    root = folder.resolve()
    if not root.is_dir():
        raise InputError("The folder of pairs, {}, is not there: start the server with an existing one.", folder)
    sources = []
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        hidden = any(part.startswith(".") for part in relative.parts)
        if hidden or not _kind(path.name) or not path.is_file() or not path.resolve().is_relative_to(root):
            continue
        sources.append(Source(path, relative.as_posix()))
        if len(sources) > MOST_FILES:
            raise InputError("The folder of pairs holds more than {} files: split it.", MOST_FILES)
    return sources


def match_pairs(sources: Iterable[Source]) -> tuple[list[Pair], list[str]]:
    """Pairs by equal names (0001.png with 0001.npz, a_portrait.jpg with a_clip.mp4, x/portrait.png with x/clip.npz).

    Where no name matches, one clip alone goes with every portrait, and one portrait alone with every clip. Returns
    the pairs in the order of their names, and the names of unmatched files. Errors: InputError for
    more than MOST_PAIRS.
    """
    portraits: dict[str, list[Source]] = {}
    clips: dict[str, list[Source]] = {}
    for source in sources:
        kind = _kind(source.name)
        if kind:
            (portraits if kind == "picture" else clips).setdefault(_key(source.name), []).append(source)
    alike = (
        Pair("", portrait, clip)
        for key in portraits.keys() & clips.keys()
        for portrait in portraits[key]
        for clip in _best(clips[key])
    )
    pairs = list(islice(alike, MOST_PAIRS + 1))
    if len(pairs) > MOST_PAIRS:  # many files of one name, combined with each other
        raise InputError("These files make more than {} pairs: load fewer at a time.", MOST_PAIRS)
    if not pairs:
        every_portrait = [source for group in portraits.values() for source in group]
        every_clip = [source for group in clips.values() for source in group]
        if min(len(every_portrait), len(every_clip)) == 1:
            pairs = [Pair("", portrait, clip) for portrait in every_portrait for clip in every_clip]
    used = {id(source) for pair in pairs for source in (pair.portrait, pair.clip)}
    matched = {_key(pair.portrait.name) for pair in pairs} & {_key(pair.clip.name) for pair in pairs}
    lonely = sorted(
        source.name
        for group in (portraits, clips)
        for key, members in group.items()
        for source in members
        if id(source) not in used and key not in matched
    )
    return _named(pairs), lonely


def _kind(name: str) -> str | None:
    """ "picture", "clip" (a video counts as one) or None."""
    lower = name.lower()
    if lower.endswith(PICTURES):
        return "picture"
    return "clip" if lower.endswith(CLIPS + VIDEOS) else None


def _key(name: str) -> str:
    """The part of a name that a pair's files have in common."""
    lower = name.lower()
    ending = next(ending for ending in PICTURES + CLIPS + VIDEOS if lower.endswith(ending))
    parts = PurePath(lower[: -len(ending)]).parts
    folders = [part for part in parts[:-1] if not _ROLE.fullmatch(part)]
    return "/".join([*folders, _ROLE.sub("", parts[-1])]).strip("/")


def _best(clips: Sequence[Source]) -> Sequence[Source]:
    """Prefer pose files to the video that they were probably detected in."""
    ready = [clip for clip in clips if not clip.name.lower().endswith(VIDEOS)]
    return ready or clips


def _named(pairs: list[Pair]) -> list[Pair]:
    """Pairs with short, distinct names, in natural order (2 before 10)."""
    shared: dict[str, list[Pair]] = {}
    for pair in pairs:
        key = _key(pair.portrait.name) if _key(pair.portrait.name) == _key(pair.clip.name) else ""
        shared.setdefault(key, []).append(pair)
    named = []
    for key, group in shared.items():
        for pair in group:
            long = f"{PurePath(pair.portrait.name).stem} + {PurePath(pair.clip.name).stem}"
            named.append(Pair(key if key and len(group) == 1 else long, pair.portrait, pair.clip))
    return sorted(named, key=lambda pair: [int(t) if t.isdigit() else t for t in re.split(r"(\d+)", pair.name.lower())])
