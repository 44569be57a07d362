"""Seeded control commands: operators, clients' mass cancels and timers, valid and refused ones.

What would keep the exchange quiet for long (a halt, a kill switch, a harsh limit) is taken back
some control commands later: ``ControlCommands`` remembers what it owes.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np

from exchange.codes import (
    FLAG_LONG,
    MASS_CANCEL_ANY_SIDE,
    CommandKind,
    InstrumentState,
    Parameter,
    Scope,
    SelfTradePrevention,
)
from exchange.records import ADMIN_CONTINUATION, COMMAND, INSTRUMENT_CONTINUATION

SECOND_NS = 1_000_000_000
START_NS = 1_700_000_000 * SECOND_NS
INT64_MINIMUM, INT64_MAXIMUM = -(1 << 63), (1 << 63) - 1

FEE_ACCOUNT = 9
ACCOUNT_OF_SESSION = {1: 1, 2: 2, 3: 3, 4: 1, 5: 4, 7: 6}  # 6 is opened in the course of the day
SESSIONS_DEFINED = tuple(ACCOUNT_OF_SESSION)
ACCOUNTS_AT_FIRST = (1, 2, 3, 4, FEE_ACCOUNT)
CURRENCY_DECIMALS = {1: 4, 2: 8, 3: 0, 4: 2}


class InstrumentSpecification(NamedTuple):
    instrument: int
    tick: int
    lot: int
    price_decimals: int
    minimum_price: int
    maximum_price: int
    maximum_quantity: int
    middle: int  # where the price starts, in ticks
    width: float  # mean distance of a quote from the middle, in ticks
    currency: int = 1
    group: int = 0

    @property
    def multiplier(self) -> int:
        return 10 ** (CURRENCY_DECIMALS[self.currency] - self.price_decimals)

    @property
    def position_bound(self) -> int:
        return min(1 << 40, (1 << 61) // (self.maximum_price * self.multiplier))


INSTRUMENTS = (
    InstrumentSpecification(1, 1, 1, 2, 1, 1_000_000, 1_000_000, 10_000, 8.0, 1, 1),
    InstrumentSpecification(2, 5, 100, 4, 100, 5_000_000, 100_000, 40_000, 3.0, 1, 2),
    # few prices: deep levels
    InstrumentSpecification(3, 100, 1, 2, 100, 2_000, 10_000, 10, 1.5, 2, 1),
    # sparse, wide
    InstrumentSpecification(4, 7, 10, 0, 7, 7 << 20, 9_000_000_000, 500_000, 400.0, 3, 2),
    # the last two are at the limits of prices and values
    InstrumentSpecification(5, 1, 1, 8, 1, (1 << 30) - 1, 1 << 26, 1 << 29, 2.0, 2, 0),
    InstrumentSpecification(9, 1 << 17, 1, 2, 1 << 17, 1 << 46, 500, 1 << 20, 5.0, 4, 3),
)
GROUPS = (1, 2, 3, 77)
FIRST_IN_AUCTION = 9  # this instrument's first day begins with a call phase


def instrument_commands(specification: InstrumentSpecification, timestamp_ns: int) -> np.ndarray:
    """The two slots that define an instrument: COMMAND[2]."""
    slots = np.zeros(2, COMMAND)
    slots["timestamp_ns"][0] = timestamp_ns
    slots["kind"][0] = CommandKind.INSTRUMENT
    slots["flags"][0] = FLAG_LONG
    slots["instrument"][0] = specification.instrument
    slots["price"][0] = specification.tick
    slots["quantity"][0] = specification.lot
    slots["display"][0] = specification.price_decimals
    slots["token_0"][0] = int.from_bytes(f"SYM{specification.instrument:05d}".encode(), "little")
    continuation = slots[1:].view(INSTRUMENT_CONTINUATION)
    continuation["minimum_price"] = specification.minimum_price
    continuation["maximum_price"] = specification.maximum_price
    continuation["maximum_quantity"] = specification.maximum_quantity
    continuation["currency"] = specification.currency
    continuation["group"] = specification.group
    return slots


def session_command(session: int, timestamp_ns: int, account: int | None = None) -> np.ndarray:
    slot = np.zeros(1, COMMAND)
    slot["timestamp_ns"] = timestamp_ns
    slot["kind"] = CommandKind.SESSION
    slot["session"] = session
    slot["token_0"] = int.from_bytes(f"USER{session % 100:02d}  ".encode(), "little")
    slot["quantity"] = ACCOUNT_OF_SESSION.get(session, 1) if account is None else account
    return slot


def day_command(kind: int, timestamp_ns: int, day: int) -> np.ndarray:
    slot = np.zeros(1, COMMAND)
    slot["timestamp_ns"] = timestamp_ns
    slot["kind"] = kind
    slot["quantity"] = START_NS + day * 86_400 * SECOND_NS
    slot["price"] = 20_260_101 + day
    return slot


def operators_command(kind: int, first: dict[str, int], **second: int) -> np.ndarray:
    """A long command of an operator: fields of its two slots; COMMAND[2]."""
    slots = np.zeros(2, COMMAND)
    slots["kind"][0] = kind
    slots["flags"][0] = FLAG_LONG
    for name, value in first.items():
        slots[name][0] = value
    continuation = slots[1:].view(ADMIN_CONTINUATION)
    for name, value in second.items():
        continuation[name] = value
    continuation["operator_0"] = int.from_bytes(b"operator", "little")
    continuation["operator_uid"] = 1_000
    return slots


def set_key(slots: np.ndarray, number: int) -> np.ndarray:
    slots.view(np.uint8).reshape(-1, 64)[0, 24:38] = np.frombuffer(
        f"key{number:011d}".encode(), np.uint8
    )
    return slots


def account_command(account: int) -> np.ndarray:
    return operators_command(CommandKind.ACCOUNT, {}, account=account)


def currency_command(currency: int, decimals: int, fee_account: int) -> np.ndarray:
    code = int.from_bytes(f"CUR{currency:03d}".encode().ljust(8), "little")
    return operators_command(
        CommandKind.CURRENCY,
        {},
        currency=currency,
        value_0=code,
        value_1=decimals,
        account=fee_account,
    )


def money_command(kind: int, account: int, currency: int, amount: int) -> np.ndarray:
    return operators_command(kind, {"quantity": amount}, account=account, currency=currency)


def stock_command(kind: int, account: int, instrument: int, amount: int, price: int) -> np.ndarray:
    first = {"quantity": amount, "instrument": instrument, "price": price}
    return operators_command(kind, first, account=account)


def parameter_command(number: int, target: int, *values: int) -> np.ndarray:
    """PARAMETER; the target goes where one of that number has it."""
    first, second = {}, dict(zip(("value_0", "value_1", "value_2"), values, strict=False))
    if number >= Parameter.SESSION_RATE:
        first["session"] = target
    elif number >= Parameter.DAILY_ORDERS:
        second["account"] = target
    else:
        first["instrument"] = target
    return operators_command(CommandKind.PARAMETER, first, parameter=number, **second)


def state_command(state: int, instrument: int = 0, group: int = 0, until_ns: int = 0) -> np.ndarray:
    return operators_command(
        CommandKind.INSTRUMENT_STATE,
        {"instrument": instrument},
        parameter=state,
        group=group,
        value_0=until_ns,
    )


def kill_command(scope: int, on: int, account: int = 0, session: int = 0) -> np.ndarray:
    return operators_command(
        CommandKind.KILL, {"session": session}, scope=scope, value_0=on, account=account
    )


def band_commands() -> list[np.ndarray]:
    """Two instruments whose prices leave their band now and then."""
    return [
        parameter_command(Parameter.PRICE_BAND, 1, 3_000),
        parameter_command(Parameter.PRICE_BAND, 3, 350_000),
        parameter_command(Parameter.COLLAR, 1, 1_000),
    ]


def short_command(kind: int, **fields: int) -> np.ndarray:
    slot = np.zeros(1, COMMAND)
    slot["kind"] = kind
    for name, value in fields.items():
        slot[name] = value
    return slot


def opening_commands(timestamp_ns: int) -> np.ndarray:
    """Currencies, funded accounts, sessions, instruments, the first day; some after its start."""
    parts = [
        currency_command(1, 4, FEE_ACCOUNT),  # refused: its fee account is not open yet
        parameter_command(Parameter.FEES, 0, -20, 30),
        parameter_command(Parameter.CANCEL_ON_DISCONNECT, 0, 1),
        *(account_command(account) for account in ACCOUNTS_AT_FIRST),
        *(currency_command(c, CURRENCY_DECIMALS[c], FEE_ACCOUNT) for c in CURRENCY_DECIMALS),
        parameter_command(Parameter.SHORT_SALES, 1, 1),
        parameter_command(Parameter.SHORT_SALES, 3, 1),
        parameter_command(Parameter.SHORT_SALES, 4, 1),
        *(session_command(session, 0) for session in SESSIONS_DEFINED[:4]),
        *(instrument_commands(s, 0) for s in INSTRUMENTS[:4]),
        parameter_command(Parameter.REFERENCE_PRICE, 1, INSTRUMENTS[0].middle),
        *band_commands(),
        parameter_command(Parameter.SELF_TRADE, 3, SelfTradePrevention.CANCEL_RESTING, 5),
        parameter_command(Parameter.BREAKER, 3, 250_000, 2, 1),
        day_command(CommandKind.START_OF_DAY, 0, 0),
        *(session_command(session, 0) for session in SESSIONS_DEFINED[4:]),
        parameter_command(Parameter.FEES, 0, 100_000, 100_000),
        *(instrument_commands(s, 0) for s in INSTRUMENTS[4:]),
        state_command(InstrumentState.AUCTION, FIRST_IN_AUCTION),
    ]
    for account in (1, 2, 3):
        for currency in CURRENCY_DECIMALS:
            parts.append(money_command(CommandKind.DEPOSIT, account, currency, 1 << 56))
        for s in INSTRUMENTS:
            amount = s.position_bound // 16 // s.lot * s.lot
            price = s.middle * s.tick
            parts.append(stock_command(CommandKind.DEPOSIT, account, s.instrument, amount, price))
    # an account that soon has nothing left
    for s in INSTRUMENTS[:3]:
        amount = s.middle * s.tick * s.lot * s.multiplier * 40
        parts.append(money_command(CommandKind.DEPOSIT, 4, s.currency, amount))
        parts.append(stock_command(CommandKind.DEPOSIT, 4, s.instrument, s.lot * 40, 0))
    slots = np.concatenate(parts)
    slots["timestamp_ns"][starts_of(slots)] = timestamp_ns
    return slots


def funded_opening(specification: InstrumentSpecification, timestamp_ns: int) -> np.ndarray:
    """One instrument, one session of one rich account, no fees, the first day."""
    currency, number = specification.currency, specification.instrument
    deposit = CommandKind.DEPOSIT
    slots = np.concatenate(
        [
            account_command(1),
            currency_command(currency, CURRENCY_DECIMALS[currency], 1),
            session_command(1, 0),
            instrument_commands(specification, 0),
            *[money_command(deposit, 1, currency, 1 << 56)] * 8,
            stock_command(deposit, 1, number, specification.position_bound // 4, 0),
            day_command(CommandKind.START_OF_DAY, 0, 0),
        ]
    )
    slots["timestamp_ns"][starts_of(slots)] = timestamp_ns
    return slots


def starts_of(slots: np.ndarray) -> np.ndarray:
    """Indices of the first slots of the commands in ``slots``."""
    starts, position = [], 0
    while position < len(slots):
        starts.append(position)
        position += 2 if slots["flags"][position] & FLAG_LONG else 1
    return np.array(starts, np.int64)


class ControlCommands:
    """An endless source of single commands; only REVIEW's order id is filled in by the caller."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self.made = 0
        self.keys = 0
        self.day = 0
        self.now_ns = START_NS
        self.review_values: dict[int, float] = {}  # price x quantity, by instrument
        self.debts = 0  # ever made
        self.owed: list[tuple[int, int, np.ndarray]] = []  # (when, tie breaker, command)
        self.owe(state_command(InstrumentState.OPEN, FIRST_IN_AUCTION), 25)
        self.sources = (
            (10, self.money),
            (8, self.stock),
            (25, self.parameter),
            (14, self.state),
            (1.6, self.kill),
            (8, self.review),
            (1.5, self.operators_mass_cancel),
            (3, self.clients_mass_cancel),
            (1.2, self.disconnect),
            (1.5, self.cancel_after),
            (2, self.account),
            (2.5, self.currency),
            (2, self.session),
            (3, self.instrument),
            (2, self.day_again),
            (2, self.unknown),
        )
        weights = np.array([weight for weight, _ in self.sources], float)
        self.shares = weights / weights.sum()

    def command(self) -> np.ndarray:
        """The slots of one command, one or two, without time."""
        self.made += 1
        if self.owed and self.owed[0][0] <= self.made and self.random.random() < 0.8:
            return self.note(heapq.heappop(self.owed)[2])
        if self.review_values and self.happens(0.6):
            slots = self.review()
        else:
            source = self.sources[int(self.random.choice(len(self.sources), p=self.shares))][1]
            slots = source()
        if slots["kind"][0] in _KEYED and self.random.random() < 0.6:
            self.add_key(slots)
        if len(slots) == 2 and self.random.random() < 0.01:
            slots = slots[:1].copy()  # a command that should have been long
            slots["flags"] = 0
        return self.note(slots)

    def note(self, slots: np.ndarray) -> np.ndarray:
        """Remember from what value on orders are held now, as far as can be told here."""
        row = slots[1:].view(ADMIN_CONTINUATION)
        if len(row) and row["parameter"][0] == Parameter.REVIEW_VALUE:
            specification = _SPECIFICATIONS.get(int(slots["instrument"][0]))
            if slots["kind"][0] == CommandKind.PARAMETER and specification is not None:
                value = int(row["value_0"][0])
                self.review_values.pop(specification.instrument, None)
                if value > 0:
                    quantity_price = value / specification.multiplier
                    self.review_values[specification.instrument] = quantity_price
        return slots

    # Small helpers -------------------------------------------------------------------------------

    def one_of(self, *values: int) -> int:
        return values[int(self.random.integers(len(values)))]

    def happens(self, share: float) -> bool:
        return bool(self.random.random() < share)

    def size(self, low: int, high: int) -> int:
        """From ``low`` to ``high``, every order of magnitude as often as the next."""
        return int(np.exp(self.random.uniform(np.log(low), np.log(high))))

    def an_account(self) -> int:
        if self.happens(0.04):
            return self.one_of(0, 5, 63, 64, 65_535, 1 << 20)
        return self.one_of(1, 2, 3, 4, 4, 6)

    def an_instrument(self) -> int:
        if self.happens(0.04):
            return self.one_of(6, 63, 64, 65_535)
        return self.one_of(*(s.instrument for s in INSTRUMENTS))

    def a_session(self) -> int:
        if self.happens(0.05):
            return self.one_of(0, 6, 10, 31, 32, 65_535)
        return self.one_of(*SESSIONS_DEFINED)

    def add_key(self, slots: np.ndarray) -> None:
        """Mostly a new key, often one of the last, seldom an old one."""
        self.keys += 1
        number = self.keys
        if self.happens(0.25):
            number = max(0, number - int(self.random.geometric(0.3)))
        elif self.happens(0.05):
            number = int(self.random.integers(self.keys))
        set_key(slots, number)

    def owe(self, slots: np.ndarray, later: int) -> None:
        """Make this the command ``later`` or some more control commands from now."""
        self.debts += 1
        heapq.heappush(self.owed, (self.made + later, self.debts, slots))

    # Money and stock -----------------------------------------------------------------------------

    def money(self) -> np.ndarray:
        currency = self.one_of(1, 2, 3, 4)
        if self.happens(0.04):
            currency = self.one_of(0, 5, 7, 8, 65_535)
        kind = CommandKind.DEPOSIT if self.happens(0.6) else CommandKind.WITHDRAW
        amount = self.size(1, 1 << 40)
        if self.happens(0.15):
            amount = self.one_of(
                0, -1, 1 << 56, (1 << 56) + 1, 1 << 55, INT64_MINIMUM, INT64_MAXIMUM
            )
        account = FEE_ACCOUNT if self.happens(0.05) else self.an_account()
        return money_command(kind, account, currency, amount)

    def stock(self) -> np.ndarray:
        kind = CommandKind.DEPOSIT if self.happens(0.6) else CommandKind.WITHDRAW
        s = INSTRUMENTS[int(self.random.integers(len(INSTRUMENTS)))]
        amount, price = self.size(1, 2_000) * s.lot, s.middle * s.tick
        case = int(self.random.integers(12))
        if case == 0:
            amount = self.one_of(0, -s.lot, 1 << 40, (1 << 40) + 1, INT64_MINIMUM, INT64_MAXIMUM)
        elif case == 1:
            amount = self.one_of(s.position_bound, s.position_bound // 2, s.position_bound + 1)
        elif case == 2:
            price = self.one_of(-1, 0, s.maximum_price, s.maximum_price + 1, INT64_MAXIMUM)
        elif case == 3:
            amount = self.size(1, 50)  # odd lots
        instrument = self.one_of(6, 63, 64, 65_535) if case == 4 else s.instrument
        return stock_command(kind, self.an_account(), instrument, amount, price)

    # Parameters ----------------------------------------------------------------------------------

    def parameter(self) -> np.ndarray:
        if self.happens(0.03):
            return parameter_command(self.one_of(0, 7, 15, 24, 31, 34, 255), 1, 1)
        number = Parameter(self.one_of(*_PARAMETERS))
        values = self.values(number)
        if self.happens(0.15):
            values = list(values)
            spoiled = int(self.random.integers(len(values)))
            values[spoiled] = self.one_of(*_ODD_VALUES)
        if number < Parameter.DAILY_ORDERS:
            target = self.an_instrument()
        elif number < Parameter.SESSION_RATE:
            target = self.an_account()
        else:
            target = self.a_session()
        if self.happens(0.16):
            target = 0
            if self.happens(0.7):  # defaults are for what is defined later; let that be bearable
                values = _OFF.get(number, values)
        if number in _OFF and target and self.happens(0.9):
            self.owe(parameter_command(number, target, *_OFF[number]), self.size(2, 25))
        return parameter_command(number, target, *values)

    def values(self, number: Parameter) -> list[int]:
        size, one_of = self.size, self.one_of
        s = INSTRUMENTS[int(self.random.integers(len(INSTRUMENTS)))]
        price = s.middle * s.tick
        if number == Parameter.FEES:
            taker = one_of(0, 1, 30, 500, 100_000)
            return [one_of(0, taker, -taker, 10, -taker // 2), taker]
        if number == Parameter.REFERENCE_PRICE:
            return [one_of(price, price + s.tick * size(1, 100), 0)]
        if number == Parameter.PRICE_BAND:
            return [one_of(0, size(300, 1_000_000), 200_000, 1_000_000)]
        if number == Parameter.COLLAR:
            return [one_of(0, size(10, 1_000_000), 50_000)]
        if number == Parameter.REVIEW_VALUE:
            return [price * s.lot * s.multiplier * size(1, 40)]
        if number == Parameter.BREAKER:
            move = one_of(size(30, 2_000), size(1_000, 50_000), size(50, 500_000))
            return [move, one_of(1, 1, 2, 16, 60, 86_400), one_of(1, 1, 2, 5)]
        if number in (Parameter.DAILY_ORDERS, Parameter.OPEN_ORDERS):
            return [size(1, 5_000)]
        if number in (Parameter.ACCOUNT_RATE, Parameter.SESSION_RATE):
            return [one_of(1, 7, 100, 1_000, 1_000_000, 1_000_000_000), one_of(1, 2, 10, 1_000_000)]
        if number == Parameter.POSITION_LIMIT:
            return [one_of(size(1, 1_000), size(1, 1_000_000), size(1, 1 << 40))]
        if number == Parameter.SELF_TRADE:
            return [one_of(*SelfTradePrevention), one_of(0, 1, 1, 2)]
        if number == Parameter.CANCEL_RATIO:
            return [size(1_000, 1_000_000), one_of(1, 2, 30, 86_400), one_of(1, 3, 20)]
        return [one_of(0, 1)]

    def settings_of_the_night(self) -> list[np.ndarray]:
        """At night, when no order lives, fees can change; bands and prevention come back."""
        fees = [
            parameter_command(Parameter.FEES, s.instrument, *self.values(Parameter.FEES))
            for s in INSTRUMENTS
            if self.happens(0.5)
        ]
        # accounts 1 (three of eight creators) and 3 would trade with themselves and each other
        prevention = []
        for account in (1, 3):
            mode, group = self.one_of(0, 0, 0, 1, 2, 3, 4), self.one_of(0, 0, 5)
            prevention.append(parameter_command(Parameter.SELF_TRADE, account, mode, group))
        moves = parameter_command(
            Parameter.BREAKER, 3, self.one_of(0, 150_000, 250_000), self.one_of(1, 2, 16), 1
        )
        return [*fees, *band_commands(), *prevention, moves]

    def morning_auctions(self) -> list[np.ndarray]:
        """Some groups begin the day with a call phase, which ends somewhat later."""
        commands = []
        for group in GROUPS[:3]:
            if self.happens(0.4):
                commands.append(state_command(InstrumentState.AUCTION, group=group))
                self.owe(state_command(InstrumentState.OPEN, group=group), self.size(3, 30))
        return commands

    # States and switches -------------------------------------------------------------------------

    def state(self) -> np.ndarray:
        state = InstrumentState(self.one_of(0, 1, 1, 1, 1, 2, 2, 3, 4))
        until_ns = 0
        if state == InstrumentState.HALTED and self.happens(0.6):
            until_ns = self.now_ns + int(self.random.integers(-1, 5)) * SECOND_NS
        if self.happens(0.04):
            return state_command(self.one_of(5, 255), self.an_instrument())
        if self.happens(0.04):
            return state_command(
                state, self.an_instrument(), until_ns=self.one_of(-1, 1, INT64_MINIMUM)
            )
        instrument = group = 0
        later = self.size(2, 40)
        where = self.random.random()
        if where < 0.65:
            instrument = self.an_instrument()
        elif where < 0.85:
            group = self.one_of(*GROUPS)
        else:
            later = self.size(1, 6)
        self.owe(state_command(InstrumentState.OPEN, instrument, group), later)
        if instrument and self.happens(0.3):
            # another state on the way from the auction to the market
            between = state_command(self.one_of(2, 3, 1, 4, 4), instrument)
            self.owe(between, max(1, later // 2))
        return state_command(state, instrument, group, until_ns)

    def kill(self) -> np.ndarray:
        if self.happens(0.35):
            return kill_command(
                self.one_of(0, 2, 2, 3, 3, 4, 255),
                self.one_of(0, 0, 2, -1),
                self.one_of(0, 5, 63, 64, 65_535, self.an_account()),
                self.one_of(0, 6, 31, 32, 65_535, self.a_session()),
            )
        scope = self.one_of(1, 2, 2, 2, 3, 3, 3, 3)
        account, session = self.an_account(), self.a_session()
        later = 1 if scope == Scope.EXCHANGE else self.size(1, 4)
        self.owe(kill_command(scope, 0, account, session), later)
        return kill_command(scope, 1, account, session)

    def review(self) -> np.ndarray:
        choice = self.one_of(1, 1, 1, 1, 0, 0, 2) if self.happens(0.3) else 1
        return operators_command(CommandKind.REVIEW, {"quantity": choice})

    # Cancels of many orders ----------------------------------------------------------------------

    def filters(self) -> dict[str, int]:
        side = self.one_of(0, 1, MASS_CANCEL_ANY_SIDE, MASS_CANCEL_ANY_SIDE)
        fields = {"kind": int(CommandKind.MASS_CANCEL), "side": side}
        if self.happens(0.9):
            fields["instrument"] = self.an_instrument()
        if self.happens(0.6):
            fields["price"] = self.a_session()
        if self.happens(0.03):
            fields["side"] = self.one_of(2, 3, 254)
        if self.happens(0.03):
            fields["price"] = self.one_of(-1, 1 << 40, INT64_MINIMUM)
        return fields

    def operators_mass_cancel(self) -> np.ndarray:
        fields = self.filters()
        if self.happens(0.9):
            fields["quantity"] = self.an_account()
        if self.happens(0.5):
            return short_command(**fields)
        return operators_command(fields.pop("kind"), fields, account=3, currency=2)

    def clients_mass_cancel(self) -> np.ndarray:
        fields = self.filters()
        fields["session"] = self.a_session() or 1
        fields["quantity"] = self.an_account()  # of no meaning
        return short_command(**fields)

    def disconnect(self) -> np.ndarray:
        session = 0 if self.happens(0.05) else self.a_session()
        return short_command(CommandKind.DISCONNECT, session=session)

    def cancel_after(self) -> np.ndarray:
        seconds = self.one_of(0, 1, 1, 2, 5, 30, 99_997)
        if self.happens(0.1):
            seconds = self.one_of(-1, 99_998, INT64_MAXIMUM)
        return short_command(CommandKind.CANCEL_AFTER, session=self.a_session(), quantity=seconds)

    # Definitions, days, nonsense -----------------------------------------------------------------

    def account(self) -> np.ndarray:
        return account_command(self.one_of(0, 1, 6, 6, 7, 30, 63, 64, 1 << 20))

    def currency(self) -> np.ndarray:
        return currency_command(
            self.one_of(0, 1, 4, 6, 7, 8, 65_535),
            self.one_of(0, 2, 8, 9, -1, INT64_MAXIMUM),
            self.one_of(FEE_ACCOUNT, FEE_ACCOUNT, 0, 50, 1 << 20),
        )

    def session(self) -> np.ndarray:
        session = self.one_of(0, 1, 7, 31, 32, 65_535, 10, 11, 12)
        return session_command(session, 0, self.one_of(1, 2, 5, 63, 0, 64, -1, INT64_MAXIMUM))

    def instrument(self) -> np.ndarray:
        good = INSTRUMENTS[int(self.random.integers(len(INSTRUMENTS)))]
        if self.happens(0.25):
            return instrument_commands(good._replace(instrument=self.one_of(0, 1, 64)), 0)
        changes: tuple[dict[str, int], ...] = (
            {"tick": 0},
            {"tick": -5},
            {"lot": 0},
            {"minimum_price": good.tick - 1},
            {"maximum_price": good.minimum_price - good.tick},
            {"tick": 1, "maximum_price": 1 << 30, "maximum_quantity": 1, "lot": 1},
            {
                "tick": 1 << 20,
                "minimum_price": 1 << 20,
                "maximum_price": (1 << 47) + (1 << 20),
                "maximum_quantity": 1,
                "lot": 1,
                "price_decimals": 2,
                "currency": 4,
            },
            {"maximum_quantity": good.lot - 1},
            {"maximum_quantity": (1 << 40) + 1, "tick": 1, "minimum_price": 1, "maximum_price": 1},
            {"price_decimals": 9},
            {"price_decimals": 1, "currency": 3},
            {"maximum_quantity": (1 << 56) // (good.maximum_price * good.multiplier) + 1},
            {"currency": 5},
            {"currency": 8},
            {"currency": 65_535},
            {"tick": 3, "minimum_price": 4, "maximum_price": 9_000},
            {"tick": 3, "minimum_price": 3, "maximum_price": 9_001},
        )
        change = changes[int(self.random.integers(len(changes)))]
        return instrument_commands(good._replace(instrument=self.one_of(20, 63), **change), 0)

    def day_again(self) -> np.ndarray:
        return day_command(CommandKind.START_OF_DAY, 0, self.day)

    def operators_note(self) -> np.ndarray:
        """A NOTE, of characters and of what is none."""
        values = [int(each) for each in self.random.integers(-(1 << 62), 1 << 62, 5)]
        slots = operators_command(
            CommandKind.NOTE,
            {"price": values[0], "quantity": values[1], "order_type": self.one_of(0, 13, 255)},
            value_0=values[2],
            value_1=values[3],
            value_2=values[4],
            scope=self.one_of(0, 3, 255),
            operator_1=int(self.random.integers(0, 1 << 63)),
        )
        return set_key(slots, self.one_of(1, 99)) if self.happens(0.5) else slots

    def unknown(self) -> np.ndarray:
        if self.happens(0.5):
            return short_command(self.one_of(0, 24, 99, 255))
        if self.happens(0.3):
            return self.operators_note()
        # a second slot that means nothing for this kind
        return operators_command(self.one_of(CommandKind.TIMER, 0, CommandKind.CANCEL_AFTER), {})


_SPECIFICATIONS = {s.instrument: s for s in INSTRUMENTS}
_KEYED = frozenset(
    int(kind)
    for kind in (
        CommandKind.CURRENCY,
        CommandKind.ACCOUNT,
        CommandKind.DEPOSIT,
        CommandKind.WITHDRAW,
        CommandKind.PARAMETER,
        CommandKind.INSTRUMENT_STATE,
        CommandKind.KILL,
        CommandKind.REVIEW,
        CommandKind.MASS_CANCEL,
    )
)
# some more often than others
_PARAMETERS = (
    *Parameter,
    Parameter.REVIEW_VALUE,
    Parameter.REVIEW_VALUE,
    Parameter.BREAKER,
    Parameter.BREAKER,
    Parameter.BREAKER,
)
_ODD_VALUES = (
    -1, 2, 5, 86_401, 100_001, 1_000_001, 1_000_000_001, 1 << 31, (1 << 40) + 1, (1 << 61) + 1,
    INT64_MINIMUM, INT64_MAXIMUM,
)  # fmt: skip
# What takes a harsh value back.
_OFF = {
    Parameter.REFERENCE_PRICE: [0],
    Parameter.PRICE_BAND: [0],
    Parameter.REVIEW_VALUE: [0],
    Parameter.BREAKER: [0, 0, 0],
    Parameter.DAILY_ORDERS: [0],
    Parameter.OPEN_ORDERS: [0],
    Parameter.ACCOUNT_RATE: [0, 0],
    Parameter.SESSION_RATE: [0, 0],
    Parameter.POSITION_LIMIT: [0],
    Parameter.SELF_TRADE: [0, 0],
    Parameter.SHORT_SALES: [1],
    Parameter.BLOCKED: [0],
    Parameter.CANCEL_RATIO: [0, 0, 0],
}
