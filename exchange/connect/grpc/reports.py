"""Events as execution reports: what each says about one order, and nothing that only a model knows.

Who uses it: report_service.py, for events of the archive and of now alike; so a report is the same
whenever it is sent. Pure functions of events.

Decision CON-44.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from exchange.api.errors import REJECT_BASE
from exchange.api.orders.json import CANCEL_REASON_NAMES, REJECT_NAMES
from exchange.api.orders.terms import SIDE_NAMES
from exchange.codes import CancelReason, EventKind
from exchange.connect.grpc.messages import v1
from exchange.records import EVENT, record_struct

KINDS = {
    EventKind.ACCEPTED: v1.REPORT_KIND_ACCEPTED,
    EventKind.REJECTED: v1.REPORT_KIND_REJECTED,
    EventKind.REPLACED: v1.REPORT_KIND_REPLACED,
    EventKind.CANCELED: v1.REPORT_KIND_CANCELLED,
    EventKind.TRADE: v1.REPORT_KIND_FILLED,
    EventKind.MODIFIED: v1.REPORT_KIND_MODIFIED,
    EventKind.HELD: v1.REPORT_KIND_HELD,
    EventKind.RELEASED: v1.REPORT_KIND_RELEASED,
    EventKind.TRIGGERED: v1.REPORT_KIND_TRIGGERED,
    EventKind.SELF_TRADE_PREVENTED: v1.REPORT_KIND_PREVENTED,
    EventKind.CANCEL_REJECTED: v1.REPORT_KIND_CANCEL_REJECTED,
}
# those whose event says what is open after them
_SAY_REMAINING = (
    EventKind.CANCELED,
    EventKind.MODIFIED,
    EventKind.SELF_TRADE_PREVENTED,
)
_FIELDS = record_struct(
    EVENT, "sequence", "timestamp_ns", "order_id", "price", "quantity", "token", "instrument",
    "kind", "side", "reason", "contra_order_id", "remaining", "contra_token", "contra_side",
)  # fmt: skip
_REJECTS = (EventKind.REJECTED, EventKind.CANCEL_REJECTED)


def reports_of(
    events: np.ndarray,
    own: np.ndarray,
    symbol: Callable[[int], str],
    client_order_id: Callable[[bytes], str | None],
) -> list[Any]:
    """The reports (exchange.v1.ExecutionReport) of ``events`` (EVENT[n], of KINDS), in order.

    ``own``: bool[65536], the account's sessions. A trade of two orders of the account is two, the
    maker's first.
    """
    maker = own[events["session"]]
    taker = (events["kind"] == EventKind.TRADE) & own[events["contra_session"]]
    at = np.flatnonzero(maker | taker)
    made: list[Any] = []
    for index in at.tolist():
        fields = _FIELDS.unpack(events[index].tobytes())
        if maker[index]:
            made.append(_report(fields, symbol, client_order_id, is_maker=True))
        if taker[index]:
            made.append(_report(fields, symbol, client_order_id, is_maker=False))
    return made


def _report(
    fields: tuple[Any, ...],
    symbol: Callable[[int], str],
    client_order_id: Callable[[bytes], str | None],
    *,
    is_maker: bool,
) -> Any:
    (sequence, time_ns, order_id, price, quantity, token, instrument, kind, side, reason,
     contra_order_id, remaining, contra_token, contra_side) = fields  # fmt: skip
    report = v1.ExecutionReport(
        sequence=sequence, kind=KINDS[kind], price=price, quantity=quantity, time_ns=time_ns
    )
    if kind == EventKind.TRADE:
        report.trade_id = sequence + 1
        report.is_maker = is_maker
        if is_maker:
            report.remaining_quantity = remaining
        else:
            order_id, token, side = contra_order_id, contra_token, contra_side
    elif kind in _SAY_REMAINING:
        report.remaining_quantity = remaining
    elif kind == EventKind.REPLACED:
        report.replaces = contra_order_id
    if kind in (EventKind.ACCEPTED, EventKind.REPLACED):
        report.remaining_quantity = quantity
    if kind in _REJECTS:
        report.code = REJECT_BASE + reason
        report.reason = REJECT_NAMES.get(reason, str(reason))
    elif kind == EventKind.CANCELED:
        report.reason = CANCEL_REASON_NAMES.get(reason, "")
        if reason == CancelReason.TIMEOUT:
            report.kind = v1.REPORT_KIND_EXPIRED
    report.order_id = order_id
    report.symbol = symbol(instrument)
    report.side = side + 1 if side < len(SIDE_NAMES) else 0
    report.client_order_id = client_order_id(token) or ""
    return report
