"""``exchange admin config``: what the configuration would change, and changing it.

The plan is what the files of the running exchange say and the exchange is not. ``diff`` shows it;
``apply`` lets the matcher carry it out on a rebuilt copy of the state first, then sends all of it
or nothing. Exit statuses: 0 done, or as configured; 1 something differs; 80 refused.

Decisions CTL-2 and CTL-10.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exchange.admin.look import rebuilt
from exchange.admin.send import made_up_key, refused_by
from exchange.codes import EventKind, Reject
from exchange.commands import KEYED_KINDS, Record, key_of, set_key
from exchange.control.differences import Difference, differences
from exchange.control.socket import Request, ask
from exchange.engine.state.layout import TIMESTAMP_NS, EngineState
from exchange.errors import ConfigurationError, ExitStatus, NotRunning, Refused
from exchange.recovery.rebuild import Replayer
from exchange.runtime.configured import configuration_in_use
from exchange.settings import load

Shown = dict[str, Any]


def configuration_file(options: argparse.Namespace) -> Path:
    """The file that --config names, or else that of the running exchange."""
    if options.config is None:
        try:
            answer = ask(options.data_dir, Request(command="configuration"))
        except NotRunning:
            answer = {"ok": False}
        if answer.get("ok"):
            return Path(answer["file"])
    return configuration_in_use(options.data_dir, options.config)


def _shown(difference: Difference) -> Shown:
    return {
        "subject": difference.subject,
        "what": difference.what,
        "configured": difference.configured,
        "running": difference.running,
        "can_be_applied": bool(difference.commands),
    }


def _difference_line(difference: Difference) -> str:
    what = f" {difference.what}" if difference.what else ""
    fixed = "" if difference.commands else " (cannot be changed)"
    return (
        f"{difference.subject}{what}: configured {difference.configured}, "
        f"running {difference.running}{fixed}"
    )


def diff(options: argparse.Namespace) -> int:
    """Show the differences. Returns status 0 when there are none, otherwise DIFFERENT."""
    looked = rebuilt(options.data_dir)
    file = configuration_file(options)
    found = differences(load(file, elsewhere=None), looked.facts)
    if options.json:
        shown = [_shown(difference) for difference in found]
        print(json.dumps({"file": str(file), "differences": shown}))
    else:
        for difference in found:
            print(_difference_line(difference))
        print(f"{len(found)} differences" if found else "as configured")
    return ExitStatus.DIFFERENT if found else ExitStatus.OK


def apply(options: argparse.Namespace) -> int:
    """Send the plan whole, or nothing of it; what cannot be changed is no part of it."""
    file = configuration_file(options)
    if not options.yes:
        raise ConfigurationError(
            f"config apply sends what `config diff` shows of {file} to the running exchange: "
            "say --yes"
        )
    looked = rebuilt(options.data_dir)
    found = differences(load(file, elsewhere=None), looked.facts)
    plan: list[Record] = []
    for difference in found:
        for record in difference.commands:
            if int(record["kind"][0]) in KEYED_KINDS and not key_of(record[0]):
                set_key(record, made_up_key())
            plan.append(record)
    problems = list(_rehearse(looked.state, found))
    if problems:
        raise Refused("nothing was sent:\n" + "\n".join(problems))
    if plan:
        encoded = [record.tobytes().hex() for record in plan]
        request = Request(
            command="apply", records=encoded, operator=options.operator, reason=options.reason
        )
        answer = ask(options.data_dir, request)
        if not answer.get("ok"):
            raise refused_by(answer)
    _print(options, file, found)
    return ExitStatus.OK


def _rehearse(state: EngineState, found: list[Difference]) -> Iterator[str]:
    """What the matcher refuses of the plan, on a copy of the exchange that nobody else has."""
    replayer = Replayer(state)
    ring = replayer.commands
    for difference in found:
        for record in difference.commands:
            first = replayer.next_command
            for offset, slot in enumerate(record):
                ring[(first + offset) & (len(ring) - 1)] = slot
            # time stands still: nothing expires in a rehearsal
            ring["timestamp_ns"][first & (len(ring) - 1)] = state.scalars[TIMESTAMP_NS]
            events = replayer.apply(first + len(record))
            for reason in events["reason"][events["kind"] == EventKind.CONTROL_REJECTED]:
                if reason != Reject.DUPLICATE_KEY:  # an opening deposit that was made before
                    yield f"{_difference_line(difference)}: {Reject(int(reason)).name}"


def _print(options: argparse.Namespace, file: Path, found: list[Difference]) -> None:
    if options.json:
        shown = [_shown(difference) for difference in found]
        print(json.dumps({"file": str(file), "differences": shown}))
        return
    for difference in found:
        verb = "applied" if difference.commands else "left"
        print(f"{verb}: {_difference_line(difference)}")
    if not found:
        print("as configured")
