"""Installing the exchange for production: versions side by side, one of them current.

layout.py       what lies where below the prefix, and the record of an installation
environment.py  a version: its own virtual environment, from a wheel or a copy of the running one
units.py        the files for systemd and logrotate
install.py      install, make another version current, uninstall
package.py      the same as a package of Debian's
parser.py       the arguments of the commands
cli.py          ``exchange install`` and ``exchange uninstall``
"""
