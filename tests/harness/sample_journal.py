"""Small journals for the tests of the replay tool: seeded commands through the real writer."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from exchange import commands
from exchange.codes import FLAG_LONG, CommandKind, Parameter, Side
from exchange.core.capacity import EngineCapacity
from exchange.definitions.rules import InstrumentTerms
from exchange.records import COMMAND, COMMAND_LAYOUT, FLAGS_OFFSET
from exchange.recovery.archive_check import ArchiveCheck
from exchange.recovery.rebuild import RebuildResult, rebuild
from exchange.runtime.data_directory import JOURNAL_DIRECTORY, save_capacity
from journal.recovery import recover
from journal.writer import JournalWriter

SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS
MIDNIGHT_NS = 1_767_225_600 * SECOND_NS  # 2026-01-01
DAY_NUMBER = 20_260_101
OPEN_NS = MIDNIGHT_NS + 9 * 3600 * SECOND_NS
CAPACITY = EngineCapacity(
    instruments=8,
    sessions=8,
    orders=4096,
    leaves=256,
    nodes=128,
    tokens=1 << 16,
    accounts=1024,
    positions=256,
)
SYMBOLS = {1: "ALPHA", 2: "BETA"}
DECIMALS = {1: 2, 2: 4}
USERS = {1: "ANNA", 2: "BERT", 3: "CARA"}
SEGMENT_BYTES = 1 << 20
OPENING_SLOTS = 38
FEE_ACCOUNT = 500  # session s belongs to account 500 + s
CURRENCY_DECIMALS = 4
MONEY = 10**14
STOCK = 1_000_000


def word(text: str) -> int:
    return int.from_bytes(text.encode().ljust(8), "little")


def set_token(slot: np.ndarray, number: int) -> None:
    octets = f"T{number:<13d}".encode()
    slot["token_0"] = int.from_bytes(octets[:8], "little")
    slot["token_1"] = int.from_bytes(octets[8:12], "little")
    slot["token_2"] = int.from_bytes(octets[12:14], "little")


def slot(kind: int, timestamp_ns: int, **fields: int) -> np.ndarray:
    """One COMMAND slot: array of 1."""
    record = np.zeros(1, COMMAND)
    record["kind"] = kind
    record["timestamp_ns"] = timestamp_ns
    for name, value in fields.items():
        record[name] = value
    return record


def enter(
    timestamp_ns: int,
    session: int,
    number: int,
    side: int,
    price: int,
    quantity: int,
    *,
    instrument: int = 1,
    time_in_force: int = 99_998,
) -> np.ndarray:
    record = slot(
        CommandKind.ENTER,
        timestamp_ns,
        session=session,
        instrument=instrument,
        side=side,
        price=price,
        quantity=quantity,
        time_in_force=time_in_force,
        display=ord("Y"),
        capacity=ord("A"),
        cross_type=ord("N"),
        intermarket_sweep=ord("N"),
        firm=int.from_bytes(b"FIRM", "little"),
    )
    set_token(record, number)
    return record


def by_token(
    kind: int, timestamp_ns: int, session: int, number: int, quantity: int, side: int = 0
) -> np.ndarray:
    record = slot(kind, timestamp_ns, session=session, quantity=quantity, side=side)
    set_token(record, number)
    return record


def replace(
    timestamp_ns: int, session: int, number: int, replacement: int, price: int, quantity: int
) -> np.ndarray:
    record = np.zeros(2, COMMAND)
    record[:1] = slot(
        CommandKind.REPLACE,
        timestamp_ns,
        session=session,
        price=price,
        quantity=quantity,
        time_in_force=99_998,
        display=ord("Y"),
        intermarket_sweep=ord("N"),
        flags=FLAG_LONG,
    )
    set_token(record[:1], number)
    set_token(record[1:], replacement)
    return record


def opening(timestamp_ns: int = OPEN_NS) -> list[np.ndarray]:
    """A currency, two instruments, three funded accounts that may short, their sessions, a day.

    OPENING_SLOTS slots; instruments from slot 6 on, sessions from slot 10.
    """
    deposit = CommandKind.DEPOSIT
    parts = [
        commands.set_parameter(Parameter.SHORT_SALES, 0, (1, 0, 0)),
        commands.open_account(FEE_ACCOUNT),
        commands.define_currency(1, "USD", CURRENCY_DECIMALS, FEE_ACCOUNT),
    ]
    for instrument, symbol in SYMBOLS.items():
        terms = InstrumentTerms(
            symbol, 1, 1, DECIMALS[instrument], 1, 10_000_000, 1_000_000, currency=1, group=1
        )
        parts.append(commands.define_instrument(instrument, terms))
    for session, name in USERS.items():
        parts.append(commands.define_session(session, name, FEE_ACCOUNT + session))
    for session in USERS:
        account = FEE_ACCOUNT + session
        parts.append(commands.open_account(account))
        parts.append(commands.move_money(deposit, account, 1, MONEY, f"MONEY{account}"))
        for instrument in SYMBOLS:
            parts.append(commands.move_stock(deposit, account, instrument, STOCK, 1000))
    parts.append(
        slot(CommandKind.START_OF_DAY, timestamp_ns, quantity=MIDNIGHT_NS, price=DAY_NUMBER)
    )
    for part in parts:
        part["timestamp_ns"][0] = timestamp_ns
        if part["kind"][0] >= CommandKind.CURRENCY:
            commands.set_operator(part, "olga", 1001)
    return parts


def random_commands(seed: int, count: int) -> list[np.ndarray]:
    """The opening and ``count`` commands of all the kinds that orders meet; one array a command."""
    random = np.random.default_rng(seed)
    parts = opening()
    now = OPEN_NS
    number = 0
    owners: list[int] = []
    sides: list[int] = []
    for _ in range(count):
        now += int(random.integers(0, 2_000_000))
        kind = random.choice(6, p=[0.6, 0.16, 0.12, 0.06, 0.04, 0.02])
        target = int(random.integers(max(0, number - 60), number)) if number else 0
        if kind == 0 or number == 0:
            side = int(random.integers(0, 3))
            instrument = int(random.integers(1, 3))
            away = int(random.exponential(6)) - 2
            price = 1000 - away if side == Side.BUY else 1001 + away
            tif = int(random.choice([0, 99_998, 99_999, 1, 3], p=[0.08, 0.5, 0.3, 0.06, 0.06]))
            owner = int(random.integers(1, 4))
            quantity = int(random.integers(1, 500))
            parts.append(
                enter(
                    now,
                    owner,
                    number,
                    side,
                    price,
                    quantity,
                    instrument=instrument,
                    time_in_force=tif,
                )
            )
            owners.append(owner)
            sides.append(side)
            number += 1
        elif kind == 1:
            left = int(random.choice([0, 0, 50]))
            parts.append(by_token(CommandKind.CANCEL, now, owners[target], target, left))
        elif kind == 2:
            price = int(random.integers(985, 1017))
            quantity = int(random.integers(1, 600))
            parts.append(replace(now, owners[target], target, number, price, quantity))
            owners.append(owners[target])
            sides.append(sides[target])
            number += 1
        elif kind == 3:
            quantity = int(random.integers(1, 200))
            parts.append(
                by_token(CommandKind.MODIFY, now, owners[target], target, quantity, sides[target])
            )
        elif kind == 4:
            now += int(random.integers(0, SECOND_NS))
            parts.append(slot(CommandKind.TIMER, now))
        else:
            order_id = int(random.integers(OPENING_SLOTS, OPENING_SLOTS + 2 * number))
            parts.append(slot(CommandKind.CANCEL_BY_ORDER_ID, now, price=order_id))
    return parts


def two_days(seed: int, count: int) -> list[np.ndarray]:
    """As ``random_commands``, and on the next day as many orders again."""
    parts = random_commands(seed, count)
    morning = OPEN_NS + DAY_NS
    parts.append(slot(CommandKind.END_OF_DAY, morning - 1))
    start = slot(
        CommandKind.START_OF_DAY, morning, quantity=MIDNIGHT_NS + DAY_NS, price=DAY_NUMBER + 1
    )
    parts.append(start)
    for part in random_commands(seed + 1, count)[len(opening()) :]:
        part["timestamp_ns"][0] += DAY_NS
        parts.append(part)
    return parts


def write_journal(
    data_dir: Path,
    parts: Iterable[np.ndarray],
    *,
    seed: int = 1,
    largest_frame: int = 200,
    segment_bytes: int = SEGMENT_BYTES,
    capacity: EngineCapacity = CAPACITY,
) -> int:
    """Append commands to the journal of ``data_dir`` in random frames; the next sequence."""
    data_dir.mkdir(parents=True, exist_ok=True)
    save_capacity(data_dir, capacity)
    directory = data_dir / JOURNAL_DIRECTORY
    random = np.random.default_rng(seed)
    writer = JournalWriter(
        directory,
        COMMAND_LAYOUT,
        recover(directory, COMMAND_LAYOUT, repair=True),
        segment_size_bytes=segment_bytes,
        maximum_frame_slots=largest_frame + 2,
        flags_offset=FLAGS_OFFSET,
        long_mask=FLAG_LONG,
        prepare_ahead=False,
    )
    ring = np.zeros(1 << (2 * largest_frame).bit_length(), COMMAND)
    mask = len(ring) - 1
    pending = 0
    wanted = int(random.integers(1, largest_frame))
    try:
        for part in parts:
            for record in part:
                ring[(writer.next_sequence + pending) & mask] = record
                pending += 1
            if pending >= wanted:
                pending -= writer.append(ring, pending)
                wanted = int(random.integers(1, largest_frame))
        while pending:
            pending -= writer.append(ring, pending)
        return writer.next_sequence
    finally:
        writer.close()


def write_archive(data_dir: Path, *, segment_events: int = 1024) -> RebuildResult:
    """Fill the archive of ``data_dir`` with what its journal causes."""
    return rebuild(
        data_dir,
        write_archive=True,
        repair=True,
        from_snapshot=False,
        archive_segment_events=segment_events,
    )


def make(data_dir: Path, seed: int = 7, count: int = 3000) -> RebuildResult:
    """A data directory with a journal of ``count`` random commands and its archive."""
    write_journal(data_dir, random_commands(seed, count), seed=seed)
    return write_archive(data_dir)


def archive_check(data_dir: Path) -> ArchiveCheck:
    return ArchiveCheck(data_dir / "archive", write=False)
