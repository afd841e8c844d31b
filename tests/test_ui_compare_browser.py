"""The Compare tab in a real browser: run, watch in step, share, download."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from ui_fakes import FakePipeline, Server, serve, standing_pose, waving_clip

from vivid.pose.portrait import make_portrait
from vivid.speech.types import Speech
from vivid.ui.compare import tab as compare

pytestmark = pytest.mark.browser
SLOW = 120_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The whole page with a fake model; inputs are there without choosing them."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (256, 256, 3), dtype=np.uint8)
    given = {
        "portrait": make_portrait(image, standing_pose(256, 256)),
        "voice": Speech(rng.normal(0, 0.1, 32_000).astype(np.float32)),
        "motion": waving_clip(),
    }
    patch = pytest.MonkeyPatch()
    patch.setattr(compare, "chosen", lambda kind, name, from_animate, limits: given[kind])
    with serve(tmp_path_factory.mktemp("compare"), FakePipeline(untrained=("codebook",))) as running:
        yield running
    patch.undo()


@pytest.fixture
def context(chromium: Any) -> Iterator[Any]:
    opened = chromium.new_context(locale="en-US", accept_downloads=True, viewport={"width": 1300, "height": 900})
    yield opened
    opened.close()


def link(**settings: Any) -> str:
    return "?compare=" + json.dumps(settings)


def wait_for_videos(page: Any, count: int) -> None:
    page.wait_for_function(f"document.querySelectorAll('#vivid-compare video').length === {count}")
    page.wait_for_function("[...document.querySelectorAll('#vivid-compare video')].every(v => v.readyState >= 2)")


def open_page(context: Any, address: str) -> Any:
    page = context.new_page()
    page.set_default_timeout(SLOW)
    page.goto(address)
    return page


def test_two_columns_play_in_step_and_stay_under_a_link(
    context: Any, chromium: Any, server: Server, tmp_path: Path
) -> None:
    page = open_page(context, server.url + link(columns=[{"seed": 4}, {"seed": 4, "calibrate": False}]))
    # The link opens the tab with its settings; what is not trained is not offered, and said to be so.
    page.wait_for_selector("#compare-run", state="visible")
    page.wait_for_function("document.querySelector('#compare-seed-B input')?.value === '4'")
    assert page.is_checked("#compare-calibrate-A input")
    assert not page.is_checked("#compare-calibrate-B input")
    page.wait_for_selector("#compare-note-A:has-text('hand codebook')")
    assert page.locator("#compare-codebook-A").count() == 0 or not page.is_visible("#compare-codebook-A")
    # Both videos arrive and stay together.
    page.click("#compare-run")
    wait_for_videos(page, 2)
    page.click(".vc-play")
    page.wait_for_function("document.querySelector('#vivid-compare video')?.currentTime > 0.2")
    page.click(".vc-play")
    page.locator(".vc-seek").evaluate("node => { node.value = 500; node.dispatchEvent(new Event('input')); }")
    times = page.eval_on_selector_all("#vivid-compare video", "videos => videos.map(v => v.currentTime)")
    assert times[0] == pytest.approx(times[1], abs=0.01)
    assert times[0] == pytest.approx(0.5, abs=0.1)
    muted = page.eval_on_selector_all("#vivid-compare video", "videos => videos.map(v => v.muted)")
    assert muted == [False, True]
    # The table says in which settings they differ and can be kept, as the videos can.
    assert "fitted to this body" in page.inner_text("#vivid-compare figcaption >> nth=1")
    page.wait_for_selector("#compare-keep", state="visible")
    for button, name in (("csv", "comparison.csv"), ("video", "side-by-side.mp4"), ("zip", "comparison.zip")):
        with page.expect_download() as download:
            page.click(f"#compare-{button}")
        assert download.value.suggested_filename == name
        download.value.save_as(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 100
    rows = list(csv.DictReader((tmp_path / "comparison.csv").open()))
    found = {(row["column"], row["seed"], row["calibrate"]) for row in rows}
    assert found == {("A", "4", "True"), ("B", "4", "False")}
    # Its link is the page's own address: a reload keeps it, and another browser shows it.
    token = parse_qs(urlsplit(page.url).query)["compare"][0]
    assert len(token) == 32
    page.click("#compare-copy")
    page.wait_for_selector("text=The link is copied")
    shared = page.url
    page.get_by_role("button", name="中文", exact=True).click()
    page.wait_for_selector(".vc-sound option:has-text('声音来自 B')", state="attached")
    page.get_by_role("button", name="English", exact=True).click()
    page.reload()
    wait_for_videos(page, 2)
    stranger = chromium.new_context(locale="zh-CN", viewport={"width": 390, "height": 844})
    other = open_page(stranger, shared)
    wait_for_videos(other, 2)
    assert "卷" not in other.inner_text("#compare-keep") and "并排视频" in other.inner_text("#compare-keep")
    record, again = (each.inner_text("#vivid-compare .vc-record") for each in (page, other))
    assert "VividAnimator" in record and "VividAnimator" in again and "保留至" in again
    assert other.is_visible("#compare-run") and not other.is_visible("#compare-stop")
    other.wait_for_function("document.querySelector('#compare-status')?.getBoundingClientRect().top < innerHeight / 2")
    assert other.evaluate("document.documentElement.scrollWidth <= innerWidth")
    stranger.close()
    # Another tab has its own address, which a reload keeps; the comparison is one step back.
    page.get_by_role("tab", name="Animate").click()
    page.wait_for_url("**#animate")
    page.reload()
    page.wait_for_selector("#generate", state="visible")
    page.go_back()
    wait_for_videos(page, 2)
    page.wait_for_selector("#compare-run", state="visible")
    page.close()


def test_a_link_to_settings_names_the_example_and_its_crop(context: Any, chromium: Any, server: Server) -> None:
    page = open_page(context, server.url)
    page.wait_for_selector("#generate")
    page.click("#portrait-examples .thumbnail-item >> nth=0")
    page.wait_for_selector("#portrait-summary .va-filled")
    page.evaluate(
        "() => { const box = document.querySelector('#crop-at input'); box.value = '0.25';"
        " box.dispatchEvent(new Event('input', { bubbles: true })); }"
    )
    page.get_by_role("tab", name="Compare").click()
    page.wait_for_function("document.querySelector('#compare-crop input')?.value === '0.25'")
    page.click("#compare-share")
    page.wait_for_function("document.querySelector('#compare-link input, #compare-link textarea')?.value")
    address = page.eval_on_selector("#compare-link input, #compare-link textarea", "field => field.value")
    settings = json.loads(parse_qs(urlsplit(address).query)["compare"][0])
    assert (settings["portrait"], settings["crop"]) == ("ada", 0.25) and "voice" not in settings
    page.close()
    other = chromium.new_context(locale="en-US")
    stranger = open_page(other, address)
    stranger.wait_for_function("document.querySelector('#compare-crop input')?.value === '0.25'")
    assert stranger.input_value("#compare-portrait input") == "Ada"
    other.close()


def test_a_reload_in_the_middle_finds_the_comparison_again(context: Any, server: Server) -> None:
    page = open_page(context, server.url + link(columns=[{"seed": 6}, {"seed": 7}]))
    page.wait_for_selector("#compare-run", state="visible")
    page.wait_for_function("document.querySelector('#compare-seed-B input')?.value === '7'")
    server.pipeline.go.clear()
    page.click("#compare-run")
    page.wait_for_url("**?compare=*")
    page.wait_for_function("!location.search.includes('columns')")
    page.reload()
    page.wait_for_selector("#compare-stop", state="visible")
    page.wait_for_function("document.querySelector('#compare-seed-B input')?.value === '7'")
    server.pipeline.go.set()
    wait_for_videos(page, 2)
    page.wait_for_selector("#compare-stop", state="hidden")
    page.close()


def test_a_link_to_what_is_no_longer_kept_says_so(context: Any, server: Server) -> None:
    page = open_page(context, f"{server.url}?compare={'B' * 32}")
    page.wait_for_selector("#compare-status:has-text('no longer here')")
    page.wait_for_selector("#compare-seed-A", state="visible")  # and offers to compare again
    page.close()


def test_stop_ends_the_run(context: Any, server: Server) -> None:
    page = open_page(context, server.url + link(columns=[{"seed": 1}, {"seed": 2}]))
    page.wait_for_selector("#compare-run", state="visible")
    page.wait_for_function("document.querySelector('#compare-seed-B input')?.value === '2'")
    server.pipeline.go.clear()
    page.click("#compare-run")
    page.wait_for_selector("#compare-stop", state="visible")
    page.click("#compare-stop")
    server.pipeline.go.set()
    page.wait_for_selector("#compare-stop", state="hidden")
    page.wait_for_function("document.querySelector('#compare-run')?.disabled === false")
    page.wait_for_timeout(1000)  # time for what should not happen
    while server.pipeline.running:
        page.wait_for_timeout(100)
    assert page.locator("#vivid-compare video").count() == 0
    page.close()
