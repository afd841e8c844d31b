"""The command line: quick help, one sentence for bad input, exit codes that scripts can trust."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np
import pytest

from vivid import cli
from vivid.commands import progress
from vivid.errors import InputError

ROOT = Path(__file__).parents[1]


def command(monkeypatch: pytest.MonkeyPatch, error: BaseException | None = None, code: int = 0) -> None:
    """Put a subcommand "try" into the table."""

    def add_arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--steps", type=int, default=3, help="how many")

    def run(args: argparse.Namespace) -> int:
        if error is not None:
            raise error
        return code + args.steps

    module = types.ModuleType("vivid.commands.try_it")
    module.add_arguments, module.run = add_arguments, run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vivid.commands.try_it", module)
    monkeypatch.setitem(cli.COMMANDS, "try", ("vivid.commands.try_it", "try something"))


def test_help_lists_every_command_and_loads_none() -> None:
    code = (
        "import sys; from vivid.cli import main; main(['--help']);"
        "print([m for m in ('torch', 'gradio', 'numpy', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert all(f"  {name} " in done.stdout for name in cli.COMMANDS)
    assert done.stdout.strip().endswith("[]")


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["inspect", "--help"]) == 0
    assert "usage: python -m vivid inspect" in capsys.readouterr().out
    assert cli.main([]) == 0 and cli.main(["--version"]) == 0
    assert "VividAnimator" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["animat"], "There is no command 'animat': did you mean `animate`?"),
        (["xyzzy"], "There is no command 'xyzzy': see `python -m vivid --help`."),
        (["--frobnicate"], "There is no command"),
        (["try", "--steps", "many"], "Argument --steps: invalid int value: 'many'; see"),
        (["try", "--step", "4"], "Unrecognized arguments: --step 4; see `python -m vivid try --help`."),
        (["inspect"], "The following arguments are required: video; see"),
    ],
)
def test_bad_arguments(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    command(monkeypatch)
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(sentence) and captured.err.count("\n") == 1 and not captured.out


def test_exit_codes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    command(monkeypatch)
    assert cli.main(["try"]) == 3 and cli.main(["try", "--steps", "0"]) == 0
    command(monkeypatch, InputError("The portrait is a poem: choose a picture."))
    assert cli.main(["try"]) == 2
    assert capsys.readouterr().err == "The portrait is a poem: choose a picture.\n"
    command(monkeypatch, KeyboardInterrupt())
    assert cli.main(["try"]) == 130
    command(monkeypatch, ZeroDivisionError())  # a fault of the program is not hidden
    with pytest.raises(ZeroDivisionError):
        cli.main(["try"])


def test_what_the_system_refuses_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Where no reader or writer has said it better, for any command."""
    for number, sentence in (
        (errno.ENOSPC, "No space is left on the disk: free some, or choose another folder.\n"),
        (errno.ENAMETOOLONG, "The name xxx... is too long: choose a shorter one.\n"),
        (errno.EACCES, "xxx cannot be opened or written: check its permissions, or choose another folder.\n"),
    ):
        command(monkeypatch, OSError(number, os.strerror(number), "xxx"))
        assert cli.main(["try"]) == 2
        assert capsys.readouterr().err == sentence
    command(monkeypatch, FileNotFoundError(errno.ENOENT, "no such file", "part of the program"))
    with pytest.raises(FileNotFoundError):
        cli.main(["try"])
    assert cli.main(["motion", "info", "x" * 300]) == 2
    assert "too long" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e308", "-1e308", "1e-308", "0", "-1"])
def test_any_number_is_taken_or_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], number: str
) -> None:
    from vivid.config import RunSettings
    from vivid.pipeline import frame_count
    from vivid.speech.types import Speech

    clip = str(ROOT / "assets" / "motions" / "wave.npz")
    fit = ["calibrate", "--portrait", "examples/portraits/ada.jpg", "--motion", clip, "--out"]
    options = ("--start", "--end", "--speed", "--loop", "--fps")
    lines = [["motion", "trim", clip, str(tmp_path / f"{name}.npz"), f"{name}={number}"] for name in options]
    lines += [[*fit, str(tmp_path / "c.npz"), f"--fps={number}"]]
    for line in lines:
        code = cli.main(line)
        said = capsys.readouterr().err
        assert code == 0 or (code == 2 and said.count("\n") == 1), (line, said)
    assert code == 2
    try:
        frames = frame_count(Speech(np.zeros(16000, np.float32)), RunSettings(seconds=float(number)))
    except InputError:
        frames = 24
    assert frames == 24


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:119] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("can't start new thread"),
        OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
    ],
    ids=lambda error: type(error).__name__,
)
def test_too_little_memory_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    command(monkeypatch, error)
    assert cli.main(["try"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("There is too little memory for this") and said.count("\n") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="a limit of memory that holds")
@pytest.mark.parametrize("gigabytes", [1, 3, 4])  # at 3 and 4 the libraries crash
def test_a_limit_of_memory_is_met_with_one_sentence(tmp_path: Path, gigabytes: int) -> None:
    line = f"ulimit -v {gigabytes << 20}; exec {sys.executable} -m vivid animate --portrait examples/portraits/ada.jpg"
    done = subprocess.run(
        ["bash", "-c", f"{line} --audio examples/voices/hello_slt.mp3 --out {tmp_path}/out.mp4"],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "limit" in done.stderr, done.stderr
    assert not list(tmp_path.iterdir())


def test_a_sentence_stands_alone_on_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command(monkeypatch, InputError("There is no picture at a\nb\u202egpj\x1b[31m.jpg: check the path."))
    progress.bar("decode", 3, 4, 1.0)
    assert cli.main(["try"]) == 2
    line, sentence, rest = capsys.readouterr().err.split("\n")
    assert line.startswith("\rdecode") and rest == ""
    assert sentence == "There is no picture at a\\nb\\u202egpj\\x1b[31m.jpg: check the path."


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_output_that_cannot_be_taken() -> None:
    line = [sys.executable, "-m", "vivid", "motion", "list"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2 and done.stderr.startswith("No space is left") and done.stderr.count("\n") == 1
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(line, stdout=writer, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    os.close(writer)
    assert done.returncode == 141 and not done.stderr
    closed = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *line], capture_output=True, cwd=ROOT, check=False)
    assert closed.returncode == 0 and not closed.stderr


def test_names_in_any_bytes_are_printed(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xca\xd6.npz"
    done = subprocess.run(
        [sys.executable, "-m", "vivid", "motion", "import", "wave", name], capture_output=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    assert os.listdir(os.fsencode(tmp_path)) == [b"\xca\xd6.npz"] and b"frames" in done.stdout


def test_missing_packages(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    monkeypatch.setitem(cli.COMMANDS, "gone", ("vivid.commands.gone", "nothing"))
    assert cli.main(["gone"]) == 2
    assert "not part of this installation" in capsys.readouterr().err
    (tmp_path / "needs_more.py").write_text("import no_such_package_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(cli.COMMANDS, "train", ("needs_more", "nothing"))
    assert cli.main(["train"]) == 2
    assert (
        "'no_such_package_at_all': install it with `pip install -r requirements-train.txt`" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    "torch",
    ["import time; time.sleep(1); from concurrent.futures import ThreadPoolExecutor", "raise ImportError('damaged')"],
)
@pytest.mark.parametrize("portrait", ["missing.jpg", "text.jpg"])
def test_a_refusal_while_packages_are_imported_is_one_sentence(tmp_path: Path, torch: str, portrait: str) -> None:
    (tmp_path / "torch.py").write_text(torch)
    (tmp_path / "text.jpg").write_text("no picture")
    line = ["animate", "--portrait", str(tmp_path / portrait), "--audio", "examples/voices/hello_slt.mp3"]
    done = subprocess.run(
        [sys.executable, "-m", "vivid", *line, "--out", str(tmp_path / "out.mp4")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        check=False,
    )
    assert done.returncode == 2 and portrait in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("inherited", [signal.SIG_DFL, signal.SIG_IGN])  # a shell's background jobs ignore SIGINT
@pytest.mark.parametrize(
    ("number", "code", "sentence"), [(signal.SIGTERM, 143, "Terminated"), (signal.SIGINT, 130, "Interrupted")]
)
def test_a_stopped_run_leaves_nothing(
    tmp_path: Path, number: signal.Signals, code: int, sentence: str, inherited: signal.Handlers
) -> None:
    program = f"""
import signal, sys, time, types
import numpy as np
from vivid import cli
from vivid.commands import progress
from vivid.media.video import VideoWriter

def run(args):
    with VideoWriter({str(tmp_path / "out.mp4")!r}, (64, 64)) as writer:
        writer.write(np.zeros((4, 64, 64, 3), np.uint8))
        print("writing", flush=True)
        time.sleep(60)

module = types.ModuleType("slow")
module.add_arguments, module.run = lambda parser: None, run
sys.modules["slow"] = module
cli.COMMANDS["slow"] = ("slow", "slow")
# What this process inherited must not decide, whatever runs the tests.
for each in (signal.SIGTERM, signal.SIGINT):
    signal.signal(each, signal.Handlers({int(inherited)}))
sys.exit(cli.main(["slow"]))
"""
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == "writing\n"
        assert len(os.listdir(tmp_path)) == 1
        process.send_signal(number)
        process.send_signal(number)  # an impatient second one does not disturb the cleaning up
        assert process.wait(timeout=60) == code
        assert process.stderr.read() == f"{sentence}; nothing half-done was kept.\n"
    assert os.listdir(tmp_path) == []


def test_a_signal_during_an_import_comes_a_moment_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    before = cli._stop_on_signals()
    try:
        stop = signal.getsignal(signal.SIGTERM)
        assert callable(stop) and not isinstance(stop, int)
        code = types.SimpleNamespace(co_filename="<frozen importlib._bootstrap>")
        stop(signal.SIGTERM, types.SimpleNamespace(f_code=code))  # type: ignore[arg-type]  # raised here it may get lost
        started = time.monotonic()
        with pytest.raises(cli._Stopped):
            time.sleep(5)
        assert time.monotonic() - started < 2
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("where", ["swallowed", "made an error"])
def test_a_stop_that_other_code_takes_still_ends_the_command(
    where: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Gone:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    def run(args: argparse.Namespace) -> int:
        if where == "swallowed":
            Gone()
            time.sleep(5)
        else:
            try:
                signal.raise_signal(signal.SIGTERM)
            except BaseException:
                raise ImportError("numpy.core.multiarray failed to import") from None
        return 0

    command(monkeypatch)
    monkeypatch.setattr(sys.modules["vivid.commands.try_it"], "run", run)
    assert cli.main(["try"]) == 143
    assert capsys.readouterr().err == "Terminated; nothing half-done was kept.\n"
