"""Alert rules: evaluated as Prometheus would."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.alerts import promql
from harness.alerts.history import History
from harness.alerts.rules import Alert, load_alerts
from harness.contract.model import load_contract
from harness.errors import ContractViolation, HarnessError
from harness.target.metrics import Labels, Scrape
from harness.telemetry import history
from proxy_under_test.causes import Cause
from proxy_under_test.metrics import Metrics
from tests.alerts.promtool import agrees, program

RULES = Path(__file__).resolve().parents[2] / "proxy_under_test" / "alerts.yml"
EVERY_S = 15.0

promtool = pytest.mark.skipif(
    program() is None, reason="there is no promtool (Debian: prometheus); ERRORPATH_PROMTOOL names one"
)


def _told(metrics: Metrics) -> Scrape:
    """What a proxy with these metrics tells."""
    return Scrape.read(metrics.exposition()[0].decode())


def _family(metrics: Metrics, *names: str) -> Scrape:
    """The same without what stands for this very process."""
    return Scrape({key: value for key, value in _told(metrics).samples.items() if key[0] in names})


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> Metrics:
    made = Metrics()
    made.gauges.clear()  # they ask a running loop
    return made


def _fired(alert: Alert, kept: History) -> dict[float, list[Labels]]:
    fired: dict[float, list[Labels]] = {}
    for at, labels in alert.fires(kept):
        fired.setdefault(at, []).append(labels)
    return fired


@pytest.mark.parametrize("cause", [Cause.REFUSED, Cause.RESET, Cause.DNS, Cause.CONNECT_TIMEOUT])
def test_the_first_connection_failure_raises_the_alert(metrics: Metrics, cause: Cause) -> None:
    """
    A proxy that has never failed before and fails once raises the alert; Prometheus' increase() sees it, because the
    series was there at 0.
    """
    before = _told(metrics)
    metrics.failures[cause] += 1
    alert = load_alerts(RULES)["BackendConnectionFailures"]

    fired = alert.fires(history((before, 300), (_told(metrics), 300)))

    assert {(("cause", str(cause)),)} == {labels for _, labels in fired}
    assert 300 < fired[0][0] <= 360


@pytest.mark.parametrize("cause", [Cause.CLIENT_GONE, Cause.BAD_REQUEST, Cause.HEAD_MALFORMED])
def test_what_is_no_connection_failure_raises_nothing(metrics: Metrics, cause: Cause) -> None:
    """
    A client that left or asked for nonsense is no failure of the connection to the backend.
    """
    before = _told(metrics)
    metrics.failures[cause] += 100
    alert = load_alerts(RULES)["BackendConnectionFailures"]

    assert [] == alert.fires(history((before, 300), (_told(metrics), 300)))


def test_every_rule_of_the_proxy_asks_for_a_series_it_has(metrics: Metrics) -> None:
    """
    No rule waits for a series that the proxy never tells, under a misspelt name or label.
    """
    kept = history((_told(metrics), 60))
    names = {dict(labels)["__name__"] for labels in kept.series}

    for alert in load_alerts(RULES).values():
        asked = {name for name in names if name in alert.expr}
        assert len(asked) == 1, alert
        assert alert.fires(kept) == []


def test_the_guides_contract_names_the_rule() -> None:
    """
    The rule that a run evaluates is in the file that the proxy ships.
    """
    promised = load_contract({"extends": "guide"}, origin="x.toml").metrics

    assert promised is not None
    assert promised.alert in load_alerts(RULES)
    assert RULES.samefile(RULES.parents[1] / (promised.rules or ""))


EXPRESSIONS = [
    "sum by (cause) (increase(c[2m])) > 0",
    "sum without (cause) (rate(c[1m])) >= 0.01",
    "increase(c[5m]) > 2",
    "increase(c{cause!~'a|b'}[1m]) * 2 > 1",
    "g{cause='a'} == 1",
    "count(c) > 2",
    "max(g) - 1 > 0",
]


def _kept() -> History:
    """Counters that begin late, jump, reset and end; a gauge that goes up and down."""
    times = [number * EVERY_S for number in range(40)]
    values: dict[Labels, Sequence[float | None]] = {
        (("__name__", "c"), ("cause", "a")): [0.0] * 10 + [1.0] * 10 + [5.0] * 20,
        (("__name__", "c"), ("cause", "b")): [float(number % 7) for number in range(40)],
        (("__name__", "c"), ("cause", "late")): [None] * 12 + [3.0] * 8 + [4.0] * 20,
        (("__name__", "c"), ("cause", "ends")): [2.0] * 5 + [9.0] * 5 + [None] * 30,
        (("__name__", "g"), ("cause", "a")): [0.0] * 15 + [1.0] * 10 + [0.0] * 15,
        (("__name__", "g"), ("cause", "b")): [2.0] * 6 + [0.0] * 34,
    }
    series = {
        labels: [(at, value) for at, value in zip(times, column, strict=True) if value is not None]
        for labels, column in values.items()
    }
    return History(series, EVERY_S, times[-1])


@promtool
@pytest.mark.parametrize("for_", ["0s", "45s"])
@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_prometheus_says_the_same(tmp_path: Path, expr: str, for_: str) -> None:
    """
    ``promtool`` fires each alert at the same scrapes for the same labels as we do.
    """
    kept = _kept()
    alert = Alert("A", expr, promql.seconds(for_))

    fired = _fired(alert, kept)

    assert fired
    assert "" == agrees(str(program()), tmp_path, "A", expr, for_, kept, fired)


@promtool
def test_prometheus_says_the_same_of_the_proxys_rule(tmp_path: Path, metrics: Metrics) -> None:
    """
    ``promtool`` fires the shipped alert on the proxy's own exposition at the same scrapes as we do.
    """
    before = _family(metrics, "proxy_failures_total")
    metrics.failures[Cause.REFUSED] += 4
    kept = history((before, 120), (_family(metrics, "proxy_failures_total"), 600))
    alert = load_alerts(RULES)["BackendConnectionFailures"]

    fired = _fired(alert, kept)

    assert fired
    assert "" == agrees(str(program()), tmp_path, "A", alert.expr, f"{alert.for_s:g}s", kept, fired)


@pytest.mark.parametrize("expr", ["absent(c)", "c and c", "c offset 5m", "quantile(0.9, c)", "c > c", "c ["])
def test_what_cannot_be_evaluated_is_our_error(expr: str) -> None:
    """
    A rule with more of PromQL in it than is known here ends in an error, not in an alert that never fires.
    """
    with pytest.raises(HarnessError):
        Alert("A", expr, 0.0).fires(_kept())


@pytest.mark.parametrize("text", ["groups: [", "groups:\n- rules:\n  - alert: A\n", "[]", "groups: 7"])
def test_a_rule_file_that_is_none_is_the_targets_fault(tmp_path: Path, text: str) -> None:
    """
    The target ships the file, so a broken one is a broken promise.
    """
    (tmp_path / "rules.yml").write_text(text, "utf-8")

    with pytest.raises(ContractViolation, match="alert rules"):
        load_alerts(tmp_path / "rules.yml")


def test_metrics_that_are_none_are_the_targets_fault() -> None:
    """
    So is an exposition that nobody can read.
    """
    with pytest.raises(ContractViolation, match="text format"):
        Scrape.read("{{{ what")
