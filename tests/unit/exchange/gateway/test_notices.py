"""Notices of the duty cycle for Python, and the queue of connections to be read."""

from __future__ import annotations

import numpy as np
import pytest

from exchange.gateway.arrays import (
    NOTICES,
    READY_COUNT,
    READY_HEAD,
    DutyState,
    Notice,
    create_duty_state,
)
from exchange.gateway.notices import ending_notice, notice, push_ready
from exchange.gateway.session import CONNECTION_READABLE
from exchange.records import COMMAND, EVENT

CONNECTIONS = 4


@pytest.fixture
def duty() -> DutyState:
    return create_duty_state(
        np.zeros(8, np.int64),
        np.zeros(8, np.int64),
        np.zeros(8, COMMAND),
        np.zeros(8, EVENT),
        connection_capacity=CONNECTIONS,
        session_capacity=4,
        instrument_capacity=4,
        receive_bytes=256,
        output_bytes=256,
        batch_events=8,
    )


def test_notices_come_in_order(duty: DutyState) -> None:
    notice(duty, Notice.ACCEPT, -1, 0, 0)
    notice(duty, Notice.STOPPED, 2, 7, 8)
    assert duty.words[NOTICES] == 2
    assert duty.notices[:2].tolist() == [[Notice.ACCEPT, -1, 0, 0], [Notice.STOPPED, 2, 7, 8]]


def test_a_connection_ends_once(duty: DutyState) -> None:
    duty.connections[1, CONNECTION_READABLE] = 1
    ending_notice(duty, Notice.PEER_CLOSED, 1, 104, 0)
    ending_notice(duty, Notice.SILENT, 1, 0, 0)
    assert duty.connections[1, CONNECTION_READABLE] == 0
    assert duty.words[NOTICES] == 1
    assert duty.notices[0].tolist() == [Notice.PEER_CLOSED, 1, 104, 0]


def test_a_connection_is_queued_once_and_the_queue_wraps(duty: DutyState) -> None:
    duty.words[READY_HEAD] = CONNECTIONS - 1
    for connection in (3, 1, 3):
        push_ready(duty, connection)
    assert duty.words[READY_COUNT] == 2
    assert (duty.ready[CONNECTIONS - 1], duty.ready[0]) == (3, 1)
