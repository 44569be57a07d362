"""Whether the gRPC server and the call-back client are encrypted where they must be.

Who uses it: the checks of the settings.

Decision CON-43.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Protocol

Wrong = tuple[str, str, str]  # section, key, what is wrong


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Encrypted(Protocol):
    """What has certificates."""

    @property
    def certificate_file(self) -> str: ...

    @property
    def private_key_file(self) -> str: ...

    @property
    def plaintext(self) -> bool: ...


class Server(Encrypted, Protocol):
    """The section [grpc]."""

    @property
    def enabled(self) -> bool: ...

    @property
    def host(self) -> str: ...


class Client(Encrypted, Protocol):
    """The section [callback]."""

    @property
    def ca_file(self) -> str: ...


def wrong_encryption(grpc: Server, callback: Client) -> Iterator[Wrong]:
    """A gRPC server, or a service to call, that would be spoken to in the open by accident."""
    if bool(grpc.certificate_file) != bool(grpc.private_key_file):
        yield "grpc", "private_key_file", "goes with certificate_file: both or none"
    elif grpc.enabled and not (grpc.certificate_file or grpc.plaintext or is_loopback(grpc.host)):
        what = f"is needed on {grpc.host}; plaintext = true where something else encrypts"
        yield "grpc", "certificate_file", what
    if bool(callback.certificate_file) != bool(callback.private_key_file):
        yield "callback", "private_key_file", "goes with certificate_file: both or none"
    if callback.plaintext and (callback.ca_file or callback.certificate_file):
        yield "callback", "plaintext", "uses no certificates: leave out the files, or set it false"
