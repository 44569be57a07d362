"""Differences of configuration and exchange: which there are, and that applying them ends them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from exchange.codes import CommandKind, Parameter
from exchange.commands import KEY_BYTES, key_of
from exchange.control.differences import Difference, deposit_key, differences, instrument_terms
from exchange.recovery.facts import (
    AccountFacts,
    EngineFacts,
    InstrumentFacts,
    SessionFacts,
)
from exchange.settings import (
    Configuration,
    account_parameters,
    instrument_parameters,
    load,
    overlaid,
    session_parameters,
)
from tests.harness.facts import empty_facts


def plain(parameters: Any) -> dict[int, tuple[int, int, int]]:
    return {int(parameter): values for parameter, values in parameters.items()}


def facts_as_configured(configuration: Configuration) -> EngineFacts:
    """An exchange that has everything as ``configuration`` says."""
    risk = configuration.settings.risk
    first = configuration.currencies[0].decimals
    defaults = overlaid(risk)
    return empty_facts(
        day_number=20261120,
        currencies={c.id: (c.code, c.decimals, c.fee_account) for c in configuration.currencies},
        accounts={
            a.id: AccountFacts(False, plain(account_parameters(overlaid(risk, a))))
            for a in configuration.accounts
        },
        instruments={
            i.id: InstrumentFacts(
                instrument_terms(configuration, i),
                0,
                0,
                0,
                plain(
                    instrument_parameters(
                        overlaid(risk, i), configuration.currency(i.currency).decimals
                    )
                ),
            )
            for i in configuration.instruments
        },
        sessions={
            s.id: SessionFacts(
                s.username, s.account, False, plain(session_parameters(s.limits(overlaid(risk))))
            )
            for s in configuration.sessions
        },
        defaults=plain(
            instrument_parameters(defaults, first)
            | account_parameters(defaults)
            | session_parameters(defaults)
        ),
    )


@pytest.fixture
def configuration() -> Configuration:
    return load(None)


def commands(found: list[Difference]) -> list[CommandKind]:
    return [
        CommandKind(int(record["kind"][0]))
        for difference in found
        for record in difference.commands
    ]


def test_as_configured(configuration: Configuration) -> None:
    assert differences(configuration, facts_as_configured(configuration)) == []


def test_at_the_first_start_everything_is_defined_in_an_order_that_works(
    configuration: Configuration,
) -> None:
    kinds = commands(differences(configuration, empty_facts(), first_start=True))
    for kind, count in (
        (CommandKind.ACCOUNT, len(configuration.accounts)),
        (CommandKind.CURRENCY, len(configuration.currencies)),
        (CommandKind.INSTRUMENT, len(configuration.instruments)),
        (CommandKind.SESSION, len(configuration.sessions)),
        (
            CommandKind.DEPOSIT,
            sum(len(account.money) + len(account.stock) for account in configuration.accounts),
        ),
    ):
        assert kinds.count(kind) == count
    order = [
        CommandKind.ACCOUNT,
        CommandKind.CURRENCY,
        CommandKind.INSTRUMENT,
        CommandKind.SESSION,
        CommandKind.DEPOSIT,
    ]
    definitions = [kind for kind in kinds if kind in order]
    assert definitions == sorted(definitions, key=order.index)


def test_a_changed_limit_is_one_parameter_command(configuration: Configuration) -> None:
    facts = facts_as_configured(configuration)
    account = configuration.accounts[0].id
    parameters = facts.accounts[account].parameters
    running = parameters | {int(Parameter.OPEN_ORDERS): (77, 0, 0)}
    changed = facts.accounts | {account: AccountFacts(False, running)}
    (difference,) = differences(configuration, msgspec.structs.replace(facts, accounts=changed))
    assert difference.subject == f"account {account}"
    assert (difference.what, difference.running) == ("open_orders", "77")
    assert difference.configured == str(parameters[Parameter.OPEN_ORDERS][0])
    assert commands([difference]) == [CommandKind.PARAMETER]


def test_what_never_changes_has_no_commands(configuration: Configuration) -> None:
    facts = facts_as_configured(configuration)
    instrument = configuration.instruments[0]
    known = facts.instruments[instrument.id]
    other = msgspec.structs.replace(known, terms=known.terms._replace(lot=known.terms.lot + 1))
    changed = facts.instruments | {instrument.id: other}
    (difference,) = differences(configuration, msgspec.structs.replace(facts, instruments=changed))
    assert difference == Difference(
        f"instrument {instrument.symbol}",
        "lot",
        str(known.terms.lot),
        str(known.terms.lot + 1),
        [],
    )


def test_a_new_account_brings_its_deposits_and_a_known_one_none(
    configuration: Configuration,
) -> None:
    facts = facts_as_configured(configuration)
    rich = next(account for account in configuration.accounts if account.money)
    known = {number: each for number, each in facts.accounts.items() if number != rich.id}
    found = differences(configuration, msgspec.structs.replace(facts, accounts=known))
    deposits = [difference for difference in found if difference.what == "opening deposit"]
    assert {difference.subject for difference in deposits} == {f"account {rich.id}"}
    assert len(deposits) == len(rich.money) + len(rich.stock)
    assert len(commands(found)) > len(deposits), "the account is opened, too"


def test_every_opening_deposit_has_a_key_of_its_own(configuration: Configuration) -> None:
    found = differences(configuration, empty_facts(), first_start=True)
    keys = [
        key_of(record[0])
        for difference in found
        for record in difference.commands
        if int(record["kind"][0]) == CommandKind.DEPOSIT
    ]
    assert all(keys) and len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("account", "name", "number", "key"),
    [
        (7, "USD", -1, "OPEN-7-USD"),
        (2001, "AAPL", 1, "OPEN-2001-AAPL"),
        (1_048_575, "ABCDEFGH", 65_535, "O1048575I65535"),
        (1_048_575, "ABCDEFGH", -7, "O1048575C7"),
    ],
)
def test_keys_of_deposits_fit(account: int, name: str, number: int, key: str) -> None:
    assert deposit_key(account, name, number) == key
    assert len(key) <= KEY_BYTES
