"""The decisions of the health gate."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy_under_test import gate
from proxy_under_test.causes import Cause
from proxy_under_test.gate import Health, Known, Verdict

TTL_S = 5.0
HEALTHS = st.builds(Health, st.sampled_from(Known), st.floats(0, 100), st.none() | st.sampled_from(Cause))


@given(health=HEALTHS, now=st.floats(0, 1_000))
def test_nothing_is_believed_longer_than_its_time_to_live(health: Health, now: float) -> None:
    """News of five seconds ago, good or bad, is no news."""
    verdict = gate.judge(health, now, TTL_S)

    known = health.known is not Known.NOTHING and now - health.at < TTL_S
    expected = {Known.GOOD: Verdict.PASS, Known.BAD: Verdict.REFUSE}.get(health.known, Verdict.PROBE)
    assert verdict is (expected if known else Verdict.PROBE)


@given(status=st.none() | st.integers(100, 599), cause=st.sampled_from(Cause))
def test_only_a_success_is_healthy(status: int | None, cause: Cause) -> None:
    """A probe is good news when it got a 2xx, and bad news otherwise."""
    health = gate.after_probe(7.0, status, cause)

    good = status is not None and 200 <= status < 300
    assert health.known is (Known.GOOD if good else Known.BAD)
    assert health.at == 7.0


def test_a_proxy_that_probes_itself_has_found_a_loop() -> None:
    """508 from the health route is our own answer to ourselves."""
    assert gate.after_probe(0, 508, None).cause is Cause.LOOP


@given(health=HEALTHS, status=st.integers(200, 599))
def test_a_success_upstream_refreshes_and_anything_else_changes_nothing(health: Health, status: int) -> None:
    """
    A success is as good as a probe (contract, 4).  A 404 is not: any program at the backend's address says it.
    """
    after = gate.after_response(health, 9.0, status)

    assert after == (Health(Known.GOOD, 9.0) if status < 400 else health)


@given(health=HEALTHS)
def test_a_failed_connect_forgets_good_news_only(health: Health) -> None:
    """After a failed connect the next request asks; what is known to be down stays so until it is old."""
    after = gate.after_failed_connect(health)

    assert after == (gate.UNKNOWN if health.known is Known.GOOD else health)
