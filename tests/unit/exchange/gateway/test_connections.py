"""Notices wait in their order, endings first, and only for the connection that they are about."""

from __future__ import annotations

import numpy as np
import pytest

from exchange.gateway.arrays import NOTICES, DutyState, Notice, create_duty_state
from exchange.gateway.connections import Waiting, WaitingNotices
from exchange.gateway.session import CONNECTION_GENERATION
from exchange.records import COMMAND, EVENT


@pytest.fixture
def duty() -> DutyState:
    return create_duty_state(
        np.zeros(1, np.int64),
        np.zeros(1, np.int64),
        np.zeros(8, COMMAND),
        np.zeros(8, EVENT),
        connection_capacity=8,
        session_capacity=4,
        instrument_capacity=4,
        receive_bytes=64,
        output_bytes=64,
        batch_events=4,
    )


def leave(duty: DutyState, *notices: tuple[int, int, int, int]) -> None:
    """As the duty cycle does (notices.py)."""
    duty.notices[: len(notices)] = notices
    duty.words[NOTICES] = len(notices)


def test_endings_come_before_strangers_and_each_in_its_order(duty: DutyState) -> None:
    waiting = WaitingNotices(duty)
    leave(
        duty,
        (Notice.UNAUTHENTICATED, 5, 0, 0),
        (Notice.UNAUTHENTICATED, 2, 0, 0),
        (Notice.PEER_CLOSED, 3, 104, 0),
        (Notice.UNAUTHENTICATED, 5, 0, 0),
    )
    assert not waiting.take()
    assert duty.words[NOTICES] == 0 and len(waiting) == 3
    assert waiting.next() == Waiting(Notice.PEER_CLOSED, 3, 0, 104, 0)
    leave(duty, (Notice.STOPPED, 1, 7, 9), (Notice.ACCEPT, -1, 0, 0))
    assert waiting.take(), "somebody wants to connect"
    found = []
    while (notice := waiting.next()) is not None:
        found.append((notice.kind, notice.connection))
    assert found == [
        (Notice.STOPPED, 1),
        (Notice.UNAUTHENTICATED, 5),
        (Notice.UNAUTHENTICATED, 2),
    ]
    assert not waiting


def test_a_connection_that_is_gone_is_not_meant(duty: DutyState) -> None:
    waiting = WaitingNotices(duty)
    leave(duty, (Notice.PEER_CLOSED, 3, 0, 0), (Notice.UNAUTHENTICATED, 4, 0, 0))
    waiting.take()
    duty.connections[3:5, CONNECTION_GENERATION] += 1  # closed, and perhaps somebody else's by now
    assert waiting.next() is None and not waiting
