"""A session's rate of messages follows its rate of orders, from definition and parameters."""

from __future__ import annotations

import numpy as np

from exchange.codes import Parameter
from exchange.gateway.session import (
    SECOND_NS,
    SESSION_INTERVAL_NS,
    SESSION_SLACK_NS,
    MessageRates,
    create_sessions,
)


def parameter_set(
    session: int, rate: int, burst: int, number: int = Parameter.SESSION_RATE
) -> dict:
    return {"parameter": number, "session": session, "price": rate, "quantity": burst}


def rate_of(sessions: np.ndarray, session: int) -> tuple[int, int]:
    """Messages a second and at once; (0, 0) = any."""
    interval_ns = int(sessions[session, SESSION_INTERVAL_NS])
    if interval_ns == 0:
        return (0, 0)
    return SECOND_NS // interval_ns, int(sessions[session, SESSION_SLACK_NS]) // interval_ns + 1


def test_what_is_known_at_the_start() -> None:
    sessions = create_sessions(8)
    rates = MessageRates(sessions, 4, {0: (100, 200), 3: (10, 5)})
    assert rate_of(sessions, 3) == (40, 20)
    assert rate_of(sessions, 4) == (0, 0), "it is not defined"
    rates.defined(4)
    assert rate_of(sessions, 4) == (400, 800)


def test_parameters_are_followed() -> None:
    sessions = create_sessions(8)
    rates = MessageRates(sessions, 2)
    rates.learn(parameter_set(0, 100, 1))
    rates.defined(1)
    assert rate_of(sessions, 1) == (200, 2)
    rates.learn(parameter_set(1, 0, 0))
    assert rate_of(sessions, 1) == (0, 0)
    rates.learn(parameter_set(1, 50, 3))
    rates.learn(parameter_set(1, 1, 0, Parameter.CANCEL_ON_DISCONNECT))
    assert rate_of(sessions, 1) == (100, 6)


def test_no_messages_per_order_is_no_limit() -> None:
    sessions = create_sessions(8)
    MessageRates(sessions, 0, {1: (1, 1)})
    assert rate_of(sessions, 1) == (0, 0)
