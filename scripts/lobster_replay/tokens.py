"""Tokens that a run has for itself, so that a day may be sent twice to one exchange.

An exchange ignores a token that its session has used today, without an answer. The plan's tokens
follow from the file, so each run puts others in their place and takes them back out of the answers.
It also says which orders still rest: the next run wants an empty book.
"""

from __future__ import annotations

import secrets

from scripts.lobster_replay.plan import Plan

TAG_BYTES = 4  # 8 hexadecimal digits before the number of the order
_TOKEN = slice(9, 23)  # of every message about an order
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class RunTokens:
    """The tokens of one run of ``plan``."""

    def __init__(self, plan: Plan) -> None:
        tag = secrets.token_hex(TAG_BYTES)
        names = dict.fromkeys(message.token for message in plan.messages)
        self._sent = {name: tag + _base_36(number) for number, name in enumerate(names)}
        self._back = {
            sent.encode().ljust(14): name.encode().ljust(14) for name, sent in self._sent.items()
        }

    def sent(self, plan: Plan) -> Plan:
        """``plan`` with the run's tokens."""
        return plan._replace(
            messages=[m._replace(token=self._sent[m.token]) for m in plan.messages]
        )

    def back(self, messages: list[bytes]) -> list[bytes]:
        """Answers with the plan's tokens again."""
        return [
            message[:9] + self._back[message[_TOKEN]] + message[23:]
            if message[_TOKEN] in self._back
            else message
            for message in messages
        ]


def resting(messages: list[bytes]) -> list[bytes]:
    """Tokens (14 bytes) of the orders that, by these answers, are still in the book."""
    left: dict[bytes, int] = {}
    for message in messages:
        letter, token = message[:1], message[_TOKEN]
        if letter == b"A":
            left[token] = int.from_bytes(message[24:28], "big")
        elif letter in (b"E", b"C") and token in left:
            left[token] -= int.from_bytes(message[23:27], "big")
    return [token for token, shares in left.items() if shares > 0]


def _base_36(number: int) -> str:
    digits = ""
    while number or not digits:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits
