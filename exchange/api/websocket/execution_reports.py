"""Makes execution reports from an account's events: each event, and the order after it.

Who uses it: the private channel, after the account model has applied the events. The model knows
the orders after the whole batch. The state after each earlier event is found by undoing the later
events one by one, from the newest to the oldest. So a client sees the same reports however the
events were split into batches.

Decision API-7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from exchange.api.errors import REJECT_BASE
from exchange.api.websocket import messages
from exchange.codes import FLAG_LEVEL, CancelReason, EventKind, OrderType, Reject
from exchange.read_model.accounts.order_status import OrderStatus

if TYPE_CHECKING:
    from exchange.read_model.accounts.types import Fill, Order

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
# REMOVED comes with every REPLACED and is not reported, but is needed to undo it
FOLLOWED = np.zeros(256, np.bool_)
FOLLOWED[[*EVENT_NAMES, EventKind.REMOVED]] = True
_STOPS = (OrderType.STOP, OrderType.STOP_LIMIT)


class Step(NamedTuple):
    """One event as it concerns one order of the account.

    ``side``: the order's own. ``remaining``: of the aggressor of a trade it is the maker's.
    ``has_level``: the event has level fields, so the order is (or was) in the book.
    """

    sequence: int
    timestamp_ns: int
    kind: int
    order_id: int
    price: int
    quantity: int
    remaining: int
    reason: int
    side: int
    has_level: bool = True
    is_aggressor: bool = False


def steps_of(events: np.ndarray, owner: np.ndarray, account: int) -> list[Step]:
    """The steps of ``account`` in ``events`` (EVENT), oldest first.

    ``owner``: account by session, 0 where it does not matter. A trade between two orders of the
    account is two steps, the maker's first.
    """
    kinds = events["kind"]
    own = FOLLOWED[kinds] & (owner[events["session"]] == account)
    is_aggressor = (kinds == EventKind.TRADE) & (owner[events["contra_session"]] == account)
    at = np.flatnonzero(own | is_aggressor)
    rows = zip(
        events["sequence"][at].tolist(),
        events["timestamp_ns"][at].tolist(),
        kinds[at].tolist(),
        events["order_id"][at].tolist(),
        events["price"][at].tolist(),
        events["quantity"][at].tolist(),
        events["remaining"][at].tolist(),
        events["reason"][at].tolist(),
        events["side"][at].tolist(),
        (events["flags"][at] & FLAG_LEVEL != 0).tolist(),
        events["contra_order_id"][at].tolist(),
        events["contra_side"][at].tolist(),
        own[at].tolist(),
        is_aggressor[at].tolist(),
        strict=True,
    )
    found: list[Step] = []
    for *fields, aggressor_order_id, aggressor_side, is_own, is_own_aggressor in rows:
        step = Step(*fields)
        if is_own:
            found.append(step)
        if is_own_aggressor:
            found.append(
                step._replace(order_id=aggressor_order_id, side=aggressor_side, is_aggressor=True)
            )
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
            # the newest step of this order: the model shows the order after it
            order = find(step.order_id)
            states[step.order_id] = order
        else:
            order = states[step.order_id]
            if order is not None:
                order = _as_after(step, order)
        if order is None:
            continue  # it closed so long ago that the model does not keep it
        if step.kind != EventKind.REMOVED:
            found.append(Reported(step, order))
        states[step.order_id] = _undone(step, order)
    found.reverse()
    return list(_with_known_quantities(found))


def _with_known_quantities(found: Iterable[Reported]) -> Iterator[Reported]:
    """Counts quantities forwards, which is exact for orders that arrived in these steps."""
    known: dict[int, tuple[int, int]] = {}  # order id -> wanted in all, open
    for step, order in found:
        if step.kind in (EventKind.ACCEPTED, EventKind.REPLACED):
            known[order.order_id] = (order.quantity, order.open)
        elif order.order_id in known:
            quantity, open_quantity = known[order.order_id]
            if _lowers(step):
                quantity = order.quantity
            is_aggressor = step.kind == EventKind.TRADE and step.is_aggressor
            if is_aggressor:
                open_quantity -= step.quantity
            elif step.kind != EventKind.CANCEL_REJECTED:  # which says nothing of it
                open_quantity = order.open
            known[order.order_id] = (quantity, open_quantity)
            if (quantity, open_quantity) != (order.quantity, order.open):
                order = msgspec.structs.replace(order, quantity=quantity, open=open_quantity)
        yield Reported(step, order)


def _lowers(step: Step) -> bool:
    """Whether a step lowers the total quantity of its order."""
    return step.kind == EventKind.MODIFIED or (
        step.kind == EventKind.CANCELED and step.remaining > 0
    )


def _undone(step: Step, after: Order) -> Order:
    """The order before ``step``, as far as ``_as_after`` of the step before does not set it."""
    kind, status = step.kind, after.status
    if kind == EventKind.TRADE:
        before = msgspec.structs.replace(
            after,
            open=after.open + step.quantity,
            filled=after.filled - step.quantity,
            filled_value=after.filled_value - step.price * step.quantity,
        )
        return msgspec.structs.replace(before, status=_live_status(before))
    if kind in (EventKind.CANCELED, EventKind.SELF_TRADE_PREVENTED, EventKind.REMOVED):
        # a reduction lowers what is wanted in all; a cancel to nothing and a decrement do not
        prevented = step.quantity if kind == EventKind.SELF_TRADE_PREVENTED else 0
        return msgspec.structs.replace(
            after,
            open=after.open + step.quantity,
            prevented=after.prevented - prevented,
            quantity=after.quantity + (step.quantity if _lowers(step) else 0),
            status=_status_of_resting(step, after),
        )
    if kind == EventKind.TRIGGERED:
        status = OrderStatus.WAITING
    elif kind == EventKind.RELEASED:
        status = OrderStatus.PENDING_REVIEW
    return msgspec.structs.replace(after, status=status)


def _as_after(step: Step, order: Order) -> Order:
    """``order``, whose quantities are those after ``step``, with all else as it was then.

    Most events carry the open quantity, which is better than the undone one: no event tells how far
    MODIFIED has lowered it.
    """
    kind, open_quantity, quantity = step.kind, order.open, order.quantity
    if kind == EventKind.CANCEL_REJECTED:
        updated_ns = min(order.updated_ns, step.timestamp_ns)
        return msgspec.structs.replace(
            order, reason=0, updated_ns=updated_ns, filled_ns=0, cancelled_ns=0, replaced_by=0
        )
    if kind in (EventKind.ACCEPTED, EventKind.REPLACED):
        open_quantity = quantity = step.quantity
    elif _lowers(step):
        open_quantity = step.remaining
        quantity = order.filled + order.prevented + open_quantity
    elif not (kind == EventKind.TRADE and step.is_aggressor):
        open_quantity = step.remaining
    order = msgspec.structs.replace(order, open=open_quantity, quantity=quantity, side=step.side)
    status, closed = _status_after(step, order)
    is_filled = status is OrderStatus.FILLED
    reason = 0
    if closed and not is_filled:
        prevented = kind == EventKind.SELF_TRADE_PREVENTED
        reason = int(CancelReason.SELF_MATCH) if prevented else step.reason
    return msgspec.structs.replace(
        order,
        status=status,
        reason=reason,
        updated_ns=step.timestamp_ns,
        filled_ns=step.timestamp_ns if is_filled else 0,
        cancelled_ns=step.timestamp_ns if closed and not is_filled else 0,
        replaced_by=0,
    )


def _live_status(order: Order) -> OrderStatus:
    """Status of an order that is in the market."""
    return OrderStatus.PARTIAL_FILLED if order.filled else OrderStatus.NEW


def _status_of_resting(step: Step, order: Order) -> OrderStatus:
    """Status of an order that an event reduces: without level fields it is not in the book yet."""
    if step.has_level or step.kind == EventKind.SELF_TRADE_PREVENTED:
        return _live_status(order)
    return OrderStatus.WAITING if order.order_type in _STOPS else OrderStatus.PENDING_REVIEW


def _status_after(step: Step, order: Order) -> tuple[OrderStatus, bool]:
    """The status after a step that was not the order's last one, and whether it was closed."""
    kind = step.kind
    if kind == EventKind.REMOVED:
        return OrderStatus.REPLACED, True
    if order.open == 0 and kind in (EventKind.CANCELED, EventKind.SELF_TRADE_PREVENTED):
        expired = kind == EventKind.CANCELED and step.reason == CancelReason.TIMEOUT
        return (OrderStatus.EXPIRED if expired else OrderStatus.CANCELLED), True
    if kind == EventKind.TRADE and order.open == 0:
        return OrderStatus.FILLED, True
    if kind == EventKind.HELD:
        return OrderStatus.PENDING_REVIEW, False
    if kind == EventKind.CANCELED:
        return _status_of_resting(step, order), False
    arrived = kind in (EventKind.ACCEPTED, EventKind.REPLACED, EventKind.RELEASED)
    if arrived and order.order_type in _STOPS:
        return OrderStatus.WAITING, False
    return _live_status(order), False


def event_name(step: Step) -> messages.ReportEvent:
    """The name of a step in its report."""
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
            report.trade_id = step.sequence + 1
            fill = fills.get((step.sequence, step.order_id))
            if fill is not None:
                report.fee = fill.fee
                report.liquidity = "maker" if fill.liquidity == "maker" else "taker"
        elif step.kind in (EventKind.CANCEL_REJECTED, EventKind.REJECTED):
            report.reject_code = REJECT_BASE + step.reason
            report.reject_reason = Reject(step.reason).name.lower()
        made.append(report)
    return made
