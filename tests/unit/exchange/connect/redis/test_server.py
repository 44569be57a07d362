"""What the settings make of a connection, and what errors become. A real server is asked in
tests/connectors/test_redis.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from redis import exceptions

from exchange.connect.redis.server import make_connection, owner_of, told
from exchange.connect.sink import SinkAway, SinkRefused
from exchange.settings import load_settings


def connection(**keys: Any) -> Any:
    return make_connection(msgspec.structs.replace(load_settings(None).redis, **keys))


@pytest.mark.parametrize(
    ("url", "kind", "fields"),
    [
        ("redis://h:63/2", "Connection", {"host": "h", "port": 63, "db": 2}),
        ("redis://h", "Connection", {"host": "h", "port": 6379, "db": 0}),
        ("rediss://[::1]:63", "SSLConnection", {"host": "::1", "port": 63}),
        ("unix:///run/s?db=1", "UnixDomainSocketConnection", {"path": "/run/s", "db": 1}),
    ],
)
def test_urls(url: str, kind: str, fields: dict[str, Any]) -> None:
    made = connection(url=url, timeout_ms=1_500)
    assert type(made).__name__ == kind
    assert {name: getattr(made, name) for name in fields} == fields
    assert made.socket_timeout == 1.5 and made.protocol == 2
    assert made.retry.get_retries() == 0


def test_the_password_is_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("secret\n")
    made = connection(username="u", password_file=str(file))
    assert (made.username, made.password) == ("u", "secret")
    with pytest.raises(SinkRefused, match=r"\[redis\] password_file: .*nothing"):
        connection(password_file=str(tmp_path / "nothing"))


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (exceptions.AuthenticationError("WRONGPASS x"), SinkRefused, "WRONGPASS"),
        (exceptions.NoPermissionError("no permissions to run"), SinkRefused, "no permissions"),
        (exceptions.OutOfMemoryError("used memory"), SinkAway, "raise maxmemory"),
        (exceptions.ResponseError("MISCONF errors writing"), SinkAway, "MISCONF"),
        (exceptions.ConnectionError("refused"), SinkAway, "^refused$"),
        (exceptions.TimeoutError("slow"), SinkAway, "slow"),
        (OSError("no route"), SinkAway, "no route"),
    ],
)
def test_errors(error: Exception, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text), told():
        raise error


def test_an_owner_is_a_data_directory(tmp_path: Path) -> None:
    assert owner_of(tmp_path) == owner_of(tmp_path / "." / "x" / "..")
    assert owner_of(tmp_path) != owner_of(tmp_path / "x")
