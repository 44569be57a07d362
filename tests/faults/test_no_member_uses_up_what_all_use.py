"""What one member does at full speed leaves tokens, level blocks and positions to all others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from exchange_process import PASSWORD, RunningExchange
from patient_client import PatientClient

pytestmark = pytest.mark.needs_jit

TOKENS = 20_000
BLOCKS = 64
# sessions, each of an account of its own
LIMITED, UNLIMITED, WIDE, NORMAL = 1, 2, 3, 4


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExchange]:
    running = RunningExchange(
        tmp_path_factory.mktemp("shares"),
        sessions=4,
        session_keys={LIMITED: {"orders_per_second": 10, "burst": 10}},
        # so many messages an order that it is the rate of orders that refuses, and nobody waits
        settings={
            "capacity": {"tokens_per_day": TOKENS, "level_blocks": BLOCKS},
            "risk": {"messages_per_order": 1_000},
        },
    )
    yield running.start()
    running.close()


def client_of(exchange: RunningExchange, session: int) -> PatientClient:
    client = PatientClient("127.0.0.1", exchange.port)
    client.login(f"S{session}", PASSWORD, sequence=0)
    return client


def answers(client: PatientClient, last_token: str) -> Counter[str]:
    """Answers by letter, a reject with its reason, up to that about ``last_token``."""
    seen: Counter[str] = Counter()
    while True:
        message = client.receive()
        fields = message.fields
        seen[message.letter + str(fields["reason"] if message.letter == "J" else "")] += 1
        if message.letter in "AJ" and fields["token"] == last_token:
            return seen


def assert_others_trade(exchange: RunningExchange, token: str, price: int) -> None:
    """A normal member's order rests and is cancelled."""
    with client_of(exchange, NORMAL) as client:
        client.enter(token, "B", 100, "AAPL", price)
        assert client.receive().letter == "A"
        client.cancel(token)
        assert client.receive().letter == "C"


def test_what_a_rate_refuses_uses_up_no_token(exchange: RunningExchange) -> None:
    with client_of(exchange, LIMITED) as client:
        for number in range(TOKENS + 1):
            client.enter(f"L{number}", "B", 100, "AAPL", 1_000_000, time_in_force=0)
        seen = answers(client, f"L{TOKENS}")
    assert seen["JO"] == 0, seen
    assert_others_trade(exchange, "N1", 1_000_000)


def test_a_session_without_a_rate_has_a_share_of_the_tokens(exchange: RunningExchange) -> None:
    with client_of(exchange, UNLIMITED) as client:
        for number in range(TOKENS + 1):
            client.enter(f"U{number}", "B", 100, "AAPL", 1_000_000, time_in_force=0)
        seen = answers(client, f"U{TOKENS}")
    assert TOKENS // 3 < seen["A"] <= TOKENS // 2, seen
    assert seen["JO"] == TOKENS + 1 - seen["A"], seen
    assert_others_trade(exchange, "N2", 1_000_000)


def test_bids_far_apart_leave_level_blocks(exchange: RunningExchange) -> None:
    with client_of(exchange, WIDE) as client:
        for number in range(BLOCKS):
            client.enter(f"W{number}", "B", 100, "AAPL", 100_000 * (number + 1))
        seen = answers(client, f"W{BLOCKS - 1}")
        assert seen["A"] == BLOCKS // 2, seen
        assert_others_trade(exchange, "N3", 99_000_000)
        client.cancel("W0")
        assert client.receive().letter == "C"
        client.enter("again", "B", 100, "AAPL", 50_000_000)
        assert client.receive().letter == "A", "a block that is given back may be had again"
