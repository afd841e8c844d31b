"""The page in a real browser: from a portrait to a playing video, stopping, reloading."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from ui_browser import PATIENCE, Gate, click_until, fill, make, open_details, open_motion
from ui_fakes import Server, write_portrait

from vivid.media.video import probe

pytestmark = pytest.mark.browser


def test_from_portrait_to_a_playing_video(
    page: Any, files: dict[str, str], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    monkeypatch.setattr(server.pipeline, "go", gate)
    click_until(page, "#generate", "#todo .vivid-warn:has-text('Choose a portrait and a voice')")
    fill(page, files)
    page.wait_for_selector("#check-status:has-text('“fake” will draw your video')")
    page.wait_for_selector("#todo:has-text('made in about')")
    page.wait_for_selector("#quality")
    make(page)
    gate.steps.release()
    page.wait_for_selector("#preview img")
    for hidden in ("#generate", "#check-look"):
        page.wait_for_selector(hidden, state="hidden")
    gate.set()
    page.wait_for_selector("#result-video video")
    page.wait_for_function("document.querySelector('#result-video video')?.readyState >= 2")
    page.evaluate("() => { const v = document.querySelector('#result-video video'); v.muted = true; v.play(); }")
    page.wait_for_function("document.querySelector('#result-video video')?.currentTime > 0")
    assert page.evaluate("document.querySelector('#result-video video')?.videoWidth") == 128
    assert "Seed 0" in page.inner_text("#result-line")
    with page.expect_download() as waiting:
        page.click("#download")
    assert Path(waiting.value.path()).read_bytes()[4:8] == b"ftyp"
    assert re.fullmatch(r"portrait_wave_\d{4}-\d\d-\d\d\.mp4", waiting.value.suggested_filename)
    page.click("#again")
    page.wait_for_selector("#result-line:has-text('Seed'):not(:has-text('Seed 0'))")
    page.wait_for_selector("#result-video video")
    page.wait_for_selector("#last-results img")
    page.wait_for_function("document.querySelectorAll('#last-results .thumbnail-item').length == 2")


def shown(page: Any) -> np.ndarray:
    """The picture of the finished look as the browser holds it (H, W, 3)."""
    data = page.evaluate(
        "async () => { const blob = await (await fetch(document.querySelector('#check-look img').src)).blob();"
        " return await new Promise(r => { const f = new FileReader(); f.onload = () => r(f.result);"
        " f.readAsDataURL(blob); }); }"
    )
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data.split(",")[1]))).convert("RGB"))


OTHER_PICTURE = "([place, old]) => ![undefined, old].includes(document.querySelector(place)?.getAttribute('src'))"


def go_to_frame(page: Any, frame: int) -> None:
    """Move the slider and wait for another picture."""
    before = page.get_attribute("#check-look img", "src")
    page.fill("#check-frame input[type=number]", str(frame))
    page.press("#check-frame input[type=number]", "Enter")
    page.wait_for_function(OTHER_PICTURE, arg=["#check-look img", before])


def test_the_finished_look_appears_by_itself_and_follows_the_slider(
    page: Any, files: dict[str, str], server: Server
) -> None:
    server.look.notices = ("The left elbow is outside of the picture, so this arm stays still.",)
    write_portrait(Path(files["portrait.png"]), seed=7)  # one whose look nobody has asked for before
    try:
        fill(page, files)
        page.wait_for_selector("#check-notices:has-text('this arm stays still')")
    finally:
        server.look.notices = ()
    page.wait_for_function("document.querySelector('#check-frame input[type=number]')?.max == '23'")  # one second
    page.wait_for_selector("#check-status:has-text('will draw your video')")  # and nothing is being drawn any more
    go_to_frame(page, 12)
    preview = list(server.context.previews._kept.values())[-1]
    picture = preview.frame(12)
    small = [np.asarray(Image.fromarray(image).reduce(16), int) for image in (shown(page), picture, preview.frame(20))]
    assert np.abs(small[0] - small[1]).mean() < 2, "up to JPEG, the very frame"
    assert np.abs(small[1] - small[2]).max() > 30
    open_details(page)
    page.wait_for_selector("#check-hands img[alt]")
    page.wait_for_selector("#check-table:has-text('Error of limb lengths')")
    before = page.get_attribute("#check-slider img >> nth=0", "src")
    go_to_frame(page, 20)
    page.wait_for_function(OTHER_PICTURE, arg=["#check-slider img", before])


def test_a_few_seconds_are_played_with_sound(page: Any, files: dict[str, str]) -> None:
    fill(page, files)
    page.click("#check-play")
    page.wait_for_selector("#check-video video")
    with httpx.stream("GET", page.get_attribute("#check-video video", "src"), cookies=cookies(page)) as answer:
        film = Path(files["notes.mp4"]).with_name("film.mp4")
        film.write_bytes(answer.read())
    info = probe(film)
    assert info.has_sound and info.seconds == pytest.approx(1.0, abs=0.1)
    page.fill("#check-frame input[type=number]", "3")
    page.press("#check-frame input[type=number]", "Enter")
    page.wait_for_selector("#check-look img")
    page.wait_for_selector("#check-video video", state="hidden")


def cookies(page: Any) -> dict[str, str]:
    return {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}


def test_a_portrait_that_cannot_speak_gets_the_sentence_instead(
    page: Any, files: dict[str, str], server: Server
) -> None:
    server.look.refusal = "The mouth is hidden or too dark in the portrait, so it cannot speak: choose another."
    try:
        page.set_input_files("#portrait input[type=file]", files["portrait.png"])
        page.wait_for_selector("#check-status:has-text('so it cannot speak')")
        for hidden in ("#check-look img", "#check-play"):
            page.wait_for_selector(hidden, state="hidden")
        open_details(page)
        page.wait_for_selector("#check-slider img")
    finally:
        server.look.refusal = None


def test_stop_in_the_middle_keeps_the_inputs(
    page: Any, files: dict[str, str], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    monkeypatch.setattr(server.pipeline, "go", gate)
    fill(page, files)
    make(page)
    gate.steps.release()
    page.wait_for_selector("#preview img")
    page.click("#stop")
    page.wait_for_selector("#progress:has-text('Stopping')")
    gate.set()
    page.wait_for_selector("#progress:has-text('Stopped')")
    page.wait_for_selector("#stop", state="hidden")
    for shown in ("#portrait-summary .va-filled", "#check-look img", "#generate:enabled"):
        page.wait_for_selector(shown)
    assert not server.context.jobs.busy


def test_a_reload_during_a_run_finds_the_result(page: Any, files: dict[str, str], server: Server) -> None:
    fill(page, files)
    server.pipeline.go.clear()
    kept = page.evaluate("localStorage.getItem('vividanimator-results')")
    make(page)
    page.wait_for_selector("#stop")
    page.wait_for_function("kept => localStorage.getItem('vividanimator-results') !== kept", arg=kept)
    page.reload()
    page.wait_for_selector("#stop")
    server.pipeline.go.set()
    page.wait_for_selector("#result-video video")
    page.reload()
    page.wait_for_selector("#result-video video")


def test_the_shipped_examples_lead_to_a_video(page: Any, server: Server) -> None:
    page.click("#portrait-examples button >> nth=0")
    page.wait_for_selector("#portrait-summary :text('Ada')")
    page.click("#voice-examples label >> nth=0")
    page.click("#voice-cut")  # this server's limit is 3 seconds
    page.wait_for_selector("#voice-summary .va-filled")
    open_motion(page, "Ready-made")
    page.click("#motions button >> nth=1")
    page.wait_for_selector("#motion-summary :text('Big and small')")
    page.wait_for_selector("#check-look img")
    make(page)
    page.wait_for_selector("#result-video video")


def test_a_video_is_taken_along_beside_its_inputs_and_under_a_link(
    page: Any, chromium: Any, files: dict[str, str], server: Server, tmp_path: Path
) -> None:
    fill(page, files)
    make(page)
    page.wait_for_selector("#result-video video")
    job = list(server.context.jobs._jobs.values())[-1]
    with page.expect_download() as waiting:
        page.click("#take-beside")
    assert re.fullmatch(r"portrait_wave_\d{4}-\d\d-\d\d_side-by-side\.mp4", waiting.value.suggested_filename)
    waiting.value.save_as(tmp_path / "beside.mp4")
    both, alone = probe(tmp_path / "beside.mp4"), probe(job.output)
    assert both.has_sound and both.width > 3 * 128 and both.seconds == pytest.approx(alone.seconds, abs=0.05)
    page.wait_for_selector("#take-beside:has-text('With its inputs')")
    page.click("#take-link")
    page.wait_for_selector("text=The link is copied")
    page.wait_for_selector("#taken:has-text('may watch the video, at least until')")
    page.wait_for_function("document.querySelector('#taken-link textarea, #taken-link input')?.value")
    link = page.input_value("#taken-link textarea, #taken-link input")
    stranger = chromium.new_context(viewport={"width": 390, "height": 844}, locale="en-US")
    stranger.set_default_timeout(PATIENCE)
    try:
        other = stranger.new_page()
        other.goto(link)
        other.wait_for_function("document.querySelector('#vivid-compare video')?.readyState >= 2")
        text = other.inner_text("#vivid-compare")
        for word in ("portrait", "wave", "VividAnimator", "Seed", "fake"):
            assert word in text
        assert not other.is_visible("#compare-run") and other.is_visible("text=Make one of your own")
        with other.expect_download() as waiting:
            other.click("#compare-video")
        assert waiting.value.suggested_filename.endswith("_side-by-side.mp4")
        assert not other.is_visible("#compare-csv")
    finally:
        stranger.close()
