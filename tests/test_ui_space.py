"""What a Space needs: the card's front matter, system packages, ZeroGPU's decorated function and its duration."""

import os
import pickle
import re
import subprocess
import sys
import types
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ui_fakes import SIZE, FakePipeline, standing_pose, waving_clip

from vivid.config import RunSettings
from vivid.events import Done, Result, Step
from vivid.pose.calibrate import calibrate
from vivid.pose.portrait import make_portrait
from vivid.speech.types import Speech
from vivid.ui.animate.fit import remembered
from vivid.ui.context import Context, make_context
from vivid.ui.engine import Engine
from vivid.ui.generation import GPU_SPARE_SECONDS, GPU_UNKNOWN_SECONDS
from vivid.ui.options import ServerOptions

ROOT = Path(__file__).resolve().parents[1]
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


def front_matter() -> dict[str, str]:
    text = (ROOT / "README.md").read_text("utf-8").split("---\n")[1]
    return {name: value.strip().strip('"') for name, value in re.findall(r"^(\w+):(.*)$", text, re.MULTILINE)}


def test_the_card_names_what_runs_here() -> None:
    card = front_matter()
    assert card["sdk"] == "gradio"
    assert card["sdk_version"].split(".")[0] == version("gradio").split(".")[0]
    assert (ROOT / card["app_file"]).is_file()
    assert card["python_version"] in ("3.11", "3.12")
    assert {card["colorFrom"], card["colorTo"]} <= COLOURS
    assert len(card["short_description"]) <= 60
    assert card["suggested_hardware"] == "cpu-basic"


def test_system_packages_are_names_only() -> None:
    lines = (ROOT / "packages.txt").read_text().split("\n")
    assert all(re.fullmatch(r"[a-z0-9.+-]*", line) for line in lines)


@pytest.mark.parametrize(
    ("zero", "module"),
    [
        ("1", "import sys\nassert 'torch' not in sys.modules\nprint('first')\nGPU = lambda duration: lambda f: f\n"),
        ("", "raise ImportError('spaces is for ZeroGPU')\n"),
    ],
)
def test_spaces_comes_before_torch_on_zero_gpu_and_is_not_needed_elsewhere(
    tmp_path: Path, zero: str, module: str
) -> None:
    (tmp_path / "spaces.py").write_text(module)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "SPACES_ZERO_GPU": zero}
    done = subprocess.run(
        [sys.executable, "-c", "import app"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ("first" if zero else "")


def inputs() -> tuple[Any, ...]:
    """What the decorated function is called with."""
    image = np.random.default_rng(0).integers(0, 255, (256, 256, 3), dtype=np.uint8)
    portrait = make_portrait(image, standing_pose(256, 256))
    speech = Speech(np.zeros(32_000, np.float32))
    clip = waving_clip()
    return portrait, speech, clip, RunSettings(steps=10), Path("x.mp4"), calibrate(portrait.pose, clip)


@pytest.fixture
def zero(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Context, dict[str, Any]]:
    """A context on ZeroGPU, and what `spaces.GPU` was given."""
    given: dict[str, Any] = {}

    def decorator(duration: Any) -> Any:
        def decorate(function: Any) -> Any:
            given.update(duration=duration, function=function)
            return function

        return decorate

    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setitem(sys.modules, "spaces", types.SimpleNamespace(GPU=decorator))
    pipeline = FakePipeline()
    context = make_context(ServerOptions(data=tmp_path), Engine(lambda: pipeline))  # type: ignore[arg-type, return-value]
    return context, given


def test_the_duration_that_is_asked_for_follows_length_and_steps(zero: tuple[Context, dict[str, Any]]) -> None:
    context, given = zero
    assert given["function"] is context.animate
    assert given["duration"](*inputs()) == round(GPU_UNKNOWN_SECONDS + GPU_SPARE_SECONDS)
    context.engine.pipeline().seconds_a_step = 0.5  # type: ignore[attr-defined]
    portrait, speech, clip, settings, output, fitted = inputs()
    frames = speech.frames
    asked = given["duration"](portrait, speech, clip, settings, output, fitted)
    assert asked == round(frames * 10 * 0.5 + GPU_SPARE_SECONDS)
    twice = given["duration"](portrait, speech, clip, RunSettings(steps=20), output, fitted)
    assert twice - GPU_SPARE_SECONDS == pytest.approx(2 * (asked - GPU_SPARE_SECONDS), abs=1)


def test_no_network_runs_outside_the_decorated_function(
    zero: tuple[Context, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    context, _ = zero
    used: list[int] = []
    monkeypatch.setattr(FakePipeline, "reconstruct_hands", lambda self, crops: used.append(1) or crops)
    context.engine.pipeline()
    assert not remembered(context, inputs()[0])
    assert not used
    monkeypatch.delenv("SPACES_ZERO_GPU")
    assert "Left hand" in remembered(context, inputs()[0])
    assert used


def test_inputs_and_events_travel_to_another_process() -> None:
    result = Result(Path("x.mp4"), 24, 24, 1.0, 0, "fake", (), 0, {}, None)
    step = Step(1, 2, "denoise", 1.0, np.zeros((*SIZE, 3), np.uint8))
    back = pickle.loads(pickle.dumps((*inputs(), step, Done(result))))
    assert back[1].frames == 48
    assert back[-1].result == result
