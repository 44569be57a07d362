"""The CPU plan of the configuration: where each stage runs and how it idles."""

from __future__ import annotations

from collections.abc import Sequence

from exchange.errors import ConfigurationError
from exchange.settings import CpuSection
from ringbuffer.cpu_plan import (
    Placement,
    available_cpus,
    cpu_quota,
    physical_cores,
    plan_auto,
    plan_explicit,
)
from ringbuffer.errors import CpuPlanError


def place_stages(settings: CpuSection, roles: Sequence[str]) -> dict[str, Placement]:
    """Stage name -> placement, for the CPUs that this process may use.

    Raises ConfigurationError when an explicit plan asks for what this machine does not have.
    """
    available = available_cpus()
    if settings.plan == "auto":
        plan = plan_auto(roles, physical_cores(available), cpu_quota())
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
