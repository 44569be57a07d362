"""``exchange install`` and ``exchange uninstall``.

Who uses it: exchange/cli.py.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from exchange.errors import ConfigurationError, DataDirectoryUnavailable, ExitStatus
from exchange.install.install import install, uninstall, use_version, user_and_group
from exchange.install.layout import RECORD, Layout, make_layout, read_record
from exchange.install.parser import other_directories


def run(options: argparse.Namespace) -> int:
    """Run one of the two. Raises ExchangeError. Returns the exit status."""
    try:
        if options.command == "uninstall":
            uninstall(options.prefix, print, version=options.version, purge=options.purge)
        elif options.use:
            use_version(read_record(options.prefix), options.use, print)
        else:
            _install(options)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise DataDirectoryUnavailable(
            f"{error.filename or options.prefix}: {error.strerror or error}"
        ) from None
    return ExitStatus.OK


def _install(options: argparse.Namespace) -> None:
    layout = _layout(options)
    install(layout, print, options.wheel, options.wheels)
    units = Path(layout.units)
    print(
        f"next: fill in {layout.configuration}, then `{layout.prefix}/bin/exchange check-config "
        f"--config {layout.configuration}/exchange.toml`, `{layout.prefix}/bin/exchange check "
        f"--data-dir {layout.data}`, `systemctl link {units}/*.service {units}/*.timer`, "
        "`systemctl enable --now exchange.service exchange-backup.timer`"
    )


def _layout(options: argparse.Namespace) -> Layout:
    """That of the installation that is there; what is said must not differ from it."""
    others = other_directories(options)
    if not (options.prefix / RECORD).exists():
        user, group = user_and_group(options.user)
        return make_layout(options.prefix, user, group, others=others)
    there = read_record(options.prefix)
    user, group = user_and_group(options.user or there.user)
    kept = {name: said or Path(getattr(there, name)) for name, said in others.items()}
    if make_layout(options.prefix, user, group, others=kept) != there:
        raise ConfigurationError(
            f"{options.prefix} was installed for user {there.user} with other directories "
            f"({RECORD}): uninstall it first; configuration and data stay"
        )
    return there
