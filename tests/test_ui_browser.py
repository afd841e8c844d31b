"""The page in a real browser: the whole path, stopping, bad files, reloading, phone, languages."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import re
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import numpy as np
import pytest
from PIL import Image
from ui_fakes import (
    FakePipeline,
    Server,
    detect_standing,
    detect_waving,
    serve,
    waving_clip,
    write_portrait,
    write_voice,
)

from vivid import inputs
from vivid.config import Limits
from vivid.media.video import VideoWriter, probe
from vivid.pose import detect
from vivid.pose.clips import save_clip
from vivid.ui import examples

pytestmark = pytest.mark.browser

PATIENCE = 120_000
"""Milliseconds; a shared machine may be slow."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inputs, "detect_picture", detect_standing)
        patch.setattr(detect, "open_detector", lambda *args, **options: nullcontext())
        patch.setattr(detect, "detect_frames", detect_waving)
        folder = tmp_path_factory.mktemp("server")
        fake = FakePipeline(pause=0.1, untrained=("head_stream",))
        with serve(folder, fake, limits=Limits(speech_seconds=3.0)) as running:
            yield running


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    save_clip(waving_clip(), tmp_path / "wave.npz")
    Image.new("RGB", (300, 300), (128, 128, 128)).save(tmp_path / "grey.png")
    (tmp_path / "notes.png").write_text("not a picture")
    (tmp_path / "notes.wav").write_text("not a sound")
    (tmp_path / "notes.mp4").write_text("not a video")
    (tmp_path / "notes.npz").write_text("not a clip")
    write_portrait(tmp_path / "portrait.png")
    write_voice(tmp_path / "voice.wav")
    write_voice(tmp_path / "long.wav", 5.0)
    return {path.name: str(path) for path in tmp_path.iterdir()}


@pytest.fixture
def page(chromium: Any, server: Server) -> Iterator[Any]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
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
    page.wait_for_selector("#portrait-verdict .vivid-ok")
    page.set_input_files("#voice input[type=file]", files["voice.wav"])
    page.wait_for_selector("#voice-verdict .vivid-ok")
    page.get_by_role("tab", name="Clip file").click()
    page.set_input_files("#motion-clip input[type=file]", files["wave.npz"])
    page.wait_for_selector("#motion-verdict:has-text('wave.npz')")
    page.wait_for_selector("#check-look img")


def make(page: Any) -> None:
    page.wait_for_selector("#model-status .vivid-ok")
    page.click("#generate")


def test_from_portrait_to_a_playing_video(
    page: Any, files: dict[str, str], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.pipeline, "pause", 0.4)  # long enough to see what is shown only while it works
    page.click("#generate")
    page.wait_for_selector("#progress:has-text('Step 1: choose a portrait')")
    fill(page, files)
    page.wait_for_selector("#check-hands img[alt]")
    page.wait_for_selector("#check-status:has-text('“fake” will draw your video')")
    page.wait_for_selector("#quality:has-text('about')")
    make(page)
    page.wait_for_selector("#preview img")
    page.wait_for_selector("#result-video video")
    page.wait_for_function("document.querySelector('#result-video video').readyState >= 2")
    moved = page.evaluate(
        "async () => { const v = document.querySelector('#result-video video'); v.muted = true; await v.play();"
        " await new Promise(r => setTimeout(r, 500)); return [v.currentTime > 0, v.videoWidth]; }"
    )
    assert moved == [True, 128]
    assert "Seed 0" in page.inner_text("#result-line")
    with page.expect_download() as waiting:
        page.click("#download")
    assert Path(waiting.value.path()).read_bytes()[4:8] == b"ftyp"
    page.click("#again")
    page.wait_for_selector("#result-video video", state="hidden")
    page.wait_for_selector("#result-video video")
    assert "Seed 0" not in page.inner_text("#result-line")
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


def go_to_frame(page: Any, frame: int) -> None:
    """Move the slider and wait for another picture."""
    before = page.get_attribute("#check-look img", "src")
    page.fill("#check-frame input[type=number]", str(frame))
    page.press("#check-frame input[type=number]", "Enter")
    page.wait_for_function("(old) => document.querySelector('#check-look img').src != old", arg=before)


def test_the_finished_look_appears_by_itself_and_follows_the_slider(
    page: Any, files: dict[str, str], server: Server
) -> None:
    server.look.notices = ("The left elbow is outside of the picture, so this arm stays still.",)
    try:
        fill(page, files)
        page.wait_for_selector("#check-notices:has-text('this arm stays still')")
    finally:
        server.look.notices = ()
    page.wait_for_function("document.querySelector('#check-frame input[type=number]').max == '23'")  # a second of voice
    page.wait_for_selector("#check-status:has-text('will draw your video')")  # and nothing is being drawn any more
    go_to_frame(page, 12)
    preview = list(server.context.previews._kept.values())[-1]
    picture = preview.frame(12)
    small = [np.asarray(Image.fromarray(image).reduce(16), int) for image in (shown(page), picture, preview.frame(20))]
    assert np.abs(small[0] - small[1]).mean() < 2, "up to JPEG, the very frame"
    assert np.abs(small[1] - small[2]).max() > 30
    page.click("#check-fit > button")
    page.wait_for_selector("#check-table:has-text('Error of limb lengths')")
    before = page.get_attribute("#check-slider img >> nth=0", "src")
    go_to_frame(page, 20)
    page.wait_for_function("(old) => document.querySelector('#check-slider img').src != old", arg=before)


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
    assert not page.is_visible("#check-video video")


def cookies(page: Any) -> dict[str, str]:
    return {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}


def test_a_portrait_that_cannot_speak_gets_the_sentence_instead(
    page: Any, files: dict[str, str], server: Server
) -> None:
    server.look.refusal = "The mouth is hidden or too dark in the portrait, so it cannot speak: choose another."
    try:
        page.set_input_files("#portrait input[type=file]", files["portrait.png"])
        page.wait_for_selector("#check-status:has-text('so it cannot speak')")
        assert not page.is_visible("#check-look img") and not page.is_visible("#check-play")
        page.click("#check-fit > button")
        page.wait_for_selector("#check-slider img")
    finally:
        server.look.refusal = None


def test_stop_in_the_middle_keeps_the_inputs(page: Any, files: dict[str, str], server: Server) -> None:
    fill(page, files)
    server.pipeline.pause = 0.5
    try:
        make(page)
        page.wait_for_selector("#preview img")
        page.click("#stop")
        page.wait_for_selector("#progress:has-text('Stopped')")
    finally:
        server.pipeline.pause = 0.1
    assert not server.context.jobs.busy
    assert page.is_visible("#portrait img")
    assert page.is_enabled("#generate")
    assert not page.is_visible("#stop")


def test_a_reload_during_a_run_finds_the_result(page: Any, files: dict[str, str], server: Server) -> None:
    fill(page, files)
    server.pipeline.go.clear()
    make(page)
    page.wait_for_selector("#stop")
    page.wait_for_function("localStorage.getItem('vividanimator-results')")
    page.wait_for_timeout(500)
    page.reload()
    page.wait_for_selector("#stop")
    server.pipeline.go.set()
    page.wait_for_selector("#result-video video")
    page.reload()
    page.wait_for_selector("#result-video video")


def test_bad_files_get_one_sentence_and_lose_nothing(page: Any, files: dict[str, str]) -> None:
    page.set_input_files("#portrait input[type=file]", files["notes.png"])
    page.wait_for_selector("#portrait-refusal:has-text('cannot be read as a picture')")
    page.get_by_role("tab", name="From a video").click()
    page.set_input_files("#motion-video input[type=file]", files["notes.mp4"])
    page.wait_for_selector("#motion-verdict .vivid-bad")
    page.get_by_role("tab", name="Clip file").click()
    page.set_input_files("#motion-clip input[type=file]", files["notes.npz"])
    page.wait_for_selector("#motion-verdict .vivid-bad")
    page.wait_for_timeout(1000)
    assert page.is_visible("#portrait-refusal .vivid-bad")
    fill(page, files)
    page.wait_for_selector("#portrait-refusal .vivid-bad", state="detached")


def test_a_bad_sound_is_refused(page: Any, files: dict[str, str]) -> None:
    page.set_input_files("#voice input[type=file]", files["notes.wav"])
    page.wait_for_selector("#voice-verdict .vivid-bad")


def test_a_picture_of_nobody_says_so(page: Any, files: dict[str, str]) -> None:
    page.set_input_files("#portrait input[type=file]", files["grey.png"])
    page.wait_for_selector("#portrait-verdict:has-text('No person was found')")


def test_speech_over_the_limit_can_be_cut_with_one_click(page: Any, files: dict[str, str]) -> None:
    page.set_input_files("#voice input[type=file]", files["long.wav"])
    page.wait_for_selector("#voice-verdict .vivid-warn")
    page.click("#voice-cut")
    page.wait_for_selector("#voice-verdict:has-text('3.0 of at most 3 seconds')")


def test_untrained_parts_are_switched_off_with_the_reason(page: Any) -> None:
    page.wait_for_selector("#model-status .vivid-ok")
    page.click("#advanced > button")
    head = page.locator("label", has_text="Head follows the rhythm")
    head.locator("input:disabled").wait_for()
    assert page.get_by_text("has not been trained").count() == 1


def test_controls_without_effect_are_not_shown(
    chromium: Any, server: Server, files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = dataclasses.replace(
        server.pipeline.capabilities, steps=None, guidance=None, switches=("calibrate",), untrained=(), size=None,
        seeded=True, instant=True, portraits="any",
    )  # fmt: skip
    monkeypatch.setattr(server.pipeline, "capabilities", plain)
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
    context.set_default_timeout(PATIENCE)
    try:
        page = context.new_page()
        page.goto(server.url)
        page.wait_for_selector("#model-status .vivid-ok")
        fill(page, files)
        page.wait_for_selector("#todo:has-text('will take about')")
        assert "another generator" not in page.inner_text("#check-status")
        assert page.locator("#portrait-verdict :text('rendered characters')").count() == 0
        page.click("#advanced > button")
        page.get_by_label("Seed").first.wait_for()
        assert not page.is_visible("#quality")
        for name in ("Steps", "Voice guidance", "Picture guidance", "Head follows the rhythm", "Hand codebook"):
            assert not page.get_by_text(name, exact=False).locator("visible=true").count(), name
        page.get_by_role("tab", name="About", exact=True).click()
        page.wait_for_selector(":text('its own pixels are moved')")
    finally:
        context.close()


@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_needs_no_sideways_scrolling(chromium: Any, server: Server, files: dict[str, str], dark: bool) -> None:
    scheme = "dark" if dark else "light"
    context = chromium.new_context(viewport={"width": 390, "height": 844}, locale="en-US", color_scheme=scheme)
    context.set_default_timeout(PATIENCE)
    try:
        page = context.new_page()
        page.goto(server.url)
        page.wait_for_selector("#generate")
        fill(page, files)
        for tab in ("Animate", "Inspect", "Compare", "About"):
            button = page.get_by_role("tab", name=tab, exact=True)
            if not button.count():  # behind the "more tabs" button on narrow screens
                page.click(".overflow-menu button >> nth=0")
                button = page.locator(".overflow-dropdown button", has_text=tab)
            button.first.click()
            page.wait_for_timeout(500)
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= 390, tab
    finally:
        context.close()


def test_chinese_by_browser_and_by_choice(chromium: Any, server: Server, page: Any, files: dict[str, str]) -> None:
    context = chromium.new_context(locale="zh-CN")
    context.set_default_timeout(PATIENCE)
    try:
        chinese = context.new_page()
        chinese.goto(server.url)
        chinese.wait_for_selector("#generate:has-text('生成视频')")
        text = chinese.inner_text("body")
        for english in ("Portrait", "Make the video", "Ready-made", "Quality", "Choose"):
            assert english not in text
        chinese.wait_for_selector("#motions:has-text('挥手')")
        chinese.set_input_files("#portrait input[type=file]", files["notes.png"])
        chinese.wait_for_selector("#portrait-refusal:has-text('无法作为图片读取')")
    finally:
        context.close()
    page.get_by_role("button", name="中文", exact=True).click()
    page.wait_for_selector("#generate:has-text('生成视频')")
    page.get_by_role("button", name="English", exact=True).click()
    page.wait_for_selector("#generate:has-text('Make the video')")


def test_every_picture_and_control_has_a_name(page: Any, files: dict[str, str]) -> None:
    fill(page, files)
    nameless = page.evaluate(
        "[...document.querySelectorAll('#tabs img')].filter(i => i.offsetParent && !i.alt).map(i => i.outerHTML)"
    )
    assert [html for html in nameless if not re.search("thumbnail|waveform", html)] == []


@pytest.fixture
def studio(chromium: Any, server: Server) -> Iterator[Any]:
    """The page for a visitor who allows camera, microphone and clipboard."""
    allowed = ["camera", "microphone", "clipboard-read", "clipboard-write"]
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, locale="en-US", permissions=allowed)
    context.set_default_timeout(PATIENCE)
    opened = context.new_page()
    opened.goto(server.url)
    opened.wait_for_selector("#generate")
    yield opened
    context.close()


def test_a_portrait_from_the_clipboard(studio: Any, files: dict[str, str]) -> None:
    picture = base64.b64encode(Path(files["portrait.png"]).read_bytes()).decode()
    studio.evaluate(
        "async (data) => { const answer = await fetch('data:image/png;base64,' + data);"
        " await navigator.clipboard.write([new ClipboardItem({'image/png': await answer.blob()})]); }",
        picture,
    )
    studio.click("#portrait button[aria-label='Paste from clipboard']")
    studio.wait_for_selector("#portrait-verdict :text('512 × 512')")


def test_a_portrait_from_the_camera(studio: Any) -> None:
    studio.click("#portrait button[aria-label='Capture from camera']")
    studio.click("#portrait button:has-text('Access')")
    # nobody presses the shutter before there is a picture
    studio.wait_for_function("() => document.querySelector('#portrait video')?.readyState >= 2")
    studio.click("#portrait button[aria-label='capture photo']")
    studio.wait_for_selector("#portrait-verdict .vivid-ok")


def test_a_voice_from_the_microphone(studio: Any) -> None:
    studio.click("#voice button[aria-label='Record audio']")
    studio.click("#voice button:has-text('Record') >> visible=true")
    studio.wait_for_timeout(1500)
    studio.click("#voice button:has-text('Stop') >> visible=true")
    studio.wait_for_selector("#voice-verdict .vivid-ok")


def test_gestures_from_a_video_and_from_the_camera(studio: Any, tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "me.mp4", (128, 128), 24, None) as writer:
        writer.write(np.random.default_rng(0).integers(0, 255, (24, 128, 128, 3), dtype=np.uint8))
    studio.get_by_role("tab", name="From a video").click()
    studio.set_input_files("#motion-video input[type=file]", str(tmp_path / "me.mp4"))
    studio.wait_for_selector("#motion-verdict:has-text('From your video: 1.0 seconds')")
    studio.click("#motion-video button[aria-label='Clear']")
    studio.wait_for_selector("#motion-verdict:has-text('From your video')", state="detached")
    studio.click("#motion-video button[aria-label='Capture from camera']")
    studio.click("#motion-video button:has-text('Access')")
    studio.click("#motion-video button:has-text('Record')")
    studio.wait_for_timeout(1500)
    studio.click("#motion-video button:has-text('Stop')")
    studio.wait_for_selector("#motion-video video")
    studio.wait_for_selector("#motion-verdict:has-text('From your video')")
    assert "NaN" not in studio.inner_text("#motion-video")


def test_nothing_of_a_link_or_a_name_is_markup(page: Any, server: Server, tmp_path: Path) -> None:
    bait = "<b id=bait>Session over</b><img id=bait src=x><form id=bait action=http://evil.example><input></form>"
    page.goto(f"{server.url}?" + urlencode({"compare": json.dumps({"columns": [{"seed": bait}, {}]})}))
    page.wait_for_selector(".toast-wrap:has-text('Session over')")
    assert page.locator("#bait").count() == 0
    page.goto(f"{server.url}?" + urlencode({"compare": json.dumps({"columns": [{}, {}], "portrait": bait})}))
    page.wait_for_selector("#compare-status:has-text('Session over')", state="attached")
    assert page.locator("#bait").count() == 0
    page.goto(server.url)
    page.wait_for_selector("#generate")
    name = tmp_path / "<img id=bait src=x>.png"
    name.write_text("not a picture")
    page.set_input_files("#portrait input[type=file]", str(name))
    page.wait_for_selector("#portrait-refusal .vivid-bad")
    assert page.locator("#bait").count() == 0


def test_the_shipped_examples_lead_to_a_video(page: Any, server: Server) -> None:
    if not (examples.portraits() and examples.voices() and examples.motions()):
        pytest.skip("no examples are installed")
    page.click("#portrait-examples button >> nth=0")
    page.wait_for_selector("#portrait-verdict .vivid-ok")
    page.click(".vivid-voice >> nth=0")
    page.wait_for_selector("#voice-verdict li")
    page.click("#motions button >> nth=1")
    page.wait_for_selector("#motion-verdict .vivid-ok")
    page.wait_for_selector("#check-look img")
    if page.is_visible("#voice-cut"):
        page.click("#voice-cut")
    page.wait_for_selector("#voice-verdict .vivid-ok")
    make(page)
    page.wait_for_selector("#result-video video")
