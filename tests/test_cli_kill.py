"""The command line killed twenty times, from its start to the end of encoding: nothing half, nothing lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vivid.media.provenance import read_provenance
from vivid.media.video import read_frames

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
KILLS = 20
FRAMES = 12


def start(out: Path) -> subprocess.Popen[bytes]:
    line = [sys.executable, "-m", "vivid", "animate", "--portrait", "examples/portraits/ada.jpg"]
    line += ["--audio", "examples/voices/hello_slt.mp3", "--motion", "wave", "--seconds", "0.5", "--out", str(out)]
    return subprocess.Popen(line, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def encoding(process: subprocess.Popen[bytes]) -> bool:
    """Wait until frames are being encoded; False when the process has ended before."""
    assert process.stderr is not None
    said = b""
    while part := os.read(process.stderr.fileno(), 4096):
        said = (said + part)[-4096:]
        if b"decode " in said:
            return True
    return False


def whole(path: Path) -> bool:
    return read_provenance(path)["ai_generated"] and len(list(read_frames(path))) == FRAMES


def test_killed_at_any_moment(tmp_path: Path) -> None:
    earlier = tmp_path / "earlier.mp4"
    began = time.monotonic()
    with start(earlier) as process:
        assert encoding(process)
        until_frames = time.monotonic() - began
        assert process.stderr is not None and process.stderr.read() and process.wait() == 0
    first = earlier.read_bytes()
    states = {"before": 0, "encoding": 0, "after": 0}
    for kill in range(KILLS):
        out = tmp_path / f"{kill}.mp4"
        began = time.monotonic()
        with start(out) as process:
            if kill % 2:  # while frames are encoded, a little later each time
                frames = encoding(process)
                until_frames = min(until_frames, time.monotonic() - began)  # the first run is the slowest
                time.sleep(0.02 * kill)
            else:  # while packages, model and inputs are loaded
                frames = False
                time.sleep(until_frames * kill / KILLS)
            process.send_signal(signal.SIGKILL)
            code = process.wait()
        assert code in (-signal.SIGKILL, 0)
        states["after" if out.exists() else "encoding" if frames else "before"] += 1
        assert not out.exists() or whole(out)
        assert earlier.read_bytes() == first
    print(states)
    assert states["encoding"] >= KILLS // 4 and states["before"] >= KILLS // 4
    last = tmp_path / "last.mp4"
    with start(last) as process:
        assert process.stderr is not None and process.stderr.read() and process.wait() == 0
    assert whole(last)
    left = {path.name for path in tmp_path.iterdir()}
    assert left <= {"earlier.mp4", "last.mp4", *(f"{kill}.mp4" for kill in range(KILLS))}, "leftovers stayed"
