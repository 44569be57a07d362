"""The door of the journal: refuses a definition that could never be taken back.

Who uses it: the daemon's one thread, before a definition goes to ingress ring 0, whoever asks for
it. The daemon is the only producer of definitions, so what passes here is all that the journal ever
gets. The rules are those of ``exchange/definitions/rules.py``; here is what they compare with:
everything that is defined or on its way to the matcher.

Decision CTL-8.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from exchange.codes import CommandKind, EventKind, Reject
from exchange.commands import Record
from exchange.core.capacity import EngineCapacity
from exchange.definitions.rules import (
    MAXIMUM_CURRENCIES,
    MAXIMUM_DECIMALS,
    InstrumentTerms,
    Refusal,
    code_problems,
    number_problem,
    range_problems,
    symbol_problems,
    username_problems,
    wire_problems,
)
from exchange.records import ADMIN_CONTINUATION, INSTRUMENT_CONTINUATION, text_word, word_text
from exchange.recovery.facts import EngineFacts


class _Names(dict[int, str]):
    """Number -> name; ``numbers`` is the other way round."""

    def __init__(self, names: Mapping[int, str]) -> None:
        super().__init__(names)
        self.numbers = {name: number for number, name in reversed(list(names.items()))}

    def add(self, number: int, name: str) -> None:
        """Number ``number`` has ``name``."""
        self[number] = name
        self.numbers.setdefault(name, number)

    def remove(self, number: int) -> None:
        """Number ``number`` has no name, if it had one."""
        name = self.pop(number, None)
        if name is not None and self.numbers.get(name) == number:
            del self.numbers[name]


class _Known(NamedTuple):
    """What is defined, by number."""

    codes: _Names
    decimals: dict[int, int]
    symbols: _Names
    accounts: set[int]
    usernames: _Names

    def copy(self) -> _Known:
        return _Known(
            _Names(self.codes),
            dict(self.decimals),
            _Names(self.symbols),
            set(self.accounts),
            _Names(self.usernames),
        )


class Refused(NamedTuple):
    """Why a command does not pass: the matcher's number where it has one, and a sentence."""

    reject: Reject
    sentence: str


class Door:
    """``groups``: numbers of the configuration's instrument groups."""

    def __init__(
        self, facts: EngineFacts, capacity: EngineCapacity, groups: Collection[int]
    ) -> None:
        self._capacity = capacity
        self._groups = set(groups)
        self._released = _Known(
            _Names({n: code for n, (code, _, _) in facts.currencies.items()}),
            {n: decimals for n, (_, decimals, _) in facts.currencies.items()},
            _Names({n: instrument.terms.symbol for n, instrument in facts.instruments.items()}),
            set(facts.accounts),
            _Names({n: session.username for n, session in facts.sessions.items()}),
        )
        self._known = self._released.copy()  # and what is on its way

    def defined(self) -> tuple[int, int, int]:
        """How many sessions, instruments and accounts there are, with those on their way."""
        known = self._known
        return len(known.usernames), len(known.symbols), len(known.accounts)

    def pass_through(self, records: list[Record]) -> Refused | None:
        """Let ``records`` pass together, or none of them: then why. They go in this order."""
        before = self._known.copy()
        for record in records:
            refused = self._look(record)
            if refused is not None:
                self._known = before
                return refused
            self.note(record)
        return None

    def _look(self, record: Record) -> Refused | None:
        kind = int(record["kind"][0])
        number = _number(record)
        problems: Iterator[Refusal] = iter(())
        if kind == CommandKind.INSTRUMENT:
            problems, name = self._instrument(number, record), "instrument"
        elif kind == CommandKind.SESSION:
            problems, name = self._session(number, record), "session"
        elif kind == CommandKind.CURRENCY:
            problems, name = self._currency(number, record), "currency"
        elif kind == CommandKind.ACCOUNT:
            name, capacity = "account", self._capacity.accounts
            problems = number_problem(number, capacity, "accounts", Reject.ACCOUNT_OUT_OF_RANGE)
        else:
            return None
        for problem in problems:
            return Refused(problem.reject, f"{name} {number}: {problem.key} {problem.what}")
        return None

    def _instrument(self, number: int, record: Record) -> Iterator[Refusal]:
        known, rest = self._known, record[1:].view(INSTRUMENT_CONTINUATION)
        currency, group = int(rest["currency"][0]), int(rest["group"][0])
        capacity = self._capacity.instruments
        yield from number_problem(number, capacity, "instruments", Reject.INSTRUMENT_OUT_OF_RANGE)
        if number in known.symbols:
            what = f"is that of {known.symbols[number]!r} already"
            yield Refusal("id", what, Reject.INSTRUMENT_EXISTS)
        symbol = _text(record["token_0"][0])
        yield from symbol_problems(number, symbol, known.symbols.numbers, known.codes.numbers)
        if group and group not in self._groups:
            what = f"{group} is not the id of a [[group]] of the configuration"
            yield Refusal("group", what, Reject.INVALID_INSTRUMENT)
        if currency not in known.codes:
            yield Refusal("currency", f"{currency} is not defined", Reject.UNKNOWN_CURRENCY)
            return
        terms = InstrumentTerms(
            symbol="",
            tick=int(record["price"][0]),
            lot=int(record["quantity"][0]),
            price_decimals=int(record["display"][0]),
            minimum_price=int(rest["minimum_price"][0]),
            maximum_price=int(rest["maximum_price"][0]),
            maximum_quantity=int(rest["maximum_quantity"][0]),
            currency=currency,
            group=group,
        )
        yield from range_problems(terms, known.codes[currency], known.decimals[currency])
        yield from wire_problems(terms)

    def _session(self, number: int, record: Record) -> Iterator[Refusal]:
        known, account = self._known, int(record["quantity"][0])
        yield from number_problem(
            number, self._capacity.sessions, "sessions", Reject.SESSION_OUT_OF_RANGE
        )
        if number in known.usernames:
            what = f"is that of {known.usernames[number]!r} already"
            yield Refusal("id", what, Reject.SESSION_EXISTS)
        username = _text(record["token_0"][0])
        yield from username_problems(number, username, known.usernames.numbers)
        if account not in known.accounts:
            what = f"{account} is not open: `exchange admin account open {account}` opens it"
            yield Refusal("account", what, Reject.UNKNOWN_ACCOUNT)

    def _currency(self, number: int, record: Record) -> Iterator[Refusal]:
        known, rest = self._known, record[1:].view(ADMIN_CONTINUATION)
        yield from number_problem(
            number, MAXIMUM_CURRENCIES, "currencies", Reject.CURRENCY_OUT_OF_RANGE
        )
        code = _text(rest["value_0"][0])
        yield from code_problems(number, code, known.codes.numbers, known.symbols.numbers)
        if not 0 <= int(rest["value_1"][0]) <= MAXIMUM_DECIMALS:
            what = f"must be from 0 to {MAXIMUM_DECIMALS}"
            yield Refusal("decimals", what, Reject.INVALID_CURRENCY)
        if int(rest["account"][0]) not in known.accounts:
            what = f"{int(rest['account'][0])} is not open"
            yield Refusal("fee_account", what, Reject.UNKNOWN_ACCOUNT)

    def note(self, record: Record) -> None:
        """A definition is on its way to the matcher."""
        kind, number, known = int(record["kind"][0]), _number(record), self._known
        if kind == CommandKind.INSTRUMENT:
            known.symbols.add(number, _text(record["token_0"][0]))
        elif kind == CommandKind.SESSION:
            known.usernames.add(number, _text(record["token_0"][0]))
        elif kind == CommandKind.CURRENCY and number not in known.codes:
            rest = record[1:].view(ADMIN_CONTINUATION)
            known.codes.add(number, _text(rest["value_0"][0]))
            known.decimals[number] = int(rest["value_1"][0])
        elif kind == CommandKind.ACCOUNT:
            known.accounts.add(number)

    def learn(self, event: Any) -> None:
        """A released event, in order: what is on its way has arrived, or was refused."""
        kind, text = int(event["kind"]), word_text(int(event["token_0"]))
        if kind == EventKind.CONTROL_REJECTED:
            self._rejected(event)
            return
        for known in (self._released, self._known):
            if kind == EventKind.INSTRUMENT_DEFINED:
                known.symbols.add(int(event["instrument"]), text)
            elif kind == EventKind.SESSION_DEFINED:
                known.usernames.add(int(event["session"]), text)
            elif kind == EventKind.CURRENCY_DEFINED:
                known.codes.add(int(event["currency"]), text)
                known.decimals[int(event["currency"])] = int(event["display"])
            elif kind == EventKind.ACCOUNT_DEFINED:
                known.accounts.add(int(event["account"]))

    def _rejected(self, event: Any) -> None:
        """The matcher refused: what was on its way under that number is not."""
        kind, released, known = int(event["order_type"]), self._released, self._known
        account = int(event["account"])
        if kind == CommandKind.ACCOUNT and account not in released.accounts:
            known.accounts.discard(account)
        for names, there, field in (
            (known.codes, released.codes, "currency" if kind == CommandKind.CURRENCY else ""),
            # INSTRUMENT and SESSION: their refusal says no kind
            (known.symbols, released.symbols, "" if kind else "instrument"),
            (known.usernames, released.usernames, "" if kind else "session"),
        ):
            if field and int(event[field]) not in there:
                names.remove(int(event[field]))


def _number(record: Record) -> int:
    """The number that a definition is about."""
    kind = int(record["kind"][0])
    if kind == CommandKind.INSTRUMENT:
        return int(record["instrument"][0])
    if kind == CommandKind.SESSION:
        return int(record["session"][0])
    if kind not in (CommandKind.CURRENCY, CommandKind.ACCOUNT):
        return 0
    rest = record[1:].view(ADMIN_CONTINUATION)
    return int(rest["currency" if kind == CommandKind.CURRENCY else "account"][0])


def _text(word: Any) -> str:
    """The name in a word; padding that is not the wire's is part of it, so it is refused."""
    text = word_text(int(word))
    whole = (int(word) & (1 << 64) - 1).to_bytes(8, "little")
    canonical = len(text) <= 8 and text.isascii() and text_word(text).to_bytes(8, "little") == whole
    return text if canonical else whole.decode("ascii", "backslashreplace")
