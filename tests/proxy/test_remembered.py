"""What the proxy remembers of what clients send is bounded in bytes, and not only in number."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from proxy_under_test import frontdoor, headers
from proxy_under_test.causes import Cause, Refusal
from proxy_under_test.frontdoor import Limits
from proxy_under_test.headers import Identity

US = Identity(b"origin.test:3101", b"errorpath-proxy-0")
LIMITS = Limits(16_384, 65_536, 256, None)
LONG = 60_000


@pytest.mark.parametrize("name", [b"host", b"x-forwarded-for", b"forwarded"])
def test_a_long_origin_is_passed_on_and_not_remembered(name: bytes) -> None:
    """
    A hundred requests whose origin fills the header section leave nothing of it behind.
    """
    tracemalloc.start()
    try:
        for number in range(100):
            found = {b"host": b"p", name: b"a=%d" % number + b"x" * LONG}
            passed = headers.forward_request(list(found.items()), found, US, "127.0.0.1", b"id-1")
            assert any(len(value) > LONG for _, value in passed)
        del passed, found
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert held < 10 * LONG


def test_a_host_longer_than_any_name_is_refused() -> None:
    """
    The longest name there is (253 bytes) passes with its port; what no name can be is refused, unremembered.
    """
    longest = b"a" * 253 + b":65535"
    frontdoor.check_head("GET", b"/", "1.1", {b"host": longest}, LIMITS)

    with pytest.raises(Refusal) as refusal:
        frontdoor.check_head("GET", b"/", "1.1", {b"host": b"a" * 301}, LIMITS)

    assert refusal.value.cause is Cause.BAD_REQUEST
