"""Operators' commands inside the daemon: sent with the operator's name, answered when released.

Who uses it: the daemon's one thread. A submitted command waits here under its idempotency key (an
INSTRUMENT or SESSION under its number) until CONTROL_DONE, the definition or CONTROL_REJECTED is
released: the answer is durable. Nothing here blocks. When a core dies, the client does not know the
outcome of a command that waited, and may repeat it with the same key.

Decisions CTL-2, CTL-10 and CTL-13.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from exchange.codes import FLAG_LONG, CommandKind, EventKind, Reject, WarningReason
from exchange.commands import (
    KEYED_KINDS,
    OPERATOR_KINDS,
    Record,
    key_of,
    notes,
    set_operator,
)
from exchange.control.cancels import Cancels
from exchange.control.door import Door, Refused
from exchange.control.people import Person
from exchange.records import COMMAND, COMMAND_SIZE_BYTES, word_text
from exchange.recovery.facts import EngineFacts

log = logging.getLogger(__name__)

# the events that this module, the schedule and the log want
FOLLOWED = frozenset(
    {
        EventKind.CURRENCY_DEFINED,
        EventKind.ACCOUNT_DEFINED,
        EventKind.INSTRUMENT_DEFINED,
        EventKind.SESSION_DEFINED,
        EventKind.BALANCE_CHANGED,
        EventKind.PARAMETER_SET,
        EventKind.STATE_CHANGED,
        EventKind.KILL_SWITCHED,
        EventKind.AUCTION,
        EventKind.RELEASED,
        EventKind.HELD,
        EventKind.WARNING,
        EventKind.CONTROL_DONE,
        EventKind.CONTROL_REJECTED,
    }
)
EVENTS_IN_ANSWER = 100

Reply = Callable[[dict[str, Any]], None]


class Pending(NamedTuple):
    """A command under way: how to answer, and when it was submitted (monotonic)."""

    reply: Reply
    asked_ns: int


class DaemonNames:
    """Symbols, user names and codes for the command line; grows with released definitions."""

    def __init__(self, facts: EngineFacts) -> None:
        self.currencies = {
            n: [code, decimals] for n, (code, decimals, _) in facts.currencies.items()
        }
        self.instruments = {
            n: [i.terms.symbol, i.terms.price_decimals, i.terms.currency, i.terms.group]
            for n, i in facts.instruments.items()
        }
        self.sessions = {n: [s.username, s.account] for n, s in facts.sessions.items()}

    def learn(self, event: Any) -> None:
        """Take a released event; adds what it defines."""
        kind, name = int(event["kind"]), word_text(int(event["token_0"]))
        if kind == EventKind.CURRENCY_DEFINED:
            self.currencies[int(event["currency"])] = [name, int(event["display"])]
        elif kind == EventKind.SESSION_DEFINED:
            self.sessions[int(event["session"])] = [name, int(event["quantity"])]
        elif kind == EventKind.INSTRUMENT_DEFINED:
            self.instruments[int(event["instrument"])] = [
                name,
                int(event["display"]),
                int(event["currency"]),
                int(event["group"]),
            ]

    def answer(self) -> dict[str, Any]:
        """The answer to the request "names" of the control socket."""
        return {
            "ok": True,
            "currencies": self.currencies,
            "instruments": self.instruments,
            "sessions": self.sessions,
        }


class _Plan:
    """Commands that are sent together; ``reply`` gets one answer when the last is carried out.

    ``names``: what waits, as in ``Operators``.
    """

    def __init__(self, names: set[str], reply: Reply) -> None:
        self._waiting = names
        self._count = len(names)
        self._reply = reply
        self._refused: list[str] = []

    def part(self, name: str) -> Reply:
        """Where the answer to one of them goes."""

        def take(answer: dict[str, Any]) -> None:
            self._waiting.discard(name)
            if not answer["ok"]:
                self._refused.append(f"{name}: {answer['error']}")
            if not self._waiting:
                self._reply(self._answer() | {"elapsed_ns": answer.get("elapsed_ns", 0)})

        return take

    def _answer(self) -> dict[str, Any]:
        applied = self._count - len(self._refused)
        if not self._refused:
            return {"ok": True, "applied": applied}
        # the exchange has changed since the plan was made
        return _refusal(f"{applied} of {self._count} carried out; {'; '.join(self._refused[:10])}")


class Operators:
    """Submits operators' commands and answers them. ``send``: writes a record for the matcher.

    ``door``: looks at each of them first.
    """

    def __init__(
        self,
        send: Callable[[Record], object],
        names: DaemonNames,
        door: Door,
        cancels: Cancels | None = None,
    ) -> None:
        self._send = send
        self._door = door
        self._cancels = cancels
        self.names = names
        self._pending: dict[str, Pending] = {}
        self._command = -1
        self._events: list[str] = []
        self._events_left_out = 0

    @property
    def waiting(self) -> bool:
        """Whether a command waits for its answer."""
        return bool(self._pending) or (self._cancels is not None and self._cancels.waiting)

    def submit(
        self, encoded: str, operator: str, uid: int, reply: Reply, reason: str = ""
    ) -> dict[str, Any] | None:
        """Send a command. Returns the answer if it is refused at once; otherwise it comes later.

        ``encoded``: the slots, hexadecimal; the operator's fields are written here.
        """
        asked_ns = time.monotonic_ns()
        person = Person(operator, uid, reason)
        record = _decoded(encoded)
        refusal = self._refusal_of(record)
        if refusal:
            return _refusal(refusal)
        set_operator(record, operator, uid)
        if int(record["kind"][0]) == CommandKind.CANCEL_BY_ORDER_ID:
            if self._cancels is None:
                self._send(record)
                return {"ok": True}
            text = _about(f"order {int(record['price'][0])}", person)
            self._note(person, text, "", CommandKind.CANCEL_BY_ORDER_ID)
            self._cancels.submit(record, reply)
            return None
        name = self._name(record)
        if name in self._pending:
            return _refusal("a command with this key, or about this number, is under way")
        refused = self._door.pass_through([record])
        if refused is not None:
            return refusal_of(refused)
        kind = int(record["kind"][0])
        if kind in KEYED_KINDS:
            self._note(person, person.reason, key_of(record[0]), kind)
        else:
            self._note(person, _about(name, person), "", kind)
        self._go(record, name, Pending(reply, asked_ns), person)
        return None

    def apply(
        self, encoded: Sequence[str], operator: str, uid: int, reply: Reply, reason: str = ""
    ) -> dict[str, Any] | None:
        """Send a plan: all of its commands, or none when one of them cannot be.

        Returns the answer if nothing is sent; otherwise it comes when all have been carried out.
        """
        asked_ns = time.monotonic_ns()
        person = Person(operator, uid, reason)
        records = [_decoded(each) for each in encoded]
        names: dict[str, Record] = {}
        for number, record in enumerate(records, start=1):
            refusal = self._refusal_of(record)
            if not refusal:
                name = self._name(record)
                if not name:
                    refusal = "a plan cancels no orders"
                elif name in self._pending or name in names:
                    refusal = "a command with this key, or about this number, is under way"
                names[name] = record
            if refusal:
                return _refusal(f"command {number} of {len(records)}: {refusal}")
        refused = self._door.pass_through(records)
        if refused is not None:
            return refusal_of(refused)
        if not names:
            return {"ok": True, "applied": 0}
        self._note(person, _about(f"plan of {len(names)} commands", person), "", 0)
        plan = _Plan(set(names), reply)
        for name, record in names.items():
            set_operator(record, operator, uid)
            self._go(record, name, Pending(plan.part(name), asked_ns), person)
        return None

    def _go(self, record: Record, name: str, pending: Pending, person: Person) -> None:
        self._pending[name] = pending
        log.info(
            "operator's command",
            extra={
                "fields": {
                    "kind": CommandKind(int(record["kind"][0])).name,
                    "operator": person.name,
                    "uid": person.uid,
                    "reason": person.reason,
                    "waits_as": name,
                }
            },
        )
        self._send(record)

    def _note(self, person: Person, text: str, key: str, kind: int) -> None:
        """Journal who asks for the command that follows, and why."""
        for note in notes(person.name, person.uid, text, key, kind):
            self._send(note)

    def _refusal_of(self, record: Record) -> str:
        """Why a client's record is no operator's command; "": it is one, made ready to be sent."""
        if len(record) not in (1, 2):
            return "a command has one or two slots of 64 bytes"
        kind = int(record["kind"][0])
        is_long = len(record) == 2
        if kind not in OPERATOR_KINDS or is_long != (kind != CommandKind.SESSION):
            return f"not an operator's command: kind {kind}, {len(record)} slots"
        if kind == CommandKind.MASS_CANCEL and record["session"][0]:
            return "an operator's mass cancel comes from no session"
        record["flags"][0] = FLAG_LONG if is_long else 0
        record["reject"][0] = 0
        if kind != CommandKind.CANCEL_BY_ORDER_ID and not self._name(record):
            return "an operator's command needs an idempotency key"
        return ""

    @staticmethod
    def _name(record: Record) -> str:
        kind = int(record["kind"][0])
        if kind in KEYED_KINDS:
            key = key_of(record[0])
            return f"key {key}" if key else ""
        if kind == CommandKind.CANCEL_BY_ORDER_ID:
            return ""
        if kind == CommandKind.INSTRUMENT:
            return f"instrument {int(record['instrument'][0])}"
        return f"session {int(record['session'][0])}"

    def work(self) -> None:
        """Answer what no event answers: called when released events have been read."""
        if self._cancels is not None:
            self._cancels.work()

    def learn(self, event: Any) -> None:
        """A released event of one of FOLLOWED, in order."""
        kind = int(event["kind"])
        if kind == EventKind.CANCELED:
            if self._cancels is not None:
                self._cancels.learn(event)
            return
        self._door.learn(event)
        if int(event["command_sequence"]) != self._command:
            self._command = int(event["command_sequence"])
            self._events, self._events_left_out = [], 0
        if kind in (EventKind.CONTROL_DONE, EventKind.CONTROL_REJECTED):
            self._finish(event)
            return
        if len(self._events) < EVENTS_IN_ANSWER:
            self._events.append(event.tobytes().hex())
        else:
            self._events_left_out += 1
        self.names.learn(event)
        if kind == EventKind.INSTRUMENT_DEFINED:
            self._answer(f"instrument {int(event['instrument'])}", self._done())
        elif kind == EventKind.SESSION_DEFINED:
            self._answer(f"session {int(event['session'])}", self._done())
        elif kind == EventKind.WARNING and int(event["reason"]) == WarningReason.CANCEL_RATIO:
            log.warning(
                "cancel ratio",
                extra={
                    "fields": {
                        "account": int(event["account"]),
                        "cancels": int(event["quantity"]),
                        "orders": int(event["price"]),
                        "window_s": int(event["level_quantity"]),
                    }
                },
            )
        elif kind == EventKind.HELD:
            log.warning(
                "an order waits for review", extra={"fields": {"order_id": int(event["order_id"])}}
            )
        elif kind == EventKind.STATE_CHANGED:
            log.info(
                "state changed",
                extra={
                    "fields": {
                        "instrument": int(event["instrument"]),
                        "state": int(event["display"]),
                        "reason": int(event["reason"]),
                        "until_ns": int(event["quantity"]),
                    }
                },
            )

    def _done(self, cancelled: int = 0) -> dict[str, Any]:
        return {
            "ok": True,
            "command_sequence": self._command,
            "cancelled": cancelled,
            "events": self._events,
            "events_left_out": self._events_left_out,
        }

    def _finish(self, event: Any) -> None:
        key = key_of(event)
        if int(event["kind"]) == EventKind.CONTROL_DONE:
            self._answer(f"key {key}", self._done(int(event["quantity"])))
            return
        reject = Reject(int(event["reason"]))
        names = [f"key {key}"]
        if not key:
            names = [f"instrument {event['instrument']}", f"session {event['session']}"]
        if reject == Reject.DUPLICATE_KEY:
            answer = {"ok": True, "already": True, "command_sequence": self._command}
        else:
            answer = _refusal(reject.name) | {
                "reject": int(reject),
                "command_sequence": self._command,
            }
        if not any([self._answer(name, answer) for name in names if not name.endswith(" 0")]):
            # no client waits for it: from the configuration or the schedule, or before a restart
            level = logging.DEBUG if reject == Reject.DUPLICATE_KEY else logging.WARNING
            log.log(
                level,
                "a command was refused",
                extra={
                    "fields": {
                        "command": self._command,
                        "reject": reject.name,
                        "key": key,
                        "instrument": int(event["instrument"]),
                        "session": int(event["session"]),
                        "account": int(event["account"]),
                    }
                },
            )

    def _answer(self, name: str, answer: dict[str, Any]) -> bool:
        pending = self._pending.pop(name, None)
        if pending is None:
            return False
        pending.reply(answer | {"elapsed_ns": time.monotonic_ns() - pending.asked_ns})
        return True

    def abandon(self) -> None:
        """The core died: answer every waiting command that its outcome is unknown."""
        if self._cancels is not None:
            self._cancels.abandon()
        for pending in self._pending.values():
            pending.reply(
                _refusal("the core restarted: repeat the command with the same --key to be sure")
            )
        self._pending.clear()


def _about(subject: str, person: Person) -> str:
    """The text of a note about what has no key."""
    return f"{subject}: {person.reason}" if person.reason else subject


def _decoded(encoded: str) -> Record:
    """The slots that a client sent, none where they are not whole."""
    try:
        raw = bytes.fromhex(encoded)
    except ValueError:
        raw = b""
    whole = len(raw) % COMMAND_SIZE_BYTES == 0
    return np.frombuffer(bytearray(raw if whole else b""), COMMAND)


def refusal_of(refused: Refused) -> dict[str, Any]:
    """The answer to a command that did not pass the door: nothing of it was journaled."""
    if refused.reject == Reject.NONE:
        return _refusal(refused.sentence)
    answer = _refusal(refused.reject.name)
    return answer | {"reject": int(refused.reject), "sentence": refused.sentence}


def _refusal(error: str) -> dict[str, Any]:
    return {"ok": False, "error": error}
