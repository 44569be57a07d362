"""A whole small exchange in one process: what the stages of the core call, called once.

It trades over TCP, ends, starts again by recovery and trades on; then a snapshot is made.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exchange.compiler.small import STAGES, USERNAME, small_arrays, small_configuration
from exchange.control.producer import ControlProducer
from exchange.control.trading import TradingControl
from exchange.core.pipeline import IngressRing
from exchange.core.stage_names import StageName
from exchange.gateway.passwords import hash_password
from exchange.recovery.snapshot_maker import make_snapshot
from exchange.settings import Configuration
from exchange.stages.wiring import (
    build_journaler,
    build_matcher,
    build_order_entry,
    recover_engine,
)

PASSWORD = "warm"


def _run_exchange(directory: Path, configuration: Configuration, token: str) -> None:
    """Start on ``directory``, trade, end; ``token``: how the orders' tokens begin."""
    settings = configuration.settings
    eventfds = {name: os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK) for name in STAGES}
    arrays = small_arrays(settings)
    state, facts = recover_engine(directory, settings, False, None)
    matcher = build_matcher(state, settings, arrays, eventfds)
    matcher.on_start()
    journaler = build_journaler(directory, facts, settings, arrays, eventfds)
    journaler.on_start()
    producer = ControlProducer(
        arrays[IngressRing.CONTROL.section], arrays["cursors"], eventfds[StageName.MATCHER]
    )
    TradingControl(configuration).recovered(facts, producer)
    while not producer.settled():
        matcher.do_work(1024)
        journaler.do_work(1024)
    listener = socket.create_server(("127.0.0.1", 0))
    hashes = {s.username: s.password for s in configuration.sessions}
    gateway = build_order_entry(directory, settings, arrays, eventfds, hashes, listener)
    gateway.on_start()
    idle = gateway.idle_strategy(1)
    agents: tuple[Any, ...] = (matcher, journaler, gateway)

    def work() -> None:
        for agent in agents:
            agent.do_work(1024)
            agent.serve(1024, 1)
        idle.prepare()
        idle.resume()

    _trade(listener.getsockname()[1], work, token)
    for agent in reversed(agents):
        agent.on_close()
    for descriptor in eventfds.values():
        os.close(descriptor)


def _trade(port: int, work: Callable[[], None], token: str) -> None:
    """Log in, send every kind of message, read the answers; ``work`` runs the agents meanwhile.

    ``token``: the first characters of every order token.
    """
    from concurrent.futures import ThreadPoolExecutor

    from exchange.client.order_entry import OrderEntryClient

    def talk() -> None:
        with OrderEntryClient("127.0.0.1", port) as client:
            client.login(USERNAME, PASSWORD, sequence=1)
            client.enter(f"{token}1", "S", 100, "AAPL", 1_500_000)
            client.enter(f"{token}2", "B", 50, "AAPL", 1_500_000)
            client.replace(f"{token}1", f"{token}3", 90, 1_510_000)
            client.modify(f"{token}3", "T", 80)
            client.cancel(f"{token}3", 0)
            client.enter(f"{token}4", "B", 1, "NONE", 1_000_000)
            for message in client.messages(600.0):
                if message.letter == "J":
                    break
            client.logout()

    with ThreadPoolExecutor(1) as pool:
        talking = pool.submit(talk)
        while not talking.done():
            work()
        talking.result()


def run_twice(directory: Path) -> None:
    """Trade on ``directory``, which is empty, end, start again and trade on; make a snapshot."""
    configuration = small_configuration(hash_password(PASSWORD, n=16, r=1))
    for token in ("FIRST", "AGAIN"):
        _run_exchange(directory, configuration, token)
    assert make_snapshot(directory, now=True) is not None
