"""Visitors' files: storage, ownership, and deletion after a day or with the server."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import gradio as gr

from ..errors import InputError
from ..media.files import megabytes

try:
    import fcntl
except ImportError:  # Windows: folders of ended servers are then recognised by their age only
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger("vivid")

PREFIX = "visitor-"
ADDRESS = "address "
"""Prefix of the name of a visitor without our cookie."""
ROOT_PREFIX = "vividanimator-"
LOCK = ".lock"
"""Suffix of the file beside a server's folder that is locked while the server runs."""
SCOPE = "vivid.visitor"
"""Key of the Visitor in a request's ASGI scope (see border.py)."""
VISITOR_BYTES = 2**30
"""Maximum size of one visitor's uploads and results."""
ADDRESS_SHARES = 4
"""All visitors behind one public address together may use so many times VISITOR_BYTES."""
VISITOR_FILES = 5000
SPARE_BYTES = 2**30
"""Free disk space that is never filled by uploads."""


@dataclass(frozen=True)
class Visitor:
    """The sender of a request.

    `owner` identifies the owner of files: a browser, by our cookie, or an address. `name` is used for per-visitor
    limits: a browser, else a session of a program. `address` is set if it is public: addresses are harder to multiply
    than cookies and sessions.
    """

    owner: str = ""
    name: str = ""
    address: str | None = None

    @property
    def known(self) -> bool:
        """Whether this is an actual request, not a direct call."""
        return bool(self.name)

    def within(self, session: str | None) -> Visitor:
        """The same visitor in a session, which tells programs without our cookie apart."""
        by_address = self.owner.startswith(ADDRESS)
        return replace(self, name=f"session {session}") if by_address and session else self


current: ContextVar[Visitor] = ContextVar("visitor", default=Visitor())  # noqa: B039 (frozen)
"""The visitor of the current request."""


def visitor_of(request: Any) -> Visitor:
    """The visitor who sent a gr.Request."""
    scope = getattr(getattr(request, "request", None), "scope", None) or {}
    visitor: Visitor = scope.get(SCOPE, Visitor())
    return visitor.within(getattr(request, "session_hash", None))


class Visitors:
    """The visitors' folders below a new folder `root` in `parent` (None: the temporary folder).

    Files are only ever deleted from `root`, and from the folders of ended servers beside it; anything else in `parent`
    is left alone. Only visitors to whom a file was granted may fetch and use it.
    """

    def __init__(
        self, parent: Path | None = None, keep_hours: float = 24.0, visitor_bytes: int = VISITOR_BYTES
    ) -> None:
        self._parent = Path(tempfile.gettempdir()) if parent is None else Path(parent).expanduser().absolute()
        self._parent.mkdir(parents=True, exist_ok=True)
        self.root = Path(tempfile.mkdtemp(prefix=ROOT_PREFIX, dir=self._parent)).resolve()  # mode 0700
        self._lock = _locked(self.root.with_name(self.root.name + LOCK))
        self.keep_seconds = keep_hours * 3600
        self.visitor_bytes = visitor_bytes
        self._owners: dict[str, set[str]] = {}
        self._public: set[str] = set()
        self._shared: set[str] = set()
        self._neighbours: dict[str, set[str]] = {}  # address -> owners seen there
        self._coming: Counter[str] = Counter()  # owner -> bytes of uploads under way
        self._guard = threading.Lock()
        self._stop = threading.Event()
        self.when_cleaning: Callable[[], None] = lambda: None
        """Called at every cleaning, to delete visitors' data that is kept elsewhere."""

    # -- whose files --------------------------------------------------------------------------------------------------

    def grant(self, owner: str, path: str | Path) -> None:
        """Let a visitor fetch and use the file at `path`; ignored if it lies outside `root`."""
        real = os.path.realpath(path)
        if Path(real).is_relative_to(self.root):
            with self._guard:
                self._owners.setdefault(real, set()).add(owner)

    def publish(self, path: str | Path) -> None:
        """Let everybody fetch and use the file at `path`, for as long as the server runs."""
        with self._guard:
            self._public.add(os.path.realpath(path))

    def share(self, path: str | Path) -> None:
        """Let anybody who knows the path of a visitor's file fetch and use it; it still belongs to that visitor and is
        deleted with their other files. Only for paths from `new_file`, which cannot be guessed."""
        real = os.path.realpath(path)
        if Path(real).is_relative_to(self.root):
            with self._guard:
                self._shared.add(real)

    def granted(self, owner: str, path: object) -> Path | None:
        """The file at `path` if it exists and the visitor may use it, else None."""
        if not isinstance(path, str) or not path or "\0" in path:
            return None
        try:
            real = os.path.realpath(path)
            with self._guard:
                allowed = real in self._public or real in self._shared or owner in self._owners.get(real, ())
            return Path(real) if allowed and os.path.isfile(real) else None
        except (OSError, ValueError):  # too long, not encodable
            return None

    def check_room(self, visitor: Visitor, more: int = 0) -> None:
        """Check that a visitor may store `more` bytes. Errors: InputError beyond their share, or on a full disk."""
        groups = [({visitor.owner}, 1)]
        with self._guard:
            if visitor.address is not None:
                neighbours = self._neighbours.setdefault(visitor.address, set())
                neighbours.add(visitor.owner)
                groups.append((set(neighbours), ADDRESS_SHARES))
            files = {path: owners.copy() for path, owners in self._owners.items() if path not in self._public}
            coming = self._coming.copy()
        for group, shares in groups:
            sizes = [size for path, owners in files.items() if owners & group and (size := _size(path)) is not None]
            total = sum(sizes) + sum(coming[owner] for owner in group) + more
            if total > shares * self.visitor_bytes or len(sizes) >= shares * VISITOR_FILES:
                raise InputError(
                    "Your files would take more than {}, the limit for one visitor: they are deleted {} "
                    "hours after their last use; use smaller ones until then.",
                    megabytes(shares * self.visitor_bytes),
                    f"{self.keep_seconds / 3600:g}",
                )
        with contextlib.suppress(OSError):
            if shutil.disk_usage(self.root).free - coming.total() - more < SPARE_BYTES:
                raise InputError("The server's disk is nearly full: try again later.")

    @contextlib.contextmanager
    def expecting(self, visitor: Visitor, size: int) -> Iterator[None]:
        """Reserve room for an upload of so many bytes while it is received. Errors: InputError."""
        self.check_room(visitor, size)
        with self._guard:
            self._coming[visitor.owner] += size
        try:
            yield
        finally:
            with self._guard:
                self._coming[visitor.owner] -= size
                self._coming = +self._coming  # drops zero entries

    def receives(self, visitor: Visitor) -> bool:
        """Whether an upload of theirs is being received."""
        return self._coming[visitor.owner] > 0

    # -- where they live ----------------------------------------------------------------------------------------------

    def folder(self, request: gr.Request | None) -> Path:
        """This visitor's folder, whose name does not reveal the session."""
        session = getattr(request, "session_hash", None) or "nobody"
        name = PREFIX + hashlib.sha256(f"vivid {session}".encode()).hexdigest()[:24]
        path = self.root / name
        if not self.root.is_dir():  # deleted by something that cleans the temporary folder
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def new_file(self, request: gr.Request | None, suffix: str) -> Path:
        """A new, unguessable path in this visitor's folder, not written yet; the visitor may fetch it.

        Errors: InputError if the visitor's share of the disk is used up.
        """
        visitor = visitor_of(request)
        self.check_room(visitor)
        path = self.folder(request) / f"{secrets.token_urlsafe(12)}{suffix}"
        self.grant(visitor.owner, path)
        return path

    def file_of(self, visitor: Visitor, name: str, more: int) -> Path:
        """The same for a visitor without a session: a file of that name, for `more` bytes. Errors: InputError."""
        self.check_room(visitor, more)
        path = self.folder(None) / secrets.token_urlsafe(12) / name
        path.parent.mkdir(mode=0o700)
        self.grant(visitor.owner, path)
        return path

    # -- until when ---------------------------------------------------------------------------------------------------

    def clean(self, now: float | None = None) -> int:
        """Delete files unchanged for `keep_hours`, of this server and of ended ones.

        Returns the number of deleted folders. Files that vanish meanwhile are ignored.
        """
        now = time.time() if now is None else now
        count = self._clean_root(self.root, now)
        for lock in self._parent.glob(f"{ROOT_PREFIX}*{LOCK}"):
            count += self._clean_leftover(lock, now)
        with self._guard:
            # A file may be granted before it is written, so check for its folder.
            for path in [path for path in self._owners if not os.path.isdir(os.path.dirname(path))]:
                del self._owners[path]
            self._shared &= self._owners.keys()
            owners = set().union(*self._owners.values())
            kept = {address: seen & owners for address, seen in self._neighbours.items()}
            self._neighbours = {address: seen for address, seen in kept.items() if seen}
        return count

    def _clean_root(self, root: Path, now: float) -> int:
        with self._guard:
            kept = {os.path.dirname(path) for path in self._public}
        count = 0
        for path in _children(root):
            if str(path) in kept or now - _newest(path) <= self.keep_seconds:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
                count += 1
            else:
                with contextlib.suppress(OSError):
                    path.unlink()
        return count

    def _clean_leftover(self, lock: Path, now: float) -> int:
        """The same for the folder of another server that has ended."""
        root = lock.with_name(lock.name.removesuffix(LOCK))
        if root == self.root or not _ours(lock) or (root.exists() and not _ours(root)):
            return 0
        held = _locked(lock)
        if held is None:  # its server is running
            return 0
        with held:
            for half in (path for path in _walk(root) if path.name.startswith(".")):  # partial files
                shutil.rmtree(half, ignore_errors=True)
                with contextlib.suppress(OSError):
                    half.unlink()
            count = self._clean_root(root, now) if root.is_dir() else 0
            with contextlib.suppress(OSError):
                root.rmdir()  # only when it is empty
            if not root.exists():
                lock.unlink(missing_ok=True)
        return count

    def start_cleaning(self, every: float = 1800.0) -> None:
        """Clean now and at intervals, in a background thread that survives errors."""

        def loop() -> None:
            while True:
                try:
                    self.when_cleaning()
                    self.clean()
                except Exception:
                    log.exception("Visitors' files could not be cleaned away")
                if self._stop.wait(every):
                    return

        threading.Thread(target=loop, name="cleaner", daemon=True).start()

    def close(self) -> None:
        """Stop cleaning and delete all visitors' files."""
        self._stop.set()
        shutil.rmtree(self.root, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()
        if not self.root.exists():
            self.root.with_name(self.root.name + LOCK).unlink(missing_ok=True)


def _locked(path: Path) -> BinaryIO | None:
    """Create and lock a file; None if another process holds the lock, which ends with that process."""
    file = path.open("ab")
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return None
    return file


def _ours(path: Path) -> bool:
    """Whether a file or folder, not a link, belongs to the user who runs this server."""
    try:
        stat = path.lstat()
    except OSError:
        return False
    return not path.is_symlink() and (not hasattr(os, "getuid") or stat.st_uid == os.getuid())


def _children(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except OSError:
        return None


def _newest(path: Path) -> float:
    """Time of the latest change within `path`; 0 if it does not exist."""
    newest = 0.0
    for child in _walk(path):
        with contextlib.suppress(OSError):
            newest = max(newest, child.lstat().st_mtime)
    return newest


def _walk(path: Path) -> Iterator[Path]:
    yield path
    for folder, folders, files in os.walk(path, onerror=None):
        for name in (*folders, *files):
            yield Path(folder, name)
