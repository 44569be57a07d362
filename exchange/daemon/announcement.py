"""What the exchange tells people when it is ready.

Who uses it: the daemon, which prints the lines to standard output.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from exchange.runtime.spec import ListenerName


def ready_lines(addresses: Mapping[str, str], data_directory: Path) -> list[str]:
    """The lines that the exchange prints for people when it is ready."""
    lines = [
        f"ready: order entry (SoupBinTCP 3.00, OUCH 4.2) listens on "
        f"{addresses[ListenerName.ORDER_ENTRY]}; control socket and data in {data_directory}"
    ]
    if ListenerName.API in addresses:
        lines.append(
            f"trading page http://{addresses[ListenerName.API]}/ with REST /api/v1 and "
            f"WebSocket /ws; health for probes http://{addresses[ListenerName.HEALTH]}/health"
        )
        lines.append(f"metrics for Prometheus http://{addresses[ListenerName.METRICS]}/metrics")
    if ListenerName.FEED in addresses:
        lines.append(f"WebSocket feed ws://{addresses[ListenerName.FEED]}/ws")
    return lines
