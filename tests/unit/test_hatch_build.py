"""The build hook puts the chart library in place, and no other file."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTENT = b"window.LightweightCharts = {};"


@pytest.fixture
def hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of the hook in a checkout of its own, expecting CONTENT."""
    path = tmp_path / "hatch_build.py"
    path.write_bytes((ROOT / "hatch_build.py").read_bytes())
    spec = importlib.util.spec_from_file_location("hatch_build_under_test", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "SHA256", hashlib.sha256(CONTENT).hexdigest())
    return module


def wheel(directory: Path, hook: ModuleType, content: bytes) -> str:
    path = directory / "library.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(hook.IN_WHEEL, content)
    return str(path)


def test_the_file_is_taken_out_of_the_wheel(hook: ModuleType, tmp_path: Path) -> None:
    assert hook.main(["--check"]) == 1
    assert hook.main([wheel(tmp_path, hook, CONTENT)]) == 0
    assert (tmp_path / hook.IN_PACKAGE).read_bytes() == CONTENT
    assert hook.main(["--check"]) == 0


def test_another_file_is_refused_and_replaced(hook: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        hook.main([wheel(tmp_path, hook, CONTENT + b" ")])
    assert not (tmp_path / hook.IN_PACKAGE).exists()
    hook.put(tmp_path, CONTENT)
    (tmp_path / hook.IN_PACKAGE).write_bytes(b"alert(1)")
    assert hook.main(["--check"]) == 1
    hook.put(tmp_path, CONTENT)
    assert hook.main(["--check"]) == 0


def test_build_and_set_up_take_the_same_version() -> None:
    pinned = re.findall(
        r"lightweight-charts==([0-9.]+)",
        (ROOT / "pyproject.toml").read_text() + (ROOT / "requirements-page.txt").read_text(),
    )
    assert len(pinned) == 2 and len(set(pinned)) == 1


def test_the_package_pins_what_was_tested():
    """Direct dependencies in the package have the versions of requirements.txt."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    tested = dict(line.split("==") for line in lines if "==" in line)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = dict(each.replace("[binary]", "").split("==") for each in project["dependencies"])
    assert pinned == {name: tested[name] for name in pinned}


def test_a_wheel_with_compiled_code_is_for_one_python(hook):
    version = f"{sys.version_info[0]}{sys.version_info[1]}"
    assert hook.compiled_tag().startswith(f"cp{version}-none-linux_")
