"""numba's answers about operators on numbers and arrays, remembered.

Who uses it: importing it is enough (``ringbuffer.jit``). For each ``+`` or ``[]`` in a function
numba tries its templates one after another, and most of them are for other types; that was a
quarter of the time in which a function is compiled. The answer depends on the operator and the
types alone, and the same few combinations come thousands of times.

Decision PKG-7.
"""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.core.types.functions import BaseFunction

_SIMPLE = (types.Integer, types.Boolean, types.Float, types.Array)
_answers: dict[tuple[int, tuple[Any, ...]], tuple[Any, Any]] = {}
_ask = BaseFunction.get_call_type


def _get_call_type(self: Any, context: Any, args: tuple[Any, ...], kws: dict[str, Any]) -> Any:
    """As ``BaseFunction.get_call_type``: the signature for ``args``."""
    if kws or not all(isinstance(types.unliteral(each), _SIMPLE) for each in args):
        return _ask(self, context, args, kws)
    key = (id(self), args)
    answer = _answers.get(key)
    if answer is None:
        # the function type is kept with its answer: its id stays its own
        answer = _answers[key] = (_ask(self, context, args, kws), self)
    return answer[0]


BaseFunction.get_call_type = _get_call_type  # type: ignore[assignment, method-assign]
