"""The shipped settings as parameters."""

from __future__ import annotations

from pathlib import Path

import msgspec

from exchange.connect.rabbitmq.wiring import broker_of, parameters_of
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
