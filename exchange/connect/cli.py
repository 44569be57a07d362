"""``exchange connect``: what connectors have written elsewhere, and how it looks.

Who uses it: the command line.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exchange.connect.registry import CHECKED
from exchange.connect.schemas import schema_names, schema_text
from exchange.errors import ConfigurationError, ExchangeError, ExitStatus
from exchange.settings.connectors import section_name

PROGRESS_S = 1.0


class NotComparable(ExchangeError):
    """The other system cannot be asked, or holds what is not ours; the message says why."""

    status = ExitStatus.REFUSED


def add_connect(commands: Any, default_data_directory: Path) -> None:
    """Add the command ``connect`` to the parser's ``commands``."""
    about = "Connectors: what other systems hold, compared with the archive; schemas of records."
    connect = commands.add_parser("connect", help=about, description=about)
    verbs = connect.add_subparsers(dest="verb", required=True, metavar="VERB")
    text = "Compare the records there with the archive; exit status 1 when something differs."
    check = verbs.add_parser("check", help=text, description=text)
    check.add_argument("name", choices=[section_name(each) for each in CHECKED], metavar="NAME")
    check.add_argument("--data-dir", type=Path, default=default_data_directory, metavar="DIR")
    check.add_argument(
        "--config",
        type=Path,
        default=None,
        metavar="FILE",
        help="configuration (default: that of the exchange's last start)",
    )
    text = "Print the JSON schema of a kind of record."
    schema = verbs.add_parser("schema", help=text, description=text)
    schema.add_argument("name", choices=schema_names(), metavar="RECORD")


def _progress(name: str) -> Callable[[int, int], None]:
    """Shows how far it is, now and then, on a terminal."""
    told_s = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal told_s
        if time.monotonic() - told_s > PROGRESS_S and sys.stderr.isatty():
            told_s = time.monotonic()
            print(f"{name}: {done:,} of {total:,} events", file=sys.stderr)

    return show


def run(options: argparse.Namespace) -> int:
    """Run one command. Returns its exit status."""
    if options.verb == "schema":
        print(schema_text(options.name), end="")
        return ExitStatus.OK
    return _check(options)


def _check(options: argparse.Namespace) -> int:
    from exchange.connect.checking import CheckedWorld
    from exchange.connect.registry import check
    from exchange.connect.sink import SinkAway, SinkRefused
    from exchange.core.stage_names import StageName
    from exchange.runtime.configured import configuration_in_use
    from exchange.settings import load_settings
    from exchange.settings.connectors import connectors_of, lacking

    directory = options.data_dir.resolve()
    file = configuration_in_use(directory, options.config)
    settings = load_settings(file)
    stage = StageName(f"connect_{options.name}")
    if stage not in connectors_of(settings):
        raise ConfigurationError(f"{file}: [{options.name}]: enabled = false: there is no such one")
    for section, what in lacking(settings):
        if section == options.name:
            raise ConfigurationError(f"{file}: [{section}]: {what}")
    try:
        result = check(stage, CheckedWorld(directory, settings, _progress(options.name)))
    except (SinkAway, SinkRefused) as error:
        raise NotComparable(str(error)) from None
    for difference in result.differences:
        print(difference)
    for note in result.notes:
        print(f"note: {note}")
    if result.differences:
        return ExitStatus.DIFFERENT
    print(f"{options.name} says what the archive says: {result.records:,} records")
    return ExitStatus.OK
