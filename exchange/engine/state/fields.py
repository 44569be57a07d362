"""Functions that read and write one field of a table's row, made from where the field lies.

Who uses it: rows.py, which names one for every field. Each takes the view (pointers.py) and the
number of a row; where a table's rows are named by their first word, ``row_words`` is 1.

In compiled code they are intrinsics: they become a load or a store where they are used, and nothing
is called, linked or inlined for them. With the JIT disabled they are closures over ``get`` and
``put`` (memory.py), so every access is checked against both ends of its array.

Decision ENG-13.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, cast

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from exchange.engine.state.memory import get, put
from exchange.records import Field, part, whole
from ringbuffer.jit import JIT_DISABLED
from ringbuffer.jit.function_table import array_pointer, say_whose

Reader = Callable[[Any, int], int]  # (view, row) -> the field's value
Writer = Callable[[Any, int, int], None]  # (view, row, new value)
Adder = Callable[[Any, int, int], None]  # (view, row, what to add to the value)
ElementReader = Callable[[Any, int, int], int]  # (view, row, number) -> an element of the row
ElementWriter = Callable[[Any, int, int, int], None]  # (view, row, number, new value)

_INT_32 = ir.IntType(32)
_INT_64 = ir.IntType(64)
_HALF_MASK = (1 << 32) - 1


def _field(where: int | Field, row_words: int) -> Field:
    field = where if isinstance(where, Field) else whole(where)
    assert row_words == 1 or field.word < row_words, "a field lies within its row"
    return field


def _constant(value: int) -> Any:
    return ir.Constant(_INT_64, value)


class _Place(NamedTuple):
    """A word of a row: LLVM's pointer to it, and the table that it belongs to."""

    pointer: Any
    table: str

    def half(self, builder: Any, number: Any) -> _Place:
        """The 32-bit half ``number`` from the beginning of the word on."""
        halves = builder.bitcast(self.pointer, _INT_32.as_pointer())
        return _Place(builder.gep(halves, [number]), self.table)

    def load(self, builder: Any) -> Any:
        """What lies there."""
        return say_whose(builder, builder.load(self.pointer), self.table)

    def store(self, builder: Any, value: Any) -> None:
        """Replace what lies there."""
        say_whose(builder, builder.store(value, self.pointer), self.table)


def _place(
    builder: Any, view_type: Any, view: Any, row: Any, table: str, at: tuple[int, int]
) -> _Place:
    """A word of row ``row`` of ``view``'s table; ``at``: words of a row, which word."""
    row_words, word = at
    pointer = array_pointer(builder, view_type, view, table)
    # "no signed wrap", as numba has it for its own arithmetic on indexes
    first = builder.mul(row, _constant(row_words), flags=["nsw"]) if row_words != 1 else row
    index = builder.add(first, _constant(word), flags=["nsw"])
    return _Place(builder.gep(pointer, [index]), table)


def _load(builder: Any, place: _Place, field: Field) -> Any:
    if field.mask == _HALF_MASK:
        half = place.half(builder, _constant(field.shift // 32))
        return builder.zext(half.load(builder), _INT_64)
    word = place.load(builder)
    if field.mask == -1:
        return word
    return builder.and_(builder.lshr(word, _constant(field.shift)), _constant(field.mask))


def _store(builder: Any, place: _Place, field: Field, value: Any) -> None:
    if field.mask == -1:
        place.store(builder, value)
    elif field.mask == _HALF_MASK:
        half = place.half(builder, _constant(field.shift // 32))
        half.store(builder, builder.trunc(value, _INT_32))
    else:
        others = builder.and_(place.load(builder), _constant(~(field.mask << field.shift)))
        value = builder.shl(builder.and_(value, _constant(field.mask)), _constant(field.shift))
        place.store(builder, builder.or_(others, value))


if JIT_DISABLED:

    def reader(table: str, row_words: int, where: int | Field) -> Reader:
        """Of ``view.<table>``: ``read(view, row)`` is the field's value."""
        field = _field(where, row_words)

        def read(view: Any, row: int) -> int:
            word = get(getattr(view, table), row * row_words + field.word)
            return (word >> field.shift) & field.mask

        return read

    def writer(table: str, row_words: int, where: int | Field) -> Writer:
        """Of ``view.<table>``: ``write(view, row, value)`` stores the value's low bits."""
        field = _field(where, row_words)

        def write(view: Any, row: int, value: int) -> None:
            words, at = getattr(view, table), row * row_words + field.word
            if field.mask != -1:
                others = get(words, at) & ~(field.mask << field.shift)
                value = others | ((int(value) & field.mask) << field.shift)
            put(words, at, value)

        return write

    def adder(table: str, row_words: int, where: int | Field) -> Adder:
        """Of ``view.<table>``: ``add(view, row, change)`` adds to the field's value."""
        read, write = reader(table, row_words, where), writer(table, row_words, where)

        def add(view: Any, row: int, change: int) -> None:
            write(view, row, read(view, row) + change)

        return add

    def element_reader(table: str, row_words: int, first: Field) -> ElementReader:
        """Of 32-bit elements that begin with word ``first``: ``read(view, row, number)``."""

        def read(view: Any, row: int, number: int) -> int:
            word = get(getattr(view, table), row * row_words + first.word + number // 2)
            return (word >> (number % 2 * 32)) & _HALF_MASK

        return read

    def element_writer(table: str, row_words: int, first: Field) -> ElementWriter:
        """Of 32-bit elements: ``write(view, row, number, value)``."""

        def write(view: Any, row: int, number: int, value: int) -> None:
            half = part(first.word + number // 2, number % 2 * 32, 32)
            writer(table, row_words, half)(view, row, value)

        return write


else:

    def reader(table: str, row_words: int, where: int | Field) -> Reader:
        field = _field(where, row_words)

        @intrinsic
        def read(typing_context, view, row):  # type: ignore[no-untyped-def]
            def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
                view, row = args
                at = (row_words, field.word)
                place = _place(builder, signature.args[0], view, row, table, at)
                return _load(builder, place, field)

            return types.int64(view, types.int64), codegen

        return cast(Reader, read)

    def writer(table: str, row_words: int, where: int | Field) -> Writer:
        field = _field(where, row_words)

        @intrinsic
        def write(typing_context, view, row, value):  # type: ignore[no-untyped-def]
            def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
                view, row, value = args
                at = (row_words, field.word)
                place = _place(builder, signature.args[0], view, row, table, at)
                _store(builder, place, field, value)
                return context.get_dummy_value()

            return types.void(view, types.int64, types.int64), codegen

        return cast(Writer, write)

    def adder(table: str, row_words: int, where: int | Field) -> Adder:
        field = _field(where, row_words)

        @intrinsic
        def add(typing_context, view, row, change):  # type: ignore[no-untyped-def]
            def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
                view, row, change = args
                at = (row_words, field.word)
                place = _place(builder, signature.args[0], view, row, table, at)
                total = builder.add(_load(builder, place, field), change)
                _store(builder, place, field, total)
                return context.get_dummy_value()

            return types.void(view, types.int64, types.int64), codegen

        return cast(Adder, add)

    def element_reader(table: str, row_words: int, first: Field) -> ElementReader:
        @intrinsic
        def read(typing_context, view, row, number):  # type: ignore[no-untyped-def]
            def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
                view, row, number = args
                at = (row_words, first.word)
                place = _place(builder, signature.args[0], view, row, table, at)
                return builder.zext(place.half(builder, number).load(builder), _INT_64)

            return types.int64(view, types.int64, types.int64), codegen

        return cast(ElementReader, read)

    def element_writer(table: str, row_words: int, first: Field) -> ElementWriter:
        @intrinsic
        def write(typing_context, view, row, number, value):  # type: ignore[no-untyped-def]
            def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
                view, row, number, value = args
                at = (row_words, first.word)
                place = _place(builder, signature.args[0], view, row, table, at)
                place.half(builder, number).store(builder, builder.trunc(value, _INT_32))
                return context.get_dummy_value()

            return types.void(view, types.int64, types.int64, types.int64), codegen

        return cast(ElementWriter, write)
