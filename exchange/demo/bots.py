"""The bots: ordinary clients of the WebSocket that quote and trade until they are told to stop.

Who runs them: ``run.py``, all in one asyncio loop. A bot's stream comes back by itself when the
process api restarts; the bot then cancels what it had and begins again. While it runs it renews a
cancel-after timer, so that its orders leave the market when it dies.

Decision PAG-3.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from exchange.client import ApiKey, NewOrder, NotReached, Stream
from exchange.client.messages import (
    Connected,
    Error,
    ExecutionReport,
    Message,
    Trade,
)
from exchange.client.types import Instrument
from exchange.demo.prices import FairPrice
from exchange.demo.quotes import Resting, best_prices, decide, ordinary_quantity, some_quantity

log = logging.getLogger(__name__)

CANCEL_AFTER_S = 30
RENEW_S = 10.0
STEP_S = 1.6  # between two looks of a maker at one instrument
FIRST_STEP_S = 0.4  # ... in the beginning, until its book is full
FIRST_STEPS = 8
TAKER_PAUSE_S = 0.55  # between two trades of one taker, on average
LOST_S = 5.0  # an order that was not answered within this is forgotten
# an order that has just filled cannot be cancelled; a market order may find an empty book
EXPECTED = frozenset({4001, 4003})
SKEW_QUANTITY = 40  # so many ordinary quantities too many move the quotes by half a spread


class Venue(NamedTuple):
    """The exchange that the bots trade on: its API's URL, its instruments, the price of each."""

    url: str
    instruments: Sequence[Instrument]
    fair: Mapping[str, FairPrice]  # by symbol; all bots share them


class Bot(ABC):
    """One account's bot: keeps its stream, calls ``work`` when it is connected."""

    def __init__(self, venue: Venue, key: ApiKey, choose: random.Random) -> None:
        self._stream = Stream(venue.url, key)
        self._instruments = list(venue.instruments)
        self._by_symbol = {instrument.symbol: instrument for instrument in venue.instruments}
        self._fair = venue.fair
        self._choose = choose
        self._channels = ["orders"]
        self._renew_at_s = 0.0
        self._said: set[int] = set()
        self.actions = 0
        self.reconnects = 0

    async def run(self, stopping: asyncio.Event) -> None:
        """Until ``stopping``; its orders are cancelled then, if the exchange can be reached."""
        async with self._stream as stream:
            listening = asyncio.create_task(self._listen())
            try:
                await self._begin()
                while not stopping.is_set() and not listening.done():
                    try:
                        pause_s = await self._turn()
                    except NotReached:
                        pause_s = 0.5  # the stream is coming back
                    await _wait(stopping, pause_s)
                if listening.done():
                    listening.result()
                await self._end()
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
                await stream.close()

    async def _begin(self) -> None:
        await self._stream.cancel_all()
        await self._stream.subscribe(*self._channels)

    async def _end(self) -> None:
        try:
            await self._stream.cancel_after(0)
            await self._stream.cancel_all()
        except NotReached:
            return  # the exchange cancels them when the timer has run out

    async def _turn(self) -> float:
        now_s = time.monotonic()
        if now_s >= self._renew_at_s:
            await self._stream.cancel_after(CANCEL_AFTER_S)
            self._renew_at_s = now_s + RENEW_S
        return await self.work(now_s)

    async def _listen(self) -> None:
        async for message in self._stream:
            if isinstance(message, Connected):
                self.reconnects += 1
                self._renew_at_s = 0.0
                self.forget()
                await self._stream.cancel_all()
            else:
                if isinstance(message, Error):
                    self._say(message)
                self.receive(message)

    def _say(self, error: Error) -> None:
        """Log an error that is not expected, once for each kind."""
        if error.code not in self._said and error.code not in EXPECTED:
            self._said.add(error.code)
            log.warning("bot: %d %s", error.code, error.message)

    async def place(self, order: NewOrder) -> str:
        """Send an order."""
        self.actions += 1
        return await self._stream.place(order)

    async def cancel(self, order_id: int) -> None:
        """Send a cancel."""
        self.actions += 1
        await self._stream.cancel(order_id)

    # --- what the bots differ in --------------------------------------------------------------

    @abstractmethod
    async def work(self, now_s: float) -> float:
        """Do something. Returns for how many seconds nothing is to be done."""

    def receive(self, message: Message) -> None:  # noqa: B027 - not every bot needs them
        """A message of the stream has come."""

    def forget(self) -> None:  # noqa: B027 - nor has every bot orders to forget
        """The connection was lost; all orders are being cancelled."""


class Maker(Bot):
    """Quotes both sides of every instrument; trades move its idea of the price."""

    def __init__(
        self, venue: Venue, key: ApiKey, choose: random.Random, *, leads: bool = False
    ) -> None:
        """``leads``: this one lets the common prices move; there is one such maker."""
        super().__init__(venue, key, choose)
        self._leads = leads
        if leads:
            self._channels += [f"trade.{instrument.symbol}" for instrument in self._instruments]
        self._resting: dict[str, dict[int, Resting]] = {s: {} for s in self._by_symbol}
        self._asked: dict[str, tuple[str, Resting, float]] = {}  # client order id -> symbol, ...
        self._cancelling: dict[int, float] = {}
        self._bought: dict[str, int] = dict.fromkeys(self._by_symbol, 0)
        self._opinion = {symbol: choose.uniform(-0.3, 0.3) for symbol in self._by_symbol}
        self._next_s = {s: choose.uniform(0, FIRST_STEP_S) for s in self._by_symbol}
        self._began_s = time.monotonic()
        self._steps = dict.fromkeys(self._by_symbol, 0)
        self._moved_s = self._began_s

    async def work(self, now_s: float) -> float:
        if self._leads:
            seconds, self._moved_s = now_s - self._moved_s, now_s
            for fair in self._fair.values():
                fair.advance(min(seconds, 1.0))
        since_s = now_s - self._began_s
        symbol = min(self._next_s, key=lambda name: self._next_s[name])
        if self._next_s[symbol] > since_s:
            return min(self._next_s[symbol] - since_s, 0.2)
        self._steps[symbol] += 1
        step_s = FIRST_STEP_S if self._steps[symbol] <= FIRST_STEPS else STEP_S
        self._next_s[symbol] = since_s + step_s * self._choose.uniform(0.5, 1.5)
        await self._quote(symbol, now_s)
        return 0.01

    async def _quote(self, symbol: str, now_s: float) -> None:
        instrument = self._by_symbol[symbol]
        for late in [n for n, (_, _, at) in self._asked.items() if now_s - at > LOST_S]:
            del self._asked[late]
        resting = [
            order
            for order in self._resting[symbol].values()
            if now_s - self._cancelling.get(order.order_id, -LOST_S) >= LOST_S
        ]
        resting += [order for name, order, _ in self._asked.values() if name == symbol]
        value = self._fair[symbol].value
        usual = ordinary_quantity(instrument, value) * SKEW_QUANTITY
        skew = max(-2.0, min(2.0, self._bought[symbol] / usual)) + self._opinion[symbol]
        decision = decide(instrument, value, skew, resting, self._choose)
        for order_id in decision.cancels:
            if order_id:  # 0: not yet answered
                self._cancelling[order_id] = now_s
                await self.cancel(order_id)
        for side, price, quantity in decision.orders:
            name = await self.place(
                NewOrder(
                    symbol=symbol,
                    side=side,
                    quantity=quantity,
                    price=price,
                    post_only=True,
                    reprice=True,
                )
            )
            self._asked[name] = (symbol, Resting(0, side, price), now_s)

    def receive(self, message: Message) -> None:
        if isinstance(message, ExecutionReport):
            order = message.order
            self._asked.pop(order.client_order_id or "", None)
            resting = self._resting.get(order.symbol)
            if resting is None:
                return
            if order.is_open and order.price is not None and order.side is not None:
                resting[order.order_id] = Resting(order.order_id, order.side, order.price)
            else:
                resting.pop(order.order_id, None)
                self._cancelling.pop(order.order_id, None)
            if message.last_quantity:
                sign = 1 if order.side == "buy" else -1
                self._bought[order.symbol] += sign * message.last_quantity
        elif isinstance(message, Trade) and self._leads:
            fair = self._fair[message.symbol]
            usual = ordinary_quantity(self._by_symbol[message.symbol], fair.value)
            fair.traded(message.side, message.quantity / usual)
        elif isinstance(message, Error):
            self._asked.pop(message.request_id or "", None)

    def forget(self) -> None:
        for resting in self._resting.values():
            resting.clear()
        self._asked.clear()
        self._cancelling.clear()


class Taker(Bot):
    """Buys and sells at the market, more in one direction while the mood lasts."""

    def __init__(self, venue: Venue, key: ApiKey, choose: random.Random) -> None:
        super().__init__(venue, key, choose)
        # some instruments are more popular than others
        self._weights = [1.0 / (1 + 0.35 * index) for index in range(len(self._instruments))]
        self._resting: dict[int, float] = {}  # order id -> until when it may rest
        self._end_of_pause_s = 0.0

    async def work(self, now_s: float) -> float:
        for order_id in [n for n, until_s in self._resting.items() if now_s > until_s]:
            del self._resting[order_id]
            await self.cancel(order_id)
        if now_s < self._end_of_pause_s:
            return self._end_of_pause_s - now_s
        self._end_of_pause_s = now_s + self._choose.expovariate(1 / TAKER_PAUSE_S)
        (instrument,) = self._choose.choices(self._instruments, self._weights)
        await self.place(self._order(instrument))
        return 0.01

    def _order(self, instrument: Instrument) -> NewOrder:
        choose, fair = self._choose, self._fair[instrument.symbol]
        side = "buy" if choose.random() < 0.5 + 0.35 * fair.mood else "sell"
        bid, ask = best_prices(instrument, fair.value, 0.0)
        quantity = some_quantity(instrument, fair.value, choose)
        kind = choose.random()
        if kind < 0.5:
            # now and then a taker is in a hurry and takes several levels
            many = choose.choice((2, 3, 5)) if choose.random() < 0.08 else 1
            quantity = min(quantity * many, instrument.maximum_quantity)
            return NewOrder(symbol=instrument.symbol, side=side, quantity=quantity, type="market")
        tick = instrument.tick
        if kind < 0.85:
            price = ask + 2 * tick if side == "buy" else bid - 2 * tick
            return NewOrder(
                symbol=instrument.symbol,
                side=side,
                quantity=quantity,
                price=price,
                time_in_force="ioc",
            )
        # a patient one, who waits at the best price; sometimes he shows only a part
        price = bid if side == "buy" else ask
        shown = None
        if choose.random() < 0.3:
            quantity, shown = 4 * quantity, quantity
        return NewOrder(
            symbol=instrument.symbol,
            side=side,
            quantity=min(quantity, instrument.maximum_quantity),
            price=price,
            display_quantity=shown,
        )

    def receive(self, message: Message) -> None:
        if isinstance(message, ExecutionReport):
            order = message.order
            if order.is_open:
                until_s = time.monotonic() + self._choose.uniform(3, 30)
                self._resting.setdefault(order.order_id, until_s)
            else:
                self._resting.pop(order.order_id, None)

    def forget(self) -> None:
        self._resting.clear()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), max(seconds, 0.0))
    except TimeoutError:
        return
