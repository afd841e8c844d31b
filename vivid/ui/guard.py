"""The page's events, guarded: what goes in is checked first, and what comes out is the visitor's from then on."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from functools import partial
from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.context import LocalContext
from starlette.middleware import Middleware

from .border import Border
from .jobs import OUR_FAULT
from .payloads import NOT_YOURS, NotYoursError, checked, files_in
from .strings import language_of
from .strings.sentences import chinese
from .visitors import NOBODY, Visitors, visitor_of

log = logging.getLogger("vivid")

WRONG_TYPE = "A value has a type that does not fit its field: the page's API description says what each one takes."
TOO_FEW = "{} values were sent, {} are needed: the page's API description lists them."

_visitor: ContextVar[str] = ContextVar("visitor", default=NOBODY)
"""Whose event runs."""


def in_language(text: str, request: gr.Request | None = None) -> str:
    """The sentence in the language of whoever is being served; programs get English."""
    request = request or LocalContext.request.get(None)
    return chinese(text) if language_of(request) == "zh" else text


class GuardedBlocks(gr.Blocks):
    """gr.Blocks whose events open no file but the visitor's own, whatever a client sends.

    Every way into an event (the queue, /run, /call, a direct call) leads through `process_api`.
    """

    def __init__(self, visitors: Visitors, **more: Any) -> None:
        super().__init__(**more)
        self.visitors = visitors

    def launch(self, *args: Any, **more: Any) -> Any:
        """The same with the border in front of the server."""
        given = dict(more.pop("app_kwargs", None) or {})
        given["middleware"] = [Middleware(Border, visitors=self.visitors), *given.get("middleware", ())]
        return super().launch(*args, app_kwargs=given, **more)

    async def process_api(
        self, block_fn: BlockFunction | int, inputs: list[Any], state: Any = None, request: Any = None, **more: Any
    ) -> dict[str, Any]:
        """Check the payload, then run the event. Errors: gr.Error."""
        visitor = visitor_of(request)
        _visitor.set(visitor)
        try:
            inputs = checked(inputs, partial(self.visitors.granted, visitor))
        except NotYoursError:
            raise gr.Error(in_language(NOT_YOURS, request), print_exception=False) from None
        return await super().process_api(block_fn, inputs, state=state, request=request, **more)

    async def preprocess_data(
        self, block_fn: BlockFunction, inputs: list[Any], state: Any, explicit_call: bool = False
    ) -> list[Any]:
        """What Gradio cannot read for its type is said in a sentence. Errors: gr.Error."""
        if len(inputs) < len(block_fn.inputs):
            text = TOO_FEW.format(len(inputs), len(block_fn.inputs))
            raise gr.Error(in_language(text), print_exception=False)
        try:
            return await super().preprocess_data(block_fn, inputs, state, explicit_call)
        except gr.Error as error:
            error.print_exception = False
            raise
        except Exception as error:
            log.info("An event got values that do not fit its fields: %s", type(error).__name__)
            raise gr.Error(in_language(WRONG_TYPE), print_exception=False) from None

    async def postprocess_data(self, block_fn: BlockFunction, predictions: Any, state: Any) -> list[Any]:
        """Grant the visitor the files of the answer. What Gradio cannot show is our mistake. Errors: gr.Error."""
        try:
            answer = await super().postprocess_data(block_fn, predictions, state)
        except gr.Error:
            raise
        except Exception:
            log.exception("The answer of %s could not be sent", block_fn.name)
            raise gr.Error(in_language(OUR_FAULT), print_exception=False) from None
        for path in files_in(answer):
            self.visitors.grant(_visitor.get(), path)
        return answer
