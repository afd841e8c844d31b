"""What the tests of the page in a browser do over and over."""

from __future__ import annotations

from typing import Any

PATIENCE = 120_000
"""Milliseconds; a shared machine may be slow."""


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


def make(page: Any) -> None:
    page.wait_for_selector("#todo:has-text('Ready')")
    page.click("#generate")
