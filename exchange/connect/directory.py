"""The names behind the numbers in events: symbols, currencies, the accounts of sessions.

Who uses it: every connector. What is defined never changes, so names that are known too early do no
harm: the directory begins with what the engine knew at the core's start, and learns from events.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np

from exchange.core.event_archive import EventArchive
from exchange.recovery.facts import EngineFacts
from exchange.store.rows.event_rows import NUMBERS, definitions_of


class Named(NamedTuple):
    """An instrument: what its numbers mean."""

    symbol: str
    currency: str
    price_decimals: int


LOOK_EVENTS = 65_536


class Directory:
    """``instruments``: by number. ``currencies``: code by number. ``accounts``: int64[65536], the
    account of each session, 0: none. ``next_event``: what all events below define is known."""

    def __init__(self) -> None:
        self.next_event = 0
        self.instruments: dict[int, Named] = {}
        self.currencies: dict[int, str] = {}
        self.accounts = np.zeros(NUMBERS, np.int64)

    def learn(self, events: np.ndarray) -> None:
        """Take in what ``events`` (EVENT[n]) define."""
        found = definitions_of(events, self.currencies)
        for currency in found.currencies:
            self.currencies[currency.number] = currency.code
        for row in found.instruments:
            self.instruments[row.number] = Named(row.symbol, row.currency, row.price_decimals)
        for session in found.sessions:
            self.accounts[session.number] = session.user_id
        if len(events):
            self.next_event = max(self.next_event, int(events[-1]["sequence"]) + 1)

    def follow(self, archive: EventArchive, next_event: int) -> None:
        """Take in what was defined before ``next_event``, since the core's start for example."""
        self.next_event = max(self.next_event, archive.oldest())
        while self.next_event < next_event:
            events = archive.view(self.next_event, min(LOOK_EVENTS, next_event - self.next_event))
            assert len(events), f"event {self.next_event} is released and not in the archive"
            self.learn(events)

    def symbol(self, instrument: int) -> str:
        """Its symbol; one that is not defined is called by its number."""
        named = self.instruments.get(instrument)
        return f"#{instrument}" if named is None else named.symbol


def directory_of(facts: msgspec.Raw) -> Directory:
    """The directory of what the engine knew at the core's start (``StageSpec.facts``)."""
    known = msgspec.json.decode(facts, type=EngineFacts)
    directory = Directory()
    directory.next_event = known.next_event
    for number, (code, _, _) in known.currencies.items():
        directory.currencies[number] = code
    for number, instrument in known.instruments.items():
        terms = instrument.terms
        code = directory.currencies.get(terms.currency, "")
        directory.instruments[number] = Named(terms.symbol, code, terms.price_decimals)
    for number, session in known.sessions.items():
        directory.accounts[number] = session.account
    return directory
