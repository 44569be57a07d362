"""Errors of this package: all operational, none of them on a hot path.

::

    RingBufferError
    ├── RegionError             something about a shared-memory region
    │   ├── RegionNotFound      no region of that name
    │   ├── RegionExists        the name is taken (see Region.reclaim)
    │   ├── RegionInUse         reclaim refused: the process that made it lives
    │   ├── RegionMismatch      wrong magic, version, size or layout; or not finished
    │   └── RegionNoSpace       the memory file system cannot hold it
    └── CpuPlanError            an explicit CPU plan that this machine cannot give
"""

from __future__ import annotations


class RingBufferError(Exception):
    """Base of every error of this package."""


class RegionError(RingBufferError):
    """Something about a shared-memory region."""


class RegionNotFound(RegionError):
    """There is no region of that name."""


class RegionExists(RegionError):
    """The name is taken; ``Region.reclaim`` removes what a crash left behind."""


class RegionInUse(RegionError):
    """The process that made the region still lives: it may not be reclaimed."""


class RegionMismatch(RegionError):
    """Wrong magic, version, size or layout, or its creator has not finished (or died) making it."""


class RegionNoSpace(RegionError):
    """The memory file system cannot hold the region."""


class CpuPlanError(RingBufferError):
    """An explicit CPU plan names a CPU that this process may not use."""
