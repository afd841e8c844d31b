"""Who may import whom, and that importing the package costs nothing."""

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import vivid

PACKAGE = Path(vivid.__file__).parent
ABOVE = ("generators", "pipeline", "framing", "training", "evaluation", "ui", "commands", "cli")
"""What stands above the readers of files, poses and speech."""
FORBIDDEN = {
    "media": ABOVE,
    "pose": ABOVE,
    "speech": ABOVE,
    "method": (*ABOVE, "media", "inputs"),
    "generators": ("pipeline", "framing", "training", "evaluation", "ui", "commands", "cli"),
    "pipeline.py": ("training", "evaluation", "ui", "commands", "cli"),
    "data": ("ui",),
    "training": ("ui",),
    "evaluation": ("ui",),
}
"""Room -> rooms that nothing in it may import."""
CONVENTIONS = {"main", "run", "add_arguments", "capabilities_of"}
"""What several modules of one kind define: scripts, commands, generators."""


def outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    """What runs when a module is imported: neither bodies of functions nor what only type checkers read."""
    for child in ast.iter_child_nodes(node):
        checked = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        if not (checked or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)):
            yield child
            yield from outside_functions(child)


def imported(path: Path, nodes: Callable[[ast.AST], Iterator[ast.AST]] = ast.walk) -> set[str]:
    """Modules of this package that a file imports, also within functions: dotted names below `vivid`."""
    here = ["vivid", *path.relative_to(PACKAGE).with_suffix("").parts]
    found = set()
    for node in nodes(ast.parse(path.read_text("utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(here[: -node.level]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            names = [f"{module}.{alias.name}" for alias in node.names]
        found |= {name.removeprefix("vivid.") for name in names if name.startswith("vivid.")}
    return found


@pytest.mark.parametrize("room", FORBIDDEN)
def test_no_room_imports_what_stands_above_it(room: str) -> None:
    files = [PACKAGE / room] if room.endswith(".py") else sorted((PACKAGE / room).rglob("*.py"))
    assert files
    broken = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in files
        for name in sorted(imported(path))
        if name.split(".")[0] in FORBIDDEN[room]
    ]
    assert broken == []


def test_no_module_needs_itself() -> None:
    files = {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
        for path in PACKAGE.rglob("*.py")
    }
    needs = {
        module: {name if name in files else name.rpartition(".")[0] for name in imported(path, outside_functions)}
        for module, path in files.items()
    }
    assert needs["pipeline"] >= {"config", "generators", "pose.calibrate"}
    tuple(TopologicalSorter(needs).static_order())


def test_no_two_things_share_a_name() -> None:
    """Public classes and functions outside the page, whose tabs repeat each other's names on purpose."""
    found = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).parts[0] == "ui":
            continue
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                found[node.name].add(str(path.relative_to(PACKAGE)))
    shared = {name: sorted(places) for name, places in found.items() if len(places) > 1 and name not in CONVENTIONS}
    assert len(found) > 500 and shared == {}


def test_imports_are_seen_in_every_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    (tmp_path / "media").mkdir()
    file = tmp_path / "media" / "some.py"
    file.write_text("import vivid.ui.page\ndef f():\n    from ..generators import x\n    from .. import cli\n")
    assert imported(file) == {"ui.page", "generators.x", "cli"}


@pytest.mark.parametrize(
    ("module", "heavy"),
    [("vivid", {"torch", "gradio", "numpy"}), ("vivid.pipeline", {"torch", "gradio", "diffusers"})],
)
def test_importing_loads_nothing_heavy(module: str, heavy: set[str]) -> None:
    code = f"import sys, {module}; found = {heavy!r} & set(sys.modules); assert not found, found"
    subprocess.run([sys.executable, "-c", code], check=True)
