"""GET /ledger over HTTP, on the real engine and models."""

from __future__ import annotations

from typing import Any

from api_core import ApiCore
from order_entry_core import MONEY, SYMBOL
from rest_caller import Caller, bid, serve

from exchange.codes import CommandKind, Parameter
from tests.harness.funding import admin_command, parameter

CURRENCY = "CUR5"  # of SYMBOL: four decimals


async def pages(caller: Caller, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = await caller("GET", path + cursor)
        found += page["entries"]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def test_entries_with_their_causes():
    async def test(core: ApiCore, one: Caller, two: Caller) -> None:
        core.end_day()
        core.apply(parameter(Parameter.FEES, -2000, 30_000, instrument=1))
        core.start_day(20260106)
        made = await one("POST", "/orders", bid())
        for quantity in (10, 20):
            await two("POST", "/orders", bid(side="sell", quantity=quantity))
        core.apply(admin_command(CommandKind.WITHDRAW, {"quantity": 300}, account=1, currency=5))
        core.deliver()
        entries = (await one("GET", "/ledger"))["entries"]
        assert [(each["cause"], each["amount"], each["balance"]) for each in entries] == [
            ("withdrawal", -300, MONEY - 1797),
            ("fee", 2, MONEY - 1497),
            ("trade", -1000, MONEY - 1499),
            ("fee", 1, MONEY - 499),
            ("trade", -500, MONEY - 500),
            ("deposit", MONEY, MONEY),
        ]
        (balance,) = (await one("GET", "/accounts/me"))["balances"]
        assert balance["balance"] == entries[0]["balance"]
        trades = (await one("GET", "/trades"))["trades"]
        assert [each["trade_id"] for each in entries[1:5:2]] == [t["trade_id"] for t in trades]
        for each in entries:
            assert (each["currency"], each["decimals"]) == (CURRENCY, 4)
            is_trade = each["cause"] in ("trade", "fee")
            assert each["symbol"] == (SYMBOL if is_trade else None)
            assert each["order_id"] == (made["order_id"] if is_trade else None)
        assert [
            (each["cause"], each["amount"]) for each in (await two("GET", "/ledger"))["entries"]
        ] == [("fee", -30), ("trade", 1000), ("fee", -15), ("trade", 500), ("deposit", MONEY)]
        for limit in (1, 2, 3, 5):
            assert await pages(one, f"/ledger?limit={limit}") == entries
            assert await pages(one, f"/ledger?limit={limit}&currency={CURRENCY}") == entries
        fees = Caller(one._client, "5")
        assert [
            (each["cause"], each["amount"], each["balance"])
            for each in await pages(fees, "/ledger?limit=1")
        ] == [("fee_income", 28, 42), ("fee_income", 14, 14)]

    serve(test)


def test_a_ledger_that_is_asked_for_wrongly():
    async def test(core: ApiCore, one: Caller, two: Caller) -> None:
        await one("POST", "/orders", bid())
        for _ in range(3):
            await two("POST", "/orders", bid(side="sell", quantity=1))
        page = await one("GET", "/ledger?limit=1")
        cursor = page["next_cursor"]
        assert cursor is not None
        assert await two("GET", f"/ledger?limit=1&cursor={cursor}") == (400, 1007)
        assert await one("GET", f"/ledger?cursor={cursor}&currency={CURRENCY}") == (400, 1007)
        assert await one("GET", f"/orders?cursor={cursor}") == (400, 1007)
        assert await one("GET", f"/ledger?cursor={cursor[:-8]}") == (400, 1007)
        other = (await one("GET", "/trades?limit=1"))["next_cursor"]
        assert await one("GET", f"/ledger?cursor={other}") == (400, 1007)
        for query in ("currency=XXX", "limit=0", "limit=101", "from=5&to=4", "symbol=ACME"):
            assert await one("GET", f"/ledger?{query}") == (400, 1002), query
        assert (await one("GET", "/ledger?from=4000000000000"))["entries"] == []

    serve(test)
