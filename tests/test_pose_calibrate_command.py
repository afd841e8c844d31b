"""`calibrate` on the command line; the detector is replaced, so that no network of its own is needed."""

import json

import numpy as np
import pytest
from PIL import Image
from pose_people import Person, gestures, still

from vivid.cli import main
from vivid.pose import detect
from vivid.pose.clips import load_clip, save_clip
from vivid.pose.report import CalibrationReport


@pytest.fixture
def inputs(tmp_path, monkeypatch):
    Image.fromarray(np.full((256, 256, 3), 120, np.uint8)).save(tmp_path / "p.png")
    save_clip(gestures(Person(), 6), tmp_path / "m.npz")
    pose = still(Person(shoulders=200, place=(350, 340))).on_canvas((256, 256))
    found = detect.DetectedPose(pose, (), "test")
    monkeypatch.setattr("vivid.inputs.detect_picture", lambda image, detector: found)
    return tmp_path


def arguments(folder, **changed):
    options = {"portrait": folder / "p.png", "motion": folder / "m.npz", "out": folder / "c.npz"} | changed
    return ["calibrate", *(text for name, value in options.items() for text in (f"--{name}", str(value)))]


def test_everything_asked_for_is_written(inputs, capsys):
    extra = {"report": inputs / "r.json", "preview": inputs / "v.mp4", "strip": inputs / "s.png"}
    assert main(arguments(inputs, **extra)) == 0
    clip = load_clip(inputs / "c.npz")
    assert clip.canvas == (256, 256) and len(clip) == 6
    report = CalibrationReport.from_json((inputs / "r.json").read_text())
    assert report.after.bone_error < 0.05 and report.after.reach >= 0.99
    assert all(path.stat().st_size > 0 for path in extra.values())
    assert "Bone error" in capsys.readouterr().out


def test_an_earlier_reports_corrections_are_repeated(inputs):
    assert main(arguments(inputs, report=inputs / "r.json")) == 0
    data = json.loads((inputs / "r.json").read_text())
    data["options"]["nudges"]["offset"] = [0.5, 0.0]
    data["options"]["anchor"] = False
    (inputs / "edited.json").write_text(json.dumps(data))
    again = arguments(inputs, corrections=inputs / "edited.json", out=inputs / "d.npz", report=inputs / "s.json")
    assert main([*again, "--no-scale"]) == 0
    options = CalibrationReport.from_json((inputs / "s.json").read_text()).options
    assert options.nudges.offset == (0.5, 0.0) and not options.anchor and not options.scale and options.segments


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"out": "c.txt"}, ".npz"),
        ({"report": "p.png"}, ".json"),
        ({"preview": "no/such/v.mp4"}, "no folder"),
        ({"strip": "p.png"}, "exists already"),
        ({"corrections": "missing.json"}, "cannot be read"),
        ({"corrections": "p.png"}, "cannot be read"),
        ({"motion": "nothing.npz"}, "nothing.npz"),
        ({"portrait": "nothing.png"}, "nothing.png"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_written(inputs, capsys, changed, message):
    before = sorted(inputs.iterdir())
    in_folder = {name: inputs / value for name, value in changed.items()}
    assert main(arguments(inputs, **in_folder)) != 0
    assert message in capsys.readouterr().err
    assert sorted(inputs.iterdir()) == before
