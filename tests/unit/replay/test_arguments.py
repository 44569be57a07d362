"""The arguments of exchange-replay."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.arguments import DEFAULT_DATA_DIRECTORY, build_parser


def test_every_command_that_only_reads_takes_shipped_segments() -> None:
    for name in ("show", "verify", "book", "accounts", "stats"):
        found = build_parser().parse_args([name, "--shipped", "elsewhere"])
        assert found.shipped == Path("elsewhere") and found.data_dir == DEFAULT_DATA_DIRECTORY
    with pytest.raises(SystemExit):
        build_parser().parse_args(["snapshot", "--shipped", "elsewhere"])


@pytest.mark.parametrize("count", ["0", "-1"])
def test_a_number_that_must_be_positive(count: str) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["verify", "--check-every", count])
