"""From an account's events to execution reports: each event, and how the order stood after it.

Who uses it: the private channel, after the account model has applied the events. The model knows
how orders stand after the whole batch; how they stood after each event before the last one is found
by undoing the later events one by one, from the newest to the oldest. So a client sees the same
reports whatever pieces the events came in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from exchange.api import messages
from exchange.api.errors import REJECT_BASE
from exchange.codes import CancelReason, EventKind, OrderType, Reject
from exchange.read_model.order_status import OrderStatus

if TYPE_CHECKING:
    from exchange.read_model.accounts_types import Fill, Order

NANOSECONDS_PER_MS = 1_000_000

EVENT_NAMES: dict[int, messages.ReportEvent] = {
    EventKind.ACCEPTED: "accepted",
    EventKind.REJECTED: "rejected",
    EventKind.REPLACED: "replaced",
    EventKind.CANCELED: "cancelled",
    EventKind.TRADE: "filled",
    EventKind.MODIFIED: "modified",
    EventKind.HELD: "held",
    EventKind.RELEASED: "released",
    EventKind.TRIGGERED: "triggered",
    EventKind.SELF_TRADE_PREVENTED: "prevented",
    EventKind.CANCEL_REJECTED: "cancel_rejected",
}
REPORTED = np.zeros(256, np.bool_)
REPORTED[list(EVENT_NAMES)] = True
_STOPS = (OrderType.STOP, OrderType.STOP_LIMIT)


class Step(NamedTuple):
    """One event as it concerns one order of the account."""

    sequence: int
    timestamp_ns: int
    kind: int
    order_id: int
    price: int
    quantity: int
    remaining: int
    reason: int


def steps_of(events: np.ndarray, is_own: np.ndarray) -> list[Step]:
    """The steps in ``events`` (EVENT) of sessions with ``is_own[session]`` True, oldest first.

    A trade between two orders of the account is two steps, the maker's first.
    """
    kinds = events["kind"]
    own = REPORTED[kinds] & is_own[events["session"]]
    contra = (kinds == EventKind.TRADE) & is_own[events["contra_session"]]
    at = np.flatnonzero(own | contra)
    rows = zip(
        events["sequence"][at].tolist(),
        events["timestamp_ns"][at].tolist(),
        kinds[at].tolist(),
        events["order_id"][at].tolist(),
        events["price"][at].tolist(),
        events["quantity"][at].tolist(),
        events["remaining"][at].tolist(),
        events["reason"][at].tolist(),
        events["contra_order_id"][at].tolist(),
        own[at].tolist(),
        contra[at].tolist(),
        strict=True,
    )
    found: list[Step] = []
    for *fields, contra_order_id, is_maker, is_taker in rows:
        step = Step(*fields)
        if is_maker:
            found.append(step)
        if is_taker:
            found.append(step._replace(order_id=contra_order_id))
    return found


class Reported(NamedTuple):
    """A step, and the order as it stood after it."""

    step: Step
    order: Order


def orders_after(steps: list[Step], find: Callable[[int], Order | None]) -> list[Reported]:
    """Each step with the order after it. ``find``: the order after all steps, None: not kept."""
    states: dict[int, Order | None] = {}
    found: list[Reported] = []
    for step in reversed(steps):
        if step.order_id not in states:
            # the newest step of this order: what the model says is what it led to
            order = find(step.order_id)
            states[step.order_id] = order
        else:
            order = states[step.order_id]
            if order is not None:
                order = _as_after(step, order)
        if order is None:
            continue  # closed so long ago that it is forgotten
        found.append(Reported(step, order))
        states[step.order_id] = _undone(step, order)
    found.reverse()
    return found


def _undone(step: Step, after: Order) -> Order:
    """Quantities before ``step``; the rest is set by the step before it, see ``_as_after``."""
    if step.kind == EventKind.TRADE:
        return msgspec.structs.replace(
            after,
            open=after.open + step.quantity,
            filled=after.filled - step.quantity,
            filled_value=after.filled_value - step.price * step.quantity,
        )
    if step.kind in (EventKind.CANCELED, EventKind.SELF_TRADE_PREVENTED):
        # a reduction lowers what is wanted in all, a cancel to nothing does not
        lowered = step.quantity if step.remaining else 0
        return msgspec.structs.replace(
            after, open=after.open + step.quantity, quantity=after.quantity + lowered
        )
    return after


def _as_after(step: Step, order: Order) -> Order:
    """``order``, with the quantities that it had after ``step``, with all else as it was then."""
    status, closed = _status_after(step, order)
    is_filled = status is OrderStatus.FILLED
    return msgspec.structs.replace(
        order,
        status=status,
        reason=step.reason if closed and not is_filled else 0,
        updated_ns=step.timestamp_ns,
        filled_ns=step.timestamp_ns if is_filled else 0,
        cancelled_ns=step.timestamp_ns if closed and not is_filled else 0,
        replaced_by=0,
    )


def _status_after(step: Step, order: Order) -> tuple[OrderStatus, bool]:
    """The status after a step that was not the order's last one, and whether it was closed."""
    kind = step.kind
    if order.open == 0 and kind in (EventKind.CANCELED, EventKind.SELF_TRADE_PREVENTED):
        expired = kind == EventKind.CANCELED and step.reason == CancelReason.TIMEOUT
        return (OrderStatus.EXPIRED if expired else OrderStatus.CANCELLED), True
    if kind == EventKind.TRADE and order.open == 0:
        return OrderStatus.FILLED, True
    if kind == EventKind.HELD:
        return OrderStatus.PENDING_REVIEW, False
    arrived = kind in (EventKind.ACCEPTED, EventKind.REPLACED, EventKind.RELEASED)
    if arrived and order.order_type in _STOPS:
        return OrderStatus.WAITING, False
    return (OrderStatus.PARTIAL_FILLED if order.filled else OrderStatus.NEW), False


def event_name(step: Step) -> messages.ReportEvent:
    """What a report calls a step."""
    if step.kind == EventKind.CANCELED and step.reason == CancelReason.TIMEOUT:
        return "expired"
    return EVENT_NAMES[step.kind]


def reports(
    found: Iterable[Reported],
    fills: dict[tuple[int, int], Fill],
    describe: Callable[[Order], dict[str, Any]],
) -> list[messages.ExecutionReport]:
    """The reports of what ``orders_after`` found.

    ``fills``: by sequence and order id, for the fees; ``describe``: an order as JSON.
    """
    made: list[messages.ExecutionReport] = []
    for step, order in found:
        report = messages.ExecutionReport(
            event=event_name(step),
            sequence=step.sequence,
            timestamp=step.timestamp_ns // NANOSECONDS_PER_MS,
            order=describe(order),
        )
        if step.kind == EventKind.TRADE:
            report.last_price = step.price
            report.last_quantity = step.quantity
            report.match_number = step.sequence + 1
            fill = fills.get((step.sequence, step.order_id))
            if fill is not None:
                report.fee = fill.fee
                report.liquidity = "maker" if fill.liquidity == "maker" else "taker"
        elif step.kind in (EventKind.CANCEL_REJECTED, EventKind.REJECTED):
            report.reject_code = REJECT_BASE + step.reason
            report.reject_reason = Reject(step.reason).name.lower()
        made.append(report)
    return made
