"""Commands in the documents are ones that the program takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from vivid.cli import build_parser

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "vivid").rglob("README.md"))]
DOCUMENTS += [*sorted((ROOT / "assets").rglob("README.md")), ROOT / "examples" / "README.md"]


def commands(document: Path) -> list[str]:
    """What stands behind `python -m vivid`, in blocks and within sentences; not what is abbreviated by three dots."""
    text = document.read_text("utf-8")
    lines = [line for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    sentences = re.sub(r"```\w*\n.*?```", "", text, flags=re.DOTALL)
    lines += [code.replace("\n", " ") for code in re.findall(r"`([^`]+)`", sentences)]
    found = [line.split("-m vivid ", 1)[1] for line in lines if "-m vivid " in line]
    return [command for command in found if "..." not in command and command != "--help"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_are_taken(document: Path) -> None:
    for command in commands(document):
        name, *arguments = shlex.split(command)
        try:
            build_parser(name).parse_args(arguments)
        except (SystemExit, KeyError):
            pytest.fail(f"{document.relative_to(ROOT)}: python -m vivid {command}")


def test_commands_are_found() -> None:
    assert sum(len(commands(document)) for document in DOCUMENTS) > 40
