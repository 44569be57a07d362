"""Tables by kind of event: every kind has its row, also one of a later version."""

from __future__ import annotations

from exchange.codes import CancelReason, EventKind, Reject, TradeReason
from exchange.store.rows import event_kinds as kinds


def test_a_kind_of_a_later_version_is_called_by_its_number() -> None:
    unknown = max(EventKind) + 1
    assert kinds.KIND_NAMES[unknown] == str(unknown)
    assert not kinds.ABOUT_ORDER[unknown] and not kinds.HAS_DETAILS[unknown]


def test_names_of_reasons() -> None:
    for reason in Reject:
        expected = reason.name.lower() if reason else None
        assert kinds.reason_name(EventKind.REJECTED, reason) == expected
    assert kinds.reason_name(EventKind.CANCELED, CancelReason.TIMEOUT) == "timeout"
    assert kinds.reason_name(EventKind.CANCELED, 0) is None
    # zero is a reason of its own here
    assert kinds.reason_name(EventKind.TRADE, 0) == TradeReason(0).name.lower()
    assert kinds.reason_name(EventKind.LEVEL, 1) is None


def test_what_makes_an_order_is_about_it() -> None:
    assert (kinds.ABOUT_ORDER | ~kinds.MAKES_ORDER).all()
    assert (kinds.HAS_DETAILS | ~kinds.DEFINES).all()
    assert not (kinds.NAMES_ACCOUNT & kinds.ABOUT_ORDER).any()
