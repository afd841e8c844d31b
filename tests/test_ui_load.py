"""Twenty visitors at once: overlays stay quick, also while a video is made; everybody gets their own files; the line
refuses past its limit. Slow; prints its numbers."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from ui_fakes import SIZE, FakePipeline, Server, detect_standing, serve, waving_clip, write_portrait, write_voice

from vivid import inputs
from vivid.media.video import read_frames
from vivid.pose.clips import save_clip

pytestmark = pytest.mark.slow

VISITORS = 20
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


def overlay_times(clients: list[Client], pictures: list[Path], clip: Path) -> list[float]:
    """Seconds from the request to the two overlay pictures, of visitors with different portraits at once."""
    times: list[float] = []
    own: dict[int, float] = {}

    def visit(index: int) -> None:
        started = time.monotonic()
        before, *_ = clients[index].predict(
            portrait=handle_file(pictures[index]), motion=handle_file(clip), motion_name="", frame=index,
            api_name="/calibrate_pose",
        )  # fmt: skip
        times.append(time.monotonic() - started)
        own[index] = alike(np.array(Image.open(before).convert("RGB")), np.array(Image.open(pictures[index])))

    at_once(visit)
    assert len(own) == VISITORS
    assert min(own.values()) > 0.5
    return times


def animate(client: Client, portrait: Path, folder: Path, steps: int) -> str:
    """The video of one visitor."""
    video, _ = client.predict(
        portrait=handle_file(portrait), voice=handle_file(folder / "v.wav"), motion=handle_file(folder / "wave.npz"),
        motion_name="", quality="fast", steps=steps, guidance_audio=0, guidance_image=0, seed=0, calibrate=True,
        api_name="/animate",
    )  # fmt: skip
    return video["video"] if isinstance(video, dict) else video


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def videos_of_everybody(server: Server, clients: list[Client], pictures: list[Path], folder: Path) -> int:
    """All ask for a video while nothing moves; how many were refused. The others get their own."""
    refused: list[str] = []
    own: list[float] = []

    def visit(index: int) -> None:
        try:
            video = animate(clients[index], pictures[index], folder, 2)
        except AppError as error:
            refused.append(str(error))
            return
        frame = next(iter(read_frames(video)))
        own.append(alike(frame, np.array(Image.open(pictures[index]))[: SIZE[1], : SIZE[0]]))

    def let_go() -> None:
        wait_until(lambda: len(refused) + server.context.jobs.waiting + server.context.jobs.busy == VISITORS)
        server.pipeline.go.set()

    server.pipeline.go.clear()
    opener = threading.Thread(target=let_go)
    opener.start()
    at_once(visit)
    opener.join()
    assert len(own) == VISITORS - len(refused)
    assert min(own) > 0.5
    assert all(f"{WAITING} videos are waiting already" in text for text in refused)
    return len(refused)


def test_twenty_visitors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "detect_picture", detect_standing)
    save_clip(waving_clip(), tmp_path / "wave.npz")
    write_voice(tmp_path / "v.wav")
    pictures = [write_portrait(tmp_path / f"p{n}.png", seed=n) for n in range(VISITORS)]
    with serve(tmp_path, FakePipeline(pause=0.2)) as server:
        clients = [Client(server.url, verbose=False) for _ in range(VISITORS)]
        idle = overlay_times(clients, pictures, tmp_path / "wave.npz")
        print(f"idle: median {statistics.median(idle):.2f} s, slowest {max(idle):.2f} s")
        long_one = threading.Thread(target=animate, args=(clients[0], pictures[0], tmp_path, 500), daemon=True)
        long_one.start()
        wait_until(lambda: server.context.jobs.busy)
        busy = overlay_times(clients, pictures, tmp_path / "wave.npz")
        print(f"while a video is made: median {statistics.median(busy):.2f} s, slowest {max(busy):.2f} s")
        for job in list(server.context.jobs._jobs.values()):
            server.context.jobs.stop(job)
        wait_until(lambda: not server.context.jobs.busy)
        refused = videos_of_everybody(server, clients, pictures, tmp_path)
        print(f"{refused} of {VISITORS} videos were refused")
    assert statistics.median(idle) < 2
    assert statistics.median(busy) < 5
    assert refused == VISITORS - WAITING - 1
