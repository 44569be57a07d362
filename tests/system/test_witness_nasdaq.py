"""Witness: Nasdaq's own client library logs in, trades, is cut off and resumes.

``nasdaq-ouch-codegen`` makes the client from a message definition; nothing of ours encodes or
decodes what it sends and receives. The gateway, and then the whole exchange, is killed under it.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
WIRE = Path(os.environ.get("EXCHANGE_WIRE_DIR") or REPOSITORY.parent / "shared" / "wire")
TIMEOUT_S = 120.0
PRICE = 1_000_000
pytestmark = [pytest.mark.needs_jit, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def client_module(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The generated client."""
    definition = WIRE / "ouch42.xml"
    if not definition.is_file():
        pytest.skip(f"no message definition {definition} (EXCHANGE_WIRE_DIR)")
    if importlib.util.find_spec("nasdaq_protocols") is None:
        pytest.skip("nasdaq-protocols is not installed")
    generator = shutil.which("nasdaq-ouch-codegen", path=str(Path(sys.executable).parent))
    assert generator is not None
    folder = tmp_path_factory.mktemp("nasdaq")
    subprocess.run(
        [generator, "--spec-file", str(definition), "--app-name", "ouch42", "--prefix", "witness",
         "--op-dir", str(folder)],
        check=True, capture_output=True, timeout=180,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec = importlib.util.spec_from_file_location(
            "witness_ouch42", folder / "witness_ouch_ouch42.py"
        )
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    return module


class Witness:
    """A nasdaq-protocols session that keeps what it receives, as bytes and as messages."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.messages: list[Any] = []
        self.session: Any = None

    async def connect(self, port: int, sequence: int) -> None:
        from exchange_process import PASSWORD

        deadline = asyncio.get_running_loop().time() + TIMEOUT_S
        while True:  # the gateway may be restarting, or keep the dead connection for a moment
            try:
                self.session = await self.module.connect_async(
                    ("127.0.0.1", port), "S1", PASSWORD, "", sequence
                )
                return
            except OSError:
                assert asyncio.get_running_loop().time() < deadline, "cannot log in"
                await asyncio.sleep(0.05)

    async def receive(self, count: int) -> list[Any]:
        found = [
            await asyncio.wait_for(self.session.receive_message(), TIMEOUT_S) for _ in range(count)
        ]
        self.messages += found
        return found

    def send(self, name: str, **fields: Any) -> None:
        message = getattr(self.module, name)()
        for field, value in fields.items():
            setattr(message, field, value)
        self.session.send_message(message)

    def enter(self, token: str, side: str, shares: int, price: int = PRICE) -> None:
        self.send(
            "EnterOrder", token=token, side=side, shares=shares, stock="AAPL", price=price,
            tif=99_999, firm="FIRM", display="Y", capacity="A", iso="N", min_qty=0,
            cross_type="N", customer_type=" ",
        )  # fmt: skip


def names(messages: list[Any]) -> list[str]:
    return [type(message).__name__ for message in messages]


def as_bytes(messages: list[Any]) -> list[bytes]:
    return [bytes(message.to_bytes()[1]) for message in messages]


async def trade(witness: Witness, number: int) -> None:
    """Nine messages: every kind that this exchange sends a session but the system events."""
    witness.enter(f"buy{number}", "B", 100)
    witness.send(
        "ReplaceOrder", existing_token=f"buy{number}", replacement_token=f"new{number}",
        shares=90, price=PRICE, tif=99_999, display="Y", iso="N", min_qty=0,
    )  # fmt: skip
    witness.enter(f"sell{number}", "S", 30)
    witness.send("CancelOrder", token=f"new{number}", shares=50)
    witness.send("ModifyOrder", token=f"new{number}", side="B", shares=40)
    witness.send("CancelOrder", token=f"new{number}", shares=0)
    witness.enter(f"zero{number}", "B", 0)
    assert names(await witness.receive(9)) == [
        "Accepted", "Replaced", "Accepted", "Executed", "Executed", "Canceled", "OrderModified",
        "Canceled", "Rejected",
    ]  # fmt: skip


async def scenario(module: ModuleType, exchange: Any) -> None:
    live = Witness(module)
    await live.connect(exchange.port, 1)
    assert names(await live.receive(1)) == ["SystemEvent"]
    await trade(live, 1)
    executed = live.messages[4]
    assert (executed.exec_shares, executed.exec_price) == (30, PRICE)

    # the gateway is killed; it restarts alone
    old = exchange.pid("order_entry")
    os.kill(old, signal.SIGKILL)
    await live.session.close()
    while exchange.pid("order_entry") == old:
        await asyncio.sleep(0.01)
    exchange.wait_ready()
    await live.connect(exchange.port, len(live.messages) + 1)
    await trade(live, 2)
    await live.session.close()

    # the whole exchange is killed and recovers from its journal
    exchange.kill()
    exchange.start()
    again = Witness(module)
    await again.connect(exchange.port, 1)
    await again.receive(len(live.messages))
    assert as_bytes(again.messages) == as_bytes(live.messages)
    await trade(again, 3)
    await again.session.close()

    resumed = Witness(module)
    await resumed.connect(exchange.port, 5)
    await resumed.receive(len(again.messages) - 4)
    assert as_bytes(resumed.messages) == as_bytes(again.messages)[4:]
    resumed.enter("buy1", "B", 100)  # a token that was used before the crash
    resumed.enter("fresh", "B", 100)
    accepted = (await resumed.receive(1))[0]
    assert accepted.token.strip() == "fresh"
    resumed.session.soup_session.logout()
    await resumed.session.close()


def test_nasdaq_client_trades_is_cut_off_and_resumes(
    client_module: ModuleType, running_exchange: Any
) -> None:
    asyncio.run(scenario(client_module, running_exchange))
