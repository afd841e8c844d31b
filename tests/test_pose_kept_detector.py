"""One detector is kept from picture to picture, and no picture colours the next."""

from pathlib import Path

import numpy as np
import pytest

from vivid.errors import InputError
from vivid.media.pictures import load_picture
from vivid.pose import detect
from vivid.pose.detect import detect_picture, open_detector
from vivid.pose.mediapipe_detector import MediaPipeDetector
from vivid.pose.people import NOBODY
from vivid.pose.skeleton import Pose

PORTRAITS = Path(__file__).resolve().parents[1] / "examples" / "portraits"


class Finder:
    """A detector that counts its openings and closings and finds nobody."""

    name, people, boxes = "fake", 0, NOBODY
    opened = closed = 0

    def __enter__(self) -> "Finder":
        return self

    def __exit__(self, *error: object) -> None:
        Finder.closed += 1

    def detect(self, image: np.ndarray) -> Pose | None:
        """Nobody, or an accident in a black picture."""
        if not image.any():
            raise RuntimeError("broken")
        return None


def test_a_detector_is_opened_once_and_closed_after_an_accident(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_one(name: str) -> Finder:
        Finder.opened += 1
        return Finder()

    monkeypatch.setattr(detect, "_kept", {})
    monkeypatch.setattr(detect, "_keeps", False)
    monkeypatch.setattr(detect, "choose_detector", lambda name: name)
    monkeypatch.setattr(detect, "open_detector", open_one)
    white = np.full((64, 64, 3), 255, np.uint8)
    with pytest.raises(InputError, match="No person"):
        detect_picture(white)
    assert (Finder.opened, Finder.closed) == (1, 1)  # nothing is kept until somebody asks for it
    detect.keep_detector()
    for _ in range(3):
        with pytest.raises(InputError, match="No person"):
            detect_picture(white)
    assert (Finder.opened, Finder.closed) == (2, 1)
    with pytest.raises(RuntimeError):
        detect_picture(np.zeros_like(white))
    assert Finder.closed == 2
    with pytest.raises(InputError):
        detect_picture(white)
    assert (Finder.opened, Finder.closed) == (3, 2)


def test_the_same_picture_has_the_same_pose_whatever_came_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detect, "_keeps", True)
    one, other = (load_picture(PORTRAITS / name) for name in ("ben.jpg", "clara.jpg"))
    with open_detector("mediapipe") as finder:
        alone = finder.detect(one)
    detect_picture(other, "mediapipe")
    after = detect_picture(one, "mediapipe").pose
    again = detect_picture(one, "mediapipe").pose
    assert alone is not None
    for pose in (after, again):
        # Two copies of a detector need not agree to the bit; following the other picture would move it by many pixels.
        for part in ("body", "hands", "face"):
            np.testing.assert_allclose(getattr(pose, part), getattr(alone, part), rtol=0, atol=0.05, err_msg=part)


def test_a_person_missed_at_first_is_found_with_room_around(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = load_picture(PORTRAITS / "ada.jpg")
    with open_detector("mediapipe") as finder:
        assert isinstance(finder, MediaPipeDetector)
        usual = finder.detect(picture)
        look, looks = finder._graph.process, []

        def miss_first(image: np.ndarray) -> object:
            looks.append(image.shape)
            return look(np.zeros_like(image) if len(looks) == 1 else image)

        monkeypatch.setattr(finder._graph, "process", miss_first)
        found = finder.detect(picture)
    assert usual is not None and found is not None and looks[1] > looks[0]
    seen = usual.hands[..., 2] > 0
    assert seen.any() and (found.hands[..., 2] > 0)[seen].all()
    side = max(picture.shape)
    assert np.abs(found.face - usual.face)[:, :2].max() < 0.01 * side
    assert np.abs(found.body - usual.body)[[2, 5], :2].max() < 0.03 * side
    assert np.abs(found.hands - usual.hands)[..., :2][seen].max() < 0.03 * side
