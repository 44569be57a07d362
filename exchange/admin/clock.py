"""``exchange clock``: how the exchange's clock stands to the wall clock; and ``accept``.

Who uses it: the command line. Decision CTL-9.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from exchange.control.socket import Request, ask
from exchange.core.clock_state import CalendarState
from exchange.errors import ExitStatus, Refused

_STATES = {
    CalendarState.FOLLOWS: "days and phases follow the wall clock",
    CalendarState.STANDS: "days and phases stand still until the wall clock has caught up",
    CalendarState.APART: (
        "days and phases do not follow the wall clock; if it is right: `exchange clock accept`"
    ),
}


def show_clock(options: argparse.Namespace) -> int:
    """Print the clock of a running exchange; with ``accept`` after it was told to follow."""
    command = "accept_clock" if options.action == "accept" else "clock"
    answer = ask(options.data_dir, Request(command=command))
    if not answer.get("ok"):
        raise Refused(str(answer.get("error")))
    print(json.dumps(answer["clock"]) if options.json else "\n".join(clock_lines(answer["clock"])))
    return ExitStatus.OK


def clock_lines(clock: dict[str, Any]) -> list[str]:
    """``clock`` (``ExchangeClock.description``) for people."""
    ahead_s = clock["ahead_ms"] / 1_000
    side = "ahead of" if ahead_s > 0 else "behind"
    steps = "no steps since the start"
    if clock["steps"]:
        last_s = clock["last_step_ms"] / 1_000
        steps = f"{clock['steps']} steps since the start, the latest of {last_s:+,.3f} s"
    return [
        f"wall clock        {clock['wall']}; {steps}",
        f"days and phases   {clock['calendar']}; {_STATES[CalendarState[clock['state'].upper()]]}",
        f"timestamps        {clock['commands']}; {abs(ahead_s):,.3f} s {side} the wall clock",
    ]
