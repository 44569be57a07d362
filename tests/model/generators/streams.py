"""COMMAND slots through the naive exchange, and events as words for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from exchange.codes import FLAG_LONG, CancelReason, CommandKind, EventKind, Reject, SystemEvent
from exchange.records import COMMAND, EVENT, EVENT_FIELDS, INSTRUMENT_CONTINUATION
from tests.model.naive.command import COMMAND_VIEW, CONTINUATION_VIEW, Command, Continuation
from tests.model.naive.exchange import NaiveExchange

_ENTRY_ONLY = (
    "time_in_force",
    "minimum_quantity",
    "firm",
    "capacity",
    "intermarket_sweep",
    "cross_type",
)
_NOT_ENTRY = ("remaining", "contra_session", "contra_session_sequence", "contra_side")
_ENTRY_KINDS = (EventKind.ACCEPTED, EventKind.REPLACED)


def commands_of(
    slots: np.ndarray, first_sequence: int
) -> Iterator[tuple[int, Command, Continuation | None]]:
    """Go through COMMAND slots: (sequence, command, its second slot or None)."""
    rows = slots.view(COMMAND_VIEW).tolist()
    seconds = slots.view(CONTINUATION_VIEW)
    flag_position = COMMAND_VIEW.names.index("flags")  # type: ignore[union-attr]
    make = Command._make
    position, end = 0, len(rows)
    while position < end:
        row = rows[position]
        if row[flag_position] & FLAG_LONG:
            second = Continuation._make(seconds[position + 1].tolist())
            yield first_sequence + position, make(row), second
            position += 2
        else:
            yield first_sequence + position, make(row), None
            position += 1


def run(
    exchange: NaiveExchange,
    slots: np.ndarray,
    first_sequence: int,
    after_each: Callable[[NaiveExchange], None] | None = None,
) -> bytes:
    """Apply all commands of ``slots``; the events' bytes, one after another."""
    apply = exchange.apply
    out: list[bytes] = []
    for sequence, command, continuation in commands_of(slots, first_sequence):
        out += apply(sequence, command, continuation)
        if after_each is not None:
            after_each(exchange)
    return b"".join(out)


def event_fields(event: np.ndarray) -> dict[str, object]:
    """The fields of one EVENT that belong to its kind and are not 0, tokens as text."""
    kind = int(event["kind"])
    hidden = _NOT_ENTRY if kind in _ENTRY_KINDS else _ENTRY_ONLY
    fields: dict[str, object] = {"kind": _name(EventKind, kind)}
    for name, _, _ in EVENT_FIELDS:
        if name == "kind" or name in hidden or "token" in name:
            continue
        value = int(event[name])
        if value:
            fields[name] = value
    raw = event.tobytes()
    for name, offset in (("token", 64), ("contra_token", 104)):
        token = raw[offset : offset + 14]
        if any(token):
            fields[name] = token.rstrip(b"\0 ").decode("latin-1")
    reason = int(event["reason"])
    if reason:
        names = {
            EventKind.CANCELED: CancelReason,
            EventKind.SYSTEM: SystemEvent,
            EventKind.REJECTED: Reject,
            EventKind.CONTROL_REJECTED: Reject,
        }
        fields["reason"] = _name(names.get(kind), reason)  # type: ignore[call-overload]
    return fields


def command_fields(slots: np.ndarray) -> dict[str, object]:
    """The fields of a command (one slot or two) that are not 0."""
    command = slots[0]
    fields: dict[str, object] = {"kind": _name(CommandKind, int(command["kind"]))}
    fields["token"] = command.tobytes()[24:38]
    for name in COMMAND.names or ():
        value = int(command[name])
        if name != "kind" and "token" not in name and value:
            fields[name] = value
    if len(slots) > 1:
        fields["replacement_token"] = slots[1].tobytes()[24:38]
        if command["kind"] == CommandKind.INSTRUMENT:
            continuation = slots[1:].view(INSTRUMENT_CONTINUATION)
            for name in INSTRUMENT_CONTINUATION.names or ():
                fields[name] = int(continuation[name][0])
    return fields


def _name(names: type | None, value: int) -> object:
    try:
        return names(value).name if names is not None else value
    except ValueError:
        return value


def as_events(data: bytes) -> np.ndarray:
    """EVENT array over the bytes of ``run``."""
    return np.frombuffer(data, EVENT)
