"""Commands that open and fund accounts, for harnesses that speak to the engine without a daemon.

Every function gives COMMAND records, ready to be sequenced. Nothing here knows the engine: the
numbers are those of exchange/codes.py and the layouts those of exchange/records.py.

    opened(range(1, 9), {1: 4})                   # accounts, a fee account, currency 1
    ...                                           # instruments (of currency 1), sessions
    funded(range(1, 9), [1], [1, 2], money=1 << 50, stock=1 << 24)

Bounds: a deposit of money is at most 2^56 and all of a currency 2^61; all stock of an instrument
together is at most its position bound, min(2^40, 2^61 / (maximum price x multiplier)).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from exchange.codes import FLAG_LONG, CommandKind, InstrumentState, Parameter, Scope
from exchange.records import ADMIN_CONTINUATION, COMMAND

FEE_ACCOUNT_OFFSET = 1  # the fee account follows the highest account


def admin_command(kind: CommandKind, first: Mapping[str, int], **rest: int) -> np.ndarray:
    """COMMAND[2]: an operator's command; ``first`` and ``rest`` are fields of its two slots."""
    records = np.zeros(2, COMMAND)
    records[0]["kind"] = int(kind)
    records[0]["flags"] = FLAG_LONG
    for name, value in first.items():
        records[0][name] = int(value)
    continuation = records[1:].view(ADMIN_CONTINUATION)
    continuation["operator_0"] = int.from_bytes(b"test\0\0\0\0", "little")
    for name, value in rest.items():
        continuation[name] = int(value)
    return records


def currency(number: int, decimals: int, fee_account: int) -> np.ndarray:
    code = int.from_bytes(f"CUR{number}".encode().ljust(8), "little")
    return admin_command(
        CommandKind.CURRENCY,
        {},
        currency=number,
        value_0=code,
        value_1=decimals,
        account=fee_account,
    )


def account(number: int) -> np.ndarray:
    return admin_command(CommandKind.ACCOUNT, {}, account=number)


def deposit_money(number: int, currency_number: int, amount: int) -> np.ndarray:
    return admin_command(
        CommandKind.DEPOSIT, {"quantity": amount}, account=number, currency=currency_number
    )


def deposit_stock(number: int, instrument: int, quantity: int, price: int = 0) -> np.ndarray:
    """``price``: what a unit has cost, for the position's average cost."""
    return admin_command(
        CommandKind.DEPOSIT,
        {"quantity": quantity, "instrument": instrument, "price": price},
        account=number,
    )


def parameter(
    which: Parameter,
    *values: int,
    instrument: int = 0,
    of_account: int = 0,
    session: int = 0,
) -> np.ndarray:
    """PARAMETER; without a target the default of those that will be defined."""
    named = {f"value_{i}": value for i, value in enumerate(values)}
    return admin_command(
        CommandKind.PARAMETER,
        {"instrument": instrument, "session": session},
        account=of_account,
        parameter=int(which),
        **named,
    )


def instrument_state(instrument: int, state: InstrumentState, until_ns: int = 0) -> np.ndarray:
    """INSTRUMENT_STATE; instrument 0 is the market."""
    return admin_command(
        CommandKind.INSTRUMENT_STATE,
        {"instrument": instrument},
        parameter=int(state),
        value_0=until_ns,
    )


def kill(scope: Scope, target: int, on: bool) -> np.ndarray:
    """KILL; ``target`` is an account or a session (0 for the exchange)."""
    return admin_command(
        CommandKind.KILL,
        {"session": target if scope == Scope.SESSION else 0},
        account=target if scope == Scope.ACCOUNT else 0,
        scope=int(scope),
        value_0=int(on),
    )


def opened(accounts: Iterable[int], currencies: Mapping[int, int]) -> np.ndarray:
    """Open the accounts, one more for the fees, and define the currencies (id -> decimals).

    Comes before the instruments, which belong to a currency.
    """
    numbers = sorted(accounts)
    fees = numbers[-1] + FEE_ACCOUNT_OFFSET
    parts = [account(number) for number in (*numbers, fees)]
    parts += [currency(number, decimals, fees) for number, decimals in currencies.items()]
    return np.concatenate(parts)


def funded(
    accounts: Iterable[int],
    currencies: Iterable[int],
    instruments: Iterable[int],
    *,
    money: int,
    stock: int,
) -> np.ndarray:
    """Deposits: ``money`` of each currency and ``stock`` of each instrument into each account."""
    parts = []
    for number in accounts:
        parts += [deposit_money(number, which, money) for which in currencies]
        parts += [deposit_stock(number, which, stock) for which in instruments]
    return np.concatenate(parts)
