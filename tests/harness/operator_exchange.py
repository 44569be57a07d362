"""A whole core in this process for tests of operators' commands: real matcher, journal and archive.

``OperatorExchange`` plays the daemon and turns the agents by hand, so it needs no compiled code and
no other process. ``admin`` runs the command line against it; ``restart`` recovers from the journal.
"""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from exchange.cli import main
from exchange.control.cancels import Cancels
from exchange.control.door import Door
from exchange.control.key_requests import COMMANDS as KEY_COMMANDS
from exchange.control.key_requests import ApiKeys
from exchange.control.operators import FOLLOWED, DaemonNames, Operators
from exchange.control.people import person_of
from exchange.control.producer import ControlProducer
from exchange.control.socket import Request
from exchange.control.trading import TradingControl
from exchange.core import pipeline
from exchange.core.follower import EventFollower
from exchange.core.region import RingCapacities, core_sections
from exchange.errors import Refused
from exchange.records import COMMAND, EVENT, EVENT_LAYOUT, KIND_OFFSET
from exchange.runtime.configured import load_own
from exchange.runtime.data_directory import archive_directory, load_capacity
from exchange.settings import Configuration
from exchange.stages.wiring import build_journaler, build_matcher, recover_engine
from journal.archive_reader import ArchiveReader
from tests.harness.files import copy_shipped

UID = 4711


class Tester:
    """Who asks: what ``exchange.control.socket.Client`` says of the process at the other end."""

    name, uid = "tester", UID


TESTER: Any = Tester()
STAGES = ("matcher", "journaler", "order_entry", "daemon")
SMALL: dict[str, dict[str, Any]] = {
    "capacity": {
        "instruments": 32,
        "sessions": 32,
        "accounts": 2048,
        "positions": 1024,
        "live_orders": 1024,
        "tokens_per_day": 4096,
        "level_blocks": 256,
        "level_nodes": 256,
    },
    "rings": {
        "ingress_order_entry": 1024,
        "ingress_api": 1024,
        "ingress_grpc": 1024,
        "commands": 4096,
        "events": 4096,
    },
    "journal": {"segment_bytes": 1 << 20, "batch": 1024, "archive_segment_events": 4096},
    "day": {"roll": "manual"},
    "matcher": {"prefault_bytes": 0},
}


def small_settings(extra: Mapping[str, Mapping[str, Any]] | None = None) -> str:
    """TOML of SMALL and ``extra``."""
    merged = {section: dict(keys) for section, keys in SMALL.items()}
    for section, keys in (extra or {}).items():
        merged.setdefault(section, {}).update(keys)
    lines = []
    for section, keys in merged.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    return "\n".join(lines) + "\n"


class OperatorExchange:
    """The daemon's part over real agents; ``now`` is the schedule's clock."""

    def __init__(self, directory: Path, settings: str = "") -> None:
        self.config_file = directory / "exchange.toml"
        self.config_file.write_text(settings or small_settings())
        copy_shipped(directory)
        self.data_directory = directory / "data"
        self.data_directory.mkdir(exist_ok=True)
        self.now: datetime.datetime | None = None
        self._agents: list[Any] = []
        self._eventfds: dict[str, int] = {}
        self.start()

    def start(self) -> None:
        """Recover and bring everything to where the daemon would let clients in."""
        self.configuration: Configuration = load_own(self.config_file, self.data_directory)
        settings = self.configuration.settings
        capacities = RingCapacities(**msgspec.structs.asdict(settings.rings))
        self._eventfds = {n: os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK) for n in STAGES}
        self.arrays = {s.name: np.zeros(s.count, s.dtype) for s in core_sections(capacities)}
        state, facts = recover_engine(self.data_directory, settings, False, None)
        self.state, self.facts = (
            state,
            msgspec.json.decode(msgspec.json.encode(facts), type=type(facts)),
        )
        matcher = build_matcher(state, settings, self.arrays, self._eventfds)
        journaler = build_journaler(
            self.data_directory, facts, settings, self.arrays, self._eventfds
        )
        self._agents = [matcher, journaler]
        for agent in self._agents:
            agent.on_start()
        self.cursors = self.arrays["cursors"]
        self.producer = ControlProducer(
            self.arrays[pipeline.IngressRing.CONTROL.section],
            self.cursors,
            self._eventfds["matcher"],
        )
        capacity = load_capacity(self.data_directory)
        assert capacity is not None
        groups = [group.id for group in self.configuration.groups]
        self.door = Door(self.facts, capacity, groups)
        self.keys = ApiKeys(
            self.producer.send, self.facts, settings.capacity.sessions, self.data_directory
        )
        self.follower = EventFollower(
            self.arrays["event_ring"],
            self.cursors,
            ArchiveReader(archive_directory(self.data_directory), EVENT, EVENT_LAYOUT, KIND_OFFSET),
            facts.next_event,
            FOLLOWED,
        )
        cancels = Cancels(self.producer, self.cursors, self.follower)
        self.operators = Operators(self.producer.send, DaemonNames(self.facts), self.door, cancels)
        self.trading = TradingControl(self.configuration)
        self.trading.recovered(self.facts, self.producer)
        self.settle()

    def settle(self) -> None:
        """Turn everything until nothing moves any more."""
        while True:
            for agent in self._agents:
                agent.do_work(1024)
            self.producer.pump()
            if not self.producer.settled():
                continue
            while self.follower.behind():
                for event in self.follower.read(1024):
                    self.trading.learn(event)
                    self.operators.learn(event)
                    self.keys.learn(event)
            if self.now is not None:
                self.trading.follow_schedule(self.producer, self.now)
            self.operators.work()
            if self.producer.settled():
                return

    def stop(self) -> None:
        """End the agents; what was settled is durable."""
        for agent in reversed(self._agents):
            agent.on_close()
        for descriptor in self._eventfds.values():
            os.close(descriptor)
        self._agents, self._eventfds = [], {}

    def restart(self) -> None:
        """A new core on the same data directory."""
        self.stop()
        self.start()

    def ask(self, data_directory: Path, request: Request) -> dict[str, Any]:
        """The control socket's part: in place of ``exchange.control.socket.ask``."""
        answers: list[dict[str, Any]] = []
        try:
            operators = self.configuration.settings.exchange.operators
            person = person_of(request, TESTER, operators)
        except Refused as refusal:
            return {"ok": False, "error": str(refusal)}
        if request.command == "names":
            answer: dict[str, Any] | None = self.operators.names.answer()
        elif request.command == "configuration":
            answer = {"ok": True, "file": self.configuration.file}
        elif request.command == "apply" and request.records is not None:
            answer = self.operators.apply(
                request.records, *person[:2], answers.append, person.reason
            )
        elif request.command in KEY_COMMANDS:
            answer = self.keys.handle(request, person, answers.append)
        else:
            assert request.command == "submit" and request.record is not None
            answer = self.operators.submit(
                request.record, *person[:2], answers.append, person.reason
            )
        if answer is None:
            self.settle()
            assert len(answers) == 1
            answer = answers[0]
        self.settle()
        decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(answer))
        return decoded

    def admin(self, *words: str) -> int:
        """``exchange admin WORDS``; returns its exit status."""
        return main(["admin", *words, "--data-dir", str(self.data_directory)])

    def order(self, session: int, token: str, **fields: int) -> None:
        """An ENTER of ``session`` as order entry would send it; LIMIT, good for the day."""
        record = np.zeros(1, COMMAND)
        raw = token.encode().ljust(14)
        values: dict[str, int] = {
            "kind": 1,
            "session": session,
            "instrument": 1,
            "time_in_force": 99_999,
            "display": ord("Y"),
            "capacity": ord("A"),
            "cross_type": ord("N"),
            "token_0": int.from_bytes(raw[:8], "little"),
            "token_1": int.from_bytes(raw[8:12], "little"),
            "token_2": int.from_bytes(raw[12:], "little"),
        } | fields
        for name, value in values.items():
            record[name] = value
        ring = self.arrays[pipeline.IngressRing.ORDER_ENTRY.section]
        word = pipeline.ingress_published(pipeline.IngressRing.ORDER_ENTRY)
        at = int(self.cursors[word])
        ring[at & (len(ring) - 1)] = record[0]
        self.cursors[word] = at + 1
        # the producer's view of "settled" does not know this ring
        while int(self.cursors[pipeline.ingress_consumed(1)]) != at + 1:
            for agent in self._agents:
                agent.do_work(1024)
        self.settle()

    def events(self, kind: int) -> np.ndarray:
        """Every archived event of ``kind``."""
        reader = ArchiveReader(
            archive_directory(self.data_directory), EVENT, EVENT_LAYOUT, KIND_OFFSET
        )
        events = reader.read(0, int(self.cursors[pipeline.EVENT_RELEASED]))
        return events[events["kind"] == kind]
