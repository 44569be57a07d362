"""The arguments of ``exchange demo``."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from exchange.core.stage_names import CONNECTORS
from exchange.demo.parser import CONNECTOR_NAMES, add_demo


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    add_demo(lambda name, text: commands.add_parser(name, help=text))
    return parser.parse_args(["demo", *arguments])


def test_defaults() -> None:
    found = parse()
    assert (found.config, found.data_dir, found.seed) == (None, Path("data-demo"), 1)
    assert found.connectors == ()


def test_connectors_are_names_with_commas_between_them() -> None:
    assert parse("--with", "kafka,redis").connectors == ("kafka", "redis")
    assert {f"connect_{name}" for name in CONNECTOR_NAMES} < set(CONNECTORS)


@pytest.mark.parametrize("names", ["", "kafka,", "kafka,memcached", "callback"])
def test_other_names_are_refused(names: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("--with", names)
    assert "allowed: kafka, rabbitmq, redis, grpc" in capsys.readouterr().err
