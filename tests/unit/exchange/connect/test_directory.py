"""Names behind numbers: from events, and from what the engine knew."""

from __future__ import annotations

import msgspec
import numpy as np
from market_events import MarketEvents

from exchange.codes import EventKind
from exchange.connect.directory import Directory, Named, directory_of
from exchange.definitions.rules import InstrumentTerms
from exchange.records import text_word
from exchange.recovery.facts import EngineFacts, InstrumentFacts, SessionFacts


def test_it_learns_from_events() -> None:
    world = MarketEvents()
    world.open_market()
    world.add(EventKind.SESSION_DEFINED, session=7, token_0=text_word("MAKER"), quantity=2001)
    directory = Directory()
    directory.learn(world.take())
    assert directory.instruments[1] == Named("2330.TW", "TWD", 2)
    assert directory.currencies == {1: "TWD"}
    assert directory.accounts[7] == 2001 and directory.accounts[8] == 0
    assert directory.symbol(2) == "AAPL"
    assert directory.symbol(3) == "#3"


def test_what_was_defined_since_the_start_is_looked_up() -> None:
    """A connector that restarts alone goes on behind events that nobody has shown it."""

    class Archive:
        def view(self, first: int, count: int) -> np.ndarray:
            return events[first : min(first + count, first + 2)]  # in small pieces

        def oldest(self) -> int:
            return 0

    world = MarketEvents()
    world.open_market()
    events = world.take()
    directory = Directory()
    directory.follow(Archive(), len(events))
    assert directory.next_event == len(events)
    assert directory.symbol(2) == "AAPL"
    directory.follow(Archive(), 1)  # knows it already
    assert directory.next_event == len(events)


def test_it_begins_with_what_the_engine_knew() -> None:
    terms = InstrumentTerms(
        symbol="AAPL",
        tick=1,
        lot=1,
        price_decimals=4,
        minimum_price=1,
        maximum_price=100,
        maximum_quantity=100,
        currency=2,
        group=0,
    )
    facts = EngineFacts(
        recovery=None,
        replayed_commands=0,
        replayed_events=0,
        duration_ns=0,
        snapshot_sequence=0,
        next_command=0,
        next_event=0,
        day_open=False,
        day_number=0,
        market_state=0,
        exchange_killed=False,
        shares=False,
        orders_stopped=False,
        currencies={2: ("USD", 2, 0)},
        instruments={9: InstrumentFacts(terms, 0, 0, 0, {})},
        accounts={},
        sessions={3: SessionFacts("TAKER", 2002, False, {})},
        defaults={},
    )
    directory = directory_of(msgspec.Raw(msgspec.json.encode(facts)))
    assert directory.instruments == {9: Named("AAPL", "USD", 4)}
    assert directory.currencies == {2: "USD"}
    assert np.flatnonzero(directory.accounts).tolist() == [3]
    assert directory.accounts[3] == 2002
