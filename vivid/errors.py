"""The one error that users meet."""


class InputError(ValueError):
    """Something the user gave cannot be used; the message is one sentence that says what to do."""
