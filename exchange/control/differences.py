"""The differences between the configuration and the running exchange, and the commands to end them.

Who uses it: the daemon at its start, and ``exchange admin config``. A ``Difference`` names one
thing that is not as configured and carries the commands that change it. They come in an order in
which they can be carried out: defaults, accounts, currencies, instruments, sessions, deposits. At
the first start everything differs. A difference in what never changes (an instrument's tick, a
session's account) has no commands.

Decision CTL-3.
"""

from __future__ import annotations

from typing import NamedTuple

from exchange.codes import CommandKind, Parameter
from exchange.commands import (
    KEY_BYTES,
    Record,
    define_currency,
    define_instrument,
    define_session,
    move_money,
    move_stock,
    open_account,
    set_parameter,
)
from exchange.definitions.rules import InstrumentTerms
from exchange.recovery.facts import EngineFacts, Parameters, comparable
from exchange.settings import (
    Configuration,
    Instrument,
    account_parameters,
    instrument_parameters,
    overlaid,
    session_parameters,
)
from exchange.settings.exact import scaled


class Difference(NamedTuple):
    """``what`` of ``subject`` (instrument AAPL) is ``running``; the files have ``configured``.

    ``commands``: COMMAND arrays that apply the configuration; empty: it cannot be changed.
    """

    subject: str
    what: str
    configured: str
    running: str
    commands: list[Record]


def deposit_key(account: int, name: str, number: int) -> str:
    """The idempotency key of an opening deposit, of a currency's code or an instrument's symbol."""
    readable = f"OPEN-{account}-{name}"
    if len(readable) <= KEY_BYTES:
        return readable
    # at most 1 + 7 + 1 + 5 characters; an account and its number of currency or instrument
    return f"O{account}{'I' if number >= 0 else 'C'}{abs(number)}"


def instrument_terms(configuration: Configuration, instrument: Instrument) -> InstrumentTerms:
    """The terms of ``instrument`` in the configuration."""
    return InstrumentTerms(
        symbol=instrument.symbol,
        tick=instrument.minor_units(instrument.tick),
        lot=instrument.lot,
        price_decimals=instrument.price_decimals,
        minimum_price=instrument.minor_units(instrument.minimum_price),
        maximum_price=instrument.minor_units(instrument.maximum_price),
        maximum_quantity=instrument.maximum_quantity,
        currency=configuration.currency(instrument.currency).id,
        group=configuration.group_id(instrument),
    )


def _values(values: tuple[int, int, int]) -> str:
    return " ".join(str(value) for value in values).removesuffix(" 0").removesuffix(" 0")


def _limits(subject: str, target: int, wanted: Parameters, running: Parameters) -> list[Difference]:
    """A difference for each parameter that is not as ``wanted``."""
    return [
        Difference(
            subject,
            Parameter(parameter).name.lower(),
            _values(values),
            _values(running[parameter]),
            [set_parameter(Parameter(parameter), target, values)],
        )
        for parameter, values in wanted.items()
        if comparable(parameter, values) != comparable(parameter, running[parameter])
    ]


class _Comparison:
    def __init__(self, configuration: Configuration, facts: EngineFacts, deposits: bool) -> None:
        self.configuration = configuration
        self.facts = facts
        self.deposits = deposits
        self.risk = configuration.settings.risk
        self.found: list[Difference] = []
        self.defaults: Parameters = dict(facts.defaults)

    def _new(self, subject: str, target: int, first: Record, limits: Parameters) -> None:
        """Something not defined yet: its definition, then the limits that differ from defaults."""
        commands = [first]
        for parameter, values in limits.items():
            default = self.defaults.get(parameter, (0, 0, 0))
            if comparable(parameter, values) != comparable(parameter, default):
                commands.append(set_parameter(Parameter(parameter), target, values))
        self.found.append(Difference(subject, "", "defined", "not defined", commands))

    def add_defaults(self) -> None:
        configuration = self.configuration
        values = overlaid(self.risk)
        # one number for all currencies: in the minor units of the first one
        decimals = configuration.currencies[0].decimals if configuration.currencies else 0
        wanted: Parameters = {}
        for parameters in (
            instrument_parameters(values, decimals),
            account_parameters(values),
            session_parameters(values),
        ):
            wanted |= {int(parameter): found for parameter, found in parameters.items()}
        self.found += _limits("default", 0, wanted, self.facts.defaults)
        self.defaults |= wanted

    def add_accounts(self) -> None:
        for account in self.configuration.accounts:
            subject = f"account {account.id}"
            wanted = {
                int(parameter): values
                for parameter, values in account_parameters(overlaid(self.risk, account)).items()
            }
            known = self.facts.accounts.get(account.id)
            if known is None:
                self._new(subject, account.id, open_account(account.id), wanted)
            else:
                self.found += _limits(subject, account.id, wanted, known.parameters)

    def add_currencies(self) -> None:
        for currency in self.configuration.currencies:
            subject = f"currency {currency.code}"
            wanted = (currency.code, currency.decimals, currency.fee_account)
            known = self.facts.currencies.get(currency.id)
            if known is None:
                record = define_currency(currency.id, *wanted)
                self.found.append(Difference(subject, "", "defined", "not defined", [record]))
            elif tuple(known) != wanted:
                self.found.append(Difference(subject, "definition", str(wanted), str(known), []))

    def add_instruments(self) -> None:
        for instrument in self.configuration.instruments:
            subject = f"instrument {instrument.symbol}"
            terms = instrument_terms(self.configuration, instrument)
            decimals = self.configuration.currency(instrument.currency).decimals
            wanted = {
                int(parameter): values
                for parameter, values in instrument_parameters(
                    overlaid(self.risk, instrument), decimals
                ).items()
            }
            known = self.facts.instruments.get(instrument.id)
            if known is None:
                if instrument.reference_price is not None:
                    reference = instrument.minor_units(instrument.reference_price)
                    wanted[Parameter.REFERENCE_PRICE] = (reference, 0, 0)
                self._new(subject, instrument.id, define_instrument(instrument.id, terms), wanted)
                continue
            for field, value in terms._asdict().items():
                there = getattr(known.terms, field)
                if value != there:
                    self.found.append(Difference(subject, field, str(value), str(there), []))
            self.found += _limits(subject, instrument.id, wanted, known.parameters)

    def add_sessions(self) -> None:
        for session in self.configuration.sessions:
            subject = f"session {session.username}"
            wanted = {
                int(parameter): values
                for parameter, values in session_parameters(
                    session.limits(overlaid(self.risk))
                ).items()
            }
            known = self.facts.sessions.get(session.id)
            if known is None:
                record = define_session(session.id, session.username, session.account)
                self._new(subject, session.id, record, wanted)
                continue
            if (known.username, known.account) != (session.username, session.account):
                there = f"{known.username} of account {known.account}"
                own = f"{session.username} of account {session.account}"
                self.found.append(Difference(subject, "definition", own, there, []))
            self.found += _limits(subject, session.id, wanted, known.parameters)

    def add_deposits(self) -> None:
        configuration = self.configuration
        for account in configuration.accounts:
            if account.id in self.facts.accounts and not self.deposits:
                continue  # made when the account was opened, or never
            for code, units in account.money.items():
                currency = configuration.currency(code)
                record = move_money(
                    CommandKind.DEPOSIT,
                    account.id,
                    currency.id,
                    scaled(units, currency.decimals),
                    deposit_key(account.id, code, -currency.id),
                )
                self._deposit(account.id, f"{units} {code}", record)
            for symbol, quantity in account.stock.items():
                self._stock_deposit(account.id, symbol, quantity)

    def _stock_deposit(self, account: int, symbol: str, quantity: int) -> None:
        """An opening deposit of an instrument, of the files or one that an operator has added."""
        configuration, what = self.configuration, f"{quantity} {symbol}"
        number = reference = 0
        for instrument in configuration.instruments:
            if instrument.symbol == symbol:
                number, price = instrument.id, instrument.reference_price
                reference = 0 if price is None else instrument.minor_units(price)
        if not number:
            for added, known in self.facts.instruments.items():
                if known.terms.symbol == symbol:
                    number = added
                    reference = known.parameters.get(Parameter.REFERENCE_PRICE, (0, 0, 0))[0]
        if not number:
            subject = f"account {account}"
            there = f"there is no instrument {symbol}"
            self.found.append(Difference(subject, "opening deposit", what, there, []))
            return
        key = deposit_key(account, symbol, number)
        record = move_stock(CommandKind.DEPOSIT, account, number, quantity, reference, key)
        self._deposit(account, what, record)

    def _deposit(self, account: int, what: str, record: Record) -> None:
        self.found.append(
            Difference(f"account {account}", "opening deposit", what, "not made", [record])
        )


def differences(
    configuration: Configuration, facts: EngineFacts, *, first_start: bool = False
) -> list[Difference]:
    """The differences of the exchange of ``facts`` from the configuration, in order of application.

    ``first_start``: a first start that may have been interrupted: it includes the opening deposits
    of all accounts; their idempotency keys make each count once.
    """
    comparison = _Comparison(configuration, facts, first_start)
    comparison.add_defaults()
    comparison.add_accounts()
    comparison.add_currencies()
    comparison.add_instruments()
    comparison.add_sessions()
    comparison.add_deposits()
    return comparison.found
