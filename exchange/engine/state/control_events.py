"""Events that are about no order: what operators' commands and states emit.

Fields that are not named are 0 (docs/matching.md). The word numbers are those of
``exchange/records.py`` divided by 8.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import EventKind
from exchange.engine.state.events import write_event
from exchange.engine.state.layout import REJECTS
from exchange.engine.state.memory import get, put
from ringbuffer.jit import jit_internal

_CONTROL_REJECTED = int(EventKind.CONTROL_REJECTED)
_CONTROL_DONE = int(EventKind.CONTROL_DONE)
_TAIL_48 = (1 << 48) - 1


@jit_internal
def emit_control(
    v: Any,
    kind: int,
    instrument: int,
    session: int,
    display: int,
    reason: int,
    price: int,
    quantity: int,
    level_quantity: int,
    remaining: int,
    token_0: int,
    currency: int,
    account: int,
    parameter: int,
    scope: int,
) -> None:
    """One event about the exchange itself."""
    write_event(
        v, 0, price, quantity, level_quantity, 0, 0, token_0, instrument << 48,
        session | (display << 48), kind, reason, 0, 0, remaining, 0, currency << 48,
        account | (parameter << 48) | (scope << 56),
    )  # fmt: skip


@jit_internal
def refuse(v: Any, c: int, account: int, currency: int, reason: int) -> None:
    """CONTROL_REJECTED of the operator's command at word ``c``."""
    put(v.scalars, REJECTS, get(v.scalars, REJECTS) + 1)
    word_5 = get(v.commands, c + 5)
    write_event(
        v, 0, 0, 0, 0, 0, 0, get(v.commands, c + 3), get(v.commands, c + 4),
        (word_5 & 0xFFFF) | (((word_5 >> 16) & 0xFF) << 56), _CONTROL_REJECTED, reason, 0,
        0, 0, 0, currency << 48, account,
    )  # fmt: skip


@jit_internal
def emit_done(v: Any, c: int, cancelled: int) -> None:
    """CONTROL_DONE of the operator's command at word ``c``, which has a key."""
    kind = (get(v.commands, c + 5) >> 16) & 0xFF
    write_event(
        v, 0, 0, cancelled, 0, 0, 0, get(v.commands, c + 3), get(v.commands, c + 4) & _TAIL_48,
        kind << 56, _CONTROL_DONE, 0, 0, 0, 0, 0, 0, 0,
    )  # fmt: skip
