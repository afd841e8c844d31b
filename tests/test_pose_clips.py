"""Clip files: what is written comes back, and hostile files are refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vivid.errors import InputError
from vivid.pose.clips import load_clip, save_clip
from vivid.pose.skeleton import PoseClip


def random_clip(frames: int = 5, seed: int = 0, fps: float = 24) -> PoseClip:
    generator = np.random.default_rng(seed)

    def points(*shape: int) -> np.ndarray:
        array = generator.uniform(-50, 700, (frames, *shape, 3))
        array[..., 2] = generator.uniform(0.1, 1.2, array.shape[:-1])
        return array.astype(np.float32)

    return PoseClip(points(18), points(2, 21), points(68), (640, 480), fps)


def test_saved_clip_comes_back_bit_for_bit(tmp_path: Path) -> None:
    clip = random_clip(fps=25)
    back = load_clip(save_clip(clip, tmp_path / "clip.npz"))
    assert back.canvas == clip.canvas and back.fps == clip.fps
    for part in ("body", "hands", "face"):
        assert np.array_equal(getattr(back, part), getattr(clip, part))
    assert [path.name for path in tmp_path.iterdir()] == ["clip.npz"]


def test_rounded_clip_is_close_and_smaller(tmp_path: Path) -> None:
    clip = random_clip(60)
    exact, rounded = save_clip(clip, tmp_path / "a.npz"), save_clip(clip, tmp_path / "b.npz", step=1 / 8)
    assert rounded.stat().st_size < exact.stat().st_size * 0.7
    assert np.abs(load_clip(rounded).body - clip.body)[..., :2].max() <= 1 / 16 + 1e-4


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ending"):
        save_clip(random_clip(), tmp_path / "clip.pkl")


def test_a_failed_write_leaves_the_earlier_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_clip(random_clip(2), tmp_path / "clip.npz")
    before = path.read_bytes()

    def fail(file, **arrays):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez_compressed", fail)
    with pytest.raises(OSError, match="disk full"):
        save_clip(random_clip(3), path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
