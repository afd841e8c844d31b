"""The table from the paper to the code names things that exist."""

from __future__ import annotations

import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import vivid.method
from vivid import config
from vivid.method import dsaa

README = Path(vivid.method.__file__).parent / "README.md"
ROWS = [line.split("|")[1:-1] for line in README.read_text("utf-8").splitlines() if line.startswith("|")][2:]


OUTSIDE = ("pose", "training", "evaluation")
"""Rooms beside `method` that the table names."""
OWNERS = {"DualStreamAudio": dsaa.DualStreamAudio, "RunSettings": config.RunSettings}
"""Classes that it names without their module."""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1].strip())
def test_classes_and_tests_of_each_section_are_there(row: list[str]) -> None:
    names, tests = re.findall(r"`([\w.]+)`", row[2]), re.findall(r"`(\w+)`", row[3])
    assert names and tests
    owner: type = object
    for name in names:
        first, _, last = name.rpartition(".")
        if first and first not in OWNERS:
            room = "vivid" if name.split(".")[0] in OUTSIDE else "vivid.method"
            pkgutil.resolve_name(f"{room}.{name}")
            continue
        owner = OWNERS.get(first, owner)  # a name alone is of the same class as the one before
        assert hasattr(owner, last) or f"self.{last} = " in inspect.getsource(owner), name
    for test in tests:
        assert (Path(__file__).parent / f"{test}.py").is_file(), test
