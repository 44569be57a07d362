"""Checks of the clock, the CPUs and memory: what makes an exchange slow or its times wrong.

Who uses it: ``cli.py``. Sources: the kernel's documentation of clock sources, cpufreq, isolcpus,
transparent huge pages and control groups; adjtimex(2).
"""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Iterator
from typing import NamedTuple

from exchange.core.stage_names import CORE_STAGES, StageName
from exchange.daemon.placement import place_stages
from exchange.host.finding import Finding, Host, Level
from ringbuffer.cpu_plan import BUSY_SPIN, available_cpus, cpu_quota

# read without a system call, or by a page that the hypervisor keeps
FAST_CLOCKS = ("tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter", "xen")
UNSYNCHRONISED = 0x40  # STA_UNSYNC of adjtimex(2)
LARGE_ERROR_US = 100_000
_CPU = "sys/devices/system/cpu"


class _Timex(ctypes.Structure):
    """The beginning of ``struct timex``, and room for the rest of it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 512),
    )


class ClockState(NamedTuple):
    """What the kernel thinks of the wall clock: the estimated and the largest error in µs."""

    synchronised: bool
    estimated_us: int
    largest_us: int


def kernel_clock() -> ClockState | None:
    """The state of the wall clock; None where a sandbox forbids the question."""
    asked = _Timex()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.adjtimex(ctypes.byref(asked)) < 0:
        assert ctypes.get_errno() in (errno.EPERM, errno.ENOSYS, errno.EACCES)
        return None
    return ClockState(not asked.status & UNSYNCHRONISED, asked.esterror, asked.maxerror)


def clock_source(host: Host) -> Iterator[Finding]:
    """How the kernel reads time: each command and event is stamped."""
    folder = "sys/devices/system/clocksource/clocksource0"
    name = host.text(f"{folder}/current_clocksource")
    if name is None:
        yield Finding("clock source", Level.ADVICE, "not known", "look at `dmesg | grep clock`")
    elif name in FAST_CLOCKS:
        yield Finding("clock source", Level.GOOD, name)
    else:
        there = host.text(f"{folder}/available_clocksource") or ""
        fast = next((each for each in there.split() if each in FAST_CLOCKS), None)
        advice = "every reading is a slow access to a device; "
        if fast:
            advice += (
                f"`echo {fast} > /sys/devices/system/clocksource/clocksource0/current_clocksource`"
            )
        else:
            advice += "the kernel has given up the fast one: look at `dmesg | grep -i tsc`"
        yield Finding("clock source", Level.ADVICE, name, advice)


def wall_clock(host: Host) -> Iterator[Finding]:
    """Whether something keeps the wall clock right."""
    state = kernel_clock()
    if state is None:
        yield Finding("wall clock", Level.ADVICE, "may not be asked here", "look on the host")
        return
    found = (
        f"error about {state.estimated_us / 1000:,.1f} ms, at most {state.largest_us / 1000:,.1f}"
    )
    if not state.synchronised:
        advice = "run chrony or systemd-timesyncd: days and phases follow this clock"
        yield Finding("wall clock", Level.ADVICE, "nothing synchronises it", advice)
    elif state.estimated_us > LARGE_ERROR_US:
        yield Finding("wall clock", Level.ADVICE, found, "look at `chronyc tracking`")
    else:
        yield Finding("wall clock", Level.GOOD, f"synchronised, {found}")


def governor(host: Host) -> Iterator[Finding]:
    """Whether CPUs lower their frequency when they have little to do."""
    names = {
        name
        for cpu in available_cpus()
        if (name := host.text(f"{_CPU}/cpu{cpu}/cpufreq/scaling_governor")) is not None
    }
    if not names:
        found = "no frequency scaling here (a virtual machine: its host decides)"
        yield Finding("CPU governor", Level.GOOD, found)
    elif names == {"performance"}:
        yield Finding("CPU governor", Level.GOOD, "performance")
    else:
        advice = "`cpupower frequency-set -g performance`: a slow CPU has to speed up at each order"
        yield Finding("CPU governor", Level.ADVICE, ", ".join(sorted(names)), advice)


def _numbers(text: str) -> set[int]:
    """CPU numbers of a list such as "2-3,6"."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def isolated(host: Host) -> Iterator[Finding]:
    """Whether the CPUs on which stages spin are theirs alone."""
    plan = place_stages(host.settings.cpu, (*CORE_STAGES, StageName.ORDER_ENTRY))
    spinning = {
        cpu for placed in plan.values() if placed.idle == BUSY_SPIN for cpu in placed.cpus or ()
    }
    count = len(available_cpus())
    if not spinning:
        found = f"no stage spins on {count} CPUs: none needs to be isolated"
        yield Finding("isolated CPUs", Level.GOOD, found)
        return
    free = spinning - _numbers(host.text(f"{_CPU}/isolated") or "")
    wanted = ",".join(map(str, sorted(spinning)))
    if not free:
        yield Finding("isolated CPUs", Level.GOOD, f"{wanted}, on which stages spin")
    else:
        names = ",".join(map(str, sorted(free)))
        advice = f"kernel command line: isolcpus={wanted} nohz_full={wanted} rcu_nocbs={wanted}"
        found = f"stages spin on {names}, where the kernel runs other programs too"
        yield Finding("isolated CPUs", Level.ADVICE, found, advice)


def quota(host: Host) -> Iterator[Finding]:
    """Whether a control group stops the stages in the middle of their work."""
    limit = cpu_quota()
    if limit is None:
        yield Finding("CPU quota", Level.GOOD, "none")
    else:
        advice = "remove CPUQuota= (systemd) or use whole CPUs of a cpuset (containers)"
        yield Finding("CPU quota", Level.ADVICE, f"{limit:g} CPUs", advice)


def huge_pages(host: Host) -> Iterator[Finding]:
    """Transparent huge pages: the kernel moves memory of a program that runs."""
    text = host.text("sys/kernel/mm/transparent_hugepage/enabled") or ""
    chosen = text.partition("[")[2].partition("]")[0]
    if chosen == "always":
        advice = (
            "`echo madvise > /sys/kernel/mm/transparent_hugepage/enabled`: khugepaged stops stages"
        )
        yield Finding("transparent huge pages", Level.ADVICE, chosen, advice)
    else:
        yield Finding("transparent huge pages", Level.GOOD, chosen or "not in this kernel")


def swap(host: Host) -> Iterator[Finding]:
    """Whether memory of the exchange may go to a disk."""
    areas = (host.text("proc/swaps") or "").splitlines()[1:]
    if not areas:
        yield Finding("swap", Level.GOOD, "none")
    else:
        names = ", ".join(line.split()[0] for line in areas)
        advice = "`swapoff -a`, or MemorySwapMax=0 in the unit: an order would wait for a page"
        yield Finding("swap", Level.ADVICE, names, advice)
