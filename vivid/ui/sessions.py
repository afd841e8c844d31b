"""What Gradio keeps of an open page, without what only its deep links would read (they are not offered: see border)."""

from __future__ import annotations

import datetime
from types import SimpleNamespace
from typing import Any

from gradio import blocks as gradio_blocks
from gradio import route_utils, state_holder
from gradio.components import State
from gradio.state_holder import SessionState


class LeanSession(SessionState):
    """A session that has no configuration of the whole page of its own.

    Writing that down took a tenth of a second of the server's one event loop for every new visitor, and for every call
    of a program that has no session.
    """

    def __init__(self, blocks: Any) -> None:
        super().__init__(SimpleNamespace(default_config=blocks.default_config, blocks=()))  # type: ignore[arg-type]

    def __setitem__(self, key: int, value: Any) -> None:
        block = self.blocks_config.blocks.get(key)
        if isinstance(block, State):
            self._state_ttl[key] = (block.time_to_live, datetime.datetime.now())
            self.state_data[key] = value
        else:
            self.blocks_config.blocks[key] = value

    def _update_config(self, key: int) -> None:
        """Nothing: there is none."""

    def _update_value_in_config(self, key: int, value: Any) -> None:
        """Nothing: there is none."""


def keep_lean() -> None:
    """Let all sessions of this process be lean ones."""
    for module in (state_holder, route_utils, gradio_blocks):
        vars(module)["SessionState"] = LeanSession
