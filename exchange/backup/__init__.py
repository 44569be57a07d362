"""Copies of a data directory that start: made while the exchange runs, and put back.

backup.py      ``exchange backup``: snapshots, archive, journal, in the order in which they fit
restore.py     ``exchange restore``: into an empty data directory
series.py      one backup after the other in a directory, and how many stay
manifest.py    what a backup holds, with the checksum of each file
cli.py         the commands
copying.py     files as they are at one moment, durable
"""
