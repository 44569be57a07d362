"""``exchange check-config``: everything that is wrong in a configuration, before a start finds it.

All errors of all files are told at once, with file and line. With ``--data-dir`` the files are also
compared with what that exchange has journaled, and what would stop its next start is told. A check
of something else is a function in ``CHECKS``. Exit statuses: 0 nothing is wrong, 78 something is.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from exchange.errors import ExchangeError, ExitStatus
from exchange.recovery.facts import EngineFacts
from exchange.retention.places import shipping_refusal
from exchange.runtime.configured import configuration_in_use, has_begun
from exchange.runtime.data_directory import load_capacity
from exchange.settings import (
    DEFAULT_FILE,
    NOTHING,
    Configuration,
    Elsewhere,
    Findings,
    Instrument,
    Session,
    load,
)
from exchange.settings.capacities import Changed, changed_capacities
from exchange.settings.connectors import lacking
from exchange.settings.section_checks import is_host, listeners


class Examined(NamedTuple):
    """What a check looks at.

    ``configuration``: what is right of it where ``errors`` (of its files) is not empty. ``facts``:
    of the exchange in ``data_directory``, None before its first start and without a directory.
    """

    configuration: Configuration
    errors: list[str]
    data_directory: Path | None
    facts: EngineFacts | None


Check = Callable[[Examined], Iterator[str]]  # yields what is wrong


def addresses(examined: Examined) -> Iterator[str]:
    """Hosts that are no address of this machine."""
    configuration = examined.configuration
    for name, section in listeners(configuration.settings).items():
        if not is_host(section.host):
            continue  # told already
        where = f"{configuration.file}: [{name}]: host: {section.host!r}"
        try:
            family, kind, _, _, address = socket.getaddrinfo(
                section.host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            with socket.socket(family, kind) as probe:
                probe.bind(address)
        except OSError as error:
            yield f"{where} cannot be listened on: {error.strerror or error}"


def journaled_names(examined: Examined) -> Iterator[str]:
    """Definitions that the journal has under another number, or otherwise."""
    configuration, facts = examined.configuration, examined.facts
    if facts is None:
        return
    files = configuration.settings.exchange
    symbols = {each.terms.symbol: number for number, each in facts.instruments.items()}
    for instrument in configuration.instruments:
        number = symbols.get(instrument.symbol, instrument.id)
        if number != instrument.id:
            yield _taken(files.instruments_file, "instrument", instrument, number)
    usernames = {each.username: number for number, each in facts.sessions.items()}
    for session in configuration.sessions:
        number = usernames.get(session.username, session.id)
        if number != session.id:
            yield _taken(files.sessions_file, "session", session, number)
    codes = {code: number for number, (code, _, _) in facts.currencies.items()}
    for currency in configuration.currencies:
        number = codes.get(currency.code, currency.id)
        if number != currency.id:
            what = f"id: {currency.id} is not that of {currency.code} in the journal, {number}"
            yield f"{files.accounts_file}: [[currency]]: {what}"


def _taken(file: str, section: str, entry: Instrument | Session, number: int) -> str:
    name = entry.symbol if isinstance(entry, Instrument) else entry.username
    what = f"id: {entry.id} is not that of {name} in the journal, {number}"
    return f"{file}: [[{section}]]: {what}"


def journaled_definitions(examined: Examined) -> Iterator[str]:
    """What differs from the journal and never changes."""
    from exchange.control.differences import differences

    if examined.facts is None or examined.errors:
        return
    for difference in differences(examined.configuration, examined.facts):
        if not difference.commands:
            yield (
                f"{examined.configuration.file}: {difference.subject}: {difference.what}: "
                f"{difference.configured} differs from the journal's {difference.running}, which "
                "cannot be changed"
            )


def _changed(examined: Examined) -> list[Changed]:
    """What the next start finds under [capacity] that the data directory has otherwise."""
    if examined.data_directory is None or examined.facts is None:
        return []
    held = load_capacity(examined.data_directory)
    return [] if held is None else list(changed_capacities(examined.configuration.settings, held))


def large_capacities(examined: Examined) -> Iterator[str]:
    """Capacities that api or store could not follow."""
    from exchange.runtime.account_models import too_large

    for key, what in too_large(examined.configuration.settings):
        yield f"{examined.configuration.file}: [capacity]: {key}: {what}"


def smaller_capacities(examined: Examined) -> Iterator[str]:
    """Capacities that are smaller than those of the data directory."""
    for changed in _changed(examined):
        if changed.refusal:
            yield f"{examined.configuration.file}: [capacity]: {changed.key}: {changed.refusal}"


def archive_program(examined: Examined) -> Iterator[str]:
    """A program of [archive] that is not there; else the first segment that leaves finds it."""
    configuration = examined.configuration
    command = configuration.settings.archive.command
    if command and shutil.which(command[0]) is None:
        yield (
            f"{configuration.file}: [archive]: command: there is no program {command[0]!r} that "
            "can be run"
        )


def archive_place(examined: Examined) -> Iterator[str]:
    """A directory of [archive] in the data directory, or around it."""
    configuration, data_directory = examined.configuration, examined.data_directory
    if data_directory is None:
        return
    refusal = shipping_refusal(data_directory, configuration.settings.archive.directory)
    if refusal is not None:
        yield f"{configuration.file}: [archive]: directory: {refusal}"


def connector_packages(examined: Examined) -> Iterator[str]:
    """Connectors that are enabled and whose packages are not installed."""
    for section, what in lacking(examined.configuration.settings):
        yield f"{examined.configuration.file}: [{section}]: {what}"


CHECKS: tuple[Check, ...] = (
    archive_place,
    archive_program,
    addresses,
    journaled_names,
    journaled_definitions,
    connector_packages,
    large_capacities,
    smaller_capacities,
)


def run(options: argparse.Namespace) -> int:
    """Print everything that is wrong, one line each. Returns the exit status."""
    directory: Path | None = options.data_dir
    file: Path = options.config or DEFAULT_FILE
    if options.config is None and directory is not None and not options.demo:
        file = configuration_in_use(directory, None)
    errors: list[str] = []
    facts: EngineFacts | None = None
    if directory is not None and has_begun(directory):
        from exchange.admin.look import rebuilt

        try:
            facts = rebuilt(directory).facts
        except ExchangeError as error:
            errors.append(str(error))
    elsewhere = NOTHING
    if facts is not None:
        symbols = [each.terms.symbol for each in facts.instruments.values()]
        elsewhere = Elsewhere(list(facts.accounts), symbols)
    found = Findings(collect=True)
    configuration = load(file, elsewhere=elsewhere, found=found)
    errors += [str(error) for error in found.errors]
    examined = Examined(configuration, list(errors), directory, facts)
    for check in CHECKS:
        errors += check(examined)
    for line in errors:
        print(f"exchange: {line}", file=sys.stderr)
    if errors:
        return ExitStatus.CONFIGURATION
    whose = " (the shipped demonstration)" if Path(configuration.file) == DEFAULT_FILE else ""
    print(
        f"{configuration.file}{whose}: correct; {len(configuration.currencies)} currencies, "
        f"{len(configuration.accounts)} accounts, {len(configuration.instruments)} instruments, "
        f"{len(configuration.sessions)} sessions"
    )
    for changed in _changed(examined):
        print(f"the next start enlarges {changed.key} from {changed.held} to {changed.configured}")
    return ExitStatus.OK
