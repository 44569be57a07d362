"""Operators' commands of the naive exchange: currencies, accounts, money and stock, kill switches.

Each handler returns the reject, or 0 when the command has been carried out. ``operate`` puts the
idempotency keys around all of them.
"""

from __future__ import annotations

from exchange.codes import CancelReason, EventKind, Reject, Scope
from tests.model.naive.command import Capacities, Command, Continuation
from tests.model.naive.data import Account, Bucket, Currency, Instrument
from tests.model.naive.market import Market

KEYS_REMEMBERED = 65_536
CURRENCIES = 8  # ids 1..7
MONEY_MAXIMUM, MONEY_NET_MAXIMUM = 1 << 56, 1 << 61
STOCK_MAXIMUM = 1 << 40
NO_KEY = bytes(14)


class Control(Market):
    def __init__(self, capacities: Capacities) -> None:
        super().__init__(capacities)
        self.keys: dict[bytes, None] = {}  # of commands carried out, oldest first
        self.cancelled = 0  # orders, by the operator's command under way

    def operate(self, command: Command, continuation: Continuation) -> None:
        """An operator's command, once per key."""
        key = command.token
        if key != NO_KEY and key in self.keys:
            self.refuse_control(command, Reject.DUPLICATE_KEY, continuation)
            return
        self.cancelled = 0
        reason = self.operators[command.kind](command, continuation)
        if reason:
            self.refuse_control(command, reason, continuation)
        elif key != NO_KEY:
            self.keys[key] = None
            is_full = len(self.keys) > KEYS_REMEMBERED
            self.keys.pop(next(iter(self.keys)) if is_full else NO_KEY, None)
            self.emit(
                EventKind.CONTROL_DONE,
                token=key,
                order_type=command.kind,
                quantity=self.cancelled,
            )

    def note(self, command: Command, row: Continuation) -> None:
        """NOTE: told as it is."""
        self.emit(
            EventKind.NOTED,
            token=command.token,
            order_type=command.order_type,
            price=row.value_0,
            quantity=row.value_1,
            level_quantity=row.value_2,
            contra_order_id=command.price,
            remaining=command.quantity,
            prevented=int.from_bytes(row.operator[:8], "little", signed=True),
            order_id=int.from_bytes(row.operator[8:], "little", signed=True),
            account=row.operator_uid,
            scope=row.scope,
        )

    def define_currency(self, _: Command, row: Continuation) -> int:
        if not 0 < row.currency < CURRENCIES:
            return Reject.CURRENCY_OUT_OF_RANGE
        if row.currency in self.currencies:
            return Reject.CURRENCY_EXISTS
        if row.account not in self.accounts:
            return Reject.UNKNOWN_ACCOUNT
        if not 0 <= row.value_1 <= 8:
            return Reject.INVALID_CURRENCY
        code = row.value_0.to_bytes(8, "little", signed=True)
        self.currencies[row.currency] = Currency(code, row.value_1, row.account)
        self.emit(
            EventKind.CURRENCY_DEFINED,
            currency=row.currency,
            token=code + bytes(6),
            display=row.value_1,
            account=row.account,
        )
        return 0

    def open_account(self, _: Command, row: Continuation) -> int:
        if not 0 < row.account < self.capacities.accounts:
            return Reject.ACCOUNT_OUT_OF_RANGE
        if row.account in self.accounts:
            return Reject.ACCOUNT_EXISTS
        # not a copy of the defaults as a whole: balances and counters are its own
        account, defaults = Account(row.account), self.account_defaults
        account.daily_limit = defaults.daily_limit
        account.rate = Bucket(defaults.rate.rate, defaults.rate.burst)
        account.position_limit = defaults.position_limit
        account.open_order_limit = defaults.open_order_limit
        account.prevention_mode = defaults.prevention_mode
        account.prevention_group = defaults.prevention_group
        account.may_short = defaults.may_short
        account.ratio_ppm = defaults.ratio_ppm
        account.ratio_window_s = defaults.ratio_window_s
        account.ratio_minimum = defaults.ratio_minimum
        account.blocked = defaults.blocked
        self.accounts[row.account] = account
        self.emit(EventKind.ACCOUNT_DEFINED, account=row.account)
        return 0

    # Money and stock -----------------------------------------------------------------------------

    def deposit(self, command: Command, row: Continuation) -> int:
        account = self.accounts.get(row.account)
        if account is None:
            return Reject.UNKNOWN_ACCOUNT
        if command.instrument:
            return self.deposit_stock(command, account)
        currency = self.currencies.get(row.currency)
        if currency is None:
            return Reject.UNKNOWN_CURRENCY
        amount = command.quantity
        if not 0 < amount <= MONEY_MAXIMUM or currency.net + amount > MONEY_NET_MAXIMUM:
            return Reject.INVALID_AMOUNT
        currency.net += amount
        self.move_money(account, row.currency, amount)
        return 0

    def withdraw(self, command: Command, row: Continuation) -> int:
        account = self.accounts.get(row.account)
        if account is None:
            return Reject.UNKNOWN_ACCOUNT
        if command.instrument:
            return self.withdraw_stock(command, account)
        currency = self.currencies.get(row.currency)
        if currency is None:
            return Reject.UNKNOWN_CURRENCY
        amount = command.quantity
        if not 0 < amount <= MONEY_MAXIMUM:
            return Reject.INVALID_AMOUNT
        if amount > account.balances[row.currency].available:
            return Reject.INSUFFICIENT_BALANCE
        currency.net -= amount
        self.move_money(account, row.currency, -amount)
        return 0

    def move_money(self, account: Account, currency: int, amount: int) -> None:
        self.change_balance(account, currency, amount)
        self.emit(
            EventKind.BALANCE_CHANGED,
            account=account.account,
            currency=currency,
            quantity=amount,
            remaining=account.balances[currency].balance,
        )

    def deposit_stock(self, command: Command, account: Account) -> int:
        instrument = self.instruments.get(command.instrument)
        if instrument is None:
            return Reject.UNKNOWN_INSTRUMENT
        if not is_stock_amount(command, instrument):
            return Reject.INVALID_AMOUNT
        position = self.find_position(account.account, command.instrument)
        if position is None and self.positions_full():
            return Reject.POSITION_TABLE_FULL
        amount, bound = command.quantity, instrument.position_bound
        expected = position.quantity + position.open_buys if position is not None else 0
        if expected + amount > bound or instrument.net_stock + amount > bound:
            return Reject.INVALID_AMOUNT
        self.make_position(account.account, command.instrument)
        instrument.net_stock += amount
        self.move_stock(command, account, instrument, amount)
        return 0

    def withdraw_stock(self, command: Command, account: Account) -> int:
        instrument = self.instruments.get(command.instrument)
        if instrument is None:
            return Reject.UNKNOWN_INSTRUMENT
        if not is_stock_amount(command, instrument):
            return Reject.INVALID_AMOUNT
        position = self.find_position(account.account, command.instrument)
        if position is None or command.quantity > position.available:
            return Reject.INSUFFICIENT_BALANCE
        instrument.net_stock -= command.quantity
        self.move_stock(command, account, instrument, -command.quantity)
        return 0

    def move_stock(
        self, command: Command, account: Account, instrument: Instrument, amount: int
    ) -> None:
        self.change_position(account.account, instrument, amount, command.price)
        self.emit(
            EventKind.BALANCE_CHANGED,
            account=account.account,
            instrument=command.instrument,
            quantity=amount,
            price=command.price,
            remaining=self.positions[account.account, command.instrument].quantity,
        )

    # Kill switches -------------------------------------------------------------------------------

    def kill(self, command: Command, row: Continuation) -> int:
        if row.scope not in (Scope.EXCHANGE, Scope.ACCOUNT, Scope.SESSION):
            return Reject.INVALID_SCOPE
        if row.value_0 not in (0, 1):
            return Reject.INVALID_SCOPE
        target = {}
        if row.scope == Scope.EXCHANGE:
            self.exchange_killed = row.value_0
            orders = list(self.live_by_id.values())
        elif row.scope == Scope.ACCOUNT:
            if row.account not in self.accounts:
                return Reject.UNKNOWN_ACCOUNT
            self.accounts[row.account].killed = row.value_0
            target = {"account": row.account}
            orders = [o for o in self.live_by_id.values() if o.account == row.account]
        else:
            if command.session not in self.sessions:
                return Reject.UNKNOWN_SESSION
            self.sessions[command.session].killed = row.value_0
            target = {"session": command.session}
            orders = self.orders_of_session(command.session)
        self.emit(EventKind.KILL_SWITCHED, scope=row.scope, quantity=row.value_0, **target)
        if row.value_0:
            self.cancel_orders(orders, CancelReason.SUPERVISORY)
        return 0


def is_stock_amount(command: Command, instrument: Instrument) -> bool:
    return 0 < command.quantity <= STOCK_MAXIMUM and 0 <= command.price <= instrument.maximum_price
