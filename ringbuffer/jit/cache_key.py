"""What the machine code of one function depends on, as a key: code, constants, and what it calls.

Who uses it: the cache (``cache.py``). The key of a function is a hash of its bytecode and of
everything that its global names stand for: numbers, records, other compiled functions that become
part of it, intrinsics. A function that is called through a table (``function_table.py``) counts
with its name, slot and signature only. So an edit compiles the function that was edited and those
that contain it, nothing else; line numbers, paths and comments do not count.

Decision PKG-6.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import struct
import sys
import types
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from llvmlite import __version__ as llvmlite_version
from numba.core.dispatcher import Dispatcher
from numba.core.extending import _Intrinsic

# Packages whose functions and classes are known by their version (Python's counts in the cache's
# file names).
_LIBRARIES = sys.stdlib_module_names - {"__main__"} | {"numba", "numpy", "llvmlite"}


class NotDescribable(TypeError):
    """A compiled function uses a global whose value the key cannot say."""


class Described:
    """A global of compiled functions that says itself what their machine code depends on."""

    def cache_description(self) -> str:
        """A text that changes when the machine code of a user of this object must change."""
        raise TypeError(f"{type(self).__name__} has no description")


@functools.cache
def infrastructure() -> str:
    """Hash of what every compiled function depends on: versions, and this package's sources."""
    digest = hashlib.sha256(f"{numba.__version__} {llvmlite_version} {np.__version__}".encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _library(module: str | None) -> bool:
    if module is None:
        return False
    # this package counts as a whole, see ``infrastructure``
    return module.split(".")[0] in _LIBRARIES or module.startswith(__package__)


class Describer:
    """Describes values; one object for one function, so that recursion ends."""

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}

    def of(self, value: Any, names: Iterable[str] = ()) -> str:
        """``names``: those by which attributes of a module are used."""
        if value is None or isinstance(value, bool | str | bytes | float | complex):
            return repr(value)
        if isinstance(value, enum.Enum):
            return f"{type(value).__qualname__}.{value.name}={value.value!r}"
        if isinstance(value, int | np.integer):
            return f"{type(value).__name__}:{int(value)}"
        if isinstance(value, Described):
            return value.cache_description()
        if isinstance(value, tuple | list | frozenset):
            items = sorted(value, key=repr) if isinstance(value, frozenset) else value
            return f"{type(value).__name__}({','.join(self.of(item) for item in items)})"
        if isinstance(value, dict):
            items = [f"{self.of(key)}:{self.of(item)}" for key, item in value.items()]
            return "{" + ",".join(items) + "}"
        if isinstance(value, np.dtype):
            return f"dtype:{value.descr!r}" if value.names else f"dtype:{value!r}"
        if isinstance(value, struct.Struct):
            return f"struct:{value.format}"
        if isinstance(value, np.ndarray):
            return f"array:{value.dtype}{value.shape}{hashlib.sha256(value.tobytes()).hexdigest()}"
        return self._of_code(value, names)

    def _of_code(self, value: Any, names: Iterable[str]) -> str:
        if isinstance(value, Dispatcher):
            return f"compiled:{self._once(value.py_func)}{sorted(value.targetoptions.items())!r}"
        if isinstance(value, _Intrinsic):
            return f"intrinsic:{self._once(value._defn)}"
        if isinstance(value, types.ModuleType):
            if _library(value.__name__):
                return value.__name__
            used = [name for name in sorted(set(names)) if hasattr(value, name)]
            return f"{value.__name__}:" + ",".join(
                f"{name}={self.of(getattr(value, name))}" for name in used
            )
        if _library(getattr(value, "__module__", None)) or isinstance(
            value, types.BuiltinFunctionType | np.ufunc | numba.types.Type
        ):
            return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', value)}"
        if isinstance(value, types.FunctionType):
            return f"function:{self._once(value)}"
        if isinstance(value, type):
            return self._of_class(value)
        raise NotDescribable(f"{value!r} of type {type(value).__name__}")

    def _of_class(self, value: type) -> str:
        if issubclass(value, enum.Enum):
            return f"{value.__qualname__}:{[(each.name, each.value) for each in value]!r}"
        fields = getattr(value, "_fields", None)
        if fields is None:
            raise NotDescribable(f"class {value.__module__}.{value.__qualname__}")
        return f"{value.__module__}.{value.__qualname__}:{fields!r}"

    def _once(self, function: types.FunctionType) -> str:
        number = self._seen.get(id(function))
        if number is not None:
            return f"#{number}"
        self._seen[id(function)] = len(self._seen)
        return self.function(function)

    def function(self, function: types.FunctionType) -> str:
        """Bytecode, defaults, closure and the values of the global names of ``function``."""
        parts = [function.__qualname__, self.of(function.__defaults__)]
        self._code(function.__code__, function.__globals__, parts, function.__doc__)
        for cell in function.__closure__ or ():
            parts.append(self.of(cell.cell_contents))
        return "(" + ";".join(parts) + ")"

    def _code(
        self,
        code: types.CodeType,
        values: dict[str, Any],
        parts: list[str],
        docstring: str | None = None,
    ) -> None:
        parts.append(f"{code.co_code.hex()} {code.co_varnames} {code.co_freevars} {code.co_names}")
        for name in code.co_names:
            if name in values:
                parts.append(f"{name}={self.of(values[name], code.co_names)}")
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                self._code(constant, values, parts)
            elif constant is not docstring or docstring is None:
                parts.append(self.of(constant))


def function_key(function: types.FunctionType, options: dict[str, Any]) -> str:
    """The key of ``function`` compiled with ``options``: 32 hex digits.

    Raises NotDescribable, with the function's name, when a global of it cannot be described.
    """
    try:
        text = Describer().function(function)
    except NotDescribable as error:
        raise NotDescribable(f"{function.__module__}.{function.__qualname__}: {error}") from None
    return hashlib.sha256(f"{infrastructure()}{text}{options!r}".encode()).hexdigest()[:32]
