"""What strangers' files may take of the program: read elsewhere, ended in time, giving way to everybody else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_pose_clips import random_clip

from vivid.errors import InputError
from vivid.media import apart, children
from vivid.media.apart import Answer, Refusals, call_apart
from vivid.media.pictures import load_picture
from vivid.pose import library
from vivid.pose.clips import save_clip
from vivid.pose.foreign import save_openpose
from vivid.pose.library import read_clip

REFUSALS = Refusals("{} is slow.", "{} is large.")


def read_strangely(path: Path, how: str) -> Answer:
    """A reader that does not do its work."""
    if how == "mistake":
        raise KeyError("a mistake of ours")
    if how == "memory":
        raise MemoryError
    if how == "end":
        os._exit(3)
    return {"how": how}, [np.arange(6, dtype=np.float32).reshape(2, 3), np.zeros((0, 2), np.uint8)]


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers find this file's reader."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    while apart._idle:
        apart._idle.pop().end()


@pytest.mark.usefixtures("elsewhere")
def test_answers_and_ends_of_a_reader_come_through(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    values, (first, second) = call_apart(read_strangely, path, REFUSALS, how="well")
    assert values == {"how": "well"} and second.shape == (0, 2)
    assert first.dtype == np.float32 and first.tolist() == [[0, 1, 2], [3, 4, 5]]
    for how, error, said in (
        ("mistake", RuntimeError, "a mistake of ours"),
        ("memory", InputError, r"a\.png is large\."),
        ("end", InputError, "damaged or incomplete"),
    ):
        with pytest.raises(error, match=said):
            call_apart(read_strangely, path, REFUSALS, how=how)


def test_poses_are_read_in_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading JSON holds the whole program up: 32 MB of it took four seconds in which nobody was answered."""
    save_clip(random_clip(4), tmp_path / "a.npz")
    save_openpose(random_clip(4), tmp_path / "a.json")

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("read in this process")

    for name in ("load_clip", "load_keypoints", "numbered_files"):
        monkeypatch.setattr(library, name, never)
    clips = [read_clip(tmp_path / f"a.{ending}", fps=fps)[0] for ending, fps in (("npz", None), ("json", 24.0))]
    assert [len(clip) for clip in clips] == [4, 4] and clips[0].canvas == clips[1].canvas == (640, 480)
    np.testing.assert_allclose(clips[0].body, clips[1].body, atol=1e-3)


def test_poses_that_take_too_long_are_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    people = [{"image_id": f"{k // 200}.jpg", "keypoints": [1.0, 2.0, 0.9] * 17, "score": 1.0} for k in range(50_000)]
    (tmp_path / "crowd.json").write_text(json.dumps(people))
    monkeypatch.setattr(apart, "SECONDS", 0.6)
    with pytest.raises(InputError, match="takes too long to read: trim the clip"):
        read_clip(tmp_path / "crowd.json")


def priority(pid: int) -> int:
    return os.getpriority(os.PRIO_PROCESS, pid) - os.getpriority(os.PRIO_PROCESS, 0)


def test_a_child_that_takes_long_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "PATIENCE", 0.4)
    code = "import time\nfor k in range(9): time.sleep(0.2); print(k, flush=True)"
    with children.Child([sys.executable, "-c", code], 20.0, lambda: InputError("late")) as child:
        assert child.read(2) == b"0\n" and priority(child.process.pid) == 0
        for _ in range(6):  # never longer than that at a time
            child.read(2)
        assert priority(child.process.pid) == children.LOW


def test_a_worker_that_gave_way_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (5000, 5000)).save(tmp_path / "large.png")
    monkeypatch.setattr(apart, "Deadline", lambda seconds, process: children.Deadline(seconds, process, 0.0))
    load_picture(tmp_path / "large.png")
    assert apart._idle == []
    monkeypatch.undo()
    Image.new("RGB", (100, 100)).save(tmp_path / "small.png")
    load_picture(tmp_path / "small.png")
    assert [priority(worker.process.pid) for worker in apart._idle] == [0]


def test_nothing_is_lowered_once_it_is_over() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"]) as process:
        with children.Deadline(20.0, process, 0.2) as deadline:
            pass
        time.sleep(0.5)
        assert not deadline.lowered and priority(process.pid) == 0
        process.kill()
