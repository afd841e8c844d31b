"""The Inspect tab in a real browser: decide, undo, reload, export, by mouse and by keyboard."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copy
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image
from ui_people import person, waving

from vivid.pose import detect
from vivid.pose.calibrate import calibrate
from vivid.pose.clips import load_clip, save_clip
from vivid.pose.skeleton import PoseClip
from vivid.ui import strings
from vivid.ui.context import make_context
from vivid.ui.inspect import fitting, tab
from vivid.ui.options import ServerOptions

pytestmark = pytest.mark.browser
SLOW = 120_000
"""Milliseconds; a busy machine may take its time."""


@contextmanager
def served(root: Path, **options: Any) -> Iterator[SimpleNamespace]:
    """A page with the tab alone, on a folder of three pairs; every picture shows the same person."""
    (root / "pairs").mkdir()
    for number in (1, 2, 3):
        Image.new("RGB", (400, 400), (90, 60 * number, 120)).save(root / "pairs" / f"{number}.png")
        save_clip(waving(24 + number), root / "pairs" / f"{number}.npz")

    def stands(image: np.ndarray) -> SimpleNamespace:
        return SimpleNamespace(pose=person(), notices=(), detector="test")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "detect_picture", stands)
        given = {"decisions": root / "decisions", "pairs": root / "pairs", "data": root / "data", **options}
        context = make_context(ServerOptions(**given))
        with gr.Blocks() as page, gr.Tab("Inspect") as place:
            tab.build(context, place)
        _, url, _ = page.launch(
            prevent_thread_lock=True,
            quiet=True,
            head=f"<style>{strings.CSS}</style>",
            i18n=strings.translations(),
            ssr_mode=False,
        )
        yield SimpleNamespace(url=url, root=root)
        page.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """What every annotator decides about alone."""
    with served(tmp_path_factory.mktemp("inspect")) as running:
        yield running


def opened(context: Any, url: str, name: str, first: str = "1") -> Any:
    """A page on which `name` has opened the folder and sees the first pair."""
    page = context.new_page()
    page.set_default_timeout(SLOW)
    page.goto(url)
    page.fill('[data-is="name"]', name)
    page.click('[data-is="folder"]')
    drawn(page, first)
    return page


def drawn(page: Any, title: str) -> None:
    """Wait until the pair is on screen."""
    page.wait_for_function(
        "title => document.querySelector('[data-is=title]')?.textContent === title"
        " && document.querySelector('[data-is=files]').textContent.startsWith(title + '.')",
        arg=title,
    )


def painted(page: Any) -> np.ndarray:
    """The stage as numbers, once what has changed is drawn."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    url = page.evaluate("document.querySelector('#vivid-inspect canvas').toDataURL()")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("L"), np.float32)


def saved(page: Any) -> None:
    page.wait_for_function("document.querySelector('[data-is=saved]')?.textContent.includes('Saved')")


def records(server: SimpleNamespace, name: str) -> list[dict[str, Any]]:
    path: Path = server.root / "decisions" / f"decisions-{name}.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def recorded(page: Any, server: SimpleNamespace, name: str, count: int) -> list[dict[str, Any]]:
    """The records of an annotator, once there are so many: what is moved by keys is saved a moment later."""
    for _ in range(SLOW // 100):
        if len(records(server, name)) >= count:
            break
        page.wait_for_timeout(100)
    assert len(records(server, name)) == count
    return records(server, name)


def states(page: Any) -> list[str]:
    return page.eval_on_selector_all("[data-go]", "nodes => nodes.map(node => node.className.split(' ')[0])")


def test_a_day_of_an_annotator(chromium: Any, server: SimpleNamespace, tmp_path: Path) -> None:
    context = chromium.new_context(locale="en-US", accept_downloads=True, viewport={"width": 1300, "height": 900})
    page = opened(context, server.url, "Anna")
    # By key, by mouse, and a note that contains every shortcut.
    page.keyboard.press("a")
    drawn(page, "2")
    page.keyboard.press("n")
    page.keyboard.type("a raru note")
    page.keyboard.press("Enter")
    page.click('[data-decide="reject"]')
    drawn(page, "3")
    assert states(page) == ["accept", "reject", "open"]
    assert [r["action"] for r in recorded(page, server, "anna", 3)] == ["decide", "note", "decide"]
    assert records(server, "anna")[-1]["note"] == "a raru note"
    seconds = [r["seconds"] for r in records(server, "anna")]  # a decision right after its note has none of its own
    assert min(seconds) >= 0 and 0 < sum(seconds) < 60
    # Undo twice: the decision, then the note.
    page.keyboard.press("u")
    drawn(page, "2")
    page.keyboard.press("u")
    page.wait_for_function("document.querySelector('[data-is=note]')?.value === ''")
    assert states(page) == ["accept", "open", "open"]
    # A nudge redraws at once, in the browser, exactly as the server then does, and is saved with the pair.
    nudges = {"scale": 1.1, "offset_x": 0.2, "left_angle": 20, "left_length": 1.2, "right_hand": 1.5}
    before = painted(page)
    for name, value in nudges.items():
        page.locator(f'[data-nudge="{name}"]').evaluate(
            "(node, value) => { node.value = value; node.dispatchEvent(new Event('input')); }", value
        )
    here = painted(page)
    page.wait_for_function("document.querySelector('[data-confirmed]')")
    assert np.abs(here - before).mean() > 10 * np.abs(here - painted(page)).mean()
    page.locator('[data-nudge="scale"]').evaluate("node => node.dispatchEvent(new Event('change'))")
    assert recorded(page, server, "anna", 6)[-1]["nudges"] == nudges
    # A reload goes on where it was.
    page.reload()
    drawn(page, "2")
    assert states(page) == ["accept", "open", "open"]
    page.wait_for_function("document.querySelector('[data-nudge=scale]')?.value === '1.1'")
    # The file that is downloaded is the file on disk.
    with page.expect_download() as download:
        page.click('[data-is="download"]')
    download.value.save_as(tmp_path / "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["id"] for line in lines] == [r["id"] for r in records(server, "anna")]
    assert len(lines) == 6
    context.close()


def test_a_name_is_confirmed_once_and_its_link_opens_it_elsewhere(chromium: Any, server: SimpleNamespace) -> None:
    here, there = (chromium.new_context(locale="en-US") for _ in range(2))
    one = opened(here, server.url, "Dana")
    assert one.is_hidden('[data-is="name"]') and one.inner_text('[data-is="annotator"]') == "Dana"
    one.keyboard.press("r")
    saved(one)
    # Somebody else cannot have the name, and sees nothing of what is decided under it.
    other = there.new_page()
    other.set_default_timeout(SLOW)
    other.goto(server.url)
    for name in ("Dana", "dana"):
        other.fill('[data-is="name"]', name)
        other.click('[data-is="confirm"]')
        other.wait_for_function("document.querySelector('[data-is=status]')?.textContent.includes('somebody already')")
    assert other.query_selector("[data-go]") is None and other.is_visible('[data-is="name"]')
    # Her own link does, and does not stay in the address.
    one.click('[data-is="mine"]')
    link = one.input_value('[data-is="link"]')
    assert link.startswith(server.url) and one.evaluate("document.activeElement.dataset.is") == "link"
    other.goto(link)
    drawn(other, "2")
    assert states(other)[0] == "reject" and other.inner_text('[data-is="annotator"]') == "Dana"
    assert "annotator" not in other.url
    other.reload()  # it is this browser's from now on
    drawn(other, "2")
    # A link does not make anybody somebody else unasked.
    third = opened(chromium.new_context(locale="en-US"), server.url, "Eve")
    third.goto(link)
    third.wait_for_function("document.querySelector('[data-is=hint]')?.textContent.includes('you are Eve')")
    assert third.inner_text('[data-is="annotator"]') == "Eve"
    third.click('[data-is="leave"]')
    third.wait_for_function("document.querySelector('[data-is=annotator]')?.textContent === 'Dana'")
    third.context.close()
    # Switching is deliberate, and leaves nothing behind.
    other.click('[data-is="switch"]')
    assert states(other)[0] == "reject"
    other.click('[data-is="leave"]')
    other.wait_for_function("document.activeElement.dataset.is === 'name'")
    assert other.evaluate("Object.values(localStorage).join()").count("Dana") == 0
    assert states(other) == [] and other.input_value('[data-is="name"]') == ""
    other.reload()
    other.wait_for_selector('[data-is="name"]', state="visible")
    assert other.query_selector("[data-go]") is None
    here.close()
    there.close()


def test_no_key_reaches_the_name_and_control_z_is_undo(chromium: Any, server: SimpleNamespace) -> None:
    context = chromium.new_context(locale="en-US")
    page = context.new_page()
    page.set_default_timeout(SLOW)
    page.goto(server.url)
    page.click('[data-is="name"]')
    page.keyboard.type("Zoe")
    page.keyboard.press("Enter")
    drawn(page, "1")
    for key, following in (("a", "2"), ("r", "3")):
        page.keyboard.press(key)
        saved(page)
        drawn(page, following)
    page.keyboard.press("Control+z")
    drawn(page, "2")
    page.keyboard.press("Control+z")
    drawn(page, "1")
    page.wait_for_function("document.querySelectorAll('[data-go].open').length === 3")
    assert [r["action"] for r in recorded(page, server, "zoe", 4)] == ["decide", "decide", "undo", "undo"]
    assert page.input_value('[data-is="name"]') == "" and page.inner_text('[data-is="annotator"]') == "Zoe"
    # In the note it takes back what is typed, as everywhere.
    page.keyboard.press("n")
    page.keyboard.type("ab")
    page.keyboard.press("Control+z")
    page.keyboard.press("Escape")
    page.wait_for_timeout(300)
    assert len([r for r in records(server, "zoe") if r["action"] == "undo"]) == 2
    context.close()


def test_reasons_bad_frames_and_order_by_key(chromium: Any, server: SimpleNamespace, tmp_path: Path) -> None:
    jumpy = waving(27)
    jumpy.body[9:, 4, :2] += 30  # a wrist that jumps in frame 10
    save_clip(jumpy, server.root / "pairs" / "3.npz")
    context = chromium.new_context(locale="en-US", accept_downloads=True)
    page = opened(context, server.url, "Rita")

    def loaded(name: str) -> None:
        page.wait_for_function(f"document.querySelector('[data-is=files]')?.textContent.startsWith('{name}.png')")

    loaded("1")
    for key in ("7", "1", "2", "2", "ArrowDown", "ArrowDown", "b", "s"):
        page.keyboard.press(key)
    loaded("2")
    last = recorded(page, server, "rita", 6)[-1]
    assert (last["decision"], last["tags"], last["frame"]) == ("unsure", ["hands", "outside"], 2)
    assert states(page) == ["unsure", "open", "open"]
    # The pair that jumps most comes first, and W shows where.
    page.select_option('[data-is="order"]', "jump")
    page.wait_for_function("document.querySelector('[data-is=status]')?.textContent.includes('All 3 pairs')")
    names = "nodes => nodes.map(node => node.textContent)"
    assert page.eval_on_selector_all("[data-go]", names)[0] == "3"
    page.click('[data-go="0"]')
    loaded("3")
    page.keyboard.press("w")
    assert page.inner_text('[data-is="time"]').startswith("10 / 27")
    page.select_option('[data-is="filter"]', "tags")
    assert [n for n in page.eval_on_selector_all("li:not([hidden]) [data-go]", names)] == ["3", "1"]
    page.keyboard.press("ArrowRight")
    loaded("1")
    page.click('[data-is="show-bad"]')
    assert page.inner_text('[data-is="time"]').startswith("3 / 25")
    page.keyboard.press("?")
    assert page.is_visible('[data-is="keys"]')
    page.keyboard.press("Escape")
    assert page.is_hidden('[data-is="keys"]')
    page.select_option('[data-is="as"]', "csv")
    with page.expect_download() as download:
        page.click('[data-is="download"]')
    download.value.save_as(tmp_path / "out.csv")
    text = (tmp_path / "out.csv").read_text("utf-8-sig")
    assert download.value.suggested_filename == "decisions-rita.csv" and "unsure,hands outside,3," in text
    context.close()


def test_two_windows_of_one_name_stay_in_step(chromium: Any, server: SimpleNamespace) -> None:
    context, elsewhere = (chromium.new_context(locale="en-US") for _ in range(2))
    one = opened(context, server.url, "Wanda")
    one.click('[data-is="mine"]')
    link = one.input_value('[data-is="link"]')
    two = context.new_page()
    two.set_default_timeout(SLOW)
    two.goto(server.url)
    drawn(two, "1")  # the same pairs, unasked
    far = elsewhere.new_page()
    far.set_default_timeout(SLOW)
    far.goto(link)
    drawn(far, "1")
    told = "document.querySelector('[data-is=status]').textContent.includes('open as Wanda')"
    for page in (one, two):
        page.wait_for_function(told)
    two.wait_for_function("document.querySelector('[data-is=files]')?.textContent.startsWith('1.png')")
    two.keyboard.press("r")
    saved(two)
    one.wait_for_function("document.querySelector('[data-go]')?.className.startsWith('reject')")
    far.evaluate("dispatchEvent(new Event('focus'))")  # whoever comes back to a window on another machine
    far.wait_for_function("document.querySelector('[data-go]')?.className.startsWith('reject')")
    two.keyboard.press("u")
    one.wait_for_function("document.querySelector('[data-go]')?.className.startsWith('open')")
    assert [r["action"] for r in recorded(one, server, "wanda", 2)] == ["decide", "undo"]
    # A point that is moved in one window is moved in the other.
    two.click("[data-go='0']")
    drawn(two, "1")
    for key in ("j", "j", "Shift+ArrowUp"):
        two.keyboard.press(key)
    two.wait_for_function("document.querySelector('[data-is=edits]')?.textContent.includes('1')")
    one.click("[data-go='0']")
    one.wait_for_function("document.querySelector('[data-is=edits]')?.textContent.includes('1')")
    one.keyboard.press("u")  # it was made in the other window: that one may take it back
    one.wait_for_function("document.querySelector('[data-is=status]')?.textContent.includes('nothing to undo')")
    two.keyboard.press("u")
    one.wait_for_function("document.querySelector('[data-is=edits]')?.textContent === ''")
    context.close()
    elsewhere.close()


def test_two_annotators_do_not_see_each_other(chromium: Any, server: SimpleNamespace) -> None:
    first, second = (chromium.new_context(locale="en-US") for _ in range(2))
    one, other = opened(first, server.url, "One"), opened(second, server.url, "Other")
    one.keyboard.press("a")
    drawn(one, "2")
    other.keyboard.press("r")
    drawn(other, "2")
    assert (states(one)[0], states(other)[0]) == ("accept", "reject")
    assert [r["decision"] for r in recorded(one, server, "one", 1)] == ["accept"]
    assert [r["decision"] for r in recorded(other, server, "other", 1)] == ["reject"]
    first.close()
    second.close()


def test_arrows_scrub_and_move_and_a_phone_shows_all(chromium: Any, server: SimpleNamespace) -> None:
    context = chromium.new_context(locale="zh-CN", viewport={"width": 390, "height": 844}, has_touch=True)
    page = opened(context, server.url, "手机")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.evaluate("document.documentElement.lang = 'zh-CN'")
    assert page.inner_text('[data-decide="accept"]').startswith("接受")
    assert page.get_attribute('[data-is="note"]', "placeholder").startswith("Enter 保存")
    page.keyboard.press("ArrowDown")
    assert page.inner_text('[data-is="time"]').startswith("2 / 25")
    page.keyboard.press("ArrowRight")
    drawn(page, "2")
    page.keyboard.press("ArrowLeft")
    drawn(page, "1")
    # Two fingers zoom, one that holds nothing moves the stage; neither moves a point.
    box = page.locator('[data-is="canvas"]').bounding_box()
    assert box is not None
    middle, high = box["x"] + box["width"] / 2, box["y"] + box["height"] / 3
    fingers = context.new_cdp_session(page)

    def touch(kind: str, *places: float) -> None:
        points = [{"x": x, "y": high, "id": number} for number, x in enumerate(places)]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    wrist = on_stage(page, FITTED.body[1, 7])
    high = wrist[1]
    touch("touchStart", wrist[0])  # one finger holds a wrist and has moved it when the other one comes
    touch("touchMove", wrist[0] + 15)
    assert "左手腕" in page.inner_text('[data-is="picked"]')
    touch("touchStart", wrist[0] + 15, wrist[0] + 75)
    touch("touchEnd")
    high = box["y"] + box["height"] / 3
    touch("touchStart", middle - 30)
    touch("touchStart", middle - 30, middle + 30)
    for step in range(1, 7):
        touch("touchMove", middle - 30 - 10 * step, middle + 30 + 10 * step)
    touch("touchEnd")
    page.wait_for_function("document.querySelector('[data-is=zoomed]')?.textContent === '300 %'")
    assert page.locator('[data-decide="accept"]').bounding_box()["y"] > 700  # type: ignore[index]
    assert records(server, "手机") == []
    context.close()


def test_own_files_are_paired_by_name(chromium: Any, server: SimpleNamespace) -> None:
    context = chromium.new_context(locale="en-US")
    page = context.new_page()
    page.set_default_timeout(SLOW)
    page.goto(server.url)
    page.get_by_text("Load your own files").click()
    folder = server.root / "pairs"
    page.set_input_files(
        "#vivid-inspect-files input[type=file]", [str(folder / name) for name in ("2.png", "2.npz", "3.png")]
    )
    # Whoever loads files before giving a name is asked for it, and then sees them.
    page.wait_for_function("document.querySelector('[data-is=status]')?.textContent.includes('name first')")
    page.fill('[data-is="name"]', "Uploader")
    page.press('[data-is="name"]', "Enter")
    page.wait_for_function("document.querySelectorAll('[data-go]').length === 1")
    drawn(page, "2")
    assert "3.png" in page.inner_text('[data-is="lonely"]')
    context.close()


FITTED = calibrate(person(), waving(25))[0]
"""The first pair's clip as the page shows it."""


def on_stage(page: Any, place: np.ndarray) -> tuple[float, float]:
    """Where a place in the portrait is on the page, at whatever zoom."""
    script = """([x, y]) => {
        const node = document.querySelector('[data-paint]');
        const [scale, left, top] = node.dataset.view.split(' ').map(Number);
        const box = document.querySelector('[data-is=canvas]').getBoundingClientRect();
        return [box.left + left + x * scale, box.top + top + y * scale];
    }"""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    x, y = page.evaluate(script, [float(number) for number in place[:2]])
    return x, y


def drag(page: Any, place: np.ndarray, by: tuple[float, float]) -> None:
    """Drag what is at a place in the portrait by pixels of the portrait."""
    page.evaluate("document.querySelector('.vi-work').scrollIntoView()")
    page.mouse.move(*on_stage(page, place))
    page.mouse.down()
    goal = on_stage(page, place[:2] + np.array(by))
    for share in (0.3, 0.7, 1.0):
        start = on_stage(page, place)
        page.mouse.move(*(a + share * (b - a) for a, b in zip(start, goal, strict=True)))
    page.mouse.up()


def exported(page: Any, folder: Path) -> PoseClip:
    """The clip that the page lets one download."""
    with page.expect_download() as download:
        page.click('[data-is="clip"]')
    download.value.save_as(folder / "clip.npz")
    return load_clip(folder / "clip.npz")


def test_a_point_is_exported_where_it_was_dropped(chromium: Any, server: SimpleNamespace, tmp_path: Path) -> None:
    context = chromium.new_context(locale="en-US", accept_downloads=True, viewport={"width": 1300, "height": 900})
    page = opened(context, server.url, "Dora")
    page.wait_for_function("document.querySelector('[data-is=files]')?.textContent.startsWith('1.png')")
    for _ in range(8):
        page.keyboard.press("ArrowDown")
    np.testing.assert_allclose(exported(page, tmp_path).body, FITTED.body, atol=0.02)
    # A wrist within reach: it lies where it was dropped, its hand came along, the arm kept its lengths.
    drag(page, FITTED.body[8, 7], (-30, -45))
    recorded(page, server, "dora", 1)
    clip = exported(page, tmp_path)
    np.testing.assert_allclose(clip.body[8, 7, :2], FITTED.body[8, 7, :2] + (-30, -45), atol=0.6)
    moved = clip.body[8, 7, :2] - FITTED.body[8, 7, :2]
    np.testing.assert_allclose(clip.hands[8, 0, :, :2] - FITTED.hands[8, 0, :, :2], [moved] * 21, atol=0.03)
    bones = [np.linalg.norm(np.diff(each.body[8, [5, 6, 7], :2], axis=0), axis=1) for each in (clip, FITTED)]
    np.testing.assert_allclose(*bones, atol=0.05)
    np.testing.assert_allclose(clip.body[[7, 9]], FITTED.body[[7, 9]], atol=0.02)
    kept = server.root / "decisions" / "clips-dora"
    assert len(list(kept.glob("*.npz"))) == 1
    np.testing.assert_array_equal(load_clip(next(kept.glob("*.npz"))).body, clip.body)
    # The elbow that the page has bent is where the server has it: it can be held there.
    page.keyboard.press("Escape")
    page.mouse.move(*on_stage(page, clip.body[8, 6]))
    page.mouse.down()
    page.mouse.up()
    assert page.inner_text('[data-is="picked"]').startswith("Left elbow")
    assert page.inner_text('[data-is="edits"]') == "Points moved: 1"
    # A finger tip by the keys alone, over the whole clip, ten pixels and one.
    page.keyboard.press("e")
    page.keyboard.press("e")
    page.keyboard.press("k")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowUp")
    last = recorded(page, server, "dora", 2)[-1]["edits"][-1]
    assert (last["point"], last["by"], last["first"], last["last"]) == (19, [10.0, -1.0], 0, 24)
    after = exported(page, tmp_path)
    np.testing.assert_allclose((after.hands - clip.hands)[:, 0, 1, :2], [[10, -1]] * 25, atol=0.03)
    # Undo and redo, each alone; the files say the same to the byte.
    both = (tmp_path / "clip.npz").read_bytes()
    page.keyboard.press(".")
    steps = (("Control+z", "1"), ("Control+z", ""), ("Control+Shift+Z", "1"), ("y", "2"))
    for number, (key, count) in enumerate(steps, 3):
        page.keyboard.press(key)
        page.wait_for_function(
            "c => document.querySelector('[data-is=edits]')?.innerText.replace(/\\D/g, '') === c", arg=count
        )
        recorded(page, server, "dora", number)
        assert page.inner_text('[data-is="time"]').startswith("9 / 25")  # where the change is to be seen
    exported(page, tmp_path)
    assert (tmp_path / "clip.npz").read_bytes() == both
    context.close()


def test_the_stage_zooms_at_the_pointer_and_a_range_blends(
    chromium: Any, server: SimpleNamespace, tmp_path: Path
) -> None:
    context = chromium.new_context(locale="en-US", accept_downloads=True, viewport={"width": 1300, "height": 900})
    page = opened(context, server.url, "Zack")
    page.wait_for_function("document.querySelector('[data-is=files]')?.textContent.startsWith('1.png')")
    page.evaluate("document.querySelector('.vi-work').scrollIntoView()")
    for _ in range(12):
        page.keyboard.press(".")
    finger = FITTED.hands[12, 1, 8]
    before = on_stage(page, finger)
    page.mouse.move(*before)
    page.mouse.wheel(0, -900)
    page.wait_for_function("parseInt(document.querySelector('[data-is=zoomed]')?.textContent) > 300")
    np.testing.assert_allclose(on_stage(page, finger), before, atol=4)  # up to the pointer's whole pixels
    before = on_stage(page, finger)
    page.mouse.move(before[0] + 200, before[1] - 100)  # empty ground: the stage is moved, nothing else
    page.mouse.down()
    page.mouse.move(before[0] + 160, before[1] - 80, steps=4)
    page.mouse.up()
    np.testing.assert_allclose(on_stage(page, finger), (before[0] - 40, before[1] + 20), atol=4)
    assert records(server, "zack") == []
    # A range from frame 5 to 19 (as people count), dragged in frame 13.
    for key, times in ((",", 8), ("[", 1), (".", 14), ("]", 1), (",", 6)):
        for _ in range(times):
            page.keyboard.press(key)
    assert page.inner_text('[data-is="from"]') + page.inner_text('[data-is="to"]') == "519"
    drag(page, finger, (12, 6))
    recorded(page, server, "zack", 1)
    way = (exported(page, tmp_path).hands - FITTED.hands)[:, 1, 8, :2]
    np.testing.assert_allclose(way[12], (12, 6), atol=0.3)
    np.testing.assert_allclose(way[[0, 3, 4, 18, 19, 24]], 0, atol=0.02)
    assert 0 < way[6, 0] < way[8, 0] < 11.9 and 0 < way[16, 0] < 11.9
    # The page draws within the ramp what the file says.
    page.keyboard.press("Escape")
    for _ in range(6):
        page.keyboard.press(",")
    page.mouse.move(*on_stage(page, exported(page, tmp_path).hands[6, 1, 8]))
    page.mouse.down()
    page.mouse.up()
    assert page.inner_text('[data-is="picked"]').startswith("Right hand, index finger 4")
    page.keyboard.press("Escape")
    page.keyboard.press("0")
    page.wait_for_function("document.querySelector('[data-is=zoomed]')?.textContent === '100 %'")
    # Outside of the range nothing can be dragged by mistake.
    page.keyboard.press("Escape")
    for _ in range(16):
        page.keyboard.press(".")
    drag(page, FITTED.body[22, 7], (-20, -20))
    assert "not within the range" in page.inner_text('[data-is="status"]')
    assert [r["action"] for r in records(server, "zack")] == ["edit"]
    context.close()


def others_say(page: Any, text: str) -> None:
    """Come back to a window until it tells that of the others: the server looks at their files now and then."""
    page.wait_for_function(
        "text => { dispatchEvent(new Event('focus'));"
        " return document.querySelector('[data-is=others]').innerText.includes(text); }",
        arg=text, polling=1000,
    )  # fmt: skip


def test_two_annotators_disagree_and_settle_it(chromium: Any, tmp_path: Path) -> None:
    with served(tmp_path, overlap=2) as server:
        first, second = (chromium.new_context(locale="en-US") for _ in range(2))
        pages = []
        for context, name, key in ((first, "Ida", "a"), (second, "Jon", "r")):
            page = context.new_page()
            page.set_default_timeout(SLOW)
            page.goto(server.url)
            page.fill('[data-is="name"]', name)
            page.click('[data-is="folder"]')
            page.wait_for_function("document.querySelectorAll('[data-go]').length === 3")
            page.uncheck('[data-is="advance"]')
            page.click("[data-go='0']")
            drawn(page, "1")
            assert page.is_hidden('[data-is="together"]') and "3 left for you" in page.inner_text('[data-is="count"]')
            page.keyboard.press("Shift+A")  # there is nothing to settle yet: no verdict either
            assert "Nobody disagrees" in page.inner_text('[data-is="status"]')
            page.keyboard.press(key)
            recorded(page, server, name.lower(), 1)
            pages.append(page)
        ida, jon = pages
        for page in (ida, jon):
            others_say(page, "do not agree")
        assert jon.inner_text('[data-is="others"]').startswith("The others: Accept")
        jon.select_option('[data-is="filter"]', "split")
        assert jon.eval_on_selector_all("li:not([hidden]) [data-go]", "nodes => nodes.length") == 1
        jon.keyboard.press("Shift+A")
        last = recorded(jon, server, "jon", 2)[-1]
        assert "Settled: Accept" in jon.inner_text('[data-is="others"]')
        assert (last["action"], last["decision"], last["settled"]) == ("settle", "reject", "accept")
        others_say(ida, "Settled: Accept")
        first.close()
        second.close()


def test_a_video_in_the_folder_is_a_clip(chromium: Any, server: SimpleNamespace, tmp_path: Path) -> None:
    """With the real detector: the film of a portrait that speaks and waves."""
    examples = Path(__file__).parents[1] / "examples"
    root = tmp_path / "real"
    (root / "pairs").mkdir(parents=True)
    copy(examples / "portraits" / "ben.jpg", root / "pairs" / "take.jpg")
    copy(examples / "videos" / "ben.mp4", root / "pairs" / "take.mp4")
    context = make_context(ServerOptions(decisions=root / "decisions", pairs=root / "pairs", data=root / "data"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "detect_picture", detect.detect_picture)
        with gr.Blocks() as page, gr.Tab("Inspect") as place:
            tab.build(context, place)
        _, url, _ = page.launch(prevent_thread_lock=True, quiet=True, i18n=strings.translations(), ssr_mode=False)
        visitor = chromium.new_context(locale="en-US", accept_downloads=True)
        seen = opened(visitor, url, "Vera", "take")
        assert int(seen.inner_text('[data-is="time"]').split()[2]) > 48
        clip = exported(seen, tmp_path)
        assert (clip.body[:, 5, 2] > 0.3).mean() > 0.9
        # The finished look of a frame, and of the next one.
        seen.keyboard.press("l")
        seen.wait_for_selector("[data-look]")
        first = painted(seen)
        seen.keyboard.press("p")  # the look covers the portrait: nothing changes
        seen.keyboard.press("c")
        seen.keyboard.press("c")
        assert np.abs(painted(seen) - first).mean() < 1
        seen.keyboard.press(".")
        seen.wait_for_function("document.querySelector('[data-look]')?.dataset.look.split(' ')[1] === '1'")
        assert records(SimpleNamespace(root=root), "vera") == []
        visitor.close()
        page.close()
