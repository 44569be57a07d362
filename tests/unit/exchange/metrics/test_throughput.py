"""The rate over the last seconds, on a clock of its own."""

from __future__ import annotations

from exchange.metrics.throughput import WINDOW_S, Throughput


class World:
    now_s = 100.0
    count = 1_000

    def throughput(self) -> Throughput:
        return Throughput(lambda: self.count, lambda: self.now_s)


def test_it_is_the_mean_of_the_window() -> None:
    world = World()
    rate = world.throughput()
    assert rate.per_second() == 0.0
    for _ in range(5):
        world.now_s += 1.0
        world.count += 200
        rate.tick()
    assert rate.per_second() == 200.0
    for _ in range(int(WINDOW_S) + 1):
        world.now_s += 1.0
        rate.tick()
    assert rate.per_second() == 0.0, "what is older than the window does not count"


def test_a_core_that_starts_again_is_no_negative_rate() -> None:
    world = World()
    rate = world.throughput()
    world.now_s += 1.0
    world.count = 3
    assert rate.per_second() == 0.0
