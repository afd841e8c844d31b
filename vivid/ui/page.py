"""The page as a whole, and starting the server."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from types import FrameType
from typing import Any, NoReturn

import gradio as gr
from starlette.middleware import Middleware

from . import examples, strings, theme
from .api import build_api
from .context import Context, make_context
from .engine import start_warm_up
from .first_page import FirstPage
from .guard import GuardedBlocks
from .options import ServerOptions, read_options
from .payloads import files_in
from .serving import QUIET
from .strings import both, language_of, say, t
from .tabs import TABS, module_of

log = logging.getLogger("vivid")

TITLE = "VividAnimator"
SESSIONS = 200
"""Open pages whose state is kept in memory; beyond that, the least recently used one is reset."""


def build_page(context: Context) -> gr.Blocks:
    """The page for `context`; nothing is loaded or started yet."""
    with GuardedBlocks(
        context.visitors, context.options, title=TITLE, analytics_enabled=False, fill_width=False
    ) as page:
        gr.HTML(theme.HEADER.format(tagline=both("tagline"), skip=both("skip")), padding=False)
        context.language = gr.Button(visible="hidden", elem_id="language")
        with gr.Tabs(elem_id="tabs"):
            for name in TABS:
                with gr.Tab(t(f"tab_{name}"), id=name) as tab:
                    module_of(name, "tab").build(context, tab)
                context.translate(lambda request, key=f"tab_{name}": gr.Tab(label=say(key, request)), tab)
        build_api(context)
        _keep_language(context, page)
    _track_less(page, context.language)
    # The limit that visitors notice is that of JobRunner; this one only bounds the memory used by previews.
    page.queue(max_size=40 + 20 * context.options.max_waiting, default_concurrency_limit=4)
    for path in files_in(page.get_config_file()):  # pictures of the examples
        context.visitors.publish(path)
    return page


def _keep_language(context: Context, page: gr.Blocks) -> None:
    """Translate what Gradio does not, when the language is changed and on pages that do not start in English.

    A component that was hidden and shown again keeps only the words it was shown with: all get their texts anew.
    """
    components = [component for _, component in context.translated]
    texts = [
        (block, name, str(text))
        for block in page.blocks.values()
        for name in ("label", "value")
        if str(text := getattr(block, name, None)).startswith("__i18n__")  # as I18nData writes itself
    ]

    def say_all(request: gr.Request) -> list[Any]:
        return [say_it(request) for say_it, _ in context.translated]

    def say_first(request: gr.Request) -> Any:
        return say_all(request) if language_of(request) != "en" else [gr.skip()] * len(components)

    def say_anew(request: gr.Request) -> list[Any]:
        return [*say_all(request), *(gr.update(**{name: text}) for _, name, text in texts)]

    context.language.click(say_anew, None, [*components, *(block for block, _, _ in texts)], **QUIET)
    page.load(say_first, None, components, **QUIET)


def _track_less(page: gr.Blocks, tracker: gr.Button) -> None:
    """Let events without a progress indicator report their progress to one hidden button.

    At every message of any event, Gradio's page updates every component that tracks the progress of an event: by
    default, all of their outputs.
    """
    for event in page.fns.values():
        if event.show_progress == "hidden":
            event.show_progress_on = [tracker]


def launch_arguments(options: ServerOptions) -> dict[str, Any]:
    """Arguments of `Blocks.launch`."""
    shipped = [examples.ROOT / "examples", examples.ROOT / "assets" / "motions"]
    return {
        "server_name": options.host,
        "server_port": options.port,
        "share": options.share,
        "root_path": options.root_path,
        "max_threads": 80,  # an open page that follows its job occupies one of Gradio's threads
        "state_session_capacity": SESSIONS,
        "max_file_size": options.limits.upload_bytes,
        "allowed_paths": [str(path) for path in shipped if path.is_dir()],
        "theme": theme.theme(),
        "css": theme.CSS,
        # Gradio would prefix the selectors of `css`
        "head": f"{theme.HEAD}<style>{strings.CSS}{theme.OUTER_CSS}</style>",
        "i18n": strings.translations(),
        "app_kwargs": {"middleware": [Middleware(FirstPage)]},
        "ssr_mode": False,
        "run_history": False,  # inputs are faces: nothing of them is kept in the browser
        "footer_links": ["api", "settings"],
        "show_error": False,
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Read the options, serve the page until stopped, and load model and detector meanwhile."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # Gradio polls itself at the start
    os.umask(0o077)  # keep visitors' files from other users of this machine
    for name in (signal.SIGTERM, signal.SIGINT):  # shells start background processes with SIGINT ignored
        signal.signal(name, _stop)
    options = read_options(argv)
    context = make_context(options)
    try:
        page = build_page(context)
        page.launch(**launch_arguments(options), prevent_thread_lock=True)
        sys.setswitchinterval(0.0005)  # or the page stutters while other threads import the model's packages
        start_warm_up(then=partial(_warm_up, context))  # the detector is needed before the model
        context.visitors.start_cleaning()
        page.block_thread()
    except KeyboardInterrupt:
        log.info("Stopped before the page was up.")
    finally:
        context.jobs.stop_all()
        context.visitors.close()


def _warm_up(context: Context) -> None:
    """Load the model, and meanwhile warm up the previews."""
    context.engine.start()
    try:
        context.previews.warm_up()
    except Exception:
        log.exception("The first preview could not be drawn")


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    """Let `main` end in order; a second signal kills the process."""
    signal.signal(number, signal.SIG_DFL)
    raise KeyboardInterrupt
