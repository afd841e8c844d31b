"""DWPose through rtmlib itself; only the two networks are stood in for, because their weights are a download."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from vivid.pose import skeleton as sk
from vivid.pose.onnx_detectors import DWPOSE_FILES, DWPoseDetector, dwpose_cached

rtmlib = pytest.importorskip("rtmlib")
onnxruntime = pytest.importorskip("onnxruntime")

WIDTH, HEIGHT = 640, 480
SHRUNK = 640 / max(WIDTH, HEIGHT)
NEAR, FAR = (200, 60, 440, 470), (10, 100, 60, 200)


class Session:
    """Answers as the two files would: boxes of two people, and every key point on the reddest place of the crop."""

    def __init__(self, path_or_bytes: str, providers: list[str]) -> None:
        self.finds_boxes = "yolox" in path_or_bytes

    def get_inputs(self) -> list[Any]:
        return [SimpleNamespace(name="input")]

    def get_outputs(self) -> list[Any]:
        return [SimpleNamespace(name=name) for name in (("dets",) if self.finds_boxes else ("simcc_x", "simcc_y"))]

    def run(self, names: list[str], inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        picture = inputs["input"][0]  # (3, H, W), blue first
        if self.finds_boxes:
            assert picture.shape == (3, 640, 640)
            return [np.array([[[*(side * SHRUNK for side in box), 0.9] for box in (FAR, NEAR)]], np.float32)]
        assert picture.shape == (3, 384, 288)
        redness = picture[2] - picture[0] - picture[1]
        y, x = np.unravel_index(redness.argmax(), redness.shape)
        across, down = np.zeros((1, 133, 576), np.float32), np.zeros((1, 133, 768), np.float32)
        across[:, :, 2 * x], down[:, :, 2 * y] = 1.1, 1.1
        return [across, down]


def test_a_point_of_the_picture_comes_back_through_rtmlib(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert not dwpose_cached()
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    for url in DWPOSE_FILES.values():
        (folder / (url.rsplit("/", 1)[1].removesuffix(".zip") + ".onnx")).touch()
    assert dwpose_cached()  # and rtmlib, which reaches no network here, must find the same files
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    picture = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    picture[298:303, 348:353] = (255, 0, 0)
    with DWPoseDetector() as finder:
        pose = finder.detect(picture)
    assert pose is not None and finder.people == 2
    for points in (pose.body[[sk.NOSE, sk.LEFT_WRIST, sk.NECK]], pose.hands, pose.face):
        assert np.abs(points[..., :2] - (350, 300)).max() < 4
        assert np.allclose(points[..., 2], 1.1)
    assert capsys.readouterr().out == "", "rtmlib's own notices stay off standard output"
