"""Visitors' files: where they may lie, whose they are, and that they are gone after a day whatever happens."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from ui_fakes import FakePipeline, detect_standing, serve, write_portrait

from vivid import inputs
from vivid.errors import InputError
from vivid.ui import visitors as module
from vivid.ui.visitors import SCOPE, Visitor, Visitors, visitor_of

DAY = 24 * 3600.0


def request(session: str = "x", owner: str = "") -> Any:
    """What the functions of an event get."""
    inner = SimpleNamespace(scope={SCOPE: Visitor(owner, owner)})
    return SimpleNamespace(session_hash=session, request=inner)


def age(path: Path, seconds: float) -> None:
    """Let `path` and all that is in it be that old."""
    then = time.time() - seconds
    for one in (*path.rglob("*"), path):
        os.utime(one, (then, then))


def test_only_what_the_program_has_made_is_ever_deleted(tmp_path: Path) -> None:
    home = tmp_path / "vividanimator-holiday"  # a folder of somebody's that looks like ours
    photos = home / "visitor-photos"
    photos.mkdir(parents=True)
    (photos / "a.jpg").write_bytes(b"x")
    (home / "vividanimator-old").mkdir()
    (home / "vividanimator-old" / "b.jpg").write_bytes(b"x")
    visitors = Visitors(home)
    visitors.new_file(request(), ".mp4").write_bytes(b"x")
    age(home, 10 * DAY)
    visitors.clean()
    visitors.close()
    assert (photos / "a.jpg").is_file()
    assert (home / "vividanimator-old" / "b.jpg").is_file()
    assert not visitors.root.exists()
    Visitors(home).clean()
    assert (photos / "a.jpg").is_file()


def test_files_are_for_the_servers_user_alone(tmp_path: Path) -> None:
    visitors = Visitors(tmp_path)
    folder = visitors.folder(request())
    assert visitors.root.stat().st_mode & 0o077 == 0
    assert folder.stat().st_mode & 0o077 == 0


def test_the_cleaner_survives_files_that_vanish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    visitors = Visitors(tmp_path)
    folder = visitors.folder(request())
    for number in range(100):
        (folder / f"{number}.json").write_text("x")
    stop = threading.Event()

    def videos() -> None:  # what VideoWriter does beside the result
        while not stop.is_set():
            part = Path(tempfile.mkdtemp(prefix=".vivid-", dir=folder))
            (part / "log").touch()
            shutil.rmtree(part)

    writer = threading.Thread(target=videos, daemon=True)
    writer.start()
    visitors.start_cleaning(every=0.001)
    cleaner = next(thread for thread in threading.enumerate() if thread.name == "cleaner")
    time.sleep(1.5)
    monkeypatch.setattr(Visitors, "clean", lambda self: 1 / 0)
    time.sleep(0.1)
    assert cleaner.is_alive()
    stop.set()
    writer.join()
    visitors.close()
    cleaner.join(5)
    assert not cleaner.is_alive()


def test_a_removed_root_comes_back(tmp_path: Path) -> None:
    visitors = Visitors(tmp_path)
    shutil.rmtree(visitors.root)
    path = visitors.new_file(request(), ".mp4")
    path.write_bytes(b"x")
    assert path.stat().st_size == 1
    assert visitors.root.stat().st_mode & 0o077 == 0


DYING = """
import sys, time
from pathlib import Path
from types import SimpleNamespace
from vivid.ui.visitors import Visitors

visitors = Visitors(Path(sys.argv[1]))
path = visitors.new_file(SimpleNamespace(session_hash="x"), ".mp4")
path.write_bytes(b"video")
(path.parent / ".half.mp4").write_bytes(b"vid")
print(visitors.root, flush=True)
time.sleep(60)
"""


def test_what_a_killed_server_has_left_is_deleted_after_its_day(tmp_path: Path) -> None:
    server = subprocess.Popen([sys.executable, "-c", DYING, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    root = Path(server.stdout.readline().strip())
    visitors = Visitors(tmp_path)
    age(root, 2 * DAY)
    visitors.clean()
    assert len(list(root.rglob("*.mp4"))) == 2, "its server is alive"
    server.send_signal(signal.SIGKILL)
    server.wait()
    age(root, 0.5 * DAY)
    visitors.clean()
    assert [path.name.startswith(".") for path in root.rglob("*.mp4")] == [False]  # half a file is of no use
    age(root, 2 * DAY)
    visitors.clean()
    assert not root.exists()
    visitors.close()
    assert [path.name for path in tmp_path.iterdir()] == []


def test_results_reach_their_visitor_wherever_the_data_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradio sends only files from the working and the temporary folder, and from its own."""
    monkeypatch.setattr(inputs, "detect_picture", detect_standing)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    portrait = write_portrait(tmp_path / "p.png")
    with serve(tmp_path / "results", FakePipeline()) as server:
        http = httpx.Client(base_url=server.url, timeout=60)
        path = http.post("/gradio_api/upload", files={"files": ("p.png", portrait.read_bytes())}).json()[0]
        event = http.post("/gradio_api/call/calibrate_pose", json={"data": [{"path": path}, None, "wave", 0]}).json()
        answer = http.get(f"/gradio_api/call/calibrate_pose/{event['event_id']}").text
        assert "event: complete" in answer
        assert (tmp_path / "results") in Path(path).parents
        for part in answer.split('"url": "')[1:4]:
            assert http.get(part.split('"')[0]).status_code == 200


def test_a_visitors_share_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    visitors = Visitors(tmp_path, visitor_bytes=2**20)
    one, two = request("s", "browser 1"), request("t", "browser 2")
    visitors.new_file(one, ".mp4").write_bytes(b"x" * 2**20)
    visitors.check_room(visitor_of(one))
    visitors.new_file(two, ".mp4")
    with pytest.raises(InputError, match="Your files would take more than 1 MB"):
        visitors.check_room(visitor_of(one), 1)
    visitors.check_room(visitor_of(two), 2**19)
    monkeypatch.setattr(module, "VISITOR_FILES", 1)
    with pytest.raises(InputError, match="Your files"):
        visitors.new_file(one, ".mp4")
    monkeypatch.setattr(module, "SPARE_BYTES", 2**60)
    with pytest.raises(InputError, match="nearly full"):
        visitors.check_room(visitor_of(two))


def test_new_cookies_bring_an_address_no_new_shares_without_end(tmp_path: Path) -> None:
    visitors = Visitors(tmp_path, visitor_bytes=2**20)
    for number in range(4):
        visitor = Visitor(f"browser {number}", f"browser {number}", "203.0.113.7")
        visitors.check_room(visitor, 2**20)
        path = visitors.root / f"{number}.png"
        path.write_bytes(b"x" * 2**20)
        visitors.grant(visitor.owner, path)
    with pytest.raises(InputError, match="Your files would take more than 4 MB"):
        visitors.check_room(Visitor("browser 9", "browser 9", "203.0.113.7"), 1)
    visitors.check_room(Visitor("browser 9", "browser 9", "203.0.113.8"), 1)
    visitors.check_room(Visitor("browser 9", "browser 9"), 1)  # of a local address nothing can be told


def test_what_is_shared_stays_its_visitors_and_goes_with_their_files(tmp_path: Path) -> None:
    visitors = Visitors(tmp_path, visitor_bytes=100)
    folder = visitors.new_file(request("s", "browser 1"), "")
    folder.mkdir()
    own, beside = folder / "A.mp4", folder / "B.mp4"
    for path in (own, beside):
        path.write_bytes(b"x" * 60)
        visitors.grant("browser 1", path)
    visitors.share(own)
    assert visitors.granted("browser 2", str(own)) == own
    assert visitors.granted("browser 2", f"{folder}/../{folder.name}/A.mp4") == own
    assert visitors.granted("browser 2", str(beside)) is None
    visitors.check_room(Visitor("browser 2", "browser 2"), 100)  # it is not counted as theirs
    with pytest.raises(InputError, match="limit for one visitor"):
        visitors.check_room(Visitor("browser 1", "browser 1"))
    outside = tmp_path / "secret.txt"
    outside.write_text("x")
    visitors.share(outside)
    assert visitors.granted("browser 2", str(outside)) is None
    visitors.clean(time.time() + 3 * visitors.keep_seconds)
    assert not own.exists()
    assert visitors._shared == set()


def test_what_is_granted(tmp_path: Path) -> None:
    visitors = Visitors(tmp_path)
    own = visitors.new_file(request("s", "browser 1"), ".txt")
    assert visitors.granted("browser 1", str(own)) is None  # not written yet
    own.write_text("x")
    assert visitors.granted("browser 1", str(own)) == own
    assert visitors.granted("browser 2", str(own)) is None
    outside = tmp_path / "secret.txt"
    outside.write_text("x")
    visitors.grant("browser 1", outside)
    link = own.with_name("link.txt")
    link.symlink_to(outside)
    visitors.grant("browser 1", link)
    for path in (
        str(outside),
        str(link),
        f"{own.parent}/../../secret.txt",
        str(own.parent),
        "",
        "\0",
        3,
        None,
        "x" * 9999,
    ):
        assert visitors.granted("browser 1", path) is None


def test_programs_are_told_apart_by_their_sessions_and_browsers_are_not() -> None:
    program = SimpleNamespace(scope={SCOPE: Visitor("address 127.0.0.1", "address 127.0.0.1")})
    assert visitor_of(SimpleNamespace(session_hash="a", request=program)).name == "session a"
    assert visitor_of(SimpleNamespace(session_hash="a", request=program)).owner == "address 127.0.0.1"
    assert visitor_of(request("a", "browser 1")).name == "browser 1"
    assert not visitor_of(None).known
