"""Clock, CPUs and memory of made-up machines: what is said of each, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.host import processors
from exchange.host.finding import Check, Finding, Host, Level
from exchange.host.processors import ClockState, kernel_clock
from exchange.settings import load
from ringbuffer.cpu_plan import BLOCK, BUSY_SPIN, Placement

SOURCE = "sys/devices/system/clocksource/clocksource0"
PAGES = "sys/kernel/mm/transparent_hugepage/enabled"
SCALING = "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(load(None).settings, tmp_path, tmp_path)


def put(host: Host, **files: str) -> None:
    for path, text in files.items():
        (host.root / path).parent.mkdir(parents=True, exist_ok=True)
        (host.root / path).write_text(text + "\n")


def one(check: Check, host: Host) -> Finding:
    (found,) = check(host)
    assert (found.level == Level.GOOD) == (found.advice == "")
    return found


@pytest.mark.parametrize(
    ("now", "there", "level", "advice"),
    [
        ("tsc", "tsc hpet", Level.GOOD, ""),
        ("kvm-clock", "kvm-clock", Level.GOOD, ""),
        ("hpet", "tsc hpet acpi_pm", Level.ADVICE, "echo tsc >"),
        ("acpi_pm", "hpet acpi_pm", Level.ADVICE, "grep -i tsc"),
    ],
)
def test_clock_source(host: Host, now: str, there: str, level: Level, advice: str) -> None:
    put(host, **{f"{SOURCE}/current_clocksource": now, f"{SOURCE}/available_clocksource": there})
    found = one(processors.clock_source, host)
    assert (found.level, found.found) == (level, now)
    assert advice in found.advice


@pytest.mark.parametrize(
    ("state", "level", "words"),
    [
        (ClockState(True, 120, 900), Level.GOOD, "synchronised, error about 0.1 ms, at most 0.9"),
        (ClockState(False, 120, 900), Level.ADVICE, "nothing synchronises it"),
        (ClockState(True, 250_000, 900_000), Level.ADVICE, "error about 250.0 ms"),
        (None, Level.ADVICE, "may not be asked"),
    ],
)
def test_wall_clock(
    host: Host, monkeypatch: pytest.MonkeyPatch, state: ClockState | None, level: Level, words: str
) -> None:
    monkeypatch.setattr(processors, "kernel_clock", lambda: state)
    found = one(processors.wall_clock, host)
    assert found.level == level and words in found.found


def test_the_kernel_is_asked_for_real() -> None:
    state = kernel_clock()
    assert state is None or (state.estimated_us >= 0 and state.largest_us >= 0)


def test_governor(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors, "available_cpus", lambda: [0])
    assert "virtual machine" in one(processors.governor, host).found
    put(host, **{SCALING: "powersave"})
    assert "frequency-set -g performance" in one(processors.governor, host).advice
    put(host, **{SCALING: "performance"})
    assert one(processors.governor, host).level == Level.GOOD


def test_isolated(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = {"matcher": Placement((7,), BUSY_SPIN), "journaler": Placement((6,), BUSY_SPIN)}
    monkeypatch.setattr(processors, "place_stages", lambda settings, roles: plan)
    put(host, **{"sys/devices/system/cpu/isolated": "4-6"})
    found = one(processors.isolated, host)
    assert found.found.startswith("stages spin on 7,")
    assert found.advice == "kernel command line: isolcpus=6,7 nohz_full=6,7 rcu_nocbs=6,7"
    put(host, **{"sys/devices/system/cpu/isolated": "2,6-7"})
    assert one(processors.isolated, host).found == "6,7, on which stages spin"
    plan = dict.fromkeys(plan, Placement(None, BLOCK))
    assert "none needs to be isolated" in one(processors.isolated, host).found


@pytest.mark.parametrize(("limit", "level"), [(None, Level.GOOD), (1.5, Level.ADVICE)])
def test_quota(
    host: Host, monkeypatch: pytest.MonkeyPatch, limit: float | None, level: Level
) -> None:
    monkeypatch.setattr(processors, "cpu_quota", lambda: limit)
    assert one(processors.quota, host).level == level


def test_huge_pages(host: Host) -> None:
    assert one(processors.huge_pages, host).found == "not in this kernel"
    put(host, **{PAGES: "always [madvise] never"})
    assert one(processors.huge_pages, host).level == Level.GOOD
    put(host, **{PAGES: "[always] madvise never"})
    assert "echo madvise" in one(processors.huge_pages, host).advice


def test_swap(host: Host) -> None:
    put(host, **{"proc/swaps": "Filename Type Size"})
    assert one(processors.swap, host).level == Level.GOOD
    put(host, **{"proc/swaps": "Filename Type Size\n/dev/vdb partition 1 0 -2"})
    found = one(processors.swap, host)
    assert found.found == "/dev/vdb" and "swapoff" in found.advice
