"""What a target tells its operators in numbers: scraped over the wire, and its alert rules evaluated on that."""

from __future__ import annotations

from dataclasses import dataclass

from harness.alerts.history import History, Span
from harness.alerts.rules import Alert, load_alerts
from harness.contract.model import Metrics
from harness.errors import ContractViolation, NotPromised
from harness.target.metrics import Scrape
from harness.target.running import RunningTarget
from harness.traffic.client import Client

EVERY_S = 15.0  # seconds between two scrapes; Prometheus' usual interval is 15 s to 1 min


@dataclass(frozen=True)
class Telemetry:
    """The metrics of ``target``, by the names of its contract."""

    names: Metrics
    target: RunningTarget
    client: Client

    def scrape(self) -> Scrape:
        """What it tells now.  ContractViolation where it tells nothing."""
        exchange = self.client.get(self.target.url + self.names.path)
        if exchange.status != 200 or not exchange.complete:
            raise ContractViolation(f"metrics at {self.names.path}", exchange.summary())
        return Scrape.read(exchange.text)

    def alert(self) -> Alert:
        """The rule that tells connection failures.  ContractViolation where the rule file has none of that name."""
        if self.names.rules is None or self.names.alert is None:
            raise NotPromised("metrics.rules and metrics.alert are not in the target's contract")
        alerts = load_alerts(self.target.file.beside(self.names.rules) or self.target.file.here / self.names.rules)
        if self.names.alert not in alerts:
            raise ContractViolation(f"an alert {self.names.alert}", f"alerts {', '.join(alerts) or 'none'}")
        return alerts[self.names.alert]


def history(*states: tuple[Scrape, float]) -> History:
    """What Prometheus would keep of a target that was in these states for so many seconds each, one after another."""
    return History.of([Span(scrape, seconds) for scrape, seconds in states], EVERY_S)
