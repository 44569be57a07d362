"""The checks by name; each gives the list of its findings.

Decision CHK-5.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.tools.dead_definitions import dead_definitions
from tests.tools.house.names import broken_imports, unresolved_names
from tests.tools.house.numbers import bare_numbers, enum_copies
from tests.tools.house.shape import (
    large_folders,
    long_files,
    long_functions,
    loose_modules,
    many_parameters,
    modules_without_test,
    short_parameters,
    types_ignored,
)
from tests.tools.house.source import Place

CHECKS: dict[str, Callable[[], list[Place]]] = {
    "loose_modules": loose_modules,
    "large_folders": large_folders,
    "long_functions": long_functions,
    "many_parameters": many_parameters,
    "long_files": long_files,
    "modules_without_test": modules_without_test,
    "bare_numbers": bare_numbers,
    "short_parameters": short_parameters,
    "enum_copies": enum_copies,
    "broken_imports": broken_imports,
    "unresolved_names": unresolved_names,
    "types_ignored": types_ignored,
    "dead_definitions": dead_definitions,
}
