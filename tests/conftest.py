"""What several test files share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("busy", deadline=None)  # how long an example takes says more of the machine than of the code
settings.load_profile("busy")

if "PYTEST_XDIST_WORKER" in os.environ:  # read when torch loads: one thread for each of the processes that test
    os.environ.setdefault("OMP_NUM_THREADS", "1")

CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic"]
# a camera that films a test card and a microphone that beeps
CHROMIUM_FLAGS += ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A running Chromium; each test opens contexts of its own in it."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser")
    # Whoever asks for these tests by their marker must not take their absence for success.
    assert path, "Chromium is not installed: install Debian's package chromium."
    with sync_playwright() as runner:
        running = runner.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield running
        running.close()


# The page with fakes behind it. What these import takes seconds, which tests without a page need not wait for.


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A page that runs, with a limit of three seconds of speech; everybody stands, every video shows waving."""
    from ui_fakes import FakePipeline, detect_standing, detect_waving, serve

    from vivid import inputs
    from vivid.config import Limits
    from vivid.pose import detect

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
    """Good and bad files of every kind, by name."""
    from PIL import Image
    from ui_fakes import waving_clip, write_portrait, write_voice

    from vivid.pose.clips import save_clip

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
def page(chromium: Any, server: Any) -> Iterator[Any]:
    """The page as a visitor at a desk sees it."""
    from ui_browser import visit

    with visit(chromium, server, 1280, 800) as opened:
        yield opened


@pytest.fixture
def studio(chromium: Any, server: Any) -> Iterator[Any]:
    """The page for a visitor who allows camera, microphone and clipboard."""
    from ui_browser import visit

    allowed = ["camera", "microphone", "clipboard-read", "clipboard-write"]
    with visit(chromium, server, 1280, 900, permissions=allowed) as opened:
        yield opened
