"""The page in a real browser as somebody meets it who has never seen it, at a desk, on a phone, by keyboard."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from ui_browser import Gate, fill, make, open_motion, settled, visit
from ui_fakes import Server, detect_standing, write_portrait

from vivid import inputs
from vivid.errors import InputError
from vivid.pose.detect import DetectedPose
from vivid.ui.animate import stage

pytestmark = pytest.mark.browser

DESK, PHONE = (1280, 800), (390, 844)


@pytest.fixture(params=[DESK, PHONE], ids=["desk", "phone"])
def screen(chromium: Any, server: Server, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The page on a desk's and on a phone's screen."""
    with visit(chromium, server, *request.param) as opened:
        yield opened


def in_view(page: Any, *selectors: str) -> None:
    """Wait until all of them are whole on the screen, and nothing lies over their middles."""
    for selector in selectors:
        page.wait_for_function(
            "(selector) => { const e = document.querySelector(selector), b = e?.getBoundingClientRect();"
            " if (!b?.width || b.top < 0 || b.left < 0 || b.bottom > innerHeight || b.right > innerWidth) return false;"
            " const top = document.elementFromPoint(b.x + b.width / 2, b.y + b.height / 2);"
            " return e.contains(top) || top.contains(e); }",
            arg=selector,
        )


def shown_once(page: Any, selector: str) -> None:
    page.wait_for_selector(selector)
    page.wait_for_function(
        "(selector) => { const b = document.querySelector(selector).getBoundingClientRect();"
        " return b.top >= 0 && b.bottom <= innerHeight; }",
        arg=selector,
    )


def test_two_files_and_one_click_make_a_video_and_nothing_needs_scrolling(
    screen: Any, files: dict[str, str], server: Server
) -> None:
    in_view(screen, "#generate", "#example-video video")
    screen.set_input_files("#portrait input[type=file]", files["portrait.png"])
    screen.wait_for_selector("#check-notices .vivid-ok")
    in_view(screen, "#screen", "#generate")
    screen.wait_for_selector("#motion-summary:has-text('Calm · used until you choose')")
    screen.set_input_files("#voice input[type=file]", files["voice.wav"])
    screen.wait_for_selector("#todo:has-text('made in about')")
    in_view(screen, "#generate")
    screen.evaluate("scrollTo(0, document.body.scrollHeight)")
    server.pipeline.go.clear()
    screen.click("#generate")
    screen.wait_for_selector("#stop")
    in_view(screen, "#screen", "#stop")
    server.pipeline.go.set()
    shown_once(screen, "#result-video video")
    screen.wait_for_function("document.querySelector('#result-video video')?.currentTime > 0")
    in_view(screen, "#download")


def test_the_stage_stays_in_view_while_gestures_are_chosen(page: Any, files: dict[str, str]) -> None:
    page.set_input_files("#portrait input[type=file]", files["portrait.png"])
    page.wait_for_selector("#check-notices .vivid-ok")
    open_motion(page, "Ready-made")
    page.click("#motions .thumbnail-item >> nth=-1")
    page.wait_for_function("() => { scrollTo(0, 300); return scrollY > 100; }")
    in_view(page, "#screen", "#generate")


def test_an_example_is_played_at_once_and_taken_over_with_one_click(page: Any) -> None:
    page.wait_for_function("document.querySelector('#example-video video')?.readyState >= 2")
    page.click("#example button:has-text('Ben')")
    page.wait_for_function("document.querySelector('#example-video video')?.src?.endsWith('ben.mp4')")
    page.click("#example-take")
    page.wait_for_function("document.activeElement?.closest('#generate')")  # the button that had the focus is gone
    page.wait_for_selector("#portrait-summary :text('Ben')")
    page.wait_for_selector("#motion-summary :text('Count')")
    page.wait_for_selector("#voice-examples input:checked", state="attached")
    page.click("#voice-cut")  # this server's limit is 3 seconds
    make(page)
    page.wait_for_selector("#result-video video")


def test_a_click_while_files_are_read_makes_the_video_when_they_are(
    page: Any, files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = threading.Event()

    def slowly(image: np.ndarray, detector: str = "auto") -> DetectedPose:
        assert seen.wait(60)
        return detect_standing(image, detector)

    monkeypatch.setattr(inputs, "detect_picture", slowly)
    page.set_input_files("#voice input[type=file]", files["voice.wav"])
    page.wait_for_selector("#voice-summary .va-filled")
    page.click("#generate")
    page.wait_for_selector("#todo .vivid-warn:has-text('Choose a portrait')")  # nothing is on its way
    write_portrait(Path(files["portrait.png"]), seed=11)  # one that was not examined before
    page.set_input_files("#portrait input[type=file]", files["portrait.png"])
    page.wait_for_selector("#portrait img")
    page.click("#generate")
    page.wait_for_selector("#todo:has-text('starts by itself')")
    seen.set()
    page.wait_for_selector("#result-video video")
    page.wait_for_selector("#generate", state="hidden")


def test_a_click_while_files_are_uploaded_makes_the_video_when_they_are(page: Any, files: dict[str, str]) -> None:
    page.set_input_files("#voice input[type=file]", files["voice.wav"])
    page.wait_for_selector("#voice-summary .va-filled")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 100_000}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
    page.set_input_files("#portrait input[type=file]", files["portrait.png"])
    page.click("#generate")
    page.wait_for_selector("#todo:has-text('starts by itself')")
    page.wait_for_selector("#result-video video")


def test_a_click_while_another_portrait_is_read_makes_the_video_of_that_one(
    page: Any, files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = threading.Event()

    def slowly(image: np.ndarray, detector: str = "auto") -> DetectedPose:
        assert seen.wait(60)
        if image.mean() < 3:
            raise InputError("No person was found in the picture: use another one.")
        return detect_standing(image, detector)

    fill(page, files)
    page.wait_for_selector("#todo:has-text('Ready')")
    monkeypatch.setattr(inputs, "detect_picture", slowly)

    def replace(path: Path) -> None:
        seen.clear()
        page.set_input_files("#portrait input[type=file]", path)
        page.wait_for_function("!document.querySelector('#portrait img')?.src.includes('portrait.png')")
        page.click("#generate")
        page.wait_for_selector("#todo:has-text('starts by itself')")
        seen.set()

    dark = Path(files["portrait.png"]).with_name("dark.png")
    Image.new("RGB", (256, 256), (1, 1, 1)).save(dark)
    replace(dark)
    page.wait_for_selector("#portrait-verdict:has-text('person')")
    page.wait_for_selector("#todo:not(:has-text('starts by itself'))")
    settled(page)
    assert not page.is_visible("#result-video video"), "nobody asked for a video of the old portrait"
    other = dark.with_name("other.png")
    write_portrait(other, seed=12)
    replace(other)
    page.wait_for_selector("#result-video video")
    assert page.locator("#result-video video").get_attribute("src").split("/")[-1].startswith("other_")


def choose(page: Any, files: dict[str, str]) -> None:
    """A shipped portrait, an own voice, shipped gestures."""
    page.click("#portrait-examples button[aria-label='Ada']")
    page.set_input_files("#voice input[type=file]", files["voice.wav"])
    open_motion(page, "Ready-made")
    page.click("#motions button[aria-label='Wave']")
    page.wait_for_selector("#todo:has-text('Ready')")
    assert_chosen(page)


def assert_chosen(page: Any) -> None:
    page.wait_for_selector("#portrait-summary :text('Ada')")
    page.wait_for_selector("#voice-summary :text('voice · 1.0 s')")
    page.wait_for_selector("#motion-summary :text('Wave · 5.0 s')")
    page.wait_for_selector("#portrait-examples .selected[aria-label='Ada']", state="attached")
    page.wait_for_selector("#check-look img")


def test_what_is_chosen_survives_a_reload_and_the_back_button(page: Any, files: dict[str, str], server: Server) -> None:
    choose(page, files)
    page.reload()
    assert_chosen(page)
    page.goto(f"{server.url}config")
    page.go_back()
    assert_chosen(page)
    page.wait_for_selector("#todo:has-text('Ready')")


def test_another_language_needs_no_reload(page: Any, files: dict[str, str]) -> None:
    fill(page, files)
    other = Path(files["portrait.png"]).with_name("other.png")
    write_portrait(other, seed=13)
    page.set_input_files("#portrait input[type=file]", other)  # hides and shows controls again
    page.wait_for_selector("#portrait-summary:has-text('other')")
    page.wait_for_selector("#todo:has-text('Ready')")
    settled(page)
    page.evaluate("window.stayed = true")
    page.get_by_role("button", name="中文", exact=True).click()
    page.wait_for_selector("#generate:has-text('生成视频')")
    page.wait_for_selector("#tabs [role=tab]:has-text('关于')")
    page.wait_for_selector("#motions .caption-label:has-text('挥手')", state="attached")
    page.wait_for_selector("#check-look img")
    for english in ("Portrait", "Make", "Ready", "gestures", "Frame", "Change", "Play"):
        page.wait_for_function("(word) => !document.getElementById('animate').innerText.includes(word)", arg=english)
    assert page.evaluate("window.stayed")
    page.get_by_role("button", name="English", exact=True).click()
    page.wait_for_selector("#generate:has-text('Make the video')")
    assert page.evaluate("window.stayed")


def test_the_latest_videos_change_their_language_with_the_rest(page: Any, files: dict[str, str]) -> None:
    choose(page, files)
    make(page)
    page.wait_for_selector("#last-results .caption-label:has-text('Wave')")
    page.get_by_role("button", name="中文", exact=True).click()
    page.wait_for_selector("#last-results .caption-label:has-text('挥手')")


def test_tabs_have_addresses(page: Any, server: Server) -> None:
    page.get_by_role("tab", name="Inspect", exact=True).click()
    page.wait_for_url("**/#inspect")
    page.get_by_role("tab", name="About", exact=True).click()
    page.wait_for_url("**/#about")
    page.go_back()
    page.wait_for_selector("#vivid-inspect")
    page.go_back()
    page.wait_for_selector("#generate")
    page.goto("about:blank")
    page.goto(f"{server.url}#about")
    page.wait_for_selector("#about-runs")


def test_few_keys_lead_to_the_button(page: Any, files: dict[str, str]) -> None:
    fill(page, files)
    page.reload()
    page.wait_for_selector("#todo:has-text('Ready')")
    focused = "document.activeElement.id || document.activeElement.closest('#generate')?.id"
    page.keyboard.press("Tab")
    page.wait_for_function("document.activeElement?.innerText?.includes('Skip')")
    page.keyboard.press("Enter")
    page.wait_for_function(f"({focused}) === 'generate'")
    page.keyboard.press("Enter")
    page.wait_for_selector("#stop")


def test_the_fit_is_judged_in_colours(page: Any, files: dict[str, str], server: Server) -> None:
    page.set_input_files("#portrait input[type=file]", files["portrait.png"])
    page.wait_for_selector("#check-notices .vivid-ok:has-text('The gestures fit')")
    server.look.still = (True, True)
    try:
        open_motion(page, "Clip file")
        page.set_input_files("#motion-clip input[type=file]", files["wave.npz"])
        page.wait_for_selector("#check-notices .vivid-warn:has-text('Only the head will move')")
        page.wait_for_selector("#check-notices .vivid-ok", state="hidden")
    finally:
        server.look.still = (False, False)


def test_without_a_voice_the_person_moves_in_silence_until_a_frame_is_asked_for(
    page: Any, files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "CHEAP_FRAME", 60.0)  # also on a busy machine
    page.set_input_files("#portrait input[type=file]", files["portrait.png"])
    page.wait_for_selector("#check-look img", state="attached")  # on a busy machine it may be seen for a moment only
    page.wait_for_selector("#check-video video")
    page.fill("#check-frame input[type=number]", "7")
    page.press("#check-frame input[type=number]", "Enter")
    page.wait_for_selector("#check-look img")
    page.wait_for_timeout(1500)
    assert page.is_visible("#check-look img"), "and stays"


def test_the_bar_never_runs_backwards(
    page: Any, files: dict[str, str], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    monkeypatch.setattr(server.pipeline, "go", gate)
    monkeypatch.setattr(server.pipeline, "pause", 0.3)
    monkeypatch.setattr(server.pipeline, "seconds_a_step", 0.2)  # 38 s are promised, far more than it takes
    fill(page, files)
    page.evaluate(
        "window.seen = []; new MutationObserver(() => {"
        " const bar = document.querySelector('#progress [aria-valuenow]'); if (bar) seen.push(+bar.ariaValueNow); })"
        ".observe(document.body, {childList: true, subtree: true, attributeFilter: ['aria-valuenow']})"
    )
    make(page)
    for done in range(1, 8):  # the next step begins when the page has shown this one, however slow it is
        gate.steps.release()
        page.wait_for_selector(f"#progress:has-text('Step {done} of 8')")
    gate.set()
    page.wait_for_selector("#result-video video")
    seen = page.evaluate("window.seen")
    assert len(seen) > 5 and seen == sorted(seen) and seen[0] < 50 < seen[-1]


def test_a_finished_video_leads_on_to_other_gestures(page: Any, files: dict[str, str]) -> None:
    fill(page, files)
    make(page)
    page.wait_for_selector("#result-video video")
    page.wait_for_selector("#generate", state="hidden")
    page.click("#other-motion")
    page.wait_for_selector("#motions button[aria-label='Wave']", state="attached")
    page.wait_for_selector("#check-look img")
    open_motion(page, "Ready-made")
    page.click("#motions button[aria-label='Wave']")
    page.wait_for_selector("#motion-summary :text('Wave')")
    for shown in ("#portrait-summary .va-filled", "#voice-summary .va-filled", "#todo:has-text('made in about')"):
        page.wait_for_selector(shown)
    page.wait_for_selector("#generate")
    page.click("#last-results .thumbnail-item")
    page.wait_for_selector("#result-video video")


def test_on_a_phone_the_bar_at_the_bottom_hides_nothing_for_good(
    chromium: Any, server: Server, files: dict[str, str]
) -> None:
    with visit(chromium, server, 390, 844) as page:
        fill(page, files)
        for done in (False, True):
            if done:
                make(page)
                page.wait_for_selector("#result-video video")
            page.wait_for_function(  # the page scrolls by itself when a video is done
                "() => { window.scrollTo(0, 1e6); const low = (each) =>"
                " document.querySelector(each)?.getBoundingClientRect().bottom || 0;"
                " return Math.max(low('#advanced'), low('#last-results'), low('footer'))"
                " <= document.getElementById('dock').getBoundingClientRect().top; }"
            )
