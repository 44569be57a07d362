"""Values of arguments that more than one command line takes.

Who uses it: the parsers of ``exchange`` and ``exchange-replay``.
"""

from __future__ import annotations

import argparse

MOST_DAYS = 36_500  # in nanoseconds it must fit in 64 bits


def days(text: str) -> float:
    """A number of days, 0 to 36,500. Raises ArgumentTypeError, which says so."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= MOST_DAYS:  # nan is in no range
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days from 0 to {MOST_DAYS}")
    return number
