"""What a link server reports about traffic, as values: proof that a fault hit.

Moments are seconds of `time.monotonic`, the same clock as `harness.clock.now`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SAMPLE = re.compile(r"^toxiproxy_proxy_(received|sent)_bytes_total\{(.*)\} (\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Touch:
    """One toxic's traces on one connection: it delayed, cut, dropped, closed or reset something, ``times`` times."""

    name: str
    type: str
    stream: str
    first: float
    last: float
    times: int


@dataclass(frozen=True)
class Connected:
    """One connection through a link.  ``ended`` says who ended it first, ``None`` while it is open."""

    id: int
    client: str
    opened: float
    connected: float | None
    closed: float | None
    ended: str | None
    detail: str
    received_up: int
    sent_up: int
    received_down: int
    sent_down: int
    toxics: tuple[Touch, ...]

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Connected:
        """From the API's JSON."""
        up, down = given["bytes"]["upstream"], given["bytes"]["downstream"]
        return cls(
            **{key: given[key] for key in ("id", "client", "opened", "connected", "closed", "ended", "detail")},
            received_up=up["received"],
            sent_up=up["sent"],
            received_down=down["received"],
            sent_down=down["sent"],
            toxics=tuple(Touch(**touch) for touch in given["toxics"]),
        )


@dataclass(frozen=True)
class ByteCounts:
    """Bytes through a link, all connections together: read from the sender and handed on, per stream.

    Toxiproxy counts a connection only when it has ended; the embedded server counts as the bytes go.
    """

    received_up: int = 0
    sent_up: int = 0
    received_down: int = 0
    sent_down: int = 0

    @classmethod
    def read(cls, text: str, proxy: str) -> ByteCounts:
        """From Prometheus' text format."""
        sums = {"received_up": 0, "sent_up": 0, "received_down": 0, "sent_down": 0}
        for what, labels, value in SAMPLE.findall(text):
            label = dict(LABEL.findall(labels))
            if _plain(label.get("proxy", "")) == proxy:
                sums[f"{what}_{'up' if label['direction'] == 'upstream' else 'down'}"] += int(float(value))
        return cls(**sums)


def _plain(quoted: str) -> str:
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], quoted)
