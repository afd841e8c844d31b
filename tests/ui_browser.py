"""What the tests of the page in a browser do over and over."""

from __future__ import annotations

import threading
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
    opened = new_page(context)
    refused: list[str] = []
    opened.on("console", lambda message: refused.append(message.text) if "Security Policy" in message.text else None)
    opened.goto(server.url)
    opened.wait_for_selector("#generate")
    yield opened
    server.pipeline.go.set()
    context.close()
    assert refused == []


def new_page(context: Any) -> Any:
    """A page whose open event streams are known to `settled`."""
    page = context.new_page()
    page.streams = set()

    def begin(request: Any) -> None:
        if "/queue/" in request.url:
            page.streams.add(request)

    def end(request: Any) -> None:
        page.streams.discard(request)

    page.on("request", begin)
    page.on("requestfinished", end)
    page.on("requestfailed", end)
    return page


def settled(page: Any) -> None:
    """Wait, for a while, until the page has no event under way: a late answer would undo what a test does next."""
    calm = 0
    for _ in range(300):
        calm = 0 if page.streams else calm + 1
        if calm == 8:
            return
        page.wait_for_timeout(100)


class Gate:
    """In the place of the fake's `go`: every step waits until it is let through, however slow the browser is."""

    def __init__(self) -> None:
        self.steps, self.wait = threading.Semaphore(0), lambda seconds: self.steps.acquire(timeout=seconds)

    def set(self) -> None:
        """Let everything through."""
        self.steps.release(1000)


def fill(page: Any, files: dict[str, str]) -> None:
    """Portrait, voice and clip file; waits until all is judged and drawn."""
    page.set_input_files("#portrait input[type=file]", files["portrait.png"])
    page.wait_for_selector("#portrait-summary .va-filled")
    page.set_input_files("#voice input[type=file]", files["voice.wav"])
    page.wait_for_selector("#voice-summary .va-filled")
    open_motion(page, "Clip file")
    page.set_input_files("#motion-clip input[type=file]", files["wave.npz"])
    page.wait_for_selector("#motion-summary:has-text('wave.npz')")
    page.wait_for_selector("#check-look img")
    settled(page)


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
