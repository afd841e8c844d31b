"""The model behind the page, loaded once in the background so that the page is up first."""

from __future__ import annotations

import contextlib
import contextvars
import functools
import logging
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import InputError, Message
from .options import on_zero_gpu

if TYPE_CHECKING:
    from ..generators import Capabilities
    from ..pipeline import VividPipeline

log = logging.getLogger("vivid")

T = TypeVar("T")


def choose_model(name: str) -> str:
    """`auto` becomes `full` where a CUDA device and its weights are present and `layered` elsewhere."""
    from ..weights.hub import default_model

    return default_model() if name == "auto" else name


def load_pipeline(name: str, device: str | None) -> VividPipeline:
    """The pipeline `name` (see choose_model); for `auto`, the layered one if the full model cannot be loaded."""
    from ..devices import keep_memory
    from ..generators import GENERATORS
    from ..pipeline import VividPipeline

    chosen = choose_model(name)
    if chosen not in GENERATORS:
        keep_memory()
    try:
        pipeline = VividPipeline.from_pretrained(chosen, device=device)
    except InputError as error:
        if name != "auto" or chosen == "layered":
            raise
        log.warning("The full model is out of reach (%s): using the layered generator.", error)
        pipeline = VividPipeline.from_pretrained("layered")
    if not on_zero_gpu():  # there, no network may run outside the decorated function
        pipeline.generator.measure_speed()
    return pipeline


class Engine:
    """One pipeline, loaded by `load` in a background thread after `start()`."""

    def __init__(self, load: Callable[[], VividPipeline]) -> None:
        self._load = load
        self._pipeline: VividPipeline | None = None
        self._finished = threading.Event()
        self._started = threading.Lock()
        self.error: Message | None = None

    def start(self) -> None:
        """Begin loading; a second call does nothing."""
        if self._started.acquire(blocking=False):
            threading.Thread(target=self._run, name="model", daemon=True).start()

    def _run(self) -> None:
        try:
            self._pipeline = self._load()
        except InputError as error:
            self.error = error.message
        except Exception as error:  # shown on the page; details are in the log
            log.exception("The model could not be loaded")
            self.error = Message("{}: {}", type(error).__name__, error)
        finally:
            self._finished.set()

    @property
    def loaded(self) -> VividPipeline | None:
        """The pipeline, or None while it loads or if it failed."""
        return self._pipeline

    def pipeline(self, timeout: float | None = None) -> VividPipeline:
        """Wait for the pipeline. InputError if it cannot be loaded, or not within `timeout` seconds."""
        self.start()
        if not self._finished.wait(timeout):
            raise InputError("The model is still loading: try again in a moment.")
        if self._pipeline is None:
            raise InputError("The model could not be loaded ({}): tell the person who runs this server.", self.error)
        return self._pipeline

    @property
    def capabilities(self) -> Capabilities | None:
        """The loaded model's capabilities; None while it loads or if it failed."""
        return None if self._pipeline is None else self._pipeline.capabilities


def progress_of(work: Callable[[Callable[[float], object]], object], every: float = 0.2) -> Iterator[float]:
    """Run `work` in a low-priority thread and yield the progress, 0 to 1, that it reports. Errors: those of `work`.

    Closing the iterator does not stop the work, which may hold a lock that others wait for.
    """
    share, done = [0.0], Future[None]()

    def run() -> None:
        lower_priority()
        try:
            work(lambda now: share.__setitem__(0, now))
            done.set_result(None)
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=contextvars.copy_context().run, args=(run,), name="with-progress", daemon=True).start()
    while not done.done():
        yield share[0]
        wait([done], timeout=every)
    done.result()


def warm_up_detector() -> None:
    """Load the pose detector and run it once, so that the first visitor does not wait for it."""
    import numpy as np

    from ..pose.detect import detect_picture, keep_detector

    keep_detector()
    with contextlib.suppress(InputError):  # there is nobody in a grey picture; the detector is warm now
        detect_picture(np.full((256, 256, 3), 127, np.uint8))


def start_warm_up(then: Callable[[], None]) -> threading.Thread:
    """`warm_up_detector`, then `then`, in a background thread.

    Not a low-priority one: threads that the detector starts would inherit the priority for good.
    """

    def run() -> None:
        try:
            warm_up_detector()
        except Exception:
            log.exception("The pose detector could not be loaded")
        then()

    thread = threading.Thread(target=run, name="detector", daemon=True)
    thread.start()
    return thread


def lower_priority(steps: int = 10) -> None:
    """Lower the priority of this thread, and of the worker threads that torch starts from it."""
    if hasattr(os, "setpriority"):
        try:
            now = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), min(now + steps, 19))
        except OSError:
            log.debug("The priority could not be lowered")


def at_low_priority(work: Callable[..., T]) -> Callable[..., T]:
    """Run `work`, which may take minutes, in a thread of lower priority, which the threads that it starts inherit.

    A new thread each time, because a thread of a pool could not raise its priority again.
    """

    @functools.wraps(work)
    def run(*args: Any, **kwargs: Any) -> T:
        done: Future[T] = Future()
        known = contextvars.copy_context()  # whose request it is

        def inside() -> None:
            lower_priority(5)
            try:
                done.set_result(known.run(work, *args, **kwargs))
            except BaseException as error:
                done.set_exception(error)

        threading.Thread(target=inside, name="low-priority", daemon=True).start()
        return done.result()

    return run
