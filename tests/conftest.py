"""What several test files share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic"]
# a camera that films a test card and a microphone that beeps
CHROMIUM_FLAGS += ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A running Chromium; each test opens contexts of its own in it."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser")
    # Whoever asks for these tests by their marker must not take their absence for success.
    assert path, "Chromium is not installed: install Debian's package chromium."
    with sync_playwright() as runner:
        running = runner.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield running
        running.close()
