"""Gradio's parser of uploads, with limits on what it keeps in memory and nothing left on the disk by what fails."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from gradio import route_utils
from starlette.formparsers import MultiPartException

FIELD_BYTES = 2**16
"""Of a form field that is no file; Gradio keeps those in memory."""


class TidyParser(route_utils.GradioMultiPartParser):
    """Gradio's reader of uploads, which keeps no long text fields in memory and leaves no half files."""

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """The same for what is no file, up to FIELD_BYTES. Errors: MultiPartException."""
        part = self._current_part
        if part.file is None and len(part.data) + end - start > FIELD_BYTES:
            raise MultiPartException(f"A field is longer than {FIELD_BYTES} bytes: send files as files.")
        super().on_part_data(data, start, end)

    async def parse(self) -> Any:
        """The same; whatever ends it early, nothing stays on the disk."""
        try:
            return await super().parse()
        except BaseException:
            for file in self._files_to_close_on_error:
                with contextlib.suppress(OSError):
                    file.close()
                with contextlib.suppress(OSError):
                    os.unlink(file.name)
            raise


def use_tidy_parser() -> None:
    """Let Gradio read uploads with TidyParser: it offers no other way to say so."""
    route_utils.GradioMultiPartParser = TidyParser  # type: ignore[misc]
