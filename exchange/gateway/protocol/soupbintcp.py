"""SoupBinTCP 3.00 framing: the packets, their layouts, and their Python encoding and parsing.

Who uses it: the decoder and the encoder (constants only), the gateway's Python side (login, logout,
debug) and exchange/client/order_entry.py. Nothing here runs once per message.

Every packet::

     0        1        2        3                       2 + length
     +--------+--------+--------+-----------------------+
     | length (u16 BE) |  type  | payload: length - 1   |
     +--------+--------+--------+-----------------------+

``length`` counts the type byte and the payload, not itself.

    L login request   47 = type | username 6 | password 10 | session 10 | sequence 20
    A login accepted  31 = type | session 10 | next sequence number 20
    J login rejected   2 = type | reason: 'A' not authorized, 'S' session not available
    S sequenced data     = type | one message          server to client
    U unsequenced data   = type | one message          client to server
    H / R heartbeat    1 = type                        server / client
    Z end of session   1 = type                        server to client
    O logout request   1 = type                        client to server
    + debug              = type | text                 both

Username and password are left-justified, session and sequence right-justified, all padded with
spaces. Real clients justify either way, so both sides of every field are stripped on reading.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

HEADER_SIZE_BYTES = 3  # length and type
LENGTH_SIZE_BYTES = 2

LOGIN_REQUEST = ord("L")
LOGIN_ACCEPTED = ord("A")
LOGIN_REJECTED = ord("J")
SEQUENCED_DATA = ord("S")
UNSEQUENCED_DATA = ord("U")
SERVER_HEARTBEAT = ord("H")
CLIENT_HEARTBEAT = ord("R")
END_OF_SESSION = ord("Z")
LOGOUT_REQUEST = ord("O")
DEBUG = ord("+")

LOGIN_REQUEST_LENGTH = 47
LOGIN_ACCEPTED_LENGTH = 31
EMPTY_LENGTH = 1
LOGIN_REQUEST_SIZE_BYTES = LENGTH_SIZE_BYTES + LOGIN_REQUEST_LENGTH

REJECTED_NOT_AUTHORIZED = "A"
REJECTED_SESSION_NOT_AVAILABLE = "S"

USERNAME_SIZE_BYTES = 6
PASSWORD_SIZE_BYTES = 10
SESSION_SIZE_BYTES = 10
SEQUENCE_SIZE_BYTES = 20

_LOGIN = struct.Struct("!HB6s10s10s20s")
_ACCEPTED = struct.Struct("!HB10s20s")


class MalformedPacket(ValueError):
    """Bytes that are not a SoupBinTCP packet, or not the packet that is allowed here."""


class LoginRequest(NamedTuple):
    """What a client asks for. ``session`` is blank for the current one; see ``sequence``."""

    username: str
    password: str
    session: str
    sequence: int  # 1 = from the start, 0 = from the next message, N = resume at N


class LoginAccepted(NamedTuple):
    session: str
    sequence: int  # number of the next sequenced message


class Packet(NamedTuple):
    """One parsed packet: its type byte as an integer and its payload."""

    type: int
    payload: bytes


def packet(packet_type: int, payload: bytes = b"") -> bytes:
    """Frame ``payload`` (at most 65,534 bytes)."""
    return struct.pack("!HB", 1 + len(payload), packet_type) + payload


def debug(text: str) -> bytes:
    """A debug packet; ``text`` is cut to 1,000 ASCII characters."""
    return packet(DEBUG, text.encode("ascii", "replace")[:1000])


def login_request(request: LoginRequest) -> bytes:
    """The 49 bytes of a login request. Raises ValueError when a field does not fit."""
    sequence = str(request.sequence)
    for text, size in (
        (request.username, USERNAME_SIZE_BYTES),
        (request.password, PASSWORD_SIZE_BYTES),
        (request.session, SESSION_SIZE_BYTES),
        (sequence, SEQUENCE_SIZE_BYTES),
    ):
        if len(text.encode("ascii")) > size:
            raise ValueError(f"login field longer than {size} characters")
    return _LOGIN.pack(
        LOGIN_REQUEST_LENGTH,
        LOGIN_REQUEST,
        request.username.encode("ascii").ljust(USERNAME_SIZE_BYTES),
        request.password.encode("ascii").ljust(PASSWORD_SIZE_BYTES),
        request.session.encode("ascii").rjust(SESSION_SIZE_BYTES),
        sequence.encode("ascii").rjust(SEQUENCE_SIZE_BYTES),
    )


def parse_login_request(data: bytes) -> LoginRequest:
    """Parse exactly one login request packet (49 bytes). Raises MalformedPacket."""
    if len(data) != LOGIN_REQUEST_SIZE_BYTES:
        raise MalformedPacket(f"login request of {len(data)} bytes, must be 49")
    length, packet_type, username, password, session, sequence = _LOGIN.unpack(data)
    if length != LOGIN_REQUEST_LENGTH or packet_type != LOGIN_REQUEST:
        raise MalformedPacket("not a login request (type 'L', length 47)")
    digits = sequence.strip(b" \0")
    if not digits.isdigit():
        raise MalformedPacket("requested sequence number is not a decimal number")
    return LoginRequest(
        username.strip(b" \0").decode("latin-1"),
        password.strip(b" \0").decode("latin-1"),
        session.strip(b" \0").decode("latin-1"),
        int(digits),
    )


def login_accepted(accepted: LoginAccepted) -> bytes:
    """The 33 bytes of a login accepted packet. It must end its own TCP segment."""
    return _ACCEPTED.pack(
        LOGIN_ACCEPTED_LENGTH,
        LOGIN_ACCEPTED,
        accepted.session.encode("ascii").rjust(SESSION_SIZE_BYTES),
        str(accepted.sequence).encode("ascii").rjust(SEQUENCE_SIZE_BYTES),
    )


def parse_login_accepted(payload: bytes) -> LoginAccepted:
    """Parse the payload of a login accepted packet (30 bytes). Raises MalformedPacket."""
    digits = payload[SESSION_SIZE_BYTES:].strip(b" \0")
    if len(payload) != LOGIN_ACCEPTED_LENGTH - 1 or not digits.isdigit():
        raise MalformedPacket("login accepted is malformed")
    return LoginAccepted(payload[:SESSION_SIZE_BYTES].strip(b" \0").decode("ascii"), int(digits))


def login_rejected(reason: str) -> bytes:
    return packet(LOGIN_REJECTED, reason.encode("ascii"))


def session_name(day_number: int, session: int) -> str:
    """Name of a session's message stream on one day: 10 digits.

    ``day_number`` is YYYYMMDD, ``session`` the session id; each keeps its last five digits.
    """
    return f"{day_number % 100000:05d}{session % 100000:05d}"


def split_packets(buffer: bytearray) -> Iterator[Packet]:
    """Yield and remove the complete packets at the front of ``buffer``. Raises MalformedPacket."""
    position = 0
    try:
        while len(buffer) - position >= LENGTH_SIZE_BYTES:
            length = (buffer[position] << 8) | buffer[position + 1]
            if length == 0:
                raise MalformedPacket("packet of length 0")
            end = position + LENGTH_SIZE_BYTES + length
            if len(buffer) < end:
                break
            found = Packet(buffer[position + 2], bytes(buffer[position + 3 : end]))
            position = end
            yield found
    finally:
        del buffer[:position]
