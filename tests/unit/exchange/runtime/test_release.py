"""The release is the package's version."""

from __future__ import annotations

import tomllib

from exchange.runtime.release import RELEASE, version_text
from exchange.settings import ROOT


def test_the_release_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == RELEASE
    assert version_text("exchange").startswith(f"exchange {RELEASE} (Python 3.")
