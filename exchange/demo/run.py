"""``exchange demo``: an exchange of its own, keys to sign in with, and bots that trade on it.

The exchange is an ordinary ``exchange run`` on ``config/demo``, a child process; the bots are in
this process and know nothing but its URL and their API keys. Ctrl-C: the bots cancel their orders,
then the exchange stops gracefully; nothing runs afterwards, the data directory stays. If this
process is killed the kernel stops the exchange, and the bots' orders leave by their own timer.

Decision PAG-3.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import msgspec

from exchange.client import ApiKey, NotReached, RequestFailed, RestClient
from exchange.control.socket import Request, ask
from exchange.demo.bots import Bot, Maker, Taker, Venue
from exchange.demo.configuration import with_connectors
from exchange.demo.prices import FairPrice
from exchange.errors import ExitStatus, Refused, StageFailed
from exchange.runtime.run_file import read_run_file
from exchange.runtime.signals import STOPPING

log = logging.getLogger(__name__)

KEYS_FILE = "demo-keys.json"
CONFIGURATION = "demo-configuration"  # folder of the data directory, with --with
VISITORS = (1001, 1002)
MAKERS = (2001, 2002)
TAKERS = (2003, 2004)
START_PATIENCE_S = 600.0  # the first start compiles
STOP_TIMEOUT_S = 30.0
RETRY_PAUSE_S = 1.0
_PR_SET_PDEATHSIG = 1


class DemoKey(msgspec.Struct, frozen=True):
    """A key of the demonstration; its secret is kept to be shown again at the next start."""

    account: int
    id: str
    secret: str

    @property
    def api_key(self) -> ApiKey:
        return ApiKey(self.id, self.secret)


def run(
    data_directory: Path,
    config: Path,
    *,
    seed: int,
    connectors: Sequence[str] = (),
    command: str = "exchange",
    output: TextIO | None = None,
) -> int:
    """Run the demonstration until a signal. Returns the exit status.

    ``connectors``: sections to enable, with their defaults. ``command``: how the exchange's command
    line is called here, for the hint. ``output``: for the lines to people; None: standard output.
    """
    said = sys.stdout if output is None else output
    if connectors:
        config = with_connectors(config, connectors, data_directory / CONFIGURATION)
    return asyncio.run(_Demonstration(data_directory, config, seed, command, said).run())


class _Demonstration:
    def __init__(
        self, data_directory: Path, config: Path, seed: int, command: str, output: TextIO
    ) -> None:
        self._data_directory = data_directory
        self._config = config
        self._seed = seed
        self._command = command
        self._output = output
        self._stopping = asyncio.Event()

    def _say(self, *lines: str) -> None:
        print(*lines, sep="\n", file=self._output, flush=True)

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (*STOPPING, signal.SIGHUP):  # also when its terminal is closed
            loop.add_signal_handler(number, self._stopping.set)
        self._say(f"starting the demonstration on {self._data_directory}")
        daemon = await self._launch()
        ended = asyncio.create_task(daemon.wait())
        try:
            trading = asyncio.create_task(self._trade(daemon.pid))
            await asyncio.wait({ended, trading}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                trading.cancel()
                await asyncio.gather(trading, return_exceptions=True)
                self._say(f"the exchange ended: see {self._data_directory}/exchange.log")
                return ended.result()
            try:
                trading.result()
            except (NotReached, RequestFailed) as error:
                raise StageFailed(f"the API does not answer: {error}") from error
            return ExitStatus.OK
        finally:
            if not ended.done():
                self._say("stopping")
                daemon.send_signal(signal.SIGTERM)
                done, _ = await asyncio.wait({ended}, timeout=STOP_TIMEOUT_S)
                if not done:
                    daemon.kill()
                    await ended

    async def _launch(self) -> asyncio.subprocess.Process:
        """The daemon, out of the terminal's reach: Ctrl-C comes to us, who stop it in order."""
        libc = ctypes.CDLL(None, use_errno=True)

        def stop_with_parent() -> None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)

        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "exchange.cli", "run"),
            *("--config", str(self._config), "--data-dir", str(self._data_directory)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            process_group=0,
            preexec_fn=stop_with_parent,
        )

    async def _trade(self, daemon_pid: int) -> None:
        url = await self._url(daemon_pid)
        if url is None:
            return
        keys = await self._keys()
        async with RestClient(url, patience_s=60.0) as client:
            instruments = await client.instruments()
        self._welcome(url, keys)
        choose = random.Random(self._seed)
        fair = {
            each.symbol: FairPrice(
                each.reference_price or each.minimum_price,
                random.Random(choose.random()),
                each.last_price,
            )
            for each in instruments
        }
        venue = Venue(url, instruments, fair)
        bots = [
            asyncio.create_task(self._keep(venue, keys[account], choose.random()))
            for account in (*MAKERS, *TAKERS)
        ]
        stopped = asyncio.create_task(self._stopping.wait())
        try:
            done, _ = await asyncio.wait({*bots, stopped}, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
            await asyncio.gather(*bots)
        finally:
            stopped.cancel()
            for each in bots:
                each.cancel()
            await asyncio.gather(*bots, return_exceptions=True)

    async def _keep(self, venue: Venue, key: DemoKey, seed: float) -> None:
        """Run one account's bot; when the exchange cannot be reached begin again."""
        while not self._stopping.is_set():
            try:
                await _bot(venue, key, random.Random(seed)).run(self._stopping)
            except NotReached as error:
                log.warning("bot of account %d: %s", key.account, error)
                await asyncio.sleep(RETRY_PAUSE_S)
            except RequestFailed as error:
                log.warning("bot of account %d ends: its key is refused: %s", key.account, error)
                return

    async def _url(self, daemon_pid: int) -> str | None:
        """The API's URL; None when a signal came first."""
        end_s = time.monotonic() + START_PATIENCE_S
        while not self._stopping.is_set():
            state = read_run_file(self._data_directory)
            if state is not None and state.pid != daemon_pid:
                state = None  # left behind by one that was killed
            api = state.stages.get("api") if state is not None else None
            if state is not None and state.phase == "running" and api is not None and api.ready:
                return f"http://{state.addresses['api']}"
            if time.monotonic() > end_s:
                raise StageFailed(f"the exchange was not ready within {START_PATIENCE_S:g} s")
            await asyncio.sleep(0.1)
        return None

    # --- keys ---------------------------------------------------------------------------------

    async def _keys(self) -> dict[int, DemoKey]:
        """A key of every account; those of the last start while they live."""
        path = self._data_directory / KEYS_FILE
        known: dict[int, DemoKey] = {}
        try:
            stored = msgspec.json.decode(path.read_bytes(), type=list[DemoKey])
            known = {key.account: key for key in stored}
        except FileNotFoundError:
            pass
        except (OSError, msgspec.DecodeError) as error:
            self._say(f"{path} cannot be read ({error}): making new keys")
        live = {
            entry["id"]
            for entry in self._ask(Request(command="key_list"))["keys"]
            if not entry["revoked"]
        }
        keys: dict[int, DemoKey] = {}
        for account in (*VISITORS, *MAKERS, *TAKERS):
            key = known.get(account)
            if key is None or key.id not in live:
                label = "visitor" if account in VISITORS else "bot"
                request = Request(command="key_make", account=account, label=f"demo {label}")
                answer = await asyncio.to_thread(self._ask, request)
                key = DemoKey(account, str(answer["key"]["id"]), str(answer["secret"]))
            keys[account] = key
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(msgspec.json.encode(list(keys.values())))
        return keys

    def _ask(self, request: Request) -> dict[str, Any]:
        answer = ask(self._data_directory, request)
        if not answer.get("ok"):
            raise Refused(str(answer.get("error")))
        return answer

    def _welcome(self, url: str, keys: dict[int, DemoKey]) -> None:
        lines = ["", f"The market is open. Its page:  {url}/", ""]
        lines.append("Sign in there with one of these keys; with both, in two windows, you can")
        lines += [
            "trade with yourself. Each began with 1,000,000 USD, 30,000,000 TWD and stock.",
            "",
        ]
        for account in VISITORS:
            key = keys[account]
            lines += [
                f"  account {account}  key     {key.id}",
                f"                secret  {key.secret}",
            ]
        state = read_run_file(self._data_directory)
        port = state.order_entry.rpartition(":")[2] if state is not None else "9100"
        lines += [
            "",
            "From another terminal, over the binary protocol:",
            f"  {self._command} order --port {port} --user DEMO1 --password demo1pass buy 10 AAPL",
            "",
            "A bot of your own: docs/client.md. Ctrl-C stops everything.",
        ]
        self._say(*lines)


def _bot(venue: Venue, key: DemoKey, choose: random.Random) -> Bot:
    if key.account in MAKERS:
        return Maker(venue, key.api_key, choose, leads=key.account == MAKERS[0])
    return Taker(venue, key.api_key, choose)
