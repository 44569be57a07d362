"""The status of an order, as people and programs are told.

Who uses it: the account model and everything that shows orders. The API's text is the name in lower
case. Numbers are kept in databases: never renumbered.
"""

from __future__ import annotations

from enum import IntEnum


class OrderStatus(IntEnum):
    NEW = 1
    PARTIAL_FILLED = 2
    FILLED = 3
    CANCELLED = 4
    REJECTED = 5
    PENDING_REVIEW = 6  # held until an operator approves or refuses it
    WAITING = 7  # a stop that has not been triggered
    REPLACED = 8  # another order has taken its place
    EXPIRED = 9  # cancelled by time: good-till-time, or the end of the day
