"""How subclasses of diffusers' classes keep their options."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypeVar

Init = TypeVar("Init", bound=Callable[..., None])


def with_options_of(parent: type) -> Callable[[Init], Init]:
    """Give an `__init__(self, *, own options, **options)` the options of `parent` by name.

    diffusers stores and restores a configuration by the signature of `__init__`, and a subclass that lists only its
    own options would lose the parent's.
    """

    def decorate(init: Init) -> Init:
        own = list(inspect.signature(init).parameters.values())[:-1]
        taken = {parameter.name for parameter in own}
        inherited = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for name, parameter in inspect.signature(parent.__init__).parameters.items()  # type: ignore[misc]
            if name not in taken
        ]
        init.__signature__ = inspect.Signature([*own, *inherited])  # type: ignore[attr-defined]
        return init

    return decorate
