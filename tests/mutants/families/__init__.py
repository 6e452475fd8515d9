"""All mutants, a file for each family of the catalogue they sin against."""

from __future__ import annotations

from tests.mutants.families import (
    cors,
    door,
    errors,
    forwarding,
    framing,
    health,
    leaks,
    logs,
    production,
    program,
    retries,
    smuggling,
    timeouts,
    writes,
)
from tests.mutants.mutant import MUTANTS

FAMILIES = (
    retries,
    writes,
    health,
    timeouts,
    errors,
    production,
    cors,
    forwarding,
    framing,
    smuggling,
    door,
    logs,
    leaks,
    program,
)
IN_ORDER = tuple(one for family in FAMILIES for one in MUTANTS.values() if family.__name__.endswith(f".{one.family}"))

__all__ = ["FAMILIES", "IN_ORDER", "MUTANTS"]
