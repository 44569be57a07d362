"""Reports of events, against the steps that the WebSocket makes of the same events."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest
from store_world import random_events

from exchange.api.websocket.execution_reports import EVENT_NAMES, Step, event_name, steps_of
from exchange.codes import EventKind, Side
from exchange.connect.directory import Directory
from exchange.connect.rabbitmq.reports import MAKER, TAKER, ReportRecord, report_records

SEEDS = range(4)
COMMANDS = 1_500


def records_of(events: np.ndarray) -> tuple[list[ReportRecord], Directory]:
    directory = Directory()
    directory.learn(events)
    return list(report_records(events, directory)), directory


def agrees(step: Step, said: dict[str, Any]) -> None:
    """What ``said`` says is what the step says."""
    assert said["event"] == event_name(step)
    assert said["order_id"] == step.order_id
    assert said["timestamp"] == step.timestamp_ns // 1_000_000
    if step.side < len(Side):
        assert said["side"] == Side(step.side).name.lower()
    kind = EventKind(step.kind)
    match kind:
        case EventKind.TRADE:
            assert (said["last_price"], said["last_quantity"]) == (step.price, step.quantity)
            assert said["trade_id"] == step.sequence + 1
            assert said["liquidity"] == ("taker" if step.is_aggressor else "maker")
        case EventKind.CANCELED:
            assert said["cancelled_quantity"] == step.quantity
        case EventKind.SELF_TRADE_PREVENTED:
            assert said["prevented_quantity"] == step.quantity
        case EventKind.REJECTED | EventKind.CANCEL_REJECTED:
            assert said["reject_code"] == 10_000 + step.reason
    asked = (EventKind.ACCEPTED, EventKind.REPLACED, EventKind.REJECTED)
    if kind in asked:
        assert (said["price"] or 0, said["quantity"]) == (step.price, step.quantity)
    silent = step.is_aggressor or kind in (*asked, EventKind.CANCEL_REJECTED)
    assert said.get("remaining_quantity") == (None if silent else step.remaining)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_account_is_told_what_the_websocket_would_tell_it(seed: int) -> None:
    events = random_events(seed, COMMANDS)
    records, directory = records_of(events)
    told: dict[int, list[ReportRecord]] = {}
    for record in records:
        told.setdefault(record.account, []).append(record)
    accounts = set(directory.accounts[directory.accounts > 0].tolist())
    assert set(told) <= accounts and len(told) > 1
    for account in accounts:
        steps = [
            step
            for step in steps_of(events, directory.accounts, account)
            if step.kind in EVENT_NAMES
        ]
        found = told.get(account, [])
        assert [(record.sequence, record.part) for record in found] == [
            (step.sequence, TAKER if step.is_aggressor else MAKER) for step in steps
        ]
        for step, record in zip(steps, found, strict=True):
            said = json.loads(record.text)
            assert (said["sequence"], said["account"]) == (step.sequence, account)
            agrees(step, said)


def test_all_kinds_are_there_and_parts_tell_reports_apart() -> None:
    seen = Counter[str]()
    for seed in SEEDS:
        records, _ = records_of(random_events(seed, COMMANDS))
        names = [(record.sequence, record.part) for record in records]
        assert names == sorted(set(names))
        seen.update(json.loads(record.text)["event"] for record in records)
    assert {"accepted", "rejected", "replaced", "cancelled", "filled"} <= set(seen)


def test_a_token_with_quotes_is_json() -> None:
    events = random_events(0, COMMANDS)
    accepted = events[events["kind"] == EventKind.ACCEPTED][:1].copy()
    accepted["token_0"] = int.from_bytes(b'a"\\b    ', "little")
    accepted["token_1"] = int.from_bytes(b"    ", "little")
    accepted["token_2"] = int.from_bytes(b"  ", "little")
    directory = Directory()
    directory.learn(events)
    (record,) = report_records(accepted, directory)
    assert json.loads(record.text)["client_order_id"] == 'a"\\b'


def test_without_an_account_there_is_no_report() -> None:
    assert list(report_records(random_events(0, COMMANDS), Directory())) == []
