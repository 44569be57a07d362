"""The value that the bots believe an instrument has: a seeded random walk that trades push.

Who uses it: the makers, who quote around it, and the takers, who follow its mood. Bots may compute
with floats: they are clients, and what they send is integers.
"""

from __future__ import annotations

import math
import random

VOLATILITY = 1.3e-4  # relative change in a second, one standard deviation
REVERSION_S = 5_400.0  # it is drawn back to where the day began within such a time
FARTHEST = 0.08  # ... and never farther away than this (the price band is at 20 %)
MOOD_S = 45.0  # how long buyers or sellers are in the majority
IMPACT = 2e-5  # relative change by one ordinary trade; grows with the root of its size
LARGEST_TRADE = 400.0  # ordinary trades; what is larger moves it no more than that


class FairPrice:
    """One instrument's worth in minor units (a float) and its mood (-1 sellers .. 1 buyers)."""

    def __init__(
        self, reference: int, choose: random.Random, last_price: int | None = None
    ) -> None:
        """``last_price``: where it goes on, when it has traded before."""
        self._reference = float(reference)
        self._choose = choose
        self.value = float(last_price or reference * (1 + choose.gauss(0, 0.002)))
        self.mood = 0.0
        self._excitement = 0.0  # logarithm of how much livelier than usual it is

    def advance(self, seconds: float) -> float:
        """Let time pass. Returns the new value."""
        gauss = self._choose.gauss
        root = math.sqrt(seconds)
        self._excitement += -self._excitement * seconds / 120 + gauss(0, 0.08) * root
        self.mood += -self.mood * seconds / MOOD_S + gauss(0, 0.12) * root
        self.mood = max(-1.0, min(1.0, self.mood))
        away = math.log(self.value / self._reference)
        step = VOLATILITY * math.exp(self._excitement) * root * gauss(0, 1)
        step += self.mood * VOLATILITY * 0.3 * seconds - away * seconds / REVERSION_S
        away = max(-FARTHEST, min(FARTHEST, away + step))
        self.value = self._reference * math.exp(away)
        return self.value

    def traded(self, side: str, size: float) -> None:
        """Somebody bought or sold aggressively; ``size`` 1 is an ordinary trade."""
        change = IMPACT * math.sqrt(min(size, LARGEST_TRADE))
        self.value *= 1 + (change if side == "buy" else -change)
