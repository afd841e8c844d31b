"""Sentences for users, and the one error that they see."""

from __future__ import annotations

from typing import Any


class Message(str):
    """A sentence in English, made of a template with a {} for each of its values.

    Catalogues of other languages know it by its `template`; `values` are the strings in it, which may be messages
    themselves. A sentence without values is its own template.
    """

    template: str
    values: tuple[str, ...]

    def __new__(cls, template: str, *values: object) -> Message:
        if isinstance(template, Message):
            return template
        said = tuple(value if isinstance(value, str) else str(value) for value in values)
        message = super().__new__(cls, template.format(*said) if said else template)
        message.template, message.values = template, said
        return message

    def packed(self) -> list[Any]:
        """The message as JSON can hold it, for `unpacked`."""
        return [self.template, *(value.packed() if isinstance(value, Message) else value for value in self.values)]

    @staticmethod
    def unpacked(parts: list[Any]) -> Message:
        """The message that was packed."""
        return Message(parts[0], *(Message.unpacked(part) if isinstance(part, list) else part for part in parts[1:]))


class InputError(ValueError):
    """Something the user gave cannot be used; the message is one sentence that says what to do."""

    def __init__(self, template: str, *values: object) -> None:
        self.message = Message(template, *values)
        super().__init__(self.message)


class NoMediaError(InputError):
    """A file holds neither sound nor pictures; a caller that wanted a clip or a voice rewords the message."""
