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
from vivid.ui import compare

pytestmark = pytest.mark.browser
SLOW = 90_000


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


def test_two_columns_play_in_step_and_can_be_shared(context: Any, server: Server, tmp_path: Path) -> None:
    link = json.dumps({"columns": [{"seed": 4}, {"seed": 4, "calibrate": False}]})
    page = context.new_page()
    page.set_default_timeout(SLOW)
    page.goto(f"{server.url}?compare={link}")
    # The link opens the tab with its settings, and what is not trained is switched off, with the reason.
    page.wait_for_selector("#compare-run", state="visible")
    page.wait_for_function("document.querySelector('#compare-seed-B input').value === '4'")
    assert page.is_checked("#compare-calibrate-A input")
    assert not page.is_checked("#compare-calibrate-B input")
    page.wait_for_selector("#compare-codebook-A input:disabled")
    assert "Not trained" in page.inner_text("#compare-untrained")
    # Both videos arrive and stay together.
    page.click("#compare-run")
    page.wait_for_function("document.querySelectorAll('#vivid-compare video').length === 2")
    page.wait_for_function("[...document.querySelectorAll('#vivid-compare video')].every(v => v.readyState >= 2)")
    page.click(".vc-play")
    page.wait_for_function("document.querySelector('#vivid-compare video').currentTime > 0.2")
    page.click(".vc-play")
    page.locator(".vc-seek").evaluate("node => { node.value = 500; node.dispatchEvent(new Event('input')); }")
    times = page.eval_on_selector_all("#vivid-compare video", "videos => videos.map(v => v.currentTime)")
    assert times[0] == pytest.approx(times[1], abs=0.01)
    assert times[0] == pytest.approx(0.5, abs=0.1)
    muted = page.eval_on_selector_all("#vivid-compare video", "videos => videos.map(v => v.muted)")
    assert muted == [False, True]
    # The table says in which settings they differ and can be kept.
    assert "Pose calibration" in page.inner_text("#vivid-compare figcaption >> nth=1")
    with page.expect_download() as download:
        page.click(".vc-csv")
    download.value.save_as(tmp_path / "table.csv")
    rows = list(csv.DictReader((tmp_path / "table.csv").open()))
    assert [(row["column"], row["seed"], row["calibrate"]) for row in rows] == [("A", "4", "True"), ("B", "4", "False")]
    # The link that is offered leads back here.
    page.click("#compare-share")
    page.wait_for_function("document.querySelector('#compare-link textarea, #compare-link input')?.value")
    shared = page.input_value("#compare-link textarea, #compare-link input")
    columns = json.loads(parse_qs(urlsplit(shared).query)["compare"][0])["columns"]
    assert [column.get("seed") for column in columns] == [4, 4]
    assert [column.get("calibrate", True) for column in columns] == [True, False]
    page.close()


def test_stop_ends_the_run(context: Any, server: Server) -> None:
    page = context.new_page()
    page.set_default_timeout(SLOW)
    page.goto(f"{server.url}?compare=" + json.dumps({"columns": [{"seed": 1}, {"seed": 2}]}))
    page.wait_for_selector("#compare-run", state="visible")
    page.wait_for_function("document.querySelector('#compare-seed-B input').value === '2'")
    server.pipeline.go.clear()
    page.click("#compare-run")
    page.click("#compare-stop")
    server.pipeline.go.set()
    page.wait_for_selector("#compare-stop", state="hidden")
    page.wait_for_function("!document.querySelector('#compare-run').disabled")
    page.wait_for_timeout(1000)
    assert server.pipeline.running == 0
    assert page.locator("#vivid-compare video").count() == 0
    page.close()
