"""The shipped settings as parameters."""

from __future__ import annotations

import datetime
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from exchange.access.keys import READ, TRADE, KeyFile, KeyStore
from exchange.connect.rabbitmq import wiring
from exchange.connect.rabbitmq.wiring import (
    api_url_finder,
    broker_of,
    key_finder,
    parameters_of,
)
from exchange.connect.sink import SinkAway, SinkRefused
from exchange.settings import load_settings

FOLDER = Path("/var/lib/exchange")


def test_files_are_relative_to_the_data_directory() -> None:
    section = load_settings(None).rabbitmq
    broker = broker_of(section, FOLDER)
    assert (broker.password_file, broker.ca_file, broker.key_file) == (None, None, None)
    changed = msgspec.structs.replace(section, password_file="password", ca_file="/etc/ca.pem")
    broker = broker_of(changed, FOLDER)
    assert broker.password_file == FOLDER / "password"
    assert broker.ca_file == Path("/etc/ca.pem")


def test_parameters_are_those_of_the_section() -> None:
    section = load_settings(None).rabbitmq
    parameters = parameters_of(section, FOLDER)
    assert parameters.exchange == section.exchange
    assert parameters.confirm_timeout_s == section.confirm_timeout_ms / 1000
    assert (parameters.stream, parameters.window) == ("", section.window)


def test_a_key_that_may_trade_is_found(tmp_path: Path) -> None:
    file = KeyFile(tmp_path)
    now = datetime.datetime.now(datetime.UTC)
    trade, secret = file.make(1, [TRADE], "", now)
    read, _ = file.make(1, [READ], "", now)
    keys = KeyStore(tmp_path)
    found = key_finder(keys, trade.id)()
    assert (found.id, found.secret) == (trade.id, secret)
    with pytest.raises(SinkRefused, match="may read, but not trade"):
        key_finder(keys, read.id)()
    file.revoke(trade.id, now)
    with pytest.raises(SinkRefused, match="or it was revoked"):
        key_finder(keys, trade.id)()
    (tmp_path / "keys.json").write_text("damaged")
    with pytest.raises(SinkRefused, match="is damaged"):
        key_finder(keys, trade.id)()


def test_the_api_is_where_the_daemon_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    addresses: dict[str, str] = {}
    find = api_url_finder(tmp_path)
    with pytest.raises(SinkAway, match="does not listen yet"):
        find()
    monkeypatch.setattr(wiring, "read_run_file", lambda _: SimpleNamespace(addresses=addresses))
    with pytest.raises(SinkAway, match="does not listen yet"):
        find()
    for address, url in {
        "10.0.0.1:8081": "http://10.0.0.1:8081",
        "0.0.0.0:8081": "http://127.0.0.1:8081",
        "[::]:8081": "http://[::1]:8081",
    }.items():
        addresses["api"] = address
        assert find() == url
