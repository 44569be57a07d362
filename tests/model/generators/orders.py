"""Seeded command streams: several instruments and sessions, all kinds, valid and malformed.

A stream is made in chunks with numpy, not command by command, so that it costs little beside the
exchange under test. Order tokens are numbered by *creators*: the ENTERs and REPLACEs of the stream.
Creator number c belongs to the session SESSION_OF_CREATOR[c % 8], so a REPLACE by creator c may
target any earlier creator c - 8·d, and CANCEL and MODIFY any creator at all, without anybody
remembering what is live: many of them hit, some miss, as in life.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from exchange.codes import (
    FLAG_LONG,
    FLAG_MODIFY_ENDS,
    FLAG_WIRE_PRICE,
    OPTION_AMEND,
    OPTION_REPRICE,
    CommandKind,
    OrderType,
)
from exchange.records import COMMAND, ORDER_CONTINUATION
from tests.model.generators.control import (
    INSTRUMENTS,
    INT64_MAXIMUM,
    INT64_MINIMUM,
    SECOND_NS,
    START_NS,
    ControlCommands,
    day_command,
    opening_commands,
)
from tests.model.naive.command import Capacities

SESSION_OF_CREATOR = np.array([1, 2, 3, 4, 5, 1, 2, 7])
UNDEFINED_SESSIONS = np.array([0, 9, 30, 65_535])


UNDEFINED_INSTRUMENTS = np.array([0, 6, 63, 64, 65_535])


class Profile(NamedTuple):
    """Relative weights of the command kinds and shares of the order types in a chunk."""

    enter: float
    cancel: float
    replace: float
    modify: float
    by_order_id: float  # CANCEL_, REPLACE_ and MODIFY_BY_ORDER_ID
    timer: float
    control: float
    crossing: float  # share of quotes priced through the middle
    malformed: float
    reach: float  # mean age of a targeted creator, in creators


PROFILES = (
    Profile(50, 24, 14, 8, 4, 0.3, 2.0, 0.06, 0.03, 100.0),
    Profile(70, 10, 10, 6, 2, 0.2, 1.0, 0.02, 0.01, 300.0),  # books fill up
    Profile(40, 10, 15, 10, 5, 1.0, 3.0, 0.35, 0.05, 40.0),  # much trading
    Profile(25, 30, 20, 10, 10, 0.5, 2.0, 0.05, 0.02, 1_000.0),  # books empty
    Profile(45, 20, 20, 8, 5, 1.0, 6.0, 0.15, 0.30, 60.0),  # much nonsense
)


class Episode(NamedTuple):
    """Capacities and habits of one run from an empty exchange."""

    capacities: Capacities
    day_commands: int  # commands from one END_OF_DAY to the next


EPISODES = (
    Episode(Capacities(instruments=64, sessions=32, orders=1 << 15, tokens=1 << 17), 40_000),
    Episode(Capacities(64, 32, 150, 1 << 17, positions=24), 25_000),
    Episode(Capacities(instruments=64, sessions=32, orders=1 << 14, tokens=5_000), 12_000),
    Episode(Capacities(instruments=64, sessions=32, orders=1 << 16, tokens=1 << 18), 150_000),
)

_CONTROL = 255
_KINDS = np.array(
    [
        CommandKind.ENTER,
        CommandKind.CANCEL,
        CommandKind.REPLACE,
        CommandKind.MODIFY,
        0,  # by order id, and control: refined below
        CommandKind.TIMER,
        _CONTROL,
    ]
)
_BY_ORDER_ID = np.array(
    [
        CommandKind.CANCEL_BY_ORDER_ID,
        CommandKind.REPLACE_BY_ORDER_ID,
        CommandKind.MODIFY_BY_ORDER_ID,
    ]
)


class Generator:
    """An endless stream of COMMAND slots; ``chunks`` yields them in whole commands."""

    def __init__(self, seed: int, episode: Episode) -> None:
        self.random = np.random.default_rng(seed)
        self.control = ControlCommands(self.random)
        self.episode = episode
        self.now_ns = START_NS
        self.next_sequence = 0
        self.creators = 0
        self.commands = 0  # made so far, night and opening included
        # sequence of every creator so far, for CANCEL_BY_ORDER_ID
        self.creator_sequences = np.zeros(1 << 12, np.int64)
        self.day = 0
        self.commands_today = 0
        self.middles = {s.instrument: float(s.middle) for s in INSTRUMENTS}

    def chunks(self, commands: int, chunk_commands: int = 8_192) -> Iterator[np.ndarray]:
        """Yield COMMAND arrays with together at least ``commands`` commands."""
        yield self._count(opening_commands(self.now_ns))
        made = 0
        while made < commands:
            count = min(chunk_commands, commands - made)
            profile = PROFILES[self.random.integers(len(PROFILES))]
            yield self._count(self._chunk(profile, count))
            made += count
            self.commands_today += count
            if self.commands_today >= self.episode.day_commands:
                self.commands_today = 0
                yield self._count(self._night(profile))

    def _count(self, slots: np.ndarray) -> np.ndarray:
        self.next_sequence += len(slots)
        self.commands += len(slots) - int(np.count_nonzero(slots["flags"] & FLAG_LONG))
        return slots

    def _night(self, profile: Profile) -> np.ndarray:
        """End of day, commands that come too late, new fees, the next morning."""
        end = day_command(CommandKind.END_OF_DAY, self.now_ns, 0)
        end["quantity"] = self.random.integers(2)  # whether auctions find their prices first
        first = self.next_sequence
        self.next_sequence += 1
        late = self._chunk(profile, 100)
        self.next_sequence = first
        self.now_ns += int(self.random.integers(1, 50_000)) * SECOND_NS
        self.day += 1
        self.control.day = self.day
        again = day_command(CommandKind.END_OF_DAY, self.now_ns, 0)  # mostly refused
        settings = [*self.control.settings_of_the_night(), *self.control.morning_auctions()]
        for slots in settings:
            slots["timestamp_ns"][0] = self.now_ns
        start = day_command(CommandKind.START_OF_DAY, self.now_ns, self.day)
        return np.concatenate([end, late, again, *settings, start])

    def _chunk(self, profile: Profile, count: int) -> np.ndarray:
        random = self.random
        weights = np.array(profile[:7])
        kind = random.choice(_KINDS, count, p=weights / weights.sum())
        control = kind == _CONTROL
        by_id = kind == 0
        kind[by_id] = random.choice(_BY_ORDER_ID, int(by_id.sum()), p=[0.5, 0.3, 0.2])
        rows = np.zeros(count, COMMAND)
        rows["kind"] = kind
        self._times(rows)
        is_replace = (kind == CommandKind.REPLACE) | (kind == CommandKind.REPLACE_BY_ORDER_ID)
        creates = (kind == CommandKind.ENTER) | is_replace
        creator = self.creators + np.cumsum(creates) - creates  # for a creator: its number
        self.creators += int(creates.sum())
        target = self._targets(profile, creator, count)
        owner = np.where(kind == CommandKind.ENTER, creator, target)
        rows["session"] = SESSION_OF_CREATOR[owner % 8]
        self._other_hands(rows)
        token = token_bytes(owner)
        replacement = token_bytes(creator)
        reuse = random.random(count) < 0.01
        again = np.maximum(creator - 8 * random.integers(1, 50, count), creator % 8)
        token[reuse & (kind == CommandKind.ENTER)] = token_bytes(again)[
            reuse & (kind == CommandKind.ENTER)
        ]
        replacement[reuse] = token_bytes(again)[reuse]
        terms = np.zeros(count, ORDER_CONTINUATION)
        is_long = self._quotes(rows, terms, profile) & creates | is_replace
        self._malform(rows, terms, token, replacement, profile)
        terms["options"][is_replace & (creator // 8 % 3 == 0)] |= OPTION_AMEND
        wire_price = self._wire_prices(rows, is_replace & (creator // 8 % 4 == 0), creator)
        rows.view(np.uint8).reshape(count, 64)[:, 24:38] = token
        terms_bytes = terms.view(np.uint8).reshape(count, 64)
        terms_bytes[is_replace, 24:38] = replacement[is_replace]
        rows["flags"][is_long] = FLAG_LONG
        rows["flags"][wire_price] |= FLAG_WIRE_PRICE
        modifies = (kind == CommandKind.MODIFY) | (kind == CommandKind.MODIFY_BY_ORDER_ID)
        rows["flags"][modifies & (creator % 2 == 0)] |= FLAG_MODIFY_ENDS
        control_slots: dict[int, np.ndarray] = {}
        reviewed: dict[int, int] = {}
        for i in np.nonzero(control)[0]:
            self.control.now_ns = int(rows["timestamp_ns"][i])
            control_slots[int(i)] = self.control.command()
            if control_slots[int(i)]["kind"][0] == CommandKind.REVIEW:
                reviewed[int(i)] = self._reviewed(rows, int(i))
        sizes = 1 + is_long.astype(np.int64)
        for i, slots in control_slots.items():
            slots["timestamp_ns"][0] = rows["timestamp_ns"][i]
            sizes[i] = len(slots)
        positions = np.cumsum(sizes) - sizes
        self._remember(positions[creates] + self.next_sequence)
        order_ids = self.creator_sequences[target]
        rows["price"][by_id & ~is_replace] = order_ids[by_id & ~is_replace]
        terms["order_id"][by_id & is_replace] = order_ids[by_id & is_replace]
        out = np.zeros(int(sizes.sum()), COMMAND)
        out[positions] = rows
        out.view(ORDER_CONTINUATION)[positions[is_long] + 1] = terms[is_long]
        for i, slots in control_slots.items():
            out[positions[i] : positions[i] + len(slots)] = slots
        for i, row in reviewed.items():
            out["price"][positions[i]] = positions[row] + self.next_sequence
        return out

    def _other_hands(self, rows: np.ndarray) -> None:
        """Cancels by order id from the operator (session 0) and from other sessions."""
        random, count = self.random, len(rows)
        cancels = rows["kind"] == CommandKind.CANCEL_BY_ORDER_ID
        rows["session"][cancels & (random.random(count) < 0.3)] = 0
        others = (rows["kind"] >= CommandKind.CANCEL_BY_ORDER_ID) & (random.random(count) < 0.1)
        rows["session"][others] = random.choice(SESSION_OF_CREATOR, int(others.sum()))

    def _reviewed(self, rows: np.ndarray, i: int) -> int:
        """The row before row ``i`` that a REVIEW there names: one that may be held, if any."""
        first = max(0, i - 300)
        before = rows[first:i]
        values = before["price"].astype(float) * before["quantity"]
        limits = np.full(len(before), np.inf)
        for instrument, value in self.control.review_values.items():
            limits[before["instrument"] == instrument] = value
        held = np.flatnonzero((values > limits) & (before["kind"] == CommandKind.ENTER))
        # what may no longer enter the market when it is released
        picky = (before["display"] == ord("P")) | (before["minimum_quantity"] > 0)
        if picky[held].any() and self.random.random() < 0.9:
            held = held[picky[held]]
        return first + int(self.random.choice(held)) if len(held) else first

    def _wire_prices(self, rows: np.ndarray, wanted: np.ndarray, creator: np.ndarray) -> np.ndarray:
        """Let the price of ``wanted`` count 1/10,000 where it fits in the wire's 31 bits."""
        factors = np.array([1, 100, 10_000])[creator // 32 % 3]
        scaled = np.clip(rows["price"], -1, 1 << 31) * factors
        fits = wanted & (scaled >= 0) & (scaled < 0x7FFF_FFFF)
        rows["price"][fits] = scaled[fits]
        return fits

    def _remember(self, sequences: np.ndarray) -> None:
        first = self.creators - len(sequences)
        while self.creators > len(self.creator_sequences):
            self.creator_sequences = np.concatenate(
                [self.creator_sequences, np.zeros_like(self.creator_sequences)]
            )
        self.creator_sequences[first : self.creators] = sequences

    def _times(self, rows: np.ndarray) -> None:
        steps = self.random.exponential(2e5, len(rows)).astype(np.int64)
        steps[self.random.random(len(rows)) < 0.1] = 0
        jumps = self.random.random(len(rows)) < 0.001
        steps[jumps] = self.random.integers(1, 40, int(jumps.sum())) * SECOND_NS
        times = self.now_ns + np.cumsum(steps)
        # full seconds on the dot: the edge of good-till-time
        even = self.random.random(len(rows)) < 0.002
        times[even] = -(-times[even] // SECOND_NS) * SECOND_NS
        rows["timestamp_ns"] = np.maximum.accumulate(times)
        self.now_ns = int(rows["timestamp_ns"][-1])

    def _targets(self, profile: Profile, creator: np.ndarray, count: int) -> np.ndarray:
        """An earlier creator of the same session as ``creator``, mostly a recent one."""
        age = self.random.exponential(profile.reach / 8, count).astype(np.int64) + 1
        target = creator - 8 * age
        return np.where(target >= 0, target, creator % 8)

    # long: one column after another, each drawn for all rows at once
    def _quotes(self, rows: np.ndarray, terms: np.ndarray, profile: Profile) -> np.ndarray:
        """Fill in what orders are made of; which rows need ``terms``, their second slot."""
        random, count = self.random, len(rows)
        which = random.choice(
            len(INSTRUMENTS), count, p=np.array([0.35, 0.2, 0.25, 0.1, 0.05, 0.05])
        )
        side = random.choice(4, count, p=[0.5, 0.35, 0.1, 0.05])
        rows["side"] = side
        sign = np.where(side == 0, -1.0, 1.0)
        distance = random.exponential(1.0, count)
        crossing = random.random(count) < profile.crossing
        distance = np.where(crossing, -0.5 * distance, distance)
        lots = np.ceil(random.pareto(1.5, count) * 3 + 1e-9).astype(np.int64)
        for k, specification in enumerate(INSTRUMENTS):
            mine = which == k
            number = int(mine.sum())
            if not number:
                continue
            middle = self.middles[specification.instrument]
            walk = middle + np.cumsum(random.normal(0, specification.width * 0.015, number))
            gap = random.random() < 0.1
            if gap:
                walk += specification.width * random.normal() * 10
            low = specification.minimum_price // specification.tick
            high = specification.maximum_price // specification.tick
            walk = np.clip(walk, low, high)
            self.middles[specification.instrument] = float(
                np.clip(walk[-1], low + 2, high - 2) * 0.9 + specification.middle * 0.1
            )
            ticks = np.rint(walk + sign[mine] * distance[mine] * specification.width)
            ticks = np.clip(ticks, low, high).astype(np.int64)
            rows["price"][mine] = ticks * specification.tick
            # a stop lies on the other side of the middle
            away = 2 * random.exponential(1.0, number) * specification.width
            ticks = np.clip(np.rint(walk - sign[mine] * away), low, high).astype(np.int64)
            terms["stop_price"][mine] = ticks * specification.tick
            parts = random.integers(1, 20, number)
            terms["display_quantity"][mine] = -(-lots[mine] // parts) * specification.lot
            rows["instrument"][mine] = specification.instrument
            rows["quantity"][mine] = lots[mine] * specification.lot
            limit = specification.maximum_quantity // specification.lot * specification.lot
            huge = mine & (random.random(count) < 0.003)
            rows["quantity"][huge] = limit
            rows["quantity"][mine] = np.minimum(rows["quantity"][mine], limit)
        shape = random.random(count)
        rows["time_in_force"] = np.where(shape < 0.5, 99_998, 99_999)
        immediate = shape < 0.10
        rows["time_in_force"][immediate] = 0
        timed = (shape >= 0.10) & (shape < 0.25)
        rows["time_in_force"][timed] = random.integers(1, 40, int(timed.sum()))
        rows["time_in_force"][shape > 0.999] = 99_997
        market = random.random(count) < 0.03
        rows["order_type"][market] = OrderType.MARKET
        rows["price"][market] = 0
        minimum = immediate & (random.random(count) < 0.5)
        share = np.minimum(rows["quantity"], (1 << 32) - 1) * random.random(count)
        rows["minimum_quantity"][minimum] = np.ceil(share[minimum]).astype(np.uint32)
        all_or_none = immediate & (random.random(count) < 0.2)
        rows["minimum_quantity"][all_or_none] = np.minimum(
            rows["quantity"][all_or_none], (1 << 32) - 1
        )
        rows["firm"] = random.integers(0, 1 << 32, count)
        rows["display"] = random.choice(np.frombuffer(b"YNIMWLOTQ AZ", np.uint8), count)
        post_only = random.random(count) < 0.07
        rows["display"][post_only] = ord("P")
        rows["capacity"] = random.choice(np.frombuffer(b"APRO", np.uint8), count)
        rows["intermarket_sweep"] = random.choice(np.frombuffer(b"YN", np.uint8), count)
        rows["cross_type"] = random.choice(np.frombuffer(b"N ", np.uint8), count)
        rows["customer_type"] = random.choice(np.frombuffer(b"RN ", np.uint8), count)
        self._totals(rows)
        return self._terms(rows, terms)

    def _terms(self, rows: np.ndarray, terms: np.ndarray) -> np.ndarray:
        """Make some orders stops, icebergs, or post-only orders that may move their price."""
        random, count = self.random, len(rows)
        shape = random.random(count)
        stop = shape < 0.06
        rows["minimum_quantity"][stop] = 0
        rows["display"][stop & (rows["display"] == ord("P"))] = ord("Y")
        market = rows["order_type"] == OrderType.MARKET
        rows["order_type"][stop] = OrderType.STOP_LIMIT
        rows["order_type"][stop & (market | (shape < 0.025))] = OrderType.STOP
        rows["price"][rows["order_type"] == OrderType.STOP] = 0
        # mostly a limit that lets it trade once it is triggered
        near = (rows["order_type"] == OrderType.STOP_LIMIT) & (shape < 0.05)
        rows["price"][near] = terms["stop_price"][near]
        terms["stop_price"][~stop & (random.random(count) < 0.9)] = 0
        iceberg = (shape > 0.055) & (shape < 0.13)
        iceberg &= (rows["order_type"] != OrderType.MARKET) & (rows["order_type"] != OrderType.STOP)
        rows["time_in_force"][iceberg & (rows["time_in_force"] == 0)] = 99_999
        rows["minimum_quantity"][iceberg] = 0
        terms["display_quantity"][~iceberg] = 0
        reprice = random.random(count) < 0.5
        terms["options"][reprice] = OPTION_REPRICE
        return stop | iceberg | (reprice & (rows["display"] == ord("P"))) | (shape > 0.99)

    def _totals(self, rows: np.ndarray) -> None:
        """Quantities of CANCEL (mostly all of it), MODIFY and TIMER."""
        random, count = self.random, len(rows)
        kind = rows["kind"]
        cancels = (kind == CommandKind.CANCEL) | (kind == CommandKind.CANCEL_BY_ORDER_ID)
        rows["quantity"][cancels & (random.random(count) < 0.7)] = 0
        odd = random.random(count) < 0.1
        changes = cancels | (kind == CommandKind.MODIFY)
        rows["quantity"][odd & changes] += 3

    def _malform(
        self,
        rows: np.ndarray,
        terms: np.ndarray,
        token: np.ndarray,
        replacement: np.ndarray,
        profile: Profile,
    ) -> None:
        """Spoil one field of a share of the rows (kinds included, but no slot counts)."""
        random = self.random
        for i in np.nonzero(random.random(len(rows)) < profile.malformed)[0]:
            row = rows[i : i + 1]
            case = int(random.integers(22))
            if case == 0:
                row["price"] = random.choice([0, -1, -100, INT64_MINIMUM, INT64_MAXIMUM])
            elif case == 1:
                row["price"] += random.choice([1, 3, 50])
            elif case == 2:
                row["price"] = int(random.choice([1, 10**7, 1 << 47, 1 << 55])) * 100
            elif case == 3:
                row["quantity"] = random.choice([0, -1, -100, INT64_MINIMUM, INT64_MAXIMUM])
            elif case == 4:
                row["quantity"] += random.choice([1, 7])
            elif case == 5:
                row["quantity"] = random.choice([1 << 20, 1 << 40, (1 << 40) + 100, 1 << 62])
            elif case == 6:
                row["side"] = random.choice([4, 66, 255])
            elif case == 7:
                row["time_in_force"] = random.choice([100_000, 1 << 31, (1 << 32) - 1])
            elif case == 8:
                row["display"] = random.choice([0, ord("X"), ord("y"), 255])
            elif case == 9:
                row["capacity"] = random.choice([0, ord(" "), ord("a"), 255])
            elif case == 10:
                row["cross_type"] = random.choice([0, ord("O"), ord("C"), 255])
            elif case == 11:
                row["reject"] = random.choice([2, 13])
            elif case == 12:
                row["order_type"] = random.choice([1, 2, 3, 4, 255])
            elif case == 13:
                row["minimum_quantity"] = random.choice([1, 1 << 30, (1 << 32) - 1])
            elif case == 14:
                token[i, random.integers(14)] = random.choice([0, 0x1F, 0x7F, 0xFF])
            elif case == 15:
                replacement[i, random.integers(14)] = random.choice([0, 0x1F, 0x7F, 0xFF])
            elif case == 16:
                (token if random.random() < 0.5 else replacement)[i] = random.choice([0x20, 0])
            elif case == 17:
                row["instrument"] = random.choice(UNDEFINED_INSTRUMENTS)
            elif case == 18:
                row["session"] = random.choice(UNDEFINED_SESSIONS)
            elif case == 19 and random.random() < 0.5:
                row["display"] = ord("P")
                row["time_in_force"] = 0
            elif case == 20:
                terms["stop_price"][i] = random.choice([0, -5, 1, 3, 1 << 47, INT64_MINIMUM])
            elif case == 21:
                terms["display_quantity"][i] = random.choice([-1, 1, 7, 1 << 41, INT64_MAXIMUM])
            elif row["kind"][0] not in (_CONTROL, CommandKind.REPLACE):
                row["kind"] = random.choice([11, 99, 254])
        # `creates` was decided before: an ENTER that became another kind only makes later
        # commands miss their target


def token_bytes(number: np.ndarray) -> np.ndarray:
    """Tokens of creators: uint8[len(number), 14], like ``T000001234A   ``."""
    out = np.full((len(number), 14), 0x20, np.uint8)
    out[:, 0] = ord("T")
    rest = number.astype(np.int64)
    for column in range(9, 0, -1):
        out[:, column] = 0x30 + rest % 10
        rest //= 10
    out[:, 13] = 0x41 + number % 26
    return out
