"""No kind of fault is without its recovery."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import harness.faults
from harness.faults import Fault
from scenarios.every_fault import FAULTS

# What needs an address, a name or a database that only its own scenario knows, and where its recovery is claimed.
ELSEWHERE = {
    "Full": "database-full",
    "LeadsTo": "door-loop",
    "OneAddress": "error-dual-stack",
    "ReadOnly": "database-read-only",
    "Restarted": "database-restarted",
    "SessionsEnded": "database-terminated",
    "Stopped": "health-slow",
}


def test_every_kind_of_fault_is_recovered_from() -> None:
    """
    Each class of fault below harness/faults is among those after which recovery is claimed.
    """
    recovered = {type(fault).__name__ for fault in FAULTS.values()} | set(ELSEWHERE)

    assert [] == sorted(kinds() - recovered)


def kinds() -> set[str]:
    """The names of all public classes that can be injected."""
    modules = [harness.faults] + [
        importlib.import_module(f"harness.faults.{module.name}")
        for module in pkgutil.iter_modules(harness.faults.__path__)
    ]
    return {
        name
        for module in modules
        for name, found in inspect.getmembers(module, inspect.isclass)
        if hasattr(found, "inject") and found is not Fault and not name.startswith("_")
    }
