"""A position with nothing in it is no position: it uses up nothing that others need."""

from __future__ import annotations

from small_engine import SMALL, Exchange, cancel, command, enter, instrument, opened, parameter

from exchange.codes import CommandKind, EventKind, Parameter, Reject
from exchange.engine.invariants.check import check_state
from exchange.engine.state.layout import POSITIONS_USED

POSITIONS = 8
OF_STOCK = 2  # accounts 1 and 2 hold instrument 1 from the beginning
INSTRUMENTS = range(2, 8)  # nobody holds these


def small_exchange() -> Exchange:
    exchange = opened(SMALL._replace(positions=POSITIONS))
    exchange.run(parameter(Parameter.SHARES, 1))
    for number in INSTRUMENTS:
        exchange.run(instrument(number))
    return exchange


def outcome(exchange: Exchange, slots: object) -> tuple[EventKind, int]:
    """Kind and reason of the first event."""
    event = exchange.run(slots)[0]  # type: ignore[arg-type]
    check_state(exchange.state)
    return EventKind(int(event["kind"])), int(event["reason"])


def test_orders_that_come_and_go_everywhere_use_up_nothing() -> None:
    exchange = small_exchange()
    for turn in range(3 * POSITIONS):
        number = INSTRUMENTS[turn % len(INSTRUMENTS)]
        accepted = outcome(exchange, enter(f"a{turn}", 0, 1, 50, instrument=number))
        assert accepted == (EventKind.ACCEPTED, 0)
        assert outcome(exchange, cancel(f"a{turn}"))[0] == EventKind.CANCELED
    assert exchange.state.scalars[POSITIONS_USED] == OF_STOCK


def test_a_position_that_was_sold_comes_back() -> None:
    exchange = small_exchange()
    exchange.run(enter("buy", 0, 5, 50, instrument=2))
    exchange.run(enter("sell", 2, 5, 50, instrument=2, session=2))
    assert exchange.state.scalars[POSITIONS_USED] == OF_STOCK + 2
    exchange.run(enter("back", 1, 5, 50, instrument=2))
    exchange.run(enter("cover", 0, 5, 50, instrument=2, session=2))
    check_state(exchange.state)
    assert exchange.state.scalars[POSITIONS_USED] == OF_STOCK


def test_an_account_leaves_as_many_as_it_has() -> None:
    exchange = small_exchange()
    told = [outcome(exchange, enter(f"a{n}", 0, 1, 50, instrument=n)) for n in INSTRUMENTS]
    # it has 1 of 8, account 2 has 1: 2, 3 and 4 of its own leave 5, 4 and 3
    assert told[:3] == [(EventKind.ACCEPTED, 0)] * 3
    full = (EventKind.REJECTED, Reject.POSITION_TABLE_FULL)
    assert told[3:] == [full] * 3
    other = outcome(exchange, enter("b", 0, 1, 50, instrument=7, session=2))
    assert other == (EventKind.ACCEPTED, 0)


def test_a_mass_cancel_gives_all_of_them_back() -> None:
    exchange = small_exchange()
    for number in INSTRUMENTS[:3]:
        exchange.run(enter(f"a{number}", 0, 1, 50, instrument=number))
    exchange.run(command(CommandKind.MASS_CANCEL, session=1, side=255))
    check_state(exchange.state)
    assert exchange.state.scalars[POSITIONS_USED] == OF_STOCK


def test_rows_that_were_empty_before_the_rule_go_with_it() -> None:
    exchange = opened(SMALL._replace(positions=POSITIONS))
    exchange.run(instrument(2))
    exchange.run(enter("a", 0, 1, 50, instrument=2))
    exchange.run(cancel("a"))
    assert exchange.state.scalars[POSITIONS_USED] == OF_STOCK + 1
    exchange.run(parameter(Parameter.SHARES, 1))
    check_state(exchange.state)
    assert exchange.state.scalars[POSITIONS_USED] == OF_STOCK
