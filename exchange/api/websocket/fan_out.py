"""Frames to groups of subscribers: joined, and written once to each socket, a bounded part a time.

Who uses it: the hub puts frames in; they go out in the order in which groups first had any. What is
put in while a group waits for its turn joins what it has, so the longer a round over all sockets
takes, the more frames a write has, and nobody waits longer than a round. After SLICE_S the event
loop does everything else once. Who joins a group gets what is put in from then on, who leaves it is
owed what was put in before: neither costs the other members a write.

Where nothing waits in a transport's buffer the bytes go straight to the socket, by a jitted loop of
send(2) over the descriptors of many members; what a socket does not take goes to its transport,
and so does everything after it until that is written. So the order is the transport's, whichever
way the bytes go.

Decision API-3.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import numpy as np

from exchange.api.websocket.fan_out_send import compile_sending, send_to_each
from exchange.api.websocket.subscriber import Group, Subscriber

SLICE_S = 0.001
MEMBERS_AT_ONCE = 128


class _Round:
    """A group's frames on their way to its members; ``at``: the first that has not got them.

    ``sequence``: the newest event that they, or frames before them, tell of. ``skips``: members
    that are not to get the first so many bytes; ``left``: those that are to get nothing any more.
    """

    __slots__ = (
        "at",
        "descriptors",
        "group",
        "left",
        "members",
        "payload",
        "sequence",
        "skips",
    )

    def __init__(self, group: Group, sequence: int) -> None:
        parts = group.parts
        self.group = group
        self.sequence = sequence
        self.payload = parts[0] if len(parts) == 1 else b"".join(parts)
        self.members, self.descriptors = group.members_now()
        self.skips, group.skips = group.skips, {}
        self.left: set[Subscriber] = set()
        self.at = 0

    def awaits(self, subscriber: Subscriber) -> bool:
        """Whether it is a member that has not got them."""
        return subscriber not in self.left and subscriber in self.members[self.at :]


class FanOut:
    """``lag``: told of each subscriber that has more than ``soft_bytes`` unsent, and up to which
    event it has been told. ``count``: told how many frames were sent. ``sequence``: the newest
    event whose frames have been put in; whoever puts frames in sets it afterwards.
    """

    def __init__(
        self,
        soft_bytes: int,
        *,
        sequence: int,
        lag: Callable[[Subscriber, int], None],
        count: Callable[[int], None],
    ) -> None:
        compile_sending()
        self.sequence = sequence
        self._soft_bytes = soft_bytes
        self._lag = lag
        self._count = count
        self._queue: deque[Group] = deque()
        self._round: _Round | None = None
        self._scheduled: asyncio.Handle | None = None
        self._sent = np.zeros(MEMBERS_AT_ONCE, np.int64)

    def add(self, group: Group, frames: bytes, count: int) -> None:
        """Put whole frames in, for those who are members now; ``work`` sends them."""
        if not group.parts:
            self._queue.append(group)
            if self._round is None or self._round.group is not group:
                group.told_sequence = self.sequence
        group.parts.append(frames)
        group.part_bytes += len(frames)
        group.frames += count

    def told(self, group: Group | None) -> int:
        """The newest event up to which all members of a group have been sent everything."""
        if group is None:
            return self.sequence
        under_way = self._round is not None and self._round.group is group
        return group.told_sequence if under_way or group.parts else self.sequence

    def join(self, group: Group, subscriber: Subscriber) -> None:
        """Make it a member: it gets what is put in from now on."""
        if group.parts:
            group.skips[subscriber] = group.part_bytes
        group.add(subscriber)
        subscriber.told_sequence = self.sequence

    def leave(self, group: Group, subscriber: Subscriber) -> None:
        """It is no member any more, and gets at once what was put in before."""
        owed = []
        if self._round is not None and self._round.group is group:
            if self._round.awaits(subscriber):
                owed.append(self._round.payload[self._round.skips.get(subscriber, 0) :])
            self._round.left.add(subscriber)
        if group.parts:
            owed.append(b"".join(group.parts)[group.skips.get(subscriber, 0) :])
        group.discard(subscriber)
        if owed and subscriber.lagging_since_s is None:
            self._write(subscriber, b"".join(owed), self.sequence)

    def skip(self, group: Group, subscriber: Subscriber) -> None:
        """It gets nothing of what is there by now: it has been told otherwise."""
        if self._round is not None and self._round.group is group:
            self._round.left.add(subscriber)
        if group.parts:
            group.skips[subscriber] = group.part_bytes
        subscriber.told_sequence = self.sequence

    def work(self) -> None:
        """Send for SLICE_S, and go on later with what is left."""
        loop = asyncio.get_running_loop()
        if self._scheduled is not None:
            self._scheduled.cancel()
            self._scheduled = None
        end_s = loop.time() + SLICE_S
        while self._round is not None or self._queue:
            if self._round is None:
                self._begin(self._queue.popleft())
            self._send_to(MEMBERS_AT_ONCE)
            if loop.time() >= end_s:
                break
        if self._round is not None or self._queue:
            self._scheduled = loop.call_soon(self.work)

    def finish(self) -> None:
        """Send all that there is."""
        if self._scheduled is not None:
            self._scheduled.cancel()
            self._scheduled = None
        while self._round is not None or self._queue:
            if self._round is None:
                self._begin(self._queue.popleft())
            self._send_to(MEMBERS_AT_ONCE)

    def _begin(self, group: Group) -> None:
        self._round = _Round(group, self.sequence)
        self._count(group.frames * len(group.members))
        group.parts, group.frames, group.part_bytes = [], 0, 0

    def _send_to(self, count: int) -> None:
        """Write the round's frames to its next ``count`` members; at its end it is over."""
        current = self._round
        assert current is not None
        end = min(len(current.members), current.at + count)
        while current.at < end:
            first = current.at
            current.at = min(end, first + MEMBERS_AT_ONCE)
            self._send(current, first, current.at)
        if current.at == len(current.members):
            current.group.told_sequence = current.sequence
            self._round = None

    def _send(self, current: _Round, first: int, end: int) -> None:
        payload = current.payload
        members = current.members[first:end]
        descriptors = current.descriptors[first:end]
        apart = [place for place, member in enumerate(members) if not member.is_clear()]
        if current.skips or current.left:
            apart += [
                place
                for place, member in enumerate(members)
                if member in current.skips or member in current.left
            ]
        if apart:
            descriptors = descriptors.copy()
            descriptors[apart] = -1
        sent = self._sent
        address = np.frombuffer(payload, np.uint8).ctypes.data
        send_to_each(descriptors, address, len(payload), sent)
        for place in np.flatnonzero(sent[: len(members)] < len(payload)).tolist():
            member = members[place]
            if member.lagging_since_s is None and member not in current.left:
                done = max(0, int(sent[place]), current.skips.get(member, 0))
                self._write(member, payload[done:], current.sequence)

    def _write(self, member: Subscriber, frames: bytes, sequence: int) -> None:
        """By its transport; ``sequence``: the newest event up to which it has been told then."""
        if member.write(frames) > self._soft_bytes:
            self._lag(member, sequence)
