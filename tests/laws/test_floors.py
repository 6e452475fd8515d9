"""Imports only go down the floors, and nobody but its owner imports a third party that has one."""

from __future__ import annotations

from tests.laws.sources import sources

# The floors rise; a module is on the floor of its longest prefix here.
FLOORS = {
    "harness.errors": 0,
    "harness.clock": 0,
    "harness.contract": 0,
    "harness.program": 0,
    "harness.spelling": 0,
    "harness.progress": 0,
    "harness": 0,
    "harness.traffic": 1,
    "harness.toxiproxy": 1,
    "harness.case": 1,
    "harness.faults": 2,
    "harness.environment": 2,
    "harness.backend": 2,
    "harness.target": 3,
    "harness.choices": 3,
    "harness.ledger": 3,
    "harness.journal": 4,
    "harness.alerts": 4,
    "harness.telemetry": 4,
    "harness.backend_process": 4,
    "harness.promises": 4,
    "harness.bytewise": 4,
    "harness.leftovers": 4,
    "harness.plan": 4,
    "harness.rig": 4,
    "harness.system": 5,
    "harness.stack": 5,
    "harness.verdicts": 5,
    "harness.report": 6,
    "harness.load": 6,
    "harness.plugin": 7,
    "harness.cli": 8,
    "harness.__main__": 9,
}

OWNERS = {
    "toxiproxy": ("harness.toxiproxy.client",),
    "testcontainers": ("harness.environment.containers",),
    "locust": ("harness.load.generator", "locustfiles"),  # whoever imports one of these four is monkey-patched
    "gevent": ("harness.load.generator",),
    "geventhttpclient": ("harness.load.generator",),
    "harness.load.generator": ("harness.load.generator", "locustfiles"),
    "httpx": ("harness.traffic",),
    "httptools": ("harness.toxiproxy.server", "proxy_under_test.server", "proxy_under_test.transport"),
    "httpx2": ("proxy_under_test.transport",),
    "asyncpg": ("harness.backend", "harness.environment.endpoints", "harness.ledger"),
    "redis": ("harness.backend",),
    "psutil": ("harness.environment", "harness.target"),
    "jsonschema": ("harness.verdicts", "harness.report.page.saved"),
    "jinja2": ("harness.report.page",),
    "structlog": ("harness.backend", "proxy_under_test"),
    "prometheus_client": ("proxy_under_test", "harness.toxiproxy.server", "harness.target"),
    "promql_parser": ("harness.alerts",),
    "yaml": ("harness.alerts",),
}


def _below(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


def _floor(module: str) -> int | None:
    known = [prefix for prefix in FLOORS if _below(module, prefix)]
    return FLOORS[max(known, key=len)] if known else None


def test_every_module_of_the_harness_has_a_floor() -> None:
    """
    A new package says on which floor it stands; the root's own floor is for the root only.
    """
    without = [
        source.module
        for source in sources("harness")
        if source.module != "harness" and not any(_below(source.module, p) for p in FLOORS if p != "harness")
    ]

    assert [] == without


def test_imports_only_go_down() -> None:
    """
    No module imports one from a higher floor.
    """
    upward = [
        f"{source.module} (floor {_floor(source.module)}) imports {name} (floor {_floor(name)})"
        for source in sources("harness")
        for name in source.imports()
        if _below(name, "harness") and (_floor(name) or 0) > (_floor(source.module) or 0)
    ]

    assert [] == upward


def test_harness_and_proxy_never_import_each_other() -> None:
    """
    They meet only over the wire.
    """
    met = [
        f"{source.module} imports {name}"
        for source in sources("harness", "proxy_under_test", "scenarios")
        for name in source.imports()
        if _below(name, "proxy_under_test") != _below(source.module, "proxy_under_test")
        and (_below(name, "proxy_under_test") or _below(name, "harness"))
        and not (_below(source.module, "scenarios") and _below(name, "harness"))
    ]

    assert [] == met


def test_the_backend_knows_nothing_of_the_harness() -> None:
    """
    The backend is a program of its own.
    """
    known = [
        f"{source.module} imports {name}"
        for source in sources("harness/backend")
        for name in source.imports()
        if _below(name, "harness") and not _below(name, "harness.backend")
    ]

    assert [] == known


def test_only_its_owner_imports_a_third_party() -> None:
    """
    A library that has an owner is imported nowhere else.
    """
    strangers = [
        f"{source.module} imports {name}"
        for source in sources()
        for name in source.imports()
        for library, owners in OWNERS.items()
        if _below(name, library) and not any(_below(source.module, owner) for owner in owners)
    ]

    assert [] == strangers
