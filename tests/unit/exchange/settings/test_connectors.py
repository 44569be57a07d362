"""Which connectors are asked for, and what is said when their packages are missing."""

from __future__ import annotations

import importlib.util
import tomllib

import msgspec
import pytest

from exchange.core.stage_names import CONNECTORS, StageName
from exchange.settings import ROOT, Settings, load_settings
from exchange.settings.connectors import NEEDED, connectors_of, lacking, section_name


def enabled(*stages: StageName) -> Settings:
    settings = load_settings(None)
    return msgspec.structs.replace(
        settings,
        **{
            section_name(stage): msgspec.structs.replace(
                getattr(settings, section_name(stage)), enabled=True
            )
            for stage in stages
        },
    )


def test_all_are_off_by_default() -> None:
    assert connectors_of(load_settings(None)) == {}
    assert list(lacking(load_settings(None))) == []


def test_those_that_are_enabled_are_found() -> None:
    found = connectors_of(enabled(StageName.CONNECT_REDIS, StageName.CONNECT_KAFKA))
    assert set(found) == {StageName.CONNECT_KAFKA, StageName.CONNECT_REDIS}


def test_packages_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "hiredis" else find(name)
    )
    ((section, what),) = lacking(enabled(StageName.CONNECT_REDIS))
    assert section == "redis"
    assert what.startswith("hiredis cannot be imported: install what it needs with")
    assert "open-exchange-core[redis]" in what


@pytest.mark.parametrize("extra", sorted({needed.extra for needed in NEEDED.values()}))
def test_an_extra_is_what_its_file_of_requirements_has(extra: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = set(project["optional-dependencies"][extra])
    lines = (ROOT / f"requirements-{extra}.txt").read_text().splitlines()
    assert wanted <= {line for line in lines if not line.startswith("#")}


def test_every_connector_says_what_it_needs() -> None:
    assert set(NEEDED) == set(CONNECTORS)
