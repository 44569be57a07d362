"""Installing, moving ``current``, uninstalling: what is written, what stays, what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from exchange.backup.manifest import FILE as MANIFEST
from exchange.errors import AlreadyRunning, ConfigurationError, DataDirectoryUnavailable
from exchange.install import install as module
from exchange.install.install import comment_head, install, uninstall, use_version, user_and_group
from exchange.install.layout import Layout, make_layout, write_record
from exchange.runtime.process import DataDirectoryLock
from exchange.settings import SHIPPED


class World:
    """A prefix whose versions are empty folders: what is in one is another test's."""

    def __init__(self, prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.prefix = prefix
        self.layout: Layout = make_layout(prefix, *user_and_group(None))
        self.said: list[str] = []
        self.number = "0.1.0"

        def make_version(layout: Layout, wheel: Path | None, wheels: Path | None) -> str:
            (layout.version(self.number) / "bin").mkdir(parents=True, exist_ok=True)
            (layout.version(self.number) / "bin" / "exchange").write_text(self.number)
            return self.number

        monkeypatch.setattr(module, "make_version", make_version)

    def install(self, number: str = "0.1.0") -> None:
        self.number = number
        install(self.layout, self.said.append)

    def files(self) -> set[str]:
        return {
            str(path.relative_to(self.prefix)) for path in self.prefix.rglob("*") if path.is_file()
        }

    def runs(self) -> str:
        return (self.prefix / "bin" / "exchange").read_text()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path / "prefix", monkeypatch)


def test_an_installation_is_whole(world: World) -> None:
    world.install()
    assert world.runs() == "0.1.0"
    assert world.files() >= {
        "etc/exchange.toml",
        "etc/accounts.toml",
        "etc/instruments.toml",
        "etc/sessions.toml",
        "etc/logrotate.d/exchange",
        "lib/systemd/system/exchange.service",
        "lib/systemd/system/exchange-backup.timer",
        "install.json",
    }
    assert Path(world.layout.data).stat().st_mode & 0o777 == 0o700
    assert (world.prefix / "etc" / "sessions.toml").stat().st_mode & 0o007 == 0
    assert "[[session]]" not in (world.prefix / "etc" / "sessions.toml").read_text()


@pytest.mark.parametrize("name", ["accounts", "instruments", "sessions"])
def test_a_configuration_begins_with_what_may_be_said(name: str) -> None:
    head = comment_head((SHIPPED / f"{name}.toml").read_text())
    assert all(line.startswith("#") for line in head.splitlines())
    assert len(head.splitlines()) > 8 and "demonstration" not in head


def test_an_upgrade_and_the_way_back(world: World) -> None:
    world.install()
    (world.prefix / "etc" / "exchange.toml").write_text("mine")
    world.install("0.2.0")
    assert world.runs() == "0.2.0"
    assert (world.prefix / "etc" / "exchange.toml").read_text() == "mine"
    use_version(world.layout, "0.1.0", world.said.append)
    assert world.runs() == "0.1.0"
    assert world.said[-1] == "version 0.1.0 is current, before 0.2.0"
    with pytest.raises(ConfigurationError, match=r"there are: 0\.1\.0, 0\.2\.0"):
        use_version(world.layout, "0.3.0", world.said.append)
    with pytest.raises(ConfigurationError, match="is current"):
        uninstall(world.prefix, world.said.append, version="0.1.0")
    uninstall(world.prefix, world.said.append, version="0.2.0")
    assert world.layout.versions() == ["0.1.0"]
    with pytest.raises(ConfigurationError, match="is not in"):
        uninstall(world.prefix, world.said.append, version="0.2.0")


def test_whoever_runs_now_is_told(world: World) -> None:
    world.install()
    lock = DataDirectoryLock(Path(world.layout.data))
    try:
        world.install("0.2.0")
        assert f"process {os.getpid()} runs on as it is" in world.said[-1]
        with pytest.raises(AlreadyRunning, match="stop it first"):
            uninstall(world.prefix, world.said.append)
    finally:
        lock.release()


def test_uninstalling_keeps_what_is_somebody_s(world: World) -> None:
    world.install()
    unit = Path(world.layout.units) / "exchange.service"
    unit.write_text(unit.read_text() + "# mine\n")
    Path(world.layout.data, "engine.json").write_text("{}")
    uninstall(world.prefix, world.said.append)
    assert world.files() == {
        "etc/accounts.toml",
        "etc/exchange.toml",
        "etc/instruments.toml",
        "etc/sessions.toml",
        "lib/systemd/system/exchange.service",
        "var/lib/engine.json",
    }
    assert f"{unit}: somebody has changed it; kept" in world.said
    assert f"{world.layout.data}: kept" in world.said
    with pytest.raises(DataDirectoryUnavailable, match="nothing was installed"):
        uninstall(world.prefix, world.said.append)
    world.install()
    assert world.runs() == "0.1.0", "and again, with what was kept"
    assert unit.read_text().endswith("# mine\n")
    assert f"{unit}: somebody has changed it; left as it is" in world.said


def test_what_was_kept_below_the_prefix_under_another_name_is_no_hindrance(world: World) -> None:
    others = {"data": world.prefix / "data"}
    world.layout = make_layout(world.prefix, *user_and_group(None), others=others)
    world.install()
    (world.prefix / "data" / "engine.json").write_text("{}")
    uninstall(world.prefix, world.said.append)
    world.install()
    assert world.runs() == "0.1.0"


@pytest.mark.parametrize("cache", ["var/lib", "var", ".", "etc"])
@pytest.mark.parametrize("purge", [False, True])
def test_a_cache_that_holds_what_is_kept_is_not_removed(
    world: World, cache: str, purge: bool
) -> None:
    others = {"cache": world.prefix / cache}
    layout = make_layout(world.prefix, *user_and_group(None), others=others)
    world.install()
    write_record(layout)  # as an earlier release did
    foreign = [world.prefix / name for name in ("var/lib/notes", "etc/notes", "notes")]
    for path in foreign:
        path.write_text("mine")
    Path(layout.data, "engine.json").write_text("{}")
    uninstall(world.prefix, world.said.append, purge=purge)
    assert any(line.startswith(f"{layout.cache}: kept, for in it is") for line in world.said)
    assert foreign[1].exists() and foreign[2].exists()
    assert Path(layout.data, "engine.json").exists() or purge
    assert not (world.prefix / "versions").exists()


def test_directories_in_each_other_are_refused_before_anything_is_made(world: World) -> None:
    others = {"cache": world.prefix / "var"}
    world.layout = make_layout(world.prefix, *user_and_group(None), others=others)
    with pytest.raises(ConfigurationError, match="lies in"):
        world.install()
    assert not world.prefix.exists()


def test_a_changed_unit_is_not_overwritten(world: World) -> None:
    world.install()
    unit = Path(world.layout.units) / "exchange.service"
    unit.write_text("mine")
    world.install("0.2.0")
    assert unit.read_text() == "mine"
    assert f"{unit}: somebody has changed it; left as it is" in world.said


def test_purging_leaves_nothing_of_ours_and_all_of_others(world: World) -> None:
    world.install()
    Path(world.layout.data, "engine.json").write_text("{}")
    made = Path(world.layout.backups) / "backup-1"
    made.mkdir()
    (made / MANIFEST).write_text("{}")
    foreign = world.prefix / "etc" / "notes"
    foreign.write_text("mine")
    uninstall(world.prefix, world.said.append, purge=True)
    assert world.files() == {"etc/notes"}
    foreign.unlink()
    foreign.parent.rmdir()
    world.install()
    uninstall(world.prefix, world.said.append, purge=True)
    assert not world.prefix.exists()


def test_a_directory_of_somebody_else_is_refused(world: World) -> None:
    world.prefix.mkdir()
    (world.prefix / "games").mkdir()
    with pytest.raises(ConfigurationError, match=r"has other things in it \(games\)"):
        world.install()


def test_a_user_that_there_is_not() -> None:
    with pytest.raises(ConfigurationError, match="useradd --system"):
        user_and_group("nobody-of-this-name")
