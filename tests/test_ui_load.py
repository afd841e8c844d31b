"""Fifty visitors at once: overlays stay quick, also while a video is made; everybody gets their own files; the line
refuses past its limit. Slow; prints its numbers."""

from __future__ import annotations

import json
import statistics
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from ui_fakes import SIZE, FakePipeline, Server, detect_standing, serve, waving_clip, write_portrait, write_voice

from vivid import inputs
from vivid.media.video import read_frames
from vivid.pose.clips import save_clip

pytestmark = pytest.mark.slow

VISITORS = 50
WAITING = 16
"""The limit of the line when nobody sets another."""


def at_once(visit: Callable[[int], None]) -> None:
    """Every visitor does `visit` in a thread of their own."""
    ready = threading.Barrier(VISITORS)

    def run(index: int) -> None:
        ready.wait()
        visit(index)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(VISITORS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def alike(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation of two pictures; that of two visitors' portraits, which are noise, is near 0."""
    return float(np.corrcoef(one.astype(float).mean(-1).ravel(), other.astype(float).mean(-1).ravel())[0, 1])


class Visitor:
    """Speaks plain HTTP: fifty of gradio_client in this process would measure themselves."""

    def __init__(self, url: str, http: httpx.Client, folder: Path) -> None:
        self.base, self.http, self.folder = f"{url}gradio_api", http, folder
        self.session = uuid.uuid4().hex

    def upload(self, path: Path) -> dict[str, object]:
        """A file as later calls name it."""
        answer = self.http.post(f"{self.base}/upload", files={"files": (path.name, path.read_bytes())})
        return {"path": answer.json()[0], "meta": {"_type": "gradio.FileData"}, "orig_name": path.name}

    def call(self, endpoint: str, *data: object) -> list[Any]:
        """The endpoint's answer. AssertionError with the sentence when it refuses."""
        address = f"{self.base}/call/{endpoint}"
        event = self.http.post(address, json={"data": data, "session_hash": self.session}).json()["event_id"]
        kind, text = self.http.get(f"{address}/{event}").text.strip().split("\n\n")[-1].split("\n", 1)
        assert kind == "event: complete", text
        return json.loads(text.removeprefix("data: "))

    def fetch(self, answer: dict[str, str]) -> Path:
        """A file of an answer, brought here."""
        path = self.folder / f"{uuid.uuid4()}{Path(answer['path']).suffix}"
        path.write_bytes(self.http.get(answer["url"]).content)
        return path

    def overlay(self, portrait: dict[str, object], clip: dict[str, object], frame: int) -> Path:
        """The first overlay picture."""
        return self.fetch(self.call("calibrate_pose", portrait, clip, "", frame)[0])

    def video(self, portrait: dict[str, object], voice: dict[str, object], clip: dict[str, object], steps: int) -> Path:
        """A video of that many steps."""
        video, _ = self.call("animate", portrait, voice, clip, "", "fast", steps, 0, 0, 0, True)
        return self.fetch(video.get("video", video))


@dataclass
class Crowd:
    """The visitors, their files on the server, and their portraits as they are."""

    server: Server
    visitors: list[Visitor]
    portraits: list[dict[str, object]]
    pictures: list[np.ndarray]
    voice: dict[str, object]
    clip: dict[str, object]

    def overlay_times(self) -> list[float]:
        """Seconds from the request to the picture, of all at once; each shows the visitor's own portrait."""
        times: list[float] = []
        own: list[float] = []

        def visit(index: int) -> None:
            started = time.monotonic()
            picture = self.visitors[index].overlay(self.portraits[index], self.clip, index)
            times.append(time.monotonic() - started)
            own.append(alike(np.array(Image.open(picture)), self.pictures[index]))

        at_once(visit)
        assert len(own) == VISITORS
        assert min(own) > 0.5
        return times

    def animate(self, index: int, steps: int) -> Path:
        """The video of one visitor."""
        return self.visitors[index].video(self.portraits[index], self.voice, self.clip, steps)

    def refusals(self) -> int:
        """All ask for a video while nothing moves: how many are refused. The others get their own."""
        refused: list[str] = []
        own: list[float] = []

        def visit(index: int) -> None:
            try:
                video = self.animate(index, 2)
            except AssertionError as error:
                refused.append(str(error))
                return
            own.append(alike(next(iter(read_frames(video))), self.pictures[index][: SIZE[1], : SIZE[0]]))

        def let_go() -> None:
            jobs = self.server.context.jobs
            wait_until(lambda: len(refused) + jobs.waiting + jobs.busy == VISITORS)
            self.server.pipeline.go.set()

        self.server.pipeline.go.clear()
        opener = threading.Thread(target=let_go)
        opener.start()
        at_once(visit)
        opener.join()
        assert len(own) == VISITORS - len(refused)
        assert min(own) > 0.5
        return len(refused)


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def test_fifty_visitors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "detect_picture", detect_standing)
    save_clip(waving_clip(), tmp_path / "wave.npz")
    write_voice(tmp_path / "v.wav")
    files = [write_portrait(tmp_path / f"p{n}.png", seed=n) for n in range(VISITORS)]
    http = httpx.Client(timeout=120, limits=httpx.Limits(max_connections=2 * VISITORS))
    with serve(tmp_path, FakePipeline(pause=0.2)) as server, http:
        visitors = [Visitor(server.url, http, tmp_path) for _ in range(VISITORS)]
        crowd = Crowd(
            server,
            visitors,
            [visitor.upload(path) for visitor, path in zip(visitors, files, strict=True)],
            [np.array(Image.open(path)) for path in files],
            visitors[0].upload(tmp_path / "v.wav"),
            visitors[0].upload(tmp_path / "wave.npz"),
        )
        for visitor, portrait in zip(visitors, crowd.portraits, strict=True):  # they are on the page already
            visitor.overlay(portrait, crowd.clip, 0)
        before = time.process_time()
        idle = crowd.overlay_times()
        spent = (time.process_time() - before) / VISITORS
        print(
            f"idle: median {statistics.median(idle):.2f} s, slowest {max(idle):.2f} s, processor {spent:.2f} s a call"
        )
        crowd.visitors[0].http.post(
            f"{crowd.visitors[0].base}/call/animate",
            json={"data": [crowd.portraits[0], crowd.voice, crowd.clip, "", "fast", 500, 0, 0, 0, True]},
        )
        jobs = server.context.jobs
        wait_until(lambda: jobs.busy)
        busy = crowd.overlay_times()
        print(f"while a video is made: median {statistics.median(busy):.2f} s, slowest {max(busy):.2f} s")
        for job in list(jobs._jobs.values()):
            jobs.stop(job)
        wait_until(lambda: not jobs.busy)
        refused = crowd.refusals()
        print(f"{refused} of {VISITORS} videos were refused")
    assert statistics.median(idle) < 5
    assert statistics.median(busy) < 5
    assert refused == VISITORS - WAITING - 1
