"""gRPC is spoken in the open on a loopback address, or where that is said."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from exchange.settings import load
from exchange.settings.encryption import wrong_encryption

FILES = {"certificate_file": "/c", "private_key_file": "/k"}


@pytest.mark.parametrize(
    ("server", "client", "key"),
    [
        ({}, {}, None),
        ({"host": "0.0.0.0"}, {}, "certificate_file"),
        ({"host": "0.0.0.0", "plaintext": True}, {}, None),
        ({"host": "0.0.0.0", **FILES}, {}, None),
        ({"certificate_file": "/c"}, {}, "private_key_file"),
        ({}, {"private_key_file": "/k"}, "private_key_file"),
        ({}, {"plaintext": True, **FILES}, "plaintext"),
        ({}, FILES, None),
    ],
)
def test_what_is_wrong(server: dict[str, Any], client: dict[str, Any], key: str | None) -> None:
    settings = load(None).settings
    grpc = msgspec.structs.replace(settings.grpc, enabled=True, **server)
    callback = msgspec.structs.replace(settings.callback, **client)
    assert [found for _, found, _ in wrong_encryption(grpc, callback)] == ([key] if key else [])
