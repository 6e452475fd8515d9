"""The retry policy, over every request, failure and moment."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from proxy_under_test.causes import CONNECTING, Cause
from proxy_under_test.errors import ANSWERS
from proxy_under_test.policy import IDEMPOTENT, WORTH_RETRYING, Failure, GiveUp, Request, Retry, Rules, decide

METHODS = st.sampled_from(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH"])
RULES = st.builds(
    Rules,
    max_retries=st.integers(0, 6),
    retry_delay_s=st.floats(0, 5),
    retry_unsent_writes=st.booleans(),
    jitter=st.floats(0, 1),
)
REQUESTS = st.builds(Request, method=METHODS, keyed=st.booleans(), replayable=st.booleans())
FAILURES = st.builds(Failure, cause=st.sampled_from(Cause), sent=st.booleans(), answered=st.booleans())
SECONDS = st.floats(0, 1_000)


@given(rules=RULES, request=REQUESTS, failures=st.lists(FAILURES, min_size=20, max_size=20), deadline=SECONDS)
def test_tries_end_and_never_exceed_the_allowed(
    rules: Rules, request: Request, failures: list[Failure], deadline: float
) -> None:
    """Whatever fails and however often, there is one first try and at most ``max_retries`` more."""
    tries, now = 0, 0.0
    for failure in failures:
        tries += 1
        step = decide(rules, request, failure, tries=tries, now=now, deadline=deadline)
        if isinstance(step, GiveUp):
            break
        now += step.after_s

    assert isinstance(step, GiveUp)
    assert tries <= 1 + rules.max_retries


@given(
    rules=RULES,
    request=REQUESTS,
    failure=FAILURES,
    tries=st.integers(1, 6),
    now=SECONDS,
    deadline=SECONDS,
    draw=st.floats(-1, 1),
)
def test_no_wait_reaches_the_deadline(
    rules: Rules, request: Request, failure: Failure, tries: int, now: float, deadline: float, draw: float
) -> None:
    """A next try always begins before the deadline, and no wait is negative."""
    step = decide(rules, request, failure, tries=tries, now=now, deadline=deadline, draw=draw)

    assert isinstance(step, GiveUp) or (step.after_s >= 0 and now + step.after_s < deadline)


@given(rules=RULES, request=REQUESTS, failure=FAILURES, tries=st.integers(1, 6))
def test_a_write_that_may_have_been_executed_is_never_repeated(
    rules: Rules, request: Request, failure: Failure, tries: int
) -> None:
    """POST and PATCH without a key are repeated only where connecting failed, before anything was sent."""
    step = decide(rules, request, failure, tries=tries, now=0, deadline=1e9)

    if isinstance(step, Retry) and request.method not in IDEMPOTENT and not request.keyed:
        assert failure.cause in CONNECTING
        assert not failure.sent
        assert rules.retry_unsent_writes


@given(rules=RULES, request=REQUESTS, failure=FAILURES, tries=st.integers(1, 6))
def test_nothing_is_repeated_after_a_response_byte_or_without_its_body(
    rules: Rules, request: Request, failure: Failure, tries: int
) -> None:
    """An answer that began, a body that is gone, and a cause that stays what it is end the tries."""
    step = decide(rules, request, failure, tries=tries, now=0, deadline=1e9)

    if isinstance(step, Retry):
        assert not failure.answered
        assert request.replayable
        assert failure.cause in WORTH_RETRYING


@given(rules=RULES, request=REQUESTS, failure=FAILURES, tries=st.integers(1, 6), now=SECONDS, deadline=SECONDS)
def test_every_outcome_has_exactly_one_error(
    rules: Rules, request: Request, failure: Failure, tries: int, now: float, deadline: float
) -> None:
    """Giving up answers with the failure that happened, and that has one answer."""
    step = decide(rules, request, failure, tries=tries, now=now, deadline=deadline)

    if isinstance(step, GiveUp):
        assert step.cause is failure.cause
        assert step.cause in ANSWERS
        assert step.because


@given(request=REQUESTS, failure=FAILURES, tries=st.integers(1, 3))
def test_a_kept_promise_is_not_refused(request: Request, failure: Failure, tries: int) -> None:
    """What may be retried is retried: an idempotent request that got no byte back, time and tries left."""
    idempotent = replace(request, method="GET", replayable=True)
    unanswered = replace(failure, cause=Cause.RESET, answered=False)

    step = decide(Rules(), idempotent, unanswered, tries=tries, now=0, deadline=1e9)

    assert step == Retry(float(tries))


def test_the_guides_waits_are_one_two_and_three_seconds() -> None:
    """The guide's numbers: 1 s, 2 s, 3 s, then the refused error."""
    refused = Failure(Cause.REFUSED, sent=False)

    steps = [decide(Rules(), Request("GET"), refused, tries=n, now=0, deadline=30) for n in (1, 2, 3, 4)]

    assert steps == [Retry(1.0), Retry(2.0), Retry(3.0), GiveUp(Cause.REFUSED, "tries used up")]
