"""Makes the records of the commands that no trader sends: definitions, days, operators' commands.

Who uses it: the daemon (configuration, days, schedule) and the operators' commands. Numbers are
those of the engine (minor units, 1/1,000,000); the caller has resolved names. Each function returns
a COMMAND array of one or two slots.

Decision CTL-13.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from exchange.codes import (
    FLAG_LONG,
    CommandKind,
    InstrumentState,
    Parameter,
    Scope,
)
from exchange.definitions.rules import InstrumentTerms
from exchange.records import (
    ADMIN_CONTINUATION,
    COMMAND,
    INSTRUMENT_CONTINUATION,
    text_word,
    token_text,
)

Record = np.ndarray[Any, Any]
KEY_BYTES = 14
OPERATOR_BYTES = 16
NOTE_BYTES = 40  # of text in one NOTE
# what may come through the control socket: every command that is not about a trader's order
OPERATOR_KINDS = frozenset(
    {
        CommandKind.INSTRUMENT,
        CommandKind.SESSION,
        CommandKind.CANCEL_BY_ORDER_ID,
        CommandKind.CURRENCY,
        CommandKind.ACCOUNT,
        CommandKind.DEPOSIT,
        CommandKind.WITHDRAW,
        CommandKind.PARAMETER,
        CommandKind.INSTRUMENT_STATE,
        CommandKind.KILL,
        CommandKind.REVIEW,
        CommandKind.MASS_CANCEL,
    }
)
KEYED_KINDS = OPERATOR_KINDS - {
    CommandKind.INSTRUMENT,
    CommandKind.SESSION,
    CommandKind.CANCEL_BY_ORDER_ID,
}


def set_key(record: Record, key: str) -> None:
    """Give ``record`` an idempotency key: 1 to 14 printable ASCII characters, or "" for none."""
    raw = key.encode("ascii")
    assert len(raw) <= KEY_BYTES
    if raw:
        raw = raw.ljust(KEY_BYTES)
    record["token_0"][0] = int.from_bytes(raw[0:8], "little")
    record["token_1"][0] = int.from_bytes(raw[8:12], "little")
    record["token_2"][0] = int.from_bytes(raw[12:14], "little")


def key_of(record: Any) -> str:
    """The idempotency key of a command or an event (a scalar record), "" if it has none."""
    return token_text(record)


def set_operator(record: Record, name: str, uid: int) -> None:
    """Write the operator's name and uid into a long command; a short one has no room for them."""
    if record.shape[0] < 2:
        return
    raw = name.encode("ascii", "replace")[:OPERATOR_BYTES].ljust(OPERATOR_BYTES, b"\0")
    # the operator's fields lie at the same place in every continuation that has them
    rest = record[1:].view(ADMIN_CONTINUATION)
    rest["operator_0"] = int.from_bytes(raw[:8], "little")
    rest["operator_1"] = int.from_bytes(raw[8:], "little")
    rest["operator_uid"] = uid


def _command(kind: CommandKind, **fields: int) -> Record:
    record = np.zeros(1, COMMAND)
    record["kind"][0] = kind
    for name, value in fields.items():
        record[name][0] = value
    return record


def _long(kind: CommandKind, rest: dict[str, int], key: str = "", **fields: int) -> Record:
    record = np.zeros(2, COMMAND)
    record["kind"][0] = kind
    record["flags"][0] = FLAG_LONG
    for name, value in fields.items():
        record[name][0] = value
    if key:
        set_key(record, key)
    continuation = record[1:].view(ADMIN_CONTINUATION)
    for name, value in rest.items():
        continuation[name][0] = value
    return record


def define_instrument(instrument: int, terms: InstrumentTerms) -> Record:
    """The INSTRUMENT command."""
    record = np.zeros(2, COMMAND)
    first = record[:1]
    first["kind"] = CommandKind.INSTRUMENT
    first["flags"] = FLAG_LONG
    first["instrument"] = instrument
    first["token_0"] = text_word(terms.symbol)
    first["price"] = terms.tick
    first["quantity"] = terms.lot
    first["display"] = terms.price_decimals
    rest = record[1:].view(INSTRUMENT_CONTINUATION)
    rest["minimum_price"] = terms.minimum_price
    rest["maximum_price"] = terms.maximum_price
    rest["maximum_quantity"] = terms.maximum_quantity
    rest["currency"] = terms.currency
    rest["group"] = terms.group
    return record


def define_session(session: int, username: str, account: int) -> Record:
    """The SESSION command."""
    return _command(
        CommandKind.SESSION, session=session, token_0=text_word(username), quantity=account
    )


def define_currency(
    currency: int, code: str, decimals: int, fee_account: int, key: str = ""
) -> Record:
    """The CURRENCY command."""
    rest = {
        "currency": currency,
        "value_0": text_word(code),
        "value_1": decimals,
        "account": fee_account,
    }
    return _long(CommandKind.CURRENCY, rest, key)


def open_account(account: int, key: str = "") -> Record:
    """The ACCOUNT command."""
    return _long(CommandKind.ACCOUNT, {"account": account}, key)


def move_money(
    kind: CommandKind, account: int, currency: int, amount: int, key: str = ""
) -> Record:
    """DEPOSIT or WITHDRAW of ``amount`` minor units."""
    return _long(kind, {"account": account, "currency": currency}, key, quantity=amount)


def move_stock(
    kind: CommandKind, account: int, instrument: int, quantity: int, price: int, key: str = ""
) -> Record:
    """DEPOSIT or WITHDRAW of ``quantity`` units of an instrument, at cost ``price`` each."""
    return _long(
        kind, {"account": account}, key, instrument=instrument, quantity=quantity, price=price
    )


def set_parameter(
    parameter: Parameter, target: int, values: tuple[int, int, int], key: str = ""
) -> Record:
    """The PARAMETER command; ``target``: instrument, account or session, 0 = the default.

    A parameter of the exchange has no target.
    """
    rest = {"parameter": int(parameter)}
    rest |= {f"value_{i}": value for i, value in enumerate(values)}
    if parameter >= Parameter.SHARES:
        return _long(CommandKind.PARAMETER, rest, key)
    if parameter < Parameter.DAILY_ORDERS:
        return _long(CommandKind.PARAMETER, rest, key, instrument=target)
    if parameter < Parameter.SESSION_RATE:
        return _long(CommandKind.PARAMETER, rest | {"account": target}, key)
    return _long(CommandKind.PARAMETER, rest, key, session=target)


def set_state(
    state: InstrumentState, *, instrument: int = 0, group: int = 0, until_ns: int = 0, key: str = ""
) -> Record:
    """INSTRUMENT_STATE of an instrument, else of a group, else of the market."""
    rest = {"parameter": int(state), "value_0": until_ns, "group": group}
    return _long(CommandKind.INSTRUMENT_STATE, rest, key, instrument=instrument)


def kill(scope: Scope, number: int, on: bool, key: str = "") -> Record:
    """KILL: ``number`` is the account or the session, 0 for the whole exchange."""
    rest = {"scope": int(scope), "value_0": int(on)}
    if scope == Scope.ACCOUNT:
        rest["account"] = number
    session = number if scope == Scope.SESSION else 0
    return _long(CommandKind.KILL, rest, key, session=session)


def review(order_id: int, approve: bool, key: str = "") -> Record:
    """REVIEW of a held order."""
    return _long(CommandKind.REVIEW, {}, key, price=order_id, quantity=int(approve))


def mass_cancel(account: int, session: int, instrument: int, side: int, key: str = "") -> Record:
    """An operator's MASS_CANCEL; 0 (``side``: 255) stands for any."""
    return _long(
        CommandKind.MASS_CANCEL,
        {},
        key,
        quantity=account,
        price=session,
        instrument=instrument,
        side=side,
    )


def cancel_by_order_id(order_id: int) -> Record:
    """Cancel an order whatever its session (operators)."""
    return _long(CommandKind.CANCEL_BY_ORDER_ID, {}, price=order_id)


def notes(name: str, uid: int, text: str, key: str = "", kind: int = 0) -> list[Record]:
    """The NOTEs that go before a command of ``kind`` with ``key``: who asks, and ``text``.

    ``text``: printable ASCII; each NOTE has room for 40 characters of it, and there is one at
    least.
    """
    raw = text.encode("ascii")
    parts = [raw[at : at + NOTE_BYTES] for at in range(0, len(raw), NOTE_BYTES)] or [b""]
    made = []
    for number, part in enumerate(parts):
        words = np.frombuffer(part.ljust(NOTE_BYTES, b"\0"), "<i8").tolist()
        rest = {f"value_{i}": words[i] for i in range(3)} | {"scope": number}
        record = _long(
            CommandKind.NOTE, rest, key, price=words[3], quantity=words[4], order_type=kind
        )
        set_operator(record, name, uid)
        made.append(record)
    return made


def start_of_day(number: int, midnight: int) -> Record:
    """START_OF_DAY of day ``number`` (YYYYMMDD), which counts from ``midnight`` (UTC ns)."""
    return _command(CommandKind.START_OF_DAY, price=number, quantity=midnight)


def end_of_day() -> Record:
    """END_OF_DAY: auctions that are on find their prices first."""
    return _command(CommandKind.END_OF_DAY, quantity=1)


def timer() -> Record:
    """TIMER: the matcher takes the time from its timestamp."""
    return _command(CommandKind.TIMER)
