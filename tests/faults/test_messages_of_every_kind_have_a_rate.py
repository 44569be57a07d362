"""Messages of every kind have a rate: what changes nothing does not fill the journal either.

Each session sends much more than its rate lets through, then an order: the order comes last, and
until its answer no more commands were journaled than rate and burst allow for the time that passed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from exchange_process import PASSWORD, RunningExchange
from patient_client import PatientClient

from exchange.core.counters import Counter
from exchange.gateway.protocol import ouch, soupbintcp

pytestmark = pytest.mark.needs_jit

RATE, BURST = 250, 100  # orders; times 4: messages
PER_ORDER = 4
FLOOD = 3_000
# what one pass over a full receive buffer takes beyond the rate, at most
OVERSHOOT = BURST * PER_ORDER * 52 // 22 + 100


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExchange]:
    running = RunningExchange(
        tmp_path_factory.mktemp("rates"),
        sessions=8,
        settings={"risk": {"session_orders_per_second": RATE, "session_burst": BURST}},
        web=True,
    )
    yield running.start()
    running.close()


def frame(letter: str, **fields: int | str) -> bytes:
    return soupbintcp.packet(soupbintcp.UNSEQUENCED_DATA, ouch.encode(letter, fields))


def cancel(number: int) -> bytes:
    return frame("X", token=f"X{number}", shares=0)


def modify(number: int) -> bytes:
    return frame("M", token=f"M{number}", side="B", shares=1)


def replace(number: int) -> bytes:
    return frame(
        "U", token=f"U{number}", replacement_token=f"V{number}", shares=1, price=1_000_000,
        time_in_force=99_999, display="Y", intermarket_sweep="N", minimum_quantity=0,
    )  # fmt: skip


def repeated(number: int) -> bytes:
    """An order whose token was used: it is ignored."""
    return frame(
        "O", token="again", side="B", shares=100, stock="AAPL", price=1_000_000,
        time_in_force=0, firm="", display="Y", capacity="A", intermarket_sweep="N",
        minimum_quantity=0, cross_type="N", customer_type=" ",
    )  # fmt: skip


def commands(exchange: RunningExchange) -> int:
    """Slots of the journal so far."""
    return int(exchange.status()["counters"][Counter.COMMITTED_COMMANDS.name.lower()])


@pytest.mark.parametrize(
    ("session", "message", "slots"),
    [(1, cancel, 1), (2, modify, 1), (3, replace, 2), (4, repeated, 1)],
    ids=["cancels", "modifies", "replaces", "repeated tokens"],
)
def test_a_flood_waits_for_its_rate(
    exchange: RunningExchange, session: int, message: Callable[[int], bytes], slots: int
) -> None:
    with PatientClient("127.0.0.1", exchange.port) as client:
        client.login(f"S{session}", PASSWORD, sequence=0)
        before = commands(exchange)
        started = time.monotonic()
        client.send(b"".join(message(number) for number in range(FLOOD)))
        client.enter("last", "B", 100, "AAPL", 1_000_000, time_in_force=0)
        while client.receive().fields.get("token") != "last":
            pass
        passed_s = time.monotonic() - started
        journaled = commands(exchange) - before
    assert journaled >= FLOOD
    allowed = (BURST + RATE * passed_s) * PER_ORDER + OVERSHOOT
    assert journaled <= slots * (allowed + 1) + 100  # and what the exchange itself sends


def test_a_flood_makes_nobody_else_wait(exchange: RunningExchange) -> None:
    with (
        PatientClient("127.0.0.1", exchange.port) as hostile,
        PatientClient("127.0.0.1", exchange.port) as normal,
    ):
        hostile.login("S5", PASSWORD, sequence=0)
        normal.login("S6", PASSWORD, sequence=0)
        hostile.send(b"".join(map(cancel, range(FLOOD))))
        hostile.enter("last", "B", 100, "AAPL", 1_000_000, time_in_force=0)
        normal.enter("one", "B", 100, "AAPL", 1_000_000, time_in_force=0)
        while normal.receive().fields.get("token") != "one":
            pass
        answered_s = time.monotonic()
        while hostile.receive().fields.get("token") != "last":
            pass
        # the flood needs seconds at its rate; the other's order did not wait behind it
        assert time.monotonic() - answered_s > FLOOD / (RATE * PER_ORDER) / 3
