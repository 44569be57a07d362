"""A real Kafka broker: KRaft, one node, loopback, a directory of its own.

    with KafkaServer(folder) as server:
        server.address          # 127.0.0.1:PORT
        server.kill()           # kill -9
        server.launch(); server.wait_ready()
        server.pause(); server.resume()

Who uses it: tests and the benchmark. Kafka comes from Maven Central and stays in
``~/.cache/exchange-tests`` (``EXCHANGE_TESTS_CACHE``); who needs it first downloads it, others
wait.
"""

from __future__ import annotations

import base64
import fcntl
import functools
import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from exchange.runtime.process import die_with_parent

VERSION = "4.4.0"
CACHE = Path(os.environ.get("EXCHANGE_TESTS_CACHE") or Path.home() / ".cache" / "exchange-tests")
PROGRAMS = ("java", "mvn")
LIMIT_S = 240.0  # on a machine with much else to do
DOWNLOAD_S = 900.0
JAVA = ("java", "-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>exchange</groupId><artifactId>kafka-for-tests</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
      <version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"""
PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "num.network.threads": "1",
    "num.io.threads": "2",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "log.cleaner.dedupe.buffer.size": "8388608",
    "auto.create.topics.enable": "false",
}


class KafkaMissing(Exception):
    """There is no Kafka here, and none can be had; the message says why."""


def installed() -> Path:
    """The folder of Kafka's jars; downloads them the first time. Raises KafkaMissing."""
    folder = CACHE / f"kafka-{VERSION}"
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if "java" in missing or (missing and not folder.is_dir()):
        raise KafkaMissing(f"not installed: {', '.join(missing)}")
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            _download(folder)
    return folder


def _download(folder: Path) -> None:
    """Fill ``folder`` at once: it is whole, or not there."""
    work = CACHE / f"kafka-{VERSION}.new"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    (work / "pom.xml").write_text(POM)
    done = subprocess.run(
        ["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=jars"],
        cwd=work,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DOWNLOAD_S,
    )
    if done.returncode != 0:
        shutil.rmtree(work, ignore_errors=True)
        raise KafkaMissing(f"Maven has no Kafka for us: {(done.stdout + done.stderr)[-500:]}")
    (work / "jars").rename(folder)
    shutil.rmtree(work)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class KafkaServer:
    """One broker; ``properties`` override those of server.properties.

    ``protocol``: of the clients' listener, PLAINTEXT, SASL_PLAINTEXT or SSL.
    """

    def __init__(
        self,
        folder: Path,
        *,
        protocol: str = "PLAINTEXT",
        properties: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self._jars = installed()
        folder.mkdir(parents=True, exist_ok=True)
        port, controller = free_port(), free_port()
        self.address = f"127.0.0.1:{port}"
        merged = PROPERTIES | {
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"CLIENTS://{self.address},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"CLIENTS://{self.address}",
            "inter.broker.listener.name": "CLIENTS",
            "listener.security.protocol.map": f"CLIENTS:{protocol},CONTROLLER:PLAINTEXT",
            "log.dirs": str(folder / "data"),
            **(properties or {}),
        }
        self._file = folder / "server.properties"
        self._file.write_text("".join(f"{key}={value}\n" for key, value in merged.items()))
        self._process: subprocess.Popen[bytes] | None = None
        # not with "-" at the beginning, which would be an option
        octets = bytes(1) + uuid.uuid4().bytes[1:]
        identity = base64.urlsafe_b64encode(octets).decode().rstrip("=")
        self._run("kafka.tools.StorageTool", "format", "-t", identity, "-c", str(self._file))

    def _command(self, *arguments: str) -> list[str]:
        # a broker that is killed leaves what its libraries have unpacked: here it is removed
        unpacked = f"-Djava.io.tmpdir={self._file.parent}"
        return [*JAVA, "-XX:-UsePerfData", unpacked, "-cp", f"{self._jars}/*", *arguments]

    def _run(self, *arguments: str) -> None:
        subprocess.run(self._command(*arguments), check=True, capture_output=True, timeout=LIMIT_S)

    # --- life -----------------------------------------------------------------------------------

    def launch(self) -> None:
        """Start the broker without waiting; it dies with who started it."""
        assert self._process is None or self._process.poll() is not None
        with (self.folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command("kafka.Kafka", str(self._file)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=functools.partial(die_with_parent, os.getpid()),
            )

    def wait_ready(self) -> None:
        """Wait until it takes connections."""
        deadline_s = time.monotonic() + LIMIT_S
        host, _, port = self.address.partition(":")
        while True:
            assert self._process is not None
            assert self._process.poll() is None, self.log_tail()
            try:
                socket.create_connection((host, int(port)), 1.0).close()
                return
            except OSError:
                assert time.monotonic() < deadline_s, self.log_tail()
                time.sleep(0.02)

    def start(self) -> KafkaServer:
        self.launch()
        self.wait_ready()
        return self

    def kill(self) -> None:
        """kill -9; also ends a broker that is paused."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(LIMIT_S)

    def pause(self) -> None:
        """SIGSTOP: connections stay, nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def log_tail(self) -> str:
        """The end of what the broker has written."""
        return (self.folder / "broker.log").read_text(errors="replace")[-3000:]

    def __enter__(self) -> KafkaServer:
        try:
            return self.start()
        except BaseException:
            self.kill()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()
