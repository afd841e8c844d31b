"""How subclasses of diffusers' classes keep their options, and change them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

Init = TypeVar("Init", bound=Callable[..., None])
NetworkT = TypeVar("NetworkT")


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


def rebuilt(network: NetworkT, **options: Any) -> NetworkT:
    """The same network with other options: tensors of unchanged shape keep their weights, the rest is untrained."""
    old: Any = network
    own = {name: value for name, value in old.config.items() if not name.startswith("_")}
    new: Any = type(network)(**{**own, **options})
    state = new.state_dict()
    known = {n: v for n, v in old.state_dict().items() if n in state and state[n].shape == v.shape}
    new.load_state_dict({**state, **known})
    made: NetworkT = new.train(old.training)
    return made
