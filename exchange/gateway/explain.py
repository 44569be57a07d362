"""What a client is told when its bytes are not a correct message: what, where, what is allowed."""

from __future__ import annotations

from exchange.gateway import ouch
from exchange.gateway.decoder import Stop

_ALLOWED_MESSAGES = "allowed are 'O' (48 or 49 bytes), 'U' (47), 'X' (19), 'M' (20)"
_ALLOWED_PACKETS = "allowed are 'U' (unsequenced data), 'R' (heartbeat), 'O' (logout), '+' (debug)"


def _letter(code: int) -> str:
    return f"'{chr(code)}'" if 0x20 < code < 0x7F else f"0x{code:02x}"


def explain_stop(stop: int, detail: int, length: int, position: int, messages: int) -> str | None:
    """The text of the debug packet, None for a logout.

    ``stop``, ``detail``, ``length``: see decoder.py. ``position``: bytes of correct packets after
    the login; ``messages``: order messages among them.
    """
    where = f"at byte {position} after the login, after {messages} messages"
    if stop == Stop.LOGOUT:
        return None
    if stop == Stop.LOGIN_TWICE:
        return f"login request in a logged-in connection {where}; {_ALLOWED_PACKETS}"
    if stop == Stop.UNKNOWN_PACKET:
        return f"unknown packet type {_letter(detail)} {where}; {_ALLOWED_PACKETS}"
    if stop == Stop.PACKET_LENGTH:
        if length == 0:
            return f"packet of length 0 {where}; the length counts at least the type byte"
        return f"packet {_letter(detail)} of length {length} {where}; {_ALLOWED_PACKETS}"
    if stop == Stop.UNKNOWN_MESSAGE:
        return f"unknown OUCH message {_letter(detail)} {where}; {_ALLOWED_MESSAGES}"
    assert stop == Stop.MESSAGE_LENGTH
    allowed = " or ".join(str(size) for size in ouch.INBOUND_SIZES_BYTES[detail])
    what = f"OUCH message {_letter(detail)} of {length - 1} bytes"
    return f"{what} {where}; it must have {allowed} bytes"
