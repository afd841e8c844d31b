"""What the tests of the page in a browser do over and over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

PATIENCE = 120_000
"""Milliseconds; a shared machine may be slow."""


@contextmanager
def visit(chromium: Any, server: Any, width: int, height: int, **options: Any) -> Iterator[Any]:
    """The page for a new visitor; nothing on it may break its own Content-Security-Policy."""
    context = chromium.new_context(viewport={"width": width, "height": height}, locale="en-US", **options)
    context.set_default_timeout(PATIENCE)
    opened = context.new_page()
    refused: list[str] = []
    opened.on("console", lambda message: refused.append(message.text) if "Security Policy" in message.text else None)
    opened.goto(server.url)
    opened.wait_for_selector("#generate")
    yield opened
    server.pipeline.go.set()
    context.close()
    assert refused == []


def fill(page: Any, files: dict[str, str]) -> None:
    """Portrait, voice and clip file; waits until each is judged."""
    page.set_input_files("#portrait input[type=file]", files["portrait.png"])
    page.wait_for_selector("#portrait-summary .va-filled")
    page.set_input_files("#voice input[type=file]", files["voice.wav"])
    page.wait_for_selector("#voice-summary .va-filled")
    open_motion(page, "Clip file")
    page.set_input_files("#motion-clip input[type=file]", files["wave.npz"])
    page.wait_for_selector("#motion-summary:has-text('wave.npz')")
    page.wait_for_selector("#check-look img")


def open_motion(page: Any, tab: str) -> None:
    """Open the gestures' card at one of its tabs."""
    if not page.is_visible("#motion-body [role=tab]"):
        page.click("#motion-body > button")
    page.get_by_role("tab", name=tab).click()


def open_details(page: Any) -> None:
    """Open the expert's part."""
    page.click("#advanced > button")


def click_until(page: Any, button: str, shown: str) -> None:
    """Click, and again if nothing happens for a while: a click comes to nothing before the page listens to it."""
    for _ in range(PATIENCE // 10_000):
        page.click(button)
        with suppress(PlaywrightTimeoutError):
            page.wait_for_selector(shown, timeout=10_000)
            return
    raise AssertionError(f"{shown} does not follow a click on {button}")


def make(page: Any) -> None:
    page.wait_for_selector("#todo:has-text('Ready')")
    page.click("#generate")
