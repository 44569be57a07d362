"""Operators' cancels of single orders: what became of them.

Who uses it: ``operators.py``, in the daemon's one thread. CANCEL_BY_ORDER_ID of an order that does
not live causes no event, so the end of each cancel is looked for: the matcher has taken it out of
the ring, has applied what it had sequenced then, and the events of that have been read. A CANCELED
of the order among them is the answer; none means that no such order lives.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from exchange.codes import EventKind, Reject
from exchange.commands import Record
from exchange.control.producer import ControlProducer
from exchange.core import pipeline
from exchange.core.follower import EventFollower
from ringbuffer.atomics import load_acquire

Reply = Callable[[dict[str, Any]], None]


class _Cancel:
    """One under way. ``taken``: position in the ring; then commands, then events to wait for."""

    def __init__(self, order_id: int, reply: Reply, taken: int) -> None:
        self.order_id = order_id
        self.reply = reply
        self.taken = taken
        self.applied = -1
        self.released = -1
        self.quantity = 0
        self.asked_ns = time.monotonic_ns()


class Cancels:
    """``follower``: of the daemon; it gets CANCELED events only while a cancel is under way."""

    def __init__(self, producer: ControlProducer, cursors: Record, follower: EventFollower) -> None:
        self._producer = producer
        self._cursors = cursors
        self._follower = follower
        self._waiting: list[_Cancel] = []

    @property
    def waiting(self) -> bool:
        """Whether a cancel waits for its answer."""
        return bool(self._waiting)

    def submit(self, record: Record, reply: Reply) -> None:
        """Send a CANCEL_BY_ORDER_ID; ``reply`` is called when its outcome is released."""
        self._follower.want(EventKind.CANCELED, True)
        taken = self._producer.send(record)
        self._waiting.append(_Cancel(int(record["price"][0]), reply, taken))

    def learn(self, event: Any) -> None:
        """A released CANCELED."""
        for cancel in self._waiting:
            if int(event["order_id"]) == cancel.order_id:
                cancel.quantity += int(event["quantity"])

    def work(self) -> None:
        """Answer those whose outcome is known."""
        for cancel in list(self._waiting):
            if self._over(cancel):
                self._waiting.remove(cancel)
                cancel.reply(
                    _answer(cancel) | {"elapsed_ns": time.monotonic_ns() - cancel.asked_ns}
                )
                self._follower.want(EventKind.CANCELED, self.waiting)

    def _over(self, cancel: _Cancel) -> bool:
        cursors = self._cursors
        # acquire, in the order of the flow: each cursor is read after the one that it follows
        if cancel.applied < 0 and self._producer.consumed() >= cancel.taken:
            cancel.applied = load_acquire(cursors, pipeline.COMMAND_PUBLISHED)
        if cancel.released < 0 <= cancel.applied <= load_acquire(cursors, pipeline.COMMAND_APPLIED):
            cancel.released = load_acquire(cursors, pipeline.EVENT_PUBLISHED)
        return 0 <= cancel.released <= self._follower.next_sequence

    def abandon(self) -> None:
        """The core died: nobody knows what became of them."""
        for cancel in self._waiting:
            what = f"the core restarted: look whether order {cancel.order_id} still lives"
            cancel.reply({"ok": False, "error": what})
        self._waiting.clear()


def _answer(cancel: _Cancel) -> dict[str, Any]:
    if cancel.quantity:
        return {"ok": True, "cancelled_quantity": cancel.quantity}
    reject = Reject.UNKNOWN_ORDER
    sentence = f"there is no live order {cancel.order_id}"
    return {"ok": False, "error": reject.name, "reject": int(reject), "sentence": sentence}
