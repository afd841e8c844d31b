"""Many videos from a table: what rows may say, what is made once, what becomes of faults, deaths and kills."""

from __future__ import annotations

import csv
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from batch_fakes import DIES, FAULTY, REFUSED, die, make_worker, refuse

from vivid import inputs
from vivid.batch.rows import TOGETHER, Row, chunks, read_rows
from vivid.batch.run import RESULTS, Count, run_batch
from vivid.batch.worker import BatchWorker
from vivid.cli import main
from vivid.errors import InputError
from vivid.media.outputs import NO_SPACE, OutputError
from vivid.media.video import read_frames
from vivid.workers import Make, Processes, RayActors

ROOT = Path(__file__).parents[1]
ADA, BEN = (ROOT / "examples" / "portraits" / f"{name}.jpg" for name in ("ada", "ben"))
VOICE = ROOT / "examples" / "voices" / "hello_slt.mp3"


def table(path: Path, rows: list[dict[str, Any]]) -> Path:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    return path


def jobs(path: Path, seeds: list[int], portrait: Path = ADA, **more: Any) -> Path:
    rows = [{"portrait": portrait, "audio": VOICE, "seed": seed, "seconds": 0.5, **more} for seed in seeds]
    return table(path, rows)


def results(folder: Path) -> list[dict[str, str]]:
    with (folder / RESULTS).open(encoding="utf-8", newline="") as file:
        return sorted(csv.DictReader(file), key=lambda row: int(row["row"]))


def videos_in(folder: Path) -> list[Path]:
    """The finished ones."""
    return list(folder.glob("[0-9a-f][0-9a-f]/*.mp4"))


def alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has buried yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def begun(folder: Path) -> Counter[int]:
    """How often each seed's video was begun."""
    log = folder.with_suffix(".log")
    return Counter(int(line.split()[0]) for line in log.read_text().splitlines()) if log.exists() else Counter()


def batch(path: Path, folder: Path, workers: int = 1, make: Callable[..., BatchWorker] = make_worker) -> Count:
    folder.mkdir(exist_ok=True)
    pool = Processes(functools.partial(make, folder), workers, 1)
    return run_batch(read_rows(path), pool, folder, lambda count: None)


# -- the table --------------------------------------------------------------------------------------------------------


def test_paths_are_relative_to_the_table_and_options_named_as_animates(tmp_path: Path) -> None:
    (tmp_path / "wave").mkdir()  # a folder beside the table goes before the clip of that name
    path = tmp_path / "jobs.csv"
    path.write_text(
        "\ufeffPortrait,voice,motion,name,size,seed,guidance-audio,no-calibration,no_mark\n"
        "a.jpg,sub/b.wav,wave,set/one.mp4,512x768,7,2.5,yes,\n"
        "\n"
        '/x/c.jpg,"d,e.wav",calm,,,,,,1\n'
    )
    one, two = read_rows(path)
    assert (one.portrait, one.audio, one.motion) == (
        tmp_path / "a.jpg", tmp_path / "sub" / "b.wav", str(tmp_path / "wave"),
    )  # fmt: skip
    assert (one.number, one.name, two.number, two.motion) == (1, "set/one", 2, "calm")
    settings = one.settings
    assert (settings.width, settings.height, settings.seed, settings.guidance_audio) == (512, 768, 7, 2.5)
    assert not settings.calibrate and settings.mark and settings.head_stream
    assert two.portrait == Path("/x/c.jpg") and two.audio == tmp_path / "d,e.wav" and not two.settings.mark


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column portrait"),
        ("portrait;audio\na;b\n", "separate columns by commas"),
        ("portrait,audio,speed\na,b,1\n", "a column 'speed'"),
        ("portrait,voice,audio\na,b,c\n", "twice"),
        ("portrait\na\n", "no column audio"),
    ],
)
def test_a_wrong_head_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "jobs.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        list(read_rows(tmp_path / "jobs.csv"))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"seed": "many"}, "seed is 'many'"),
        ({"seed": "-1"}, "choose a whole number"),
        ({"size": "big"}, "WIDTHxHEIGHT"),
        ({"name": "../../etc/x"}, "leads out of the output folder"),
        ({"name": "/etc/x"}, "leads out of the output folder"),
        ({"name": "x" * 300}, "too long"),
        ({"no_mark": "perhaps"}, "write yes"),
        ({"audio": ""}, "names no audio"),
    ],
)
def test_what_is_wrong_in_a_row_stays_in_it(tmp_path: Path, values: dict[str, str], said: str) -> None:
    good = {"portrait": "a.jpg", "audio": "b.wav", **dict.fromkeys(values, "")} | {"audio": "b.wav"}
    first, second = read_rows(table(tmp_path / "jobs.csv", [good | values, good]))
    assert said in first.error and second.error == ""


def test_neighbours_with_one_portrait_go_to_one_worker() -> None:
    rows = [Row(k, portrait=Path("a" if k < 11 else "b")) for k in range(14)]
    assert [len(chunk) for chunk in chunks(iter(rows))] == [TOGETHER, 11 - TOGETHER, 3]


# -- what is made, and made once --------------------------------------------------------------------------------------


def test_a_row_becomes_a_video_with_a_record_and_a_line(tmp_path: Path) -> None:
    out = tmp_path / "out"
    count = batch(jobs(tmp_path / "jobs.csv", [1, 2, 1], motion="wave"), out)
    assert (count.made, count.kept, count.failed) == (2, 1, 0)  # the third is the first again
    rows = results(out)
    assert [row["state"] for row in rows] == ["done"] * 3
    assert rows[0]["video"] == rows[2]["video"] != rows[1]["video"]
    video = out / rows[0]["video"]
    assert len(list(read_frames(video))) == 4
    record = json.loads(video.with_suffix(".json").read_text())
    assert (
        record["settings"]["seed"] == 1 and record["model"] == "grey" and record["notices"][-1] == "One arm is still."
    )
    assert record["inputs"]["motion"] == "wave" and len(record["inputs_sha256"]["portrait"]) == 64
    assert record["cpu_seconds"] > 0 and float(rows[0]["cpu_seconds"]) == record["cpu_seconds"]
    before = video.stat().st_mtime_ns
    again = batch(tmp_path / "jobs.csv", out, workers=2)
    assert (again.made, again.kept) == (0, 3)
    assert results(out) == rows and video.stat().st_mtime_ns == before
    assert begun(out) == {1: 1, 2: 1}


def test_only_what_has_changed_is_made_anew(tmp_path: Path) -> None:
    out, portrait = tmp_path / "out", tmp_path / "me.jpg"
    shutil.copy(ADA, portrait)
    path = jobs(tmp_path / "jobs.csv", [1, 2], portrait)
    batch(path, out)
    jobs(path, [2, 3, 1], portrait)
    assert batch(path, out).made == 1
    shutil.copy(BEN, portrait)  # another picture under the same name
    assert batch(path, out).made == 3
    assert begun(out) == {1: 2, 2: 2, 3: 2}


def test_an_earlier_result_is_never_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "out"
    batch(jobs(tmp_path / "jobs.csv", [1], name="mine"), out)
    first = (out / "mine.mp4").read_bytes()
    (out / "other.mp4").write_bytes(b"somebody's")
    (out / "other.json").write_text("no record")
    rows = [
        {"portrait": ADA, "audio": VOICE, "seed": 2, "name": "mine"},
        {"portrait": ADA, "audio": VOICE, "seed": 2, "name": "other"},
    ]
    assert batch(table(tmp_path / "jobs.csv", rows), out).failed == 2
    assert "made from other inputs" in results(out)[0]["error"]
    assert "exists already" in results(out)[1]["error"]
    assert (out / "mine.mp4").read_bytes() == first
    assert (out / "other.mp4").read_bytes() == b"somebody's"


def test_a_record_without_its_video_counts_for_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    path = jobs(tmp_path / "jobs.csv", [1])
    batch(path, out)
    (out / results(out)[0]["video"]).unlink()  # as a kill between the two leaves it
    assert batch(path, out).made == 1
    assert (out / results(out)[0]["video"]).is_file()


def test_equal_rows_at_one_time_become_one_video(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    rows = [
        {"portrait": portrait, "audio": VOICE, "seed": 1, "name": "same"}
        for portrait in (ADA, shutil.copy(ADA, tmp_path))
    ]
    pool = Processes(functools.partial(make_worker, out, 0.3), 2, 1)
    count = run_batch(read_rows(table(tmp_path / "jobs.csv", rows)), pool, out, lambda count: None)
    assert (count.made, count.kept, count.failed) == (1, 1, 0)
    assert begun(out) == {1: 1}


def test_a_portrait_is_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Path] = []
    usual = inputs.load_portrait
    monkeypatch.setattr(inputs, "load_portrait", lambda path: looked.append(path) or usual(path))
    worker = make_worker(tmp_path / "out")
    for portrait in (ADA, BEN):
        rows = tuple(read_rows(jobs(tmp_path / "jobs.csv", [1, 2, 3], portrait)))
        assert [outcome.error for outcome in worker.run(rows)] == ["", "", ""]
    assert looked == [ADA, BEN]
    many = [shutil.copy(ADA, tmp_path / f"{k}.jpg") for k in range(9)]
    for portrait in many:
        worker.run(tuple(read_rows(jobs(tmp_path / "jobs.csv", [1], Path(portrait)))))
    assert len(worker._portraits._values) <= 4


# -- faults, deaths, kills --------------------------------------------------------------------------------------------


def test_a_failure_is_a_sentence_and_the_rest_is_made(tmp_path: Path) -> None:
    out = tmp_path / "out"
    rows = [{"portrait": ADA, "audio": VOICE, "seed": seed} for seed in (1, FAULTY, REFUSED, 2)]
    rows.append({"portrait": tmp_path / "none.jpg", "audio": VOICE, "seed": 3})
    count = batch(table(tmp_path / "jobs.csv", rows), out, workers=2)
    assert (count.made, count.failed) == (2, 3)
    errors = [row["error"] for row in results(out)]
    assert errors[0] == errors[3] == ""
    assert errors[1].startswith("A fault of the program") and "two lines" not in errors[1]
    assert errors[2].startswith("The head is turned away") and "There is no file" in errors[4]
    assert not list(out.rglob(".vivid-*"))


def test_a_worker_that_dies_loses_only_its_row(tmp_path: Path) -> None:
    out = tmp_path / "out"
    count = batch(jobs(tmp_path / "jobs.csv", [1, 2, DIES, 3, 4, 5]), out, workers=2)
    assert (count.made + count.kept, count.failed) == (5, 1)
    assert "died at this row 2 times" in results(out)[2]["error"]
    assert {seed: times for seed, times in begun(out).items() if seed != DIES} == dict.fromkeys([1, 2, 3, 4, 5], 1)


@pytest.mark.parametrize(("make", "said"), [(refuse, "There is no model"), (die, "Worker after worker dies")])
def test_workers_that_cannot_be_made_end_it_with_a_sentence(tmp_path: Path, make: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        batch(jobs(tmp_path / "jobs.csv", list(range(20))), tmp_path / "out", make=make)


def test_a_full_disk_ends_it(tmp_path: Path) -> None:
    class Full(Processes):
        def wait(self) -> Any:
            for chunk, outcomes in super().wait():
                assert outcomes is not None
                yield chunk, [type(outcomes[0])(chunk[0].number, error=NO_SPACE)]

    (tmp_path / "out").mkdir()
    pool = Full(functools.partial(make_worker, tmp_path / "out"), 1, 1)
    path = jobs(tmp_path / "jobs.csv", list(range(30)))
    with pytest.raises(InputError, match="run the same command again"):
        run_batch(read_rows(path), pool, tmp_path / "out", lambda count: None)
    assert len(results(tmp_path / "out")) == 1


DRIVER = """
import functools, sys
from pathlib import Path
sys.path[:0] = [{tests!r}, {root!r}]
if __name__ == "__main__":
    from batch_fakes import make_worker
    from vivid.batch.rows import read_rows
    from vivid.batch.run import run_batch
    from vivid.media.outputs import run_folder
    from vivid.workers import Processes
    with run_folder(Path({out!r})) as out:
        pool = Processes(functools.partial(make_worker, out, 0.05), 2, 1)
        run_batch(read_rows(Path({jobs!r})), pool, out, lambda count: None)
"""


def test_killed_and_started_again_nothing_is_lost_and_nothing_made_twice(tmp_path: Path) -> None:
    out, seeds = tmp_path / "out", list(range(40))
    path = jobs(tmp_path / "jobs.csv", seeds)
    script = tmp_path / "driver.py"
    script.write_text(DRIVER.format(tests=str(ROOT / "tests"), root=str(ROOT), out=str(out), jobs=str(path)))

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, str(script)], cwd=ROOT, stdout=subprocess.DEVNULL)

    finished = 0
    for _ in range(2):
        with start() as process:
            end = time.monotonic() + 60
            while len(videos_in(out)) < finished + 5:
                assert process.poll() is None and time.monotonic() < end
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)
        time.sleep(1.5)  # its workers end by themselves
        finished = len(videos_in(out))
        assert 0 < finished < len(seeds)
        pids = {int(line.split()[1]) for line in out.with_suffix(".log").read_text().splitlines()}
        assert not [pid for pid in pids if alive(pid)]
    with start() as process:
        assert process.wait() == 0
    assert [row["state"] for row in results(out)] == ["done"] * len(seeds)
    videos = [out / row["video"] for row in results(out)]
    assert len(set(videos)) == len(seeds)
    assert all(len(list(read_frames(video))) == 4 for video in videos[::8])
    assert not list(out.rglob(".vivid-*"))
    # What was made before a kill was not begun again; what the kills cut off was, at most one a worker and kill.
    repeated = sum(times - 1 for times in begun(out).values())
    assert set(begun(out)) == set(seeds) and repeated <= 2 * 2


def test_a_second_run_of_one_folder_is_refused(tmp_path: Path) -> None:
    from vivid.media.outputs import run_folder

    with run_folder(tmp_path / "out"), pytest.raises(OutputError, match="another run"), run_folder(tmp_path / "out"):
        pass


def test_the_command_says_what_is_wrong_before_it_loads_a_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "jobs.csv").write_text("portrait,audio\n")
    assert main(["batch", str(tmp_path / "jobs.csv"), "--out", str(tmp_path / "out")]) == 2
    assert "no rows below its head" in capsys.readouterr().err
    assert main(["batch", str(tmp_path / "none.csv"), "--out", str(tmp_path / "out")]) == 2
    assert "cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_without_ray_its_option_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    make: Make = functools.partial(make_worker, tmp_path)
    with pytest.raises(InputError, match=r"requirements-scale\.txt"):
        RayActors(make, 1, 1, "local", gpu=False)


def test_ray_actors_do_what_processes_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]))
    out = tmp_path / "out"
    out.mkdir()
    path = jobs(tmp_path / "jobs.csv", [1, FAULTY, DIES, 2, 3])
    pool = RayActors(functools.partial(make_worker, out), 2, 1, "local", gpu=False)
    count = run_batch(read_rows(path), pool, out, lambda count: None)
    assert (count.made + count.kept, count.failed) == (3, 2)
    assert begun(out)[1] == begun(out)[2] == begun(out)[3] == 1


@pytest.mark.slow
def test_the_layered_generator_killed_twice(tmp_path: Path) -> None:
    """The real thing, by its command."""
    rows = [
        {"portrait": portrait, "audio": VOICE, "motion": motion, "seconds": 0.5, "size": "256x256", "seed": seed}
        for portrait in (ADA, BEN)
        for motion in ("calm", "wave")
        for seed in range(4)
    ]
    path, out = table(tmp_path / "jobs.csv", rows), tmp_path / "out"
    line = [
        sys.executable,
        "-m",
        "vivid",
        "batch",
        str(path),
        "--out",
        str(out),
        "--model",
        "layered",
        "--workers",
        "2",
    ]
    for least in (2, 8):
        with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while len(videos_in(out)) < least:
                assert process.poll() is None
                time.sleep(0.05)
            process.send_signal(signal.SIGKILL)
        time.sleep(1)
    done = subprocess.run(line, cwd=ROOT, capture_output=True, check=True)
    answer = json.loads(done.stdout)
    assert answer["made"] + answer["kept"] == len(rows) and answer["kept"] >= 8 and answer["failed"] == 0
    for row in results(out):
        frames = list(read_frames(out / row["video"]))
        assert len(frames) == 12 and frames[0].shape == (256, 256, 3)
