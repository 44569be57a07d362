"""Events as rows: ``order_events`` (all of them), ``trades``, and what they define.

Who uses it: the encoder and the check. Everything here follows from the events alone; names and
accounts come from the definitions among them (``StoreNames``), which never change once they are
made.
Columns are built with numpy, rows by compiled code: 0.3 us an event.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from exchange.codes import FLAG_LEVEL, EventKind, Side
from exchange.records import EVENT, EVENT_TOKEN_0, TOKEN_BYTES
from exchange.store.rows import event_kinds as kinds
from exchange.store.rows.copy_format import (
    NO_TEXT,
    ORDER_EVENTS,
    TRADES,
    Rows,
    or_null,
    present,
    timestamps,
)
from exchange.store.rows.event_details import (
    CurrencyRow,
    InstrumentRow,
    SessionRow,
    currency_row,
    details,
    instrument_row,
    session_row,
)
from exchange.store.rows.texts import Texts

JSONB_VERSION = b"\x01"
NUMBERS = 1 << 16  # instruments and sessions are numbered with 16 bits


class Definitions(NamedTuple):
    """Definitions in a batch of events, in order."""

    instruments: list[InstrumentRow]
    sessions: list[SessionRow]
    currencies: list[CurrencyRow]

    def __bool__(self) -> bool:
        return bool(self.instruments or self.sessions or self.currencies)


class StoreNames:
    """Symbols, accounts of sessions and currencies, by number; and the texts of all columns."""

    def __init__(self) -> None:
        self.texts = Texts()
        self.symbols = np.full(
            NUMBERS, NO_TEXT, np.int64
        )  # instrument: number of its symbol's text
        self.accounts = np.zeros(NUMBERS, np.int64)  # session: its account, 0 = none
        self.currencies: dict[int, str] = {}
        number = self.texts.number
        self.kinds = np.array([number(each) for each in kinds.KIND_NAMES], np.int64)
        self.sides = np.array([number(each) for each in kinds.SIDE_NAMES], np.int64)
        self.types = np.array([number(each) for each in kinds.TYPE_NAMES], np.int64)
        self.trade_reasons = np.array([number(each) for each in kinds.TRADE_NAMES], np.int64)
        self.reasons = np.full((kinds.KINDS, 256), NO_TEXT, np.int64)
        for kind in EventKind:
            for reason in range(256):
                said = kinds.reason_name(kind, reason)
                if said is not None:
                    self.reasons[kind, reason] = number(said)

    def learn(self, definitions: Definitions) -> None:
        """Take in what was defined."""
        for currency in definitions.currencies:
            self.currencies[currency.number] = currency.code
        for instrument in definitions.instruments:
            self.symbols[instrument.number] = self.texts.number(instrument.symbol)
        for session in definitions.sessions:
            self.accounts[session.number] = session.user_id

    def symbol(self, instrument: int) -> str:
        """The symbol of an instrument; one that is not defined is called by its number."""
        number = int(self.symbols[instrument])
        return f"#{instrument}" if number < 0 else self.texts.text(number)

    def currency_texts(self) -> np.ndarray:
        """Numbers of the currencies' texts, by currency: int64[256], NO_TEXT where there is
        none."""
        found = np.full(256, NO_TEXT, np.int64)
        for currency, code in self.currencies.items():
            found[currency] = self.texts.number(code)
        return found


def definitions_of(events: np.ndarray, currencies: dict[int, str]) -> Definitions:
    """Definitions in ``events``; ``currencies``: those known before, number -> code."""
    found = Definitions([], [], [])
    at = np.flatnonzero(kinds.DEFINES[events["kind"]])
    if len(at) == 0:
        return found
    known = dict(currencies)
    for event in events[at]:
        kind = int(event["kind"])
        if kind == EventKind.CURRENCY_DEFINED:
            row = currency_row(event)
            known[row.number] = row.code
            found.currencies.append(row)
        elif kind == EventKind.INSTRUMENT_DEFINED:
            code = known.get(int(event["currency"]), str(event["currency"]))
            found.instruments.append(instrument_row(event, code))
        else:
            found.sessions.append(session_row(event))
    return found


def tokens_of(events: np.ndarray) -> np.ndarray:
    """The tokens of contiguous events: uint8[n, 14]."""
    octets = events.view(np.uint8).reshape(-1, EVENT.itemsize)
    first = EVENT_TOKEN_0.offset
    return np.ascontiguousarray(octets[:, first : first + TOKEN_BYTES])


def _int64(events: np.ndarray, field: str) -> np.ndarray:
    return events[field].astype(np.int64)


def event_rows(events: np.ndarray, names: StoreNames) -> Rows:
    """``events`` (EVENT, contiguous) as rows of ``order_events``; ``names`` knows what they
    define."""
    kind = events["kind"].astype(np.intp)
    order = kinds.ABOUT_ORDER[kind]
    contra = kinds.HAS_CONTRA_ORDER[kind]
    trade = kind == EventKind.TRADE
    terms = kind == EventKind.TERMS
    level = (events["flags"] & FLAG_LEVEL) != 0
    time_ns = events["timestamp_ns"]
    sequence = events["sequence"]
    session = _int64(events, "session")
    account = np.where(
        kinds.NAMES_ACCOUNT[kind], _int64(events, "account"), names.accounts[session]
    )
    text = kinds.HAS_TEXT[kind]
    price, quantity = np.where(text, 0, events["price"]), np.where(text, 0, events["quantity"])
    contra_order = events["contra_order_id"]
    remaining = events["remaining"]
    mark = names.texts.mark()
    try:
        columns = (
            sequence,
            events["command_sequence"],
            timestamps(time_ns),
            time_ns % 1_000,
            names.kinds[kind],
            names.symbols[events["instrument"]],
            or_null(account),
            or_null(session),
            present(order, events["order_id"]),
            np.where(kinds.HAS_SIDE[kind], names.sides[events["side"]], NO_TEXT),
            np.where(order, names.types[events["order_type"]], NO_TEXT),
            present(order | (price != 0), price),
            present(order | (quantity != 0), quantity),
            present(kinds.HAS_REMAINING[kind], remaining),
            names.reasons[kind, events["reason"]],
            present(contra, contra_order),
            or_null(names.accounts[np.where(trade, events["contra_session"], 0)]),
            present(level, events["level_quantity"]),
            present(level, _int64(events, "level_orders")),
            present(terms & (contra_order != 0), contra_order),
            present(terms & (remaining != 0), remaining),
            present(order, sequence),
            _details(events, kind, names),
        )
        return ORDER_EVENTS.encode(columns, names.texts, tokens_of(events))
    finally:
        names.texts.forget(mark)


def _details(events: np.ndarray, kind: np.ndarray, names: StoreNames) -> np.ndarray:
    """Numbers of the texts of the details; most are NO_TEXT."""
    column = np.full(len(events), NO_TEXT, np.int64)
    for at in np.flatnonzero(kinds.HAS_DETAILS[kind]).tolist():
        said: dict[str, Any] = details(events[at], names.currencies)
        if said:
            column[at] = names.texts.number(JSONB_VERSION + jsonb_text(said).encode())
    return column


def jsonb_text(said: dict[str, Any]) -> str:
    """``said`` as Postgres prints it: keys by length, then by bytes. So a row has one form only."""
    return json.dumps(
        {key: said[key] for key in sorted(said, key=lambda key: (len(key), key))},
        ensure_ascii=False,
    )


def trade_rows(trades: np.ndarray, names: StoreNames) -> Rows:
    """TRADE events as rows of ``trades``; ``side`` of the event is the maker's."""
    maker_buys = trades["side"] == Side.BUY
    maker, taker = trades["order_id"], trades["contra_order_id"]
    maker_account = names.accounts[trades["session"]]
    taker_account = names.accounts[trades["contra_session"]]
    return TRADES.encode(
        (
            trades["sequence"] + 1,
            names.symbols[trades["instrument"]],
            np.where(maker_buys, maker, taker),
            np.where(maker_buys, taker, maker),
            np.where(maker_buys, maker_account, taker_account),
            np.where(maker_buys, taker_account, maker_account),
            trades["price"],
            trades["quantity"],
            names.sides[trades["contra_side"]],
            names.trade_reasons[trades["reason"]],
            timestamps(trades["timestamp_ns"]),
        ),
        names.texts,
    )


def select(events: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The events where ``mask`` holds, contiguous. As bytes: numpy would copy field by field."""
    octets = events.view(np.uint8).reshape(-1, EVENT.itemsize)[np.flatnonzero(mask)]
    return np.ascontiguousarray(octets).reshape(-1).view(EVENT)


def trades_of(events: np.ndarray) -> np.ndarray:
    """The TRADE events among ``events``."""
    return select(events, events["kind"] == EventKind.TRADE)


__all__: Sequence[str] = (
    "Definitions",
    "StoreNames",
    "definitions_of",
    "event_rows",
    "select",
    "tokens_of",
    "trade_rows",
    "trades_of",
)
