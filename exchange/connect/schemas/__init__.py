"""JSON schemas of the records that other systems get: package data, ``exchange connect schema``.

trade_records.json   a trade (``exchange/connect/trades.py``)
order_events.json    an event of an order (``exchange/connect/kafka/order_events.py``)
klines.json          a one-minute candle (``exchange/connect/kafka/candles.py``)
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def schema_names() -> list[str]:
    """The kinds of record that have a schema."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def schema_text(name: str) -> str:
    """The JSON schema (draft 2020-12) of the records ``name``."""
    return (FOLDER / f"{name}.json").read_text(encoding="utf-8")
