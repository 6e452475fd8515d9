"""Every toxic there is, by its name on the wire.  A new one is a file beside these and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from harness.toxiproxy.server.toxics.bandwidth import Bandwidth
from harness.toxiproxy.server.toxics.latency import Latency
from harness.toxiproxy.server.toxics.limit_data import LimitData
from harness.toxiproxy.server.toxics.noop import Noop
from harness.toxiproxy.server.toxics.reset_peer import Reset
from harness.toxiproxy.server.toxics.slicer import Slicer
from harness.toxiproxy.server.toxics.slow_close import SlowClose
from harness.toxiproxy.server.toxics.timeout import Timeout
from harness.toxiproxy.server.toxics.toxic import Toxic

TOXICS: Mapping[str, type[Toxic]] = MappingProxyType(
    {
        "bandwidth": Bandwidth,
        "latency": Latency,
        "limit_data": LimitData,
        "noop": Noop,
        "reset_peer": Reset,
        "slicer": Slicer,
        "slow_close": SlowClose,
        "timeout": Timeout,
    }
)
