"""``exchange check``: what of this machine fits an exchange; it prints what to do, changes nothing.

Exit statuses: 0 an exchange works here, 1 something is in its way.
"""

from __future__ import annotations

import argparse
import json
import sys

from exchange.errors import ExitStatus
from exchange.host import processors, storage
from exchange.host.finding import Check, Finding, Host, Level
from exchange.runtime.configured import configuration_in_use, has_begun
from exchange.settings import load

CHECKS: tuple[Check, ...] = (
    processors.clock_source,
    processors.wall_clock,
    processors.governor,
    processors.isolated,
    processors.quota,
    processors.huge_pages,
    processors.swap,
    storage.shared_memory,
    storage.file_system,
    storage.sync_latency,
    storage.disk_space,
    storage.open_files,
)
_MARKS = {Level.GOOD: "ok  ", Level.ADVICE: "note", Level.PROBLEM: "STOP"}


def run(options: argparse.Namespace) -> int:
    """Carry out every check. Raises ConfigurationError. Returns the exit status."""
    file = options.config
    if file is None and has_begun(options.data_dir):
        file = configuration_in_use(options.data_dir, None)
    settings = load(file, elsewhere=None).settings
    host = Host(settings, options.data_dir)
    findings = [finding for check in CHECKS for finding in check(host)]
    if options.json:
        print(json.dumps([finding._asdict() for finding in findings]))
    else:
        print("\n".join(lines(findings)))
    problems = sum(finding.level == Level.PROBLEM for finding in findings)
    if problems:
        print(f"exchange: {problems} of {len(findings)} are in the way", file=sys.stderr)
    return ExitStatus.DIFFERENT if problems else ExitStatus.OK


def lines(findings: list[Finding]) -> list[str]:
    """``findings`` for people: one line each, and what to do below it."""
    width = max(len(finding.name) for finding in findings)
    shown = []
    for finding in findings:
        shown.append(f"{_MARKS[finding.level]}  {finding.name:{width}}  {finding.found}")
        if finding.advice:
            shown.append(f"{'':{width + 8}}{finding.advice}")
    return shown
