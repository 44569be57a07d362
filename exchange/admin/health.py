"""How the exchange is, for ``exchange status``: what the process api answers to a probe.

The judgement is that of exchange/runtime/health.py, wherever it is shown. The process api gives it,
because it looks all the time and knows its own models. Where there is no api, or it does not
answer, one look at the shared memory has to do: it finds silent stages, and no disk that is stuck.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from exchange.errors import ConfigurationError
from exchange.runtime.configured import configuration_in_use
from exchange.runtime.health import Health, HealthWatch
from exchange.settings import load_settings

TIMEOUT_S = 2.0


class _Answer(msgspec.Struct, frozen=True):
    data: Health


def ask_health(address: str) -> Health | None:
    """What the health port at ``address`` (host:port) says; None: no answer in time."""
    try:
        with urllib.request.urlopen(f"http://{address}/health", timeout=TIMEOUT_S) as answer:
            body = answer.read()
    except urllib.error.HTTPError as error:
        body = error.read()  # 503: with what is wrong
    except OSError:
        return None
    try:
        return msgspec.json.decode(body, type=_Answer).data
    except msgspec.DecodeError:
        return None


def look_at_memory(
    arrays: Mapping[str, np.ndarray], data_directory: Path, sizes: Mapping[str, int]
) -> Health:
    """One look at the core's sections; ``sizes``: of the shared capacities."""
    try:
        section = load_settings(configuration_in_use(data_directory, None)).health
    except ConfigurationError:  # moved since the start
        section = load_settings(None).health
    return HealthWatch(
        arrays["cursors"],
        arrays["counters"],
        data_directory,
        stale_ms=section.stale_ms,
        lag_ms=section.lag_ms,
        sizes=sizes,
    ).look(None)


def exchange_health(
    addresses: Mapping[str, str],
    arrays: Mapping[str, np.ndarray],
    data_directory: Path,
    sizes: Mapping[str, int],
) -> dict[str, Any]:
    """The health as a JSON object; ``told_by``: "api", or "shared memory" where it is not there."""
    address = addresses.get("health")
    health = None if address is None else ask_health(address)
    told_by = "api"
    if health is None:
        health, told_by = look_at_memory(arrays, data_directory, sizes), "shared memory"
    if address is not None and told_by != "api":
        unheard = f"the API does not answer within {TIMEOUT_S:g} s"
        health = msgspec.structs.replace(
            health, healthy=False, problems=[*health.problems, unheard]
        )
    found: dict[str, Any] = msgspec.to_builtins(health)
    return {"told_by": told_by} | found
