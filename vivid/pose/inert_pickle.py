"""Read pickles of numpy arrays and plain containers without executing anything.

Python's own unpickler imports and calls what the file names, and even a filtered one allocates what the file asks for.
This module is a small interpreter of the format: the four numpy names below become plain records, any other name, call
or instruction stops it, and an array is created only once its bytes are known to match its shape.
"""

from __future__ import annotations

import math
import pickletools
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

MAX_BYTES = 128 * 2**10
"""Largest pickle read; a frame of one person takes 4 kB."""
_MAX_STEPS = 5_000


class RefusedPickleError(ValueError):
    """The pickle holds something besides arrays, numbers, strings, lists, tuples and dicts."""


@dataclass
class _Name:
    """A numpy global, by its role: 'array', 'class', 'dtype' or 'scalar'."""

    meaning: str


@dataclass
class _DType:
    code: str
    order: str = "|"

    def numpy(self) -> np.dtype[Any]:
        if not re.fullmatch(r"[fiub][1248]", self.code):
            raise RefusedPickleError(f"an array of type {self.code[:20]!r}")
        return np.dtype((self.order if self.order in "<>" else "=") + self.code)


@dataclass
class _Array:
    """An array between its announcement and its contents."""

    value: Any = None
    filled: bool = field(default=False)


_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"): "array",
    ("numpy._core.multiarray", "_reconstruct"): "array",
    ("numpy", "ndarray"): "class",
    ("numpy", "dtype"): "dtype",
    ("numpy.core.multiarray", "scalar"): "scalar",
    ("numpy._core.multiarray", "scalar"): "scalar",
}
_MARK = object()
_PLAIN = {
    "BININT", "BININT1", "BININT2", "INT", "LONG1", "BINFLOAT", "FLOAT", "BINUNICODE", "SHORT_BINUNICODE", "UNICODE",
    "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BINSTRING", "SHORT_BINSTRING",
}  # fmt: skip
_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}


def read(data: bytes) -> Any:
    """The object in a pickle of at most `MAX_BYTES`. Raises RefusedPickleError for everything unexpected."""
    if len(data) > MAX_BYTES:
        raise RefusedPickleError(f"{len(data)} bytes")
    try:
        return _settled(_Machine().run(data), [_MAX_STEPS])
    except RefusedPickleError:
        raise
    # On damaged bytes pickletools raises whatever its readers raise.
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise RefusedPickleError("damaged bytes") from error


class _Machine:
    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, data: bytes) -> Any:
        argument: Any
        for step, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if step > _MAX_STEPS:
                raise RefusedPickleError("too many parts")
            name = opcode.name
            if name == "STOP":
                return self.stack.pop()
            if name in _PLAIN:
                self.stack.append(argument)
            elif name in _CONSTANTS:
                self.stack.append(_CONSTANTS[name])
            elif name == "MARK":
                self.stack.append(_MARK)
            elif name in ("PROTO", "FRAME"):
                continue
            elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
                self.memo[argument] = self.stack[-1]
            elif name == "MEMOIZE":
                self.memo[len(self.memo)] = self.stack[-1]
            elif name in ("BINGET", "LONG_BINGET", "GET"):
                self.stack.append(self.memo[argument])
            else:
                self._structure(name, argument)
        raise RefusedPickleError("no end")

    def _structure(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in ("EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE"):
            stack.append({"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}[name]())
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            count = int(name[-1])
            items = tuple(stack[-count:])
            del stack[-count:]
            stack.append(items)
        elif name == "TUPLE":
            stack.append(tuple(self._to_mark()))
        elif name == "LIST":
            stack.append(self._to_mark())
        elif name == "DICT":
            items_list = self._to_mark()
            stack.append(dict(zip(items_list[::2], items_list[1::2], strict=True)))
        elif name in ("APPEND", "APPENDS"):
            items_list = self._to_mark() if name == "APPENDS" else [stack.pop()]
            self._top(list).extend(items_list)
        elif name in ("SETITEM", "SETITEMS"):
            if name == "SETITEMS":
                items_list = self._to_mark()
            else:
                items_list = stack[-2:]
                del stack[-2:]
            self._top(dict).update(zip(items_list[::2], items_list[1::2], strict=True))
        elif name == "GLOBAL":
            module, _, attribute = argument.partition(" ")
            stack.append(_name(module, attribute))
        elif name == "STACK_GLOBAL":
            attribute, module = stack.pop(), stack.pop()
            stack.append(_name(module, attribute))
        elif name == "REDUCE":
            arguments, called = stack.pop(), stack.pop()
            stack.append(_reduce(called, arguments))
        elif name == "BUILD":
            state = stack.pop()
            _build(stack[-1], state)
        else:
            raise RefusedPickleError(f"the instruction {name}")

    def _to_mark(self) -> list[Any]:
        place = len(self.stack) - 1
        while self.stack[place] is not _MARK:
            place -= 1
            if place < 0:
                raise RefusedPickleError("damaged bytes")
        items = self.stack[place + 1 :]
        del self.stack[place:]
        return items

    def _top(self, kind: type) -> Any:
        if type(self.stack[-1]) is not kind:
            raise RefusedPickleError("damaged bytes")
        return self.stack[-1]


def _name(module: Any, attribute: Any) -> _Name:
    if (module, attribute) not in _NAMES:
        raise RefusedPickleError(f"{str(module)[:40]}.{str(attribute)[:40]}")
    return _Name(_NAMES[module, attribute])


def _reduce(called: Any, arguments: Any) -> Any:
    """What numpy's own pickles call: an empty array, a dtype from its code, a scalar from dtype and bytes."""
    if isinstance(called, _Name) and isinstance(arguments, tuple):
        if called.meaning == "array":
            return _Array()
        if called.meaning == "dtype" and arguments and isinstance(arguments[0], str):
            return _DType(arguments[0])
        if called.meaning == "scalar" and len(arguments) == 2 and isinstance(arguments[0], _DType):
            return _filled((), arguments[0], arguments[1], False)[()]
    raise RefusedPickleError("a call")


def _build(target: Any, state: Any) -> None:
    if isinstance(target, _DType) and isinstance(state, tuple) and len(state) > 1 and isinstance(state[1], str):
        target.order = state[1]
    elif isinstance(target, _Array) and not target.filled and isinstance(state, tuple) and len(state) == 5:
        _, shape, dtype, fortran, contents = state
        if not isinstance(dtype, _DType):
            raise RefusedPickleError("an array without a type")
        if dtype.code in ("O8", "O4", "O"):
            # np.save wraps an object in an array of shape (): the only object array there may be.
            if shape != () or not isinstance(contents, list) or len(contents) != 1:
                raise RefusedPickleError("an array of objects")
            target.value = contents[0]
        else:
            target.value = _filled(shape, dtype, contents, bool(fortran))
        target.filled = True
    else:
        raise RefusedPickleError("a state")


def _filled(shape: Any, dtype: _DType, contents: Any, fortran: bool) -> np.ndarray[Any, Any]:
    if not isinstance(shape, tuple) or len(shape) > 4 or not all(type(n) is int and n >= 0 for n in shape):
        raise RefusedPickleError("an array of odd shape")
    kind = dtype.numpy()
    if not isinstance(contents, bytes) or math.prod(shape) * kind.itemsize != len(contents):
        raise RefusedPickleError("an array whose bytes do not match its shape")
    return np.frombuffer(contents, kind).reshape(shape, order="F" if fortran else "C")


def _settled(value: Any, budget: list[int], depth: int = 0) -> Any:
    """`value` with finished arrays in place of their records; depth and number of parts are limited."""
    budget[0] -= 1
    if budget[0] < 0 or depth > 20:
        raise RefusedPickleError("too many parts")
    if isinstance(value, _Array):
        if not value.filled:
            raise RefusedPickleError("an array without contents")
        return _settled(value.value, budget, depth + 1)
    if isinstance(value, (_Name, _DType)) or value is _MARK:
        raise RefusedPickleError("a name of numpy")
    if isinstance(value, dict):
        return {key: _settled(item, budget, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_settled(item, budget, depth + 1) for item in value)
    return value
