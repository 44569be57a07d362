"""The read models that the cache is made of, at one event of the stream.

Who uses it: the sink and the check. They begin with the newest checkpoint (``read_model/
connect_redis``) and follow events from there. Where Redis and its files disagree, Redis is made
anew: a checkpoint only saves time.

Invariant: both models have seen the same events; changes that nobody takes are thrown away at once,
so memory does not grow.

Decision CON-31.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np

from exchange.connect.sink import SinkRefused
from exchange.core.event_archive import EventArchive
from exchange.errors import ArchiveCorrupt
from exchange.read_model.accounts.model import AccountModel
from exchange.read_model.checkpoint import CheckpointWriter, load_newest
from exchange.read_model.market.changes import Change
from exchange.read_model.market.model import MarketModel
from exchange.runtime.account_models import store_account_capacity
from exchange.runtime.data_directory import load_capacity, read_model_directory

log = logging.getLogger(__name__)

CHECKPOINTS = "connect_redis"  # below the read models' directory
STEP_EVENTS = 16_384


class CacheModels:
    """``market`` and ``accounts`` after the events before ``next_event``.

    ``batch_events``: followed between two calls of ``take_changes``, at most.
    """

    def __init__(self, market: MarketModel, accounts: AccountModel, batch_events: int) -> None:
        self.market = market
        self.accounts = accounts
        self.batch_events = batch_events
        self._currencies: dict[int, str] = {}

    @property
    def next_event(self) -> int:
        return self.market.next_event

    def currencies(self) -> dict[int, str]:
        """Codes of all currencies by number."""
        found = self.accounts.currencies()
        self._currencies = {number: currency.code for number, currency in found.items()}
        return self._currencies

    def currency(self, number: int) -> str:
        """The code of a currency."""
        if number not in self._currencies:
            self.currencies()
        return self._currencies[number]

    def apply(self, events: np.ndarray) -> None:
        """Follow the next events (EVENT[n], as many as a batch has at most)."""
        assert len(events) <= self.batch_events, "too many events between two looks at changes"
        self.market.apply(events)
        self.accounts.apply(events)

    def take_changes(self) -> tuple[list[Change], np.ndarray, np.ndarray]:
        """What has changed since the last call: BALANCE_ROW and POSITION_ROW for the accounts."""
        dirty = self.accounts.take_dirty()
        money = dirty.accounts[dirty.accounts[:, 1] > 0]
        return (
            self.market.take_changes(),
            self.accounts.balance_rows(money),
            self.accounts.position_rows(dirty.positions),
        )

    def read_on(self, archive: EventArchive, end: int, beat: Callable[[], None]) -> None:
        """Follow the archive to before event ``end``; what changes is forgotten.

        ``beat`` is called after each step.
        """
        while self.next_event < end:
            step = min(STEP_EVENTS, self.batch_events, end - self.next_event)
            events = archive.view(self.next_event, step)
            assert len(events) > 0, f"event {self.next_event} is not in the archive"
            self.apply(events)
            self.take_changes()
            beat()


class ModelSizes:
    """Makes models of the sizes of a data directory.

    ``trades``, ``klines``: kept of each instrument (and interval); ``batch_events``: followed
    between two looks at what has changed, at most.
    """

    def __init__(self, data_directory: Path, trades: int, klines: int, batch_events: int) -> None:
        self._directory = read_model_directory(data_directory) / CHECKPOINTS
        capacity = load_capacity(data_directory)
        assert capacity is not None, "the matcher has fixed the capacities"
        self._capacity = capacity
        self._trades, self._klines, self._batch_events = trades, klines, batch_events

    def empty(self) -> CacheModels:
        """Models that have seen nothing."""
        market = MarketModel(
            self._capacity.instruments, trades_kept=self._trades, klines_kept=self._klines
        )
        accounts = store_account_capacity(self._capacity, self._batch_events)
        return CacheModels(market, AccountModel(accounts, track_dirty=True), self._batch_events)

    def newest(self, archive: EventArchive, released: int) -> CacheModels:
        """The models of the newest checkpoint. Raises SinkRefused when there is no way to them."""
        made: list[CacheModels] = []

        def make() -> tuple[MarketModel, AccountModel]:
            made.append(self.empty())
            return made[-1].market, made[-1].accounts

        try:
            loaded = load_newest(self._directory, make, released, archive)
        except ArchiveCorrupt as error:
            raise SinkRefused(str(error)) from None
        for note in loaded.notes:
            log.warning("%s", note)
        models = made[-1]
        models.take_changes()
        return models

    def writer(
        self, models: CacheModels, archive: EventArchive, every_events: int
    ) -> CheckpointWriter:
        """Writes checkpoints of ``models``, every so many events."""
        return CheckpointWriter(
            self._directory,
            [models.market, models.accounts],
            archive,
            every_events=every_events,
            report=lambda line: log.info("%s", line),
        )
