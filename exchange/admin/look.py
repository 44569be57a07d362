"""Shows and lists: money, positions, limits, states, held orders, differences of configuration.

They rebuild the state from the newest snapshot and the journal, as ``exchange-replay`` does. The
result is exact after every command that was answered, also after a restart and while no exchange
runs. The rebuild takes as long as a replay of the commands since the snapshot.

Decision CTL-2.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from exchange.admin.names import Names, time_text
from exchange.admin.parameters import NAME_OF, readable
from exchange.codes import InstrumentState, OrderType, Parameter, Side
from exchange.engine.state import layout as engine
from exchange.engine.state.layout import EngineState
from exchange.errors import ExitStatus, Refused
from exchange.recovery.facts import EngineFacts, Parameters, describe_engine
from exchange.settings.exact import unscaled

Shown = dict[str, Any]


class Looked(NamedTuple):
    """A rebuilt exchange."""

    state: EngineState
    facts: EngineFacts
    names: Names


def rebuilt(data_directory: Path) -> Looked:
    """The exchange of ``data_directory``, rebuilt from its files. Raises ExchangeError."""
    from exchange.recovery.rebuild import rebuild

    result = rebuild(data_directory)
    facts = describe_engine(result.state)
    return Looked(result.state, facts, Names.of_facts(facts))


def _limits(looked: Looked, parameters: Parameters, instrument: int = 0) -> Shown:
    names = looked.names
    known = names.instruments.get(instrument)
    currency = known.currency if known else min(names.currencies, default=0)
    return {
        NAME_OF[Parameter(parameter)]: readable(
            parameter,
            values,
            known.price_decimals if known else 0,
            names.currency_decimals(currency),
        )
        for parameter, values in parameters.items()
    }


def _known(found: Any, what: str) -> Any:
    if found is None:
        raise Refused(f"there is no {what}")
    return found


# --- one function a command: JSON-ready -----------------------------------------------------------


def account_show(looked: Looked, options: argparse.Namespace) -> Shown:
    """Money, positions and limits of one account."""
    number = options.account
    facts = _known(looked.facts.accounts.get(number), f"account {number}")
    names = looked.names
    row = looked.state.accounts.reshape(-1, engine.ACCOUNT_WORDS)[number].tolist()
    money = {}
    for currency, (code, _) in sorted(names.currencies.items()):
        balance, frozen = row[engine.ACCOUNT_BALANCES + 2 * currency :][:2]
        money[code] = {
            "balance": names.money(currency, balance),
            "frozen": names.money(currency, frozen),
            "available": names.money(currency, balance - frozen),
        }
    return {
        "account": number,
        "killed": facts.killed,
        "live_orders": engine.ACCOUNT_LIVE_ORDERS.of(row),
        "orders_today": engine.ACCOUNT_TODAY_ORDERS.of(row),
        "money": money,
        "positions": _positions(looked, number),
        "limits": _limits(looked, facts.parameters),
    }


def _positions(looked: Looked, account: int) -> Shown:
    rows = looked.state.positions.reshape(-1, engine.POSITION_WORDS)
    keys = engine.POSITION_NAME.column(rows)
    found = rows[(keys > 0) & (keys - 1 >> 16 == account)].tolist()
    names, positions = looked.names, {}
    for key, quantity, frozen, cost, buys, shorts, *_ in sorted(found):
        instrument = key - 1 & 0xFFFF
        known = names.instruments[instrument]
        unit = names.currency_decimals(known.currency)
        positions[known.symbol] = {
            "quantity": quantity,
            "frozen": frozen,
            "available": quantity - frozen,
            "total_cost": names.money(known.currency, cost),
            "average_cost": _average(cost, quantity, unit),
            "open_buys": buys,
            "open_shorts": shorts,
        }
    return positions


def _average(cost: int, quantity: int, decimals: int) -> str | None:
    """Cost per unit, to the currency's decimals, towards zero."""
    if quantity == 0:
        return None
    minor = abs(cost) // abs(quantity)
    return str(unscaled(minor, decimals))


def account_list(looked: Looked, options: argparse.Namespace) -> Shown:
    """All accounts."""
    rows = looked.state.accounts.reshape(-1, engine.ACCOUNT_WORDS)
    return {
        "accounts": [
            {
                "account": number,
                "blocked": bool(facts.parameters[Parameter.BLOCKED][0]),
                "killed": facts.killed,
                "live_orders": engine.ACCOUNT_LIVE_ORDERS.of(rows[number]),
            }
            for number, facts in sorted(looked.facts.accounts.items())
        ]
    }


def account_limits(looked: Looked, options: argparse.Namespace) -> Shown:
    """One account's limits."""
    facts = _known(looked.facts.accounts.get(options.account), f"account {options.account}")
    return {"account": options.account, "limits": _limits(looked, facts.parameters)}


def instrument_list(looked: Looked, options: argparse.Namespace) -> Shown:
    """Instruments with state and limits, and the market's state."""
    names, facts = looked.names, looked.facts
    return {
        "market": InstrumentState(facts.market_state).name,
        "kill_switch": facts.exchange_killed,
        "instruments": [
            {
                "id": number,
                "symbol": known.terms.symbol,
                "currency": names.code(known.terms.currency),
                "group": known.terms.group,
                "state": InstrumentState(known.state).name,
                "until": time_text(known.until_ns) if known.until_ns else None,
                "last_price": names.price(number, known.last_price),
                "tick": names.price(number, known.terms.tick),
                "lot": known.terms.lot,
                "limits": _limits(looked, known.parameters, number),
            }
            for number, known in sorted(facts.instruments.items())
        ],
    }


def limits_show(looked: Looked, options: argparse.Namespace) -> Shown:
    """Limits of one target, or the defaults."""
    facts, names = looked.facts, looked.names
    if options.account:
        return account_limits(looked, options)
    if options.instrument:
        number = names.instrument(options.instrument)
        known = _known(facts.instruments.get(number), f"instrument {options.instrument}")
        return {
            "instrument": names.symbol(number),
            "limits": _limits(looked, known.parameters, number),
        }
    if options.session:
        number = names.session(options.session)
        session = _known(facts.sessions.get(number), f"session {options.session}")
        return {
            "session": session.username,
            "killed": session.killed,
            "limits": _limits(looked, session.parameters),
        }
    return {"default": True, "limits": _limits(looked, facts.defaults)}


def session_list(looked: Looked, options: argparse.Namespace) -> Shown:
    """Sessions with their limits."""
    return {
        "sessions": [
            {
                "id": number,
                "username": known.username,
                "account": known.account,
                "killed": known.killed,
                "limits": _limits(looked, known.parameters),
            }
            for number, known in sorted(looked.facts.sessions.items())
        ]
    }


def review_list(looked: Looked, options: argparse.Namespace) -> Shown:
    """Held orders, oldest first."""
    state, names = looked.state, looked.names
    orders = state.orders.reshape(-1, engine.ORDER_WORDS)
    held = []
    slot = int(state.scalars[engine.HELD_HEAD])
    while slot:
        row = orders[slot]
        instrument, session = engine.ORDER_INSTRUMENT.of(row), engine.ORDER_SESSION.of(row)
        held.append(
            {
                "order_id": engine.ORDER_ID.of(row),
                "session": names.username(session),
                "account": names.sessions.get(session, ("", 0))[1],
                "instrument": names.symbol(instrument),
                "side": Side(engine.ORDER_SIDE.of(row)).name,
                "order_type": OrderType(engine.ORDER_TYPE.of(row)).name,
                "quantity": engine.ORDER_OPEN.of(row),
                "price": names.price(instrument, engine.ORDER_PRICE.of(row)),
            }
        )
        slot = engine.ORDER_NEXT.of(row)
    return {"held": held}


LOOKS: dict[tuple[str, str], Callable[[Looked, argparse.Namespace], Shown]] = {
    ("account", "show"): account_show,
    ("account", "list"): account_list,
    ("account", "limits"): account_limits,
    ("instrument", "list"): instrument_list,
    ("limits", "show"): limits_show,
    ("session", "list"): session_list,
    ("review", "list"): review_list,
}


def run(options: argparse.Namespace) -> int:
    """Show or list something."""
    shown = LOOKS[options.admin_command, options.action](rebuilt(options.data_dir), options)
    if options.json:
        print(json.dumps(shown))
    else:
        _print(shown)
    return ExitStatus.OK


def _line(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key}={_line(item)}" for key, item in value.items())
    return str(value)


def _print(shown: Shown, indent: str = "") -> None:
    """Nested fields, one a line; what is two levels deep stands in one line."""
    for key, value in shown.items():
        if isinstance(value, list):
            print(f"{indent}{key}: {'none' if not value else len(value)}")
            for item in value:
                limits = item.pop("limits", None)
                print(f"{indent}  {_line(item)}")
                for name, fields in (limits or {}).items():
                    print(f"{indent}      {name}: {_line(fields)}")
        elif isinstance(value, dict):
            print(f"{indent}{key}:{'' if value else ' none'}")
            for name, fields in value.items():
                print(f"{indent}  {name}: {_line(fields)}")
        else:
            print(f"{indent}{key}: {value}")
