"""What becomes of a comparison: its videos, numbers and downloads, who may see them, and until when."""

from __future__ import annotations

import csv
import io
import json
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
from ui_fakes import FakePipeline, Server, serve, standing_pose, waving_clip

from vivid.config import RunSettings
from vivid.errors import InputError
from vivid.media.video import probe
from vivid.pose.portrait import make_portrait
from vivid.speech.types import Speech
from vivid.ui.animate.exports import own_job
from vivid.ui.compare import player
from vivid.ui.compare.downloads import KINDS, beside_inputs, make, offered, to_csv
from vivid.ui.compare.measures import QUANTITIES
from vivid.ui.compare.record import Record, record_of, start, stop
from vivid.ui.compare.settings import Variant
from vivid.ui.compare.words import WORDS
from vivid.ui.engine import Engine
from vivid.ui.generation import queue_video
from vivid.ui.visitors import SCOPE, Visitor

MAKER = Visitor("browser 1", "browser 1")
NAMES = {"portrait": "=cmd()", "voice": "<b>hello</b>", "motion": "Wave"}
SOURCES = {"portrait": "animate", "voice": "hello_slt", "motion": "wave"}
TWO = (Variant(seed=3), Variant(seed=3, calibrate=False))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serve(tmp_path, FakePipeline()) as running:
        yield running


def parts() -> Any:
    rng = np.random.default_rng(0)
    portrait = make_portrait(rng.integers(0, 255, (256, 256, 3), dtype=np.uint8), standing_pose(256, 256))
    return portrait, Speech(rng.normal(0, 0.1, 16_000).astype(np.float32)), waving_clip()


def request_of(visitor: Visitor) -> Any:
    return SimpleNamespace(session_hash=visitor.name, request=SimpleNamespace(scope={SCOPE: visitor}))


def begin(server: Server, variants: tuple[Variant, ...] = TWO, look: bool = False) -> Record:
    return start(server.context, request_of(MAKER), SOURCES, NAMES, parts(), variants, look)


def ended(record: Record) -> Record:
    end = time.monotonic() + 60
    while record.current is not None:
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
    return record


def test_columns_are_made_one_after_the_other_and_measured(server: Server) -> None:
    record = ended(begin(server))
    assert [column.letter for column in record.finished] == ["A", "B"]
    assert server.pipeline.most_running == 1
    first, second = (column.numbers for column in record.columns)
    assert first["reach"] is not None and second["reach"] is not None
    assert first["difference"] is None and second["difference"] == pytest.approx(0, abs=0.5)
    assert first["peak_memory"] is None  # a process's peak is nobody's alone
    shown = json.loads(player.show(record, 3600))
    assert shown["token"] == record.token
    assert [column["letter"] for column in shown["columns"]] == ["A", "B"]
    assert "Peak memory" not in shown["table"] and "HKC" not in shown["table"]
    assert "Steps" in shown["table"] and "8" in shown["table"]  # the generator's own number
    assert "<b>hello" not in shown["about"] and "&lt;b&gt;hello" in shown["about"]


def test_the_crop_is_part_of_a_comparison_where_it_changes_the_picture(server: Server) -> None:
    rng = np.random.default_rng(0)
    wide = make_portrait(rng.integers(0, 255, (256, 512, 3), dtype=np.uint8), standing_pose(512, 256))
    for portrait, shown in ((wide, "0.25"), (parts()[0], "")):
        inputs = (portrait, *parts()[1:])
        record = ended(start(server.context, request_of(MAKER), SOURCES, NAMES, inputs, TWO, False, crop=0.25))
        jobs = [server.context.jobs.find(column.job) for column in record.columns]
        assert [job.inputs[3].crop for job in jobs if job is not None] == [0.25, 0.25]
        assert {row["crop"] for row in csv.DictReader(io.StringIO(to_csv(record)))} == {shown}
        table = json.loads(player.show(record, 3600))["table"]
        assert ("Place of the crop" in table) == bool(shown) and ("0.25" in table) == bool(shown)
        with zipfile.ZipFile(make(server.context, record, "zip")) as archive:
            used = json.loads(archive.read("comparison.json"))["columns"][0]["settings"]
        assert used.get("crop") == (0.25 if shown else None)


def test_whoever_has_the_link_may_look_and_nobody_else(server: Server) -> None:
    record = ended(begin(server))
    visitors = server.context.visitors
    assert server.context.records.find(record.token) is record
    for guess in (record.token[:-1], record.token.lower(), str(record.folder), "../" + record.token, None, 3, [record]):
        assert server.context.records.find(guess) is None
    video = str(record.columns[0].output)
    assert visitors.granted("browser 2", video) is not None  # the link's page tells the place
    beside = record.folder / "secret.txt"
    beside.write_text("x")
    for path in (f"{record.folder}/../secret", str(record.folder), str(beside), video.replace("A.mp4", "A.json")):
        assert visitors.granted("browser 2", path) is None
    one = httpx.Client(base_url=server.url)
    assert one.get(f"gradio_api/file={video}").status_code == 200
    assert one.get(f"gradio_api/file={beside}").status_code == 403
    assert one.get(f"gradio_api/file={record.folder}/../../A.mp4").status_code in (403, 404)
    visitors.visitor_bytes = 10
    visitors.check_room(Visitor("browser 2", "browser 2"))  # what others show is not theirs
    with pytest.raises(InputError, match="limit for one"):
        visitors.check_room(MAKER)
    with pytest.raises(InputError, match="limit for one"):
        make(server.context, record, "zip")  # nor does a looker's click take the maker past it


def test_a_single_video_is_its_makers_until_it_is_shared(server: Server) -> None:
    context, names = server.context, {"portrait": "王", "voice": "Hello", "motion": "Wave"}
    folder = context.visitors.new_file(request_of(MAKER), "")  # type: ignore[arg-type]
    folder.mkdir()
    job = queue_video(context, *parts(), RunSettings(), new_video(server, folder / "a.mp4"), visitor=MAKER)
    while not job.finished:
        time.sleep(0.02)
    assert own_job(context, request_of(MAKER), job.name) is job
    for visitor, name in ((Visitor("browser 2", "browser 2"), job.name), (MAKER, "x" * 22), (MAKER, None)):
        with pytest.raises(InputError, match="no finished video of yours"):
            own_job(context, request_of(visitor), name)
    record = record_of(context, job, names)
    assert record_of(context, job, names) is record and context.records.find(record.token) is record
    assert offered(record) == ("zip",)
    for kind in ("video", "csv"):
        with pytest.raises(InputError):
            make(context, record, kind)  # a looker makes nobody work
    beside = beside_inputs(context, record, job.inputs[0], job.inputs[2])
    info, alone = probe(beside), probe(job.output)
    assert beside.name == "a_side-by-side.mp4" and info.has_sound and info.seconds == alone.seconds
    assert offered(record) == ("video", "zip")
    for path in (beside, job.output):
        assert context.visitors.granted("browser 2", str(path)) is None
        assert context.visitors.granted(MAKER.owner, str(path)) is not None
    with zipfile.ZipFile(make(context, record, "zip")) as archive:
        assert set(archive.namelist()) == {"A_fake.mp4", "a_side-by-side.mp4", "comparison.json"}


def new_video(server: Server, path: Path) -> Path:
    server.context.visitors.grant(MAKER.owner, path)
    return path


def test_it_goes_with_its_makers_files(server: Server) -> None:
    record = ended(begin(server))
    while server.context.jobs.busy:  # what stands beside a video is written last
        time.sleep(0.02)
    server.context.visitors.clean(time.time() + 2 * server.context.visitors.keep_seconds)
    assert server.context.records.find(record.token) is None


def test_everything_can_be_taken_along(server: Server) -> None:
    record = ended(begin(server, (*TWO, Variant(seed=4, steps=5))))
    rows = list(csv.DictReader(io.StringIO(make(server.context, record, "csv").read_text())))
    assert {row["column"] for row in rows} == {"A", "B", "C"}
    flicker = next(row for row in rows if row["column"] == "B" and row["quantity"] == "bone_error")
    assert (flicker["unit"], flicker["better"], flicker["calibrate"]) == ("%", "lower", "False")
    assert float(flicker["value"]) == record.columns[1].numbers["bone_error"]
    assert flicker["portrait"] == "'=cmd()"  # no formula
    assert flicker["version"] and flicker["made"].endswith("UTC") and flicker["model"] == "fake"
    assert {row["steps"] for row in rows if row["column"] == "C"} == {"5"}
    video = probe(make(server.context, record, "video"))
    assert video.width > 3 * 128 and video.has_sound
    with zipfile.ZipFile(make(server.context, record, "zip")) as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) == {
            "A_fake.mp4", "B_fake.mp4", "C_fake.mp4", "side-by-side.mp4", "comparison.csv", "comparison.json",
        }  # fmt: skip
        about = json.loads(archive.read("comparison.json"))
    assert about["quantities"]["reach"] == {"unit": "%", "better": "higher"}
    assert str(record.folder) not in json.dumps(about)
    for kind in KINDS:
        assert server.context.visitors.granted("browser 2", str(record.folder / KINDS[kind])) is not None


def test_a_column_that_is_refused_says_why_and_the_next_is_made(server: Server) -> None:
    usual = server.pipeline.animate

    def animate(*given: Any, **more: Any) -> Iterator[Any]:
        if given[3].calibrate:
            raise InputError("The head is turned away: choose another picture.")
        yield from usual(*given, **more)

    server.pipeline.animate = animate  # type: ignore[method-assign]
    record = ended(begin(server))
    assert record.columns[0].error.startswith("The head is turned away")
    assert record.columns[1].result is not None
    shown = json.loads(player.show(record, 3600))
    assert "turned away" in shown["columns"][0]["error"] and shown["columns"][0]["url"] == ""
    with pytest.raises(InputError, match="Two finished videos"):
        make(server.context, record, "video")
    assert {row["column"] for row in csv.DictReader(io.StringIO(to_csv(record)))} == {"B"}


def test_stopping_keeps_what_is_finished(server: Server) -> None:
    server.pipeline.pause = 0.1
    record = begin(server, (*TWO, Variant(seed=9)))
    end = time.monotonic() + 30
    while not record.finished:
        assert time.monotonic() < end
        time.sleep(0.01)
    server.pipeline.go.clear()
    with pytest.raises(InputError, match="still being made"):
        make(server.context, record, "csv")
    stop(server.context, record)
    server.pipeline.go.set()
    time.sleep(0.5)
    assert not server.context.jobs.busy and server.context.jobs.waiting == 0
    assert len(record.finished) < 3 and record.columns[0].output.is_file()
    assert make(server.context, record, "csv").is_file()


def test_a_video_that_is_stopped_while_it_is_measured_counts_for_nothing(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go = threading.Event(), threading.Event()

    def slow(*args: object) -> dict[str, None]:
        begun.set()
        go.wait(10)
        return {}

    monkeypatch.setattr("vivid.ui.compare.record.measured", slow)
    record = begin(server, TWO)
    assert begun.wait(10)
    stop(server.context, record)
    go.set()
    end = time.monotonic() + 10
    while server.context.jobs.busy:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert not record.finished and not record.columns[0].output.exists()


def test_columns_of_different_generators(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    other = FakePipeline(steps=1)
    other.capabilities = other.capabilities.__class__(**{**vars(other.capabilities), "name": "layered"})
    engine = Engine(lambda: other)  # type: ignore[arg-type, return-value]
    engine.pipeline()
    monkeypatch.setitem(server.context.others, "layered", engine)
    record = ended(begin(server, (Variant(), Variant(model="layered"))))
    assert [column.result.model for column in record.columns if column.result] == ["fake", "layered"]
    rows = {row["column"]: row for row in csv.DictReader(io.StringIO(to_csv(record)))}
    assert rows["A"]["steps"] == "8" and rows["B"]["steps"] == ""  # the other one has none to choose
    assert rows["B"]["seed"] == "" and rows["B"]["width"] == "128"
    assert other.steps_done > 0 and server.pipeline.steps_done > 0
    with pytest.raises(InputError, match="not ready"):
        begin(server, (Variant(model="full"), Variant()))
    assert server.context.jobs.waiting == 0


def test_every_number_has_a_name_and_a_unit_in_both_languages() -> None:
    for name, quantity in QUANTITIES.items():
        assert f"compare_row_{name}" in WORDS
        assert (f"compare_unit_{name}" in WORDS) == bool(quantity.unit)
