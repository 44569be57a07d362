"""How much LLVM does for a function: all, nothing, or one copy behind a C interface.

Who uses it: the decorators. numba optimises each function for itself, turns it into machine code,
and does the same again within every function that calls it. That is wasted where a function exists
only within others. Two kinds of library (numba's word for the code of one function) say so:

- ``InlinedLibrary``: intermediate code for others; no passes, no machine code;
- ``CLibrary``: a function that is called by address, by C's convention, and is linked by nobody.
  numba's own function becomes a part of its C entry before anything is optimised, so there is one
  copy and no second call.

Decision PKG-7.
"""

from __future__ import annotations

import ctypes
from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler

# A function of the interpreter that sets TypeError and returns NULL, as a wrapper that fails does.
_REFUSE = ctypes.cast(ctypes.pythonapi.PyErr_BadArgument, ctypes.c_void_p).value or 0


class _WithoutEnvironments:
    """A code generator for a function that has no machine code, so no place for its environment."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)

    def set_env(self, name: str, environment: Any) -> None:
        """Nothing to set: only functions that use the interpreter have an environment."""


class InlinedLibrary(JITCodeLibrary):  # type: ignore[misc]
    """The code of a function that only exists within others."""

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        """The function that contains this one is optimised as a whole."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True

    @property
    def codegen(self) -> Any:
        """numba sets the environment of a function through this once it is compiled."""
        return _WithoutEnvironments(self._codegen)

    def get_pointer_to_function(self, name: str) -> int:
        """There is no machine code: whoever calls from the interpreter gets a TypeError."""
        self._ensure_finalized()
        return _REFUSE


class CLibrary(JITCodeLibrary):  # type: ignore[misc]
    """The code of a function that is called by its address."""

    def _optimize_final_module(self) -> None:
        for function in self._final_module.functions:
            if not function.is_declaration and function.name.startswith("cfunc."):
                native = self._final_module.get_function(function.name.removeprefix("cfunc."))
                native.linkage = "internal"
                for attribute in list(native.attributes):
                    assert b"noinline" not in bytes(attribute)
                native.add_function_attribute("alwaysinline")
        super()._optimize_final_module()


class _Pipeline(Compiler):  # type: ignore[misc]
    """numba's compiler with a library of another class."""

    library_class: type[JITCodeLibrary]

    def compile_extra(self, func: Any) -> Any:
        """Compile ``func``; see numba.core.compiler.CompilerBase."""
        library = self.library_class(self.state.targetctx.codegen(), func.__qualname__)
        library.enable_object_caching()
        self.state.library = library
        return super().compile_extra(func)


class InlinedPipeline(_Pipeline):
    """Compiles to an ``InlinedLibrary``."""

    library_class = InlinedLibrary


class CPipeline(_Pipeline):
    """Compiles to a ``CLibrary``."""

    library_class = CLibrary
