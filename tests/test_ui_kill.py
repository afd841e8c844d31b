"""A server that is killed twenty times, also while it encodes: no half file shows, no decision and no video is lost.

Slow; the seed of the moments is told by the test.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from ui_fakes import waving_clip, write_portrait, write_voice

from vivid.media.video import probe
from vivid.pose.clips import save_clip
from vivid.ui.inspect.decisions import DecisionBook
from vivid.ui.visitors import Visitors

pytestmark = pytest.mark.slow

KILLS = 20
SEED = 12
SERVER = """
import os, sys, time
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[1])
from ui_fakes import FakePipeline, detect_standing, serve
from vivid import inputs
from vivid.config import FPS
from vivid.events import Done, Result, Step
from vivid.media.video import VideoWriter
from vivid.ui.inspect import fitting

inputs.detect_picture = fitting.detect_picture = detect_standing


class Encoding(FakePipeline):
    '''Spends its time in the encoder.'''

    def animate(self, portrait, speech, motion, settings, output, calibrated=None):
        frame = np.ascontiguousarray(portrait.image[:128, :128])
        yield Step(1, 2, "denoise", 1.0, frame)
        with VideoWriter(output, (128, 128), FPS, None) as writer:
            for _ in range(24):
                writer.write(np.repeat(frame[None], 4, 0))
                time.sleep(0.03)
        yield Done(Result(output, 96, FPS, 0.1, settings.seed, "fake", (), 0, settings.to_dict(), None))


folder = Path(sys.argv[2])
for _ in sys.stdin:  # one server a line; all that is imported is imported once
    if child := os.fork():
        os.waitpid(child, 0)
        continue
    with serve(folder, Encoding(), pairs=folder / "pairs") as server:
        print(os.getpid(), server.url, flush=True)
        time.sleep(600)
"""


class Visit:
    """Makes videos and takes decisions until the server is gone, and keeps what was acknowledged."""

    def __init__(self, url: str, folder: Path, known: dict[str, str]) -> None:
        self.http = httpx.Client(base_url=url, timeout=30)
        self.folder = folder
        self.known = known  # the annotator, whose secret holds with the next server as well
        self.videos: list[Path] = []
        self.notes: list[str] = []

    def animate(self) -> None:
        """One video after the other."""
        files = (self.folder / name for name in ("p.png", "v.wav", "wave.npz"))
        upload = "/gradio_api/upload"
        try:
            paths = [self.http.post(upload, files={"files": (f.name, f.read_bytes())}).json()[0] for f in files]
            data = [*({"path": path} for path in paths), "", "fast", 0, 0, 0, 0, False]
            while True:
                event = self.http.post("/gradio_api/call/animate", json={"data": data}).json()["event_id"]
                last = self.http.get(f"/gradio_api/call/animate/{event}").text.strip().split("\n\n")[-1]
                if last.startswith("event: complete"):
                    video = json.loads(last.split("data: ", 1)[1])[0]
                    self.videos.append(Path(video.get("video", video)["path"]))
        except (httpx.HTTPError, ValueError):
            return

    def decide(self) -> None:
        """One decision after the other."""
        try:
            parts = self.http.get("/config").json()["components"]
            bench = next(part["id"] for part in parts if part["props"].get("elem_id") == "vivid-inspect")
            call = {"component_id": bench, "session_hash": "s"}

            def ask(what: str, **more: Any) -> dict[str, Any]:
                data = {"collection": "folder", "session": "w", **self.known, **more}
                return self.http.post(
                    "/gradio_api/component_server", json={**call, "fn_name": what, "data": data}
                ).json()

            if not self.known:
                self.known.update(ask("claim", name="Ann"))
            pair = ask("open")["pairs"][0]["id"]
            while True:
                note = uuid.uuid4().hex
                answer = ask("record", pair=pair, action="note", decision="accept", note=note)
                assert answer.get("note") == note, answer
                self.notes.append(note)
        except (httpx.HTTPError, ValueError):
            return


def encoding_now(folder: Path) -> bool:
    """Whether a video is being written below `folder`, whose files come and go meanwhile."""
    return any(name.startswith(".vivid-") for _, folders, _ in os.walk(folder) for name in folders)


def test_twenty_kills_leave_nothing_half_and_lose_nothing(tmp_path: Path) -> None:
    moments = random.Random(SEED)
    pairs = tmp_path / "pairs"
    pairs.mkdir()
    save_clip(waving_clip(), tmp_path / "wave.npz")
    save_clip(waving_clip(), pairs / "1.npz")
    write_portrait(pairs / "1.png")
    write_portrait(tmp_path / "p.png")
    write_voice(tmp_path / "v.wav", 2.0)
    videos: list[Path] = []
    notes: list[str] = []
    known: dict[str, str] = {}
    encoding = 0
    command = [sys.executable, "-c", SERVER, str(Path(__file__).parent), str(tmp_path)]
    servers = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    assert servers.stdin is not None and servers.stdout is not None
    for turn in range(KILLS):
        servers.stdin.write("next\n")
        server, url = servers.stdout.readline().split()
        visit = Visit(url, tmp_path, known)
        threads = [threading.Thread(target=work) for work in (visit.animate, visit.decide)]
        for thread in threads:
            thread.start()
        # Every third time a video is finished first; else it may be killed in its encoder.
        while not (visit.notes and (visit.videos if turn % 3 == 0 else encoding_now(tmp_path / "data"))):
            assert all(thread.is_alive() for thread in threads)
            time.sleep(0.05)
        time.sleep(moments.uniform(0, 3))
        encoding += encoding_now(tmp_path / "data")
        os.kill(int(server), signal.SIGKILL)
        for thread in threads:
            thread.join()
        videos += visit.videos
        notes += visit.notes
        print(f"killed {turn + 1} times", flush=True)
        for path in (tmp_path / "data").rglob("*"):
            if any(part.startswith(".") for part in path.parts):
                continue
            if path.suffix == ".mp4":
                assert probe(path).seconds == pytest.approx(4.0, abs=0.1)
            elif path.suffix == ".json":
                json.loads(path.read_text())
            elif path.suffix == ".jpg":
                Image.open(path).load()
    servers.stdin.close()
    servers.wait()
    print(f"{len(videos)} videos, {len(notes)} decisions, killed {encoding} times while encoding")
    assert videos and encoding
    assert all(path.is_file() for path in videos)
    kept = {record["note"] for record in DecisionBook(tmp_path / "decisions", "Ann").records()}
    assert kept >= set(notes)
    assert len(notes) > 20
    visitors = Visitors(tmp_path / "data")
    visitors.clean()
    assert not list((tmp_path / "data").rglob(".*"))
    assert all(path.is_file() for path in videos)  # their day is not over
    visitors.clean(time.time() + 25 * 3600)
    visitors.close()
    assert list((tmp_path / "data").iterdir()) == []
