"""The line of jobs: one at a time, positions, refusal, stopping, results that outlive the page."""

import asyncio
import errno
import gc
import json
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vivid.errors import InputError
from vivid.events import Done, Result, Step
from vivid.ui.jobs import DONE, FAILED, MOST_EACH, RUNNING, STOPPED, WAITING, Job, JobRunner, LineFullError, listen
from vivid.ui.visitors import Visitor


class Work:
    """Steps that wait for `go`, then a file."""

    def __init__(self, output: Path, steps: int = 3) -> None:
        self.output, self.steps, self.pause = output, steps, 0.0
        self.go = threading.Event()
        self.closed = False
        self.done = 0

    def __call__(self) -> Iterator[Any]:
        try:
            for done in range(1, self.steps + 1):
                self.go.wait(10)
                time.sleep(self.pause)
                self.done = done
                yield Step(done, self.steps, "denoise", 1.0, np.full((8, 8, 3), done, np.uint8))
            self.output.write_bytes(b"video")
            yield Done(Result(self.output, 24, 24, 1.0, 7, "fake", (), 0, {"seed": 7}, None))
        finally:
            self.closed = True


def make(folder: Path, name: str, steps: int = 3) -> tuple[Job, Work]:
    work = Work(folder / f"{name}.mp4", steps)
    return Job(work=work, output=work.output, details={"motion": "calm"}), work


def failing() -> Iterator[Any]:
    raise InputError("Not this portrait.")
    yield


def wait_for(condition: Any, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def test_one_at_a_time_in_order_with_positions(tmp_path: Path) -> None:
    runner = JobRunner(4)
    made = [make(tmp_path, f"j{n}") for n in range(3)]
    for job, _ in made:
        runner.submit(job)
    wait_for(lambda: made[0][0].state == RUNNING)
    assert [runner.position(job) for job, _ in made] == [0, 1, 2]
    for job, work in made:
        wait_for(lambda job=job: job.state == RUNNING)
        assert [other.state for other, _ in made].count(RUNNING) == 1
        work.go.set()
        wait_for(lambda job=job: job.state == DONE)
    assert [runner.position(job) for job, _ in made] == [0, 0, 0]


def test_refuses_past_the_limit_and_takes_again_later(tmp_path: Path) -> None:
    runner = JobRunner(2)
    first, work = make(tmp_path, "first")
    runner.submit(first)
    wait_for(lambda: first.state == RUNNING)
    waiting = [make(tmp_path, f"w{n}")[0] for n in range(2)]
    for job in waiting:
        runner.submit(job)
    with pytest.raises(LineFullError, match="2 videos are waiting"):
        runner.submit(make(tmp_path, "too-many")[0])
    runner.stop(waiting[0])
    assert waiting[0].state == STOPPED
    runner.submit(make(tmp_path, "fits")[0])
    runner.stop(first)
    work.go.set()


def test_stop_ends_within_a_step_and_leaves_no_file(tmp_path: Path) -> None:
    runner = JobRunner()
    job, work = make(tmp_path, "stopped", steps=100)
    runner.submit(job)
    wait_for(lambda: job.state == RUNNING)
    runner.stop(job)
    work.go.set()
    wait_for(lambda: job.finished)
    assert job.state == STOPPED
    assert work.closed
    assert work.done <= 1
    assert list(tmp_path.iterdir()) == []


def test_listening_ends_and_the_job_goes_on(tmp_path: Path) -> None:
    runner = JobRunner()
    job, work = make(tmp_path, "left")
    runner.submit(job)

    async def leave_early() -> None:
        listener = listen(job, every=0.01)
        await anext(listener)
        await listener.aclose()  # what Gradio does when the browser goes away

    asyncio.run(leave_early())
    work.go.set()
    wait_for(lambda: job.finished)
    found = runner.find(job.name)
    assert found is job
    assert job.state == DONE

    async def come_back() -> list[str]:
        return [state.state async for state in listen(job, every=0.01)]

    assert asyncio.run(come_back()) == [DONE]


def test_result_settings_and_poster_lie_beside_the_video_without_paths(tmp_path: Path) -> None:
    runner = JobRunner()
    job, work = make(tmp_path, "kept")
    work.go.set()
    runner.submit(job)
    wait_for(lambda: job.finished)
    text = job.output.with_suffix(".json").read_text()
    assert json.loads(text)["result"]["seed"] == 7
    assert str(tmp_path) not in text
    assert job.output.with_suffix(".jpg").stat().st_size > 0


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InputError("The speech is shorter than one frame."), "The speech is shorter than one frame."),
        (RuntimeError("CUDA out of memory. Tried to allocate"), "graphics memory"),
        (ValueError("secret detail /home/x"), "our side"),
    ],
)
def test_failures_are_one_sentence_and_the_next_job_runs(tmp_path: Path, error: Exception, said: str) -> None:
    runner = JobRunner()

    def fail() -> Iterator[Any]:
        raise error
        yield

    job = runner.submit(Job(work=fail, output=tmp_path / "no.mp4"))
    wait_for(lambda: job.finished)
    assert job.state == FAILED
    assert said in job.error and "secret" not in job.error
    after, work = make(tmp_path, "after")
    work.go.set()
    runner.submit(after)
    wait_for(lambda: after.state == DONE)


def test_a_write_error_beside_a_finished_video_ends_neither_the_video_nor_the_line(tmp_path: Path) -> None:
    runner = JobRunner()
    job, work = make(tmp_path, "kept")
    job.output.with_suffix(".json").mkdir()  # as a full or read-only disk does
    job.output.with_suffix(".jpg").mkdir()
    work.go.set()
    runner.submit(job)
    wait_for(lambda: job.finished)
    assert job.state == DONE
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".jpg", ".json", ".mp4"]
    after, work = make(tmp_path, "after")
    work.go.set()
    runner.submit(after)
    wait_for(lambda: after.state == DONE)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk is full"),
        (OSError(errno.EROFS, "Read-only file system"), "disk is full"),
        (MemoryError(), "server's memory"),
        (SystemExit(3), "our side"),
        (KeyboardInterrupt(), "our side"),
        (RecursionError("secret"), "our side"),
    ],
)
@pytest.mark.parametrize("where", ["work", "close"])
def test_whatever_happens_in_a_job_ends_only_that_job(
    tmp_path: Path, error: BaseException, said: str, where: str
) -> None:
    runner = JobRunner()

    class Events:
        def __iter__(self) -> "Events":
            return self

        def __next__(self) -> Any:
            if where == "work":
                raise error
            job.cancelled.set()
            return object()

        def close(self) -> None:
            raise error

    job = Job(work=Events, output=tmp_path / "no.mp4")
    runner.submit(job)
    wait_for(lambda: job.finished)
    assert job.state == FAILED
    assert said in job.error
    assert "secret" not in job.error
    after, work = make(tmp_path, "after")
    work.go.set()
    runner.submit(after)
    wait_for(lambda: after.state == DONE)


def test_one_visitor_has_only_a_part_of_the_line(tmp_path: Path) -> None:
    def job(name: str, visitor: Visitor) -> Job:
        made = make(tmp_path, name)[0]
        made.visitor = visitor
        return made

    runner = JobRunner(16)
    one, two = Visitor("browser 1", "browser 1"), Visitor("browser 2", "browser 2")
    mine = [runner.submit(job(f"one{n}", one)) for n in range(4)]
    with pytest.raises(InputError, match="4 videos of yours"):
        runner.submit(job("one-more", one))
    others = [runner.submit(job("two", two))]
    runner.stop(mine[-1])
    mine[-1] = runner.submit(job("again", one))
    crowd = [Visitor(f"browser {n}", f"browser {n}", "203.0.113.7") for n in range(3, 13)]
    others += [runner.submit(job(visitor.name, visitor)) for visitor in crowd[:8]]
    with pytest.raises(InputError, match="8 videos of yours"):
        runner.submit(job("nine", crowd[8]))
    for waiting in (*others, *mine):
        runner.stop(waiting)


def test_a_finished_job_lets_go_of_its_inputs(tmp_path: Path) -> None:
    """Pictures and clips of a day's jobs would fill the memory."""
    job, work = make(tmp_path, "light")
    seen = weakref.ref(work)
    work.go.set()
    JobRunner().submit(job)
    wait_for(lambda: job.finished)
    del work
    wait_for(lambda: gc.collect() >= 0 and seen() is None)


@pytest.mark.parametrize("fails", [False, True])
def test_what_follows_a_job_is_told_once_it_is_finished(tmp_path: Path, fails: bool) -> None:
    """Then its place in the visitor's share is free; what was stopped has nothing after it."""
    runner, told = JobRunner(), []
    visitor = Visitor("browser 1", "browser 1")
    rest = [make(tmp_path, f"other {n}") for n in range(MOST_EACH - 1)]
    others = [each for each, _ in rest]
    job, work = make(tmp_path, "first")

    def failing_late() -> Iterator[Any]:
        work.go.wait(10)  # until the others are in the line
        yield from failing()

    if fails:
        job.work = failing_late
    for each in (job, *others):
        each.visitor = visitor
    second, _ = make(tmp_path, "second")
    second.visitor = visitor

    def then(finished: Job) -> None:
        told.append(finished.state)
        runner.submit(second)

    job.then = then
    for each in (job, *others):
        runner.submit(each)
    work.go.set()
    wait_for(lambda: told)
    assert told == [FAILED if fails else DONE]
    assert second.state == WAITING and runner.position(second) == len(others)
    for each in (*others, second):
        each.then = then
        runner.stop(each)
    for _, waiting in rest:
        waiting.go.set()
    wait_for(lambda: all(each.finished for each in others))
    assert len(told) == 1


def test_names_are_not_guessable_and_foreign_values_find_nothing(tmp_path: Path) -> None:
    runner = JobRunner()
    names = {make(tmp_path, str(n))[0].name for n in range(50)}
    assert len(names) == 50
    assert all(len(name) >= 20 for name in names)
    for value in (None, 3, [], {"a": 1}, "unknown", "../etc/passwd"):
        assert runner.find(value) is None


def test_old_jobs_are_forgotten(tmp_path: Path) -> None:
    runner = JobRunner(keep_hours=1)
    old, work = make(tmp_path, "old")
    work.go.set()
    runner.submit(old)
    wait_for(lambda: old.finished)
    old.created -= 2 * 3600
    new, work = make(tmp_path, "new")
    work.go.set()
    runner.submit(new)
    assert runner.find(old.name) is None
    assert runner.find(new.name) is new
    wait_for(lambda: new.finished)
    assert new.state != WAITING
