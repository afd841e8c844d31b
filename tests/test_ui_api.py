"""The page's endpoints as programs call them, and what strangers may not do."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from ui_fakes import FakePipeline, Server, detect_standing, serve, waving_clip, write_portrait, write_voice

from vivid import inputs
from vivid.config import Limits
from vivid.media.video import probe
from vivid.pose.clips import load_clip, save_clip


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("inputs")
    clip = folder / "wave.npz"
    save_clip(waving_clip(), clip)
    grey = folder / "grey.png"
    Image.new("RGB", (300, 300), (128, 128, 128)).save(grey)
    text = folder / "notes.png"
    text.write_text("not a picture")
    return {
        "portrait": write_portrait(folder / "portrait.png"),
        "voice": write_voice(folder / "voice.wav"),
        "long": write_voice(folder / "long.wav", 4.0),
        "clip": clip,
        "grey": grey,
        "text": text,
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inputs, "detect_picture", detect_standing)
        limits = Limits(speech_seconds=3.0, picture_pixels=1_000_000, upload_bytes=2_000_000)
        folder = tmp_path_factory.mktemp("server")
        with serve(folder, FakePipeline(), limits=limits, max_waiting=2) as running:
            yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Client:
    return Client(server.url, verbose=False)


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def animate(client: Client, files: dict[str, Path], **changes: object) -> tuple[dict[str, str], dict[str, object]]:
    arguments: dict[str, object] = {
        "portrait": handle_file(files["portrait"]),
        "voice": handle_file(files["voice"]),
        "motion": handle_file(files["clip"]),
        "motion_name": "calm",
        "quality": "fast",
        "steps": 0,
        "guidance_audio": 0,
        "guidance_image": 0,
        "seed": 5,
        "calibrate": True,
    }
    return client.predict(**{**arguments, **changes}, api_name="/animate")


def test_three_endpoints_are_public_and_nothing_else(client: Client) -> None:
    found = client.view_api(return_format="dict", print_info=False)
    assert set(found["named_endpoints"]) == {"/check_portrait", "/calibrate_pose", "/animate"}
    assert not found["unnamed_endpoints"]
    parameters = {p["parameter_name"] for p in found["named_endpoints"]["/animate"]["parameters"]}
    assert parameters == {
        "portrait", "voice", "motion", "motion_name", "quality", "steps", "guidance_audio", "guidance_image", "seed",
        "calibrate",
    }  # fmt: skip


def test_a_good_portrait_is_usable(client: Client, files: dict[str, Path]) -> None:
    verdict = client.predict(portrait=handle_file(files["portrait"]), api_name="/check_portrait")
    assert verdict["usable"] is True
    assert {finding["about"] for finding in verdict["findings"]} == {"person", "head", "shoulders", "hands", "size"}


def test_a_portrait_of_nobody_is_not_usable(client: Client, files: dict[str, Path]) -> None:
    verdict = client.predict(portrait=handle_file(files["grey"]), api_name="/check_portrait")
    assert verdict["usable"] is False
    assert "No person" in verdict["findings"][0]["text"]


def test_a_clip_is_fitted_to_the_portrait(client: Client, files: dict[str, Path]) -> None:
    before, after, clip, report = client.predict(
        portrait=handle_file(files["portrait"]), motion=handle_file(files["clip"]), motion_name="", frame=3,
        api_name="/calibrate_pose",
    )  # fmt: skip
    fitted = load_clip(Path(clip))
    assert fitted.canvas == (512, 512)
    assert len(fitted) == report["frames"] == 48
    assert Image.open(before).size == Image.open(after).size


def test_a_video_comes_with_sound_and_settings(client: Client, files: dict[str, Path]) -> None:
    video, settings = animate(client, files)
    path = Path(video["video"] if isinstance(video, dict) else video)
    info = probe(path)
    assert (info.width, info.height, info.has_sound) == (128, 128, True)
    assert settings["result"]["seed"] == 5
    assert settings["result"]["settings"]["steps"] == 4
    assert settings["result"]["calibration"]["frames"] == 48
    assert "/" not in json.dumps(settings["motion"])


def test_the_readmes_example_works(
    server: Server, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path(__file__).resolve().parents[1]
    blocks = re.findall(r"```python\n(.*?)```", (root / "README.md").read_text("utf-8"), re.DOTALL)
    code = next(block for block in blocks if "gradio_client" in block)
    monkeypatch.chdir(root)
    names: dict[str, object] = {}
    code = code.replace("http://127.0.0.1:7860", server.url).replace(
        "examples/voices/hello_slt.mp3", str(files["voice"])
    )
    exec(code, names)
    assert "'usable': True" in capsys.readouterr().out
    assert load_clip(Path(str(names["clip"]))).canvas == (512, 512)
    settings = names["settings"]
    assert isinstance(settings, dict) and settings["result"]["frames"] > 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"portrait": None}, "No portrait was given"),
        ({"portrait": "text"}, "cannot be read as a picture"),
        ({"portrait": "grey"}, "No person was found"),
        ({"voice": None}, "No voice was given"),
        ({"voice": "long"}, "limit is 3 seconds"),
        ({"voice": "portrait"}, "sound|decoded|speech"),
        ({"motion": "text"}, "clip|motion|read"),
        ({"motion": None, "motion_name": "../../etc/passwd"}, "no gesture clip named"),
        ({"quality": "wonderful"}, "wonderful"),
        ({"steps": 5000}, "steps"),
        ({"seed": -3}, "seed"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(
    client: Client, files: dict[str, Path], changes: dict[str, object], said: str
) -> None:
    given = {
        name: handle_file(files[value]) if isinstance(value, str) and value in files else value
        for name, value in changes.items()
    }
    with pytest.raises(AppError, match=said) as caught:
        animate(client, files, **given)
    assert "Traceback" not in str(caught.value)


def test_a_picture_with_too_many_pixels_is_refused(client: Client, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    Image.new("RGB", (1200, 1000)).save(large)
    with pytest.raises(AppError, match="megapixels"):
        client.predict(portrait=handle_file(large), api_name="/check_portrait")


def call(server: Server, endpoint: str, data: list[object]) -> str:
    """What the server answers to a client that sends whatever it likes."""
    base = f"{server.url}gradio_api/call/{endpoint}"
    event = httpx.post(base, json={"data": data}, timeout=30).json()["event_id"]
    return httpx.get(f"{base}/{event}", timeout=60).text


def test_a_path_on_the_server_is_never_opened(server: Server) -> None:
    own = server.context.visitors.root / "visitor-x"
    own.mkdir(exist_ok=True)
    secret = write_portrait(own / "secret.png")
    for path in (str(secret), "/etc/passwd", "../../etc/passwd"):
        stranger = {"path": path, "meta": {"_type": "gradio.FileData"}, "orig_name": "x.png"}
        answer = call(server, "check_portrait", [stranger])
        assert "event: error" in answer
        assert "findings" not in answer and "root:" not in answer
        assert httpx.get(f"{server.url}gradio_api/file={path}").status_code in (403, 404)


def test_an_upload_over_the_limit_is_refused(server: Server) -> None:
    answer = httpx.post(f"{server.url}gradio_api/upload", files={"files": ("x.png", b"0" * 3_000_000)}, timeout=60)
    assert answer.status_code == 413


def test_private_events_cannot_be_called(client: Client) -> None:
    with pytest.raises(ValueError, match=r"Cannot find|api_name"):
        client.predict(api_name="/begin_event")


def test_the_line_refuses_past_its_limit_one_at_a_time_and_cancel_stops(server: Server, files: dict[str, Path]) -> None:
    pipeline, jobs = server.pipeline, server.context.jobs
    pipeline.most_running = 0
    pipeline.go.clear()  # videos stand still until they are let go
    clients = [Client(server.url, verbose=False) for _ in range(4)]
    outcomes: dict[int, str] = {}

    def run(index: int) -> None:
        try:
            animate(clients[index], files)
            outcomes[index] = "done"
        except AppError as error:
            outcomes[index] = str(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(4)]
    try:
        for index, thread in enumerate(threads):
            thread.start()
            if index < 3:
                wait_for(lambda index=index: jobs.busy + jobs.waiting == index + 1)
        threads[3].join(60)
        assert "2 videos are waiting" in outcomes[3]
    finally:
        pipeline.go.set()
    for thread in threads[:3]:
        thread.join(60)
    assert [outcomes[n] for n in range(3)] == ["done"] * 3
    assert pipeline.most_running == 1


def test_a_cancelled_job_stops_within_a_step(server: Server, client: Client, files: dict[str, Path]) -> None:
    pipeline, jobs = server.pipeline, server.context.jobs
    before = pipeline.steps_done
    pipeline.pause = 0.2
    try:
        job = client.submit(
            portrait=handle_file(files["portrait"]), voice=handle_file(files["voice"]),
            motion=handle_file(files["clip"]), motion_name="", quality="balanced", steps=1000, guidance_audio=0,
            guidance_image=0, seed=0, calibrate=False, api_name="/animate",
        )  # fmt: skip
        wait_for(lambda: pipeline.steps_done > before)
        job.cancel()
        wait_for(lambda: not jobs.busy)
        assert pipeline.steps_done - before < 500
    finally:
        pipeline.pause = 0.0


def test_two_visitors_have_folders_of_their_own(server: Server, files: dict[str, Path]) -> None:
    before = set(server.context.visitors.root.glob("visitor-*"))
    for _ in range(2):
        video, _settings = animate(Client(server.url, verbose=False), files)
        assert video
    new = set(server.context.visitors.root.glob("visitor-*")) - before
    assert [len(list(folder.glob("*.mp4"))) for folder in new] == [1, 1]
