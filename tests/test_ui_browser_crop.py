"""The part of a portrait that the video shows, moved in a real browser and followed by preview and video."""

from __future__ import annotations

import time
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from ui_browser import PATIENCE, fill, make, new_page, settled
from ui_fakes import Server

from vivid.ui.animate import portrait
from vivid.ui.animate.portrait import kept_crop
from vivid.ui.context import Context


@pytest.mark.parametrize("kept", [None, 3, "x", {}, {"crop": "0.5"}, {"crop": -1}, {"crop": 1e9}, {"crop": [0]}])
def test_what_is_no_place_is_the_usual_one(kept: object) -> None:
    assert kept_crop(kept) is None
    assert kept_crop({"crop": float("nan")}) is None
    assert kept_crop({"crop": 0.25}) == 0.25


def wide(path: Path) -> str:
    """A picture twice as wide as high, darker from left to right."""
    shades = np.linspace(230, 30, 640).astype(np.uint8)
    noise = np.random.default_rng(0).integers(0, 20, (320, 640, 3), dtype=np.uint8)
    Image.fromarray(shades[None, :, None] + noise).save(path)
    return str(path)


def shade(page: Any) -> float:
    """The mean shade of what the stage shows; not a number while another picture takes its place."""
    return page.evaluate(
        "async () => { const image = document.querySelector('#check-look img');"
        " try { await image.decode(); } catch { return NaN; }"
        " const canvas = document.createElement('canvas'); canvas.width = canvas.height = 1;"
        " const paper = canvas.getContext('2d'); paper.imageSmoothingQuality = 'high';"
        " paper.drawImage(image, 0, 0, 1, 1); return paper.getImageData(0, 0, 1, 1).data[1]; }"
    )


def wait_until(page: Any, ready: Any) -> None:
    for _ in range(PATIENCE // 200):
        if ready():
            return
        page.wait_for_timeout(200)
    raise AssertionError("it never happened")


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_the_crop_is_dragged_and_moved_by_keys_and_all_follow(
    chromium: Any, server: Server, files: dict[str, str], tmp_path: Path, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The cards are filled at the same time after a reload: the last to be done need not have the latest number.
    verdict = Context.verdict
    monkeypatch.setattr(Context, "verdict", lambda *arguments: (time.sleep(1), verdict(*arguments))[1])
    monkeypatch.setattr(portrait, "time", SimpleNamespace(time_ns=count(1).__next__))
    context = chromium.new_context(viewport={"width": width, "height": 844}, locale="en-US")
    context.set_default_timeout(PATIENCE)
    try:
        page = new_page(context)
        page.goto(server.url)
        fill(page, {**files, "portrait.png": wide(tmp_path / "wide.png")})
        crop = page.get_by_role("slider", name="The video shows the bright part")
        crop.scroll_into_view_if_needed()
        wait_until(page, lambda: shade(page) > 0)
        usual, lit = crop.get_attribute("aria-valuenow"), shade(page)
        assert not page.is_visible("[data-reset]")
        box = crop.bounding_box()
        middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.move(*middle)
        page.mouse.down()
        page.mouse.move(middle[0] - box["width"], middle[1] + 30, steps=5)
        page.mouse.up()
        assert crop.get_attribute("aria-valuenow") == "0", "as far as the face allows"
        assert crop.bounding_box()["y"] == box["y"], "only across"
        wait_until(page, lambda: shade(page) > lit + 5)
        first = shade(page)
        crop.focus()
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        wait_until(page, lambda: lit < shade(page) < first)
        place = crop.get_attribute("aria-valuenow")
        assert place not in ("0", usual)

        page.reload()
        page.wait_for_selector("#check-look img")
        settled(page)
        assert crop.get_attribute("aria-valuenow") == place
        assert page.is_visible("[data-reset]")
        wait_until(page, lambda: lit < shade(page) < first)
        make(page)
        page.wait_for_selector("#result-video video")
        job = next(iter(reversed(server.context.jobs._jobs.values())))
        assert job.inputs[3].crop == pytest.approx(int(place) / 100, abs=0.01)
        assert job.details["result"]["settings"]["crop"] == job.inputs[3].crop

        page.click("#advanced > button")
        page.wait_for_selector(f"#result-settings:has-text('{job.inputs[3].crop:g}')")
        page.get_by_role("tab", name="Compare").click()
        page.wait_for_function(f"Number(document.querySelector('#compare-crop input')?.value) === {job.inputs[3].crop}")
        page.click("#compare-run")
        page.wait_for_selector("#compare-keep", state="visible")
        assert f"{job.inputs[3].crop:g}" in page.inner_text(".vc-table tr:has-text('Place of the crop')")
        page.get_by_role("tab", name="Animate").click()

        page.click("[data-reset]")
        wait_until(page, lambda: page.is_visible("#check-look img") and abs(shade(page) - lit) <= 2)
        assert crop.get_attribute("aria-valuenow") == usual and not page.is_visible("[data-reset]")
        crop.press("End")
        page.wait_for_selector("[data-reset]")
        page.set_input_files("#portrait input[type=file]", wide(tmp_path / "other.png"))
        page.wait_for_selector("#portrait-summary:has-text('other')")
        page.wait_for_selector("[data-reset]", state="hidden")
        settled(page)
        assert crop.get_attribute("aria-valuenow") == usual, "another picture begins anew"
    finally:
        context.close()


@pytest.mark.browser
def test_a_place_outside_of_the_picture_is_refused(page: Any, files: dict[str, str], tmp_path: Path) -> None:
    fill(page, {**files, "portrait.png": wide(tmp_path / "wide.png")})
    page.evaluate(
        "() => { const box = document.querySelector('#crop-at input'); box.value = '7';"
        " box.dispatchEvent(new Event('input', { bubbles: true })); }"
    )
    page.wait_for_selector("#check-status:has-text('The place of the crop is 7')")
    page.wait_for_selector("#todo:has-text('The place of the crop is 7')")
