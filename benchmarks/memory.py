"""Resident memory of the reference proxy while 100 MiB pass."""

from __future__ import annotations

from harness.clock import Clock
from harness.environment.rundir import RunDirectory
from harness.errors import HarnessError
from harness.target.files import load_target
from harness.target.launch import launch
from harness.target.memory import watched
from harness.traffic.client import Client
from harness.traffic.origin import Origin
from harness.traffic.pattern import pattern
from harness.traffic.replies import big

SIZE = 100 << 20


def growth_mib(direction: str) -> float:
    """MiB by which a fresh proxy's resident memory grows while 100 MiB pass ``up`` or ``down``."""
    with RunDirectory.create() as run, Origin.start() as origin:
        target = launch(load_target("reference"), upstream=origin.url, run=run, clock=Clock())
        with Client(target.base_url) as client:
            client.get("/warm")
            with watched(target) as memory:
                if direction == "down":
                    origin.script(route=[big(SIZE)])
                    exchange = client.get("/large", keep=0)
                else:
                    exchange = client.put("/large", content=pattern(SIZE), headers={"Content-Length": str(SIZE)})
        if exchange.status != 200 or not exchange.complete:
            raise HarnessError(f"100 MiB {direction}: {exchange.summary()}")
        return memory.growth_mib
