"""The bench: its numbers come as JSON, with and without guidance, whole videos and training steps included."""

import json

import pytest

from vivid.cli import main

MICRO_GFLOP = 0.107
"""Of a frame in one evaluation of the micro network, at 64 x 64."""


@pytest.mark.parametrize("more", [[], ["--no-guidance"]])
def test_a_step_is_timed_and_its_arithmetic_counted(capsys, more):
    line = ["bench", "--config", "micro", "--size", "64x64", "--frames", "2", "--repeat", "1", "--device", "cpu", *more]
    assert main(line) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["gflop_frame_step"] == pytest.approx(MICRO_GFLOP * (1 if more else 2), rel=0.05)
    assert result["seconds_step"] > 0 and result["seconds_decode"] > 0 and result["peak_memory"] > 0
    assert result["guidance"] is not bool(more) and result["steps"] == (6 if more else 30)


@pytest.mark.parametrize("wrong", [["--frames", "0"], ["--repeat", "0"], ["--size", "100x64"]])
def test_impossible_measurements_are_refused(capsys, wrong):
    assert main(["bench", "--config", "micro", *wrong]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.slow
def test_the_cost_of_training_is_counted_and_measured(capsys):
    line = ["bench", "--train", "--config", "micro", "--size", "64x64", "--device", "cpu", "--repeat", "1"]
    assert main(line) == 0
    found = [json.loads(one) for one in capsys.readouterr().out.splitlines() if one.startswith("{")]
    assert [one["part"] for one in found] == ["stage1", "stage1", "stage2", "stage2"]
    for counted, measured in (found[:2], found[2:]):
        assert counted["trained_millions"] == measured["trained_millions"]
        assert measured["seconds_step"] > 0 and measured["peak_memory"] > 0


def test_the_papers_size_is_counted_in_seconds(capsys):
    """Stage 2 trains the motion modules alone, on 24 frames of each of four videos."""
    assert main(["bench", "--train", "--count", "--config", "full", "--size", "512x512"]) == 0
    first, second = (json.loads(one) for one in capsys.readouterr().out.splitlines())
    assert first["trained_millions"] == pytest.approx(1700, abs=100)
    assert second["trained_millions"] == pytest.approx(450, abs=50)
    ratio = second["tflop_forward"] / first["tflop_forward"]
    assert ratio == pytest.approx(9, abs=1)  # 96 frames for 8, but one reference for 24 of them
    assert second["gigabytes_activations"] + second["gigabytes_weights_and_optimiser"] == pytest.approx(42, abs=10)
