"""The end of certificates, of real PEM files."""

from __future__ import annotations

import datetime
from pathlib import Path

from exchange.metrics.certificates import READ_AGAIN_S, Certificates, valid_until_s
from tests.harness.certificate_file import write_certificate

BEGIN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def ends(certificates: Certificates) -> dict[str, float]:
    return {
        sample.labels["file"]: sample.value
        for metric in certificates.collect()
        for sample in metric.samples
    }


def test_what_cannot_be_read_is_over(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")
    assert valid_until_s(tmp_path / "none.pem") == valid_until_s(broken) == 0


def test_a_renewed_certificate_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "exchange.crt"
    now_s = 0.0
    first = write_certificate(path, BEGIN, 90)
    certificates = Certificates([str(path)], clock_s=lambda: now_s)
    assert ends(certificates) == {str(path): first}
    second = write_certificate(path, BEGIN, 180)
    now_s = READ_AGAIN_S - 1
    assert ends(certificates) == {str(path): first}
    now_s = READ_AGAIN_S
    assert ends(certificates) == {str(path): second}
