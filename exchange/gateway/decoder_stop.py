"""Why the decoder stops, and the text that a client gets when its bytes are malformed.

Who uses it: decoder.py and intake.py (the codes), the gateway (the texts).
"""

from __future__ import annotations

from enum import IntEnum

from exchange.gateway.protocol import ouch


class Stop(IntEnum):
    """Why the decoder stopped at a frame. The comment says what the detail is; else it is 0."""

    NEED_MORE = 0  # the frame is not complete yet
    NO_ROOM = 1  # the ingress ring is full: the caller reads again later
    # From here on the connection ends.
    LOGOUT = 2  # detail: packet type
    UNKNOWN_PACKET = 3  # detail: packet type
    PACKET_LENGTH = 4  # a length that this packet type cannot have; detail: packet type
    UNKNOWN_MESSAGE = 5  # detail: OUCH type
    MESSAGE_LENGTH = 6  # a length that this OUCH message cannot have; detail: OUCH type
    LOGIN_TWICE = 7  # detail: packet type


_ALLOWED_MESSAGES = "allowed are 'O' (48 or 49 bytes), 'U' (47), 'X' (19), 'M' (20)"
_ALLOWED_PACKETS = "allowed are 'U' (unsequenced data), 'R' (heartbeat), 'O' (logout), '+' (debug)"


def _letter(code: int) -> str:
    return f"'{chr(code)}'" if 0x20 < code < 0x7F else f"0x{code:02x}"


def explain_stop(stop: int, detail: int, length: int, offset: int, messages: int) -> str | None:
    """The text of the debug packet, None for a logout: what is wrong, where, and what is allowed.

    ``stop``, ``detail``: see Stop. ``length``: the frame's length field. ``offset``: bytes of
    correct packets after the login; ``messages``: order messages among them.
    """
    where = f"at byte {offset} after the login, after {messages} messages"
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
