"""The table from the paper to the code names things that exist."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import vivid.method

README = Path(vivid.method.__file__).parent / "README.md"
ROWS = [line.split("|")[1:-1] for line in README.read_text("utf-8").splitlines() if line.startswith("|")][2:]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1].strip())
def test_classes_and_tests_of_each_section_are_there(row: list[str]) -> None:
    for name in re.findall(r"`([a-z][\w.]*\.\w+|DualStreamAudio\.\w+)`", row[2]):
        parts = name.split(".")
        module, rest = ".".join(parts[:-1]), parts[-1:]
        if parts[0] == "DualStreamAudio":
            assert rest[0] in (README.parent / "dsaa.py").read_text("utf-8")
            continue
        if parts[-2][0].isupper():
            module, rest = ".".join(parts[:-2]), parts[-2:]
        room = "" if module.split(".")[0] in ("pose", "training", "evaluation", "generators") else "method."
        found = importlib.import_module(f"vivid.{room}{module}")
        for part in rest:
            found = getattr(found, part)
    for test in re.findall(r"`(test_\w+)`", row[3]):
        assert (Path(__file__).parent / f"{test}.py").is_file(), test
