"""Nothing calls home, and nothing is kept about the machine: look-ups and files are counted in real processes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CACHES = (".cache/matplotlib", ".config/matplotlib")
"""What packages keep to start faster, and is about nobody."""

WATCH = """
import ipaddress, sys

def watch(event, arguments):
    host = None
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.getnameinfo"):
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    host = host.decode() if isinstance(host, bytes) else host
    if host in (None, "", "localhost", "0.0.0.0"):
        return
    try:
        home = ipaddress.ip_address(host).is_loopback
    except ValueError:
        home = False
    if not home:
        print("LOOKED UP", event, host, flush=True)

sys.addaudithook(watch)
"""

IMPORTS = """
import vivid
from vivid.pose.onnx_detectors import has_gpu
has_gpu()  # imports onnxruntime
import accelerate, controlnet_aux, diffusers, gradio, huggingface_hub, mediapipe, moviepy, rtmlib, spaces, transformers
"""

WORK = """
from vivid import cli
assert cli.main(["detect", "--input", "examples/portraits/ada.jpg", "--out", sys.argv[1] + "/pose.npz"]) == 0
line = ["animate", "--portrait", "examples/portraits/ada.jpg", "--audio", "examples/voices/hello_slt.mp3"]
assert cli.main([*line, "--seconds", "0.2", "--out", sys.argv[1] + "/video.mp4"]) == 0
"""

PAGE = """
import urllib.request
from vivid.ui.context import make_context
from vivid.ui.options import read_options
from vivid.ui.page import build_page, launch_arguments
options = read_options(["--port", "0"])
context = make_context(options)
page = build_page(context)
url = page.launch(**launch_arguments(options) | {"server_port": None}, prevent_thread_lock=True, quiet=True)[1]
assert urllib.request.urlopen(url).status == 200
page.close()
context.visitors.close()
"""

WAIT = "import time; time.sleep(30)\n"


def observed(tmp_path: Path, code: str) -> tuple[list[str], list[str]]:
    """Look-ups and connections that left this machine, and files below the home folder, of a process with this code.

    Python's own are seen by an audit hook; those of compiled code and of children by strace, where it is installed.
    """
    home, out, trace = tmp_path / "home", tmp_path / "out", tmp_path / "trace"
    home.mkdir()
    out.mkdir()
    line = [sys.executable, "-c", WATCH + code, str(out)]
    if shutil.which("strace"):
        line = ["strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=connect,sendto,sendmmsg", "-o", str(trace), *line]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "HF_", "GRADIO"))}
    for name in ("ORT_DISABLE_TELEMETRY", "DO_NOT_TRACK", "MPLCONFIGDIR"):
        environment.pop(name, None)
    environment |= {"HOME": str(home), "OMP_NUM_THREADS": "2"}
    done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    calls = [text for text in done.stdout.splitlines() if text.startswith("LOOKED UP")]
    if trace.exists():
        away = re.compile(r'sin6?_port=htons\((\d+)\).*?inet_(?:addr\("|pton\(AF_INET6, ")(?!127\.|::1")([^"]+)')
        calls += [found[0] for text in trace.read_text(errors="replace").splitlines() if (found := away.search(text))]
    files = [str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()]
    return calls, [name for name in files if not name.startswith(CACHES)]


def test_the_watch_sees_what_calls_home(tmp_path: Path) -> None:
    code = """
import socket
from pathlib import Path
try:
    socket.getaddrinfo("telemetry.invalid", 443)
except OSError:
    pass
(Path.home() / "deviceid").write_text("me")
"""
    calls, files = observed(tmp_path, code)
    assert any("telemetry.invalid" in call for call in calls) and files == ["deviceid"]


def test_importing_what_the_program_uses_calls_nobody(tmp_path: Path) -> None:
    assert observed(tmp_path, IMPORTS) == ([], [])


@pytest.mark.slow
def test_a_pose_a_video_and_a_page_call_nobody(tmp_path: Path) -> None:
    """onnxruntime waited some seconds before it reported; so does this."""
    assert observed(tmp_path, IMPORTS + WORK + PAGE + WAIT) == ([], [])
