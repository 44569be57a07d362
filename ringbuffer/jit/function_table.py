"""Functions that are compiled alone and called through a table of addresses.

Who uses it: the engine (``exchange/engine/state/functions.py``). Its functions take a *view*: one
pointer to a block of words, the *links*:

    word 0 .. n - 1   the addresses of the owner's arrays
    word n            the address of the table; its word s is the address of the function of slot s

A caller contains a load and a call by C's convention, not the callee: it need not be compiled
again when the callee is, and any process may compile any of them, in any order. Nothing is linked
by name, so machine code on disk has no address in it. The loads are marked invariant: whoever
writes the addresses must not be part of a function that reads them.

Invariants: a slot number belongs to one function name for ever (callers' machine code has it);
``link`` fills every slot, or says which function lacks one, before the first call.

Decision PKG-7.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar, cast

import numba
import numpy as np
from llvmlite import binding as llvm
from llvmlite import ir
from numba import types
from numba.core import config
from numba.core.datamodel import models
from numba.core.extending import _Intrinsic, infer_getattr, lower_getattr_generic, register_model
from numba.core.runtime.nrt import rtsys
from numba.core.typing.templates import AttributeTemplate
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from ringbuffer.jit.cache import CodeCache
from ringbuffer.jit.cache_key import Described
from ringbuffer.jit.libraries import CPipeline

Function = TypeVar("Function", bound=Callable[..., Any])

_WORD = ir.IntType(64)
_POINTER = _WORD.as_pointer()


class Words(types.Type):  # type: ignore[misc]
    """A pointer to the words of one array, which ``tag`` names."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        super().__init__(f"Words({tag})")


@register_model(Words)
class _WordsModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, type_: Any) -> None:
        super().__init__(manager, type_, _POINTER)


class View(types.Type):  # type: ignore[misc]
    """The pointer to a block of words; all that a load from it needs is in the type."""

    def __init__(self, table: str, arrays: tuple[str, ...]) -> None:
        self.arrays = arrays
        super().__init__(f"View({table}: {' '.join(arrays)})")


@register_model(View)
class _ViewModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, type_: Any) -> None:
        super().__init__(manager, type_, _POINTER)


@infer_getattr
class _ViewAttribute(AttributeTemplate):  # type: ignore[misc]
    key = View

    def generic_resolve(self, value: Any, name: str) -> Any:  # type: ignore[override]
        return Words(name) if name in value.arrays else None


@lower_getattr_generic(View)  # type: ignore[untyped-decorator]
def _attribute(context: Any, builder: Any, type_: Any, value: Any, name: str) -> Any:
    return array_pointer(builder, type_, value, name)


def array_pointer(builder: Any, view_type: View, view: Any, name: str) -> Any:
    """LLVM's pointer to the words of array ``name``, for intrinsics that take a view."""
    return builder.inttoptr(_load_invariant(builder, view, view_type.arrays.index(name)), _POINTER)


def table_of(pointer_type: Any) -> str | None:
    """The array whose words a pointer of ``pointer_type`` points to; None if its type has none."""
    return pointer_type.tag if isinstance(pointer_type, Words) else None


def say_whose(builder: Any, instruction: Any, array: str | None) -> Any:
    """Tell LLVM which array a load or store touches: a store into another one changes nothing."""
    if array is not None:
        module = builder.module
        kind = module.add_metadata([array, module.add_metadata(["words"]), _WORD(0)])
        instruction.set_metadata("tbaa", module.add_metadata([kind, kind, _WORD(0)]))
    return instruction


class _Function(NamedTuple):
    slot: int
    compiled: Any
    signature: Any
    cache: CodeCache


class _ByAddress(_Intrinsic, Described):  # type: ignore[misc]
    """What compiled callers see of a function of the table."""

    description: str

    def cache_description(self) -> str:
        return self.description


class FunctionTable(Described):
    """One kind of view, its arrays and its functions.

    ``arrays``: their names, in the order of their addresses. ``slots``: qualified function name ->
    number.
    """

    def __init__(self, name: str, arrays: Sequence[str], slots: Mapping[str, int]) -> None:
        assert len(set(slots.values())) == len(slots), "a slot has two functions"
        self.name = name
        self.arrays = tuple(arrays)
        self.slots = dict(slots)
        self.addresses = np.zeros(max(slots.values(), default=0) + 1, np.int64)
        self.view_type = View(name, self.arrays)
        self.view_of = self._make_view_of()
        self.set_address = self._make_set_address()
        self._functions: dict[str, _Function] = {}
        self._linked = False

    def cache_description(self) -> str:
        return f"table:{self.name}:{self.arrays!r}"

    def links(self) -> np.ndarray:
        """A new block for a view: int64[len(arrays) + 1], with the address of the whole table.

        Compiles, or reads back, every function that is not there yet.
        """
        self.link()
        block = np.zeros(len(self.arrays) + 1, np.int64)
        block[-1] = self.addresses.ctypes.data
        return block

    def _make_view_of(self) -> Any:
        view_type = self.view_type

        @intrinsic
        def view_of(typing_context: Any, array: Any) -> Any:
            def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
                made = make_array(signature.args[0])(context, builder, args[0])
                return builder.bitcast(made.data, _POINTER)

            return view_type(array), codegen

        return view_of

    def _make_set_address(self) -> Any:
        @intrinsic
        def set_address(typing_context: Any, view: Any, number: Any, array: Any) -> Any:
            def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
                made = make_array(signature.args[2])(context, builder, args[2])
                address = builder.ptrtoint(made.data, _WORD)
                builder.store(address, builder.gep(args[0], [args[1]]))
                return context.get_dummy_value()

            return types.void(view, types.int64, array), codegen

        return set_address

    def function(self, function: Function) -> Function:
        """The decorator: compile ``function`` alone; compiled callers call it by address.

        Its first parameter is the view; the others, and the result, are ``int``, ``bool``, ``None``
        or NamedTuples of these, as annotated. Raises KeyError when it has no slot.
        """
        if config.DISABLE_JIT:  # type: ignore[attr-defined]
            return function
        name = f"{function.__module__}.{function.__qualname__}"
        if name not in self.slots:
            raise KeyError(f"{name} has no slot in the table {self.name}")
        slot = self.slots[name]
        signature = self._signature(function)
        options: dict[str, Any] = {
            "nogil": True,
            "no_cpython_wrapper": True,
            "no_cfunc_wrapper": False,
            "pipeline_class": CPipeline,
        }
        compiled: Any = numba.njit(**options)(function)
        cache = CodeCache(function, {"signature": repr(signature)}, linked=False)
        assert name not in self._functions, f"{name} is defined twice"
        self._functions[name] = _Function(slot, compiled, signature, cache)
        return cast(Function, self._caller(function, slot, signature))

    def _signature(self, function: Callable[..., Any]) -> Any:
        hints = typing.get_type_hints(function)
        code = function.__code__
        parameters = code.co_varnames[1 : code.co_argcount]
        result = hints.get("return", type(None))
        return _numba_type(result)(self.view_type, *(_numba_type(hints[p]) for p in parameters))

    def _caller(self, function: Callable[..., Any], slot: int, signature: Any) -> Any:
        table_word = len(self.arrays)

        def codegen(context: Any, builder: Any, given: Any, args: Any) -> Any:
            c_type = ir.FunctionType(
                context.get_value_type(signature.return_type),
                [context.get_value_type(each) for each in signature.args],
            )
            table = builder.inttoptr(_load_invariant(builder, args[0], table_word), _POINTER)
            address = builder.inttoptr(_load_invariant(builder, table, slot), c_type.as_pointer())
            result = builder.call(address, args)
            if given.return_type == types.none:
                return context.get_dummy_value()
            return result

        code = function.__code__
        parameters = ", ".join(code.co_varnames[: code.co_argcount])
        names: dict[str, Any] = {"signature": signature, "codegen": codegen}
        source = f"def {function.__name__}(typing_context, {parameters}): return signature, codegen"
        exec(source, names)
        definition = names[function.__name__]
        definition.__module__ = function.__module__
        definition.__doc__ = function.__doc__
        made = _ByAddress(definition.__name__, definition)
        made._register()
        made.description = f"by address:{self.cache_description()}:{slot}:{signature!r}"
        made.__doc__ = function.__doc__
        return made

    def names(self) -> list[str]:
        """Every function that has been decorated, by slot."""
        return sorted(self._functions, key=lambda name: self._functions[name].slot)

    def compile(self, names: Sequence[str]) -> None:
        """Compile, or read back, the functions ``names``."""
        for name in names:
            function = self._functions[name]
            if not self.addresses[function.slot]:
                self.addresses[function.slot] = self._address(function)

    def _address(self, function: _Function) -> int:
        compiled, signature = function.compiled, function.signature
        compiled.targetctx.refresh()
        codegen = compiled.targetctx.codegen()
        kept = function.cache.read_object(signature, codegen)
        if kept is not None:
            code, symbol = kept
            rtsys.initialize(compiled.targetctx)  # names that the objects leave to numba
            engine = codegen._engine._ee
            engine.add_object_file(llvm.ObjectFileRef.from_data(code))
            engine.finalize_object()
            return int(engine.get_function_address(symbol))
        compiled.compile(signature)
        made = compiled.overloads[signature.args]
        symbol = made.fndesc.llvm_cfunc_wrapper_name
        function.cache.write_object(signature, codegen, made.library._get_compiled_object(), symbol)
        return int(made.library.get_pointer_to_function(symbol))

    def link(self) -> None:
        """Fill every slot. Raises RuntimeError when a slot stays empty."""
        if self._linked:
            return
        self.compile(self.names())
        empty = [name for name, slot in self.slots.items() if not self.addresses[slot]]
        if empty:
            raise RuntimeError(f"the table {self.name} has no function for {', '.join(empty)}")
        self._linked = True


def _load_invariant(builder: Any, pointer: Any, word: int) -> Any:
    loaded = builder.load(builder.gep(pointer, [_WORD(word)]))
    loaded.set_metadata("invariant.load", builder.module.add_metadata([]))
    return loaded


def _numba_type(annotation: Any) -> Any:
    if annotation is type(None):
        return types.none
    if annotation is bool:
        return types.boolean
    if annotation is int:
        return types.int64
    if typing.get_origin(annotation) is tuple:
        members = [_numba_type(each) for each in typing.get_args(annotation)]
        return types.Tuple(members)  # type: ignore[no-untyped-call]
    fields = getattr(annotation, "_fields", None)
    if fields is not None:
        hints = typing.get_type_hints(annotation)
        members = [_numba_type(hints[field]) for field in fields]
        if all(member == members[0] for member in members):
            return types.NamedUniTuple(  # type: ignore[no-untyped-call]
                members[0], len(members), annotation
            )
        return types.NamedTuple(members, annotation)  # type: ignore[no-untyped-call]
    raise TypeError(f"{annotation!r}: int, bool, None or a NamedTuple of these is allowed")
