"""What the tabs share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from ..cache import Cache
from ..errors import InputError
from ..generators import Capabilities, Generator, capabilities_of, ready
from ..media.pictures import load_picture, shrink
from ..media.provenance import sha256_of
from ..weights.hub import needs_gpu
from .engine import Engine, load_pipeline
from .generation import gpu_function
from .jobs import JobRunner
from .options import ServerOptions, on_zero_gpu
from .previews import Previews
from .verdicts import Verdict, examine
from .visitors import Visitors

if TYPE_CHECKING:
    from .compare.record import Records


@dataclass
class AnimateInputs:
    """States of the Animate tab: Portrait, Speech and raw PoseClip, each None until there is one.

    `changed` gets a new number whenever one of them changes. Listen to that one: Gradio cannot compare the others.
    """

    portrait: gr.State
    speech: gr.State
    motion: gr.State
    changed: gr.State
    chosen: list[gr.BrowserState]
    """What the browser stores about the three."""


@dataclass
class Context:
    """Options, the model, visitors' folders, the queue of jobs, previews; `inputs` once the Animate tab is built.

    `language` is clicked when the visitor changes the language; `translated` lists components whose texts Gradio does
    not translate, each with a function from a request to the update. `animate` is the model's `animate`, on ZeroGPU
    inside a decorated function.
    """

    options: ServerOptions
    engine: Engine
    visitors: Visitors
    jobs: JobRunner
    previews: Previews
    verdicts: Cache = field(default_factory=lambda: Cache(20))
    """By hash of the portrait's file and name of the generator: equal portraits, of whomever, are examined once."""
    inputs: AnimateInputs = field(init=False)
    language: gr.Button = field(init=False)
    translated: list[tuple[Callable[..., Any], Any]] = field(default_factory=list)
    animate: Callable[..., Iterator[Any]] = field(init=False)
    records: Records = field(init=False)
    """Kept comparisons; set once the Compare tab is built."""
    others: dict[str, Engine] = field(default_factory=dict)
    """Engines of generators besides the server's own, created on first use."""

    def models(self) -> tuple[str, ...]:
        """Names of the available generators besides the server's own; none while that one loads."""
        own = self.engine.capabilities
        if own is None:
            return ()
        return tuple(name for name in ready() if name != own.name and not (on_zero_gpu() and needs_gpu(name)))

    def engine_of(self, model: str) -> Engine:
        """The engine of a generator in `models`, "" for the server's own. Errors: InputError."""
        if not model:
            return self.engine
        if model not in self.models():
            raise InputError("{} is not ready on this server: choose another generator.", model)
        device = "cpu" if on_zero_gpu() else self.options.device
        return self.others.setdefault(model, Engine(lambda: load_pipeline(model, device)))

    def capabilities_of(self, model: str) -> Capabilities | None:
        """The capabilities of a generator; None while the server's own loads. Errors: InputError."""
        if not model:
            return self.engine.capabilities
        return self.engine_of(model).capabilities or capabilities_of(model)

    @property
    def generator(self) -> Generator:
        """The generator that makes the videos; while it loads, the one that draws the previews."""
        return (self.engine.loaded or self.previews).generator

    def verdict(self, path: Path) -> Verdict:
        """What is found in a picture file. Errors: InputError for files that cannot be read."""
        generator = self.generator

        def look() -> Verdict:
            return examine(shrink(load_picture(path, self.options.limits)), generator)

        return self.verdicts.get((sha256_of(path), generator.capabilities.name), look)

    def translate(self, say: Callable[..., Any], component: Any) -> None:
        """Update `component` with `say(request)` whenever the language is not the built-in one."""
        self.translated.append((say, component))


def make_context(options: ServerOptions, engine: Engine | None = None, previews: Previews | None = None) -> Context:
    """A context for `options`; `engine` other than the configured model's, and other `previews`, are for tests.

    From then on, Gradio stores all its files in the visitors' folder, for this process.
    """
    context = Context(
        options=options,
        engine=engine or Engine(lambda: load_pipeline(options.model, options.device)),
        visitors=Visitors(options.data, options.keep_hours, options.visitor_bytes),
        jobs=JobRunner(options.max_waiting, options.keep_hours),
        previews=previews or Previews(),
    )
    os.environ["GRADIO_TEMP_DIR"] = str(context.visitors.root)
    context.visitors.when_cleaning = context.verdicts.clear
    context.animate = gpu_function(context)
    return context
