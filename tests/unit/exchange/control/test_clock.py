"""The exchange's clock: steps of the wall clock are found, and neither time goes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.control.clock import FILE, SLEW, ExchangeClock, Reading, read_clocks
from exchange.core.clock_state import SECOND_NS, CalendarState

HOUR_S, DAY_S, YEAR_S = 3_600, 86_400, 365 * 86_400
START_NS = 1_796_000_000 * SECOND_NS
FOLLOW_S = 4_000
FOLLOWS, STANDS, APART = CalendarState.FOLLOWS, CalendarState.STANDS, CalendarState.APART


class System:
    """The system's clocks, which a test moves."""

    def __init__(self, wall_ns: int = START_NS) -> None:
        self.wall_ns = wall_ns
        self.boot_ns = 50 * SECOND_NS
        self.slept_ns = 0

    def read(self) -> Reading:
        return Reading(self.wall_ns, self.boot_ns, self.boot_ns - self.slept_ns)

    def passes(self, seconds: float) -> None:
        self.wall_ns += int(seconds * SECOND_NS)
        self.boot_ns += int(seconds * SECOND_NS)

    def step(self, seconds: float) -> None:
        self.wall_ns += int(seconds * SECOND_NS)


def made(directory: Path | None = None, last_ns: int = 0) -> tuple[System, ExchangeClock]:
    system = System()
    clock = ExchangeClock(FOLLOW_S * SECOND_NS, directory, system.read)
    clock.recovered(last_ns)
    return system, clock


def calendar_s(clock: ExchangeClock) -> float:
    return clock.calendar().timestamp() - START_NS / SECOND_NS


def test_without_steps_all_times_are_the_wall_clock() -> None:
    system, clock = made()
    for _ in range(5):
        system.passes(0.7)
        clock.look()
        assert clock.time_ns == system.wall_ns
        assert clock.calendar().timestamp() == pytest.approx(system.wall_ns / SECOND_NS)
    assert (clock.steps, clock.state, clock.is_off) == (0, FOLLOWS, False)


@pytest.mark.parametrize(
    ("step_s", "state", "calendar_after_a_minute_s"),
    [
        (-0.5, FOLLOWS, 59.5),
        (0.5, FOLLOWS, 60.5),
        (-HOUR_S, STANDS, 0),
        (HOUR_S, FOLLOWS, HOUR_S + 60),
        (-YEAR_S, APART, 60),
        (YEAR_S, APART, 60),
        (-14 * HOUR_S, APART, 60),
        (14 * HOUR_S, APART, 60),
    ],
)
def test_a_step_is_found_and_moves_no_interval(
    caplog: pytest.LogCaptureFixture,
    step_s: float,
    state: CalendarState,
    calendar_after_a_minute_s: float,
) -> None:
    system, clock = made()
    before_ns = clock.time_ns
    system.step(step_s)
    clock.look()
    assert clock.steps == 1 and clock.step_ns == step_s * SECOND_NS
    assert "the wall clock was stepped" in caplog.text
    for _ in range(60):
        system.passes(1)
        clock.look()
    assert clock.state == state
    assert calendar_s(clock) == pytest.approx(calendar_after_a_minute_s)
    # a minute of the exchange is a minute, but for what makes up for the difference
    passed_s = (clock.time_ns - before_ns) / SECOND_NS
    assert abs(passed_s - 60) <= 60 / SLEW + 0.001
    assert clock.steps == 1


def test_a_wall_clock_that_comes_back_is_followed_again() -> None:
    system, clock = made()
    for away, back in ((YEAR_S, -YEAR_S), (-YEAR_S, YEAR_S)):
        system.step(away)
        clock.look()
        assert clock.state == APART
        system.passes(600)
        clock.look()
        system.step(back)
        clock.look()
        assert clock.state == FOLLOWS and not clock.is_off
        assert clock.calendar().timestamp() == pytest.approx(system.wall_ns / SECOND_NS)


def test_a_difference_is_made_up_for_little_by_little() -> None:
    system, clock = made()
    system.step(-10)
    clock.look()
    assert clock.is_off
    for _ in range(10 * SLEW + 1):
        before_ns = clock.time_ns
        system.passes(1)
        clock.look()
        assert 0.97 * SECOND_NS < clock.time_ns - before_ns <= SECOND_NS
    assert clock.ahead_ns == 0 and clock.state == FOLLOWS


def test_between_two_days_timestamps_jump_forward_and_never_back() -> None:
    system, clock = made()
    system.step(HOUR_S)
    clock.look()
    assert clock.ahead_ns == -HOUR_S * SECOND_NS
    clock.adopt()
    assert clock.ahead_ns == 0
    system.step(-HOUR_S)
    clock.look()
    clock.adopt()
    assert clock.ahead_ns == HOUR_S * SECOND_NS


@pytest.mark.parametrize("step_s", [YEAR_S, -YEAR_S, -HOUR_S])
def test_an_operator_may_say_that_the_wall_clock_is_right(step_s: int) -> None:
    system, clock = made()
    system.step(step_s)
    clock.look()
    clock.accept()
    before_ns = clock.time_ns
    assert clock.state == FOLLOWS
    assert calendar_s(clock) == pytest.approx(step_s)
    system.passes(1)
    clock.look()
    assert clock.time_ns > before_ns, "timestamps never go back"


@pytest.mark.parametrize(
    ("ahead_s", "state", "calendar_after_a_minute_s"),
    [
        (0, FOLLOWS, 60),
        (-YEAR_S, FOLLOWS, 60),  # an exchange that was stopped for a year
        (HOUR_S, STANDS, HOUR_S),
        (YEAR_S, APART, YEAR_S + 60),
    ],
)
def test_a_start_behind_the_journal(
    ahead_s: int, state: CalendarState, calendar_after_a_minute_s: float
) -> None:
    last_ns = START_NS + ahead_s * SECOND_NS
    system, clock = made(last_ns=last_ns)
    assert clock.time_ns >= last_ns
    before_ns = clock.time_ns
    system.passes(60)
    clock.look()
    assert clock.time_ns - before_ns >= 58 * SECOND_NS, "time does not stand still"
    assert clock.state == state
    assert calendar_s(clock) == pytest.approx(calendar_after_a_minute_s)


def test_a_restart_knows_what_the_calendar_had_shown(tmp_path: Path) -> None:
    """Back by an hour, and a restart: what was closed for the day stays so."""
    system, clock = made(tmp_path)
    assert not (tmp_path / FILE).exists()
    system.step(-HOUR_S)
    clock.look()
    system.passes(60)
    clock.look()
    assert (tmp_path / FILE).exists()
    again = ExchangeClock(FOLLOW_S * SECOND_NS, tmp_path, system.read)
    again.recovered(clock.time_ns)
    assert again.state == STANDS and calendar_s(again) == pytest.approx(0)
    assert again.time_ns >= clock.time_ns
    # and once it has caught up, what the commands are still ahead does not count
    system.passes(HOUR_S)
    clock.look()
    later = ExchangeClock(FOLLOW_S * SECOND_NS, tmp_path, system.read)
    later.recovered(clock.time_ns)
    assert later.state == FOLLOWS
    assert later.calendar().timestamp() == pytest.approx(system.wall_ns / SECOND_NS)


def test_a_restart_after_an_accepted_year_does_not_ask_again(tmp_path: Path) -> None:
    system, clock = made(tmp_path, START_NS + YEAR_S * SECOND_NS)
    assert clock.state == APART
    clock.accept()
    system.passes(5)
    clock.look()
    again = ExchangeClock(FOLLOW_S * SECOND_NS, tmp_path, system.read)
    again.recovered(clock.time_ns)
    assert again.state == FOLLOWS


def test_what_is_made_up_for_is_forgotten_and_a_damaged_file_is_not_used(tmp_path: Path) -> None:
    system, clock = made(tmp_path)
    system.step(-2)
    clock.look()
    assert (tmp_path / FILE).exists()
    for _ in range(3 * SLEW):
        system.passes(1)
        clock.look()
    assert not (tmp_path / FILE).exists()
    (tmp_path / FILE).write_text("x")
    made(tmp_path)


def test_a_machine_that_slept_has_no_step() -> None:
    system, clock = made()
    offset_ns = clock.matcher_offset_ns
    system.passes(600)
    system.slept_ns = 600 * SECOND_NS
    clock.look()
    assert clock.steps == 0
    assert clock.matcher_offset_ns - offset_ns == 600 * SECOND_NS
    assert clock.time_ns == system.wall_ns


@given(
    st.lists(st.tuples(st.integers(-2 * YEAR_S, 2 * YEAR_S), st.integers(0, 7_200)), max_size=20)
)
def test_neither_time_ever_goes_back(moves: list[tuple[int, int]]) -> None:
    system, clock = made()
    for step_s, passed_s in moves:
        time_ns, calendar = clock.time_ns, clock.calendar()
        if system.wall_ns + step_s * SECOND_NS > 0:
            system.step(step_s)
        system.passes(passed_s)
        clock.look()
        assert clock.calendar() >= calendar
        assert clock.time_ns - time_ns >= passed_s * SECOND_NS * (SLEW - 1) // SLEW
        assert clock.time_ns - time_ns <= passed_s * SECOND_NS * (SLEW + 1) // SLEW + 1


def test_the_clocks_of_the_system_are_read_together() -> None:
    first, second = read_clocks(), read_clocks()
    assert second.boot_ns >= first.boot_ns and second.monotonic_ns >= first.monotonic_ns
    moved_ns = (second.wall_ns - second.boot_ns) - (first.wall_ns - first.boot_ns)
    assert abs(moved_ns) < 60 * SECOND_NS
