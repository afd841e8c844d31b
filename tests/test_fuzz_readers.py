"""The fuzz run over every reader, a little of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "fuzz_readers.py"


@pytest.mark.slow
def test_no_reader_stumbles_over_damaged_files() -> None:
    command = [sys.executable, str(SCRIPT), "--cases", "150", "--seed", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "150 of 150, 0 faults" in done.stdout and "left behind: []" in done.stdout
