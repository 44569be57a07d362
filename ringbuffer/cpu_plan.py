"""Which CPU each stage runs on, and how it idles: the plan ``auto`` and explicit plans.

Who uses it: the supervisor, once at its start; each stage then pins itself (``agent.pin``). The
rule behind ``auto``: spinning pays on a core that nothing else uses and destroys latency on a
shared one (measured on two shared cores: p50 2x, p99 30x that of blocking). So stages get
dedicated, spinning cores only where enough physical cores are left over for everything else;
otherwise they share all CPUs and block.

Decision RNG-2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from ringbuffer.errors import CpuPlanError

BUSY_SPIN = "busy_spin"
YIELD = "yield"
BLOCK = "block"
IDLE_STRATEGIES = (BUSY_SPIN, YIELD, BLOCK)

SPARE_CORES = 2  # left to the kernel, the supervisor and every stage without a role here

_TOPOLOGY = Path("/sys/devices/system/cpu")
_CGROUP_2_LIMIT = Path("/sys/fs/cgroup/cpu.max")
_CGROUP_1 = Path("/sys/fs/cgroup/cpu")


@dataclass(frozen=True)
class Placement:
    """Where one role runs. ``cpus`` None: wherever the kernel puts it; ``idle``: a strategy."""

    cpus: tuple[int, ...] | None
    idle: str


def available_cpus() -> list[int]:
    """CPUs that this process may run on, ascending."""
    return sorted(psutil.Process().cpu_affinity() or [])


def cpu_quota() -> float | None:
    """CPUs' worth of time that the control group allows, None when it sets no limit.

    A container may see 64 CPUs and be allowed two: a spinning stage would eat what the others need.
    """
    try:
        limit, period = _CGROUP_2_LIMIT.read_text().split()
        return None if limit == "max" else int(limit) / int(period)
    except (OSError, ValueError):
        pass
    try:
        quota = int((_CGROUP_1 / "cpu.cfs_quota_us").read_text())
        return None if quota < 0 else quota / int((_CGROUP_1 / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        return None


def physical_cores(cpus: Sequence[int], topology: Path = _TOPOLOGY) -> list[list[int]]:
    """``cpus`` grouped by physical core (hyper-threads together), in order of the first CPU."""
    groups: dict[str, list[int]] = {}
    for cpu in sorted(cpus):
        path = topology / f"cpu{cpu}" / "topology" / "thread_siblings_list"
        try:
            core = path.read_text().strip()
        except OSError:
            core = str(cpu)  # unknown: take it for a core of its own
        groups.setdefault(core, []).append(cpu)
    return list(groups.values())


def plan_auto(
    roles: Sequence[str], cores: Sequence[Sequence[int]], quota: float | None = None
) -> dict[str, Placement]:
    """The plan for ``roles`` (most critical first) on ``cores`` (as ``physical_cores`` gives them).

    Dedicated: one hardware thread of a core of its own for each role, from the last core downwards
    (interrupts land on the first), when there are ``SPARE_CORES`` more cores than roles and the
    quota covers them too. Otherwise every role shares all CPUs and blocks.
    """
    needed = len(roles) + SPARE_CORES
    if len(cores) < needed or (quota is not None and quota < needed):
        return {role: Placement(None, BLOCK) for role in roles}
    return {
        role: Placement((cores[-1 - position][0],), BUSY_SPIN)
        for position, role in enumerate(roles)
    }


def plan_explicit(
    roles: Sequence[str],
    assignment: Mapping[str, Sequence[int]],
    idle: Mapping[str, str],
    available: Sequence[int],
) -> dict[str, Placement]:
    """A plan given role by role; a role without a strategy blocks.

    A role without CPUs runs wherever the kernel puts it, but not where another one spins. Raises
    CpuPlanError for an unknown role or strategy, a CPU that this process may not use, and a role
    that would spin on a CPU it shares with another role.
    """
    for role in (*assignment, *idle):
        if role not in roles:
            raise CpuPlanError(f"unknown role {role!r}; the roles are {', '.join(roles)}")
    plan = {}
    for role in roles:
        cpus = tuple(assignment.get(role, ()))
        strategy = idle.get(role, BLOCK)
        if strategy not in IDLE_STRATEGIES:
            known = ", ".join(IDLE_STRATEGIES)
            raise CpuPlanError(f"{role}: unknown idle strategy {strategy!r}; there are {known}")
        missing = [cpu for cpu in cpus if cpu not in available]
        if missing:
            raise CpuPlanError(f"{role}: CPU {missing[0]} is not available; there are {available}")
        plan[role] = Placement(cpus or None, strategy)
    taken: dict[int, str] = {}
    for role, placement in plan.items():
        if placement.idle == BUSY_SPIN:
            if placement.cpus is None:
                raise CpuPlanError(f"{role}: busy_spin needs CPUs of its own")
            taken.update(dict.fromkeys(placement.cpus, role))
    rest = tuple(cpu for cpu in available if cpu not in taken)
    for role, placement in plan.items():
        if placement.cpus is None and taken:
            if not rest:
                raise CpuPlanError(f"{role}: the stages that spin leave no CPU to it")
            plan[role] = Placement(rest, placement.idle)
        for cpu in placement.cpus or ():
            if taken.get(cpu, role) != role:
                raise CpuPlanError(
                    f"{role}: CPU {cpu} is {taken[cpu]}'s own, which uses busy_spin there"
                )
    return plan
