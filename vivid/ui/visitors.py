"""Where visitors' files live: one folder a visitor, random names inside, all of it deleted after a day."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import tempfile
import threading
import time
from pathlib import Path

import gradio as gr

PREFIX = "visitor-"


class Visitors:
    """The visitors' folders below `root` (a new temporary folder when None)."""

    def __init__(self, root: Path | None = None, keep_hours: float = 24.0) -> None:
        self.root = root if root is not None else Path(tempfile.mkdtemp(prefix="vividanimator-"))
        self.root.mkdir(parents=True, exist_ok=True)
        self.keep_seconds = keep_hours * 3600
        self._stop = threading.Event()

    def folder(self, request: gr.Request | None) -> Path:
        """This visitor's folder; its name cannot be guessed back to the session."""
        session = getattr(request, "session_hash", None) or "nobody"
        name = PREFIX + hashlib.sha256(f"vivid {session}".encode()).hexdigest()[:24]
        path = self.root / name
        path.mkdir(exist_ok=True)
        return path

    def new_file(self, request: gr.Request | None, suffix: str) -> Path:
        """A path in this visitor's folder that nobody else has, not yet written."""
        return self.folder(request) / f"{secrets.token_urlsafe(12)}{suffix}"

    def clean(self, now: float | None = None) -> int:
        """Delete folders in which nothing has changed for `keep_hours`; returns how many."""
        now = time.time() if now is None else now
        count = 0
        for path in self.root.glob(PREFIX + "*"):
            newest = max([path.stat().st_mtime, *(child.stat().st_mtime for child in path.rglob("*"))])
            if now - newest > self.keep_seconds:
                shutil.rmtree(path, ignore_errors=True)
                count += 1
        return count

    def start_cleaning(self, every: float = 1800.0) -> None:
        """Clean now and then in a background thread."""

        def loop() -> None:
            while not self._stop.wait(every):
                self.clean()

        threading.Thread(target=loop, name="cleaner", daemon=True).start()

    def close(self) -> None:
        """Stop cleaning and, when the folder is a temporary one of our own, delete it."""
        self._stop.set()
        if self.root.name.startswith("vividanimator-"):
            shutil.rmtree(self.root, ignore_errors=True)
