"""What Gradio keeps of an open page, without what only its deep links would read (they are not offered: see border)."""

from __future__ import annotations

from typing import Any

from gradio.blocks import BlocksConfig


class LightConfig(BlocksConfig):
    """The configuration of a page, whose copies, one for each session, do not write down every component.

    Writing that down took a tenth of a second of the server's one event loop for every new visitor, and for every call
    of a program that has no session.
    """

    def __copy__(self) -> BlocksConfig:
        """The same components and events; nothing of what a browser is told of them."""
        copied: Any = super().__copy__()
        copied.config_for_block = lambda *_: {}
        return copied
