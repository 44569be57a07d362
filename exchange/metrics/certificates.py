"""Until when the certificates of the proxy in front of the exchange are valid.

Who uses it: the collector. The exchange speaks no TLS itself; ``[metrics] certificate_files`` names
the PEM files of whoever does, so that an alert can come before their end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from cryptography import x509
from prometheus_client.core import GaugeMetricFamily, Metric

READ_AGAIN_S = 60.0


def valid_until_s(path: Path) -> float:
    """The end of the first certificate in the PEM file ``path``, Unix seconds; 0: unreadable."""
    try:
        certificate = x509.load_pem_x509_certificates(path.read_bytes())[0]
    except (OSError, ValueError):
        return 0.0
    return certificate.not_valid_after_utc.timestamp()


class Certificates:
    """``paths``: PEM files, read again after READ_AGAIN_S: they are renewed while this runs."""

    def __init__(self, paths: Sequence[str], clock_s: Callable[[], float] = time.monotonic) -> None:
        self._paths = paths
        self._clock_s = clock_s
        self._read_s = -READ_AGAIN_S
        self._until_s: dict[str, float] = {}

    def collect(self) -> Iterator[Metric]:
        """The end of each certificate."""
        now_s = self._clock_s()
        if now_s - self._read_s >= READ_AGAIN_S:
            self._read_s = now_s
            self._until_s = {path: valid_until_s(Path(path)) for path in self._paths}
        metric = GaugeMetricFamily(
            "exchange_certificate_expiry_timestamp_seconds",
            "end of a certificate of [metrics] certificate_files; 0: it cannot be read",
            labels=["file"],
        )
        for path, until_s in self._until_s.items():
            metric.add_metric([path], until_s)
        yield metric
