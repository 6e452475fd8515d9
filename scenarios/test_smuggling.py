"""Framing: a request that two servers could read differently is refused, or made one that nobody can."""

from __future__ import annotations

import pytest

from harness.rig import Rig
from harness.verdicts.expect import Expect
from scenarios.odd_requests import (
    ALL,
    CHUNKS,
    CODINGS,
    FIELDS,
    HOSTS,
    LENGTHS,
    MARKERS,
    OLD,
    TWO_FRAMINGS,
    Odd,
    each,
    foreign_answers,
    send,
)


@pytest.mark.error_path("smuggle-two-framings")
@pytest.mark.parametrize("odd", each(TWO_FRAMINGS))
def test_length_and_chunks_together_hide_no_request(rig: Rig, expect: Expect, odd: Odd) -> None:
    """Content-Length with Transfer-Encoding is refused or read by the chunks; what is behind them is no request."""
    exchange = send(rig, odd)

    expect.read_one_way(exchange, odd.refusals, odd.passing, last=odd.last)
    expect.recovers(rig)


@pytest.mark.error_path("smuggle-length")
@pytest.mark.parametrize("odd", each(LENGTHS))
def test_a_length_that_is_no_number_is_refused(rig: Rig, expect: Expect, odd: Odd) -> None:
    """Contradicting, signed, prefixed, listed and endless lengths are refused, and the connection is closed."""
    exchange = send(rig, odd)

    expect.read_one_way(exchange, odd.refusals, odd.passing, closed=odd.closed)
    expect.recovers(rig)


@pytest.mark.error_path("smuggle-coding")
@pytest.mark.parametrize("odd", each(CODINGS))
def test_a_coding_that_is_not_chunked_is_refused(rig: Rig, expect: Expect, odd: Odd) -> None:
    """A transfer coding that is not plainly "chunked" is refused, and ends the connection where nothing else can."""
    exchange = send(rig, odd)

    expect.read_one_way(exchange, odd.refusals, odd.passing, closed=odd.closed)
    expect.recovers(rig)


@pytest.mark.error_path("smuggle-old-version")
def test_chunks_in_http_1_0_are_not_passed_on(rig: Rig, expect: Expect) -> None:
    """HTTP/1.0 knows no chunks: such a request is refused, or framed anew, and the last on its connection."""
    exchange = send(rig, OLD)

    expect.read_one_way(exchange, OLD.refusals, OLD.passing, last=OLD.last)
    expect.recovers(rig)


@pytest.mark.error_path("smuggle-host")
@pytest.mark.parametrize("odd", each(HOSTS))
def test_a_request_without_one_valid_host_is_refused(rig: Rig, expect: Expect, odd: Odd) -> None:
    """No Host, two of them, or one that is no host, is 400."""
    exchange = send(rig, odd)

    expect.read_one_way(exchange, odd.refusals, odd.passing, closed=odd.closed)
    expect.recovers(rig)


@pytest.mark.error_path("smuggle-field")
@pytest.mark.parametrize("odd", each(FIELDS))
def test_a_field_that_breaks_the_syntax_goes_no_further(rig: Rig, expect: Expect, odd: Odd) -> None:
    """Space before the colon, folds, bare CR and LF, NUL and empty names are refused, or gone upstream."""
    exchange = send(rig, odd)

    expect.read_one_way(exchange, odd.refusals, odd.passing, closed=odd.closed)
    expect.recovers(rig)


@pytest.mark.error_path("smuggle-chunk")
@pytest.mark.parametrize("odd", each(CHUNKS))
def test_a_chunk_that_breaks_the_syntax_ends_the_request(rig: Rig, expect: Expect, odd: Odd) -> None:
    """A bad chunk size, terminator or extension is refused and ends the connection; upstream no body looks whole."""
    exchange = send(rig, odd)

    expect.read_one_way(exchange, odd.refusals, odd.passing, closed=odd.closed)
    expect.recovers(rig)


@pytest.mark.error_path("smuggle-own-answers")
def test_every_answer_is_its_own_after_every_odd_request(rig: Rig, expect: Expect) -> None:
    """After each odd request, marked ones on its connection and on another each get the answer that is theirs."""
    rig = rig.unhurried()  # the busiest moment of a thousand requests is not to cost one its answer
    rig.prove_healthy()

    foreign = [wrong for turn, odd in enumerate(ALL) for wrong in foreign_answers(rig, odd, turn)]

    expect.equal("answers that belong to another request", [], foreign)
    expect.note(f"{len(ALL) * MARKERS} marked requests, beside {len(ALL)} odd ones")
