"""The command line: one lazy table of subcommands, one way to refuse bad input."""

from __future__ import annotations

import argparse
import difflib
import errno
import importlib
import io
import signal
import sys
import threading
import time
from collections.abc import Sequence
from types import FrameType
from typing import Any, NoReturn

from . import __version__
from .commands.progress import end as end_line
from .errors import InputError

PROGRAM = "python -m vivid"

COMMANDS: dict[str, tuple[str, str]] = {
    "animate": ("vivid.commands.animate", "make a video from a portrait, a voice and a gesture clip"),
    "batch": ("vivid.commands.batch", "make many videos from a table, by several workers"),
    "detect": ("vivid.commands.detect", "find the pose in a picture or a video"),
    "calibrate": ("vivid.commands.calibrate", "fit a gesture clip to the body in a portrait"),
    "motion": ("vivid.commands.motion", "list, convert and look at gesture clips"),
    "inspect": ("vivid.commands.inspect", "print how a video was made, as JSON"),
    "agreement": ("vivid.commands.agreement", "say how far annotators of the page's Inspect tab agree"),
    "weights": ("vivid.commands.weights", "list, fetch, convert and check weights"),
    "bench": ("vivid.commands.bench", "measure speed and memory"),
    "synthesize": ("vivid.commands.synthesize", "render people who speak and gesture, for training"),
    "data": ("vivid.commands.data", "make clips for training out of footage"),
    "train": ("vivid.commands.train", "train a part of the model"),
    "evaluate": ("vivid.commands.evaluate", "measure results and ablations"),
}
"""Subcommand -> (module with add_arguments(parser) and run(args) -> int, one line of help)."""

NO_MEMORY = "There is too little memory for this: close other programs, or choose a smaller --size or fewer --seconds."
ADDRESSES = {"animate": 5, "batch": 5, "calibrate": 5, "detect": 5, "evaluate": 5}
"""GiB of address space below which a command's libraries crash without a message; they use a quarter of it."""
_SIGNS_OF_NO_MEMORY = ("out of memory", "can't allocate memory", "failed to map segment", "can't start new thread")
"""Messages of torch, the shared-library loader and Python's threads, which do not raise MemoryError."""

EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130
EXIT_PIPE = 141
EXIT_TERMINATED = 143
CLEANING_SECONDS = 5.0


class _Parser(argparse.ArgumentParser):
    """An argument parser that reports an error in one sentence, without the usage text before it."""

    def error(self, message: str) -> NoReturn:
        sentence = message[:1].upper() + message[1:]
        self.exit(EXIT_BAD_INPUT, f"{sentence.rstrip('.')}; see `{self.prog} --help`.\n")


def overview() -> str:
    """The text of `python -m vivid --help`."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(
        [
            "VividAnimator: a portrait, a voice and a gesture clip become a video.",
            "",
            f"usage: {PROGRAM} COMMAND [options]",
            "",
            *lines,
            "",
            f"`{PROGRAM} COMMAND --help` explains one command; `{PROGRAM} --version` prints the version.",
        ]
    )


def build_parser(name: str) -> argparse.ArgumentParser:
    """The parser of one subcommand, with `run` among its defaults.

    Errors: InputError when the subcommand needs a package that is not installed.
    """
    module_name, text = COMMANDS[name]
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.split(".")[0] == "vivid":
            if error.name == module_name:
                raise InputError(f"`{name}` is not part of this installation.") from error
            raise
        extra = "requirements-train.txt" if name in {"synthesize", "train", "evaluate"} else "requirements.txt"
        raise InputError(
            f"`{name}` needs the package {error.name!r}: install it with `pip install -r {extra}`."
        ) from error
    parser = _Parser(
        prog=f"{PROGRAM} {name}",
        description=text[0].upper() + text[1:] + ".",
        allow_abbrev=False,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    module.add_arguments(parser)
    parser.set_defaults(run=module.run)
    return parser


RAISE_AGAIN_SECONDS = 0.05
"""Delay after which a signal that came at a bad moment is raised again."""


_stops: list[int] = []
"""Signals that have stopped the running command."""


class _Stopped(BaseException):
    """SIGTERM or SIGINT arrived; not an Exception, so that no `except Exception` on the way swallows it."""

    def __init__(self, number: int) -> None:
        self.number = number


def _stop_on_signals() -> dict[signal.Signals, Any]:
    """Let SIGTERM and SIGINT unwind the program, so that every `finally` runs and no half-written file stays.

    A shell starts background jobs with SIGINT ignored, and Python keeps that setting: without a handler of our own only
    SIGTERM would reach such a run. Further signals are ignored while the program cleans up after the first. Returns the
    previous handlers, for programs that go on afterwards.
    """
    last = -CLEANING_SECONDS
    unraisable = sys.unraisablehook

    def lost(event: sys.UnraisableHookArgs) -> None:
        """Raise a stop again that got lost in a destructor or a callback."""
        nonlocal last
        if isinstance(event.exc_value, _Stopped):
            last = -CLEANING_SECONDS
            raise_soon(event.exc_value.number)
        else:
            unraisable(event)

    def raise_soon(number: int) -> None:
        again = threading.Timer(RAISE_AGAIN_SECONDS, _send_to_main_thread, [number])
        again.daemon = True
        again.start()

    sys.unraisablehook = lost

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal last
        if frame is not None and "importlib._bootstrap" in frame.f_code.co_filename:
            # Raised during an import it can be swallowed, or leave the import lock held for good.
            raise_soon(number)
            return
        now = time.monotonic()
        if now - last >= CLEANING_SECONDS:
            last = now
            _stops.append(number)
            raise _Stopped(number)

    return {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}


def _send_to_main_thread(number: int) -> None:
    """Signal the main thread itself: a signal to another thread waits for the main thread's sleep or system call."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:  # on Windows
        signal.raise_signal(number)


def _lacks_memory(error: Exception) -> bool:
    """Whether an error says that the memory is used up."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    return any(sign in str(error).lower() for sign in _SIGNS_OF_NO_MEMORY)


def _check_addresses(name: str) -> None:
    """Errors: InputError for a limit of the shell (`ulimit -v`) at which the command's libraries would crash."""
    try:
        import resource
    except ImportError:  # on Windows
        return
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    needed = ADDRESSES.get(name, 0) * 2**30
    if limit != resource.RLIM_INFINITY and limit < needed:
        raise InputError(
            f"This shell limits programs to {limit / 2**30:.1f} GB of addresses and {name} needs {needed >> 30}: "
            "raise the limit (ulimit -v)."
        )


def _refused(sentence: str) -> int:
    """Print a refusal on one line of its own, whatever characters the names that it quotes contain."""
    end_line()
    print("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in sentence), file=sys.stderr)
    return EXIT_BAD_INPUT


def _ended(number: int) -> int:
    """Say that a signal has ended the command."""
    terminated = number == signal.SIGTERM
    end_line()
    print("Terminated" if terminated else "Interrupted", "nothing half-done was kept.", sep="; ", file=sys.stderr)
    return EXIT_TERMINATED if terminated else EXIT_INTERRUPTED


def main(argv: Sequence[str]) -> int:
    """Run one subcommand and return its exit code.

    0 is success, 2 is bad input (one sentence on stderr), 130 is SIGINT and 143 SIGTERM. Anything else that
    goes wrong is a fault of the program and shows its traceback.
    """
    hook = sys.unraisablehook
    before = _stop_on_signals() if threading.current_thread() is threading.main_thread() else {}
    _stops.clear()
    try:
        return _run(argv)
    except Exception:  # a library turned a stop into an error of its own, as numpy does while it is imported
        if not _stops:
            raise
        return _ended(_stops[0])
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)


def _run(argv: Sequence[str]) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names may hold any bytes
    if not argv or argv[0] in {"-h", "--help", "help"}:
        print(overview())
        return 0
    if argv[0] in {"-V", "--version"}:
        print(f"VividAnimator {__version__}")
        return 0
    name, *rest = argv
    try:
        if name not in COMMANDS:
            close = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f"did you mean `{close[0]}`?" if close else f"see `{PROGRAM} --help`."
            raise InputError(f"There is no command {name!r}: {hint}")
        args = build_parser(name).parse_args(rest)
        _check_addresses(name)
        code = int(args.run(args))
        if sys.stdout is not None:
            sys.stdout.flush()  # an error here is ours to report, not the interpreter's at exit
        return code
    except InputError as error:
        return _refused(str(error))
    except BrokenPipeError:  # the reader of our output closed it, as `head` does
        sys.stdout = None  # type: ignore[assignment]  # nothing is left to flush
        return EXIT_PIPE
    except (MemoryError, OSError, ImportError, RuntimeError) as error:
        from .media.outputs import said_of

        sentence = NO_MEMORY if _lacks_memory(error) else said_of(error) if isinstance(error, OSError) else None
        if sentence is None:
            raise
        return _refused(sentence)
    except (KeyboardInterrupt, _Stopped) as stop:
        return _ended(stop.number if isinstance(stop, _Stopped) else signal.SIGINT)
    except SystemExit as error:  # argparse's --help and its errors
        return error.code if isinstance(error.code, int) else EXIT_BAD_INPUT if error.code else 0
