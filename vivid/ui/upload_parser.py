"""Gradio's upload parser, with a limit on form fields and without leftovers of failed uploads.

Middleware could not do it: to tell fields from files it would have to parse every upload a second time, and it does not
know the names of the partial files that Gradio leaves behind when a client disconnects.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

from gradio import route_utils
from starlette.formparsers import MultiPartException

FIELD_BYTES = 2**16
"""Maximum size of a form field that is not a file; Gradio keeps those in memory."""


class TidyParser(route_utils.GradioMultiPartParser):
    """Gradio's upload parser, but it refuses long text fields and deletes partial files."""

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """The same, with fields that are not files limited to FIELD_BYTES. Errors: MultiPartException."""
        part = self._current_part
        if part.file is None and len(part.data) + end - start > FIELD_BYTES:
            raise MultiPartException(f"A field is longer than {FIELD_BYTES} bytes: send files as files.")
        super().on_part_data(data, start, end)

    async def parse(self) -> Any:
        """The same, but if it fails, temporary files are deleted."""
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
    """Make Gradio use TidyParser, for which it has no option."""
    route_utils.GradioMultiPartParser = TidyParser  # type: ignore[misc]
