"""Parameter SHARES counts what each member has at that moment; level blocks have shares too."""

from __future__ import annotations

from exchange.codes import EventKind, Parameter, Reject
from exchange.engine.invariants.check import check_state
from exchange.engine.state.layout import (
    ACCOUNT_POSITIONS,
    ACCOUNT_WORDS,
    SESSION_TOKENS,
    SESSION_WORDS,
)
from tests.harness.small_engine import SMALL, Exchange, cancel, enter, opened, parameter

BLOCK = 64


def counts(exchange: Exchange) -> tuple[list[int], list[int]]:
    """Tokens of sessions 1 and 2, positions of accounts 1 and 2."""
    sessions = exchange.state.sessions.reshape(-1, SESSION_WORDS)
    accounts = exchange.state.accounts.reshape(-1, ACCOUNT_WORDS)
    return (
        SESSION_TOKENS.column(sessions)[1:3].tolist(),
        ACCOUNT_POSITIONS.column(accounts)[1:3].tolist(),
    )


def test_what_was_used_before_is_counted() -> None:
    exchange = opened()
    for number in range(3):
        exchange.run(enter(f"a{number}", 0, 1, 50))
    exchange.run(enter("b", 0, 1, 50, session=2))
    assert counts(exchange) == ([0, 0], [0, 0]), "nothing is counted without the rules"
    exchange.run(parameter(Parameter.SHARES, 1))
    assert counts(exchange) == ([3, 1], [1, 1])
    check_state(exchange.state)


def test_an_account_leaves_level_blocks() -> None:
    exchange = opened(SMALL._replace(leaves=8, nodes=64))
    exchange.run(parameter(Parameter.SHARES, 1))
    told = [exchange.run(enter(f"a{n}", 0, 1, BLOCK * (n + 1)))[0] for n in range(8)]
    assert [EventKind(int(event["kind"])).name for event in told] == ["ACCEPTED"] * 4 + [
        "REJECTED"
    ] * 4
    assert {int(event["reason"]) for event in told[4:]} == {Reject.LEVEL_POOL_FULL}
    inside = exchange.run(enter("inside", 0, 1, BLOCK + 1))
    assert inside[0]["kind"] == EventKind.ACCEPTED, "a block that exists needs no share"
    other = exchange.run(enter("b", 0, 1, BLOCK * 7, session=2))
    assert other[0]["kind"] == EventKind.ACCEPTED


def test_an_account_leaves_nodes() -> None:
    exchange = opened(SMALL._replace(leaves=64, nodes=20))
    exchange.run(parameter(Parameter.SHARES, 1))
    far = 64 * 64  # prices that share no node but those above it
    kinds = [int(exchange.run(enter(f"a{n}", 0, 1, far * (n + 1)))[0]["kind"]) for n in range(20)]
    accepted = kinds.count(EventKind.ACCEPTED)
    assert 0 < accepted < 10
    assert exchange.run(enter("b", 0, 1, far * 100, session=2))[0]["kind"] == EventKind.ACCEPTED
    for number in range(accepted):
        exchange.run(cancel(f"a{number}"))
    assert exchange.run(enter("c", 0, 1, far * 50))[0]["kind"] == EventKind.ACCEPTED
