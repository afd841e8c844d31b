"""What every HTTP request passes: limits, headers, names, and whose turn it is."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from gradio.queueing import Queue
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from ui_fakes import FakePipeline, Server, detect_standing, serve, write_portrait

from vivid import inputs
from vivid.ui import border, fairness
from vivid.ui.border import BODY_BYTES, Border
from vivid.ui.callers import address_of
from vivid.ui.fairness import MOST_WAITING, MOST_WAITING_FROM_ADDRESS, FairQueue, next_event
from vivid.ui.options import ServerOptions
from vivid.ui.upload_parser import FIELD_BYTES, TidyParser
from vivid.ui.visitors import SCOPE, Visitor, Visitors


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("server"), FakePipeline()) as running:
        yield running


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with what has reached it."""
    request = Request(scope, receive)
    body = await request.body() if request.method == "POST" else b""
    await PlainTextResponse(f"{len(body)} {scope[SCOPE].owner} {scope[SCOPE].address}")(scope, receive, send)


def bordered(folder: Path, app: Any = echo, **options: Any) -> httpx.AsyncClient:
    """A client of `app` behind the border."""
    inner = Border(app, Visitors(folder), ServerOptions(**options))
    transport = httpx.ASGITransport(inner, client=("127.0.0.1", 5))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


def ask(client: httpx.AsyncClient, method: str, path: str, **more: Any) -> httpx.Response:
    return asyncio.run(client.request(method, path, **more))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"data":[' + b"[]," * (20 * 2**20 // 3) + b"1]}", 413),  # took everybody's server for a minute
        (b'{"data":[' + b"[]," * 200_000 + b"1]}", 413),
        (b'{"data":' + b"[" * 200 + b"]" * 200 + b"}", 413),
        (b"[" * 100_000, 400),
        (b'{"data":', 400),
        (b"\xff\xfe", 400),
        (b'{"data":["' + b"x" * 2**19 + b'"]}', 200),
        (b'{"data":[' + b"1," * 20_000 + b"1]}", 200),
        (b"", 200),
    ],
)
def test_bodies_are_limited_before_they_are_parsed(tmp_path: Path, body: bytes, status: int) -> None:
    answer = ask(bordered(tmp_path), "POST", "/gradio_api/queue/join", content=body)
    assert answer.status_code == status
    if status != 200:
        assert len(answer.json()["detail"]) > 20
    else:
        assert answer.text.startswith(f"{len(body)} ")


def test_a_body_without_a_length_is_counted(tmp_path: Path) -> None:
    async def parts() -> Any:
        for _ in range(2 * BODY_BYTES // 4096):
            yield b" " * 4096

    assert ask(bordered(tmp_path), "POST", "/gradio_api/queue/join", content=parts()).status_code == 413
    assert ask(bordered(tmp_path), "POST", "/gradio_api/upload", content=parts()).status_code == 411


def test_an_upload_past_the_visitors_share_is_refused_before_it_is_read(tmp_path: Path) -> None:
    client = bordered(tmp_path)
    client._transport.app.visitors.visitor_bytes = 1000  # type: ignore[attr-defined]
    answer = ask(client, "POST", "/gradio_api/upload", content=b"x" * 2000)
    assert answer.status_code == 413
    assert "limit for one visitor" in answer.json()["detail"]
    assert ask(client, "POST", "/gradio_api/upload", content=b"x" * 500).status_code == 200


def test_uploads_that_come_in_at_once_share_the_visitors_room(tmp_path: Path) -> None:
    async def at_once() -> list[int]:
        go = asyncio.Event()

        async def slow(scope: Any, receive: Any, send: Any) -> None:
            await go.wait()
            await PlainTextResponse("done")(scope, receive, send)

        client = bordered(tmp_path, slow)
        client._transport.app.visitors.visitor_bytes = 1000  # type: ignore[attr-defined]

        def upload(browser: str) -> Any:
            headers = {"cookie": "vivid_visitor=" + browser * 32}
            return asyncio.create_task(client.post("/gradio_api/upload", content=b"x" * 400, headers=headers))

        calls = [upload("a") for _ in range(5)] + [upload("b")]
        await asyncio.sleep(0.2)
        go.set()
        statuses = [answer.status_code for answer in await asyncio.gather(*calls)]
        return [*statuses, (await upload("a")).status_code]  # room that was kept is free again

    assert asyncio.run(at_once()) == [200, 200, 413, 413, 413, 200, 200]


@pytest.mark.parametrize("end", ["field", "file", "gone"])
def test_an_upload_that_ends_early_leaves_nothing(tmp_path: Path, end: str) -> None:
    head = b'--b\r\ncontent-disposition: form-data; name="files"; filename="a.png"\r\n\r\n'

    async def stream() -> Any:
        yield head + b"x" * 1000
        if end == "field":
            yield b'\r\n--b\r\ncontent-disposition: form-data; name="files"\r\n\r\n' + b"x" * 2 * FIELD_BYTES
        elif end == "file":
            yield b"x" * 10_000
        else:
            raise ConnectionError("lost")

    async def upload() -> None:
        headers = httpx.Headers({"content-type": "multipart/form-data; boundary=b"})
        await TidyParser(headers, stream(), upload_dir=tmp_path, max_file_size=5000).parse()  # type: ignore[arg-type]

    with pytest.raises(Exception, match=r"lost|longer|exceeded"):
        asyncio.run(upload())
    assert list(tmp_path.iterdir()) == []


def test_every_answer_has_the_security_headers(server: Server, tmp_path: Path) -> None:
    http = httpx.Client(base_url=server.url)
    for path in ("/", "/config", "/theme.css", "/gradio_api/info", "/nothing", "/gradio_api/file=/etc/passwd"):
        headers = http.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["x-frame-options"] == "SAMEORIGIN"
    policy = http.get("/").headers["content-security-policy"]
    assert "frame-ancestors 'self'" in policy
    assert "object-src 'none'" in policy and "form-action 'self'" in policy
    assert "http" not in policy  # nothing from elsewhere
    space = ask(bordered(tmp_path, space=True), "GET", "/").headers
    assert "https://huggingface.co" in space["content-security-policy"]
    assert "x-frame-options" not in space


@pytest.mark.parametrize(
    ("host", "options", "status"),
    [
        ("localhost:7860", {}, 200),
        ("127.0.0.1:7860", {}, 200),
        ("[::1]:7860", {}, 200),
        ("192.168.1.5", {}, 200),
        ("evil.example", {}, 421),
        ("evil.example:7860", {}, 421),
        ("localhost.evil.example", {}, 421),
        ("127.0.0.1.evil.example", {}, 421),
        ("", {}, 421),
        ("studio.example", {"names": ("studio.example",)}, 200),
        ("anything.example", {"names": ("*",)}, 200),
        ("anything.example", {"root_path": "/vivid"}, 200),
        ("anything.hf.space", {"space": True}, 200),
    ],
)
def test_the_server_answers_to_its_own_names(tmp_path: Path, host: str, options: dict[str, Any], status: int) -> None:
    assert ask(bordered(tmp_path, **options), "GET", "/", headers={"host": host}).status_code == status


def test_other_sites_pages_cannot_use_a_server_at_home(tmp_path: Path) -> None:
    foreign = {"sec-fetch-site": "cross-site", "content-type": "text/plain"}
    assert ask(bordered(tmp_path), "POST", "/gradio_api/queue/join", content=b"{}", headers=foreign).status_code == 403
    own = {"sec-fetch-site": "same-origin"}
    assert ask(bordered(tmp_path), "POST", "/gradio_api/queue/join", content=b"{}", headers=own).status_code == 200
    assert ask(bordered(tmp_path), "POST", "/gradio_api/queue/join", content=b"{}").status_code == 200


def test_whatever_fails_behind_the_border_is_a_sentence(tmp_path: Path) -> None:
    async def failing(scope: Any, receive: Any, send: Any) -> None:
        raise OSError("File name too long: /secret/place")

    answer = ask(bordered(tmp_path, failing), "GET", "/config")
    assert answer.status_code == 500
    assert "our side" in answer.json()["detail"] and "secret" not in answer.text


def test_whose_request_it_is(tmp_path: Path) -> None:
    forged = {"x-forwarded-for": "8.8.8.8"}
    assert ask(bordered(tmp_path), "GET", "/", headers=forged).text == "0 address 127.0.0.1 None"
    known = {"x-forwarded-for": "1.2.3.4, 8.8.8.8, 10.0.0.3"}  # the last public one was added by the proxy
    assert ask(bordered(tmp_path, space=True), "GET", "/", headers=known).text == "0 address 8.8.8.8 8.8.8.8"
    one, two = ({"cookie": f"vivid_visitor={letter * 32}"} for letter in "ab")
    names = {ask(bordered(tmp_path), "GET", "/", headers=headers).text for headers in (one, two)}
    assert len(names) == 2 and all("browser" in name for name in names)
    odd = {"cookie": 'vivid_visitor="; x'}
    assert "address" in ask(bordered(tmp_path), "GET", "/", headers=odd).text
    network = address_of({"client": ("2001:db8:1:2:3:4:5:6", 1)})
    assert network == "2001:db8:1:2::/64"
    assert address_of({"client": ("::ffff:192.0.2.1", 1)}) == "192.0.2.1"


def test_a_crowd_of_requests_waits_without_taking_the_threads(tmp_path: Path) -> None:
    running = most = 0
    go: asyncio.Event

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await go.wait()
        running -= 1
        await PlainTextResponse("done")(scope, receive, send)

    async def crowd() -> list[int]:
        nonlocal go
        go = asyncio.Event()
        client = bordered(tmp_path, slow)
        calls = [asyncio.create_task(client.post("/gradio_api/component_server", json={})) for _ in range(70)]
        other = asyncio.create_task(
            client.post("/gradio_api/component_server", json={}, headers={"cookie": "vivid_visitor=" + "b" * 32})
        )
        await asyncio.sleep(0.2)
        assert running == 5  # four of the crowd's, and the other visitor's
        go.set()
        return sorted([answer.status_code for answer in await asyncio.gather(*calls)]) + [(await other).status_code]

    statuses = asyncio.run(crowd())
    assert statuses.count(429) == 6
    assert most == 5
    assert statuses[-1] == 200


def event(session: str, owner: str = "address 127.0.0.1", address: str | None = None) -> Any:
    scope = {SCOPE: Visitor(owner, owner, address)}
    return SimpleNamespace(session_hash=session, request=SimpleNamespace(scope=scope))


def test_one_visitor_cannot_take_all_places() -> None:
    greedy = [event("greedy") for _ in range(10)]
    other = event("other")
    assert next_event(greedy, [], 4) is greedy[0]
    assert next_event([*greedy[2:], other], greedy[:2], 4) is other
    assert next_event(greedy[2:], greedy[:2], 4) is None  # half of the places stay for others
    assert next_event([greedy[1], other], [greedy[0]], 4) is other  # who has fewest comes first
    assert next_event(greedy, [], 1) is greedy[0]
    browser = [event(str(n), "browser 1") for n in range(10)]  # however many sessions it opens
    assert next_event(browser[2:], browser[:2], 4) is None
    crowd = [event(str(n), f"browser {n}", "203.0.113.7") for n in range(10)]
    assert next_event(crowd[3:], crowd[:3], 4) is None
    assert next_event([*crowd[3:], other], crowd[:3], 4) is other
    listeners = [event("greedy") for _ in range(20)]
    assert next_event(listeners[7:], listeners[:7], None) is listeners[7]
    assert next_event(listeners[8:], listeners[:8], None) is None
    assert next_event([listeners[8], other], listeners[:8], None) is other
    crowd = [event(str(n), f"browser {n}", "203.0.113.7") for n in range(40)]
    assert next_event(crowd[31:], crowd[:31], None) is crowd[31]
    assert next_event(crowd[32:], crowd[:32], None) is None
    assert next_event([*crowd[32:], other], crowd[:32], None) is other


def test_long_previews_lose_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(fairness.time, "monotonic", lambda: clock.now)
    queue = object.__new__(FairQueue)
    line = SimpleNamespace(queue=[], concurrency_limit=4)
    queue.event_queue_per_concurrency_id = {"preview": line}
    queue.active_jobs = []

    def begin(*names: str, kind: str = "preview") -> list[str]:
        """Who of them may begin, after whom."""
        line.queue = [event(name) for name in names]
        for waiting in line.queue:
            waiting.concurrency_id = kind
        queue.event_queue_per_concurrency_id = {kind: line}
        begun = []
        while (found := queue.get_events()) is not None:
            queue.active_jobs.append(found[0])
            begun.append(found[0][0].session_hash)
        return begun

    assert begin("a", "a", "b", "b", "c") == ["a", "b", "c", "a"]
    clock.now += fairness.LONG - 0.1
    assert begin("c") == []
    clock.now += 0.2
    assert begin("a", "c", "d", "e", "f", "g", "h") == ["d", "e", "f", "g"]  # what a, b and c began still runs
    clock.now += fairness.LONG + 0.1
    assert begin("h") == []  # as many long ones as there are places, and as many others
    queue.active_jobs = []
    assert begin("a", "b", kind="look") == ["a", "b"]
    clock.now += 60
    line.concurrency_limit = 2
    assert begin("c", kind="look") == []  # only previews lose their places


def test_so_many_of_one_visitor_and_of_one_address_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    async def taken(self: Any, body: Any, request: Any, username: Any) -> Any:
        return True, "taken", "success"

    monkeypatch.setattr(Queue, "push", taken)
    queue = object.__new__(FairQueue)

    def answer(waiting: list[Any], one: Any) -> str:
        queue.event_queue_per_concurrency_id = {"preview": SimpleNamespace(queue=waiting)}
        return asyncio.run(queue.push(SimpleNamespace(session_hash=one.session_hash), one.request, None))[2]

    own = [event("greedy") for _ in range(MOST_WAITING)]
    assert (answer(own[1:], own[0]), answer(own, own[0]), answer(own, event("other"))) == (
        "success",
        "queue_full",
        "success",
    )
    near = [event(str(n), f"browser {n}", "203.0.113.7") for n in range(MOST_WAITING_FROM_ADDRESS)]
    neighbour = event("x", "browser x", "203.0.113.7")
    assert (answer(near[1:], neighbour), answer(near, neighbour)) == ("success", "queue_full")
    assert answer(near, event("y", "browser y", "203.0.113.8")) == "success"


def test_a_visitor_has_so_many_requests_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(border, "MOST_OPEN", 3)

    async def crowd() -> list[int]:
        go = asyncio.Event()

        async def slow(scope: Any, receive: Any, send: Any) -> None:
            await go.wait()
            await PlainTextResponse("done")(scope, receive, send)

        client = bordered(tmp_path, slow)

        def listen(browser: str) -> Any:
            headers = {"cookie": "vivid_visitor=" + browser * 32}
            return asyncio.create_task(client.get("/gradio_api/queue/data?session_hash=x", headers=headers))

        calls = [*(listen("a") for _ in range(5)), listen("b")]
        await asyncio.sleep(0.2)
        go.set()
        return [answer.status_code for answer in await asyncio.gather(*calls)]

    assert asyncio.run(crowd()) == [200, 200, 200, 429, 429, 200]


def test_the_running_server_serves_others_while_one_visitor_asks_for_a_lot(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()

    def detect(image: Any, detector: str = "auto") -> Any:
        if image.shape[0] == 400:
            go.wait(30)
        return detect_standing(image)

    monkeypatch.setattr(inputs, "detect_picture", detect)
    http = httpx.Client(base_url=f"{server.url}gradio_api/", timeout=30)
    slow, quick = (write_portrait(tmp_path / f"{side}.png", side) for side in (400, 512))
    paths = [http.post("upload", files={"files": ("a.png", file.read_bytes())}).json()[0] for file in (slow, quick)]
    event = {"data": [{"path": paths[0]}], "session_hash": "greedy"}
    statuses = [http.post("call/check_portrait", json=event).status_code for _ in range(MOST_WAITING + 6)]
    assert statuses[:50] == [200] * 50
    assert statuses[-1] == 503
    own = http.post("call/check_portrait", json={"data": [{"path": paths[1]}], "session_hash": "other"}).json()
    try:
        assert "usable" in http.get(f"call/check_portrait/{own['event_id']}", timeout=15).text
    finally:
        go.set()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("queue/join", {"data": [], "fn_index": 10**9, "session_hash": "x"}),
        ("queue/join", {"data": [], "fn_index": -1, "session_hash": "x"}),
        ("queue/join", {"data": {}, "fn_index": 0}),
        ("queue/join", []),
        ("run/nothing", {"data": []}),
        ("call/nothing", {"data": []}),
        ("call/v2/nothing", {}),
        ("call/v2/check_portrait", {"nonsense": 3}),
        ("component_server", {"data": 1, "component_id": 10**9, "session_hash": "x", "fn_name": "ls"}),
        ("component_server", {"data": 1, "component_id": [], "session_hash": {}, "fn_name": 3}),
        ("component_server", 5),
        ("cancel", {"session_hash": "x", "fn_index": 0, "event_id": "y"}),
        ("cancel", {}),
    ],
)
def test_no_request_ends_in_a_traceback(server: Server, path: str, body: Any) -> None:
    answer = httpx.post(f"{server.url}gradio_api/{path}", json=body, timeout=30)
    assert answer.status_code < 500
    assert "Traceback" not in answer.text
    assert json.loads(answer.text) is not None


def test_gradio_reads_uploads_with_our_reader(server: Server) -> None:
    """It is put in the place of Gradio's, which another version may call otherwise."""
    field = ("files", (None, "x" * 2 * FIELD_BYTES))
    answer = httpx.post(f"{server.url}gradio_api/upload", files=[field, ("files", ("a.png", b"x"))], timeout=30)
    assert answer.status_code == 400
    assert "longer than" in answer.text
