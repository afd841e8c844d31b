"""Guarded events: inputs are checked first, and files in the output are granted to the visitor."""

from __future__ import annotations

import html
import logging
from functools import partial
from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction
from starlette.middleware import Middleware

from ..errors import InputError, Message
from .border import Border
from .engine import at_low_priority
from .fairness import FairQueue
from .jobs import OUR_FAULT
from .options import ServerOptions
from .payloads import NOT_YOURS, NotYoursError, checked, files_in
from .serving import SLOW_PREVIEW
from .sessions import LightConfig
from .strings import told
from .upload_parser import use_tidy_parser
from .visitors import Visitors, current, visitor_of

log = logging.getLogger("vivid")

WRONG_TYPE = "A value has a type that does not fit its field: the page's API description says what each one takes."
TOO_FEW = "{} values were sent, {} are needed: the page's API description lists them."


class GuardedBlocks(gr.Blocks):
    """gr.Blocks whose events open only the visitor's own files, whatever a client sends.

    Every way to call an event (the queue, /run, /call, a direct call) leads through `process_api`.
    """

    def __init__(self, visitors: Visitors, options: ServerOptions, **more: Any) -> None:
        super().__init__(**more)
        self.default_config = LightConfig(self)
        self.visitors, self.options = visitors, options

    def queue(self, max_size: int | None = None, **more: Any) -> Any:
        """The same with a fair queue, and with slow events at low priority."""
        super().queue(max_size=max_size, **more)
        for event in self.fns.values():
            if event.concurrency_id == SLOW_PREVIEW["concurrency_id"] and event.fn and not event.types_generator:
                event.fn = at_low_priority(event.fn)
        self._queue = FairQueue(
            live_updates=True, concurrency_count=self.max_threads, update_intervals=1, max_size=max_size, blocks=self,
            **more,
        )  # fmt: skip
        return self

    def launch(self, *args: Any, **more: Any) -> Any:
        """The same with the Border middleware in front of the server."""
        use_tidy_parser()
        given = dict(more.pop("app_kwargs", None) or {})
        given["middleware"] = [
            Middleware(Border, visitors=self.visitors, options=self.options),
            *given.get("middleware", ()),
        ]
        return super().launch(*args, app_kwargs=given, **more)

    async def process_api(
        self, block_fn: BlockFunction | int, inputs: list[Any], state: Any = None, request: Any = None, **more: Any
    ) -> dict[str, Any]:
        """Check the payload, then run the event. Errors: gr.Error."""
        visitor = visitor_of(request)
        current.set(visitor)
        try:
            inputs = checked(inputs, partial(self.visitors.granted, visitor.owner))
            return await super().process_api(block_fn, inputs, state=state, request=request, **more)
        except Exception as error:
            answer = self._told(error, request)
            if not isinstance(block_fn, int) and block_fn.api_visibility != "public":
                answer.message = html.escape(answer.message, quote=False)  # the page renders it as HTML
            raise answer from None

    def _told(self, error: Exception, request: gr.Request | None) -> gr.Error:
        """The error that a client gets."""
        if isinstance(error, gr.Error):
            return error
        if isinstance(error, NotYoursError | InputError):
            text = NOT_YOURS if isinstance(error, NotYoursError) else error.message
            return gr.Error(told(text, request), print_exception=False)
        log.error("An event failed", exc_info=error)
        return gr.Error(told(OUR_FAULT, request), print_exception=False)

    async def preprocess_data(
        self, block_fn: BlockFunction, inputs: list[Any], state: Any, explicit_call: bool = False
    ) -> list[Any]:
        """Answer values of the wrong type with a sentence. Errors: gr.Error."""
        if len(inputs) < len(block_fn.inputs):
            text = Message(TOO_FEW, len(inputs), len(block_fn.inputs))
            raise gr.Error(told(text), print_exception=False)
        try:
            return await super().preprocess_data(block_fn, inputs, state, explicit_call)
        except gr.Error as error:
            error.print_exception = False
            raise
        except Exception as error:
            log.info("An event got values that do not fit its fields: %s", type(error).__name__)
            raise gr.Error(told(WRONG_TYPE), print_exception=False) from None

    async def postprocess_data(self, block_fn: BlockFunction, predictions: Any, state: Any) -> list[Any]:
        """Grant the visitor the files in the output. Invalid output is an error of ours. Errors: gr.Error."""
        try:
            answer = await super().postprocess_data(block_fn, predictions, state)
        except gr.Error:
            raise
        except Exception:
            log.exception("The answer of %s could not be sent", block_fn.name)
            raise gr.Error(told(OUR_FAULT), print_exception=False) from None
        for path in files_in(answer):
            self.visitors.grant(current.get().owner, path)
        return answer
