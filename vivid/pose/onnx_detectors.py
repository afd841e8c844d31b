"""Detectors whose weights are downloaded: DWPose through rtmlib, OpenPose through controlnet-aux."""

from __future__ import annotations

import contextlib
import io
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from . import skeleton as sk
from .people import NOBODY, large_enough, main_person
from .skeleton import Points, Pose

_SDK = "https://download.openmmlab.com/mmpose/v1/projects/rtmposev1/onnx_sdk"
DWPOSE_FILES = {
    "det": f"{_SDK}/yolox_m_8xb8-300e_humanart-c2c7a14a.zip",
    "pose": f"{_SDK}/rtmpose-l_simcc-ucoco_dw-ucoco_270e-384x288-2438fd99_20230728.zip",
}
OPENPOSE_FILES = (
    ("lllyasviel/ControlNet", "annotator/ckpts/body_pose_model.pth"),
    ("lllyasviel/ControlNet", "annotator/ckpts/hand_pose_model.pth"),
    ("lllyasviel/Annotators", "facenet.pth"),
)

_COCO_BODY = {
    sk.NOSE: 0, sk.RIGHT_SHOULDER: 6, sk.RIGHT_ELBOW: 8, sk.RIGHT_WRIST: 10,
    sk.LEFT_SHOULDER: 5, sk.LEFT_ELBOW: 7, sk.LEFT_WRIST: 9,
    sk.RIGHT_HIP: 12, 9: 14, 10: 16, sk.LEFT_HIP: 11, 12: 13, 13: 15, 14: 2, 15: 1, 16: 4, 17: 3,
}  # fmt: skip
"""OpenPose body index -> COCO index; the neck is derived."""
_FACE, _LEFT_HAND, _RIGHT_HAND = slice(23, 91), slice(91, 112), slice(112, 133)
_MIN_SCORE = 0.3
"""Score below which DWPose's own drawing leaves a point out."""


def dwpose_cached() -> bool:
    """Whether DWPose can run without a download."""
    if find_spec("rtmlib") is None or find_spec("onnxruntime") is None:
        return False
    from rtmlib.tools import file

    folder = Path(file._get_rtmhub_dir()) / "checkpoints"
    return all((folder / (url.rsplit("/", 1)[1].split(".")[0] + ".onnx")).is_file() for url in DWPOSE_FILES.values())


def has_gpu() -> bool:
    """Whether the ONNX runtime sees a CUDA device."""
    if find_spec("onnxruntime") is None:
        return False
    import onnxruntime

    return "CUDAExecutionProvider" in onnxruntime.get_available_providers()


class _Following:
    """Who of several people is looked at: in a video (`video=True`) the one of the frame before."""

    def __init__(self, video: bool = False) -> None:
        self.people, self.boxes = 0, NOBODY
        self._video = video
        self._last: NDArray[np.float32] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """The networks go with the detector."""

    def _choose(self, boxes: NDArray[np.float32], size: tuple[int, int]) -> int | None:
        """Which of the boxes (N, 4) in a picture of (width, height) is that person's; None when there are none."""
        self.boxes = large_enough(boxes)
        self.people = len(self.boxes)
        chosen = main_person(boxes, size, self._last) if len(boxes) else None
        self._last = boxes[chosen] if self._video and chosen is not None else None
        return chosen


class DWPoseDetector(_Following):
    """DWPose (RTMPose-l, 384 x 288, whole body) on the box of one person; scores reach about 1.2."""

    name = "dwpose"

    def __init__(self, video: bool = False) -> None:
        super().__init__(video)
        try:
            from rtmlib import Wholebody

            with contextlib.redirect_stdout(io.StringIO()):  # it prints the path of every file that it loads
                model: Any = Wholebody(
                    **DWPOSE_FILES,
                    pose_input_size=(288, 384),
                    backend="onnxruntime",
                    device="cuda" if has_gpu() else "cpu",
                )
        except Exception as error:  # whatever a download, a package or a damaged file may raise
            raise InputError(
                f"DWPose could not be made ready ({_brief(error)}): check the network, or choose mediapipe."
            ) from error
        self._boxes, self._points = model.det_model, model.pose_model

    def detect(self, image: NDArray[np.uint8]) -> Pose | None:
        """The pose in an RGB picture (H, W, 3), in its pixels; None when nobody is found."""
        height, width = image.shape[:2]
        picture = np.ascontiguousarray(image[..., ::-1])  # rtmlib takes BGR
        boxes = np.asarray(self._boxes(picture), np.float32).reshape(-1, 4)
        chosen = self._choose(boxes, (width, height))
        if chosen is None:
            return None
        points, scores = self._points(picture, bboxes=[boxes[chosen]])
        return from_coco(np.asarray(points)[0], np.asarray(scores)[0], (width, height))


def from_coco(points: NDArray[Any], scores: NDArray[Any], canvas: tuple[int, int]) -> Pose | None:
    """COCO-WholeBody points (133, 2) and scores (133,) in our layout; None when hardly any body point is sure."""
    whole = np.concatenate([points, scores[:, None]], 1).astype(np.float32)  # (133, 3)
    whole[whole[:, 2] < _MIN_SCORE] = 0
    body = np.zeros((sk.BODY_COUNT, 3), np.float32)
    for ours, theirs in _COCO_BODY.items():
        body[ours] = whole[theirs]
    add_neck(body)
    if (body[:, 2] > 0).sum() < 3:
        return None
    return Pose(body, np.stack([whole[_LEFT_HAND], whole[_RIGHT_HAND]]), whole[_FACE], canvas)


def add_neck(body: Points) -> None:
    """Put the neck (index 1) midway between the shoulders, when both are there; in place."""
    shoulders = body[[sk.RIGHT_SHOULDER, sk.LEFT_SHOULDER]]
    if (shoulders[:, 2] > 0).all():
        body[sk.NECK] = shoulders.mean(0)
        body[sk.NECK, 2] = shoulders[:, 2].min()


class OpenPoseDetector(_Following):
    """OpenPose's networks in controlnet-aux. Their licence allows no commercial use: only chosen by name."""

    name = "openpose"

    def __init__(self, video: bool = False) -> None:
        super().__init__(video)
        try:
            from huggingface_hub import hf_hub_download

            for repository, file in OPENPOSE_FILES:  # before the slow imports: it fails at once without network
                hf_hub_download(repository, file)
            import torch
            from controlnet_aux.open_pose import OpenposeDetector

            self._model: Any = OpenposeDetector.from_pretrained(OPENPOSE_FILES[0][0])
            if torch.cuda.is_available():
                self._model.to("cuda")
        except Exception as error:  # whatever a download, a package or a damaged file may raise
            raise InputError(
                f"OpenPose could not be made ready ({_brief(error)}): "
                "check the network, or choose the detector mediapipe."
            ) from error

    def detect(self, image: NDArray[np.uint8]) -> Pose | None:
        """The pose in an RGB picture (H, W, 3), in its pixels; None when nobody is found."""
        height, width = image.shape[:2]
        found = self._model.detect_poses(np.ascontiguousarray(image), include_hand=True, include_face=True)
        poses = [from_openpose(result, (width, height)) for result in found]
        poses = [pose for pose in poses if (pose.body[:, 2] > 0).sum() >= 3]
        boxes = np.array([_box_of(pose.body) for pose in poses], np.float32).reshape(-1, 4)
        chosen = self._choose(boxes, (width, height))
        return None if chosen is None else poses[chosen]


def from_openpose(result: Any, canvas: tuple[int, int]) -> Pose:
    """A controlnet-aux PoseResult (normalised points or None; hands and face without scores) in our layout."""

    def points(marks: Any, count: int) -> Points:
        array = np.zeros((count, 3), np.float32)
        for index, mark in enumerate((marks or ())[:count]):
            if mark is not None and mark.x >= 0 and mark.y >= 0:
                array[index] = (mark.x * canvas[0], mark.y * canvas[1], min(max(mark.score, 0.0), 1.0))
        return array

    body = points(result.body.keypoints, sk.BODY_COUNT)
    hands = np.stack([points(result.left_hand, sk.HAND_COUNT), points(result.right_hand, sk.HAND_COUNT)])
    return Pose(body, hands, points(result.face, sk.FACE_COUNT), canvas)


def _box_of(body: Points) -> tuple[float, float, float, float]:
    seen = body[body[:, 2] > 0, :2]
    return (*seen.min(0), *seen.max(0))


def _brief(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:120]}" if text else type(error).__name__
