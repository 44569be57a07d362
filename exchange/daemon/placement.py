"""The CPU plan of the configuration: where each stage runs and how it idles.

Decision RNG-2.
"""

from __future__ import annotations

from collections.abc import Sequence

from exchange.core.stage_names import StageName
from exchange.errors import ConfigurationError
from exchange.settings import CpuSection
from ringbuffer.cpu_plan import (
    BLOCK,
    BUSY_SPIN,
    Placement,
    available_cpus,
    cpu_quota,
    physical_cores,
    plan_auto,
    plan_explicit,
)
from ringbuffer.errors import CpuPlanError

TWO_CORES = 2


def share_two_cores(
    plan: dict[str, Placement], cores: Sequence[Sequence[int]]
) -> dict[str, Placement]:
    """``plan``; on exactly two cores, when no stage has a place, the journaler gets the second.

    The others share the first: order entry hands every order to the matcher, while the journaler
    mostly waits for the disk. A wake-up between two stages on one core is a switch; between two
    cores it first has to wake the other core from its halt. Decision RNG-2 has the figures.
    """
    if len(cores) != TWO_CORES or any(placed.cpus for placed in plan.values()):
        return plan
    return {
        role: Placement(tuple(cores[1] if role == StageName.JOURNALER else cores[0]), placed.idle)
        for role, placed in plan.items()
    }


def place_stages(
    settings: CpuSection, roles: Sequence[str], unplaced: Sequence[str] = ()
) -> dict[str, Placement]:
    """Stage name -> placement, for the CPUs that this process may use.

    ``unplaced``: stages without CPUs of their own: they block, and run on every CPU except those
    where another stage spins. Raises ConfigurationError when an explicit plan asks for CPUs that
    this machine does not have.
    """
    available = available_cpus()
    plan = _place(settings, roles, available)
    taken = {
        cpu for placed in plan.values() if placed.idle == BUSY_SPIN for cpu in placed.cpus or ()
    }
    rest = tuple(cpu for cpu in available if cpu not in taken) if taken else None
    for name in unplaced:
        plan.setdefault(name, Placement(rest or None, BLOCK))
    return plan


def _place(
    settings: CpuSection, roles: Sequence[str], available: Sequence[int]
) -> dict[str, Placement]:
    if settings.plan == "auto":
        cores = physical_cores(available)
        plan = share_two_cores(plan_auto(roles, cores, cpu_quota()), cores)
        if settings.idle == "auto":
            return plan
        assignment = {role: placed.cpus for role, placed in plan.items() if placed.cpus}
    else:
        assignment = {
            role: tuple(getattr(settings, role)) for role in roles if getattr(settings, role)
        }
    idle = {} if settings.idle == "auto" else dict.fromkeys(roles, settings.idle)
    try:
        return plan_explicit(roles, assignment, idle, available)
    except CpuPlanError as error:
        raise ConfigurationError(f"[cpu]: {error}") from None
