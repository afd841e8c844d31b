"""What several test files share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic"]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A running Chromium; each test opens contexts of its own in it."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("Chromium is not installed")
    with playwright.sync_playwright() as runner:
        running = runner.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield running
        running.close()
