"""exchange.toml: keys, types and ranges of the sections, and what two keys must agree on."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.errors import ConfigurationError
from exchange.settings import (
    load,
)
from tests.harness.files import written


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[order_entry]\nprt = 1", "a.toml:2: [order_entry]: prt: unknown key; did you mean port?"),
        ("[order_entry]\n\nport = 70000", "a.toml:3: [order_entry]: port: must be an integer from"),
        ('[order_entry]\nport = "x"', "must be an integer from 0 to 65535, not 'x'"),
        ("[order_entry]\nport = 1.5", "must be an integer from 0 to 65535, not 1.5"),
        ("[order_entry]\nport = true", "must be an integer from 0 to 65535, not True"),
        ("[nope]\na = 1", "a.toml:1: [nope]: unknown key (allowed: exchange, day,"),
        ("x = 1", "a.toml:1: top level: x: unknown key"),
        ("rings = 3", "a.toml:1: top level: rings: must be a table"),
        ("[rings]\ncommands = 1000", "must be a power of two, for example 512 or 1024, not 1000"),
        ('[day]\ntimezone = "Mars"', "[day]: timezone: not a time zone"),
        ('[day]\nroll = "weekly"', 'roll: must be one of "daily", "manual", not \'weekly\''),
        ('[day]\nroll_time = "25:00:00"', "[day]: roll_time: must be a string that matches"),
        ("[cpu]\nmatcher = [-1]", "[cpu]: matcher: must be a list"),
        ("[journal]\nsegment_bytes = 65537", "[journal]: segment_bytes:"),
        ("[journal]\nbatch = 1048576", "batch: must not exceed rings.commands"),
        ("[order_entry]\nclient_timeout_ms = 1000", "must be greater than heartbeat_interval_ms"),
        ("[order_entry]\nport =", "is not TOML"),
        (
            "[risk]\nprice_band_percent = 200",
            "a.toml:2: [risk]: price_band_percent: must be from 0",
        ),
        ("[risk]\norders_per_day = -1", "orders_per_day: must be an integer from 0 to 2147483647"),
        ('[risk]\nself_trade_prevention = "x"', 'must be one of "cancel_both"'),
        ("[risk]\nmay_short = 1", "[risk]: may_short: must be true or false, not 1"),
        ("[api]\nport = 65536", "a.toml:2: [api]: port: must be an integer from 0 to 65535"),
        ("[api]\nnice = -1", "[api]: nice: must be an integer from 0 to 19, not -1"),
        ('[api]\nallowed_origins = ["example.org"]', "[api]: allowed_origins: must be a list"),
        (
            '[api]\ntrusted_proxies = ["10.0.0.0/8", "proxy"]',
            "a.toml:2: [api]: trusted_proxies: not an address or network such as 10.0.0.0/8:",
        ),
        ("[feed]\nworkers = 5", "[feed]: workers: must be an integer from 0 to 4, not 5"),
        ("[feed]\ndrop_bytes = 2048", "drop_bytes: must not be below conflate_bytes (262144)"),
        (
            '[archive]\ndirectory = "there"\ncommand = ["cp", "{file}", "there"]',
            "a.toml:3: [archive]: command: only one of directory and command can be set",
        ),
        (
            '[archive]\ncommand = ["cp"]',
            "[archive]: command: must be a program and arguments, one of them with {file} in it",
        ),
        ('[kafka]\nservers = ["broker"]', "[kafka]: servers: must be a list"),
        ('[kafka]\nca_file = "ca.pem"', "[kafka]: ca_file: must be a string that matches"),
        (
            '[kafka]\nklines_topic = "trade_records"',
            "a.toml:2: [kafka]: klines_topic: 'trade_records' is the topic of trades_topic already",
        ),
        (
            '[kafka]\nsecurity_protocol = "sasl_ssl"\nusername = "exchange"',
            "[kafka]: password_file: security_protocol = 'sasl_ssl' needs it",
        ),
        ("[store]\ndrop_months = 3", "drop_months: must not be below retention_months (0)"),
        ("[retention]\njournal_days = -1", "journal_days: must be an integer from 0 to 36500"),
        ("[snapshot]\ninterval_s = 0", "[snapshot]: interval_s: must be an integer from 1 to"),
        ('[store]\ndsn = "localhost"', "[store]: dsn: must be a string that matches"),
        ("[rings]\ningress_api = 1000", "must be a power of two, for example 512 or 1024"),
        ('[exchange]\nname = "a b"', "[exchange]: name: must be a string that matches"),
    ],
)
def test_bad_settings(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(written(tmp_path, "a.toml", text))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
