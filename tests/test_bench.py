"""The bench: both runs give one result, ours with less arithmetic, and the numbers come as JSON."""

import json

import pytest

from vivid.cli import main


@pytest.mark.parametrize("more", [[], ["--no-guidance"]])
def test_the_plain_run_computes_the_same_with_more_arithmetic(capsys, more):
    line = ["bench", "--config", "micro", "--size", "64x64", "--frames", "2", "--repeat", "1", "--device", "cpu", *more]
    assert main(line) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["relative_difference"] < 1e-4 and 0 < result["ratio_flop"] < 1
    assert result["seconds_step"] > 0 and result["seconds_decode"] > 0 and result["peak_memory"] > 0
    assert result["ratio_seconds"] == pytest.approx(result["seconds_step"] / result["seconds_step_plain"], abs=0.01)
    assert result["guidance"] is not bool(more) and result["steps"] == (6 if more else 30)


@pytest.mark.parametrize("wrong", [["--frames", "0"], ["--repeat", "0"], ["--size", "100x64"]])
def test_impossible_measurements_are_refused(capsys, wrong):
    assert main(["bench", "--config", "micro", *wrong]) == 2
    assert capsys.readouterr().err.count("\n") == 1
