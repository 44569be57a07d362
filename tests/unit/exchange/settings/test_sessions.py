"""sessions.toml: what is wrong is named with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.errors import ConfigurationError
from exchange.settings import (
    Session,
    load_sessions,
)
from tests.harness.files import written

SESSION = {"id": "1", "username": '"ABC"', "password": '"scrypt$1$1$1$x$x"', "account": "1"}


def sessions_of(path: Path) -> list[Session]:
    return load_sessions(path, 10, {1})


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("username", '"TOOLONG"', "username: must be a string that matches"),
        ("username", '""', "username: must be a string that matches"),
        ("password", '"plain"', "password: must be a string that matches"),
        ("account", "0", "account: must be an integer from 1 to 1048575"),
        ("account", "2", "account: must be the id of an [[account]]"),
        ("burst", "0", "burst: must be an integer from 1 to 1000000"),
        ("cancel_on_disconnect", "1", "cancel_on_disconnect: must be true or false, not 1"),
        ("id", "10", "id: must be below capacity.sessions (10)"),
        ("extra", "1", "extra: unknown key"),
    ],
)
def test_bad_session(tmp_path: Path, key: str, value: str, expected: str) -> None:
    text = "[[session]]\n" + "\n".join(f"{k} = {v}" for k, v in (SESSION | {key: value}).items())
    with pytest.raises(ConfigurationError) as caught:
        sessions_of(written(tmp_path, "s.toml", text))
    assert expected in str(caught.value)
