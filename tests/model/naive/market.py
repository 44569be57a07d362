"""The naive exchange's whole memory, and the few lookups that all of its rules need.

The rules themselves are in mixins of one job each. ``exchange.py`` puts them together, so that the
methods of one mixin find those of another by name.
"""

from __future__ import annotations

from collections import Counter

from tests.model.naive.book import Order
from tests.model.naive.command import Capacities
from tests.model.naive.data import Account, Currency, Instrument, Position, Session
from tests.model.naive.events import EventWriter


class Market(EventWriter):
    def __init__(self, capacities: Capacities) -> None:
        super().__init__()
        self.capacities = capacities
        self.currencies: dict[int, Currency] = {}
        self.accounts: dict[int, Account] = {}
        self.positions: dict[tuple[int, int], Position] = {}  # by account and instrument
        self.sessions: dict[int, Session] = {}
        self.instruments: dict[int, Instrument] = {}
        # parameters of those that will be defined later
        self.account_defaults = Account(0)
        self.session_defaults = Session(0, 0)
        self.instrument_defaults = Instrument(0)
        self.used_tokens: set[tuple[int, bytes]] = set()
        self.tokens_of: Counter[int] = Counter()  # of them, by session
        self.live: dict[tuple[int, bytes], Order] = {}
        self.live_by_id: dict[int, Order] = {}
        self.good_till_time: dict[int, Order] = {}
        self.day_open = False
        self.midnight_ns = 0
        self.day_number = 0
        self.exchange_killed = 0
        self.market_state = 0
        self.shares = 0  # the rules of shares hold
        self.orders_stopped = 0
        self.market_until_ns = 0
        self.traded: dict[int, None] = {}  # instruments that traded in this command, in order
        # Sum of all balances by currency and of all positions by instrument, carried along.
        self.money: dict[int, int] = {}
        self.stock: dict[int, int] = {}
        # What this command has changed, for the invariants: (account, currency or instrument).
        self.touched_balances: set[tuple[int, int]] = set()
        self.touched_positions: set[tuple[int, int]] = set()

    def use_token(self, session: int, token: bytes) -> None:
        self.used_tokens.add((session, token))
        self.tokens_of[session] += 1

    def account_of_session(self, session: int) -> Account | None:
        """The account of a defined session, None while it is not open."""
        return self.accounts.get(self.sessions[session].account)
