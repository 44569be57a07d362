"""One browser and one exchange for all tests of the page.

Chromium is a witness: without it these tests are skipped, in continuous integration they fail
(tests/conftest.py).
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from exchange_process import RunningExchange
from playwright.sync_api import Browser, sync_playwright
from trading_page import (
    BUYER,
    CHROMIUM,
    CHROMIUM_ARGUMENTS,
    SELLER,
    SHORT_SELLER,
    ApiKeyPair,
    TradingPage,
    make_key,
)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's program."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    return str(CHROMIUM)


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Chromium, headless. Not for the whole session: while it is there, an event loop runs in this
    thread, and no other test could have its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


def free_port() -> int:
    """A port that is free now; the daemon keeps it over restarts, which port 0 would not.

    Below those that the kernel gives to connections: nobody gets it by chance meanwhile.
    """
    choice = random.Random(os.getpid())
    while True:
        port = choice.randrange(20_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@pytest.fixture(scope="session")
def exchange(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExchange]:
    """A running exchange with its page, for all tests here."""
    directory = tmp_path_factory.mktemp("page-exchange")
    running = RunningExchange(
        directory,
        settings={"api": {"port": free_port()}},
        sessions=4,
        account_keys={SHORT_SELLER: {"may_short": True}},
        web=True,
    )
    try:
        yield running.start()
    finally:
        running.close()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def keys(exchange: RunningExchange) -> dict[int, ApiKeyPair]:
    """A key of each account, by account."""
    return {
        account: make_key(exchange.data_directory, account)
        for account in (SELLER, BUYER, SHORT_SELLER)
    }


@pytest.fixture
def open_page(
    browser: Browser, exchange: RunningExchange, keys: dict[int, ApiKeyPair], tmp_path: Path
) -> Iterator[Callable[..., TradingPage]]:
    """A factory: ``open_page(account=None, symbol="AAPL", page=TradingPage, **context)``."""
    pages: list[TradingPage] = []

    def make(
        account: int | None = None,
        symbol: str | None = None,
        page: type[TradingPage] = TradingPage,
        **arguments: Any,
    ) -> TradingPage:
        pages.append(page(browser, arguments.pop("url", f"{exchange.url}/"), **arguments))
        if symbol is not None:
            pages[-1].select(symbol)
        if account is not None:
            pages[-1].sign_in(keys[account])
        return pages[-1]

    yield make
    problems = []
    for page in pages:
        try:
            page.close()
        except AssertionError as error:
            problems.append(str(error))
    assert not problems, "\n".join(problems)
