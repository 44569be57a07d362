"""Settings and arrays of a small exchange in one process, on which units are compiled.

Who uses it: ``units.py``, and the test that everything that the stages call is in a unit. Compiled
code depends on the types of arrays, not on their sizes.

Decision PKG-1.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from exchange.core.region import RingCapacities, core_sections
from exchange.core.stage_names import CORE_STAGES, StageName
from exchange.settings import Configuration, Session, Settings, load

USERNAME = "WARM"  # of the session
STAGES = (*CORE_STAGES, StageName.ORDER_ENTRY, StageName.DAEMON)


def small_configuration(password: str) -> Configuration:
    """The demonstration's configuration with small tables and one session.

    ``password``: of the session, as in ``sessions.toml``.
    """
    shipped = load(None)
    settings = shipped.settings
    small: dict[str, dict[str, Any]] = {
        "capacity": {"live_orders": 1024, "tokens_per_day": 4096, "level_blocks": 64},
        "rings": {
            "ingress_order_entry": 1024,
            "ingress_api": 1024,
            "ingress_grpc": 1024,
            "commands": 4096,
            "events": 4096,
        },
        "journal": {"segment_bytes": 1 << 20, "batch": 1024, "archive_segment_events": 4096},
        "order_entry": {"connections": 4, "batch_events": 256},
        "day": {"roll": "manual"},
    }
    settings = msgspec.structs.replace(
        settings,
        **{
            section: msgspec.structs.replace(getattr(settings, section), **keys)
            for section, keys in small.items()
        },
    )
    return msgspec.structs.replace(
        shipped,
        settings=settings,
        sessions=[Session(id=1, username=USERNAME, password=password, account=1003)],
    )


def small_arrays(settings: Settings) -> dict[str, np.ndarray]:
    """The sections of a core with the rings of ``settings``, in memory of this process."""
    rings = RingCapacities(**msgspec.structs.asdict(settings.rings))
    return {each.name: np.zeros(each.count, each.dtype) for each in core_sections(rings)}
