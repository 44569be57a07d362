"""Settings of the clients, their log, and what errors mean for the connector."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import KafkaError

from exchange.connect.kafka.client import ClientLog, client_settings, meaning, reader_settings
from exchange.connect.sink import RecordRefused, SinkAway, SinkRefused
from exchange.settings import load_settings

SECTION = load_settings(None).kafka


def test_the_log_has_one_line_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    client_log = ClientLog()
    with caplog.at_level(logging.INFO):
        for _ in range(50):
            client_log.log(logging.ERROR, "%s [%s] %s", "FAIL", "rdkafka#1", "refused")
        client_log.log(logging.INFO, "not worth a line")
    assert client_log.lines == 51
    assert caplog.messages == ["Kafka's client: FAIL [rdkafka#1] refused"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (KafkaError._TIMED_OUT, SinkAway),
        (KafkaError._TRANSPORT, SinkAway),
        (KafkaError.NOT_ENOUGH_REPLICAS, SinkAway),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, SinkRefused),
        (KafkaError._AUTHENTICATION, SinkRefused),
        (KafkaError.MSG_SIZE_TOO_LARGE, RecordRefused),
    ],
)
def test_what_an_error_means(code: int, kind: type[Exception]) -> None:
    assert type(meaning(KafkaError(code), ClientLog())) is kind


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (KafkaError(KafkaError._TRANSPORT, "connection refused"), SinkAway),
        (KafkaError(KafkaError._AUTHENTICATION, "wrong password"), SinkRefused),
        (KafkaError(KafkaError._SSL, "certificate verify failed"), SinkRefused),
        (KafkaError(KafkaError._SSL, "connection reset"), SinkAway),
    ],
)
def test_a_call_that_times_out_is_explained(cause: KafkaError, kind: type[Exception]) -> None:
    client_log = ClientLog()
    client_log.on_error(cause)
    client_log.on_error(KafkaError(KafkaError._ALL_BROKERS_DOWN))
    found = meaning(KafkaError(KafkaError._TIMED_OUT), client_log)
    assert type(found) is kind
    assert cause.str() in str(found)


def test_settings_of_sasl(tmp_path: Path) -> None:
    password = tmp_path / "password"
    section = msgspec.structs.replace(
        SECTION,
        servers=["a:1", "b:2"],
        security_protocol="sasl_ssl",
        username="exchange",
        password_file=str(password),
        ca_file="/etc/ca.pem",
    )
    with pytest.raises(SinkRefused, match="password_file"):
        client_settings(section, ClientLog())
    password.write_text("secret\n")
    found = reader_settings(section, ClientLog())
    assert found["bootstrap.servers"] == "a:1,b:2"
    assert found["sasl.password"] == "secret"
    assert found["ssl.ca.location"] == "/etc/ca.pem"
    assert "ssl.key.location" not in found
    assert found["isolation.level"] == "read_committed"
