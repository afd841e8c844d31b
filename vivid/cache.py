"""A small thread-safe cache."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any


class Cache:
    """The `size` most recently used values by key; threads that `get` the same new key at once compute it once."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Any, Any] = OrderedDict()
        self._locks: dict[Any, threading.Lock] = {}
        self._guard = threading.Lock()

    def get(self, key: Any, make: Callable[[], Any]) -> Any:
        """The value of `key`, computed by `make` if it is missing; exceptions are passed on and not cached."""
        with self._guard:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            with self._guard:
                if key in self._values:
                    return self._values[key]
            try:
                value = make()
            finally:
                with self._guard:
                    self._locks.pop(key, None)
            with self._guard:
                self._values[key] = value
                while len(self._values) > self._size:
                    self._values.popitem(last=False)
        return value

    def clear(self) -> None:
        """Remove all values."""
        with self._guard:
            self._values.clear()

    def holds(self, key: Any) -> bool:
        """Whether `key` is cached."""
        with self._guard:
            return key in self._values
