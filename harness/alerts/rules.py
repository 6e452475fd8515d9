"""A Prometheus rule file, and when its alerts would have fired."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from harness.alerts import promql
from harness.alerts.history import History
from harness.errors import ContractViolation
from harness.target.metrics import Labels


@dataclass(frozen=True)
class Alert:
    """An alerting rule: it fires for each series for which ``expr`` has had a value for ``for_s`` seconds."""

    name: str
    expr: str
    for_s: float

    def fires(self, history: History) -> list[tuple[float, Labels]]:
        """When it fired, at each scrape's time, and for which labels."""
        tree = promql.parse(self.expr)
        since: dict[Labels, float] = {}
        fired = []
        for at in history.times():
            value = promql.evaluate(tree, history, at)
            active = value if isinstance(value, dict) else {(): value}
            since = {labels: since.get(labels, at) for labels in active}
            fired += [(at, labels) for labels, began in since.items() if at - began >= self.for_s]
        return fired


def load_alerts(path: Path) -> dict[str, Alert]:
    """The alerts of a rule file by name.  ContractViolation where it is none: the target ships it."""
    try:
        groups = yaml.safe_load(path.read_text("utf-8"))["groups"]
        rules = [rule for group in groups for rule in group["rules"] if "alert" in rule]
        return {
            rule["alert"]: Alert(rule["alert"], rule["expr"], promql.seconds(str(rule.get("for", "0s"))))
            for rule in rules
        }
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as exc:
        raise ContractViolation(f"Prometheus alert rules in {path.name}", f"{type(exc).__name__}: {exc}") from exc
