"""Visitors' files: where they live, whose they are, and that all of it is deleted after a day."""

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
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import gradio as gr

try:
    import fcntl
except ImportError:  # Windows: folders of servers that are gone are then recognised by nothing but their age
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger("vivid")

PREFIX = "visitor-"
ROOT_PREFIX = "vividanimator-"
LOCK = ".lock"
"""Ending of the file beside a server's folder that is locked while the server lives."""
SCOPE = "vivid.visitor"
"""Where a request's ASGI scope says who its visitor is (see border.py)."""
NOBODY = "nobody"


def visitor_of(request: Any) -> str:
    """The name of whoever sent a gr.Request: that of their browser, else of their address."""
    scope = getattr(getattr(request, "request", None), "scope", None) or {}
    return str(scope.get(SCOPE, NOBODY))


class Visitors:
    """The visitors' folders below a new folder `root` in `parent` (the temporary folder when None).

    Only `root` is ever deleted from, and what servers that are gone have left beside it: whatever else lies in
    `parent` is not ours. Files may be fetched and used by the visitors they were granted to, and by nobody else.
    """

    def __init__(self, parent: Path | None = None, keep_hours: float = 24.0) -> None:
        self._temporary = parent is None
        self._parent = Path(tempfile.gettempdir()) if parent is None else Path(parent).expanduser().absolute()
        self._parent.mkdir(parents=True, exist_ok=True)
        self.root = Path(tempfile.mkdtemp(prefix=ROOT_PREFIX, dir=self._parent)).resolve()  # mode 0700
        self._lock = _locked(self.root.with_name(self.root.name + LOCK))
        self.keep_seconds = keep_hours * 3600
        self._owners: dict[str, set[str]] = {}
        self._public: set[str] = set()
        self._guard = threading.Lock()
        self._stop = threading.Event()

    # -- whose files --------------------------------------------------------------------------------------------------

    def grant(self, visitor: str, path: str | Path) -> None:
        """Let a visitor fetch and use the file at `path`; nothing happens when it lies outside `root`."""
        real = os.path.realpath(path)
        if Path(real).is_relative_to(self.root):
            with self._guard:
                self._owners.setdefault(real, set()).add(visitor)

    def publish(self, path: str | Path) -> None:
        """Let everybody fetch and use the file at `path`, for as long as the server runs."""
        with self._guard:
            self._public.add(os.path.realpath(path))

    def granted(self, visitor: str, path: object) -> Path | None:
        """The file at `path` if it is there and this visitor's or everybody's, else None, whatever the reason."""
        if not isinstance(path, str) or not path or "\0" in path:
            return None
        try:
            real = os.path.realpath(path)
            with self._guard:
                allowed = real in self._public or visitor in self._owners.get(real, ())
            return Path(real) if allowed and os.path.isfile(real) else None
        except (OSError, ValueError):  # too long, not encodable
            return None

    # -- where they live ----------------------------------------------------------------------------------------------

    def folder(self, request: gr.Request | None) -> Path:
        """This visitor's folder; its name cannot be guessed back to the session."""
        session = getattr(request, "session_hash", None) or NOBODY
        name = PREFIX + hashlib.sha256(f"vivid {session}".encode()).hexdigest()[:24]
        path = self.root / name
        if not self.root.is_dir():  # something that tidies up the temporary folder has taken it away
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def new_file(self, request: gr.Request | None, suffix: str) -> Path:
        """A path in this visitor's folder that nobody else has, not yet written; the visitor may fetch it."""
        path = self.folder(request) / f"{secrets.token_urlsafe(12)}{suffix}"
        self.grant(visitor_of(request), path)
        return path

    # -- until when ---------------------------------------------------------------------------------------------------

    def clean(self, now: float | None = None) -> int:
        """Delete what nobody has changed for `keep_hours`, of this server and of those that are gone.

        Returns how many folders were deleted. Files that vanish meanwhile are no error.
        """
        now = time.time() if now is None else now
        count = self._clean_root(self.root, now)
        for lock in self._parent.glob(f"{ROOT_PREFIX}*{LOCK}"):
            count += self._clean_leftover(lock, now)
        with self._guard:
            for path in [path for path in self._owners if not os.path.lexists(path)]:
                # a file that is yet to be written is granted already
                if not os.path.isdir(os.path.dirname(path)):
                    del self._owners[path]
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
        """The same for the folder of another server, if that one is gone."""
        root = lock.with_name(lock.name.removesuffix(LOCK))
        if root == self.root or not _ours(lock) or (root.exists() and not _ours(root)):
            return 0
        held = _locked(lock)
        if held is None:  # its server is alive
            return 0
        with held:
            count = self._clean_root(root, now) if root.is_dir() else 0
            with contextlib.suppress(OSError):
                root.rmdir()  # only when it is empty
            if not root.exists():
                lock.unlink(missing_ok=True)
        return count

    def start_cleaning(self, every: float = 1800.0) -> None:
        """Clean now, and then now and then, in a background thread that no error ends."""

        def loop() -> None:
            while True:
                try:
                    self.clean()
                except Exception:
                    log.exception("Visitors' files could not be cleaned away")
                if self._stop.wait(every):
                    return

        threading.Thread(target=loop, name="cleaner", daemon=True).start()

    def close(self) -> None:
        """Stop cleaning. A temporary folder is deleted; in a given one the files stay until their day is over."""
        self._stop.set()
        if self._temporary:
            shutil.rmtree(self.root, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()
        with contextlib.suppress(OSError):
            self.root.rmdir()
        if not self.root.exists():
            self.root.with_name(self.root.name + LOCK).unlink(missing_ok=True)


def _locked(path: Path) -> BinaryIO | None:
    """The file, made and locked; None while another process holds it. Its end lets go of it, however it ends."""
    file = path.open("ab")
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return None
    return file


def _ours(path: Path) -> bool:
    """Whether a file or folder, no link, belongs to the user who runs this server."""
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


def _newest(path: Path) -> float:
    """When something in `path` changed last; 0 when it is gone."""
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
