"""Whatever the wall clock does, intervals go on, the schedule never goes back, and people are told.

One exchange lives through an hour back and a year ahead. Before, cancel-after, good-till-time
orders and halts stood still for an hour, rate limits refused every order, an open instrument was
closed, and a year ahead ended the day; nothing was logged, and health was green.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import subprocess
import sys
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from exchange_process import PASSWORD, START_TIMEOUT_S, RunningExchange, wait_until
from patient_client import PatientClient
from shifted_clock import ShiftedClock

from exchange.client.rest import RestClient
from exchange.client.types import ApiKey, NewOrder, Order
from exchange.errors import ExitStatus
from exchange.settings import DEFAULT_FILE, ROOT

pytestmark = pytest.mark.needs_jit

HOUR_S, YEAR_S = 3_600, 365 * 86_400
LIMIT_S = 180.0
PRICE = 1_500_000


def local(offset_hours: int) -> str:
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=offset_hours)
    return moment.strftime("%H:%M:%S")


class World:
    """An exchange that has been open for half an hour, and its wall clock."""

    def __init__(self, directory: Path) -> None:
        self.clock = ShiftedClock(directory / "shift")
        day = {"timezone": "UTC", "roll": "daily", "roll_time": local(-8), "late_auction_s": 0}
        limits = {"session_orders_per_second": 20, "session_burst": 2}
        self.exchange = RunningExchange(
            directory, web=True, sessions=4, settings={"day": day, "risk": limits}
        )
        opened = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=30)
        shipped = DEFAULT_FILE.with_name("instruments.toml").read_text()
        times = f'name = "US"\nopen = "{opened:%H:%M:%S}"\nclose = "{local(8)}"\n'
        (directory / "instruments.toml").write_text(shipped.replace('name = "US"\n', times, 1))
        self.exchange.start(*self.clock.prefix)
        self.key = ApiKey(*self.exchange.make_key(2))
        self.orders = 0
        self.connect()

    def connect(self) -> None:
        """Log in for the day: its end ends the connection."""
        self.client = PatientClient("127.0.0.1", self.exchange.port)
        self.client.login("S1", PASSWORD)

    def step_to(self, seconds: float) -> None:
        """Set the wall clock and wait until that was found."""
        steps = self.counters()["clock_steps"]
        self.clock.set(seconds)
        wait_until(lambda: self.counters()["clock_steps"] == steps + 1, LIMIT_S, "the step")

    def counters(self) -> dict[str, int]:
        counters: dict[str, int] = self.exchange.status()["counters"]
        return counters

    def health(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://{self.exchange.address('health')}/health") as answer:
            found: dict[str, Any] = json.load(answer)["data"]
        return found

    def order(self, time_in_force: int = 99_999, symbol: str = "AAPL") -> str:
        """Enter an order until the rate lets it through; its token."""

        def accepted() -> bool:
            self.orders += 1
            self.client.enter(
                f"t{self.orders}", "B", 100, symbol, PRICE, time_in_force=time_in_force
            )
            return self.until(f"t{self.orders}", "accepted", "rejected") == "accepted"

        wait_until(accepted, LIMIT_S, "an order that is accepted")
        return f"t{self.orders}"

    def until(self, token: str, *names: str) -> str:
        """Wait for the message ``names`` about ``token``; its name."""
        while True:
            message = self.client.receive()
            fields = message.fields
            if str(fields.get("token", "")).strip() == token and message.name in names:
                return message.name

    def rest(self, act: Callable[[RestClient], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            async with RestClient(self.exchange.url, self.key) as client:
                return await act(client)

        return asyncio.run(main())

    def state(self, symbol: str = "AAPL") -> str:
        instruments = self.rest(lambda client: client.instruments())
        return str(next(i.state for i in instruments if i.symbol == symbol))

    def intervals_go_on(self) -> None:
        """Rates, good till time, cancel-after and timed halts, all of them."""
        for _ in range(6):
            self.order()
        assert self.until(self.order(time_in_force=1), "canceled") == "canceled"

        async def silent(client: RestClient) -> Order:
            order = NewOrder(symbol="AAPL", side="buy", quantity=100, price=PRICE)
            placed = await client.place(order)
            await client.cancel_after(1)
            return placed

        placed = self.rest(silent)
        wait_until(
            lambda: self.rest(lambda client: client.order(placed.order_id)).status == "cancelled",
            LIMIT_S,
            "the order of an account that fell silent to be cancelled",
        )
        self.exchange.admin("halt", "--instrument", "MSFT", "--for", "1")
        wait_until(lambda: self.state("MSFT") == "open", LIMIT_S, "the halt to end")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("clock"))
    yield made
    made.client.close()
    made.exchange.close()


def test_an_hour_back_and_a_year_ahead(world: World) -> None:
    day = world.health()["day"]
    assert world.state() == "open" and world.health()["warnings"] == []
    resting = world.order()

    world.step_to(-HOUR_S)  # half an hour before the open
    world.intervals_go_on()
    assert world.state() == "open"
    health = world.health()
    assert health["healthy"] and health["day"] == day
    assert health["clock"]["steps"] == 1 and health["clock"]["calendar"] == "stands"
    assert health["clock"]["last_step_ms"] == pytest.approx(-HOUR_S * 1_000, abs=1_000)
    assert any("gone back" in text for text in health["warnings"])

    world.step_to(YEAR_S)
    world.intervals_go_on()
    assert world.state() == "open"
    health = world.health()
    assert health["day"] == day and health["clock"]["calendar"] == "apart"
    assert any("exchange clock" in text for text in health["warnings"])

    world.step_to(0)
    world.intervals_go_on()
    health = world.health()
    assert health["day"] == day and health["clock"]["calendar"] == "follows"
    # the order from before all of it still rests: its user cancels it
    world.client.cancel(resting)
    assert world.until(resting, "canceled") == "canceled"
    log = world.exchange.log_file.read_text()
    assert log.count("the wall clock was stepped by") == 3


def test_the_command_line_shows_the_clock_and_accepts_what_the_system_says(world: World) -> None:
    def command(*words: str) -> subprocess.CompletedProcess[str]:
        data = ("--data-dir", str(world.exchange.data_directory))
        return subprocess.run(
            [sys.executable, "-m", "exchange.cli", *words, *data],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT_S,
        )

    day = world.health()["day"]
    world.step_to(YEAR_S)
    shown = json.loads(command("clock", "--json").stdout)
    assert shown["state"] == "apart"
    assert "exchange clock accept" in command("clock").stdout
    accepted = command("clock", "accept")
    assert accepted.returncode == 0 and "follow the wall clock" in accepted.stdout
    wait_until(lambda: world.health()["day"] > day, LIMIT_S, "the day of a year ahead")
    wait_until(lambda: world.state() == "open", LIMIT_S, "the phase of a year ahead")
    world.client.close()
    world.connect()
    assert world.health()["clock"]["calendar"] == "follows"
    world.intervals_go_on()

    # it was wrong: back to this year, and to a day of this year
    world.step_to(0)
    assert command("clock", "accept").returncode == 0
    assert command("day", "end").returncode == 0
    refused = command("day", "start")
    assert refused.returncode == ExitStatus.REFUSED and "--back" in refused.stderr
    traded = command("day", "start", "--back", "--number", str(day))
    assert traded.returncode == ExitStatus.REFUSED and "has been traded" in traded.stderr
    following = datetime.datetime.strptime(str(day), "%Y%m%d") + datetime.timedelta(days=1)
    begun = command("day", "start", "--back", "--number", f"{following:%Y%m%d}")
    assert begun.returncode == ExitStatus.OK, begun.stderr
    wait_until(
        lambda: world.health()["day"] == int(f"{following:%Y%m%d}"), LIMIT_S, "a day of this year"
    )
    wait_until(lambda: world.state() == "open", LIMIT_S, "the phase of this year")
    world.client.close()
    world.connect()
    world.intervals_go_on()
