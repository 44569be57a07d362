"""Settings of Kafka's clients, what they say, and what their errors mean.

Who uses it: the other modules of this package. librdkafka writes some twenty lines a second while a
broker is away; they are counted, and one a minute reaches the log.

Decision CON-12.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException

from exchange.connect.sink import RecordRefused, SinkAway, SinkRefused

if TYPE_CHECKING:
    from exchange.settings.sections import KafkaSection

log = logging.getLogger(__name__)

LOG_EVERY_S = 60.0
# a person must put something right; everything else is an outage
_REFUSED = frozenset(
    {
        KafkaError._AUTHENTICATION,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError.UNSUPPORTED_VERSION,
        KafkaError._UNSUPPORTED_FEATURE,
        KafkaError.INVALID_REPLICATION_FACTOR,
        KafkaError.INVALID_PARTITIONS,
        KafkaError.POLICY_VIOLATION,
        KafkaError.INVALID_CONFIG,
        KafkaError._INVALID_ARG,
    }
)
_RECORD_REFUSED = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.INVALID_MSG_SIZE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_RECORD,
    }
)
FENCED = frozenset(
    {
        KafkaError._FENCED,
        KafkaError.PRODUCER_FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
    }
)


class ClientLog:
    """Takes the lines of librdkafka (its ``logger``) and its errors (``error_cb``).

    ``lines``: how many there were. ``latest``: the latest error of a connection, which says why a
    call has only timed out.
    """

    def __init__(self) -> None:
        self.lines = 0
        self.latest: KafkaError | None = None
        self._told = 0
        self._tell_at_s = 0.0

    def log(self, level: int, text: str, *arguments: object) -> None:
        """One line; ``level`` as in the module logging."""
        self.lines += 1
        said = text % arguments if arguments else text
        log.debug("%s", said)
        now_s = time.monotonic()
        if level >= logging.WARNING and now_s >= self._tell_at_s:
            more = self.lines - self._told - 1
            self._told, self._tell_at_s = self.lines, now_s + LOG_EVERY_S
            log.info("Kafka's client: %s", said, extra={"fields": {"other_lines": more}})

    def on_error(self, error: KafkaError) -> None:
        """An error of a connection or of the client. "All brokers are down" says no reason."""
        if error.code() != KafkaError._ALL_BROKERS_DOWN:
            self.latest = error


def client_settings(section: KafkaSection, client_log: ClientLog) -> dict[str, Any]:
    """What every client is told. Raises SinkRefused when the file of the password is not there."""
    found: dict[str, Any] = {
        "bootstrap.servers": ",".join(section.servers),
        "client.id": "exchange-connect",
        "security.protocol": section.security_protocol,
        "socket.timeout.ms": section.request_timeout_ms,
        "socket.connection.setup.timeout.ms": section.request_timeout_ms,
        "reconnect.backoff.max.ms": 2_000,
        "log.connection.close": False,
        "logger": client_log,
        "error_cb": client_log.on_error,
    }
    if section.security_protocol.startswith("sasl"):
        try:
            password = Path(section.password_file).read_text().rstrip("\n")
        except OSError as error:
            raise SinkRefused(f"[kafka] password_file: {error}") from None
        found |= {
            "sasl.mechanism": section.sasl_mechanism,
            "sasl.username": section.username,
            "sasl.password": password,
        }
    files = {
        "ssl.ca.location": section.ca_file,
        "ssl.certificate.location": section.certificate_file,
        "ssl.key.location": section.key_file,
    }
    return found | {key: file for key, file in files.items() if file}


def reader_settings(section: KafkaSection, client_log: ClientLog) -> dict[str, Any]:
    """What a consumer is told: only what is committed, from the beginning, in no group."""
    return client_settings(section, client_log) | {
        "group.id": "exchange-connect",  # it joins none: partitions are assigned by hand
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
        "auto.offset.reset": "error",
        # what is read is there already: an answer at once, also when it is empty
        "fetch.wait.max.ms": 5,
        "fetch.queue.backoff.ms": 5,
    }


def meaning(error: KafkaError, client_log: ClientLog) -> Exception:
    """SinkAway, SinkRefused or RecordRefused: what ``error`` is for the connector."""
    code, text = error.code(), error.str()
    if code in _RECORD_REFUSED:
        return RecordRefused(f"Kafka refuses a record: {text}")
    if code in _REFUSED:
        return SinkRefused(text)
    cause = client_log.latest
    if cause is None or cause is error:
        return SinkAway(text)
    if cause.code() in _REFUSED or "certificate verify failed" in cause.str():
        return SinkRefused(cause.str())
    return SinkAway(f"{text}: {cause.str()}")


def error_of(exception: KafkaException) -> KafkaError:
    """The error in ``exception``."""
    error = exception.args[0]
    assert isinstance(error, KafkaError)
    return error
