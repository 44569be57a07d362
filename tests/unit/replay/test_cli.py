"""``exchange-replay``: what it prints about journals whose content is known."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exchange.codes import FLAG_WIRE_PRICE, CommandKind, EventKind, Side
from exchange.engine.state.snapshot import list_snapshots, read_snapshot
from exchange.errors import ExitStatus
from exchange.records import EVENT
from exchange.recovery.archive_check import open_archive
from exchange.recovery.rebuild import rebuild
from journal import xxh64
from replay.book import books_of
from replay.cli import main
from replay.command_text import command_fields
from replay.directory import Directory
from replay.selection import parse_time
from replay.source import JournalView
from replay.state_check import state_difference
from replay.stats import LogHistogram
from replay.verify import verify
from tests.harness.sample_journal import (
    OPEN_NS,
    OPENING_SLOTS,
    SECOND_NS,
    by_token,
    enter,
    make,
    opening,
    random_commands,
    replace,
    slot,
    write_archive,
    write_journal,
)

pytestmark = pytest.mark.needs_jit

EVENT_SIZE = EVENT.itemsize

# The opening is OPENING_SLOTS long; then, one second apart (sequences count from FIRST):
#   0 ANNA buys 100 ALPHA at 10.00           1 BERT buys 50 ALPHA at 10.00
#   2 CARA sells 120 ALPHA at 9.99 (fills 100 of order 0, 20 of order 1)
#   3 ANNA sells 30 BETA at 0.1005           4-5 ANNA replaces it: 40 at 0.1004
#   6 BERT cancels order 1 down to 25 (5 open)   7 CARA's order of 0 shares is rejected
#   8 CARA buys 10 BETA at 0.1004, immediate or cancel
FIRST = OPENING_SLOTS
_SMALL = [
    enter(OPEN_NS + 1 * SECOND_NS, 1, 1, 0, 1000, 100),
    enter(OPEN_NS + 2 * SECOND_NS, 2, 2, 0, 1000, 50),
    enter(OPEN_NS + 3 * SECOND_NS, 3, 3, 1, 999, 120),
    enter(OPEN_NS + 4 * SECOND_NS, 1, 4, 1, 1005, 30, instrument=2),
    replace(OPEN_NS + 5 * SECOND_NS, 1, 4, 5, 1004, 40),
    by_token(CommandKind.CANCEL, OPEN_NS + 6 * SECOND_NS, 2, 2, 25),
    enter(OPEN_NS + 7 * SECOND_NS, 3, 6, 0, 1000, 0),
    enter(OPEN_NS + 8 * SECOND_NS, 3, 7, 0, 1004, 10, instrument=2, time_in_force=0),
]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_dir = tmp_path_factory.mktemp("small") / "data"
    write_journal(data_dir, [*opening(), *_SMALL])
    write_archive(data_dir)
    return data_dir


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_dir = tmp_path_factory.mktemp("original") / "data"
    write_journal(data_dir, random_commands(21, 9000), seed=5, segment_bytes=1 << 18)
    write_archive(data_dir)
    return data_dir


@pytest.fixture
def data_dir(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "data"))


def run(capsysbinary: Any, data_dir: Path, *arguments: str, status: int = 0) -> str:
    assert main([arguments[0], "--data-dir", str(data_dir), *arguments[1:]]) == status
    captured = capsysbinary.readouterr()
    return (captured.out if status in (0, 1) else captured.err).decode()


def lines(capsysbinary: Any, data_dir: Path, *arguments: str) -> list[dict[str, Any]]:
    out = run(capsysbinary, data_dir, *arguments, "--json")
    return [json.loads(line) for line in out.splitlines()]


def archived(data_dir: Path) -> np.ndarray:
    return open_archive(data_dir / "archive").read(0, 1 << 40)


def patch_event(data_dir: Path, sequence: int, offset: int, value: bytes) -> None:
    for path in sorted((data_dir / "archive").glob("*.evt"), reverse=True):
        first = int(path.stem)
        if first <= sequence:
            with open(path, "r+b") as file:
                file.seek(4096 + (sequence - first) * EVENT_SIZE + offset)
                file.write(value)
            return


# --- show ---------------------------------------------------------------------------------------


def test_show_trades(small: Path, capsysbinary: Any) -> None:
    trades = lines(capsysbinary, small, "show", "--kind", "TRADE")
    assert [(t["instrument"], t["price"], t["quantity"]) for t in trades] == [
        ("ALPHA", "10.00", 100),
        ("ALPHA", "10.00", 20),
        ("BETA", "0.1004", 10),
    ]
    first = trades[0]
    assert first["order_id"] == FIRST and first["aggressor_order_id"] == FIRST + 2
    assert first["session"] == "ANNA" and first["aggressor_session"] == "CARA"
    assert first["token"] == "T1" and first["aggressor_token"] == "T3"
    assert first["side"] == "BUY" and first["aggressor_side"] == "SELL"
    assert first["match_number"] == first["sequence"] + 1
    assert first["time"] == "2026-01-01T09:00:03.000000000Z"
    assert first["level_quantity"] == 50 and first["level_orders"] == 1
    assert trades[1]["remaining"] == 30
    assert trades[2]["session"] == "ANNA" and trades[2]["remaining"] == 30


def test_show_other_kinds(small: Path, capsysbinary: Any) -> None:
    (replaced,) = lines(capsysbinary, small, "show", "--kind", "REPLACED")
    assert replaced["order_id"] == FIRST + 4 and replaced["replaced_order_id"] == FIRST + 3
    assert replaced["token"] == "T5" and replaced["replaced_token"] == "T4"
    assert replaced["price"] == "0.1004" and replaced["firm"] == "FIRM"
    (rejected,) = lines(capsysbinary, small, "show", "--kind", "rejected")
    assert rejected["reason"] == "INVALID_QUANTITY"
    (canceled,) = lines(capsysbinary, small, "show", "--kind", "CANCELED")
    assert (canceled["reason"], canceled["quantity"], canceled["remaining"]) == ("USER", 25, 5)
    (day,) = lines(capsysbinary, small, "show", "--kind", "DAY_STARTED")
    assert day["day_number"] == 20_260_101
    defined = lines(capsysbinary, small, "show", "--kind", "INSTRUMENT_DEFINED")
    assert [d["instrument"] for d in defined] == ["ALPHA", "BETA"]
    assert defined[1]["maximum_price"] == "1000.0000" and defined[1]["price_decimals"] == 4


def test_show_filters(small: Path, capsysbinary: Any) -> None:
    beta = lines(capsysbinary, small, "show", "--symbol", "BETA", "--kind", "ACCEPTED")
    assert [e["order_id"] for e in beta] == [FIRST + 3, FIRST + 8]
    berts = lines(capsysbinary, small, "show", "--session", "BERT", "--kind", "TRADE")
    assert [e["order_id"] for e in berts] == [FIRST + 1]
    caras = lines(capsysbinary, small, "show", "--session", "CARA", "--kind", "TRADE")
    assert len(caras) == 3  # as aggressor
    order = lines(capsysbinary, small, "show", "--order", str(FIRST + 1))
    assert [e["kind"] for e in order] == ["ACCEPTED", "TRADE", "CANCELED"]
    assert lines(capsysbinary, small, "show", "--tail", "1", "--kind", "TRADE")[0]["price"] == (
        "0.1004"
    )
    late = lines(capsysbinary, small, "show", "--since", "2026-01-01T09:00:08")
    assert {e["command_sequence"] for e in late} == {FIRST + 8}
    early = lines(capsysbinary, small, "show", "--until", "2026-01-01T09:00:01.0")
    assert max(e["command_sequence"] for e in early) == FIRST
    some = lines(capsysbinary, small, "show", "--first", "3", "--last", "5")
    assert [e["sequence"] for e in some] == [3, 4, 5]


def test_show_commands(small: Path, capsysbinary: Any) -> None:
    commands = lines(capsysbinary, small, "show", "commands")
    by_sequence = {c["sequence"]: c for c in commands}
    trading = [c["sequence"] - FIRST for c in commands if c["sequence"] >= FIRST]
    assert trading == [0, 1, 2, 3, 4, 6, 7, 8]
    assert by_sequence[6]["instrument"] == "ALPHA"
    assert by_sequence[6]["maximum_price"] == "100000.00"
    assert by_sequence[10]["session"] == "ANNA" and by_sequence[10]["account"] == 501
    assert by_sequence[FIRST - 1]["day_number"] == 20_260_101
    assert by_sequence[FIRST] == {
        "sequence": FIRST,
        "time": "2026-01-01T09:00:01.000000000Z",
        "timestamp_ns": OPEN_NS + SECOND_NS,
        "kind": "ENTER",
        "session": "ANNA",
        "token": "T1",
        "quantity": 100,
        "instrument": "ALPHA",
        "side": "BUY",
        "price": "10.00",
        "firm": "FIRM",
        "capacity": "A",
        "cross_type": "N",
        "order_type": "LIMIT",
        "time_in_force": 99_998,
        "minimum_quantity": 0,
        "display": "Y",
        "intermarket_sweep": "N",
    }
    replaced = by_sequence[FIRST + 4]
    assert replaced["kind"] == "REPLACE" and replaced["replacement_token"] == "T5"
    # a cancel names a token only: the events that it caused tell order and instrument
    alpha = lines(capsysbinary, small, "show", "commands", "--symbol", "ALPHA")
    assert alpha[0]["sequence"] == 6 and alpha[0]["kind"] == "INSTRUMENT"
    assert [c["kind"] for c in alpha[1:4]] == ["DEPOSIT"] * 3
    assert [c["sequence"] - FIRST for c in alpha[4:]] == [0, 1, 2, 6, 7]
    order = lines(capsysbinary, small, "show", "commands", "--order", str(FIRST + 1))
    assert [c["sequence"] - FIRST for c in order] == [1, 2, 6]
    # a range that begins at a second slot begins with the next command
    part = lines(
        capsysbinary, small, "show", "commands", "--first", str(FIRST + 5), "--last", str(FIRST + 6)
    )
    assert [c["sequence"] - FIRST for c in part] == [6]
    timed = lines(capsysbinary, small, "show", "commands", "--since", "2026-01-01T09:00:07")
    assert [c["sequence"] - FIRST for c in timed] == [7, 8]


def test_replace_price_as_on_the_wire() -> None:
    slots = replace(OPEN_NS, 1, 4, 5, 12_345_600, 40)
    assert command_fields(9, slots[0], slots[1], Directory())["price_minor_units"] == 12_345_600
    slots["flags"][0] |= FLAG_WIRE_PRICE
    fields = command_fields(9, slots[0], slots[1], Directory())
    assert fields["price"] == "1234.5600" and fields["replacement_token"] == "T5"


def test_show_table(small: Path, capsysbinary: Any) -> None:
    text = run(capsysbinary, small, "show", "--kind", "TRADE", "--limit", "2")
    assert "ALPHA" in text and "aggressor_session=CARA" in text
    assert "BETA" not in text and "more" in text


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["show", "--symbol", "GAMMA"], "no instrument 'GAMMA'"),
        (["show", "--session", "NOBODY"], "no session 'NOBODY'"),
        (["show", "--kind", "SALE"], "no kind 'SALE'"),
        (["show", "--since", "yesterday"], "'yesterday' is not a time"),
        (["book", "--at", "999"], "no command 999"),
        (["book", "--symbol", "GAMMA"], "no instrument 'GAMMA'"),
    ],
)
def test_wrong_questions(
    small: Path, capsysbinary: Any, arguments: list[str], message: str
) -> None:
    assert message in run(capsysbinary, small, *arguments, status=2)


def test_wrong_directories(tmp_path: Path, capsysbinary: Any) -> None:
    text = run(capsysbinary, tmp_path / "nothing", "show", status=69)
    assert "no such directory" in text
    assert "not a data directory" in run(capsysbinary, tmp_path, "verify", status=69)


def test_wrong_files(data_dir: Path, capsysbinary: Any) -> None:
    path = sorted((data_dir / "journal").glob("*.wal"))[0]
    octets = bytearray(path.read_bytes())
    octets[8] = 99
    from journal.layout import HEADER_BYTES

    octets[HEADER_BYTES - 8 : HEADER_BYTES] = xxh64.unsigned(
        xxh64.xxh64(bytes(octets[: HEADER_BYTES - 8]))
    ).to_bytes(8, "little")
    path.write_bytes(octets)
    assert "version 99" in run(capsysbinary, data_dir, "verify", status=75)
    path.write_bytes(b"not a journal")
    assert "truncated file" in run(capsysbinary, data_dir, "verify", status=75)
    (data_dir / "engine.json").unlink()
    assert "engine.json is missing" in run(capsysbinary, data_dir, "verify", status=69)


def test_parse_time() -> None:
    assert parse_time("1767258001000000000") == 1_767_258_001 * SECOND_NS
    assert parse_time("2026-01-01T09:00:01") == OPEN_NS + SECOND_NS
    assert parse_time("2026-01-01T09:00:01.000000001Z") == OPEN_NS + SECOND_NS + 1
    assert parse_time("2026-01-01T10:00:01.5+01:00") == OPEN_NS + 3 * SECOND_NS // 2
    with pytest.raises(ValueError):
        parse_time("noon")


# --- stats, export ------------------------------------------------------------------------------


def test_stats(small: Path, capsysbinary: Any) -> None:
    (figures,) = lines(capsysbinary, small, "stats")
    assert figures["commands"]["count"] == FIRST // 2 + 2 + 8
    assert figures["commands"]["slots"] == FIRST + 9
    assert figures["commands"]["by_kind"] == {
        "ENTER": 6,
        "CANCEL": 1,
        "REPLACE": 1,
        "START_OF_DAY": 1,
        "INSTRUMENT": 2,
        "SESSION": 3,
        "CURRENCY": 1,
        "ACCOUNT": 4,
        "DEPOSIT": 9,
        "PARAMETER": 1,
    }
    assert figures["commands"]["seconds"] == 8.0
    events = figures["events"]
    assert events["by_kind"]["TRADE"] == 3 and events["by_kind"]["ACCEPTED"] == 5
    assert events["rejects_by_reason"] == {"INVALID_QUANTITY": 1}
    assert events["cancels_by_reason"] == {"USER": 1}
    assert events["instruments"] == {
        "ALPHA": {"orders": 3, "trades": 2, "volume": 120, "turnover": "1200.00"},
        "BETA": {"orders": 3, "trades": 1, "volume": 10, "turnover": "1.0040"},
    }
    assert figures["files"]["command_bytes"] == (FIRST + 9) * 64
    assert "turnover" in run(capsysbinary, small, "stats")


def test_histogram_percentiles() -> None:
    random = np.random.default_rng(4)
    values = np.concatenate(
        [random.integers(0, 64, 1000), (10 ** random.uniform(0, 17, 5000)).astype(np.int64)]
    )
    histogram = LogHistogram()
    histogram.add(values)
    ordered = np.sort(values)
    for percent in (1.0, 50.0, 90.0, 99.0, 100.0):
        exact = int(ordered[max(1, int(np.ceil(len(values) * percent / 100))) - 1])
        assert exact <= histogram.percentile(percent) <= exact * (1 + 1 / 32) + 1
    histogram = LogHistogram()
    assert histogram.percentile(50.0) == 0
    histogram.add(np.array([-5]))
    assert histogram.percentile(50.0) == 0


def test_export_trades_and_orders(small: Path, capsysbinary: Any, tmp_path: Path) -> None:
    text = run(capsysbinary, small, "export", "trades")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [r["quantity"] for r in rows] == ["100", "20", "10"]
    assert rows[0]["maker_session"] == "ANNA" and rows[0]["aggressor_session"] == "CARA"
    assert rows[1]["maker_remaining"] == "30"
    target = tmp_path / "orders.csv"
    run(capsysbinary, small, "export", "orders", "--output", str(target))
    rows = list(csv.DictReader(io.StringIO(target.read_text())))
    assert [int(r["order_id"]) - FIRST for r in rows] == [0, 1, 2, 3, 4, 8]
    assert rows[4]["replaced_order_id"] == str(FIRST + 3) and rows[4]["price"] == "0.1004"


def test_export_has_a_column_for_everything(original: Path, capsysbinary: Any) -> None:
    for what in ("events", "commands"):
        text = run(capsysbinary, original, "export", what)
        exported = list(csv.DictReader(io.StringIO(text)))
        shown = lines(capsysbinary, original, "show", what)
        assert len(exported) == len(shown) > 1000
        for row, record in zip(exported, shown, strict=True):
            assert {k: v for k, v in row.items() if v != ""} == {
                k: str(v) for k, v in record.items() if v != ""
            }


# --- book ---------------------------------------------------------------------------------------


class NaiveBooks:
    """Open orders by id, from the events alone."""

    def __init__(self) -> None:
        self.orders: dict[int, tuple[int, bool, int, int]] = {}  # instrument, bid, price, open
        self.pending: dict[int, tuple[int, bool, int, int]] = {}

    def take(self, event: Any) -> None:
        kind = int(event["kind"])
        number = int(event["order_id"])
        key = (int(event["instrument"]), int(event["side"]) == Side.BUY, int(event["price"]))
        if kind in (EventKind.ACCEPTED, EventKind.REPLACED):
            if int(event["flags"]) & 1:
                self.orders[number] = (*key, int(event["quantity"]))
        elif kind == EventKind.RESTED:
            self.orders[number] = (*key, int(event["quantity"]))
        elif kind in (EventKind.TRADE, EventKind.CANCELED, EventKind.MODIFIED, EventKind.REMOVED):
            self.orders.pop(number, None)
            if int(event["remaining"]):
                self.orders[number] = (*key, int(event["remaining"]))

    def levels(self, instrument: int, bid: bool) -> list[tuple[int, list[tuple[int, int]]]]:
        found: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for number in sorted(self.orders):
            where, side, price, quantity = self.orders[number]
            if where == instrument and side == bid:
                found[price].append((number, quantity))
        return sorted(found.items(), reverse=bid)


def test_books_equal_naive_books(original: Path) -> None:
    naive = NaiveBooks()
    events = archived(original)
    position = 0
    random = np.random.default_rng(6)
    end = JournalView(original).next_command
    compared = 0
    for at in sorted(random.integers(FIRST, end, 12).tolist()):
        result = rebuild(original, upto_sequence=at + 1)
        while position < result.next_event:
            naive.take(events[position])
            position += 1
        books = {book.instrument: book for book in books_of(result.state)}
        for instrument in (1, 2):
            for bid in (True, False):
                book = books.get(instrument)
                levels = [] if book is None else (book.bids if bid else book.asks)
                found = [
                    (
                        level.price,
                        [(int(o["order_id"]), int(o["open"])) for o in level.orders],
                    )
                    for level in levels
                ]
                assert found == naive.levels(instrument, bid), (at, instrument, bid)
                assert [level.quantity for level in levels] == [
                    sum(q for _, q in orders) for _, orders in naive.levels(instrument, bid)
                ]
                compared += len(found)
    assert compared > 100


def test_book_command(small: Path, capsysbinary: Any) -> None:
    books = lines(capsysbinary, small, "book", "--at", str(FIRST + 1))
    assert books == [
        {
            "after_command": FIRST + 1,
            "instrument": "ALPHA",
            "bids": [{"price": "10.00", "quantity": 150, "orders": 2}],
            "asks": [],
            "bid_levels": 1,
            "ask_levels": 0,
        }
    ]
    alpha, beta = lines(capsysbinary, small, "book", "--orders")
    assert alpha["bids"][0]["orders"] == [
        {
            "order_id": FIRST + 1,
            "session": "BERT",
            "token": "T2",
            "side": "BUY",
            "quantity": 5,
        }
    ]
    assert beta["asks"][0]["orders"][0]["order_id"] == FIRST + 4
    # after the first slot of the replace the whole command has been applied
    (beta,) = lines(capsysbinary, small, "book", "--at", str(FIRST + 4), "--symbol", "BETA")
    assert beta["asks"] == [{"price": "0.1004", "quantity": 40, "orders": 1}]
    assert "no live order" in run(capsysbinary, small, "book", "--at", str(FIRST - 1))
    assert "10.00" in run(capsysbinary, small, "book", "--symbol", "ALPHA", "--orders")


# --- verify -------------------------------------------------------------------------------------


def test_verify_good(data_dir: Path, capsysbinary: Any) -> None:
    (verdict,) = lines(capsysbinary, data_dir, "verify")
    assert verdict["good"] and verdict["problems"] == []
    assert verdict["events_compared"] == len(archived(data_dir))
    assert verdict["checkpoints"] >= 2
    words = archived(data_dir).view(np.int64)
    assert int(verdict["chain_hash"], 16) == xxh64.unsigned(xxh64.xxh64(words))
    run(capsysbinary, data_dir, "snapshot")
    run(capsysbinary, data_dir, "snapshot", "--now")
    (verdict,) = lines(capsysbinary, data_dir, "verify")
    assert verdict["good"] and verdict["snapshots"] == 2
    assert "good:" in run(capsysbinary, data_dir, "verify")


def test_verify_names_a_changed_event(data_dir: Path, capsysbinary: Any) -> None:
    patch_event(data_dir, 4321, 40, (77_777).to_bytes(8, "little"))
    text = run(capsysbinary, data_dir, "verify", status=1)
    assert "event 4321 differs in quantity" in text and "77777" in text
    assert main(["verify", "--data-dir", str(data_dir), "--json"]) == 1
    verdict = json.loads(capsysbinary.readouterr().out)
    found = verdict["first_difference"]
    assert found["sequence"] == 4321
    assert found["archive"]["quantity"] == 77_777 != found["journal"]["quantity"]


def test_verify_finds_a_missing_tail(data_dir: Path, capsysbinary: Any) -> None:
    last = len(archived(data_dir)) - 1
    patch_event(data_dir, last, 0, bytes(EVENT_SIZE))
    assert f"event {last} is missing" in run(capsysbinary, data_dir, "verify", status=1)


def test_verify_finds_an_event_too_many(data_dir: Path, capsysbinary: Any) -> None:
    events = archived(data_dir)
    extra = events[-1:].copy()
    extra["sequence"] = len(events)
    patch_event(data_dir, len(events), 0, extra.tobytes())
    text = run(capsysbinary, data_dir, "verify", status=1)
    assert f"event {len(events)} is in the archive, but the journal causes no such" in text


def test_verify_finds_a_wrong_chain_hash(data_dir: Path, capsysbinary: Any) -> None:
    events = archived(data_dir)
    checkpoint = int(np.nonzero(events["kind"] == EventKind.CHECKPOINT)[0][1])
    wrong = (int(events[checkpoint]["price"]) ^ 1).to_bytes(8, "little", signed=True)
    patch_event(data_dir, checkpoint, 32, wrong)
    assert main(["verify", "--data-dir", str(data_dir), "--json"]) == 1
    found = json.loads(capsysbinary.readouterr().out)["first_difference"]
    assert found["sequence"] == checkpoint
    assert found["journal"]["chain_hash"] != found["archive"]["chain_hash"]


def test_chain_check_is_independent_of_the_engine(data_dir: Path) -> None:
    """A wrong CHECKPOINT is found from the archived bytes alone."""
    from exchange.recovery.archive_check import ArchiveCheck
    from replay.verify import _ChainCheck

    events = archived(data_dir)
    check = _ChainCheck(ArchiveCheck(data_dir / "archive", write=False), 0, None)
    assert check.follow(len(events)) is None
    assert check.checkpoints == int((events["kind"] == EventKind.CHECKPOINT).sum())
    patch_event(data_dir, 100, 32, b"\x01\x02")
    check = _ChainCheck(ArchiveCheck(data_dir / "archive", write=False), 0, None)
    wrong = check.follow(len(events))
    assert wrong is not None and "CHECKPOINT says" in wrong


def test_verify_finds_a_wrong_snapshot(data_dir: Path, capsysbinary: Any) -> None:
    from exchange.engine.state.snapshot import write_snapshot

    state = rebuild(data_dir, upto_sequence=2000).state
    held = state.orders.view(np.int64).reshape(-1, 8)
    victim = int(np.nonzero(held[:, 2])[0][0])
    held[victim, 0] += 1
    (data_dir / "snapshots").mkdir()
    path = write_snapshot(data_dir / "snapshots", state)
    text = run(capsysbinary, data_dir, "verify", status=1)
    assert f"{path.name}: order" in text and "another open" in text
    path.write_bytes(path.read_bytes()[:-1])
    assert "file size is wrong" in run(capsysbinary, data_dir, "verify", status=1)


def test_verify_after_pruning(data_dir: Path, capsysbinary: Any) -> None:
    run(capsysbinary, data_dir, "snapshot")
    (made,) = lines(capsysbinary, data_dir, "snapshot", "--now", "--prune", "--keep-days", "0")
    assert made["removed"]["journal"]
    assert JournalView(data_dir).first_command > 0
    verdict = verify(JournalView(data_dir))
    assert verdict.good and verdict.first_command > 0
    assert "NAME" not in run(capsysbinary, data_dir, "show", "--tail", "3")
    assert lines(capsysbinary, data_dir, "show", "--tail", "1")[0]["session"] in (
        "ANNA",
        "BERT",
        "CARA",
    )


# --- snapshot -----------------------------------------------------------------------------------


def test_snapshot_sealed_and_now(data_dir: Path, capsysbinary: Any) -> None:
    (first,) = lines(capsysbinary, data_dir, "snapshot")
    segments = JournalView(data_dir).segments()
    assert first["snapshot"]["next_command"] == segments[-1][0] > 0
    (again,) = lines(capsysbinary, data_dir, "snapshot")
    assert again["snapshot"]["made"] is False
    (now,) = lines(capsysbinary, data_dir, "snapshot", "--now")
    assert now["snapshot"]["next_command"] > first["snapshot"]["next_command"]
    replayed = now["snapshot"]["next_command"] - first["snapshot"]["next_command"]
    assert now["snapshot"]["commands_replayed"] == replayed
    for sequence, path in list_snapshots(data_dir / "snapshots"):
        expected = rebuild(data_dir, upto_sequence=sequence, from_snapshot=False).state
        assert state_difference(expected, read_snapshot(path)) is None


def test_nothing_to_snapshot(small: Path, tmp_path: Path, capsysbinary: Any) -> None:
    assert "no sealed segment" in run(capsysbinary, small, "snapshot")
    assert not list((small / "snapshots").glob("*"))


def test_snapshot_refuses_a_wrong_archive(data_dir: Path, capsysbinary: Any) -> None:
    patch_event(data_dir, 500, 40, b"\x01\x02\x03")
    assert "event 500 differs" in run(capsysbinary, data_dir, "snapshot", status=75)
    patch_event(data_dir, 400, 0, bytes(EVENT_SIZE))
    assert "event 400 is missing" in run(capsysbinary, data_dir, "snapshot", status=75)
    assert list_snapshots(data_dir / "snapshots") == []


def test_interrupted_snapshot_never_replaces_a_good_one(
    data_dir: Path, capsysbinary: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from exchange.engine.state import snapshot as engine_snapshot

    run(capsysbinary, data_dir, "snapshot")
    ((_, good),) = list_snapshots(data_dir / "snapshots")
    before = good.read_bytes()

    real = engine_snapshot._write_all
    for stop_at in (0, 1, 3, 6):
        calls = 0

        def failing(descriptor: int, data: Any, stop_at: int = stop_at) -> None:
            nonlocal calls
            calls += 1
            if calls > stop_at:
                raise OSError(28, "No space left on device")
            real(descriptor, data)

        monkeypatch.setattr(engine_snapshot, "_write_all", failing)
        text = run(capsysbinary, data_dir, "snapshot", "--now", status=69)
        assert "No space left" in text
        assert [path for _, path in list_snapshots(data_dir / "snapshots")] == [good]
        assert good.read_bytes() == before
    monkeypatch.setattr(engine_snapshot, "_write_all", real)
    # killed: the temporary file of a process that is no more stays, and goes with the next one
    left = good.with_name(f"{9999:020d}.snap.4194305.new")
    left.write_bytes(before[:5000])
    assert rebuild(data_dir).snapshot_used == good
    run(capsysbinary, data_dir, "snapshot", "--now")
    assert not left.exists()
    assert len(list_snapshots(data_dir / "snapshots")) == 2


def test_prune_keeps_what_is_needed(data_dir: Path, capsysbinary: Any) -> None:
    before = rebuild(data_dir)
    segments = JournalView(data_dir).segments()
    assert len(segments) >= 3
    (only,) = lines(capsysbinary, data_dir, "snapshot", "--prune", "--keep-days", "0")
    assert only["removed"] == {"journal": [], "archive": [], "snapshots": []}, "one is not enough"
    (young,) = lines(capsysbinary, data_dir, "snapshot", "--now", "--prune", "--keep-days", "1")
    assert young["removed"]["journal"] == []
    (pruned,) = lines(capsysbinary, data_dir, "snapshot", "--prune", "--keep-days", "0")
    assert len(pruned["removed"]["journal"]) == len(segments) - 1
    older, newer = list_snapshots(data_dir / "snapshots")
    newer[1].unlink()
    result = rebuild(data_dir)
    assert result.snapshot_used == older[1]
    assert result.next_command == before.next_command and result.next_event == before.next_event


def test_output_goes_nowhere_quietly(small: Path) -> None:
    """A closed pipe on the other side (``show | head``) is no error of ours, but has a status."""
    import subprocess
    import sys

    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-m", "replay.cli", "show", "--json", "--data-dir", str(small)]
    shell = subprocess.run(
        ["bash", "-c", f"{' '.join(command)} | true; echo ${{PIPESTATUS[0]}}"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert shell.stdout.strip() == str(int(ExitStatus.OUTPUT_CLOSED)) and shell.stderr == ""


def test_make_is_deterministic(tmp_path: Path) -> None:
    first, second = make(tmp_path / "a", 5, 500), make(tmp_path / "b", 5, 500)
    assert first.next_event == second.next_event
    assert archived(tmp_path / "a").tobytes() == archived(tmp_path / "b").tobytes()
    assert slot(CommandKind.TIMER, 1)["kind"][0] == CommandKind.TIMER
