"""What is installed: the same set for README, CI and a Space, however the day's newest releases are."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PINS = runpy.run_path(str(ROOT / "scripts" / "pin_requirements.py"))
TORCH = ("torch", "torchvision")


def requirements(name: str) -> dict[str, Requirement]:
    return PINS["stated"]((ROOT / name).read_text(encoding="utf-8"))


def version(requirement: Requirement) -> str | None:
    """The one version it admits, or None."""
    specifiers = list(requirement.specifier)
    return specifiers[0].version if [s.operator for s in specifiers] == ["=="] else None


def test_every_package_has_one_version_and_torch_a_range_with_an_end() -> None:
    constraints = requirements("constraints.txt")
    assert {name for name, requirement in constraints.items() if version(requirement) is None} == set(TORCH)
    for build in ("2.13.0", "2.13.0+cpu", "2.14.1"):
        assert constraints["torch"].specifier.contains(build)
    assert not constraints["torch"].specifier.contains("2.99")
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert not [line for line in lines if re.search(r"://|@|^-|\+|;", line)], "no hosts, local builds or platforms"
    assert not [name for name in constraints if name.startswith(("nvidia", "cuda", "triton"))]


def test_what_is_stated_admits_what_was_tested() -> None:
    constraints = requirements("constraints.txt")
    for file in PINS["FILES"]:
        text = (ROOT / file).read_text(encoding="utf-8").partition(PINS["MARK"])[0]
        for name, requirement in PINS["stated"](text).items():
            assert any(s.operator in ("<", "==") for s in requirement.specifier), f"{name} has no upper bound"
            if name not in TORCH:
                assert requirement.specifier.contains(version(constraints[name])), name


def test_a_space_installs_the_same_from_one_file() -> None:
    """A Space is built from requirements.txt alone: other files that it names are not there."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert not [line for line in text.splitlines() if line.startswith("-")]
    top, _, below = text.partition(PINS["MARK"])
    pins, constraints = PINS["stated"](below), requirements("constraints.txt")
    assert {name: version(pin) for name, pin in pins.items()} == {name: version(constraints[name]) for name in pins}
    assert set(PINS["stated"](top)) - set(TORCH) <= set(pins)
    # Nothing that the program's packages need here is missing.
    needed = PINS["closure"](set(PINS["stated"](top))) - set(TORCH)
    assert needed <= set(pins), needed - set(pins)
    card = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(r"^sdk_version: (\S+)$", card, re.M)[1] == version(pins["gradio"])  # type: ignore[index]


def test_readme_and_ci_install_with_the_constraints() -> None:
    for file in ("README.md", ".ci/run"):
        installs = re.findall(r"pip install [^&`\n]*-r \S+[^&`\n]*", (ROOT / file).read_text(encoding="utf-8"))
        assert installs and all("-c constraints.txt" in line for line in installs), file
