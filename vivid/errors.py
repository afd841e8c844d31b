"""The one error that users meet."""


class InputError(ValueError):
    """Something the user gave cannot be used; the message is one sentence that says what to do."""


class NoMediaError(InputError):
    """A file holds neither sound nor pictures; who asked for a clip or a voice says it in their own words."""
