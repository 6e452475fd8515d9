"""Prometheus counters of the bytes on each proxy, under Toxiproxy's names.

Toxiproxy counts a connection when it has ended and only if started with ``-proxy-metrics``; here it is always
counted, and while it goes on.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.toxiproxy.server.report import Record

Labels = tuple[str, str, str]  # proxy, listener, upstream
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"


class ByteCounters:
    """Sums over all connections, open and closed, of each proxy at each pair of addresses."""

    def __init__(self) -> None:
        self._open: dict[int, tuple[Record, Labels]] = {}  # by identity: records are mutable
        self._closed: dict[Labels, list[int]] = {}

    def track(self, record: Record, proxy: str, listener: str, upstream: str) -> None:
        """Count a connection from now on."""
        self._open[id(record)] = (record, (proxy, listener, upstream))

    def settle(self, record: Record) -> None:
        """The connection has ended: keep its sums only."""
        entry = self._open.pop(id(record), None)
        if entry is not None:
            _add(self._closed, *entry)

    def text(self) -> str:
        """Prometheus' text format."""
        sums = {labels: list(row) for labels, row in self._closed.items()}
        for entry in self._open.values():
            _add(sums, *entry)
        return "".join((*_family(sums, "received", 0), *_family(sums, "sent", 1)))


def _add(sums: dict[Labels, list[int]], record: Record, labels: Labels) -> None:
    row = sums.setdefault(labels, [0, 0, 0, 0])
    row[0] += record.downstream.received
    row[1] += record.downstream.sent
    row[2] += record.upstream.received
    row[3] += record.upstream.sent


def _family(sums: dict[Labels, list[int]], what: str, column: int) -> Iterator[str]:
    name = f"toxiproxy_proxy_{what}_bytes_total"
    if sums:
        yield f"# HELP {name} \n# TYPE {name} counter\n"
    for (proxy, listener, upstream), row in sorted(sums.items()):
        for offset, direction in ((0, "downstream"), (2, "upstream")):
            labels = f'direction="{direction}",listener="{_quoted(listener)}",proxy="{_quoted(proxy)}"'
            yield f'{name}{{{labels},upstream="{_quoted(upstream)}"}} {row[column + offset]}\n'


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
