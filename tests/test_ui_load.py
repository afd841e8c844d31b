"""Twenty visitors at once: overlays stay quick, also while a video is made. Slow; prints its numbers."""

from __future__ import annotations

import statistics
import threading
import time
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from ui_fakes import FakePipeline, Server, detect_standing, serve, waving_clip, write_portrait, write_voice

from vivid import inputs
from vivid.pose.clips import save_clip

pytestmark = pytest.mark.slow

VISITORS = 20


def overlay_times(server: Server, folder: Path, clip: Path) -> list[float]:
    """Seconds from the request to the two overlay pictures, of 20 visitors with different portraits at once."""
    clients = [Client(server.url, verbose=False) for _ in range(VISITORS)]
    pictures = [write_portrait(folder / f"p{n}.png", seed=n) for n in range(VISITORS)]
    # Files go up beforehand: what is measured is the server's answer.
    times: list[float] = []
    ready = threading.Barrier(VISITORS)

    def visit(index: int) -> None:
        ready.wait()
        started = time.monotonic()
        clients[index].predict(
            portrait=handle_file(pictures[index]), motion=handle_file(clip), motion_name="", frame=index,
            api_name="/calibrate_pose",
        )  # fmt: skip
        times.append(time.monotonic() - started)

    threads = [threading.Thread(target=visit, args=(index,)) for index in range(VISITORS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


def test_twenty_visitors_get_their_overlays_quickly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "detect_picture", detect_standing)
    clip = tmp_path / "wave.npz"
    save_clip(waving_clip(), clip)
    with serve(tmp_path, FakePipeline(pause=0.2)) as server:
        idle = overlay_times(server, tmp_path, clip)
        print(f"idle: median {statistics.median(idle):.2f} s, slowest {max(idle):.2f} s")
        client = Client(server.url, verbose=False)
        job = client.submit(
            portrait=handle_file(write_portrait(tmp_path / "p.png")),
            voice=handle_file(write_voice(tmp_path / "v.wav")),
            motion=handle_file(clip), motion_name="", quality="fast", steps=500, guidance_audio=0, guidance_image=0,
            seed=0, calibrate=True, api_name="/animate",
        )  # fmt: skip
        while not server.context.jobs.busy:
            time.sleep(0.05)
        busy = overlay_times(server, tmp_path, clip)
        print(f"while a video is made: median {statistics.median(busy):.2f} s, slowest {max(busy):.2f} s")
        job.cancel()
    assert statistics.median(idle) < 2
    assert statistics.median(busy) < 5
