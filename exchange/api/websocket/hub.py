"""The hub: subscriptions to public channels, and when their frames are sent. One hub per stage.

Who calls it: the event pump, ``publish`` after every batch that the models have applied; the
endpoint, for everything that subscribers ask for. All of it runs on the stage's event loop.

A *tick* takes the market's changes, makes each frame once, and gives each *group* (subscribers with
the same set of channels) what its channels have; the fan-out (``fan_out.py``) joins that and writes
it once to each member. Ticks follow batches at once, but not sooner than ``tick_ms`` after the last
one, so under load a write has many frames and costs the same. Channels of states (depth, ticker,
kline) have rhythms of their own: what is due goes out with a tick, what is not waits for the latest
state.

Invariants: a subscriber gets every event after the ``sequence`` of its acknowledgement once and in
order, or a message about the gap; diffs of a channel follow each other without a gap. A subscriber
that does not read (``_laggards``) delays no other: it is sent nothing, and when it has read half of
its unsent bytes it gets the present state and the trades that it missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from exchange.api.websocket import messages
from exchange.api.websocket.channels import ChannelKey, ChannelKind
from exchange.api.websocket.fan_out import FanOut
from exchange.api.websocket.frames import CloseCode, ping_frame
from exchange.api.websocket.messages import frame
from exchange.api.websocket.parameters import WebSocketParameters
from exchange.api.websocket.public_frames import (
    NANOSECONDS_PER_MS,
    PART_LEVELS,
    PublicFrames,
)
from exchange.api.websocket.recent_levels import RecentLevels
from exchange.api.websocket.subscriber import Group, Subscriber
from exchange.read_model.market.model import INTERVALS

if TYPE_CHECKING:
    from exchange.read_model.market.model import Change, Kline, MarketModel


HEARTBEAT_SLICES = 20  # heartbeats go out in so many parts, or 10,000 writes would hold up a tick
MS = 1e-3


class Channel:
    """A public channel with at least one subscriber."""

    __slots__ = ("groups", "is_trades", "key", "next_s", "recent", "sequence", "shown")

    def __init__(self, key: ChannelKey, sequence: int) -> None:
        self.key = key
        self.is_trades = key.kind is ChannelKind.TRADE
        self.groups: set[Group] = set()
        self.sequence = sequence  # depth_diff: of the last diff
        self.recent = RecentLevels(sequence)  # depth_diff: what has changed lately
        self.next_s = 0.0  # channels of states: not sent before
        self.shown: object = None  # ... and what was last sent of them


class Hub:
    """``clock_ms``: milliseconds since 1970. Not started, it sends no heartbeats.

    ``count`` counts "websockets" (those open now), "frames_sent" and "subscribers_dropped".
    """

    def __init__(
        self,
        market: MarketModel,
        parameters: WebSocketParameters,
        *,
        clock_ms: Callable[[], int],
        count: Callable[[str, int], None] = lambda name, amount: None,
    ) -> None:
        self.parameters = parameters
        self.clock_ms = clock_ms
        self.frames = PublicFrames(market, parameters.depth_levels)
        self.subscribers: set[Subscriber] = set()
        self.market = market
        self._count = count
        self._channels: dict[ChannelKey, Channel] = {}
        self._groups: dict[frozenset[ChannelKey], Group] = {}
        self._by_instrument: dict[int, list[Channel]] = {}
        self._due: dict[Channel, None] = {}  # channels of states that have changed
        self._candles: dict[ChannelKey, Kline] = {}  # begun, and not reported as closed yet
        self._laggards: set[Subscriber] = set()
        self._slices: list[set[Subscriber]] = [set() for _ in range(HEARTBEAT_SLICES)]
        self._next_slice = 0
        self._every_second: list[Callable[[], None]] = []
        self._changed = False
        self._fan_out = FanOut(
            parameters.soft_buffer_bytes,
            sequence=market.next_event - 1,
            lag=self._lag,
            count=lambda frames: count("frames_sent", frames),
        )
        self._tick_timer: asyncio.TimerHandle | None = None
        self._not_before_s = 0.0
        self._heartbeat_timer: asyncio.TimerHandle | None = None
        self._intervals_s = {
            ChannelKind.DEPTH: parameters.depth_interval_ms * MS,
            ChannelKind.TICKER: parameters.ticker_interval_ms * MS,
            ChannelKind.KLINE: parameters.kline_interval_ms * MS,
        }

    # --- life -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin the heartbeats. To be called on the running event loop."""
        self._schedule_heartbeat()

    def stop(self) -> None:
        """Close every socket as going away; no tick and no heartbeat follows."""
        for timer in (self._tick_timer, self._heartbeat_timer):
            if timer is not None:
                timer.cancel()
        self._tick_timer = self._heartbeat_timer = None
        self._fan_out.finish()
        for subscriber in list(self.subscribers):
            subscriber.close(CloseCode.GOING_AWAY, "the exchange's interface stops: connect again")

    def add_every_second(self, function: Callable[[], None]) -> None:
        """Call ``function`` with each round of heartbeats."""
        self._every_second.append(function)

    def join(self, subscriber: Subscriber) -> None:
        """A socket was opened."""
        self.subscribers.add(subscriber)
        self._count("websockets", 1)
        subscriber.slice = subscriber.number % HEARTBEAT_SLICES
        self._slices[subscriber.slice].add(subscriber)

    def leave(self, subscriber: Subscriber) -> None:
        """A socket was closed. Idempotent."""
        if subscriber not in self.subscribers:
            return
        self._count("websockets", -1)
        if subscriber.dropped:
            self._count("subscribers_dropped", 1)
        self._move(subscriber, frozenset())
        subscriber.channels.clear()
        self.subscribers.discard(subscriber)
        self._slices[subscriber.slice].discard(subscriber)
        self._laggards.discard(subscriber)

    # --- subscriptions ----------------------------------------------------------------------------

    @property
    def sequence(self) -> int:
        """The newest event whose frames have been made."""
        return self._fan_out.sequence

    def settle(self) -> None:
        """Make the frames of all events so far: then they and the market model agree."""
        if self._changed:
            self._tick()

    def subscribe(self, subscriber: Subscriber, keys: Iterable[ChannelKey]) -> None:
        """Add public channels. To be called after ``settle`` and before anything else happens."""
        subscriber.channels.update(keys)
        self._move(subscriber, frozenset(subscriber.channels))

    def unsubscribe(self, subscriber: Subscriber, keys: Iterable[ChannelKey]) -> None:
        """Take away public channels."""
        keys = set(keys)
        subscriber.channels.difference_update(keys)
        self._forget_parts(subscriber, keys)
        self._move(subscriber, frozenset(subscriber.channels))

    def present(self, subscriber: Subscriber, key: ChannelKey, since: int | None = None) -> bytes:
        """The frames that a new subscriber of ``key`` begins with. Called after ``subscribe``.

        ``since``: with a trade channel, the trades after that event as far as they are kept. Of a
        large book only the first part; the others follow as fast as the client reads.
        """
        if key.kind is ChannelKind.TRADE:
            if since is None or since >= self.sequence:
                return b""
            return self.frames.trades_since(key, since)
        channel = self._channels[key]
        if key.kind is ChannelKind.DEPTH_DIFF:
            first, *parts = self.frames.depth_snapshot(key.instrument, channel.sequence)
            self._forget_parts(subscriber, {key})
            subscriber.begun[key] = channel.sequence
            subscriber.parts.extend((key, part) for part in parts)
            if parts and subscriber.lagging_since_s is None:
                # it is sent nothing else before it has read them
                self._lag(subscriber, self.sequence)
                self._tick_at(asyncio.get_running_loop().time() + self.parameters.tick_ms * MS)
            return first
        channel.shown = None  # this subscriber gets a newer state than the others had last
        return self.frames.present(key, now_ms=self.clock_ms())

    def _forget_parts(self, subscriber: Subscriber, keys: set[ChannelKey]) -> None:
        """What waits of snapshots of ``keys`` is not sent."""
        for key in keys & subscriber.begun.keys():
            del subscriber.begun[key]
        if subscriber.parts:
            kept = [each for each in subscriber.parts if each[0] not in keys]
            subscriber.parts.clear()
            subscriber.parts.extend(kept)

    def _move(self, subscriber: Subscriber, channels: frozenset[ChannelKey]) -> None:
        """Put a subscriber into the group of ``channels``; empty: into none."""
        old = subscriber.group
        if old is not None:
            if old.channels == channels:
                # frames that were made before must not follow those that it is sent now
                self._fan_out.leave(old, subscriber)
                self._fan_out.join(old, subscriber)
                return
            self._fan_out.leave(old, subscriber)
            subscriber.group = None
        if channels:
            group = self._groups.get(channels)
            if group is None:
                group = self._groups[channels] = Group(channels)
                for key in channels:
                    self._channel(key).groups.add(group)
            self._fan_out.join(group, subscriber)
            subscriber.group = group
        if old is not None and not old.members:
            self._drop(old)

    def _channel(self, key: ChannelKey) -> Channel:
        channel = self._channels.get(key)
        if channel is None:
            channel = self._channels[key] = Channel(key, self.sequence)
            self._by_instrument.setdefault(key.instrument, []).append(channel)
            if key.kind is ChannelKind.KLINE:
                self._begin_candle(key)
        return channel

    def _drop(self, group: Group) -> None:
        del self._groups[group.channels]
        for key in group.channels:
            channel = self._channels[key]
            channel.groups.discard(group)
            if not channel.groups:
                del self._channels[key]
                self._due.pop(channel, None)
                self._candles.pop(key, None)
                others = self._by_instrument[key.instrument]
                others.remove(channel)
                if not others:
                    del self._by_instrument[key.instrument]

    # --- ticks ------------------------------------------------------------------------------------

    def publish(self) -> None:
        """The models have applied a batch: send the changes, now or when the tick is due."""
        self._changed = True
        now_s = asyncio.get_running_loop().time()
        if now_s >= self._not_before_s:
            self._tick()
        else:
            self._tick_at(self._not_before_s)

    def _tick_at(self, when_s: float) -> None:
        timer = self._tick_timer
        if timer is not None:
            if timer.when() <= when_s:
                return
            timer.cancel()
        self._tick_timer = asyncio.get_running_loop().call_at(when_s, self._tick)

    def _tick(self) -> None:
        """Make and send the frames of everything that has happened or is due."""
        loop = asyncio.get_running_loop()
        if self._tick_timer is not None:
            self._tick_timer.cancel()
            self._tick_timer = None
        now_s = loop.time()
        if self._changed:
            self._changed = False
            for change in self.market.take_changes(self._by_instrument):
                for channel in self._by_instrument[change.instrument]:
                    frames = self._event_frames(channel, change)
                    count = len(change.trade_words) if channel.is_trades else 1
                    self._add(channel, frames, count)
            self._fan_out.sequence = self.market.next_event - 1
        next_s = self._add_due(now_s)
        if self._laggards:
            self._look_after_laggards(now_s)
            parts = any(each.parts for each in self._laggards)
            wait_ms = self.parameters.tick_ms if parts else self.parameters.depth_interval_ms
            next_s = min(next_s, now_s + wait_ms * MS)
        self._fan_out.work()
        self._not_before_s = loop.time() + self.parameters.tick_ms * MS
        if next_s != float("inf"):
            self._tick_at(max(next_s, self._not_before_s))

    def _add(self, channel: Channel, frames: bytes, count: int = 1) -> None:
        if frames:
            for group in channel.groups:
                self._fan_out.add(group, frames, count)

    def _event_frames(self, channel: Channel, change: Change) -> bytes:
        """The frames that ``change`` causes in ``channel``; or none, and its state becomes due."""
        kind = channel.key.kind
        if kind is ChannelKind.TRADE:
            words = change.trade_words
            return self.frames.trades(change.instrument, words) if len(words) else b""
        if kind is ChannelKind.DEPTH_DIFF:
            if not len(change.level_words):
                return b""
            first_sequence = channel.sequence + 1
            channel.sequence = change.last_sequence
            channel.recent.add(first_sequence, change)
            if len(change.level_words) > 2 * PART_LEVELS:
                # more than one message may have
                return b"".join(self.frames.depth_snapshot(change.instrument, channel.sequence))
            return self.frames.depth_diff(change, first_sequence)
        if kind is ChannelKind.DEPTH:
            if len(change.level_words):
                self._due[channel] = None
        elif kind is ChannelKind.TICKER:
            if change.ticker_changed or change.state_changed or len(change.level_words):
                self._due[channel] = None
        elif kind is ChannelKind.KLINE:
            return self._candle_changed(channel, change)
        return b""

    def _add_due(self, now_s: float) -> float:
        """Add the states that may be sent by now. Returns when the next ones may be."""
        next_s = float("inf")
        if not self._due:
            return next_s
        for channel in list(self._due):
            if channel.next_s > now_s:
                next_s = min(next_s, channel.next_s)
                continue
            del self._due[channel]
            shown = self.frames.shown(channel.key)
            if shown == channel.shown:
                continue  # a level far from the best has changed, or one has changed back
            channel.shown = shown
            channel.next_s = now_s + self._intervals_s[channel.key.kind]
            made = self.frames.present(channel.key, now_ms=self.clock_ms())
            self._add(channel, made)
        return next_s

    # --- candles ----------------------------------------------------------------------------------

    def _begin_candle(self, key: ChannelKey) -> None:
        kline = self.frames.newest_kline(key.instrument, key.variant)
        if kline is not None and not self._ended(key, kline):
            self._candles[key] = kline

    def _candle_changed(self, channel: Channel, change: Change) -> bytes:
        key = channel.key
        ended = [
            self.frames.kline(change.instrument, key.variant, kline, closed=True)
            for kline in change.closed_klines.get(key.variant, ())
        ]
        kline = change.klines.get(key.variant)
        if kline is not None:
            self._candles[key] = kline
            self._due[channel] = None
        return b"".join(ended)

    def _ended(self, key: ChannelKey, kline: Kline) -> bool:
        end_ns = kline.start_ns + INTERVALS[key.variant]
        now_ms = self.clock_ms() - self.parameters.kline_grace_ms
        return end_ns <= now_ms * NANOSECONDS_PER_MS

    def _close_candles(self) -> None:
        """Report as closed the candles whose time is over without a further trade."""
        if not self._candles:
            return
        self.settle()
        for key, kline in list(self._candles.items()):
            if self._ended(key, kline):
                del self._candles[key]
                channel = self._channels[key]
                self._due.pop(channel, None)
                made = self.frames.kline(key.instrument, key.variant, kline, closed=True)
                self._add(channel, made)
        self._fan_out.work()

    # --- sending ----------------------------------------------------------------------------------

    def _lag(self, subscriber: Subscriber, sent_sequence: int) -> None:
        subscriber.lagging_since_s = asyncio.get_running_loop().time()
        subscriber.sent_sequence = sent_sequence
        self._laggards.add(subscriber)

    def _look_after_laggards(self, now_s: float) -> None:
        """Send laggards that have read enough the present state; close those that are too slow."""
        enough = self.parameters.soft_buffer_bytes // 2
        for subscriber in list(self._laggards):
            assert subscriber.lagging_since_s is not None
            if subscriber.closing:
                self._laggards.discard(subscriber)
            elif subscriber.unsent_bytes() <= enough and subscriber.parts:
                while subscriber.parts and subscriber.unsent_bytes() <= enough:
                    subscriber.write(subscriber.parts.popleft()[1])
                subscriber.lagging_since_s = now_s  # it reads
            elif subscriber.unsent_bytes() <= enough:
                self._laggards.discard(subscriber)
                if subscriber.group is not None:
                    self._fan_out.skip(subscriber.group, subscriber)  # it gets that below
                subscriber.lagging_since_s = None
                unsent_bytes = self._catch_up(subscriber)
                if (
                    unsent_bytes > self.parameters.soft_buffer_bytes
                    and subscriber.lagging_since_s is None
                ):
                    self._lag(subscriber, self.sequence)
            elif now_s - subscriber.lagging_since_s > self.parameters.slow_seconds:
                subscriber.close(
                    CloseCode.TOO_SLOW,
                    f"too slow: more than {self.parameters.soft_buffer_bytes} bytes unread "
                    f"for {self.parameters.slow_seconds:g} s",
                )

    def _catch_up(self, subscriber: Subscriber) -> int:
        """Send what a subscriber missed while it lagged. Returns what is unsent then."""
        since = subscriber.sent_sequence
        keys = sorted_keys(subscriber.channels)
        return subscriber.write(b"".join([self._missed(subscriber, key, since) for key in keys]))

    def _missed(self, subscriber: Subscriber, key: ChannelKey, since: int) -> bytes:
        """The frames of ``key`` for a subscriber that has been sent all up to event ``since``."""
        if key.kind is ChannelKind.DEPTH_DIFF:
            channel = self._channels[key]
            missed = channel.recent.since(max(since, subscriber.begun.get(key, 0)))
            if missed is not None:
                sequences, levels = missed
                return self.frames.levels_diff(key.instrument, sequences, levels) if levels else b""
        return self.present(subscriber, key, since)

    # --- heartbeats -------------------------------------------------------------------------------

    def _schedule_heartbeat(self) -> None:
        interval_s = self.parameters.heartbeat_ms * MS / HEARTBEAT_SLICES
        self._heartbeat_timer = asyncio.get_running_loop().call_later(interval_s, self._heartbeat)

    def _heartbeat(self) -> None:
        """One slice of the subscribers: a heartbeat; a ping, or the end, for those long silent."""
        self._schedule_heartbeat()
        if self._next_slice == 0:
            self._close_candles()
            for function in self._every_second:
                function()
        members = self._slices[self._next_slice]
        self._next_slice = (self._next_slice + 1) % HEARTBEAT_SLICES
        if not members:
            return
        now_s = asyncio.get_running_loop().time()
        parameters = self.parameters
        now_ms = self.clock_ms()
        beats: dict[int, bytes] = {}
        for subscriber in members:
            if subscriber.lagging_since_s is None:
                sequence = max(self._fan_out.told(subscriber.group), subscriber.told_sequence)
                beat = beats.get(sequence)
                if beat is None:
                    beat = frame(messages.Heartbeat(timestamp=now_ms, sequence=sequence))
                    beats[sequence] = beat
                subscriber.write(beat)
            silent_s = now_s - subscriber.heard_s
            if silent_s > parameters.silence_seconds:
                subscriber.close(
                    CloseCode.SILENT, f"no answer for {parameters.silence_seconds:g} s"
                )
            elif silent_s > parameters.ping_seconds and not subscriber.pinged:
                subscriber.pinged = True
                subscriber.write(ping_frame())


def sorted_keys(keys: Iterable[ChannelKey]) -> list[ChannelKey]:
    """Channels in an order that does not depend on hashes."""
    return sorted(keys, key=lambda key: (key.instrument, key.kind.value, key.variant))
