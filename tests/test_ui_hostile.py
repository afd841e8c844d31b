"""Strangers who send whatever they like: no file but their own is opened, and every answer is a sentence."""

from __future__ import annotations

import base64
import functools
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from ui_fakes import FakePipeline, Server, detect_standing, serve, waving_clip, write_portrait, write_voice

from vivid import inputs
from vivid.pose.clips import save_clip
from vivid.ui.inspect.tab import MOST_UPLOADS
from vivid.ui.widgets import PATH_FIELDS

FILE_FIELDS = ("image", "audio", "video", "file", "gallery", "imageslider", "downloadbutton")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inputs, "detect_picture", detect_standing)
        with serve(tmp_path_factory.mktemp("server"), FakePipeline()) as running:
            yield running


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture on the server's disk that nobody has uploaded."""
    return write_portrait(tmp_path_factory.mktemp("home") / "secret.png")


@functools.cache
def configuration(url: str) -> dict[str, Any]:
    """What the page tells of its events and components."""
    return httpx.get(f"{url}config", timeout=60).json()


class Stranger:
    """Speaks plain HTTP, with cookies of their own as a browser has them when `browser`."""

    def __init__(self, server: Server, browser: bool = False) -> None:
        self.http = httpx.Client(base_url=server.url, timeout=60)
        if browser:
            self.http.get("/")
            assert "vivid_visitor" in self.http.cookies
        config = configuration(server.url)
        self.events = {event["id"]: event for event in config["dependencies"] if event["backend_fn"]}
        self.components = {part["id"]: part for part in config["components"]}

    def upload(self, path: Path) -> str:
        """The path that the server answers."""
        return self.http.post("/gradio_api/upload", files={"files": (path.name, path.read_bytes())}).json()[0]

    def event(self, api_name: str) -> int:
        """The number of a public event."""
        return next(number for number, event in self.events.items() if event["api_name"] == api_name)

    def join(self, event: int, data: list[Any], **more: Any) -> dict[str, Any]:
        """The last message about an event that went through the queue."""
        session = uuid.uuid4().hex
        body = {"data": data, "fn_index": event, "session_hash": session, **more}
        text = json.dumps(body)  # httpx refuses what is not UTF-8
        sent = self.http.post("/gradio_api/queue/join", content=text, headers={"content-type": "application/json"})
        assert sent.status_code == 200, sent.text
        with self.http.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as answer:
            for line in answer.iter_lines():
                if line.startswith("data:") and '"process_completed"' in line:
                    return json.loads(line[5:])
        raise AssertionError("no answer")

    def refusal(self, event: int, data: list[Any], **more: Any) -> str:
        """The sentence that an event is refused with."""
        message = self.join(event, data, **more)
        assert not message["success"], message
        sentence = message["output"]["error"]
        assert isinstance(sentence, str) and len(sentence) > 20, message
        assert "Traceback" not in sentence
        return sentence


def forms(path: str) -> dict[str, Any]:
    """Ways to speak of a file on the server's disk."""
    meta = {"_type": "gradio.FileData"}
    return {
        "bare": {"path": path},
        "with meta": {"path": path, "meta": meta},
        "strange meta": {"path": path, "meta": {"_type": "x"}},
        "meta of another type": {"path": path, "meta": "gradio.FileData"},
        "with url": {"path": path, "url": "/gradio_api/file=" + path, "meta": meta},
        "with data url": {"path": path, "url": "data:image/png;base64,AAAA", "meta": meta},
        "url alone": {"path": None, "url": "file://" + path, "meta": meta},
        "path as url": {"path": "file://" + path, "meta": meta},
        "stream": {"path": path, "is_stream": True, "meta": meta},
        "list": [{"path": path, "meta": meta}],
        "gallery": [{"image": {"path": path}, "caption": None}],
        "pair": [[{"path": path}, None]],
        "nested": {"video": {"path": path}, "subtitles": None},
        "deep": {"a": [{"b": {"path": path, "meta": meta}}]},
        "value": {"value": {"path": path, "meta": meta}},
        "update": {"__type__": "update", "value": {"path": path, "meta": meta}},
        "text": path,
        "list of text": [path],
        "dots": {"path": f"/tmp/../{path}"},
        "list as path": {"path": [path]},
        "object as path": {"path": {"path": path}},
    }


def fields(stranger: Stranger, event: dict[str, Any]) -> list[int]:
    """Which inputs of an event are files."""
    return [index for index, number in enumerate(event["inputs"]) if stranger.components[number]["type"] in FILE_FIELDS]


def test_no_form_of_a_payload_opens_a_file_that_was_not_uploaded(server: Server, secret: Path) -> None:
    stranger = Stranger(server)
    tried = 0
    events = [event for event in stranger.events.values() if fields(stranger, event)]
    assert {event["api_name"] for event in events} >= {"check_portrait", "calibrate_pose", "animate"}
    assert len(events) > 6  # the page's own as well, which anybody can call by their numbers
    for event in events:
        # every form once, and for the page's own events the two that Gradio treats differently
        chosen = list(forms("")) if event["api_name"] == "check_portrait" else ["bare"]
        for name in chosen:
            answers = set()
            for path in (str(secret), "/etc/nosuchfile"):
                data: list[Any] = [None] * len(event["inputs"])
                for index in fields(stranger, event):
                    data[index] = forms(path)[name]
                answers.add(stranger.refusal(event["id"], data))
                tried += 1
            assert len(answers) == 1, (event["api_name"], name, answers)  # or it tells which files there are
            assert str(secret.parent) not in answers.pop()
    assert tried > 50


@pytest.mark.parametrize("route", ["run", "api", "call", "call/v2"])
def test_the_other_ways_into_an_event_are_guarded_too(server: Server, secret: Path, route: str) -> None:
    http = httpx.Client(base_url=f"{server.url}gradio_api/", timeout=60)
    file = {"path": str(secret)}
    body: Any = {"portrait": file} if route == "call/v2" else {"data": [file]}
    answer = http.post(f"{route}/check_portrait", json=body)
    text = answer.text
    if answer.status_code == 200 and "event_id" in answer.json():
        text = http.get(f"{route}/check_portrait/{answer.json()['event_id']}").text
    assert "not yours" in text
    assert "findings" not in text


def test_what_holds_no_file_of_the_visitor_is_refused_in_a_sentence(server: Server, secret: Path) -> None:
    stranger = Stranger(server)
    event = stranger.event("check_portrait")
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n(/etc/passwd) (r) file\n"
    png = base64.b64encode(secret.read_bytes()).decode()[:90_000]
    strange: list[Any] = [
        f"data:image/png;base64,{png}",
        {"path": None, "url": f"data:image/png;base64,{png}"},
        {"url": "data:application/postscript;base64," + base64.b64encode(eps).decode()},
        {"path": "x", "url": f"data:image/png;base64,{png}", "meta": {"_type": "gradio.FileData"}},
        {"path": server.url, "meta": {"_type": "gradio.FileData"}},
        {"path": "https://example.com/a.png", "url": "https://example.com/a.png"},
        {"url": "https://example.com/a.png"},
        png, 3, -1.5, True, [], {}, [None], [[]], "", "\0", "x" * 5000, {"path": ""}, {"path": "\0"},
        {"path": "x" * 5000}, {"path": "\ud800"}, {"path": True}, {"path": 1e300},
        {"meta": {"_type": "gradio.FileData"}},
    ]  # fmt: skip
    for value in strange:
        assert stranger.refusal(event, [value]), value
    deep: Any = {"path": str(secret)}
    for _ in range(50):  # the border refuses 64
        deep = [deep]
    assert stranger.refusal(event, [deep])


def test_an_upload_is_its_visitors_alone(server: Server, secret: Path, tmp_path: Path) -> None:
    mine = write_portrait(tmp_path / "mine.png", seed=5)
    one, two, program = Stranger(server, browser=True), Stranger(server, browser=True), Stranger(server)
    path = one.upload(mine)
    event = one.event("check_portrait")
    assert one.join(event, [{"path": path}])["success"]
    assert one.join(event, [{"path": path, "url": "data:,x", "meta": {"_type": "gradio.FileData"}}])["success"]
    assert one.http.get(f"/gradio_api/file={path}").content == mine.read_bytes()
    for other in (two, program):
        assert "not yours" in other.refusal(event, [{"path": path, "meta": {"_type": "gradio.FileData"}}])
        refused = other.http.get(f"/gradio_api/file={path}")
        missing = other.http.get(f"/gradio_api/file={path}x")
        assert (refused.status_code, refused.text) == (missing.status_code, missing.text) == (403, refused.text)
    again = two.upload(mine)  # the same content makes it theirs too
    assert two.join(event, [{"path": again}])["success"]
    assert one.join(event, [{"path": path}])["success"]


def test_a_result_is_its_visitors_alone(server: Server, tmp_path: Path) -> None:
    save_clip(waving_clip(), tmp_path / "wave.npz")
    one, two = Stranger(server, browser=True), Stranger(server, browser=True)
    files = [write_portrait(tmp_path / "p.png"), write_voice(tmp_path / "v.wav"), tmp_path / "wave.npz"]
    portrait, voice, clip = ({"path": one.upload(file)} for file in files)
    overlays = one.join(one.event("calibrate_pose"), [portrait, clip, "", 0])["output"]["data"]
    video = one.join(one.event("animate"), [portrait, voice, clip, "", "fast", 0, 0, 0, 0, True])["output"]["data"][0]
    for answer in (*overlays[:3], video):
        assert one.http.get(f"/gradio_api/file={answer['path']}").status_code == 200
        assert two.http.get(f"/gradio_api/file={answer['path']}").status_code == 403
        assert two.http.get(answer["url"]).status_code == 403


def test_doors_of_gradio_that_the_page_does_not_need_are_shut(server: Server, secret: Path) -> None:
    one = Stranger(server)
    session = uuid.uuid4().hex
    for path in (
        "proxy=https://example.com", "file=https://example.com/", f"file={secret}", f"file/{secret}",
        "file=/proc/self/environ",
        f"deep_link?session_hash={session}", "stream/x/y/1/playlist-file", "vibe-code", "runs", "dev/reload",
        "monitoring", "custom_component/1/client/component/../../../etc/passwd",
    ):  # fmt: skip
        assert one.http.get(f"/gradio_api/{path}").status_code in (403, 404), path
    for path in ("monitoring", "monitoring/summary", "monitoring/x", "login", "logout", "docs", "openapi.json"):
        assert one.http.get(f"/{path}").status_code in (404, 405), path
    for path in ("process_recording", "vibe-edit", "undo-vibe-edit", "stream/x", "stream/x/close"):
        assert one.http.post(f"/gradio_api/{path}", json={}).status_code == 404, path


def test_every_file_input_hands_on_its_path(server: Server, tmp_path: Path) -> None:
    """Gradio's own preprocess would open files with every decoder that Pillow and ffmpeg have."""
    from vivid.ui.page import build_page

    page = build_page(server.context)
    found = [
        component for event in page.fns.values() for component in event.inputs
        if component.get_block_name() in FILE_FIELDS
    ]  # fmt: skip
    assert len(found) > 6
    assert all(isinstance(component, PATH_FIELDS) for component in found)


def test_pictures_that_pillow_would_give_to_other_programs_are_refused(server: Server, tmp_path: Path) -> None:
    one = Stranger(server)
    for name, kind in (("a.eps", "EPS"), ("b.png", "EPS"), ("c.jpg", "PPM"), ("d.png", "ICO"), ("e.png", "PDF")):
        Image.new("RGB", (128, 128), (200, 30, 30)).save(tmp_path / name, kind)
        sentence = one.refusal(one.event("check_portrait"), [{"path": one.upload(tmp_path / name)}])
        assert "cannot be read as a picture" in sentence, (name, sentence)


def test_values_of_a_wrong_type_are_refused_in_a_sentence(server: Server, tmp_path: Path) -> None:
    one = Stranger(server)
    portrait = {"path": one.upload(write_portrait(tmp_path / "p.png"))}
    voice = {"path": one.upload(write_voice(tmp_path / "v.wav"))}
    names = ("portrait", "voice", "motion", "motion_name", "quality", "steps", "audio", "image", "seed", "calibrate")
    good = dict(zip(names, [portrait, voice, None, "calm", "fast", 0, 0, 0, 0, True], strict=True))
    strange: list[tuple[str, Any]] = [
        ("steps", "abc"), ("steps", -1), ("steps", True), ("steps", [1]), ("steps", {}), ("steps", 1e308),
        ("steps", float("nan")), ("audio", "x"), ("audio", float("inf")), ("image", [[]]), ("seed", {}), ("seed", 1e30),
        ("seed", "seven"), ("quality", None), ("quality", ["fast"]), ("quality", 5), ("quality", {"a": 1}),
        ("calibrate", "yes"), ("calibrate", None), ("calibrate", 2), ("motion_name", ["calm"]),
        ("motion_name", {"a": 1}), ("motion_name", 7), ("portrait", 3), ("voice", portrait), ("voice", True),
        ("voice", "x"), ("motion", voice), ("motion", []),
    ]  # fmt: skip
    event = one.event("animate")
    for name, value in strange:
        sentence = one.refusal(event, list({**good, name: value}.values()))
        assert "our side" not in sentence, (name, value, sentence)
    for data in ([], [portrait], [portrait, None, "wave", "x"], [portrait, None, "wave", float("nan")]):
        assert "our side" not in one.refusal(one.event("calibrate_pose"), data)
    assert one.join(one.event("calibrate_pose"), [portrait, None, "wave", None])["success"]


def test_more_steps_than_the_model_can_make_are_refused(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would hold the line for everybody."""
    one_step = FakePipeline(steps=1)
    monkeypatch.setattr(server.pipeline, "capabilities", one_step.capabilities)
    one = Stranger(server)
    portrait = {"path": one.upload(write_portrait(tmp_path / "p.png"))}
    voice = {"path": one.upload(write_voice(tmp_path / "v.wav"))}
    data = [portrait, voice, None, "calm", "fast", 999, 0, 0, 0, True]
    assert "one step" in one.refusal(one.event("animate"), data)


def test_nothing_of_a_link_or_a_name_is_markup(server: Server, tmp_path: Path) -> None:
    """The page shows as HTML what its own events say."""
    one = Stranger(server)
    markup = "<b>Session over</b> <a href='http://evil.example/login'>Sign in again</a>"

    def said(event: str, data: list[Any], **query: str) -> str:
        session = uuid.uuid4().hex
        body = {"data": data, "fn_index": one.event(event), "session_hash": session}
        assert one.http.post("/gradio_api/queue/join", params=query, json=body).status_code == 200
        return one.http.get("/gradio_api/queue/data", params={"session_hash": session}).text

    answer = said("arrive", [None], compare=json.dumps({"columns": [{"seed": markup}, {}]}))
    assert "&lt;b&gt;Session" in answer and "<b>" not in answer and "evil.example" not in answer  # cut short before
    answer = said("arrive", [None], compare=json.dumps({"columns": [{}, {}], "portrait": markup}))
    assert "&lt;b&gt;Session" in answer and "<b>" not in answer
    for name, content in (("<img src=x>.json", b"{}"), ("<b>.npz", b"no clip")):
        (tmp_path / name).write_bytes(content)
        answer = said("open_clip", [{"path": one.upload(tmp_path / name)}, None])
        assert "process_completed" in answer and "<img" not in answer and "<b>" not in answer


def test_so_many_files_may_be_loaded_for_inspection_at_once(server: Server, tmp_path: Path) -> None:
    one = Stranger(server)
    path = one.upload(write_portrait(tmp_path / "p.png"))
    files = [{"path": path}] * (MOST_UPLOADS + 1)
    assert one.refusal(one.event("load_files"), [files]).startswith("1001 files are too many at once")
