"""Sends frames to groups of subscribers: joined, and written once to each socket, in short slices.

Who uses it: the hub adds frames; groups are served in the order in which they first had any. Frames
that are added while a group waits for its turn are joined to those that it has. So the longer a
round over all sockets takes, the more frames each write carries, and no subscriber waits longer
than a round. After SLICE_S the event loop does everything else once. A subscriber that joins a
group gets the frames that are added from then on; one that leaves gets at once those that were
added before. Neither costs the other members a write.

While a transport's buffer is empty, the bytes go straight to the socket, by a jitted loop of
send(2) over the descriptors of many members. What a socket does not take goes to its transport, and
so does everything after it until the transport is empty again. So all bytes keep their order.

Decision API-3.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import numpy as np

from exchange.api.websocket.fan_out_send import send_to_each
from exchange.api.websocket.subscriber import Group, Subscriber

SLICE_S = 0.001
MEMBERS_AT_ONCE = 128


def compile_sending() -> None:
    """Compile the loop of sends, or load its compiled code, before anybody waits for it."""
    send_to_each(np.zeros(0, np.int64), 0, 0, np.zeros(0, np.int64))


class _Round:
    """A group's frames on their way to its members. ``at``: index of the next member to get them.

    ``sequence``: the newest event that these frames, or frames before them, tell of. ``skips``: how
    many bytes at the front are not for a member; ``left``: members that get nothing any more.
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
        """Whether ``subscriber`` is a member that has not got the frames yet."""
        return subscriber not in self.left and subscriber in self.members[self.at :]


class FanOut:
    """``lag`` is called with each subscriber that has more than ``soft_bytes`` unsent and the
    newest event that it was told of; ``count`` with how many frames were sent. ``sequence``: the
    newest event whose frames have been added; whoever adds frames sets it afterwards.
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
        """Add whole frames for the present members of ``group``; ``work`` sends them."""
        if not group.parts:
            self._queue.append(group)
            if self._round is None or self._round.group is not group:
                group.told_sequence = self.sequence
        group.parts.append(frames)
        group.part_bytes += len(frames)
        group.frames += count

    def told(self, group: Group | None) -> int:
        """The newest event up to which all members of ``group`` have been sent everything."""
        if group is None:
            return self.sequence
        under_way = self._round is not None and self._round.group is group
        return group.told_sequence if under_way or group.parts else self.sequence

    def join(self, group: Group, subscriber: Subscriber) -> None:
        """Make ``subscriber`` a member: it gets the frames that are added from now on."""
        if group.parts:
            group.skips[subscriber] = group.part_bytes
        group.add(subscriber)
        subscriber.told_sequence = self.sequence

    def leave(self, group: Group, subscriber: Subscriber) -> None:
        """End the membership; ``subscriber`` gets at once the frames that were added before."""
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
        """Send ``subscriber`` none of the frames added so far: it has been told them already."""
        if self._round is not None and self._round.group is group:
            self._round.left.add(subscriber)
        if group.parts:
            group.skips[subscriber] = group.part_bytes
        subscriber.told_sequence = self.sequence

    def work(self) -> None:
        """Send for SLICE_S, and schedule the rest."""
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
        """Send everything now."""
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
        """Write the round's frames to its next ``count`` members; end the round after the last."""
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
        """Write through the transport. ``sequence``: the newest event that ``frames`` tell of."""
        if member.write(frames) > self._soft_bytes:
            self._lag(member, sequence)
