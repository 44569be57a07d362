"""Operators' commands: makes a record of the arguments, sends it to the daemon, shows the answer.

The answer comes when the command is durable and its events are released. Exit statuses: 0 done
(also "already done"), 80 refused, 65 nothing runs, 78 an unknown name or an impossible number.
"""

from __future__ import annotations

import argparse
import base64
import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from exchange import commands as records
from exchange.admin import parameters
from exchange.admin.names import NANOSECONDS, Names, exact, time_text
from exchange.codes import (
    MASS_CANCEL_ANY_SIDE,
    CommandKind,
    EventKind,
    InstrumentState,
    Parameter,
    Reject,
    Scope,
    Side,
)
from exchange.commands import Record
from exchange.control.socket import Request, ask
from exchange.definitions.rules import InstrumentTerms, Refusal, symbol_problems, username_problems
from exchange.errors import ConfigurationError, ExitStatus, Refused
from exchange.records import EVENT, word_text

STATES = {
    "halt": InstrumentState.HALTED,
    "resume": InstrumentState.OPEN,
    "cancel-only": InstrumentState.CANCEL_ONLY,
    "close": InstrumentState.CLOSED,
    "auction": InstrumentState.AUCTION,
}


def made_up_key() -> str:
    """A key that is new: A and 13 characters of 65 random bits."""
    return "A" + base64.b32encode(secrets.token_bytes(9))[:13].decode()


# the meaning of a refusal, where its name does not say enough
REFUSALS = {
    Reject.ACCOUNT_OUT_OF_RANGE: "capacity.accounts bounds the numbers of accounts",
    Reject.INSTRUMENT_OUT_OF_RANGE: "capacity.instruments bounds the numbers of instruments",
    Reject.SESSION_OUT_OF_RANGE: "capacity.sessions bounds the numbers of sessions",
    Reject.INSUFFICIENT_BALANCE: "more than is available",
    Reject.INVALID_AMOUNT: "not positive, or more than the exchange can hold",
    Reject.INVALID_INSTRUMENT: "a tick, lot, price or quantity cannot be; see docs/matching.md",
    Reject.INVALID_PARAMETER: "a value is out of range; see docs/matching.md",
    Reject.INSTRUMENT_BUSY: "the instrument has live orders",
    Reject.INVALID_STATE: "the market as a whole can be open, halted or cancel-only",
    Reject.UNKNOWN_ORDER: "no such order waits for a review",
    Reject.INSTRUMENT_HALTED: "the instrument or the market is halted: the order stays held",
    Reject.CANCEL_ONLY: "the instrument or the market is cancel-only: the order stays held",
    Reject.MARKET_CLOSED: "the instrument is closed: the order stays held",
}


def refused_by(answer: dict[str, Any]) -> Refused:
    """The error about an answer that is a refusal."""
    reject = answer.get("reject")
    # the door's sentence names what is wrong; a reject of the matcher is a number
    meaning = answer.get("sentence") or (REFUSALS.get(Reject(int(reject))) if reject else None)
    return Refused(f"{answer.get('error')}{': ' if meaning else ''}{meaning or ''}")


def submit(options: argparse.Namespace, record: Record) -> dict[str, Any]:
    """Send one record for the person of ``options``.

    Returns the daemon's answer; raises Refused, NotRunning.
    """
    request = Request(
        command="submit",
        record=record.tobytes().hex(),
        operator=options.operator,
        reason=options.reason,
    )
    answer = ask(options.data_dir, request)
    if not answer.get("ok"):
        raise refused_by(answer)
    return answer


# --- from arguments to records --------------------------------------------------------------------


def _account_open(options: argparse.Namespace, names: Names) -> Record:
    return records.open_account(options.account)


def _block(options: argparse.Namespace, names: Names) -> Record:
    on = int(options.action == "block")
    return records.set_parameter(Parameter.BLOCKED, options.account, (on, 0, 0))


def _move(options: argparse.Namespace, names: Names) -> Record:
    kind = CommandKind[options.admin_command.upper()]
    if names.has_currency(options.asset):
        currency = names.currency(options.asset)
        amount = exact(options.amount, names.currency_decimals(currency), "AMOUNT")
        return records.move_money(kind, options.account, currency, _int64(amount))
    instrument = names.instrument(options.asset)
    known = names.instruments.get(instrument)
    price = exact(options.price, known.price_decimals if known else 0, "--price")
    quantity = exact(options.amount, 0, "AMOUNT")
    return records.move_stock(kind, options.account, instrument, _int64(quantity), _int64(price))


def _int64(value: int) -> int:
    if not -(1 << 62) < value < 1 << 62:
        raise ConfigurationError(f"{value} is too large")
    return value


def _instrument_add(options: argparse.Namespace, names: Names) -> Record:
    decimals = options.price_decimals
    if not 0 <= decimals <= 8 or not 0 <= options.group <= 255:
        raise ConfigurationError("--price-decimals are 0 to 8, --group is 0 to 255")
    symbols = {known.symbol: number for number, known in names.instruments.items()}
    codes = [code for code, _ in names.currencies.values()]
    _refuse(symbol_problems(_number(options.id), options.symbol, symbols, codes))
    terms = InstrumentTerms(
        symbol=options.symbol,
        tick=_int64(exact(options.tick, decimals, "--tick")),
        lot=_int64(options.lot),
        price_decimals=decimals,
        minimum_price=_int64(exact(options.minimum_price, decimals, "--minimum-price")),
        maximum_price=_int64(exact(options.maximum_price, decimals, "--maximum-price")),
        maximum_quantity=_int64(options.maximum_quantity),
        currency=names.currency(options.currency),
        group=options.group,
    )
    return records.define_instrument(_number(options.id), terms)


def _refuse(problems: Iterator[Refusal]) -> None:
    """Raise Refused about the first of ``problems``."""
    for problem in problems:
        name = f"{problem.reject.name}: " if problem.reject else ""
        raise Refused(f"{name}{problem.key} {problem.what}")


def _number(value: int) -> int:
    if not 0 < value < 1 << 16:
        raise ConfigurationError(f"{value} is not the number of an instrument or a session")
    return value


def _instrument_state(options: argparse.Namespace, names: Names) -> Record:
    state = InstrumentState[options.state.upper().replace("-", "_")]
    return records.set_state(state, instrument=names.instrument(options.instrument))


def _state(options: argparse.Namespace, names: Names) -> Record:
    state = STATES[options.admin_command]
    seconds = getattr(options, "seconds", None)
    until_ns = names.time_ns + seconds * NANOSECONDS if seconds else 0
    if options.group and options.group > 255:
        raise ConfigurationError("--group is 1 to 255")
    return records.set_state(
        state,
        instrument=names.instrument(options.instrument) if options.instrument else 0,
        group=options.group or 0,
        until_ns=until_ns,
    )


def _kill(options: argparse.Namespace, names: Names) -> Record:
    on = options.switch == "on"
    if options.exchange:
        return records.kill(Scope.EXCHANGE, 0, on)
    if options.account:
        return records.kill(Scope.ACCOUNT, options.account, on)
    return records.kill(Scope.SESSION, names.session(options.session), on)


def _review(options: argparse.Namespace, names: Names) -> Record:
    return records.review(_int64(options.order_id), options.action == "approve")


def _mass_cancel(options: argparse.Namespace, names: Names) -> Record:
    selected = options.account or options.session or options.instrument or options.side
    if bool(selected) == options.all:
        raise ConfigurationError("select orders, or say --all (and nothing else)")
    sides = {"buy": int(Side.BUY), "sell": int(Side.SELL), None: MASS_CANCEL_ANY_SIDE}
    return records.mass_cancel(
        options.account or 0,
        names.session(options.session) if options.session else 0,
        names.instrument(options.instrument) if options.instrument else 0,
        sides[options.side],
    )


def _parameter(options: argparse.Namespace, names: Names) -> Record:
    """limits set, instrument set, session set."""
    written = parameters.PARAMETERS[options.parameter]
    given = getattr(options, written.target, None)
    if not given and not getattr(options, "default", False):
        article = "a" if written.target == "session" else "an"
        raise ConfigurationError(f"{options.parameter} belongs to {article} {written.target}")
    target, price_decimals, currency_decimals = 0, 0, 0
    if given and written.target == "account":
        target = given
    elif given and written.target == "session":
        target = names.session(given)
    elif given:
        target = names.instrument(given)
        known = names.instruments.get(target)
        if known is not None:
            price_decimals = known.price_decimals
            currency_decimals = names.currency_decimals(known.currency)
    elif names.currencies:
        currency_decimals = names.currency_decimals(min(names.currencies))  # as in [risk]
    values = parameters.parse(options.parameter, options.values, price_decimals, currency_decimals)
    return records.set_parameter(written.parameter, target, values)


def _session_add(options: argparse.Namespace, names: Names) -> Record:
    usernames = {username: number for number, (username, _) in names.sessions.items()}
    _refuse(username_problems(_number(options.id), options.username, usernames))
    return records.define_session(_number(options.id), options.username, options.account)


Maker = Callable[[argparse.Namespace, Names], Record]
MAKERS: dict[tuple[str, str | None], Maker] = {
    ("account", "open"): _account_open,
    ("account", "block"): _block,
    ("account", "unblock"): _block,
    ("deposit", None): _move,
    ("withdraw", None): _move,
    ("instrument", "add"): _instrument_add,
    ("instrument", "set"): _parameter,
    ("instrument", "state"): _instrument_state,
    ("halt", None): _state,
    ("resume", None): _state,
    ("cancel-only", None): _state,
    ("close", None): _state,
    ("auction", None): _state,
    ("kill", None): _kill,
    ("review", "approve"): _review,
    ("review", "refuse"): _review,
    ("mass-cancel", None): _mass_cancel,
    ("limits", "set"): _parameter,
    ("session", "add"): _session_add,
    ("session", "set"): _parameter,
}


# --- from events to people ------------------------------------------------------------------------


def event_fields(event: Any, names: Names) -> dict[str, Any]:
    """The content of an event of an operator's command, in names and the units that people use."""
    kind = EventKind(int(event["kind"]))
    shown: dict[str, Any] = {"event": kind.name}
    instrument, currency = int(event["instrument"]), int(event["currency"])
    known = names.instruments.get(instrument)
    if kind == EventKind.BALANCE_CHANGED:
        shown["account"] = int(event["account"])
        change, left = int(event["quantity"]), int(event["remaining"])
        if instrument:
            shown |= {"instrument": names.symbol(instrument), "change": change, "quantity": left}
        else:
            shown |= {
                "currency": names.code(currency),
                "change": names.money(currency, change),
                "balance": names.money(currency, left),
            }
    elif kind == EventKind.STATE_CHANGED:
        shown["instrument"] = names.symbol(instrument) if instrument else "(market)"
        shown["state"] = InstrumentState(int(event["display"])).name
        if event["quantity"]:
            shown["until"] = time_text(int(event["quantity"]))
    elif kind == EventKind.PARAMETER_SET:
        parameter = int(event["parameter"])
        written = parameters.PARAMETERS[parameters.NAME_OF[Parameter(parameter)]]
        target = {
            "instrument": names.symbol(instrument) if instrument else "(default)",
            "account": int(event["account"]) or "(default)",
            "session": names.username(int(event["session"])) if event["session"] else "(default)",
        }
        shown |= {
            "parameter": parameters.NAME_OF[written.parameter],
            written.target: target[written.target],
        }
        values = [int(event[name]) for name in ("price", "quantity", "level_quantity")]
        decimals = names.currency_decimals(known.currency) if known else 0
        if instrument == 0 and names.currencies:
            decimals = names.currency_decimals(min(names.currencies))
        shown |= parameters.readable(
            parameter, values, known.price_decimals if known else 0, decimals
        )
    elif kind == EventKind.KILL_SWITCHED:
        scope = Scope(int(event["scope"]))
        shown["scope"] = scope.name
        if scope == Scope.ACCOUNT:
            shown["account"] = int(event["account"])
        elif scope == Scope.SESSION:
            shown["session"] = names.username(int(event["session"]))
        shown["on"] = bool(event["quantity"])
    elif kind == EventKind.AUCTION:
        shown |= {
            "instrument": names.symbol(instrument),
            "price": names.price(instrument, int(event["price"])),
            "volume": int(event["quantity"]),
            "imbalance": int(event["remaining"]),
        }
    elif kind in (EventKind.RELEASED, EventKind.HELD):
        shown["order_id"] = int(event["order_id"])
    elif kind == EventKind.ACCOUNT_DEFINED:
        shown["account"] = int(event["account"])
    elif kind == EventKind.INSTRUMENT_DEFINED:
        shown["instrument"] = word_text(int(event["token_0"]))
        shown["instrument_id"] = instrument
    elif kind == EventKind.SESSION_DEFINED:
        shown["session"] = word_text(int(event["token_0"]))
        shown["account"] = int(event["quantity"])
    return shown


def answer_fields(answer: dict[str, Any], key: str, names: Names) -> dict[str, Any]:
    """The daemon's answer for people and for --json."""
    shown: dict[str, Any] = {"done": True, "already_done": bool(answer.get("already")), "key": key}
    for name in ("command_sequence", "cancelled"):
        if name in answer:
            shown[name] = answer[name]
    shown["milliseconds"] = round(answer.get("elapsed_ns", 0) / 1e6, 3)
    events = [np.frombuffer(bytes.fromhex(text), EVENT)[0] for text in answer.get("events", [])]
    shown["events"] = [event_fields(event, names) for event in events]
    if answer.get("events_left_out"):
        shown["events_left_out"] = answer["events_left_out"]
    return shown


def print_answer(shown: dict[str, Any]) -> None:
    """A line for what was done, and one for each event."""
    if shown["already_done"]:
        print(f"already done: key {shown['key']} has been used")
        return
    cancelled = f", orders cancelled: {shown['cancelled']}" if shown.get("cancelled") else ""
    key = f" (key {shown['key']})" if shown["key"] else ""
    print(
        f"done: command {shown.get('command_sequence')}, durable after "
        f"{shown['milliseconds']:.1f} ms{cancelled}{key}"
    )
    for event in shown["events"]:
        fields = " ".join(f"{name}={value}" for name, value in event.items() if name != "event")
        print(f"  {event['event'].lower().replace('_', ' ')}: {fields}")
    if shown.get("events_left_out"):
        print(f"  and {shown['events_left_out']} more")


def _available(options: argparse.Namespace) -> str:
    """What a withdrawal asked for, and what there is, from the journal."""
    from exchange.admin.look import account_show, rebuilt

    shown = account_show(rebuilt(options.data_dir), options)
    held = shown["money"].get(options.asset) or shown["positions"].get(options.asset)
    available = held["available"] if held else 0
    return f"{options.amount} {options.asset} asked for, {available} {options.asset} available"


def run(options: argparse.Namespace) -> int:
    """Carry out a command that changes something."""
    names = Names.of_daemon(options.data_dir)
    record = MAKERS[options.admin_command, getattr(options, "action", None)](options, names)
    key = options.key or made_up_key()
    if int(record["kind"][0]) in records.KEYED_KINDS:
        records.set_key(record, key)
    else:
        key = ""  # a definition can only be made once anyway
    try:
        answer = submit(options, record)
    except Refused as refusal:
        if Reject.INSUFFICIENT_BALANCE.name in str(refusal):
            raise Refused(f"{refusal}: {_available(options)}") from None
        raise
    shown = answer_fields(answer, key, names)
    if options.json:
        print(json.dumps(shown))
    else:
        print_answer(shown)
    return ExitStatus.OK
