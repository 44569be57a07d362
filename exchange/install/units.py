"""The files for systemd and logrotate of an installation, from the shipped unit.

Who uses it: ``install.py`` writes them, and knows an unchanged one when it removes it.
"""

from __future__ import annotations

from exchange.errors import RESTART_IN_VAIN
from exchange.install.layout import Layout
from exchange.settings import SHIPPED

SERVICE = "exchange.service"
BACKUP_SERVICE = "exchange-backup.service"
BACKUP_TIMER = "exchange-backup.timer"
KEPT_BACKUPS = 7
WRITTEN = "# Written by `exchange install`; change it in a drop-in (`systemctl edit exchange`).\n"
# directories that systemd makes, of which it knows the usual places only
USUAL = {
    "configuration": ("/etc/exchange", "ConfigurationDirectory"),
    "data": ("/var/lib/exchange", "StateDirectory"),
    "cache": ("/var/cache/exchange", "CacheDirectory"),
}

_BACKUP_SERVICE = """{written}[Unit]
Description=Backup of the exchange
After=exchange.service

[Service]
Type=oneshot
User={user}
Group={group}
ExecStart={prefix}/bin/exchange backup --into {backups} --keep {kept} --data-dir {data}
Environment=EXCHANGE_CACHE_DIR={cache}
Nice=10
IOSchedulingClass=idle
UMask=0077
ReadWritePaths={backups} {data} {cache}
CapabilityBoundingSet=
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateNetwork=yes
PrivateUsers=yes
ProtectHostname=yes
ProtectClock=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
RemoveIPC=no
"""

_BACKUP_TIMER = """{written}[Unit]
Description=Daily backup of the exchange

[Timer]
OnCalendar=*-*-* 03:30:00
RandomizedDelaySec=600
Persistent=true

[Install]
WantedBy=timers.target
"""

_LOGROTATE = """# Only of use with [log] file; without one the journal of systemd has the lines.
# Every process begins a file that was moved anew by itself: nothing need be told.
{data}/*.log {{
    su {user} {group}
    daily
    rotate 14
    compress
    delaycompress
    missingok
    notifempty
    nocreate
}}
"""


def unit_files(layout: Layout) -> dict[str, str]:
    """Path -> content of every file that systemd and logrotate read."""
    values = {
        "written": WRITTEN,
        "user": layout.user,
        "group": layout.group,
        "prefix": layout.prefix,
        "data": layout.data,
        "cache": layout.cache,
        "backups": layout.backups,
        "kept": KEPT_BACKUPS,
    }
    return {
        f"{layout.units}/{SERVICE}": service_text(layout),
        f"{layout.units}/{BACKUP_SERVICE}": _BACKUP_SERVICE.format(**values),
        f"{layout.units}/{BACKUP_TIMER}": _BACKUP_TIMER.format(**values),
        f"{layout.logrotate}/exchange": _LOGROTATE.format(**values),
    }


def service_text(layout: Layout) -> str:
    """The shipped unit with the places, the user and the exit statuses of this installation."""
    command = f"{layout.prefix}/bin/exchange run --config {layout.configuration}/exchange.toml"
    values = {
        "User": layout.user,
        "Group": layout.group,
        "ExecStart": f"{command} --data-dir {layout.data}",
        "Environment": f"EXCHANGE_CACHE_DIR={layout.cache}",
        "RestartPreventExitStatus": " ".join(str(int(status)) for status in RESTART_IN_VAIN),
    }
    usual = all(getattr(layout, name) == path for name, (path, _) in USUAL.items())
    left_out = set() if usual else {key for _, key in USUAL.values()} | {"StateDirectoryMode"}
    lines: list[str] = []
    used: set[str] = set()
    comments = True  # those at the top are about the shipped file
    for line in (SHIPPED / "systemd" / SERVICE).read_text().splitlines():
        key, is_setting, _ = line.partition("=")
        comments = comments and line.startswith("#")
        if comments or (is_setting and key in left_out):
            continue
        if is_setting and key in values and key not in used:
            used.add(key)
            line = f"{key}={values[key]}"
        lines.append(line)
        if key == "Environment" and not usual:
            lines.append(f"ReadWritePaths={layout.data} {layout.cache}")
    assert used == set(values), "the shipped unit lacks a setting"
    return WRITTEN + "\n".join(lines) + "\n"
