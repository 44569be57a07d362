"""The command ``scripts/lobster``: send a LOBSTER day through the exchange, judge the book.

    scripts/lobster FILE.zip [--json]
    scripts/lobster FILE.zip --host HOST --port PORT --user USER --password PASSWORD

Without --host it starts an exchange of its own on a temporary data directory, with one instrument
(the file's ticker) and one session, and compares the file with the archive of events and, once
more, with what the session was told. With --host it uses an exchange that runs already (its
instrument and session must exist, no other session may trade the instrument, and its book must be
empty) and compares with what the session was told. Afterwards it cancels what rests, and its tokens
are its own: so a day may be sent again.

Exit status: 0 every row equal at every level, 1 not, 2 the file or the exchange cannot be used.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from exchange.records import EVENT
from exchange.runtime.release import version_text
from scripts.lobster_replay import venue, wire
from scripts.lobster_replay.compare import Comparison, Mismatch, compare
from scripts.lobster_replay.day import Day, LobsterError, read_day
from scripts.lobster_replay.plan import Plan, Planner, tick_of
from scripts.lobster_replay.session_events import events_of
from scripts.lobster_replay.tokens import RunTokens, resting
from scripts.lobster_replay.transport import Answers, Connection, TransportError


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        started_s = time.monotonic()
        day = read_day(options.file)
        plan = Planner(day).plan()
        prepared_s = time.monotonic() - started_s
        run = _run_elsewhere if options.host else _run_here
        result = run(day, plan, options)
    except (LobsterError, TransportError, Mismatch) as error:
        print(f"lobster: {error}", file=sys.stderr)
        return 2
    result = {"file": options.file.name, **_about(day, plan), "prepare_s": prepared_s, **result}
    if options.json:
        print(json.dumps(result))
    else:
        _print(result)
    return 0 if result["rows_equal"] == result["rows"] else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lobster",
        description="Send a LOBSTER day through the exchange's order entry port and compare the"
        " book with the order book file, row by row, at every level.",
    )
    parser.add_argument("--version", action="version", version=version_text("lobster"))
    parser.add_argument("file", type=Path, help="the zip of a day, or a folder with its two files")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--host", help="an exchange that runs already (default: start one)")
    parser.add_argument("--port", type=int, default=9100)
    parser.add_argument("--user", default="DEMO1")
    parser.add_argument(
        "--password", default=os.environ.get("EXCHANGE_PASSWORD", ""), help="or $EXCHANGE_PASSWORD"
    )
    parser.add_argument("--symbol", help="instrument (default: the file's ticker)")
    return parser


def _run_here(day: Day, plan: Plan, _: argparse.Namespace) -> dict[str, Any]:
    """Through an exchange of our own."""
    tick = tick_of(day)
    highest = max([message.price for message in plan.messages] + [tick])
    with venue.running(_symbol(day), tick, highest) as place:
        connection = Connection("127.0.0.1", place.port, venue.USERNAME, venue.PASSWORD)
        try:
            answers = connection.run(wire.encode(plan, _symbol(day)), wire.answers(plan))
        finally:
            connection.close()
        events = _archived(place.data_directory)
    by_archive = compare(day, plan, events)
    by_session = compare(day, plan, events_of(answers.messages, plan))
    result = _result(plan, answers, by_archive, "archive")
    result["session_rows_equal"] = by_session.rows_equal
    return result


def _run_elsewhere(day: Day, plan: Plan, options: argparse.Namespace) -> dict[str, Any]:
    connection = Connection(options.host, options.port, options.user, options.password)
    try:
        tokens = RunTokens(plan)
        data = wire.encode(tokens.sent(plan), options.symbol or _symbol(day))
        answers = connection.run(data, wire.answers(plan))
        left = resting(answers.messages)
        connection.run(wire.cancels(left), len(left))
    finally:
        connection.close()
    answers = answers._replace(messages=tokens.back(answers.messages))
    return _result(plan, answers, compare(day, plan, events_of(answers.messages, plan)), "session")


def _archived(data_directory: Path) -> np.ndarray:
    """Every archived event of the instrument from the first order on."""
    from exchange.codes import EventKind
    from replay.source import JournalView

    parts = [part.copy() for part in JournalView(data_directory).events()]
    events = np.concatenate(parts) if parts else np.zeros(0, EVENT)
    kinds = (
        EventKind.INSTRUMENT_DEFINED,
        EventKind.CONTROL_REJECTED,
        EventKind.BALANCE_CHANGED,
        EventKind.PARAMETER_SET,
        EventKind.STATE_CHANGED,
    )
    return events[(events["instrument"] == venue.INSTRUMENT) & ~np.isin(events["kind"], kinds)]


def _symbol(day: Day) -> str:
    return day.ticker[:8]


def _about(day: Day, plan: Plan) -> dict[str, Any]:
    return {
        "ticker": day.ticker,
        "levels": day.levels,
        "messages": len(plan.messages),
        "reveals": plan.reveals,
        "reveal_cancels": plan.reveal_cancels,
        "unexplained_rows": len(plan.unexplained_rows),
        "impossible_fills": plan.impossible_fills,
    }


def _result(plan: Plan, answers: Answers, judged: Comparison, source: str) -> dict[str, Any]:
    fills = judged.fills + plan.impossible_fills
    return {
        "compared_with": source,
        "rows": judged.rows,
        "rows_equal": judged.rows_equal,
        "rows_equal_share": judged.rows_equal / max(1, judged.rows),
        "rows_equal_by_level": judged.rows_equal_by_level,
        "first_difference": judged.first_difference,
        "fills": fills,
        "fills_hit": judged.fills_hit,
        "fills_hit_share": judged.fills_hit / max(1, fills),
        "fills_named": judged.fills_named,
        "fills_named_hit": judged.fills_named_hit,
        "trades": plan.trades,
        "answers": len(answers.messages),
        "exchange_s": answers.seconds,
        "messages_per_s": len(plan.messages) / max(1e-9, answers.seconds),
    }


def _print(result: dict[str, Any]) -> None:
    print(
        f"{result['file']}: {result['ticker']}, {result['rows']:,} rows, {result['levels']} levels"
    )
    print(
        f"  sent {result['messages']:,} messages ({result['reveals']:,} orders and"
        f" {result['reveal_cancels']:,} cancels for levels that came into view),"
        f" {result['answers']:,} answers in {result['exchange_s']:.2f} s"
        f" ({result['messages_per_s']:,.0f} messages/s)"
    )
    share = 100 * result["rows_equal_share"]
    print(
        f"  rows equal at all levels: {result['rows_equal']:,} of {result['rows']:,}"
        f" ({share:.4f} %), by the {result['compared_with']}"
        + (
            f"; by the session's messages {result['session_rows_equal']:,}"
            if "session_rows_equal" in result
            else ""
        )
    )
    print(
        f"  fills that hit the very order the file names: {result['fills_hit']:,} of"
        f" {result['fills']:,} ({100 * result['fills_hit_share']:.3f} %),"
        f" {result['trades']:,} trades"
    )
    if result["unexplained_rows"]:
        print(f"  rows that the file's own messages do not explain: {result['unexplained_rows']:,}")
    if result["first_difference"]:
        print(f"  first difference: {result['first_difference']}")
