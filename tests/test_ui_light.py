"""Light calls stay light: what a session and a portrait cost the second time."""

from __future__ import annotations

import os
import threading
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from gradio import routes
from gradio.blocks import BlocksConfig
from gradio_client import Client, handle_file
from ui_fakes import detect_standing, serve, write_portrait

from vivid import inputs
from vivid.cache import Cache
from vivid.errors import InputError
from vivid.pose.detect import DetectedPose
from vivid.ui.engine import at_low_priority


def test_new_sessions_do_not_write_down_the_whole_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "detect_picture", detect_standing)
    written: list[int] = []
    usual = BlocksConfig.config_for_block

    def counting(number: int, *more: object) -> dict[str, object]:
        written.append(number)
        return usual(number, *more)  # type: ignore[arg-type]

    with serve(tmp_path) as server:
        portrait = handle_file(write_portrait(tmp_path / "p.png"))
        monkeypatch.setattr(BlocksConfig, "config_for_block", staticmethod(counting))
        client = Client(server.url, verbose=False)
        written.clear()
        assert client.predict(portrait=portrait, api_name="/check_portrait")["usable"]
        without = httpx.post(f"{server.url}gradio_api/run/check_portrait", json={"data": [None]}, timeout=60)
        assert "No portrait was given" in without.text
    assert written == []


def test_the_page_is_made_once_for_each_address_and_sent_compressed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    usual = routes.templates.TemplateResponse

    def counting(*args: object, **options: Any) -> object:
        made.append(options["name"])
        return usual(*args, **options)

    with serve(tmp_path) as server:
        monkeypatch.setattr(routes.templates, "TemplateResponse", counting)
        ports = [server.url, server.url.replace("127.0.0.1", "localhost")]
        first, other, again = (httpx.get(url, timeout=60) for url in (*ports, ports[0]))
        plain = httpx.get(ports[0], headers={"accept-encoding": "identity"}, timeout=60)
        with httpx.stream("GET", ports[0]) as response:
            sent = len(b"".join(response.iter_raw()))
        assert first.text == again.text == plain.text and "content-encoding" not in plain.headers
        assert first.text.index("vividKeepLanguage") < first.text.index("gradio_config")
        assert ports[0].rstrip("/") in first.text and ports[1].rstrip("/") in other.text
        assert sent == int(again.headers["content-length"]) < len(plain.content) / 4
        assert made == ["frontend/index.html"] * 2
        for number in range(10):
            assert httpx.get(f"{server.url}?visit={number}", timeout=60).text == first.text
        assert httpx.get(f"{server.url}nothing", timeout=60).status_code == 404


def test_events_without_an_indicator_make_the_browser_track_one_component(tmp_path: Path) -> None:
    with serve(tmp_path) as server:
        config = server.page.get_config_file()
    hidden = [event for event in config["dependencies"] if event["show_progress"] == "hidden"]
    tracked = {name for event in hidden for name in event["show_progress_on"] or event["outputs"]}
    (tracker,) = [part for part in config["components"] if part["id"] in tracked]
    assert len(hidden) > 50 and tracker["props"]["visible"] == "hidden"


def test_scrubbing_does_not_wait_for_portraits_to_be_taken_apart(tmp_path: Path) -> None:
    with serve(tmp_path) as server:
        config = server.page.get_config_file()
        (slider,) = [part["id"] for part in config["components"] if part["props"].get("elem_id") == "check-frame"]
        events = [event for event in server.page.fns.values() if (slider, "input") in event.targets]
    assert [event.concurrency_id for event in events] == ["preview"]


def test_a_portrait_is_examined_once_for_several_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []

    def detect(image: np.ndarray, detector: str = "auto") -> DetectedPose:
        looked.append(int(image[0, 0, 0]))
        return detect_standing(image, detector)

    monkeypatch.setattr(inputs, "detect_picture", detect)
    with serve(tmp_path) as server:
        client = Client(server.url, verbose=False)
        other = Client(server.url, verbose=False)
        assert other.predict(
            portrait=handle_file(write_portrait(tmp_path / "own.png", seed=2)), api_name="/check_portrait"
        )
        for seed in (1, 2, 1):
            portrait = handle_file(write_portrait(tmp_path / f"{seed}.png", seed=seed))
            assert client.predict(portrait=portrait, api_name="/check_portrait")["usable"]
            client.predict(portrait=portrait, motion=None, motion_name="wave", frame=0, api_name="/calibrate_pose")
    assert len(looked) == len(set(looked)) == 2


def test_a_cache_keeps_the_last_values_and_makes_each_once() -> None:
    cache, made = Cache(2), []

    def get(name: str) -> str:
        return cache.get(name, lambda: made.append(name) or name.upper())  # type: ignore[func-returns-value]

    assert [get(name) for name in ("a", "b", "a", "c", "a", "b")] == ["A", "B", "A", "C", "A", "B"]
    assert made == ["a", "b", "c", "b"]  # b gives way to c, then c to b
    cache.clear()
    assert get("b") == "B" and made[-2:] == ["b", "b"]
    assert cache.holds("b") and not cache.holds("a")


def test_slow_work_gives_way_and_its_thread_alone(tmp_path: Path) -> None:
    whose: ContextVar[str] = ContextVar("whose", default="nobody's")

    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def work(more: int) -> tuple[int, int, str]:
        inner: list[int] = []
        thread = threading.Thread(target=lambda: inner.append(priority()))
        thread.start()
        thread.join()
        return priority() + more, inner[0], whose.get()

    def fail() -> None:
        raise InputError("It failed.")

    whose.set("mine")
    before = priority()
    assert at_low_priority(work)(100) == (before + 105, before + 5, "mine")
    assert priority() == before
    with pytest.raises(InputError, match=r"It failed\."):
        at_low_priority(fail)()
    with serve(tmp_path) as server:
        slow = [event for event in server.page.fns.values() if event.concurrency_id == "slow-preview"]
        quick = [event for event in server.page.fns.values() if event.concurrency_id == "preview"]
    assert any(
        hasattr(event.fn, "__wrapped__") and event.fn.__code__ is at_low_priority(work).__code__ for event in slow
    )
    assert not any(event.fn.__code__ is at_low_priority(work).__code__ for event in quick if event.fn)
