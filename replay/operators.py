"""Who has done what, when, why and with what outcome: the actions of operators, from the journal.

Who uses it: ``export operators``. An action is a command with the name of who asked. A NOTE before
it says why, and, for a command that has no room for a name, who; the events that it caused say how
it ended. Journals that were written before there were NOTEs name who asked, and no reason. Constant
memory: commands come in chunks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from exchange.codes import CommandKind, EventKind, Reject
from exchange.commands import OPERATOR_KINDS
from exchange.records import ADMIN_CONTINUATION
from replay.command_text import command_fields
from replay.directory import Directory
from replay.selection import Selection
from replay.source import JournalView
from replay.text import code_name

_FROM_THE_DAEMON = sorted(
    OPERATOR_KINDS | {CommandKind.NOTE, CommandKind.START_OF_DAY, CommandKind.END_OF_DAY}
)
_FROM_SESSIONS_TOO = (CommandKind.CANCEL_BY_ORDER_ID, CommandKind.MASS_CANCEL)
# of the action itself; everything else that a command says is a detail
_OWN_COLUMNS = ("sequence", "time", "timestamp_ns", "kind", "operator", "operator_uid", "key")
_PLAN = "plan of "  # how the note of a configuration that is applied begins


class _Note:
    """The NOTEs before a command, as one; ``left``: how many commands they are still about."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields
        self.kind = fields["scope"]  # "": a plan, or something that is not a command (an API key)
        self.text = ""
        self.taken = False
        self.left = 1

    def add(self, text: str) -> None:
        """The next part of the text; a plan's says how many commands follow."""
        self.text += text
        number = self.text.removeprefix(_PLAN).partition(" ")[0]
        if not self.kind and self.text.startswith(_PLAN) and number.isdecimal():
            self.left = int(number)

    def is_about(self, fields: dict[str, Any]) -> bool:
        """Whether it announces the command with these fields, which follows it."""
        if not self.kind:
            return self.text.startswith(_PLAN) and self.left > 0
        same_key = self.fields.get("key", "") == fields.get("key", "")
        return self.left > 0 and bool(self.kind == fields["kind"]) and same_key

    def reason(self, fields: dict[str, Any]) -> str:
        """Why. The note of a command without a key begins with what the command is about."""
        for name, word in (("instrument_id", "instrument"), ("session_id", "session")):
            if name in fields:
                return _without(f"{word} {fields[name]}", self.text)
        if fields["kind"] == CommandKind.CANCEL_BY_ORDER_ID.name:
            return _without(f"order {fields['order_id']}", self.text)
        return self.text


def _without(subject: str, text: str) -> str:
    return "" if text == subject else text.removeprefix(f"{subject}: ")


def operator_actions(
    view: JournalView, directory: Directory, selection: Selection
) -> Iterator[dict[str, Any]]:
    """The selected actions of operators, in order; the fields are ``export.OPERATOR_COLUMNS``."""
    found = _actions(view, directory, selection)
    return found if selection.tail is None else iter(deque(found, selection.tail))


def _actions(
    view: JournalView, directory: Directory, selection: Selection
) -> Iterator[dict[str, Any]]:
    note: _Note | None = None
    wanted = False  # whether the note's command would be
    for chunk in view.commands(*selection.command_range(view)):
        commands = chunk.commands
        selected = selection.command_mask(chunk, view)
        for index in np.flatnonzero(_from_the_daemon(commands)).tolist():
            sequence = int(chunk.sequences[index])
            second = chunk.continuation(index)
            fields = command_fields(sequence, commands[index], second, directory)
            if fields["kind"] == CommandKind.NOTE.name:
                if note is None or _part(second) == 0:
                    yield from _left_over(note, wanted)
                    note, wanted = _Note(fields), bool(selected[index])
                note.add(fields.get("token", ""))
                continue
            if note is not None and note.is_about(fields):
                note.left, note.taken = note.left - 1, True
                about: _Note | None = note
            else:
                yield from _left_over(note, wanted)
                note = about = None
            if selected[index] and (about is not None or fields.get("operator")):
                yield _action(fields, about) | _outcome(view, sequence)
    yield from _left_over(note, wanted)


def _from_the_daemon(commands: np.ndarray) -> np.ndarray:
    """Which of ``commands`` (COMMAND array) are no client's: bool array."""
    kinds = commands["kind"]
    clients = np.isin(kinds, _FROM_SESSIONS_TOO) & (commands["session"] != 0)
    mask: np.ndarray = np.isin(kinds, _FROM_THE_DAEMON) & ~clients
    return mask


def _part(continuation: Any) -> int:
    """Which part of a text a NOTE has."""
    if continuation is None:
        return 0
    return int(np.frombuffer(continuation.tobytes(), ADMIN_CONTINUATION)[0]["scope"])


def _left_over(note: _Note | None, wanted: bool) -> Iterator[dict[str, Any]]:
    """The action of a note that no command followed: an API key, or a request without effect."""
    if note is None or note.taken or not wanted:
        return
    action = _action(note.fields, note)
    if note.kind:
        yield action | {"command": note.kind, "outcome": "NO_EFFECT"}
    else:
        yield action | {"command": "API_KEY", "outcome": "DONE"}


def _action(fields: dict[str, Any], note: _Note | None) -> dict[str, Any]:
    """Who did what, and why; without the outcome."""
    who = fields if note is None else note.fields
    own = (*_OWN_COLUMNS, "token", "scope") if note and fields is note.fields else _OWN_COLUMNS
    details = {name: value for name, value in fields.items() if name not in own and value != ""}
    return {
        "sequence": fields["sequence"],
        "time": fields["time"],
        "timestamp_ns": fields["timestamp_ns"],
        "operator": who.get("operator", ""),
        "operator_uid": who.get("operator_uid", ""),
        "command": fields["kind"],
        "key": fields.get("key", ""),
        "reason": "" if note is None else note.reason(fields),
        "details": " ".join(f"{name}={value}" for name, value in details.items()),
    }


def _outcome(view: JournalView, sequence: int) -> dict[str, Any]:
    """What the events of command ``sequence`` say of its end."""
    first = view.event_of_command(sequence)
    last = view.archive.last()
    if last is None or int(last["command_sequence"]) < sequence:
        return {"outcome": "UNKNOWN"}  # not archived yet
    if first == view.first_event > 0:
        return {"outcome": "UNKNOWN"}  # its events were removed, or some of them
    found = False
    for events in view.events(first):
        own = events[events["command_sequence"] == sequence]
        for event in own[
            np.isin(own["kind"], (EventKind.CONTROL_DONE, EventKind.CONTROL_REJECTED))
        ]:
            if event["kind"] == EventKind.CONTROL_DONE:
                return {"outcome": "DONE", "canceled_orders": int(event["quantity"])}
            if event["reason"] == Reject.DUPLICATE_KEY:
                return {"outcome": "ALREADY_DONE"}
            return {"outcome": "REFUSED", "reject": code_name(Reject, int(event["reason"]))}
        found = found or len(own) > 0
        if len(own) < len(events):
            break
    return {"outcome": "DONE" if found else "NO_EFFECT"}
