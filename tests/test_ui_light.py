"""Light calls stay light: what a session and a portrait cost the second time."""

from __future__ import annotations

import os
import threading
from contextvars import ContextVar
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from gradio.blocks import BlocksConfig
from gradio_client import Client, handle_file
from ui_fakes import detect_standing, serve, standing_pose, write_portrait

from vivid import inputs
from vivid.errors import InputError
from vivid.pose.detect import DetectedPose
from vivid.pose.portrait import make_portrait
from vivid.ui import kept_verdicts
from vivid.ui.engine import gently
from vivid.ui.kept_verdicts import KeptVerdicts
from vivid.ui.verdicts import Verdict


def verdict(side: int = 256) -> Verdict:
    return Verdict((), make_portrait(np.full((side, side, 3), 90, np.uint8), standing_pose(side, side)))


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


def test_a_portrait_is_examined_once_for_several_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []

    def detect(image: np.ndarray, detector: str = "auto") -> DetectedPose:
        looked.append(int(image[0, 0, 0]))
        return detect_standing(image, detector)

    monkeypatch.setattr(inputs, "detect_picture", detect)
    with serve(tmp_path) as server:
        client = Client(server.url, verbose=False)
        for seed in (1, 2, 1):
            portrait = handle_file(write_portrait(tmp_path / f"{seed}.png", seed=seed))
            assert client.predict(portrait=portrait, api_name="/check_portrait")["usable"]
            client.predict(portrait=portrait, motion=None, motion_name="wave", frame=0, api_name="/calibrate_pose")
    assert len(looked) == len(set(looked)) == 2


def test_a_verdict_holds_as_long_as_its_file(tmp_path: Path) -> None:
    kept, made = KeptVerdicts(), [verdict(), verdict()]
    path = tmp_path / "a.png"
    path.write_bytes(b"one")
    assert kept.of(path, lambda: made[0]) is kept.of(path, lambda: made[1]) is made[0]
    path.write_bytes(b"two")
    assert kept.of(path, lambda: made[1]) is made[1]
    path.unlink()
    assert kept.of(path, lambda: made[0]) is made[0]


def test_verdicts_are_let_go_by_size_and_age(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(kept_verdicts.time, "monotonic", lambda: clock.now)
    monkeypatch.setattr(kept_verdicts, "KEPT_BYTES", 2 * 256 * 256 * 3)
    kept = KeptVerdicts()
    made: list[str] = []

    def ask(name: str) -> None:
        def examine() -> Verdict:
            made.append(name)
            return verdict()

        (tmp_path / name).write_text(name)
        kept.of(tmp_path / name, examine)

    for name in ("a", "b", "a", "c", "a", "b"):  # b gives way to c, then c to b
        ask(name)
    assert made == ["a", "b", "c", "b"]
    clock.now = kept_verdicts.KEPT_SECONDS + 1
    kept.forget_old()
    ask("b")
    assert made == ["a", "b", "c", "b", "b"]


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
    assert gently(work)(100) == (before + 105, before + 5, "mine")
    assert priority() == before
    with pytest.raises(InputError, match=r"It failed\."):
        gently(fail)()
    with serve(tmp_path) as server:
        slow = [event for event in server.page.fns.values() if event.concurrency_id == "slow-preview"]
        quick = [event for event in server.page.fns.values() if event.concurrency_id == "preview"]
    assert any(hasattr(event.fn, "__wrapped__") and event.fn.__code__ is gently(work).__code__ for event in slow)
    assert not any(event.fn.__code__ is gently(work).__code__ for event in quick if event.fn)
