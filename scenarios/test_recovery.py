"""Recovery: whatever the fault was, once it is healed the next request is served and nothing of it is left."""

from __future__ import annotations

import pytest

from harness.clock import now
from harness.faults import Fault
from harness.rig import Rig
from harness.verdicts.expect import Expect
from scenarios.every_fault import EVERY_FAULT
from scenarios.thousand_faults import ROUND, ROUNDS, one_round, warm_up

AT_ONCE = 10  # so that each of the answers of `every_fault` comes at least once
DEADLINE_S = 5.0  # shorter than the guide's, a setting like any other: most of these faults last that long
CROWDED_S = 10.0  # the same for hundreds at once: on a busy machine all wait for a probe before they meet the fault
KNOWN_S = 0.5  # wall seconds for which a health result is kept at least: more than a busy machine needs beside

pytestmark = pytest.mark.expiring_health


@pytest.mark.error_path("recovery-served")
@pytest.mark.parametrize("fault", EVERY_FAULT)
def test_after_every_fault_the_next_request_is_served(rig: Rig, expect: Expect, fault: Fault) -> None:
    """During the fault every request ends; after it the next ones are served, and nothing is left."""
    ttl_s = max(rig.health.ttl_s, rig.clock.target(KNOWN_S))
    # The connect timeout at the target's pace, too: a SYN that was lost is sent again only after a second of ours.
    rig = rig.variant(request_timeout=DEADLINE_S, **rig.where_sped_up(health_ttl=ttl_s), **rig.connect_within())
    rig.prove_healthy()
    before = rig.at_rest()

    with rig.broken(fault, prove=False):
        rig.expire(ttl_s, "the health result to expire")
        exchanges = rig.together(AT_ONCE, "/items")
    healed = now()
    served = rig.until_served("/items", within_s=ttl_s)

    expect.all_end(exchanges, DEADLINE_S)
    expect.served(served)
    expect.lasted("served again after", served.ended - healed, 0, ttl_s, since=healed)
    expect.nothing_left(rig, before)


@pytest.mark.error_path("recovery-thousand-faults")
def test_a_thousand_faults_leave_nothing(rig: Rig, expect: Expect) -> None:
    """A thousand requests that meet faults of every kind leave no task, connection or descriptor, and no memory."""
    rig = rig.variant(request_timeout=CROWDED_S)
    warm_up(rig, expect)
    before = rig.at_rest()

    resident = rig.target.resident_bytes()
    answered = sum(one_round(rig, expect) for _ in range(ROUNDS))
    expect.recovers(rig)

    expect.equal("requests that ended in time", ROUNDS * ROUND, answered)
    expect.nothing_left(rig, before)
    expect.grew_little(rig, resident, rig.process.growth_percent or 0)
