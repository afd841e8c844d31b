"""The one error that users see."""


class InputError(ValueError):
    """Something the user gave cannot be used; the message is one sentence that says what to do."""


class NoMediaError(InputError):
    """A file holds neither sound nor pictures; a caller that wanted a clip or a voice rewords the message."""
