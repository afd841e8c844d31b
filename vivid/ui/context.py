"""What the tabs share."""

from __future__ import annotations

from dataclasses import dataclass, field

import gradio as gr

from .engine import Engine, load_pipeline
from .jobs import JobRunner
from .options import ServerOptions
from .visitors import Visitors


@dataclass
class AnimateInputs:
    """States of the Animate tab: Portrait, Speech and raw PoseClip, each None until there is one."""

    portrait: gr.State
    speech: gr.State
    motion: gr.State


@dataclass
class Context:
    """Options, the model, visitors' folders, the line of jobs; `inputs` once the Animate tab is built."""

    options: ServerOptions
    engine: Engine
    visitors: Visitors
    jobs: JobRunner
    inputs: AnimateInputs = field(init=False)


def make_context(options: ServerOptions, engine: Engine | None = None) -> Context:
    """A context for `options`; `engine` other than the configured model's is for tests."""
    return Context(
        options=options,
        engine=engine or Engine(lambda: load_pipeline(options.model, options.device)),
        visitors=Visitors(options.data, options.keep_hours),
        jobs=JobRunner(options.max_waiting, options.keep_hours),
    )
