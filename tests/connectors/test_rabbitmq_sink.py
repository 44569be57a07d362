"""The sink alone against a real server: position, lock, TLS, and what is refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from rabbitmq_server import NEEDS_RABBITMQ, PASSWORD, RabbitmqServer
from store_world import MemoryArchive, random_events

from exchange.connect.directory import Directory
from exchange.connect.rabbitmq.broker import BrokerParameters
from exchange.connect.rabbitmq.sink import RabbitmqParameters, RabbitmqSink
from exchange.connect.sink import Batch, SinkPosition, SinkRefused, exchange_identity

pytestmark = [NEEDS_RABBITMQ, pytest.mark.needs_jit]

ARCHIVE = MemoryArchive(random_events(1, 1_500))
END = 500


def make_sink(url: str, exchange: str, folder: Path, ca_file: Path | None = None) -> RabbitmqSink:
    password = folder / "password"
    password.write_text(PASSWORD)
    broker = BrokerParameters(url, password_file=password, ca_file=ca_file)
    parameters = RabbitmqParameters(broker, exchange, window=100, lock_wait_s=0.0)
    return RabbitmqSink(parameters, Directory(), ARCHIVE)


def write(sink: RabbitmqSink) -> None:
    sink.begin(0)
    windows, records = sink.encode(ARCHIVE.view(0, END))
    sink.write(Batch(0, END, windows, records))


def test_the_position_is_where_the_records_end(rabbitmq: RabbitmqServer, tmp_path: Path) -> None:
    sink = make_sink(rabbitmq.url, "sink.position", tmp_path)
    assert sink.open() is None
    write(sink)
    sink.close()
    for _ in range(2):  # it stays there when it is read
        assert sink.open() == SinkPosition(END, exchange_identity(ARCHIVE))
        sink.close()


def test_a_second_instance_is_refused(rabbitmq: RabbitmqServer, tmp_path: Path) -> None:
    first, second = (make_sink(rabbitmq.url, "sink.lock", tmp_path) for _ in range(2))
    first.open()
    with pytest.raises(SinkRefused, match="another instance"):
        second.open()
    second.close()
    write(first)
    first.close()
    assert second.open() == SinkPosition(END, exchange_identity(ARCHIVE))
    second.close()


def test_what_a_person_must_put_right(rabbitmq: RabbitmqServer, tmp_path: Path) -> None:
    for url, exchange, said in (
        (rabbitmq.url + "nowhere", "sink.host", "virtual host"),
        (rabbitmq.url, "amq.direct", "reserved prefix"),
    ):
        sink = make_sink(url, exchange, tmp_path)
        with pytest.raises(SinkRefused, match=said):
            sink.open()
        sink.close()


def test_tls(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    server = RabbitmqServer((certificate, key))
    with server:
        url = f"amqps://guest@localhost:{server.tls_port}/"
        trusting = make_sink(url, "sink.tls", tmp_path, certificate)
        assert trusting.open() is None
        write(trusting)
        trusting.close()
        strict = make_sink(url, "sink.tls", tmp_path)
        with pytest.raises(SinkRefused, match="certificate of localhost"):
            strict.open()
        strict.close()
