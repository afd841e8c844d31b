"""The page in a real browser: good and bad files, camera and microphone, phone, languages, names."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image
from ui_browser import PATIENCE, fill, new_page, open_details, open_motion
from ui_fakes import Server, detect_standing

from vivid import inputs
from vivid.errors import Message
from vivid.media.video import VideoWriter
from vivid.pose.detect import SEVERAL, DetectedPose

pytestmark = pytest.mark.browser


def test_bad_files_get_one_sentence_and_lose_nothing(page: Any, files: dict[str, str]) -> None:
    page.set_input_files("#portrait input[type=file]", files["notes.png"])
    page.wait_for_selector("#portrait-refusal:has-text('cannot be read as a picture')")
    open_motion(page, "From a video")
    page.set_input_files("#motion-video input[type=file]", files["notes.mp4"])
    page.wait_for_selector("#motion-verdict .vivid-bad")
    open_motion(page, "Clip file")
    page.set_input_files("#motion-clip input[type=file]", files["notes.npz"])
    page.wait_for_selector("#motion-verdict .vivid-bad")
    page.wait_for_timeout(1000)
    assert page.is_visible("#portrait-refusal .vivid-bad")
    fill(page, files)
    page.wait_for_selector("#portrait-refusal .vivid-bad", state="detached")


def test_a_bad_sound_is_refused(page: Any, files: dict[str, str]) -> None:
    page.set_input_files("#voice input[type=file]", files["notes.wav"])
    page.wait_for_selector("#voice-verdict .vivid-bad")


@pytest.mark.parametrize(
    ("chosen", "words"), [("English", "“notes.md” is not a kind"), ("中文", "此处不能使用“notes.md”")]
)
def test_a_file_of_the_wrong_kind_gets_a_sentence_and_no_list_of_types(
    page: Any, tmp_path: Path, chosen: str, words: str
) -> None:
    page.get_by_role("button", name=chosen, exact=True).click()
    page.wait_for_selector(f"html[lang^={'zh' if chosen == '中文' else 'en'}]", state="attached")
    (tmp_path / "notes.md").write_text("text")
    page.set_input_files("#voice input[type=file]", str(tmp_path / "notes.md"))
    page.wait_for_selector(f".toast-wrap:has-text('{words}')")
    assert "audio/" not in page.inner_text(".toast-wrap")


def test_a_picture_of_nobody_says_so(page: Any, files: dict[str, str]) -> None:
    page.set_input_files("#portrait input[type=file]", files["grey.png"])
    page.wait_for_selector("#portrait-verdict:has-text('No person was found')")


def test_speech_over_the_limit_is_said_to_be_too_long_and_cut_with_one_click(page: Any, files: dict[str, str]) -> None:
    page.set_input_files("#portrait input[type=file]", files["portrait.png"])
    page.wait_for_selector("#todo:has-text('Add a voice')")
    page.set_input_files("#voice input[type=file]", files["long.wav"])
    page.wait_for_selector("#todo .vivid-bad:has-text('Your voice is 5 seconds long, the limit is 3')")
    page.click("#generate")
    page.wait_for_timeout(500)
    assert "Add a voice" not in page.inner_text("#stage"), "there is one"
    page.click("#voice-cut")
    page.wait_for_selector("#voice-summary:has-text('long · 3.0 seconds')")
    page.wait_for_selector("#todo:has-text('Ready')")
    page.wait_for_selector("#voice-cut", state="hidden")


def test_untrained_parts_are_said_and_no_switch_for_them_is_shown(page: Any) -> None:
    open_details(page)
    page.wait_for_selector("#model-status:has-text('not trained: head rhythm')")
    page.wait_for_selector("label:has-text('Hand codebook')")
    assert not page.is_visible("label:has-text('Head follows the rhythm')")


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
        page = new_page(context)
        page.goto(server.url)
        fill(page, files)
        page.wait_for_selector("#todo:has-text('made in about')")
        assert "another generator" not in page.inner_text("#check-status")
        assert page.locator("#portrait-verdict :text('rendered characters')").count() == 0
        open_details(page)
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
        page = new_page(context)
        page.goto(server.url)
        page.wait_for_selector("#generate")
        fill(page, files)
        for tab in ("Animate", "Inspect", "Compare", "About"):
            button = page.get_by_role("tab", name=tab, exact=True)
            if not button.count():  # behind the "more tabs" button on narrow screens
                page.click(".overflow-menu button >> nth=0")
                button = page.locator(".overflow-dropdown button", has_text=tab)
            button.first.click()
            page.wait_for_selector(f"[role=tab][data-tab-id={tab.lower()}][aria-selected=true]", state="attached")
            # what does not fit is clipped, so that the page's own width tells nothing
            page.wait_for_function(
                "[...document.querySelectorAll('.vivid-card, .block')].filter(e => e.offsetParent)"
                ".every(e => e.getBoundingClientRect().right <= 391) && document.documentElement.scrollWidth <= 390"
            )
    finally:
        context.close()


def test_chinese_by_browser_and_by_choice(chromium: Any, server: Server, page: Any, files: dict[str, str]) -> None:
    context = chromium.new_context(locale="zh-CN")
    context.set_default_timeout(PATIENCE)
    try:
        chinese = context.new_page()
        chinese.goto(server.url)
        chinese.wait_for_selector("#generate:has-text('生成视频')")
        for english in ("Portrait", "Make the video", "Ready-made", "Quality", "Choose"):
            chinese.wait_for_function("(word) => !document.body.innerText.includes(word)", arg=english)
        chinese.click("#motion-body > button")
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
    assert [html for html in nameless if not re.search('waveform|alt=""', html)] == []
    open_motion(page, "Ready-made")
    tiles = "[...document.querySelectorAll('#motions .thumbnail-item')].map(tile => tile.getAttribute('aria-label'))"
    page.wait_for_function(f"{tiles}.slice(0, 3).join() === 'Calm,Big and small,Count'")
    unnamed = page.evaluate(
        "[...document.querySelectorAll('#animate button, #animate input:not([type=file])')].filter(e => e.offsetParent)"
        ".filter(e => !(e.innerText.trim() || e.ariaLabel || e.title || e.labels?.length"
        " || e.querySelector('img')?.alt)).map(e => e.outerHTML)"
    )
    assert unnamed == []


def test_a_portrait_from_the_clipboard(studio: Any, files: dict[str, str]) -> None:
    picture = base64.b64encode(Path(files["portrait.png"]).read_bytes()).decode()
    studio.evaluate(
        "async (data) => { const answer = await fetch('data:image/png;base64,' + data);"
        " await navigator.clipboard.write([new ClipboardItem({'image/png': await answer.blob()})]); }",
        picture,
    )
    studio.click("#portrait button[aria-label='Paste from clipboard']")
    studio.wait_for_selector("#portrait-verdict :text('512 × 512')", state="attached")


def test_a_portrait_from_the_camera(studio: Any) -> None:
    studio.click("#portrait button[aria-label='Capture from camera']")
    studio.click("#portrait button:has-text('Access')")
    # nobody presses the shutter before there is a picture
    studio.wait_for_function("() => document.querySelector('#portrait video')?.readyState >= 2")
    studio.click("#portrait button[aria-label='capture photo']")
    studio.wait_for_selector("#portrait-summary .va-filled")


def test_a_voice_from_the_microphone(studio: Any) -> None:
    studio.click("#voice button[aria-label='Record audio']")
    studio.click("#voice button:has-text('Record') >> visible=true")
    studio.wait_for_timeout(1500)
    studio.click("#voice button:has-text('Stop') >> visible=true")
    studio.wait_for_selector("#voice-summary .va-filled, #voice-cut")
    if studio.is_visible("#voice-cut"):  # on a busy machine it gets longer than this server's three seconds
        studio.click("#voice-cut")
    studio.wait_for_selector("#voice-summary .va-filled")


FRAMES = """() => {
  const film = document.querySelector("#motion-video video");
  const count = () => { frames += 1; film.requestVideoFrameCallback(count); };
  window.frames = 0;
  film.requestVideoFrameCallback(count);
}"""
"""Counts the pictures that the camera has given: on a busy machine the first ones come late."""


def test_gestures_from_a_video_and_from_the_camera(studio: Any, tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "me.mp4", (128, 128), 24, None) as writer:
        writer.write(np.random.default_rng(0).integers(0, 255, (24, 128, 128, 3), dtype=np.uint8))
    open_motion(studio, "From a video")
    studio.set_input_files("#motion-video input[type=file]", str(tmp_path / "me.mp4"))
    studio.wait_for_selector("#motion-summary:has-text('From your video · 1.0 seconds')")
    studio.click("#motion-video button[aria-label='Clear']")
    studio.wait_for_selector("#motion-video input[type=file]", state="attached")
    open_motion(studio, "Ready-made")
    studio.click("#motions button[aria-label='Wave']")
    studio.wait_for_selector("#motion-summary:has-text('Wave')")
    open_motion(studio, "From a video")
    studio.click("#motion-video button[aria-label='Capture from camera']")
    studio.click("#motion-video button:has-text('Access')")
    studio.evaluate(FRAMES)
    studio.click("#motion-video button:has-text('Record')")
    studio.wait_for_function("frames > 30")
    studio.click("#motion-video button:has-text('Stop')")
    studio.wait_for_selector("#motion-video video")
    studio.wait_for_selector("#motion-summary:has-text('From your video')")
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


def test_of_several_people_one_is_picked_by_click_or_key(
    page: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def detect(image: np.ndarray, detector: str = "auto") -> DetectedPose:
        """Two people in a wide picture, one in every other."""
        found = detect_standing(image)
        if image.shape[1] < 800:
            return found
        faces = np.array([[600, 40, 700, 140], [100, 40, 200, 140]], np.float32)
        return dataclasses.replace(found, notices=(Message(SEVERAL, 2),), boxes=faces)

    monkeypatch.setattr(inputs, "detect_picture", detect)
    noise = np.random.default_rng(0).integers(0, 120, (400, 800, 3), dtype=np.uint8)
    noise[:, :400] += 130  # the bright half is the left person's
    Image.fromarray(noise).save(tmp_path / "two.png")
    page.set_input_files("#portrait input[type=file]", str(tmp_path / "two.png"))
    page.wait_for_selector("#portrait-verdict:has-text('2 people in this picture: click the one who speaks')")
    assert "crop the picture" not in page.inner_text("#portrait-verdict")
    assert page.get_by_role("button", name="Person 2 of 2").count() == 1
    for number, bright in (("1", True), ("2", False)):
        button = page.locator(f"#portrait-people button:has(b:text-is('{number}'))")
        if bright:
            button.click()
        else:
            button.focus()
            page.keyboard.press("Enter")
        page.wait_for_selector("#portrait-people button", state="detached")
        page.wait_for_selector("#portrait-summary:has-text('two')")
        value = page.evaluate(
            "async () => { const image = document.querySelector('#portrait-summary img'); await image.decode();"
            " const canvas = document.createElement('canvas'); canvas.width = canvas.height = 1;"
            " const paper = canvas.getContext('2d'); paper.drawImage(image, 0, 0, 1, 1);"
            " return paper.getImageData(0, 0, 1, 1).data[0]; }"
        )
        assert (value > 125) == bright
        page.click("#portrait-undo")
        page.wait_for_selector("#portrait-people button")
