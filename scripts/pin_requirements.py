"""Write down the exact set of packages in this environment: constraints.txt and the lower half of requirements.txt.

Run it in a fresh environment whose tests pass, with all requirements*.txt installed (pyiqa with --no-deps):

    python scripts/pin_requirements.py

What the program and its tools need is stated in requirements*.txt, as ranges; this writes which versions were tested.
constraints.txt has them all, for `pip install -c`. A Space is built from requirements.txt alone and sees no second
file, so the packages of the running program stand there once more, exactly.
"""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
FILES = tuple(sorted(path.name for path in ROOT.glob("requirements*.txt")))
FLEXIBLE = {"torch", "torchvision"}
"""Which build of these fits is the machine's matter (a GPU or none): their range is kept."""
ALONE = {"pyiqa"}
"""Installed without what it asks for."""
OF_THE_BUILD = ("nvidia-", "cuda-", "triton")
"""Beginnings of the names that a build for GPUs brings along, in the versions it asks for itself."""
MARK = "# What was tested, and all that it brings along; written by scripts/pin_requirements.py.\n"


def stated(text: str) -> dict[str, Requirement]:
    """Name -> requirement of the lines in a requirements file, without options and comments."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    found = [Requirement(line) for line in lines if line and not line.startswith("-")]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def closure(names: set[str]) -> set[str]:
    """The names of these packages and of all that they need here."""
    known: set[tuple[str, str]] = set()
    todo = [(name, "") for name in names]
    while todo:
        name, extra = todo.pop()
        if (name, extra) in known:
            continue
        known.add((name, extra))
        if name in ALONE:
            continue
        for line in distribution(name).requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                needed = canonicalize_name(requirement.name)
                if not needed.startswith(OF_THE_BUILD):
                    todo += [(needed, each) for each in ("", *requirement.extras)]
    return {name for name, _ in known}


def pin(name: str, ranges: dict[str, Requirement]) -> str:
    """The line for one package: its version here, or the range of a FLEXIBLE one."""
    if name in FLEXIBLE:
        return str(ranges[name])
    version = re.sub(r"\+.*", "", distribution(name).version)  # without the mark of a local build
    return f"{name}=={version}"


def main() -> None:
    """Rewrite both files."""
    path = ROOT / "requirements.txt"
    top = path.read_text(encoding="utf-8").partition(MARK)[0]
    ranges = stated("".join((ROOT / name).read_text(encoding="utf-8") for name in FILES)) | stated(top)
    try:
        runtime, everything = closure(set(stated(top))), closure(set(ranges))
    except PackageNotFoundError as error:
        raise SystemExit(f"{error.name} is not installed: install every requirements*.txt first.") from error
    path.write_text(top + MARK + "".join(f"{pin(name, ranges)}\n" for name in sorted(runtime - FLEXIBLE)))
    pins = [pin(name, ranges) for name in sorted(everything)]
    note = "# The exact set that was tested, for `pip install -c`; written by scripts/pin_requirements.py.\n"
    (ROOT / "constraints.txt").write_text(note + "\n".join(pins) + "\n")


if __name__ == "__main__":
    main()
