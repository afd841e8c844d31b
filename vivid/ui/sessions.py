"""A lighter copy of the page for each session, without the data for deep links, which are not offered (see border)."""

from __future__ import annotations

from typing import Any

from gradio.blocks import BlocksConfig


class LightConfig(BlocksConfig):
    """The configuration of a page, whose copies, one per session, do not serialise every component.

    That took a tenth of a second of the event loop for every new visitor, and for every API call without a session.
    """

    def __copy__(self) -> BlocksConfig:
        """The same components and events, without their serialised form."""
        copied: Any = super().__copy__()
        copied.config_for_block = lambda *_: {}
        return copied
