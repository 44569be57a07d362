"""The messages of a plan as bytes for the wire, all at once, and what the answers will be."""

from __future__ import annotations

import numpy as np

from exchange.codes import TIME_IN_FORCE_IMMEDIATE, TIME_IN_FORCE_MARKET_HOURS
from exchange.gateway.protocol import ouch
from scripts.lobster_replay.book import BID
from scripts.lobster_replay.plan import Plan

ENTER_KEY = ("O", ouch.ENTER_SIZE_BYTES)
CANCEL_KEY = ("X", ouch.CANCEL_SIZE_BYTES)
_HEADER_BYTES = 2  # the length itself is not counted in the length


def padded(texts: list[bytes], size: int) -> np.ndarray:
    """Left-justified, space-padded alphanumeric fields: bytes of shape S``size``."""
    return np.array([text.ljust(size) for text in texts], f"S{size}")


def encode(plan: Plan, symbol: str) -> np.ndarray:
    """All messages of ``plan`` with their SoupBinTCP headers: uint8[bytes]."""
    is_cancel = np.array([message.price < 0 for message in plan.messages], bool)
    tokens = padded([message.token.encode() for message in plan.messages], 14)
    shares = np.array([message.shares for message in plan.messages], np.int64)
    side = np.array([message.side for message in plan.messages], np.int64)
    price = np.array([message.price for message in plan.messages], np.int64)
    immediate = np.array([message.is_immediate for message in plan.messages], bool)

    enters = np.zeros(int((~is_cancel).sum()), ouch.INBOUND_FRAMED[ENTER_KEY])
    enters["length"] = enters.itemsize - _HEADER_BYTES
    enters["packet"], enters["type"] = b"U", b"O"
    enters["token"] = tokens[~is_cancel]
    enters["side"] = np.where(side[~is_cancel] == BID, b"B", b"S")
    enters["shares"] = shares[~is_cancel]
    enters["stock"] = symbol.encode().ljust(8)
    enters["price"] = price[~is_cancel]
    enters["time_in_force"] = np.where(
        immediate[~is_cancel], TIME_IN_FORCE_IMMEDIATE, TIME_IN_FORCE_MARKET_HOURS
    )
    enters["firm"] = b"    "
    enters["display"], enters["capacity"], enters["intermarket_sweep"] = b"Y", b"A", b"N"
    enters["cross_type"], enters["customer_type"] = b"N", b"R"

    cancels = np.zeros(int(is_cancel.sum()), ouch.INBOUND_FRAMED[CANCEL_KEY])
    cancels["length"] = cancels.itemsize - _HEADER_BYTES
    cancels["packet"], cancels["type"] = b"U", b"X"
    cancels["token"] = tokens[is_cancel]
    cancels["shares"] = shares[is_cancel]

    sizes = np.where(is_cancel, cancels.itemsize, enters.itemsize)
    ends = np.cumsum(sizes)
    starts = ends - sizes
    data = np.zeros(int(ends[-1]) if len(ends) else 0, np.uint8)
    for part, where in ((enters, ~is_cancel), (cancels, is_cancel)):
        places = starts[where][:, None] + np.arange(part.itemsize)
        data[places] = part.view(np.uint8).reshape(len(part), part.itemsize)
    return data


def cancels(tokens: list[bytes]) -> np.ndarray:
    """uint8: a Cancel of each order, whole."""
    data = np.zeros(len(tokens), ouch.INBOUND_FRAMED[CANCEL_KEY])
    data["length"] = data.itemsize - _HEADER_BYTES
    data["packet"], data["type"] = b"U", b"X"
    data["token"] = tokens
    return data.view(np.uint8)


def answers(plan: Plan) -> int:
    """How many sequenced messages the session gets: one each, and two for every trade."""
    return len(plan.messages) + 2 * plan.trades
