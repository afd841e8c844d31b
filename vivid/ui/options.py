"""Options of the server: flags of app.py, each with an environment variable."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..config import Limits

SHARED_CPU_SECONDS = 20.0
"""Longest speech on a Space without a GPU: longer videos would block the queue for everybody."""


@dataclass(frozen=True)
class ServerOptions:
    """Options of one server.

    `decisions` is the annotators' folder (never cleaned), `pairs` a folder of portrait/clip pairs for them, each for
    `overlap` annotators (0: everybody gets all). `data` is where the folder of visitors' files is created (cleaned
    after `keep_hours`), of which one visitor may use `visitor_bytes`. `names` are host names that the server accepts.
    `persistent`: whether `decisions` survives a restart.
    """

    host: str = "127.0.0.1"
    port: int | None = None
    share: bool = False
    root_path: str | None = None
    model: str = "auto"
    device: str | None = None
    mark: bool = True
    limits: Limits = field(default_factory=Limits)
    max_waiting: int = 16
    keep_hours: float = 24.0
    visitor_bytes: int = 2**30
    names: tuple[str, ...] = ()
    decisions: Path = Path("decisions")
    pairs: Path | None = None
    overlap: int = 0
    data: Path | None = None
    space: bool = False
    persistent: bool = True


def on_space() -> bool:
    """Whether this process runs on a Hugging Face Space."""
    return bool(os.environ.get("SPACE_ID"))


def on_zero_gpu() -> bool:
    """Whether this process runs on a ZeroGPU Space, where `spaces` must be imported before torch."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "true", "t")


def default_decisions(space: bool) -> tuple[Path, bool]:
    """The default annotators' folder, and whether it survives a restart."""
    if not space:
        return Path.home() / ".local" / "share" / "vividanimator" / "decisions", True
    disk = Path("/data")  # a Space's persistent storage, if its owner has rented it
    if disk.is_dir() and os.access(disk, os.W_OK):
        return disk / "decisions", True
    return Path.home() / "decisions", False


def _flag(value: str) -> bool:
    if value.lower() in ("1", "true", "yes", "on"):
        return True
    if value.lower() in ("0", "false", "no", "off"):
        return False
    raise argparse.ArgumentTypeError(f"{value!r}: write on or off")


def _count(value: str) -> int:
    number = int(value)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{value!r}: choose 0 or more")
    return number


def _positive(kind: type[int] | type[float]) -> type[int] | type[float]:
    def parse(value: str) -> float:
        number = kind(value)
        if not number > 0:
            raise argparse.ArgumentTypeError(f"{value!r}: choose more than 0")
        return number

    parse.__name__ = kind.__name__
    return parse  # type: ignore[return-value]


def parser(space: bool) -> argparse.ArgumentParser:
    """The command line of app.py; a flag `--some-name` can also be set as VIVID_SOME_NAME."""
    limits = Limits()
    cpu_space = space and not on_zero_gpu() and os.environ.get("NVIDIA_VISIBLE_DEVICES", "void") in ("void", "none", "")
    result = argparse.ArgumentParser(
        "app.py", description="VividAnimator in the browser. Every flag can be set as VIVID_<NAME> in the environment."
    )

    def add(name: str, default: object, text: str, **more: object) -> None:
        variable = "VIVID_" + name.upper().replace("-", "_")
        value = os.environ.get(variable, default)
        result.add_argument(f"--{name}", default=value, help=f"{text} (default: {default})", **more)  # type: ignore[arg-type]

    add("host", "0.0.0.0" if space else "127.0.0.1", "address to listen on; 0.0.0.0 is every network")
    add("port", None, "port; without it the first free one from 7860", type=int)
    add("share", "off", "a public link through Gradio's tunnel: on or off", type=_flag, nargs="?", const=True)
    add("root-path", None, "path behind a proxy, such as /vivid")
    add("model", "auto", "auto, layered, compact, full or a folder of weights")
    add("device", None, "cuda, mps or cpu; without it the best there is")
    add("mark", "on", "the AI-generated mark in the picture: on or off", type=_flag)
    add("max-upload-mb", limits.upload_bytes // 2**20, "largest upload in MiB", type=_positive(float))
    add("max-megapixels", limits.picture_pixels / 1e6, "largest portrait in megapixels", type=_positive(float))
    speech = SHARED_CPU_SECONDS if cpu_space else limits.speech_seconds
    add("max-speech-seconds", speech, "longest speech", type=_positive(float))
    add("max-motion-seconds", limits.motion_seconds, "longest gesture video", type=_positive(float))
    add("max-waiting", 16, "videos that may wait for their turn", type=_positive(int))
    add("keep-hours", 24.0, "hours after which visitors' files are deleted", type=_positive(float))
    add("max-visitor-mb", 1024, "MiB of uploads and results that one visitor may have", type=_positive(float))
    add("names", "", "host names that the server is reached under, separated by commas; * for any")
    add("decisions", None, "annotators' folder, never cleaned")
    add("pairs", None, "folder of portrait/clip pairs that the Inspect tab offers")
    add("overlap", 0, "annotators who are to decide about each pair of --pairs; 0: everybody about all", type=_count)
    add("data", None, "folder to keep visitors' files in, in one of the program's own; without it the temporary one")
    return result


def read_options(argv: Sequence[str] | None = None) -> ServerOptions:
    """ServerOptions from the command line (sys.argv when None) and the environment."""
    space = on_space()
    given = parser(space).parse_args(argv)
    decisions, persistent = default_decisions(space)
    if given.decisions:
        decisions = Path(given.decisions)
        persistent = not space or decisions.is_relative_to("/data")
    return ServerOptions(
        host=given.host,
        port=given.port,
        share=given.share,
        root_path=given.root_path,
        model=given.model,
        device=given.device,
        mark=given.mark,
        limits=Limits(
            upload_bytes=int(given.max_upload_mb * 2**20),
            picture_pixels=int(given.max_megapixels * 1e6),
            speech_seconds=given.max_speech_seconds,
            motion_seconds=given.max_motion_seconds,
        ),
        max_waiting=given.max_waiting,
        keep_hours=given.keep_hours,
        visitor_bytes=int(given.max_visitor_mb * 2**20),
        names=tuple(name.strip() for name in given.names.split(",") if name.strip()),
        decisions=decisions.expanduser(),
        pairs=Path(given.pairs).expanduser() if given.pairs else None,
        overlap=given.overlap,
        data=Path(given.data).expanduser() if given.data else None,
        space=space,
        persistent=persistent,
    )
