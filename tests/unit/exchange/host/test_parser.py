"""The arguments of ``exchange check``."""

from __future__ import annotations

from pathlib import Path

from exchange.cli import build_parser


def test_nothing_need_be_said() -> None:
    options = build_parser().parse_args(["check"])
    assert (options.config, options.data_dir, options.json) == (None, Path("data"), False)
