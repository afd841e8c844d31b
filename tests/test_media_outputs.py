"""Where results go: refused before the work, whole or not there, never over another run's, nothing left of a kill."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from vivid import cli
from vivid.errors import InputError
from vivid.media import outputs
from vivid.media.outputs import reserve, run_folder, write_png, written_whole
from vivid.media.video import VideoWriter

ROOT = Path(__file__).parents[1]
LONG = "x" * 300
HOLD = """
import sys, time
from pathlib import Path
from vivid.media.outputs import reserve
with reserve(Path(sys.argv[1])) as part:
    part.write_bytes(b"half")
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that is writing result.npz."""
    line = [sys.executable, "-c", HOLD, str(tmp_path / "result.npz")]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None and process.stdout.readline() == "writing\n"
        yield process
        process.kill()


def test_a_result_appears_when_the_block_ends_well(tmp_path: Path) -> None:
    for name, make in (("a.npz", lambda part: part.write_bytes(b"whole")), ("folder", lambda part: part.mkdir())):
        with reserve(tmp_path / name) as part:
            make(part)
            assert part.name == name and not (tmp_path / name).exists()
        assert (tmp_path / name).exists()
        with pytest.raises(KeyboardInterrupt), reserve(tmp_path / f"no-{name}") as part:
            make(part)
            raise KeyboardInterrupt
    assert sorted(os.listdir(tmp_path)) == ["a.npz", "folder"]
    with reserve(tmp_path / "folder") as part:  # an empty one is no result that could be lost
        part.mkdir()
        (part / "file").touch()
    assert os.listdir(tmp_path / "folder") == ["file"]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    earlier = tmp_path / "a.npz"
    earlier.write_bytes(b"earlier")
    (tmp_path / "link.npz").symlink_to(tmp_path / "nowhere")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    for name in ("a.npz", "link.npz", "full"):
        with pytest.raises(InputError, match="exists already"), reserve(tmp_path / name):
            pytest.fail("the work was begun")
    appeared = tmp_path / "b.npz"
    with pytest.raises(InputError, match="exists already"), reserve(appeared) as part:
        part.write_bytes(b"ours")
        appeared.write_bytes(b"theirs")
    assert appeared.read_bytes() == b"theirs" and earlier.read_bytes() == b"earlier"
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


def test_the_later_of_two_runs_refuses_and_a_killed_one_is_cleaned_up(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    result = tmp_path / "result.npz"
    with pytest.raises(InputError, match="being written by another run"), reserve(result):
        pytest.fail("the work was begun")
    with reserve(tmp_path / "other.npz") as part:  # beside it, nothing is in the way, and its work stays
        part.touch()
    assert len([name for name in os.listdir(tmp_path) if name.startswith(".")]) == 1
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with written_whole(tmp_path / "third.npz") as file:
        file.write(b"whole")
    assert sorted(os.listdir(tmp_path)) == ["other.npz", "third.npz"]
    with reserve(result) as part:
        assert not os.listdir(part.parent)
        part.touch()
    assert result.exists()


def test_a_killed_run_of_the_same_name_leaves_nothing_in_the_way(
    tmp_path: Path, holder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    holder.kill()
    holder.wait()
    monkeypatch.setattr(outputs, "_sweep", lambda parent: None)  # as if it died after others had looked
    with reserve(tmp_path / "result.npz") as part:
        assert not os.listdir(part.parent)


def test_replaceable_results_do_not_wait_for_each_other(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    with written_whole(path) as one, written_whole(path) as other:
        one.write(b"one")
        other.write(b"other")
    assert path.read_bytes() == b"one" and os.listdir(path.parent) == ["a.json"]


def test_only_what_the_program_made_is_cleaned_away(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").touch()
    folder = tmp_path / "folder"
    folder.mkdir()
    kept = [folder / ".vivid-notes", folder / (".vivid-" + "g" * 32), folder / (".vivid-" + "a" * 32)]
    kept[0].mkdir()
    kept[1].mkdir()
    kept[2].symlink_to(elsewhere)
    with written_whole(folder / "a.json"):
        pass
    assert all(path.exists() for path in kept) and os.listdir(elsewhere) == ["file"]
    with reserve(folder / "b.json") as part:
        place = part.parents[1]
    place.symlink_to(elsewhere)  # laid by somebody who foresaw the name
    with pytest.raises(InputError, match="Nothing can be written"), reserve(folder / "b.json"):
        pytest.fail("the work was begun")
    assert os.listdir(elsewhere) == ["file"]


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (errno.ENOSPC, errno.EDQUOT):
        with pytest.raises(InputError, match="No space is left on the disk"), reserve(tmp_path / "a.npz") as part:
            part.touch()
            raise OSError(number, "as the system says it")
    usage = SimpleNamespace(total=2**40, free=2**19)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(InputError, match="No space is left on the disk"), reserve(tmp_path / "a.npz"):
        pytest.fail("the work was begun")
    assert os.listdir(tmp_path) == []


def test_an_encoder_without_space_is_one_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="No space is left on the disk"),
        VideoWriter(tmp_path / "a.mp4", (64, 64)) as w,
    ):
        assert w._log is not None and w._writer is not None
        w._log.write(b"av_interleaved_write_frame(): No space left on device\n")
        w._log.flush()
        w._writer.proc.kill()
        for _ in range(300):
            w.write(np.zeros((4, 64, 64, 3), np.uint8))
    assert os.listdir(tmp_path) == []


def test_a_disk_that_fills_up_while_encoding(tmp_path: Path) -> None:
    """On a real small disk, where one can be mounted."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(tmp_path)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        noise = np.random.default_rng(0).integers(0, 255, (8, 256, 256, 3), dtype=np.uint8)
        with (
            pytest.raises(InputError, match="No space is left on the disk"),
            VideoWriter(tmp_path / "a.mp4", (256, 256), preset="ultrafast") as writer,
        ):
            for _ in range(30):
                writer.write(noise)
        assert os.listdir(tmp_path) == []
        with pytest.raises(InputError, match="No space is left on the disk"):
            write_png(tmp_path / "a.png", np.random.default_rng(0).integers(0, 255, (1024, 1024, 3), dtype=np.uint8))
        assert os.listdir(tmp_path) == []
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_a_folder_of_a_long_run_has_one_run_at_a_time(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the data are missing"), run_folder(tmp_path / "a" / "run"):
        raise InputError("the data are missing")
    assert os.listdir(tmp_path / "a") == []
    with run_folder(tmp_path / "run") as folder:
        (folder / "table.md").touch()
        with pytest.raises(InputError, match="being written by another run"), run_folder(folder):
            pytest.fail("two runs")
    with run_folder(tmp_path / "run"):  # goes on where it stopped
        pass
    assert os.listdir(tmp_path / "run") == ["table.md"]
    with pytest.raises(InputError, match="is not a folder"), run_folder(tmp_path / "run" / "table.md"):
        pytest.fail("the work was begun")


COMMANDS = {
    "animate": ["animate", "--portrait", "no.jpg", "--audio", "no.wav", "--out", "{}.mp4"],
    "detect": ["detect", "--input", "no.jpg", "--out", "{}.npz"],
    "detect to JSON": ["detect", "--input", "no.jpg", "--out", "{}.json"],
    "detect to a folder": ["detect", "--input", "no.jpg", "--out", "{}"],
    "detect's report": ["detect", "--input", "no.mp4", "--out", "OK.npz", "--report", "{}.json"],
    "calibrate": ["calibrate", "--portrait", "no.jpg", "--motion", "wave", "--out", "{}.npz"],
    "calibrate's report": [
        "calibrate", "--portrait", "no.jpg", "--motion", "wave", "--out", "OK.npz", "--report", "{}.json",
    ],
    "calibrate's strip": [
        "calibrate", "--portrait", "no.jpg", "--motion", "wave", "--out", "OK.npz", "--strip", "{}.png",
    ],
    "calibrate's preview": [
        "calibrate", "--portrait", "no.jpg", "--motion", "wave", "--out", "OK.npz", "--preview", "{}.mp4",
    ],
    "motion import": ["motion", "import", "no.npz", "{}.npz"],
    "motion trim": ["motion", "trim", "no.npz", "{}.json"],
    "motion preview": ["motion", "preview", "no.npz", "{}.webp"],
    "synthesize": ["synthesize", "motions", "--out", "{}"],
    "evaluate": ["evaluate", "protocol", "--clips", "no", "--out", "{}"],
    "train": ["train", "vae", "--data", "no", "--out", "{}"],
}  # fmt: skip


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that nobody can write to")
@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_every_command_tests_its_output_before_its_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    for place, sentence in (
        ("/proc/o", r"Nothing can be written to /proc"),
        (str(tmp_path / LONG), r"The name x+\.\.\. is too long"),
        (str(tmp_path / "file" / "o"), r"There is no folder|Nothing can be written"),
    ):
        assert cli.main([part.format(place) for part in arguments]) == 2
        said = capsys.readouterr()
        assert re.match(sentence, said.err) and said.err.count("\n") == 1, said.err
    assert os.listdir(tmp_path) == ["file"]


def test_a_missing_folder_is_named_and_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("animate", "detect", "calibrate", "motion import", "motion preview"):
        line = [part.format(tmp_path / "missing" / "o") for part in COMMANDS[name]]
        assert cli.main(line) == 2
        assert "There is no folder" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []


def test_what_is_written_twice_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for out in ("clip.npz", "clip.json", "folder", "clip.webp"):
        action = "preview" if out.endswith(".webp") else "import"
        assert cli.main(["motion", action, "wave", out, *(["--size", "32"] if action == "preview" else [])]) == 0
        assert cli.main(["motion", action, "wave", out]) == 2
        assert capsys.readouterr().err == f"{out} exists already: choose another name, nothing is overwritten.\n"
    assert sorted(os.listdir(tmp_path)) == ["clip.json", "clip.npz", "clip.webp", "folder"]
    assert len(os.listdir("folder")) > 1 and all(name.startswith("folder_0") for name in os.listdir("folder"))
