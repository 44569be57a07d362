"""Names of channels: ``trade.SYMBOL``, ``depth.SYMBOL``, ``kline.SYMBOL.1m``, ``orders`` and so on.

Who uses it: the WebSocket endpoint, which resolves names once, and the hub, which then works with
``Channel`` objects. Symbols may have dots of their own (2330.TW): the kind is what stands before
the first one, and an interval what stands after the last one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum
from typing import NamedTuple


class ChannelKind(Enum):
    """The kinds of channels; the value is the first part of a channel's name."""

    TRADE = "trade"
    DEPTH = "depth"
    DEPTH_DIFF = "depth_diff"
    KLINE = "kline"
    TICKER = "ticker"
    ORDERS = "orders"  # private


PUBLIC_KINDS = tuple(kind.value for kind in ChannelKind if kind is not ChannelKind.ORDERS)
_KINDS = {kind.value: kind for kind in ChannelKind}
DEPTH_LEVELS = ("1", "5", "10", "20", "50", "100", "500", "1000")  # of depth.SYMBOL.LEVELS
NAME_CHARACTERS = 64  # names longer than this are shortened where an error repeats them


class ChannelKey(NamedTuple):
    """Identifies a channel. ``instrument`` 0 and ``variant`` empty: the kind has none.

    ``variant``: the interval of a kline, the number of levels of a depth that has other than most.
    """

    kind: ChannelKind
    instrument: int
    variant: str


ORDERS = ChannelKey(ChannelKind.ORDERS, 0, "")


class UnknownChannel(ValueError):
    """A name is not a channel's; the text shows the wrong part and what is allowed."""


def shortened(name: str) -> str:
    """``name`` as an error may repeat it: of bounded length."""
    return name if len(name) <= NAME_CHARACTERS else name[: NAME_CHARACTERS - 1] + "…"


def resolve(name: str, by_symbol: Mapping[str, int], intervals: Collection[str]) -> ChannelKey:
    """The channel called ``name``. Raises UnknownChannel."""
    kind_name, _, rest = name.partition(".")
    kind = _KINDS.get(kind_name)
    if kind is None:
        raise UnknownChannel(
            f"{shortened(kind_name)!r} is no kind of channel: there are "
            f"{', '.join(f'{each}.SYMBOL' for each in PUBLIC_KINDS if each != 'kline')}, "
            "kline.SYMBOL.INTERVAL and orders"
        )
    if kind is ChannelKind.ORDERS:
        if name != ORDERS.kind.value:
            raise UnknownChannel("the channel orders has no symbol: it is called orders")
        return ORDERS
    interval = ""
    if kind is ChannelKind.KLINE:
        rest, _, interval = rest.rpartition(".")
        if interval not in intervals:
            raise UnknownChannel(
                f"{shortened(interval)!r} is no interval: kline.SYMBOL.INTERVAL with one of "
                f"{', '.join(intervals)}"
            )
    instrument = by_symbol.get(rest)
    if instrument is None and kind is ChannelKind.DEPTH:
        symbol, _, levels = rest.rpartition(".")
        if symbol in by_symbol and levels not in DEPTH_LEVELS:
            raise UnknownChannel(
                f"{shortened(levels)!r} levels cannot be had: depth.SYMBOL.LEVELS with one of "
                f"{', '.join(DEPTH_LEVELS)}; depth_diff.SYMBOL has all"
            )
        interval, instrument = levels, by_symbol.get(symbol)
    if instrument is None:
        raise UnknownChannel(f"no instrument is called {shortened(rest)!r}: see GET /instruments")
    return ChannelKey(kind, instrument, interval)


def name_of(key: ChannelKey, symbol: str) -> str:
    """The name of the channel ``key`` of the instrument called ``symbol``."""
    if key.kind is ChannelKind.ORDERS:
        return str(key.kind.value)
    if key.variant:
        return f"{key.kind.value}.{symbol}.{key.variant}"
    return f"{key.kind.value}.{symbol}"
